package app

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
)

// onPostgres keeps the records of o in a database of a real pair.
func onPostgres(t *testing.T, o *Options) *pgtest.Pair {
	t.Helper()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStandby(t, p.Osaka)
	address, _ := p.NewDatabase(t)
	word := filepath.Join(t.TempDir(), "store-password")
	save(t, word, p.Password+"\n")
	o.Config.Store, o.Config.StorePassword = address, "secret://file"+word
	return p
}

// The store's primary is lost while a drill runs, and its standby takes over: the drill goes on,
// ends, and its record has no gap.
func TestTheStoresPrimaryIsLostDuringADrill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	o, _ := options(t, plansDir(t, heldPlan(at("begun"), at("go"), at("second"), at("third"))))
	p := onPostgres(t, &o)
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, 60*time.Second, there(at("begun")))
	doctor := lookedAt(t, o, "store")
	if doctor.Result == Bad || !strings.Contains(doctor.Found, "PostgreSQL 1") || !strings.Contains(doctor.Found, "standby") {
		t.Errorf("doctor says %+v", doctor)
	}
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Tokyo.Kill9(t)
	save(t, at("go"), "") // the next step ends while there is no store
	if !pgtest.Value[bool](t, p.Osaka, "SELECT pg_promote(true, 60)") {
		t.Fatal("the standby was not promoted")
	}
	nothingOpen(t, u, started.Run, "orders")
	r := readReport(t, u, started.Run)
	for _, id := range []string{"first", "second", "third"} {
		if s := step(r, id); s.Outcome != run.Passed {
			t.Errorf("step %s: %s (%s)", id, s.Outcome, s.Reason)
		}
	}
	for _, w := range r.Evidence.Writers {
		if w.Missing > 0 {
			t.Errorf("%d events of %s are missing", w.Missing, w.Name)
		}
	}
	if doctor := lookedAt(t, o, "store"); doctor.Result == Bad || !strings.Contains(doctor.WayOut, "does not answer") {
		t.Errorf("doctor says %+v after the failover", doctor)
	}
	// The record moves to a file and back, and its report stays the same to the byte.
	want, err := u.Report(t.Context(), started.Run, "html", "ja")
	if err != nil {
		t.Fatal(err)
	}
	if err := u.stop(); err != nil {
		t.Fatal(err)
	}
	file := "sqlite:" + at("moved.db")
	if _, err := journal.Copy(t.Context(), o.Config.Store, file, StoreOptions(o.Config, nil)...); err != nil {
		t.Fatal(err)
	}
	o.Config.Store = file
	moved := begin(t, o)
	got, err := moved.Report(t.Context(), started.Run, "html", "ja")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the report of the moved record is another one (%d bytes, %d before), %v", len(got), len(want), err)
	}
}

func lookedAt(t *testing.T, o Options, id string) Check {
	t.Helper()
	for _, c := range Examine(t.Context(), i18n.EN, o.Config) {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("doctor does not look at %s", id)
	return Check{}
}
