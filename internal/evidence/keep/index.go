package keep

import (
	"fmt"

	"github.com/muster-dr/muster/internal/evidence"
)

// standing is what the log says of one run.
type standing struct {
	parts   []string // SHA-256 of the manifest of each part
	through int64    // position in the record store up to which it is sealed
	entries []uint64 // all that are about it
	held    *evidence.Entry
	// lastHeld is the newest hold, released or not.
	lastHeld *evidence.Entry
	erased   map[string]bool // by the digest of what was erased
	removed  bool
	copied   map[string]bool // by part and place
}

func copyKey(part int, place string) string { return fmt.Sprintf("%d %s", part, place) }

func sentKey(size uint64, place string) string { return fmt.Sprintf("%d %s", size, place) }

// index is the log folded by run. The log is the only truth about what is sealed, held, erased
// and copied: a process that is killed anywhere finds it there again.
type index struct {
	runs   map[string]*standing
	stamps []evidence.Entry // of the log
	sent   map[string]bool  // files of the log that arrived, by size and place
	folded int
}

// take folds what the log has gained.
func (x *index) take(entries []evidence.Entry) {
	if x.runs == nil {
		x.runs, x.sent = map[string]*standing{}, map[string]bool{}
	}
	for ; x.folded < len(entries); x.folded++ {
		switch e := entries[x.folded]; {
		case e.Run != "":
			x.of(e.Run).fold(uint64(x.folded), e)
		case e.Kind == evidence.EntryStamped:
			x.stamps = append(x.stamps, e)
		case e.Kind == evidence.EntryCopied:
			x.sent[sentKey(e.Size, e.Place)] = true
		}
	}
}

func (x *index) of(runID string) *standing {
	s := x.runs[runID]
	if s == nil {
		s = &standing{erased: map[string]bool{}, copied: map[string]bool{}}
		x.runs[runID] = s
	}
	return s
}

func (s *standing) fold(i uint64, e evidence.Entry) {
	s.entries = append(s.entries, i)
	switch e.Kind {
	case evidence.EntrySealed:
		if e.Part == len(s.parts)+1 {
			s.parts, s.through = append(s.parts, e.Manifest), e.Through
		}
	case evidence.EntryHeld:
		s.held, s.lastHeld = &e, &e
	case evidence.EntryReleased:
		s.held = nil
	case evidence.EntryErased:
		s.erased[e.SHA256] = true
	case evidence.EntryRemoved:
		s.removed = true
	case evidence.EntryCopied:
		s.copied[copyKey(e.Part, e.Place)] = true
	}
}
