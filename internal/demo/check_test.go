package demo

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
)

// What would keep a drill from working is named before it, on real servers, and the
// check itself changes nothing.
func TestCheckNamesEveryPlantedProblem(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	d := &demo{Options: Options{Dir: t.TempDir(), Binary: faultyBinary(t), Out: io.Discard, Talk: t.Output()}}
	unlock, err := d.prepare(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if d.cluster, err = d.createCluster(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.stop(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
		if to := d.linked(); to != "" {
			_ = os.RemoveAll(to)
		}
	}()
	if d.person, err = d.writePlans(); err != nil {
		t.Fatal(err)
	}
	if d.up, err = d.startServer(ctx); err != nil {
		t.Fatal(err)
	}
	d.client = d.up.client(d.Lang)

	healthy, err := d.client.Check(ctx, Scenario, api.CheckRequest{By: d.person})
	if err != nil {
		t.Fatal(err)
	}
	if !healthy.Checked.Ready {
		t.Errorf("a healthy pair is not ready:\n%s", problems(healthy))
	}
	if healthy.Proof.Proven || len(healthy.Proof.Reasons) == 0 {
		t.Errorf("a scenario that never ran counts as proven: %+v", healthy.Proof)
	}
	if runs, err := d.client.Runs(ctx, journal.Filter{}); err != nil || len(runs) != 0 {
		t.Errorf("a check is listed among drills: %v %v", runs, err)
	}

	edit(t, d, "contact: \"+81 3 5550 0106\"", "") // 1 a person nobody can call
	edit(t, d, "desk: \"0120-555-020\"", "")       // 2 a contractor nobody can call
	stopFollowing(ctx, t, d)                       // 3 a standby that follows nobody
	edit(t, d, "targets:\n", `targets:
  - {name: gone, kind: postgres, site: osaka, host: 127.0.0.1, port: 1}
  - {name: locked, kind: postgres, site: osaka, host: 127.0.0.1, port: 1, password: "secret://env/MUSTER_NO_SUCH_SECRET"}
`)
	edit(t, d, "    runbooks:\n      failover:", `      - name: page
        probe: {uses: probe.http, at: osaka, with: {url: "http://127.0.0.1:1/"}}
      - name: port
        probe: {uses: probe.tcp, at: osaka, with: {address: "127.0.0.1:1"}}
    runbooks:
      failover:`)
	book := `kind: Runbook
name: orders-in-place
system: orders
steps:
  - {id: program, at: tokyo, uses: exec.run, with: {argv: [/no/such/program]}}
  - {id: folder, at: tokyo, uses: exec.run, with: {argv: ["true"], dir: /no/such/folder}}
  - {id: server, at: osaka, uses: postgres.status, with: {server: gone}}
  - {id: secret, at: osaka, uses: postgres.status, with: {server: locked}}
  - {id: elsewhere, at: osaka, uses: postgres.stop, with: {server: gone}}
`
	if err := os.WriteFile(planFile(t, d, "name: orders-in-place"), []byte(book), 0o644); err != nil {
		t.Fatal(err)
	}
	planted, err := d.client.Check(ctx, Scenario, api.CheckRequest{By: d.person})
	if err != nil {
		t.Fatal(err)
	}
	all := problems(planted)
	for _, want := range []string{
		"person ito: no contact", "party maintainer: no contact", "promote: standby osaka does not stream",
		"program: the program can't be started", "folder: the working directory /no/such/folder",
		"server: server gone can't be used", "secret: ", "MUSTER_NO_SUCH_SECRET", "elsewhere: server gone is not managed",
		"orders/page: it sees no service now", "orders/port: it sees no service now",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("not named: %s", want)
		}
	}
	if n := strings.Count(all, "\n"); n != 10 {
		t.Errorf("%d problems named, want 10", n)
	}
	if t.Failed() {
		t.Log("\n" + all)
	}
	kept, err := d.client.Readiness(ctx, Scenario)
	if err != nil || kept.Checked == nil || problems(kept) != all {
		t.Errorf("the result was not kept: %+v %v", kept, err)
	}
}

func problems(r api.Readiness) string {
	var b strings.Builder
	for _, i := range r.Checked.Items {
		for _, p := range i.Problems {
			b.WriteString(i.What + " " + i.Where + ": " + p.EN + "\n")
		}
	}
	return b.String()
}

// planFile finds the demo's plan file that holds a text.
func planFile(t *testing.T, d *demo, text string) (file string) {
	t.Helper()
	err := filepath.WalkDir(d.path(plansDir), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), text) {
			file = path
		}
		return err
	})
	if err != nil || file == "" {
		t.Fatalf("no plan file holds %q: %v", text, err)
	}
	return file
}

func edit(t *testing.T, d *demo, old, with string) {
	t.Helper()
	file := planFile(t, d, old)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(b), old, with, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// stopFollowing cuts osaka's replication and waits until it is seen to be cut.
func stopFollowing(ctx context.Context, t *testing.T, d *demo) {
	t.Helper()
	i := d.cluster.pair.Standby
	at := url.URL{Scheme: "postgres", User: url.UserPassword(d.cluster.pair.User, d.cluster.pair.Password),
		Host: fmt.Sprintf("%s:%d", i.Host, i.Port), Path: "/postgres", RawQuery: "sslmode=disable"}
	c, err := pgx.Connect(ctx, at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, q := range []string{"ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()"} {
		if _, err := c.Exec(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	for streams := true; streams; {
		if err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver)").Scan(&streams); err != nil {
			t.Fatal(err)
		}
	}
}
