package app

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/workflows"
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
	return checked(t, Examine(t.Context(), i18n.EN, o.Config), id)
}

func checked(t *testing.T, checks []Check, id string) Check {
	t.Helper()
	for _, c := range checks {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("nobody looks at %s", id)
	return Check{}
}

// Two servers on one store and one engine show each other's runs at once; a server on an engine of
// its own is not let in beside them.
func TestTwoServersOnOneStore(t *testing.T) {
	t.Parallel()
	own := temporaltest.Start(t)
	_, namespace := own.NewClient(t)
	one, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "scenario.yaml": tabletop}))
	onPostgres(t, &one)
	two := one
	two.Config.Data = filepath.Join(t.TempDir(), "data")
	first, second := serves(t, one, own, namespace), serves(t, two, own, namespace)
	started, err := first.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	// Who waits at the second server for what comes next gets what is said at the first one.
	seen, err := second.Events(t.Context(), started.Run, 0, 20*time.Second)
	if err != nil || len(seen.Entries) == 0 {
		t.Fatalf("the other server has %+v, %v", seen, err)
	}
	if _, err := first.Remark(t.Context(), started.Run, workflows.Remark{By: "sato", Text: "seen from there too"}); err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, 30*time.Second, func() string {
		for _, e := range seen.Entries {
			if strings.Contains(e.Event.Reason+string(e.Event.Data), "seen from there too") {
				return ""
			}
		}
		if seen, err = second.Events(t.Context(), started.Run, seen.Next, 20*time.Second); err != nil {
			return err.Error()
		}
		return "the remark did not come"
	})
	other := one
	other.Config.Data = filepath.Join(t.TempDir(), "data")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := Up(ctx, other, nil); !errors.Is(err, journal.ErrTwoEngines) || !strings.Contains(err.Error(), "engine of its own") {
		t.Errorf("muster up on an engine of its own beside them: %v, want ErrTwoEngines", err)
	}
}

// serves is a server on an engine that it shares with others.
func serves(t *testing.T, o Options, on *temporaltest.Engine, namespace string) *api.Client {
	t.Helper()
	data, err := openData(o.Lang, o.Config.Data, shared)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(data.Close)
	token, err := serverToken(o.Lang, o.Config)
	if err != nil {
		t.Fatal(err)
	}
	store, err := openStore(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	c, err := engine.Dial(t.Context(), on.Connection(namespace))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if err := claimStore(t.Context(), o, store, c, on.Address, namespace); err != nil {
		t.Fatal(err)
	}
	s, err := newServer(t.Context(), o, store, &link{client: c, flows: c, codec: keyring.NewCodec(nil, "")}, reached{}, metrics.New("test"), all.Registry(all.Options{}), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	door, err := openFront(t.Context(), o, token)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(door.close)
	ctx, stop := context.WithCancel(context.Background())
	ended, ready := make(chan error, 1), make(chan struct{})
	go func() { ended <- s.run(ctx, door, sync.OnceFunc(func() { close(ready) })) }()
	t.Cleanup(func() { stop(); <-ended })
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	client := api.Connect("http://"+door.ln.Addr().String(), token, "en")
	t.Cleanup(client.Close)
	return client
}

// What an upgrade would do to the store is told before it, and a store of a newer muster too.
func TestAnUpgradeLooksAtTheStore(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "scenario.yaml": tabletop}))
	path := filepath.Join(t.TempDir(), "journal.db")
	o.Config.Store = "sqlite:" + path
	if _, err := MigrateStore(t.Context(), o.Lang, o.Config, nil); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, c := range []struct {
		change string
		result Result
		found  string
	}{
		{"SELECT 1", Good, "schema 6"},
		{"DELETE FROM goose_db_version WHERE version_id = 6", Odd, "an older muster wrote it (schema 5"},
		{"INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)", Bad, "a newer muster wrote it (schema 999"},
	} {
		if _, err := db.ExecContext(t.Context(), c.change); err != nil {
			t.Fatal(err)
		}
		if k := checked(t, ExamineUpgrade(t.Context(), o.Lang, o.Config, "test"), "store"); k.Result != c.result || !strings.Contains(k.Found, c.found) {
			t.Errorf("after %s: %+v, want %s", c.change, k, c.found)
		}
	}
	// Larger than any disk's free space, as a file that has holes and says nothing of its pages.
	if _, err := db.ExecContext(t.Context(), "DELETE FROM goose_db_version WHERE version_id > 5; PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		t.Fatal(err)
	}
	db.Close()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, 4), 92)
	if err = errors.Join(err, f.Truncate(8<<40), f.Close()); err != nil {
		t.Fatal(err)
	}
	if k := checked(t, ExamineUpgrade(t.Context(), o.Lang, o.Config, "test"), "store"); k.Result != Bad || !strings.Contains(k.Found, "an older muster wrote it (schema 5") || !strings.Contains(k.WayOut, "first copies the file") {
		t.Errorf("without room: %+v", k)
	}
}
