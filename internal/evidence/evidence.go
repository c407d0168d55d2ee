// Package evidence is what a sealed run looks like outside of muster, and how anybody makes
// sure of it: a bundle, one zip file, is checked with nothing but a public key. Making and
// keeping evidence is package keep's.
package evidence

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Format is the version of bundles, manifests and entries.
const Format = "muster-evidence/1"

// Files of a bundle. Those of a later part lie below additions/PART.
const (
	FileReadme     = "README.txt"
	FileManifest   = "manifest.json"
	FileEvents     = "events.jsonl" // an event a line, in the order in which they reached the record
	FileSums       = "events.sum"   // a line for each: the head of its SHA-256, its writer and number
	FilePlan       = "plan.json"
	FileReport     = "report.json"
	FileHTML       = "report.html"
	FileRecord     = "record.json" // the record of the run for programs, where the muster that sealed it makes one
	DirAttachments = "attachments/"
	DirPrivate     = "private/" // personal data that goes along; only its salted digest is sealed

	FileCheckpoint = "checkpoint"
	FileProofs     = "proofs.json"
	FileKey        = "key.pub"
)

// Class is a level of the notice on electronic records (requirement F.1).
type Class string

const (
	ClassA Class = "A" // weighs on third parties too: real responses, personal data
	ClassB Class = "B" // weighs on oneself: drills
	ClassC Class = "C" // weighs on nobody
)

// ClassOf is the class of the record of a run.
func ClassOf(k run.Kind) Class {
	switch k {
	case run.Response:
		return ClassA
	case run.Readiness:
		return ClassC
	}
	return ClassB
}

// Manifest says what was sealed, to the byte. Its own SHA-256 is in the log.
type Manifest struct {
	Format   string    `json:"format"`
	Run      string    `json:"run"`
	Part     int       `json:"part"`               // 1 is the run itself; 2 and on what was added after its end
	Previous string    `json:"previous,omitempty"` // SHA-256 of the manifest of the part before
	Kind     run.Kind  `json:"kind"`
	Scenario string    `json:"scenario"`
	Title    plan.Text `json:"title"`
	PlanHash string    `json:"plan_hash"`
	Class    Class     `json:"class"`
	Muster   string    `json:"muster"` // version that sealed it
	SealedAt time.Time `json:"sealed_at"`
	Events   int       `json:"events"` // in this part
	// Gaps are the events, as writer/number, that were not in the record when it was sealed.
	Gaps  []string `json:"gaps,omitempty"`
	Files []File   `json:"files"`
	// NoReport is why no report could be made of the run when it was sealed; "" where there is one.
	NoReport string `json:"no_report,omitempty"`
	// Elsewhere are long outputs that lay on another machine or were too large.
	Elsewhere []string `json:"elsewhere,omitempty"`
	// Apart is personal data: it may be erased without breaking anything that is sealed.
	Apart []Apart `json:"apart,omitempty"`
}

// File is a sealed file.
type File struct {
	Path   string `json:"path"` // in the bundle
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
	Class  Class  `json:"class"`
	// Blocks are the heads of the SHA-256 of each 4 KiB, so that a difference has a place.
	Blocks []string `json:"blocks,omitempty"`
}

// BlockSize is the length of a block of a File.
const BlockSize = 4096

// Apart is something personal that belongs to a run.
type Apart struct {
	Kind string `json:"kind"` // photo or answer
	Name string `json:"name"` // below private/ in a bundle that holds it
	// Salted is SHA-256 over the salt and the content. The salt is kept beside the content
	// and erased with it: then nobody can tell what it was.
	Salted string `json:"salted_sha256"`
}

