// Package breakglass is the archive that a laptop at the recovery site goes on with when all else is
// gone, and what comes back from there: how each is packed, sealed, opened and made sure of. It
// knows files and keys alone; what belongs into an archive is said by whoever makes it.
package breakglass

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Format is the version of the archive and of its manifest.
const Format = "muster-break-glass/1"

// Places in an archive.
const (
	FileManifest  = "manifest.json"
	FileSignature = "manifest.sig"

	FileMuster   = "bin/muster"
	FileEngine   = "bin/muster-engine"
	FileSettings = "settings.yaml"
	FileSecrets  = "secrets.json"
	FileRecords  = "records/journal.db"
	FileOpen     = "records/open.json"
	FileLogHead  = "main/checkpoint"
	FileLogKeys  = "main/keys.pub"
	FileOwnKey   = "seal/key" // of the log that is begun with the archive: its private half is nowhere else
	FileOwnPub   = "seal/key.pub"
	FileOwnAll   = "seal/keys.pub"
	DirPlans     = "plans/"
	DirFiles     = "files/"
	DirBook      = "book/"
)

// Bounds of an archive that is opened: it comes from a stick.
const (
	mostFiles    = 20_000
	mostManifest = 16 << 20
	// MostBytes is how much an archive holds at most, unpacked.
	MostBytes = 16 << 30
)

// Manifest says what is in an archive, to the byte.
type Manifest struct {
	Format string `json:"format"`
	ID     string `json:"id"`
	// Installation is the name of the evidence log of the installation that made it.
	Installation string    `json:"installation"`
	Servers      []string  `json:"servers"` // where the server of that installation answers
	MadeAt       time.Time `json:"made_at"`
	By           string    `json:"by"`
	Muster       string    `json:"muster"` // version
	OS           string    `json:"os"`     // of its programs
	Arch         string    `json:"arch"`
	// Key is the public half of the key of the log that is begun with the archive.
	Key string `json:"key"`
	// Systems are those of the plan files in it.
	Systems []string `json:"systems,omitempty"`
	// Sites and People are those of its estate, by name and ID, and Zone the organisation's, in which people are shown times.
	Sites  []string `json:"sites,omitempty"`
	People []string `json:"people,omitempty"`
	Zone   string   `json:"zone,omitempty"`
	// Lacks are the references to secrets whose values are not in it.
	Lacks []string `json:"lacks,omitempty"`
	// Elsewhere are files that the plans name by a path of a site worker's machine; they are not in it.
	Elsewhere []Elsewhere `json:"elsewhere,omitempty"`
	Open      []OpenRun   `json:"open,omitempty"`
	Files     []File      `json:"files"`
}

// Elsewhere is a file, folder or program that something names by its path on a site worker's machine.
type Elsewhere struct {
	Path string `json:"path"`
	Site string `json:"site,omitempty"`
	What string `json:"what"` // OfTarget, OfStep or OfProbe
	Name string `json:"name"` // of the target or probe, or runbook/step
}

// What names a path.
const (
	OfTarget = "target"
	OfStep   = "step"
	OfProbe  = "probe"
)

// OpenRun is a run that had not ended when the archive was made.
type OpenRun struct {
	Run       string    `json:"run"`
	Kind      run.Kind  `json:"kind"`
	Scenario  string    `json:"scenario"`
	By        string    `json:"by"`
	StartedAt time.Time `json:"started_at"`
	LastAt    time.Time `json:"last_at"` // of its newest event
	// Done are the steps that had passed by then, as system/step, and Begun those that had begun and not ended.
	Done  []string `json:"done,omitempty"`
	Begun []string `json:"begun,omitempty"`
}

// File is a file of an archive.
type File struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
	Exec   bool   `json:"exec,omitempty"`
}

// Find is the file at a path.
func (m Manifest) Find(path string) (File, bool) {
	i := slices.IndexFunc(m.Files, func(f File) bool { return f.Path == path })
	if i < 0 {
		return File{}, false
	}
	return m.Files[i], true
}

