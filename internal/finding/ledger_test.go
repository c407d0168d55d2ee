package finding

import (
	"fmt"
	"path/filepath"
	"testing"

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