// SaltedSum is what Apart.Salted holds.
func SaltedSum(salt, content []byte) string {
	h := sha256.New()
	h.Write(salt)
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// Sum is SHA-256 in hexadecimal.
func Sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// head of a digest: enough to find a difference, where the whole is checked besides.
const head = 16

// NewFile describes a file's content.
func NewFile(path string, b []byte, c Class) File {
	f := File{Path: path, SHA256: Sum(b), Bytes: int64(len(b)), Class: c}
	for at := 0; at < len(b); at += BlockSize {
		f.Blocks = append(f.Blocks, Sum(b[at:min(len(b), at+BlockSize)])[:head])
	}
	return f
}

// EntryKind says what an entry of the log is about. Names are never changed.
type EntryKind string

const (
	EntryBegun    EntryKind = "log.begun"   // the log's first entry; Reason when it follows another log
	EntrySealed   EntryKind = "run.sealed"  // Run, Part, Manifest
	EntryHeld     EntryKind = "run.held"    // Run, By, Reason: nothing of it may be erased
	EntryReleased EntryKind = "run.freed"   // Run, By, Reason
	EntryErased   EntryKind = "run.erased"  // Run, Items, Count, SHA256 over all items, Reason: personal data
	EntryRemoved  EntryKind = "run.removed" // Run, Class, Reason: its record, after its time
	EntryCopied   EntryKind = "run.copied"  // Run, Part, Place, SHA256, Bytes: read back and compared
	EntryKey      EntryKind = "key.changed" // By, Key: checkpoints from here on are signed with Key
	// A break-glass bundle was made (By, Bundle, Key of the log that is begun with it, SHA256 of its manifest), and what came back from
	// it was merged (By, Reason, Bundle, Key, Items, SHA256 of the file).
	EntryBundle         EntryKind = "bundle.made"
	EntryMerged         EntryKind = "bundle.merged"
	EntryHoldsConfirmed EntryKind = "holds.confirmed" // By, Reason: what the server of the log before this one held is held in this
	EntryStamped        EntryKind = "log.stamped"     // Size, Place (the authority), SHA256 of its answer: the first Size entries have a time stamp
)

// Entry is one entry of the log.
type Entry struct {
	Format   string    `json:"format"`
	Kind     EntryKind `json:"kind"`
	At       time.Time `json:"at"`
	Run      string    `json:"run,omitempty"`
	Part     int       `json:"part,omitempty"`
	Manifest string    `json:"manifest,omitempty"` // SHA-256
	Through  int64     `json:"through,omitempty"`  // position in the record store up to which it is sealed
	Class    Class     `json:"class,omitempty"`
	By       string    `json:"by,omitempty"`
	Via      string    `json:"via,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Items    []string  `json:"items,omitempty"` // the first of them
	Count    int       `json:"count,omitempty"` // of items
	Place    string    `json:"place,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	Key      string    `json:"key,omitempty"`
	// Bundle is the break-glass bundle that the entry is about; in a log's first entry, the one it was begun with.
	Bundle string `json:"bundle,omitempty"`
	Size   uint64 `json:"size,omitempty"`
}

// ParseEntry reads an entry's bytes.
func ParseEntry(b []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return e, fmt.Errorf("this is no entry of an evidence log: %w", err)
	}
	if e.Format != Format {
		return e, fmt.Errorf("the entry's format is %q; this muster reads %q", e.Format, Format)
	}
	return e, nil
}

// Proof shows that an entry is in the log of a checkpoint.
type Proof struct {
	Index uint64   `json:"index"`
	Entry string   `json:"entry"`  // its bytes, as text
	Path  [][]byte `json:"hashes"` // RFC 6962, from the leaf up
}

// Proofs are those of a bundle.
type Proofs struct {
	Entries []Proof `json:"entries"`
	// Since shows that the log of an older checkpoint is the beginning of this one.
	Since *Since `json:"since,omitempty"`
	// Stamps show that each checkpoint that was stamped is the beginning of this log.
	Stamps []Since `json:"stamps,omitempty"`
	// From is what a file of the log's newest part begins after.
	From *Since `json:"from,omitempty"`
}

// Since is a proof of consistency.
type Since struct {
	Size uint64   `json:"size"`
	Path [][]byte `json:"hashes"`
}

// Salts are what opens the salted digests of personal data that goes along, by name.
type Salts map[string][]byte

// FileSalts holds them in a bundle.
const FileSalts = DirPrivate + "salts.json"

// Dir is the folder of a part in a bundle; "" for the run itself.
func Dir(part int) string {
	if part <= 1 {
		return ""
	}
	return fmt.Sprintf("additions/%d/", part)
}

// Lines sets events as they are sealed: one a line, and a line of sums for each.
func Lines(events []run.Event) (lines, sums []byte, err error) {
	var l, s strings.Builder
	for _, e := range events {
		b, err := json.Marshal(e)
		if err != nil {
			return nil, nil, fmt.Errorf("event %s/%d: %w", e.Writer, e.Seq, err)
		}
		l.Write(b)
		l.WriteByte('\n')
		fmt.Fprintf(&s, "%s %s/%d\n", Sum(b)[:head], e.Writer, e.Seq)
	}
	return []byte(l.String()), []byte(s.String()), nil
}

// Gaps are the numbers that are missing below the last of each writer, as writer/number.
func Gaps(events []run.Event) []string {
	type span struct {
		seen map[int64]bool
		last int64
	}
	of, order := map[string]*span{}, []string{}
	for _, e := range events {
		s := of[e.Writer]
		if s == nil {
			s = &span{seen: map[int64]bool{}}
			of[e.Writer], order = s, append(order, e.Writer)
		}
		s.seen[e.Seq], s.last = true, max(s.last, e.Seq)
	}
	var out []string
	for _, w := range order {
		for n := int64(1); n < of[w].last && len(out) < mostGaps; n++ {
			if !of[w].seen[n] {
				out = append(out, fmt.Sprintf("%s/%d", w, n))
			}
		}
	}
	return out
}

// mostGaps bounds a list that an altered number could make endless.
const mostGaps = 1000
