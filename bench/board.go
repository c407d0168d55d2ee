package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/board"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const (
	boardRun     = "bench-1"
	boardToken   = "a-token-of-the-bench-only"
	boardViewers = 20
	boardChanges = 10 // a second
	boardPeople  = 60
)

// serveBoardIn is set in the process that serves the board, to its folder: viewers must not
// be counted with what they look at.
const (
	serveBoardIn = "MUSTER_BENCH_BOARD"
	serveBoardAt = "MUSTER_BENCH_BOARD_AT"
)

// board prints what the board needs while a run changes and people look at it. The same
// process without viewers shows what of that is the record store's.
func (b *bench) board(ctx context.Context) error {
	fmt.Printf("\nboard: one run of %d people, %d changes a second, half of the viewers at the run's page, half at the first\n", boardPeople, boardChanges)
	fmt.Printf("%8s %10s %12s %10s %14s %14s\n", "viewers", "CPU s", "% of a core", "RSS MB", "pictures/s", "KB/s a viewer")
	without := 0.0
	for _, viewers := range []int{0, boardViewers} {
		f, seen, bytes, err := b.watchBoard(ctx, viewers)
		if err != nil {
			return err
		}
		per := max(1, float64(viewers))
		fmt.Printf("%8d %10.2f %12.2f %10.1f %14.1f %14.1f\n", viewers, f.cpu.Seconds(), f.percent(), f.rss, float64(seen)/per/f.wall.Seconds(), float64(bytes)/1024/per/f.wall.Seconds())
		if viewers == 0 {
			without = f.percent()
		} else {
			fmt.Printf("the board's own part: %.2f %% of a core; the goal is below 20\n", f.percent()-without)
		}
	}
	return nil
}

func (b *bench) watchBoard(ctx context.Context, viewers int) (f figures, seen, bytes int64, err error) {
	dir, err := os.MkdirTemp(b.dir, "board-")
	if err != nil {
		return f, 0, 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return f, 0, 0, err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return f, 0, 0, err
	}
	address := ln.Addr().String()
	_ = ln.Close()
	server, err := child.Start("board", filepath.Join(dir, "board.log"), self, append(os.Environ(), serveBoardIn+"="+dir, serveBoardAt+"="+address))
	if err != nil {
		return f, 0, 0, err
	}
	defer func() { _ = server.End(context.WithoutCancel(ctx)) }()
	at := "http://" + address
	if err := answers(ctx, at, server); err != nil {
		return f, 0, 0, err
	}
	ctx, stop := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer stop()
	var pictures, read atomic.Int64
	failed := make(chan error, viewers)
	for n := range viewers {
		path := []string{"/runs/" + boardRun + "/live", "/live"}[n%2]
		lang := []string{"ja", "en"}[n/2%2]
		looking.Go(func() {
			if err := view(ctx, at, boardToken, path, lang, &pictures, &read); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	if err := pause(ctx, settling); err != nil {
		return f, 0, 0, err
	}
	p0, r0 := pictures.Load(), read.Load()
	f, err = watch(ctx, server, b.window)
	seen, bytes = pictures.Load()-p0, read.Load()-r0
	select {
	case err = <-failed:
	default:
	}
	return f, seen, bytes, err
}

// answers waits until the board does.
func answers(ctx context.Context, at string, server *child.Process) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if res, err := http.Get(at + "/login"); err == nil {
			return res.Body.Close()
		}
		select {
		case <-server.Done:
			return server.Failure()
		case <-ctx.Done():
			return errors.New("the board did not answer within a minute")
		case <-tick.C:
		}
	}
}

// view is one viewer: it signs in and reads the stream for ever.
func view(ctx context.Context, at, token, path, lang string, pictures, read *atomic.Int64) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	c := &http.Client{Jar: jar}
	res, err := c.PostForm(at+"/login", url.Values{"token": {token}})
	if err != nil {
		return err
	}
	_ = res.Body.Close()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Language", lang)
	if res, err = c.Do(req); err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, res.Status)
	}
	lines := bufio.NewScanner(res.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		read.Add(int64(len(lines.Bytes())))
		if strings.HasPrefix(lines.Text(), "event: beat") {
			pictures.Add(1)
		}
	}
	return errors.Join(lines.Err(), io.ErrUnexpectedEOF)
}

