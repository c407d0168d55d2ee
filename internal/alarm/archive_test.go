package alarm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

func (h *house) archive() int {
	h.t.Helper()
	n, err := Archive(h.t.Context(), h.store, h.clock)
	if err != nil {
		h.t.Fatal(err)
	}
	return n
}

func incident(id, state string) []byte {
	return fmt.Appendf(nil, `{"incident": {"id": %q, "title": "the hall is on fire", "severity": "sev1"}, "state": %q}`, id, state)
}

func (h *house) dismiss(id string) {
	h.t.Helper()
	if _, err := Change(h.t.Context(), h.store, id, func(p *Proposal) error {
		return p.Settle(Dismissed, "sato", "", "an exercise", h.clock)
	}); err != nil {
		h.t.Fatal(err)
	}
}

// What was settled is listed for 90 days after the last that was heard of it, and stays
// readable; what waits for people stays for as long as it does.
func TestSettledProposalsAreArchived(t *testing.T) {
	h := newHouse(t, given{})
	h.send("any", incident("open", "fire"))
	open := h.only().ID
	h.send("any", incident("settled", "fire"))
	var settled string
	for _, p := range h.proposals() {
		if p.ID != open {
			settled = p.ID
		}
	}
	h.dismiss(settled)
	h.clock = h.clock.Add(archiveAfter - time.Hour)
	if n := h.archive(); n != 0 || len(h.proposals()) != 2 {
		t.Fatalf("%d were archived early", n)
	}
	// Its sender repeats itself: the event goes on, and is the same one.
	if got := h.send("any", incident("settled", "fire")); got != Seen {
		t.Fatalf("the same message again: %s", got)
	}
	h.clock = h.clock.Add(archiveAfter - time.Hour)
	if n := h.archive(); n != 0 {
		t.Fatalf("%d were archived that are still heard of", n)
	}
	h.clock = h.clock.Add(2 * time.Hour)
	if n := h.archive(); n != 1 || h.only().ID != open {
		t.Fatalf("%d were archived, left are %+v", n, h.proposals())
	}
	if p, err := Get(t.Context(), h.store, settled); err != nil || p.State != Dismissed || p.By != "sato" || p.Reason != "an exercise" {
		t.Errorf("the archived one reads %+v, %v", p, err)
	}
	if _, err := Get(t.Context(), h.store, "nowhere"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("one that never was: %v", err)
	}
	if n := h.archive(); n != 0 {
		t.Errorf("%d were archived twice", n)
	}
}

// What comes again when its proposal is archived is asked anew, under another name: a run that
// was started for the first does not count as this one's.
func TestAnArchivedEventComesAgain(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	seen := map[string]bool{}
	for range 3 {
		if got := h.send("any", incident("flaps", "fire")); got != Proposed {
			t.Fatalf("outcome %s, want proposed", got)
		}
		id := h.only().ID
		if seen[id] {
			t.Fatalf("proposal %s was archived, and is open again", id)
		}
		seen[id] = true
		if got := h.send("any", incident("flaps", "closed")); got != Withdrawn {
			t.Fatalf("outcome %s, want withdrawn", got)
		}
		h.clock = h.clock.Add(archiveAfter + time.Hour)
		if n := h.archive(); n != 1 {
			t.Fatalf("%d were archived", n)
		}
	}
}

// A server that dies while it archives leaves nothing half done, and what is heard in that
// moment is not lost: its sender is asked to say it again.
func TestArchivingIsCutOff(t *testing.T) {
	h := newHouse(t, given{})
	h.send("any", incident("cut", "fire"))
	id := h.only().ID
	h.dismiss(id)
	h.clock = h.clock.Add(archiveAfter + time.Hour)
	cut := errors.New("the server is gone")
	if _, err := Archive(t.Context(), droppingNothing{h.store, cut}, h.clock); !errors.Is(err, cut) {
		t.Fatalf("archive: %v", err)
	}
	if list := h.proposals(); len(list) != 0 {
		t.Errorf("still listed: %+v", list)
	}
	if _, err := Change(t.Context(), h.store, id, func(*Proposal) error { return nil }); !errors.Is(err, errFiled) {
		t.Errorf("a change of what is being archived: %v", err)
	}
	if n := h.archive(); n != 1 {
		t.Errorf("%d were archived by the next server", n)
	}
	if p, err := Get(t.Context(), h.store, id); err != nil || p.State != Dismissed {
		t.Errorf("%+v, %v", p, err)
	}
}

// Who decides about a proposal that is gone begins none: only what an alarm says does.
func TestWhatIsGoneIsNotBegunAnewByAChange(t *testing.T) {
	h := newHouse(t, given{})
	h.send("any", incident("gone", "fire"))
	id := h.only().ID
	h.dismiss(id)
	h.clock = h.clock.Add(archiveAfter + time.Hour)
	if n := h.archive(); n != 1 {
		t.Fatalf("%d were archived", n)
	}
	for _, id := range []string{id, "never"} {
		if _, err := Change(t.Context(), h.store, id, func(p *Proposal) error { p.Told = "x"; return nil }); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("%s: %v", id, err)
		}
	}
	if docs, err := h.store.DocumentsOf(t.Context(), docKind); err != nil || len(docs) != 0 {
		t.Errorf("documents: %+v, %v", docs, err)
	}
}

type droppingNothing struct {
	journal.Documents
	err error
}

func (d droppingNothing) DropDocument(context.Context, string, string) error { return d.err }

// A list reads what has changed since the last, and is what it would be if it read all.
func TestListsReadWhatHasChanged(t *testing.T) {
	h := newHouse(t, given{})
	for i := range 3 * fewChanges {
		h.send("any", incident(fmt.Sprint("i", i), "fire"))
	}
	counting := &reads{Documents: h.store}
	var l Proposals
	list := func() (all []Proposal, read int) {
		t.Helper()
		before := counting.n
		all, err := l.List(t.Context(), counting, "")
		if err != nil {
			t.Fatal(err)
		}
		return all, counting.n - before
	}
	all, read := list()
	if len(all) != 3*fewChanges || read != 3*fewChanges {
		t.Fatalf("%d of %d were read", read, len(all))
	}
	if _, read := list(); read != 0 {
		t.Errorf("%d were read again", read)
	}
	h.dismiss(all[7].ID)
	again, read := list()
	if read != 1 || again[7].State != Dismissed || again[7].ID != all[7].ID {
		t.Errorf("after one change %d were read: %+v", read, again[7])
	}
	open, err := l.List(t.Context(), counting, Open)
	if err != nil || len(open) != len(all)-1 {
		t.Errorf("%d are open, %v", len(open), err)
	}
	if err := h.store.DropDocument(t.Context(), docKind, all[3].ID); err != nil {
		t.Fatal(err)
	}
	if left, _ := list(); len(left) != len(all)-1 || left[3].ID == all[3].ID {
		t.Error("one that is gone is listed")
	}
}

// reads counts the documents that are read whole.
type reads struct {
	journal.Documents
	mu sync.Mutex
	n  int
}

func (r *reads) Document(ctx context.Context, kind, id string) (journal.Document, error) {
	r.mu.Lock()
	r.n++
	r.mu.Unlock()
	return r.Documents.Document(ctx, kind, id)
}

func (r *reads) DocumentsOf(ctx context.Context, kind string) ([]journal.Document, error) {
	list, err := r.Documents.DocumentsOf(ctx, kind)
	r.mu.Lock()
	r.n += len(list)
	r.mu.Unlock()
	return list, err
}
