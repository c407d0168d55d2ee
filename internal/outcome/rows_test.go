package outcome_test

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// planReads counts how often something was made of a record again.
type planReads struct {
	journal.Store
	n int
}

func (p *planReads) Plan(ctx context.Context, hash string) (plan.Plan, error) {
	p.n++
	return p.Store.Plan(ctx, hash)
}

// rowsKept is a store with one ended run and its outcome, and what somebody else does to it.
func rowsKept(t *testing.T) (store *planReads, alter func(string), hold func() []plan.Text) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal.db")
	inner, err := journal.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = inner.Close() })
	store = &planReads{Store: inner}
	held(t, store, "fire-1", true)
	if _, err := outcome.Keep(t.Context(), store, "fire-1"); err != nil {
		t.Fatal(err)
	}
	alter = func(query string) {
		t.Helper()
		db, err := sql.Open("sqlite", "file:"+path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		res, err := db.ExecContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := res.RowsAffected(); err != nil || n != 1 {
			t.Fatalf("%s: %d rows, %v", query, n, err)
		}
	}
	rows := &outcome.Rows{Store: store}
	hold = func() []plan.Text {
		t.Helper()
		entries, err := store.Events(t.Context(), "fire-1", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		said, err := rows.Hold(t.Context(), "fire-1", entries)
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	return store, alter, hold
}

// Whoever can write to the store and sets what a run came to, or its line in the lists, to something better is found
// out, whichever column it is; it is what the record gives again.
func TestARowThatWasAlteredIsNamedAndMadeAnew(t *testing.T) {
	store, alter, hold := rowsKept(t)
	if said := hold(); len(said) > 0 {
		t.Fatalf("nothing was altered: %v", said)
	}
	for query, names := range map[string]string{
		`UPDATE outcomes SET verdict = 'met'`:                                                            `outcome of run fire-1: verdict was "met", by the record "not_proven"`,
		`UPDATE outcomes SET body = replace(body, '"systems":[', '"systems":[{"id":"mail"},')`:           `body.systems.mail was {"id":"mail"}, by the record nothing`,
		`UPDATE outcomes SET body = replace(body, '"verdict":"not_proven"', '"verdict":"met"')`:          `body.systems.orders.verdict was "met", by the record "not_proven"`,
		`UPDATE outcomes SET body = replace(body, '"systems":[', '"people":{"mustered":9},"systems":[')`: `outcome of run fire-1: body was`,
		`UPDATE outcomes SET body = 'nothing that is read'`:                                              `body was "nothing that is read"`,
		`UPDATE outcomes SET ended_at = '2020-01-01T00:00:00.000000Z'`:                                   `ended_at was "2020-01-01T00:00:00Z", by the record "2026-11-19T04:00:00Z"`,
		`UPDATE outcome_systems SET rto = 'met'`:                                                         `systems.orders.rto was "met", by the record`,
		`UPDATE outcome_systems SET body = replace(body, '"id":"orders"', '"id":"orders","moved":true')`: `systems.orders.body.moved was true, by the record nothing`,
		`DELETE FROM outcome_systems`:                                                                    `systems.orders was nothing, by the record {`,
		`UPDATE runs SET body = replace(body, 'talked_through', 'recovered')`:                            `run fire-1 in the lists: state was "recovered", by the record "talked_through"`,
		`UPDATE runs SET kind = 'readiness'`:                                                             `run fire-1 in the lists: index was nothing, by the record ["drill","fire"]`,
		`UPDATE runs SET ended = 0`:                                                                      `run fire-1 in the lists: ended was false, by the record true`,
		`UPDATE runs SET body = replace(body, '"state"', '"removed_at":"2026-11-20T00:00:00Z","state"')`: `removed_at was "2026-11-20T00:00:00Z", by the record nothing`,
		`UPDATE outcomes SET body = replace(body, '"journal":"', '"journal":"0'), verdict = 'met'`:       `verdict was "met"`,
	} {
		alter(query)
		said := hold()
		if len(said) != 1 || !strings.Contains(said[0].EN, names) || !strings.Contains(said[0].JA, "fire-1") || !strings.Contains(said[0].JA, "（記録からは ") {
			t.Errorf("%s: %v, want %s", query, said, names)
		}
		if said := hold(); len(said) > 0 {
			t.Errorf("%s: it was not made anew: %v", query, said)
		}
	}
	list, err := outcome.List(t.Context(), store, journal.OutcomeFilter{})
	if err != nil || len(list) != 1 || list[0].Verdict != run.NotProven {
		t.Errorf("%+v, %v", list, err)
	}
	runs, err := store.Runs(t.Context(), journal.Filter{})
	if err != nil || len(runs) != 1 || runs[0].State != run.TalkedThrough {
		t.Errorf("%+v, %v", runs, err)
	}
}

// What is as it was is read and not computed again, so that a look a day costs a year of runs nothing to speak of.
func TestARowThatIsAsItWasIsNotMadeAgain(t *testing.T) {
	store, alter, hold := rowsKept(t)
	hold()
	was := store.n
	if said := hold(); len(said) > 0 || store.n != was {
		t.Errorf("%v; made again %d times", said, store.n-was)
	}
	alter(`UPDATE outcome_systems SET rto = 'met'`)
	if said := hold(); len(said) != 1 {
		t.Errorf("altered after it was held: %v", said)
	}
}

// An outcome of another version is the keeper's to make anew, one that is missing too, and one that was made before
// the last receipts came is brought up to date: none of them was altered.
func TestARowThatIsOnlyOldWasNotAltered(t *testing.T) {
	store, alter, hold := rowsKept(t)
	alter(`UPDATE outcomes SET version = version - 1, verdict = 'met'`)
	if said := hold(); len(said) > 0 {
		t.Errorf("of an older version: %v", said)
	}
	if _, err := outcome.Keep(t.Context(), store, "fire-1"); err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		if err := store.Append(t.Context(), []run.Event{{Run: "fire-1", Writer: "channel/mail", Seq: int64(n + 1), At: noon.Add(2 * time.Hour), Kind: run.MessageDelivered, Person: "ito",
			Data: run.Encode(run.Delivery{Channel: "mail"})}}); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() string {
		t.Helper()
		list, err := outcome.List(t.Context(), store, journal.OutcomeFilter{Run: "fire-1"})
		if err != nil || len(list) != 1 {
			t.Fatalf("%v, %v", list, err)
		}
		return list[0].Journal
	}
	before := kept()
	if said := hold(); len(said) > 0 {
		t.Errorf("of fewer events: %v", said)
	}
	now, err := outcome.Read(t.Context(), store, "fire-1")
	if err != nil || kept() == before || kept() != now.Journal {
		t.Errorf("it is not up to date: %v", err)
	}
	alter(`DELETE FROM outcomes`)
	if said := hold(); len(said) > 0 {
		t.Errorf("of which there is none: %v", said)
	}
}
