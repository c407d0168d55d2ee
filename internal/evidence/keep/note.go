package keep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// docKind and docID name the document that says which log the record store's evidence is in.
const docKind, docID = "evidence", "log"

type logDoc struct {
	Log    string    `json:"log"`
	Key    string    `json:"key"` // public
	Begun  time.Time `json:"begun"`
	Before string    `json:"before,omitempty"` // the log that this one took the place of
	// Holds: every hold of the log is in the record store too. Releases of before had them in the log alone.
	Holds bool `json:"holds,omitempty"`
	// HoldsUnknown: the log before this one was lost without that.
	HoldsUnknown bool `json:"holds_unknown,omitempty"`
	// Size and Root are the log's when this was written: it has gained entries since, and lost none.
	Size uint64 `json:"size,omitempty"`
	Root []byte `json:"root,omitempty"`
}

// putNote changes what the record store says of the log; k.mu is held. A note that was kept while its answer was lost
// is this log's own, and is gone on from.
func (k *Keeper) putNote(ctx context.Context, change func(*logDoc)) error {
	err := k.putNoteOnce(ctx, change)
	if !errors.Is(err, journal.ErrChanged) {
		return err
	}
	d, rerr := k.o.Store.Document(ctx, docKind, docID)
	var has logDoc
	if rerr != nil || json.Unmarshal(d.Body, &has) != nil || k.log == nil || has.Log != k.note.Log || has.continues(k.log) != nil {
		return err
	}
	k.note, k.noted = has, d.Version
	return k.putNoteOnce(ctx, change)
}

func (k *Keeper) putNoteOnce(ctx context.Context, change func(*logDoc)) error {
	next := k.note
	change(&next)
	body, err := json.Marshal(next)
	if err != nil {
		return err
	}
	d, err := k.o.Store.PutDocument(ctx, journal.Document{Kind: docKind, ID: docID, Version: k.noted, ChangedAt: k.now(), Body: body})
	if err == nil {
		k.note, k.noted = next, d.Version
	}
	return err
}

// continues makes sure that a log is the one that the record store knows, or goes on from it: whoever
// put an older copy back would sign other entries under the same numbers.
func (n logDoc) continues(log *ledger) error {
	const out = "put the newest copy of the folder back; where that is lost, move the folder aside, start again and begin a new log with `muster evidence adopt`: all that the record store has is sealed in it again"
	if n.Size > log.size {
		return fmt.Errorf("evidence log %s: it has %d entries, and the record store knows of %d: it was put back to an older state; %s", log.dir, log.size, n.Size, out)
	}
	root, err := rootOf(log.leaves[:n.Size])
	if err == nil && n.Size > 0 && !bytes.Equal(root, n.Root) {
		err = fmt.Errorf("evidence log %s: it is not the log that the record store knows: they differ within the first %d entries; %s", log.dir, n.Size, out)
	}
	return err
}
