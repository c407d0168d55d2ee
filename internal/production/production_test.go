package production_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/demo"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/production"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// blows are parts that are killed with SIGKILL when a phase begins.
var blows = map[run.Phase]production.Part{
	run.SafetyCheck: production.Engine,
	run.Recovery:    production.Server,
	run.Failback:    production.Store,
}

// The engine, the server and the store of both are each killed in the middle of a drill and brought
// back: the drill goes on, and its verdict and figures are right: a client that shares no code
// with muster saw the same. demo.Run compares the two and fails when they differ.
func TestADrillGoesThroughProductionWhoseEngineServerAndStoreAreKilled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	bin := binaries(t)
	programs := production.Binaries{Temporal: there(t, filepath.Join(bin, "reference", "temporal-server"), "make temporal"),
		SchemaTool: there(t, filepath.Join(bin, "reference", "temporal-sql-tool"), "make temporal"), Alerts: filepath.Join(bin, "..", "deploy", "prometheus", "alerts.yaml")}
	var err error
	if programs.Prometheus, err = exec.LookPath("prometheus"); err != nil {
		t.Fatalf("%v: install the package prometheus", err)
	}
	dir := folder(t)
	var installed *production.Installation
	var said talk
	killed := map[production.Part]time.Duration{}
	var rows, inClear int
	err = demo.Run(ctx, demo.Options{Dir: dir, Lang: i18n.EN, Out: &said, Talk: &said, Binary: there(t, filepath.Join(bin, "muster"), "make build"),
		Tolerance: 2 * time.Second, // so much a busy machine may keep either of the two from looking
		Install: func(ctx context.Context, p demo.Place) (demo.Installation, error) {
			i, err := production.Start(ctx, p, programs)
			if err != nil {
				return nil, err
			}
			installed = i
			return i, nil
		},
		Meanwhile: func(ctx context.Context, c *api.Client, id string) error {
			if err := strangers(ctx, installed, dir); err != nil {
				return err
			}
			return phases(ctx, c, id, func(phase run.Phase) error {
				if phase == run.Closing {
					var err error
					rows, inClear, err = histories(ctx, installed, dir, "Ito Sakura")
					return err
				}
				part, ok := blows[phase]
				if !ok {
					return nil
				}
				began := time.Now()
				if err := installed.Kill(ctx, part); err != nil {
					return err
				}
				// What stood on the killed part is well again too, by itself.
				for _, p := range []production.Part{part, production.Engine, production.Server, production.Tokyo, production.Osaka} {
					if err := installed.Back(ctx, p); err != nil {
						return fmt.Errorf("after %s was killed at %s: %w", part, phase, err)
					}
				}
				killed[part] = time.Since(began)
				return nil
			})
		}})
	t.Logf("killed, and all well again after: %v", killed)
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if len(killed) != len(blows) {
		t.Errorf("killed were %v, want %v", killed, blows)
	}
	for _, part := range blows {
		if n := installed.Starts(part); n < 2 {
			t.Errorf("%s was started %d times, want it started again after it was killed", part, n)
		}
	}
	b, err := os.ReadFile(filepath.Join(dir, demo.ReportJSON))
	if err != nil {
		t.Fatal(err)
	}
	var rep report.Report
	if err := json.Unmarshal(b, &rep); err != nil {
		t.Fatal(err)
	}
	s := rep.Systems[0]
	if rep.Run.Verdict != run.Met || rep.Run.State != run.Recovered || s.RTO.ActualS == nil || s.RPO.LostMarkers == nil || *s.RPO.LostMarkers != 0 ||
		s.Failback.SingleWriter == nil || !*s.Failback.SingleWriter || s.Failback.Writer != "tokyo" {
		t.Errorf("verdict %s, %s, %+v", rep.Run.Verdict, rep.Run.State, s)
	}
	// The records were in PostgreSQL, and nothing of them in the engine's database can be read.
	if _, err := os.Stat(filepath.Join(dir, "installation", "server", "data", "journal.db")); err == nil {
		t.Error("the server keeps records in a file")
	}
	if inClear != 0 || rows == 0 {
		t.Errorf("%d of %d rows of the engine's histories can be read: they name a person of the plan", inClear, rows)
	}
	acted := map[string]int{}
	for _, x := range rep.Steps {
		acted[x.ID] += x.Attempts
	}
	t.Logf("RTO %.1f s; attempts of each step: %v", *s.RTO.ActualS, acted)
	if out, _ := exec.Command("pgrep", "-af", dir).Output(); len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("processes are left:\n%s", out)
	}
}

