package plan_test

import (
	"maps"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
)

// A worker's marks stand where a server that does not know them finds the ledger all the same, and
// nobody is shown them as a name.
func TestAWorkersIdentityIsTakenApart(t *testing.T) {
	plain := plan.WorkerIdentity(17, "osaka-1", "a1b2")
	marks := map[string]string{"version": "1.2.0", "program": "00ff", "policy": ""}
	marked := plan.WorkerMarks(plain, marks)
	for _, identity := range []string{plain, marked} {
		if who, ledger := plan.LedgerOf(identity); who != "17@osaka-1" || ledger != "a1b2" {
			t.Errorf("%q: %q, %q", identity, who, ledger)
		}
	}
	if host, ledger, got := plan.MarksOf(marked); host != "osaka-1" || ledger != "a1b2" || !maps.Equal(got, marks) {
		t.Errorf("%q: %q, %q, %v", marked, host, ledger, got)
	}
	if host, ledger, got := plan.MarksOf(plain); host != "osaka-1" || ledger != "a1b2" || len(got) != 0 {
		t.Errorf("%q: %q, %q, %v", plain, host, ledger, got)
	}
	if plan.WorkerMarks(plain, nil) != plain {
		t.Error("without marks it is another identity")
	}
	if _, ledger, got := plan.MarksOf(""); ledger != "" || len(got) != 0 {
		t.Error("nothing is something")
	}
}
