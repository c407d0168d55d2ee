package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/clocktest"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// deaths are moments at which the whole of `muster up`, engine included, is killed with
// SIGKILL: a failpoint inside an action ("begun:promote": the ledger has it, PostgreSQL
// has not; "acted:promote": PostgreSQL has it, nobody was told), or an event of the
// journal.
type death struct {
	fault string
	event run.EventKind
	phase run.Phase
	// frozen, unless zero, is for how long the whole stands still instead of being killed,
	// as a virtual machine that is suspended does.
	frozen time.Duration
	// ahead is by how much the wall clock is ahead of the monotonic one when it goes on: a
	// suspended machine's stands still with it.
	ahead time.Duration
}

func (d death) String() string {
	if d.fault != "" {
		return d.fault
	}
	if d.frozen > 0 {
		return fmt.Sprintf("a standstill at %s %s, the clock %v ahead", d.event, d.phase, d.ahead)
	}
	return fmt.Sprint(d.event, " ", d.phase)
}

// After every kill the run goes on by itself, nothing is done twice, and what the tool
// lost in time is inside the RTO (design.md: it survives what it is for).
func TestKilledAtTheWorstMoments(t *testing.T) {
	t.Parallel()
	for name, deaths := range map[string][]death{
		"before PostgreSQL acted": {
			{event: run.PhaseStarted, phase: run.SafetyCheck},
			{fault: "begun:promote"},
			{event: run.PhaseStarted, phase: run.Verification},
			{fault: "begun:switchover"},
		},
		"after PostgreSQL acted": {
			{fault: "acted:fence"},
			{fault: "acted:promote"},
			{event: run.PhaseStarted, phase: run.Failback},
			{fault: "acted:rejoin"},
			{fault: "acted:switchover"},
			{event: run.PhaseStarted, phase: run.Closing},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			survive(t, deaths)
		})
	}
}

// The whole of `muster up`, engine included, stands still in the middle, for longer than any
// worker may be silent, and goes on: what was under way is done once, and the time is inside
// the figures. So it is when its machine was suspended for five minutes, which is told.
func TestAMachineStandsStill(t *testing.T) {
	t.Parallel()
	survive(t, []death{
		{event: run.PhaseStarted, phase: run.Recovery, frozen: 20 * time.Second},
		{event: run.PhaseStarted, phase: run.Failback, frozen: time.Second, ahead: 5 * time.Minute},
	})
}

func survive(t *testing.T, deaths []death) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	dir := t.TempDir()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", tail(filepath.Join(dir, ServerLog)))
		}
	})
	machine, binary := clocktest.New(t), faultyBinary(t)
	engine := "MUSTER_ENGINE=" + machine.Program(t, filepath.Join(filepath.Dir(binary), "muster-engine"))
	d := &demo{Options: Options{Dir: dir, Binary: machine.Program(t, binary), Out: io.Discard, Talk: t.Output()}}
	unlock, err := d.prepare(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	if d.cluster, err = d.createCluster(ctx); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := endAll(context.WithoutCancel(ctx), d.dir, d.linked()); err != nil {
			t.Error(err)
		}
		if to := d.linked(); to != "" {
			_ = os.RemoveAll(to)
		}
	}()
	if d.person, err = d.writePlans(); err != nil {
		t.Fatal(err)
	}
	if d.up, err = d.configure(); err != nil {
		t.Fatal(err)
	}

	id, after := "", int64(0)
	for i := 0; i <= len(deaths); i++ {
		if i == 0 || deaths[i-1].frozen == 0 {
			d.up.env = []string{engine}
			if i < len(deaths) && deaths[i].fault != "" {
				d.up.env = append(d.up.env, "MUSTER_FAULT="+deaths[i].fault)
			}
			began := time.Now()
			if d.up.process, err = d.up.launch(); err != nil {
				t.Fatal(err)
			}
			if err := d.up.await(ctx); err != nil {
				t.Fatal(err)
			}
			if i > 0 {
				t.Logf("back %v after the kill at %s", time.Since(began).Round(time.Millisecond), deaths[i-1])
			}
		}
		c := d.up.client(d.Lang)
		if id == "" {
			started, err := c.Start(ctx, api.StartRequest{Scenario: Scenario, Kind: run.Drill, By: d.person, Reason: "kill test"})
			if err != nil {
				t.Fatal(err)
			}
			id = started.Run
		}
		if i == len(deaths) {
			follow(ctx, t, d, c, id, &after, func(e run.Event) bool { return e.Kind == run.RunEnded })
			judge(ctx, t, d, c, id, slices.ContainsFunc(deaths, func(d death) bool { return d.ahead > 0 }))
			c.Close()
			break
		}
		if at := deaths[i]; at.fault != "" {
			select {
			case <-d.up.process.Done:
			case <-ctx.Done():
				t.Fatalf("never reached %s; see %s:\n%s", at, d.path(ServerLog), tail(d.path(ServerLog)))
			}
		} else {
			follow(ctx, t, d, c, id, &after, func(e run.Event) bool { return e.Kind == at.event && e.Phase == at.phase })
			pid := d.up.process.Cmd.Process.Pid
			if at.frozen > 0 {
				signalWhole(t, pid, syscall.SIGSTOP)
				<-time.After(at.frozen) // the fault itself
				if at.ahead > 0 {
					if n := len(machine.Running(t)); n != 2 {
						t.Fatalf("%d processes go by the clock, want muster and its engine", n)
					}
					machine.Set(t, at.ahead)
				}
				signalWhole(t, pid, syscall.SIGCONT)
			} else {
				signalWhole(t, pid, syscall.SIGKILL)
				<-d.up.process.Done
			}
		}
		c.Close()
	}
}

