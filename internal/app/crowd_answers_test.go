package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/internal/waittest"
	"github.com/muster-dr/muster/workflows"
)

// crowdServer is a server of 5,000 people that can be taken away and put back.
type crowdServer struct {
	t     *testing.T
	o     Options
	c     client.Client
	store string
	at    string
	me    *api.Client
	end   func()
}

func (s *crowdServer) start() {
	s.t.Helper()
	store, err := journal.Open(s.t.Context(), s.store)
	if err != nil {
		s.t.Fatal(err)
	}
	const token = "a-token-for-tests-only"
	s.o.Config.Listen = cmp.Or(s.at, s.o.Config.Listen)
	door, err := openFront(s.t.Context(), s.o, token)
	if err != nil {
		s.t.Fatal(err)
	}
	s.at = door.ln.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := newServer(ctx, s.o, store, &link{client: s.c, flows: s.c, codec: keyring.NewCodec(nil, "")}, reached{}, metrics.New("test"), all.Registry(all.Options{}), token, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.run(ctx, door, func() {})
	}()
	if s.me == nil {
		s.me = api.Connect("http://"+s.at, token, "en")
	}
	s.end = func() { cancel(); <-ended; _ = store.Close() }
}

// 5,000 people answer through the API while the server goes away and comes back and the
// engine is killed: no answer is lost or counted twice, the run knows them all afterwards,
// and its history is far below what the engine takes.
func TestFiveThousandPeopleAnswer(t *testing.T) {
	t.Parallel()
	const people, workers = 5000, 24
	estate := &strings.Builder{}
	estate.WriteString("kind: Estate\nname: crowd\nzone: Asia/Tokyo\ncontrol: osaka\nsites: [{name: tokyo}, {name: osaka}]\nmuster_places: [{name: online, online: true}]\n" +
		"systems: [{name: orders, home: tokyo, alternate: osaka, runbooks: {failover: orders}}]\npeople:\n")
	for n := range people {
		role := "staff"
		if n%100 == 0 {
			role = "commander"
		}
		fmt.Fprintf(estate, "  - {id: p%04d, name: {en: Person %[1]d, ja: 職員 %[1]d}, roles: [%[2]s], section: s%02[3]d}\n", n, role, n%20)
	}
	e, err := engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: t.TempDir(), Discard: true})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	kept := make(chan error, 1)
	go func() { kept <- e.Run(ctx) }() // starts it again when it is killed
	t.Cleanup(func() { stop(); <-kept })
	at := e.Endpoint()
	c, err := engine.Dial(t.Context(), engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate.String(),
		"runbook.yaml": "kind: Runbook\nname: orders\nsystem: orders\nsteps:\n  - {id: tell, uses: human.task, as: commander, with: {text: Tell the branches}}\n",
		"scenario.yaml": `kind: Scenario
name: crowd
hazard: disaster
depth: tabletop
phases: [activation, safety_check, muster, closing]
systems: [orders]
muster_place: online
failback: stay
quorum: {staff: 1000, commander: 50}
safety: {remind: [20m], within: 40m, muster: 40m, task: 1s}
`}))
	s := &crowdServer{t: t, o: o, c: c, store: "sqlite:" + filepath.Join(t.TempDir(), "journal.db"), at: "127.0.0.1:0"}
	s.start()
	t.Cleanup(func() { s.me.Close(); s.end() })
	begun, err := s.me.Start(t.Context(), api.StartRequest{Scenario: "crowd", Kind: run.Drill, By: "p0000"})
	if err != nil {
		t.Fatal(err)
	}
	totals := func() api.Totals {
		p, err := s.me.People(t.Context(), begun.Run, api.PeopleFilter{State: "hurt"})
		if err != nil {
			t.Fatal(err)
		}
		return p.Totals
	}
	waittest.Every(t, 250*time.Millisecond, 3*time.Minute, func() string { // each look reads 5,000 people
		if n := totals().People; n != people {
			return fmt.Sprintf("%d of %d people are called", n, people)
		}
		return ""
	})

	var answered, next atomic.Int64
	var want api.Totals
	want.People, want.Answered = people, people
	for n := range people {
		if n%50 == 7 {
			want.LightlyHurt++
			want.Hurt++
		} else {
			want.Safe++
		}
		want.CanCome++
		want.Arrived++
	}
	// again asks until there is an answer: a server that is away is no refusal.
	again := func(do func() error) {
		deadline := time.Now().Add(3 * time.Minute)
		for {
			err := do()
			if err == nil {
				return
			}
			p, away := new(api.Problem), new(api.Unreachable)
			if !(errors.As(err, &away) || errors.As(err, &p) && p.Status >= 500) || time.Now().After(deadline) {
				t.Errorf("an answer was not taken: %v", err)
				return
			}
			<-time.After(50 * time.Millisecond)
		}
	}
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for {
				n := int(next.Add(1)) - 1
				if n >= people {
					return
				}
				id, safety := fmt.Sprintf("p%04d", n), run.Safe
				if n%50 == 7 {
					safety = run.LightlyHurt
				}
				again(func() error {
					_, err := s.me.CheckIn(t.Context(), begun.Run, workflows.CheckIn{Person: id, By: id, Safety: safety, CanCome: true})
					return err
				})
				again(func() error {
					_, err := s.me.Arrive(t.Context(), begun.Run, workflows.Arrive{Person: id, By: id})
					return err
				})
				answered.Add(1)
			}
		})
	}
	await(t, "1,500 have answered", func() bool { return answered.Load() >= 1500 })
	s.end()
	s.start()
	await(t, "3,000 have answered", func() bool { return answered.Load() >= 3000 })
	if err := syscall.Kill(e.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	if got := totals(); got != want {
		t.Errorf("totals %+v, want %+v", got, want)
	}

	u := running{Client: s.me}
	entries := untilLast(t, u, begun.Run)
	r := readReport(t, u, begun.Run)
	if r.People.Called != people || r.People.Safe != want.Safe || r.People.Mustered != people || r.People.QuorumMissed || r.People.QuorumS == nil {
		t.Errorf("the report: called %d, safe %d, mustered %d, quorum missed %v", r.People.Called, r.People.Safe, r.People.Mustered, r.People.QuorumMissed)
	}
	// The last commander comes last, and the safety check passes with the last answer.
	quorum, checked := false, run.Outcome("")
	for _, x := range entries {
		quorum = quorum || x.Event.Kind == run.QuorumReached
		if x.Event.Kind == run.PhaseEnded && x.Event.Phase == run.SafetyCheck {
			checked = x.Event.Outcome
		}
	}
	if !quorum || checked != run.Passed {
		t.Errorf("the run did not hear of everybody: quorum %v, safety check %s", quorum, checked)
	}
	d, err := c.DescribeWorkflowExecution(t.Context(), begun.Run, "")
	if err != nil {
		t.Fatal(err)
	}
	info := d.GetWorkflowExecutionInfo()
	t.Logf("history: %d events, %d bytes", info.GetHistoryLength(), info.GetHistorySizeBytes())
	if n, size := info.GetHistoryLength(), info.GetHistorySizeBytes(); n > 1000 || size > 8<<20 {
		t.Errorf("the history has %d events and %d bytes; the engine warns at 10,240 and 10 MB", n, size)
	}
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline, tick := time.After(3*time.Minute), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not within 3 minutes: %s", what)
		case <-tick.C:
		}
	}
}