// Bytes is how much room the files need.
func (m Manifest) Bytes() (n int64) {
	for _, f := range m.Files {
		n += f.Bytes
	}
	return n
}

// Fits reports whether the programs in it run on a machine such as this one.
func (m Manifest) Fits() bool { return m.OS == runtime.GOOS && m.Arch == runtime.GOARCH }

// idForm is what an ID looks like: it is part of the IDs of runs.
var idForm = regexp.MustCompile(`^b[a-z2-7]{9}$`)

// NewID draws an archive's ID.
func NewID() string { return "b" + strings.ToLower(rand.Text())[:9] }

// IsID reports whether s could be an archive's ID.
func IsID(s string) bool { return idForm.MatchString(s) }

// check refuses a manifest that no muster wrote: what it names is written to a disk.
func (m Manifest) check() error {
	switch {
	case m.Format != Format:
		return plan.Wrong("it is of the format %q, and this muster reads %q", "形式が %q です（このmusterが読める形式は %q）", m.Format, Format)
	case !IsID(m.ID):
		return plan.Wrong("its ID is %q, which no muster gave", "IDが不正です: %q", m.ID)
	case len(m.Files) == 0 || len(m.Files) > mostFiles:
		return plan.Wrong("it names %d files; there are from 1 to %d", "ファイル数が %d です（1〜%d）", len(m.Files), mostFiles)
	}
	total, seen := int64(0), map[string]bool{}
	for _, f := range m.Files {
		switch {
		case !fs.ValidPath(f.Path) || f.Path == "." || strings.ContainsAny(f.Path, "\\\x00") || f.Path == FileManifest || f.Path == FileSignature:
			return plan.Wrong("it names the file %q", "不正なファイル名です: %q", f.Path)
		case seen[f.Path]:
			return plan.Wrong("it names the file %q twice", "ファイル %q が重複しています", f.Path)
		case f.Bytes < 0 || f.Bytes > MostBytes || len(f.SHA256) != 64:
			return plan.Wrong("the file %s: %d bytes, digest %q", "ファイル %s: %d バイト、ダイジェスト %q は不正です", f.Path, f.Bytes, f.SHA256)
		}
		seen[f.Path] = true
		if total += f.Bytes; total > MostBytes {
			return plan.Wrong("it unpacks to more than %d GB", "展開後の容量が %d GBを超えます", int64(MostBytes)>>30)
		}
	}
	return nil
}

// Sum is SHA-256 in hexadecimal.
func Sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Statement is what an installation signs of an archive: its manifest's digest.
func Statement(id, manifest string) string { return fmt.Sprintf("%s\n%s\n%s\n", Format, id, manifest) }

// Signer has the installation's key sign an archive's statement, and notes that there is the archive.
type Signer func(m Manifest, digest string) (signed []byte, err error)

// signedBy makes sure of a signature, and says by which key it is.
func signedBy(signed []byte, id, manifest string, keys []string) (string, error) {
	var verifiers []note.Verifier
	of := map[uint32]string{}
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return "", plan.Wrong("a key that is given is no public key of an evidence log (%v)", "指定された鍵が証拠台帳の公開鍵ではありません（%v）", err)
		}
		if of[v.KeyHash()] == "" {
			verifiers = append(verifiers, v)
		}
		of[v.KeyHash()] = k
	}
	n, err := note.Open(signed, note.VerifierList(verifiers...))
	if err != nil {
		return "", plan.Wrong("the manifest is not signed by the key of the installation's evidence log (%v)", "マニフェストに、作成元の証拠台帳の鍵による署名がありません（%v）", err)
	}
	if n.Text != Statement(id, manifest) {
		return "", plan.Wrong("the signature is of another manifest", "署名は別のマニフェストのものです")
	}
	return of[n.Sigs[0].Hash], nil
}

func decodeManifest(b []byte) (Manifest, error) {
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return m, plan.Wrong("its manifest can't be read: %v", "マニフェストを読み取れません（%v）", err)
	}
	return m, m.check()
}
