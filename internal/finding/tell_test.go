package finding

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// Another program is told of what became of findings since it was named, in order, again when it did not
// take it, and nothing twice, also by a server that was started anew.
func TestAnotherProgramIsTold(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	keep := func(o outcome.Outcome) {
		t.Helper()
		if err := outcome.Put(t.Context(), store, o); err != nil {
			t.Fatal(err)
		}
	}
	var got []What
	keys := map[string]int{}
	down := false
	teller := func() *Teller {
		return &Teller{Ledger: &Ledger{Store: store}, Store: store, Now: func() time.Time { return day(2) }, Zone: func(context.Context) *time.Location { return time.UTC }, Days: calendar.Weekdays,
			Send: func(_ context.Context, key string, what Told) error {
				if down {
					return errors.New("nobody answers")
				}
				if what.Finding.Place != promote || what.ID != key {
					t.Errorf("told %+v", what)
				}
				got, keys[key] = append(got, what.Event), keys[key]+1
				return nil
			}}
	}
	keep(ran(1, run.Live, true)) // before anybody was to be told
	first := teller()
	if err := first.Tell(t.Context()); err != nil || len(got) != 0 {
		t.Fatalf("of the past: %v, %v", got, err)
	}
	down = true
	keep(ran(3, run.Live, false))
	keep(ran(4, run.Live, true))
	if err := first.Tell(t.Context()); err == nil {
		t.Error("nobody answered, and that was no error")
	}
	down = false
	for _, one := range []*Teller{first, teller(), teller()} {
		if err := one.Tell(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	ev := acted(5, run.FindingWaived, run.FindingAct{ID: IDOf(promote), Until: "2026-12-31"})
	if err := (&Ledger{Store: store}).Act(t.Context(), ev); err != nil {
		t.Fatal(err)
	}
	if err := teller().Tell(t.Context()); err != nil {
		t.Fatal(err)
	}
	if want := []What{WasClosed, WasReopened, WasWaived}; !slices.Equal(got, want) || len(keys) != 3 {
		t.Errorf("told %v under %d keys, want %v", got, len(keys), want)
	}
}