// follow reads the journal until an event is there.
func follow(ctx context.Context, t *testing.T, d *demo, c *api.Client, id string, after *int64, want func(run.Event) bool) {
	t.Helper()
	for {
		got, err := c.Events(ctx, id, *after, 5*time.Second)
		if err != nil {
			t.Fatalf("follow %s: %v\n%s", id, err, tail(d.path(ServerLog)))
		}
		for _, e := range got.Entries {
			*after = e.Position
			if want(e.Event) {
				return
			}
		}
	}
}

// judge checks what the operator finds at the end.
func judge(ctx context.Context, t *testing.T, d *demo, c *api.Client, id string, clockSet bool) {
	t.Helper()
	d.client = c
	rep, err := d.writeReports(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Run.State != run.Recovered {
		t.Errorf("state = %s, want recovered", rep.Run.State)
		tell(ctx, t, c, id)
	}
	if told := slices.ContainsFunc(rep.Findings, func(f report.Finding) bool { return f.Kind == run.FindingClock }); told != clockSet {
		t.Errorf("the report tells of a clock that was set: %v, want %v", told, clockSet)
	}
	s := rep.Systems[0]
	if s.RPO.LostMarkers == nil || *s.RPO.LostMarkers != 0 {
		t.Errorf("lost markers = %v, want 0", s.RPO.LostMarkers)
	}
	if s.Failback.SingleWriter == nil || !*s.Failback.SingleWriter {
		t.Errorf("single writer = %v at the end", s.Failback.SingleWriter)
	}
	if s.RTO.ActualS == nil {
		t.Errorf("RTO has no figure: %+v", s.RTO)
		tell(ctx, t, c, id)
	} else {
		t.Logf("RTO %.1f s, verdict %s (run: %s)", *s.RTO.ActualS, s.RTO.Verdict, rep.Run.Verdict)
	}
	// Tokyo began on timeline 1; one promotion there and one back make it 3.
	home := d.cluster.pair.Primary
	at := url.URL{Scheme: "postgres", User: url.UserPassword(d.cluster.pair.User, d.cluster.pair.Password),
		Host: fmt.Sprintf("%s:%d", home.Host, home.Port), Path: "/postgres", RawQuery: "sslmode=disable"}
	conn, err := pgx.Connect(ctx, at.String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var timeline string
	var standby bool
	if err := conn.QueryRow(ctx, "select pg_is_in_recovery(), case when pg_is_in_recovery() then '' else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end").Scan(&standby, &timeline); err != nil {
		t.Fatal(err)
	}
	if standby || timeline != "00000003" {
		t.Errorf("tokyo: standby %v, timeline %s; want the primary on 00000003: each promotion raised it exactly once", standby, timeline)
	}
}

// tell prints the journal of a run that did not come out right.
func tell(ctx context.Context, t *testing.T, c *api.Client, id string) {
	t.Helper()
	all, err := c.Events(ctx, id, 0, 0)
	if err != nil {
		t.Error(err)
	}
	for _, e := range all.Entries {
		b, _ := json.Marshal(e.Event)
		t.Log(string(b))
	}
}

// signalWhole kills or stops muster and its engine, muster last, so that nothing tidies up.
// The database servers, which its workers may have started, live on.
func signalWhole(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(tasks) == 0 {
		t.Fatalf("process %d is gone already (%v)", pid, err)
	}
	for _, f := range tasks {
		b, _ := os.ReadFile(f)
		for _, c := range strings.Fields(string(b)) {
			n, err := strconv.Atoi(c)
			if err != nil {
				continue
			}
			if exe, _ := os.Readlink("/proc/" + c + "/exe"); strings.Contains(exe, "muster-engine") {
				_ = syscall.Kill(n, signal)
			}
		}
	}
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}

func faultyBinary(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	b := filepath.Join(dir, "bin", "faults", "muster")
	if _, err := os.Stat(b); err != nil {
		t.Fatalf("%v; make faulty-binary", err)
	}
	return b
}

func tail(path string) string {
	b, _ := os.ReadFile(path)
	lines := strings.Split(string(b), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}