// serveBoard serves a board on a record store in dir, and lets the run in it
// change until it is killed.
func serveBoard(ctx context.Context, dir string) error {
	store, err := journal.Open(ctx, "sqlite:"+filepath.Join(dir, "journal.db"))
	if err != nil {
		return err
	}
	p := boardPlan()
	if err := errors.Join(p.Seal(), store.PutPlan(ctx, p)); err != nil {
		return err
	}
	s := &api.Server{Store: store, Token: boardToken, Engine: idleEngine{}, Log: slog.New(slog.DiscardHandler)}
	b, err := board.New(board.Options{Store: store, API: s.Handler(), People: identity.New(store, identity.Options{Console: boardToken}),
		Estate: func() (board.Inventory, error) { return board.Inventory{Estate: p.Estate, Systems: p.Systems}, nil }})
	if err != nil {
		return err
	}
	begun := time.Now().UTC()
	events := []run.Event{{Kind: run.RunStarted, By: "p00", Data: run.Encode(run.Started{Kind: run.Drill, Depth: run.Live, Scenario: "bench", Hazard: run.Disaster, PlanHash: p.Hash})},
		{Kind: run.PhaseStarted, Phase: run.SafetyCheck}, {Kind: run.PhaseStarted, Phase: run.Muster}, {Kind: run.PhaseStarted, Phase: run.Recovery}}
	for _, sys := range p.Systems {
		events = append(events, run.Event{Kind: run.EventOccurred, System: sys.Name, Data: run.Encode(run.Occurrence{At: begun, Source: "inject"})})
	}
	for _, one := range p.Estate.People {
		events = append(events, run.Event{Kind: run.PersonCalled, Person: one.ID})
	}
	seq := int64(0)
	keep := func(events ...run.Event) error {
		for i := range events {
			seq++
			events[i].Run, events[i].Writer, events[i].Seq, events[i].At = boardRun, "run", seq, time.Now().UTC()
		}
		return store.Append(ctx, events)
	}
	if err := keep(events...); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", os.Getenv(serveBoardAt))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	srv := &http.Server{Handler: b, ReadHeaderTimeout: 5 * time.Second}
	go func() { failed <- srv.Serve(ln) }()
	tick := time.NewTicker(time.Second / boardChanges)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := keep(boardChange(p, n)); err != nil {
			return err
		}
	}
}

// idleEngine is well and runs nothing: what the board asks of an engine is who holds a system.
type idleEngine struct{ client.Client }

func (idleEngine) CheckHealth(context.Context, *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	return &client.CheckHealthResponse{}, nil
}

func (idleEngine) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, serviceerror.NewNotFound("nothing runs")
}

func (idleEngine) QueryWorkflow(context.Context, string, string, string, ...any) (converter.EncodedValue, error) {
	return nil, serviceerror.NewNotFound("nothing runs")
}

// boardChange is what happens next: answers, arrivals, steps, probes and words in turn.
func boardChange(p plan.Plan, n int) run.Event {
	system := p.Systems[n%len(p.Systems)]
	person := p.Estate.People[n%len(p.Estate.People)].ID
	step := fmt.Sprintf("step-%d", n/7%40)
	switch n % 7 {
	case 0:
		return run.Event{Kind: run.PersonAnswered, Person: person, By: person, Data: run.Encode(run.Answer{Safety: run.Safe, CanCome: n%2 == 0})}
	case 1, 2:
		probe := system.Probes[n%len(system.Probes)]
		return run.Event{Kind: run.ProbeChanged, System: system.Name, Step: probe.Name, Data: run.Encode(run.ProbeChange{Up: n/2%2 == 0, At: time.Now().UTC()})}
	case 3:
		return run.Event{Kind: run.StepStarted, System: system.Name, Runbook: system.Failover, Step: step, Generation: 1}
	case 4:
		return run.Event{Kind: run.StepEnded, System: system.Name, Runbook: system.Failover, Step: step, Outcome: run.Passed, Data: run.Encode(run.StepResult{DurationS: 1.5, Attempts: 1})}
	case 5:
		return run.Event{Kind: run.PersonArrived, Person: person, By: person, Data: run.Encode(run.Arrival{Place: "room"})}
	}
	return run.Event{Kind: run.MessageSent, Data: run.Encode(run.Message{Text: fmt.Sprintf("%sword %d / 連絡 %d", run.Mark, n, n)})}
}

func boardPlan() plan.Plan {
	rto := run.Duration(30 * time.Minute)
	p := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "bench", Title: plan.Text{EN: "Loss of Tokyo", JA: "東京拠点の喪失"}, Hazard: run.Disaster, Depth: run.Live,
		Phases: run.Phases(run.Disaster), Quorum: []plan.RoleCount{{Role: "operator", Count: 6}}, Decision: plan.DecisionRule{By: "commander"}},
		Estate: plan.Estate{Name: "bench", Zone: "Asia/Tokyo", Control: "osaka", Sites: []plan.Site{{Name: "osaka"}, {Name: "tokyo"}}, Places: []plan.Place{{Name: "room", Site: "osaka"}}}}
	for n := range boardPeople {
		role := "staff"
		if n < 12 {
			role = []string{"commander", "operator"}[min(n, 1)]
		}
		p.Estate.People = append(p.Estate.People, plan.Person{ID: fmt.Sprintf("p%02d", n), Name: plan.Text{EN: fmt.Sprintf("Person %d", n), JA: fmt.Sprintf("職員 %d", n)}, Roles: []string{role}, Section: fmt.Sprintf("section-%d", n%6)})
	}
	for _, name := range []string{"orders", "payments", "portal"} {
		p.Systems = append(p.Systems, plan.System{Name: name, Title: plan.Text{EN: name, JA: name}, Priority: "S", Home: "tokyo", Alternate: "osaka", Objective: plan.Objective{RTO: &rto}, Failover: name + "-failover",
			Probes: []plan.Probe{{Name: name + "/write", System: name, Function: "write", Weight: 60}, {Name: name + "/read", System: name, Function: "read", Weight: 40}}})
		book := plan.Runbook{Name: name + "-failover", System: name}
		for n := range 40 {
			book.Steps = append(book.Steps, plan.Step{ID: fmt.Sprintf("step-%d", n), Uses: "sim.step", Budget: run.Duration(time.Minute)})
		}
		p.Runbooks = append(p.Runbooks, book)
	}
	return p
}