// strangers try every door without a certificate, or with one that opens another.
func strangers(ctx context.Context, i *production.Installation, dir string) error {
	home := filepath.Join(dir, "installation")
	other, err := tls.LoadX509KeyPair(filepath.Join(home, "prometheus", "tls", "prometheus.pem"), filepath.Join(home, "prometheus", "tls", "prometheus-key.pem"))
	if err != nil {
		return err
	}
	for who, pairs := range map[string][]tls.Certificate{"nobody": nil, "Prometheus": {other}} {
		short, cancel := context.WithTimeout(ctx, 5*time.Second)
		c, err := client.DialContext(short, client.Options{HostPort: i.EngineAddress(), Namespace: "muster",
			ConnectionOptions: client.ConnectionOptions{TLS: &tls.Config{InsecureSkipVerify: true, Certificates: pairs}}})
		cancel()
		if err == nil {
			c.Close()
			return fmt.Errorf("the engine let %s in", who)
		}
	}
	for _, at := range []string{
		"postgres://muster@" + i.StoreAddress() + "/muster?sslmode=require",
		"postgres://muster@" + i.StoreAddress() + "/muster?sslmode=disable",
		"postgres://muster@" + i.StoreAddress() + "/temporal?sslmode=require&sslcert=" + home + "/server/tls/database.pem&sslkey=" + home + "/server/tls/database-key.pem",
	} {
		c, err := pgx.Connect(ctx, at)
		if err == nil {
			_ = c.Close(ctx)
			return fmt.Errorf("the store let %s in", at)
		}
	}
	bare := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	if res, err := bare.Get(i.PrometheusURL() + "/api/v1/query?query=up"); err == nil {
		_ = res.Body.Close()
		return errors.New("Prometheus answered whoever came without a certificate")
	}
	if res, err := bare.Get(strings.Replace(i.URL(), "https:", "http:", 1) + "/api/v1/health"); err == nil && res.StatusCode == http.StatusOK {
		_ = res.Body.Close()
		return errors.New("the server answered in clear")
	}
	return nil
}

// histories counts the rows of the engine's histories, and those in which a word stands in clear.
func histories(ctx context.Context, i *production.Installation, dir, word string) (rows, inClear int, err error) {
	certs := filepath.Join(dir, "installation", "temporal", "tls")
	c, err := pgx.Connect(ctx, "postgres://temporal@"+i.StoreAddress()+"/temporal?sslmode=verify-ca&sslrootcert="+certs+"/ca.pem&sslcert="+certs+"/database.pem&sslkey="+certs+"/database-key.pem")
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = c.Close(ctx) }()
	err = c.QueryRow(ctx, "SELECT count(*), count(*) FILTER (WHERE position(convert_to($1, 'UTF8') in data) > 0) FROM history_node", word).Scan(&rows, &inClear)
	return rows, inClear, err
}

// phases calls at as soon as each phase of a run has begun, and returns when the run has ended.
func phases(ctx context.Context, c *api.Client, id string, at func(run.Phase) error) error {
	for after := int64(0); ; {
		got, err := c.Events(ctx, id, after, 5*time.Second)
		away, refused := new(api.Unreachable), new(api.Problem)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &away), errors.As(err, &refused) && refused.Status >= 500:
			continue // it is being brought back
		default:
			return err
		}
		for _, e := range got.Entries {
			after = e.Position
			if e.Event.Kind == run.RunEnded {
				return nil
			}
			if e.Event.Kind == run.PhaseStarted {
				if err := at(e.Event.Phase); err != nil {
					return err
				}
			}
		}
	}
}

// folder is one that every user of the installation may pass.
func folder(t *testing.T) string {
	t.Helper()
	parent, err := os.MkdirTemp("/var/tmp", "muster-production-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(parent) })
	if err := os.Chmod(parent, 0o711); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(parent, "p")
}

// binaries is the folder bin/ of the repository.
func binaries(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "..", "..", "bin")
}

func there(t *testing.T, file, way string) string {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("%v: %s", err, way)
	}
	return file
}

// talk is written to by several.
type talk struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *talk) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *talk) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}
