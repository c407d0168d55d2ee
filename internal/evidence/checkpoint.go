package evidence

import (
	"errors"
	"fmt"

	"github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/plan"
)

// Checkpoint is a signed statement of what the log holds.
type Checkpoint struct {
	Origin string `json:"log"`
	Size   uint64 `json:"size"`
	Root   []byte `json:"root"`
	// Key signed it, of those that were given.
	Key string `json:"key"`
}

// OpenCheckpoint makes sure of a checkpoint's signature by one of the keys. An error that
// is errForeign says that it is signed with another.
func OpenCheckpoint(b []byte, keys []string) (Checkpoint, error) {
	var verifiers []note.Verifier
	of := map[string]string{}
	for _, k := range keys {
		v, err := note.NewVerifier(k)
		if err != nil {
			return Checkpoint{}, err
		}
		id := fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash())
		if of[id] == "" { // the same key twice would be told as ambiguous
			verifiers = append(verifiers, v)
		}
		of[id] = k
	}
	n, err := note.Open(b, note.VerifierList(verifiers...))
	if foreign := new(note.UnverifiedNoteError); errors.As(err, &foreign) {
		return Checkpoint{}, errForeign
	}
	if err != nil {
		return Checkpoint{}, err
	}
	var c log.Checkpoint
	if _, err := c.Unmarshal([]byte(n.Text)); err != nil {
		return Checkpoint{}, err
	}
	by := of[fmt.Sprintf("%s+%08x", n.Sigs[0].Name, n.Sigs[0].Hash)]
	if n.Sigs[0].Name != c.Origin {
		return Checkpoint{}, plan.Wrong("the key is that of the log %q and the checkpoint is of %q", "鍵は台帳 %q のもので、チェックポイントは %q のものです", n.Sigs[0].Name, c.Origin)
	}
	return Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Hash, Key: by}, nil
}

var errForeign = plan.Wrong("signed with another key", "別の鍵で署名されています")
