package keep

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// outcomesOnly holds what each run came to, as a server does.
type outcomesOnly struct {
	*outcome.Rows
	all   []plan.Text
	err   error
	after map[string]error // of runs, when they were looked at and made anew
}

func (o *outcomesOnly) OfRun(ctx context.Context, runID string, entries []journal.Entry) ([]plan.Text, error) {
	said, err := o.Hold(ctx, runID, entries)
	if err == nil {
		err = o.after[runID]
	}
	return said, err
}

func (o *outcomesOnly) OfAll(context.Context) ([]plan.Text, error) { return o.all, o.err }

// better is what somebody does who wants another outcome.
const better = `UPDATE outcomes SET body = replace(body, '"met"', '"missed"') WHERE run = 'tokyo-loss-2'`

func rowsWorld(t *testing.T) (*world, *outcomesOnly, *[]string) {
	t.Helper()
	rows, said := &outcomesOnly{Rows: &outcome.Rows{}}, &[]string{}
	w := newWorld(t, func(o *Options) {
		rows.Store = o.Store
		o.Rows, o.Build = rows, "1.0"
		o.Altered = func(_ context.Context, altered, missing Unsound) {
			*said = append(*said, altered.String()+" / "+missing.String())
		}
	})
	for _, id := range []string{"tokyo-loss-1", "tokyo-loss-2"} {
		w.ended(id, run.Drill)
		if _, err := outcome.Keep(t.Context(), w.store, id); err != nil {
			t.Fatal(err)
		}
	}
	w.round()
	return w, rows, said
}

// A day is the longest that an outcome which somebody bettered stands: it is told of as altered evidence, by name and in
// both languages, until the next look.
func TestAnOutcomeThatWasAlteredIsToldAsAlteredEvidence(t *testing.T) {
	t.Parallel()
	w, _, said := rowsWorld(t)
	if s := w.k.Status(); s.RowsCheckedAt == nil || len(s.Rows) > 0 || len(*said) > 0 {
		t.Fatalf("nothing was altered: %+v, %v", s, *said)
	}
	w.exec(`UPDATE outcome_systems SET rto = 'missed' WHERE run = 'tokyo-loss-2'`, `UPDATE runs SET body = replace(body, '"state":"', '"state":"not_') WHERE run = 'tokyo-loss-1'`)
	w.pass(23 * time.Hour)
	w.round()
	if s := w.k.Status(); len(s.Rows) > 0 {
		t.Fatalf("looked before its time: %v", s.Rows)
	}
	w.pass(2 * time.Hour)
	w.round()
	s := w.k.Status()
	en, ja := strings.Join(s.Altered("en"), "\n"), strings.Join(s.Altered("ja"), "\n")
	if len(s.Rows) != 2 || len(s.Damaged) > 0 || !s.RowsCheckedAt.Equal(w.clock()) || !strings.Contains(en, `outcome of run tokyo-loss-2: systems.orders.rto was "missed", by the record "met"`) ||
		!strings.Contains(en, `run tokyo-loss-1 in the lists: state was "not_`) || !strings.Contains(ja, `実施 tokyo-loss-2 の結果：systems.orders.rto が "missed"（記録からは "met"）`) {
		t.Errorf("%+v\n%s\n%s", s, en, ja)
	}
	if len(*said) != 1 || !strings.Contains((*said)[0], "outcome of run tokyo-loss-2: systems.orders.rto") {
		t.Errorf("said: %q", *said)
	}
	w.pass(25 * time.Hour)
	w.round()
	if s := w.k.Status(); len(s.Rows) > 0 || len(*said) != 1 {
		t.Errorf("made anew, and told again: %v, %v", s.Rows, *said)
	}
	if of, err := outcome.LastProven(t.Context(), w.store, outcome.RTO); err != nil || len(of) != 1 || of[0].Run != "tokyo-loss-2" && of[0].Run != "tokyo-loss-1" {
		t.Errorf("%+v, %v", of, err)
	}
}

// What another program has kept is made anew and nobody is accused: its rules may have been others. From then on it is
// this one's, also for a server that is started again.
func TestRowsOfAnotherProgramWereNotAltered(t *testing.T) {
	t.Parallel()
	w, _, said := rowsWorld(t)
	again := func(build string) Status {
		t.Helper()
		w.k.Close()
		w.o.Build = build
		w.k = New(w.o)
		w.round()
		return w.k.Status()
	}
	w.exec(better)
	if s := again("1.1"); len(s.Rows) > 0 || len(*said) > 0 || s.RowsCheckedAt == nil {
		t.Errorf("after an upgrade: %v, %v", s.Rows, *said)
	}
	list, err := outcome.List(t.Context(), w.store, journal.OutcomeFilter{Run: "tokyo-loss-2"})
	if err != nil || len(list) != 1 || list[0].Systems[0].RTO.Verdict != run.Met {
		t.Errorf("it was not made anew: %+v, %v", list, err)
	}
	w.exec(better)
	if s := again("1.1"); len(s.Rows) != 1 || len(*said) != 1 {
		t.Errorf("the same program, started again: %v, %v", s.Rows, *said)
	}
}

// A row is made anew when it is found, so that a look which is broken off afterwards must not forget what it found.
func TestWhatABrokenOffLookFoundIsToldByTheNext(t *testing.T) {
	t.Parallel()
	w, rows, said := rowsWorld(t)
	w.round()
	w.exec(better)
	rows.after = map[string]error{"tokyo-loss-1": outcome.ErrGrows, "tokyo-loss-2": outcome.ErrGrows}
	w.pass(25 * time.Hour)
	w.round()
	if s := w.k.Status(); len(s.Rows) > 0 || len(*said) > 0 {
		t.Errorf("told by a look that was broken off: %v, %v", s.Rows, *said)
	}
	rows.after = nil
	w.pass(time.Hour)
	w.round()
	if s := w.k.Status(); len(s.Rows) == 0 || len(*said) != 1 {
		t.Errorf("what was found is not told: %v, %v", s.Rows, *said)
	}
}

// A run that is sealed while the look goes on, or is added to, is no run that was altered; what can't be read now is
// looked at again.
func TestARunThatGrowsWasNotAltered(t *testing.T) {
	t.Parallel()
	w, rows, said := rowsWorld(t)
	w.ended("tokyo-loss-3", run.Drill) // its outcome is not there yet
	w.pass(25 * time.Hour)
	w.round()
	if s := w.k.Status(); len(s.Rows) > 0 || !slices.Contains(w.kinds("tokyo-loss-3"), evidence.EntrySealed) {
		t.Errorf("%v, %v", s.Rows, *said)
	}
	checked := *w.k.Status().CheckedAt
	rows.after = map[string]error{"tokyo-loss-1": outcome.ErrGrows}
	w.pass(25 * time.Hour)
	w.round()
	if s := w.k.Status(); len(s.Rows) > 0 || len(*said) > 0 || !s.CheckedAt.Equal(checked) {
		t.Errorf("%+v, %v", s, *said)
	}
	rows.after = nil
	w.pass(time.Hour)
	w.round()
	if s := w.k.Status(); !s.CheckedAt.After(checked) {
		t.Error("it was not looked at again within the hour")
	}
	// Of a run of which nothing can be made any more the others are held all the same.
	w.exec(`DELETE FROM plans`)
	w.k.Close()
	rows.Rows = &outcome.Rows{Store: w.store}
	w.k = New(w.o)
	w.round()
	if s := w.k.Status(); len(s.Rows) != 2 || !strings.Contains(s.Rows[0].EN, "can't be held against its record") || s.CheckedAt == nil {
		t.Errorf("%+v", s)
	}
}
