package finding

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

// Whoever closes a finding in the document that a server starts from is found out, and the finding is open again; a
// document of an older muster says nothing of anybody.
func TestFindingsThatWereAlteredAreNamedAndMadeAnew(t *testing.T) {
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
	keep(ran(1, run.Live, true))
	keep(ran(2, run.Live, false))
	keep(ran(3, run.Live, true))
	first := &Ledger{Store: store}
	if err := first.Act(t.Context(), acted(4, run.FindingAssigned, run.FindingAct{ID: IDOf(promote), Owner: "ito"})); err != nil {
		t.Fatal(err)
	}
	if err := first.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ was, is, names string }{
		{`"reopened":1`, `"reopened":0`, `findings: findings.` + promote + `.reopened was nothing, by the record 1`},
		{`"owner":"ito"`, `"owner":"sato"`, `.owner was "sato", by the record "ito"`},
		{`"outcomes":3`, `"outcomes":99`, `outcomes was 99, by the record 3`}, // nothing new would be read any more
		{`"version":4`, `"version":2`, ``},
	} {
		d, err := store.Document(t.Context(), kindState, "all")
		if err != nil {
			t.Fatal(err)
		}
		altered := bytes.Replace(d.Body, []byte(c.was), []byte(c.is), 1)
		if bytes.Equal(altered, d.Body) || !json.Valid(altered) {
			t.Fatalf("no %s in %s", c.was, d.Body)
		}
		d.Body = altered
		if _, err := store.PutDocument(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		started := &Ledger{Store: store}
		said, err := started.Hold(t.Context())
		if err != nil || (len(said) == 1) != (c.names != "") || len(said) == 1 && (!strings.Contains(said[0].EN, c.names) || !strings.HasPrefix(said[0].JA, "指摘事項：")) {
			t.Errorf("%s: %v, %v", c.is, said, err)
		}
		if err := started.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, l := range map[string]*Ledger{"it": started, "a server that starts now": {Store: store}} {
			list, err := l.List(t.Context())
			if err != nil || len(list) != 1 || list[0].Reopened != 1 || list[0].Owner != "ito" {
				t.Errorf("%s: %s has %+v, %v", c.is, name, list, err)
			}
			if said, err := l.Hold(t.Context()); err != nil || len(said) > 0 {
				t.Errorf("%s: %s is told again: %v, %v", c.is, name, said, err)
			}
		}
	}
}

// What comes in one moment is the same in whatever order a server has heard of it, so that no ledger differs from one
// that is made anew.
func TestAnActOfTheMomentOfAnEndComesFirst(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	follows := &Ledger{Store: store}
	for n := 1; n < 3; n++ {
		if err := outcome.Put(t.Context(), store, ran(n, run.Live, true)); err != nil {
			t.Fatal(err)
		}
		if err := follows.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	at := acted(2, run.FindingAssigned, run.FindingAct{ID: IDOf(promote), Owner: "ito"})
	at.At = ran(2, run.Live, true).EndedAt
	if err := follows.Act(t.Context(), at); err != nil {
		t.Fatal(err)
	}
	if said, err := follows.Hold(t.Context()); err != nil || len(said) > 0 {
		t.Errorf("%v, %v", said, err)
	}
}
