package finding

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// A ledger says the same whether it followed from the first day, was started anew in between, or reads
// everything at once, also more than a page and what comes late.
func TestALedgerSaysTheSameFromAnyStart(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	says := func(l *Ledger) string {
		t.Helper()
		list, err := l.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return string(run.Encode(list))
	}
	keep := func(o outcome.Outcome) {
		t.Helper()
		if err := outcome.Put(t.Context(), store, o); err != nil {
			t.Fatal(err)
		}
	}
	follows := &Ledger{Store: store}
	for n := 2; n < page+50; n++ {
		o := ran(n, run.Live, n%3 == 0)
		o.Run = fmt.Sprintf("r%04d", n)
		keep(o)
		switch n % 200 {
		case 7:
			if err := follows.Act(t.Context(), acted(n, run.FindingWaived, run.FindingAct{ID: IDOf(promote), Until: "2027-12-31"})); err != nil {
				t.Fatal(err)
			}
		case 50:
			says(follows)
		case 90:
			if err := follows.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			follows = &Ledger{Store: store}
		}
	}
	once := &Ledger{Store: store}
	if err := once.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a, b := says(follows), says(once); a != b {
		t.Errorf("followed:\n%s\nat once:\n%s", a, b)
	}
	late := ran(1, run.Live, true) // before all others, and it had found it first
	keep(late)
	list, err := follows.List(t.Context())
	if err != nil || len(list) != 1 || list[0].History[0].Run != late.Run {
		t.Fatalf("what came late is not the first: %+v, %v", list, err)
	}
	if a, b := says(follows), says(&Ledger{Store: store}); a != b {
		t.Errorf("followed:\n%s\na server that was started anew:\n%s", a, b)
	}
}

// counting counts the outcomes that are read whole.
type counting struct {
	journal.Store
	bodies int
}

func (c *counting) Outcomes(ctx context.Context, f journal.OutcomeFilter) ([]journal.Outcome, error) {
	list, err := c.Store.Outcomes(ctx, f)
	if !f.Bare {
		c.bodies += len(list)
	}
	return list, err
}

// How findings stood at an earlier moment is folded once; what comes in afterwards and belongs before it
// counts all the same, and what comes after it does not.
func TestAnEarlierMomentIsFoldedOnce(t *testing.T) {
	opened, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	store := &counting{Store: opened}
	keep := func(n int, slow bool) outcome.Outcome {
		t.Helper()
		o := ran(n, run.Live, slow)
		if err := outcome.Put(t.Context(), store, o); err != nil {
			t.Fatal(err)
		}
		return o
	}
	for n := 10; n < 30; n += 2 {
		keep(n, true)
	}
	moment := keep(30, false).EndedAt
	l := &Ledger{Store: store}
	at := func() Finding {
		t.Helper()
		list, err := l.ListBefore(t.Context(), moment)
		if err != nil || len(list) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list[0].On(moment, time.UTC, calendar.Weekdays())
	}
	if f := at(); f.State != Open {
		t.Fatalf("it is %s, and the run that passed ended at the moment itself", f.State)
	}
	store.bodies = 0
	keep(40, false) // closes it, later
	if f := at(); f.State != Open || store.bodies != 0 {
		t.Errorf("asked again it is %s, and %d outcomes were read", f.State, store.bodies)
	}
	keep(29, false) // belongs before the moment
	if f := at(); f.State != Closed {
		t.Errorf("it is %s: what came in later and belongs there is not seen", f.State)
	}
	keep(9, true) // before all
	if f := at(); f.History[0].Run != ran(9, run.Live, true).Run {
		t.Errorf("the first is %+v", f.History[0])
	}
	for d := range 2 * pastKept {
		if _, err := l.ListBefore(t.Context(), moment.AddDate(0, 0, d)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.past) != pastKept {
		t.Errorf("%d moments are kept", len(l.past))
	}
}
