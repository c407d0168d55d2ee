package keep

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// unheard is a store that keeps what it is given, and whose answer is lost.
type unheard struct {
	journal.Store
	lose bool
}

func (u *unheard) PutDocument(ctx context.Context, d journal.Document) (journal.Document, error) {
	out, err := u.Store.PutDocument(ctx, d)
	if err == nil && u.lose && d.Kind == docKind && d.ID == docID {
		u.lose = false
		return journal.Document{}, errors.New("the connection was lost")
	}
	return out, err
}

// A note of the log that the store kept, while its answer was lost, is none of another server's: the next entry is
// signed and told as done.
func TestANoteWhoseAnswerWasLostIsOurs(t *testing.T) {
	t.Parallel()
	u := new(unheard)
	w := newWorld(t, func(o *Options) {
		u.Store = o.Store
		o.Store = u
	})
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	u.lose = true
	w.ended("tokyo-loss-2", run.Drill)
	w.pass(time.Minute)
	w.round()
	if u.lose {
		t.Fatal("no answer was lost")
	}
	w.ended("tokyo-loss-3", run.Drill)
	w.pass(time.Minute)
	w.round()
	if got := w.kinds("tokyo-loss-3"); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
		t.Errorf("the run after it: %v", got)
	}
	// Another server's note is still not gone on from.
	d, err := w.store.Document(t.Context(), docKind, docID)
	if err != nil {
		t.Fatal(err)
	}
	d.Body = encode(t, logDoc{Log: "muster-evidence-other"})
	if _, err := w.store.PutDocument(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	w.ended("tokyo-loss-4", run.Drill)
	w.pass(time.Minute)
	if _, err := w.k.round(t.Context(), true); err == nil {
		t.Error("sealed on, though the log is another server's")
	}
}
