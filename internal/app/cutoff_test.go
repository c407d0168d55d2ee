package app

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
)

// line is a line between two machines that can be cut: what is sent into it then is
// neither delivered nor refused.
type line struct {
	net.Listener
	to string

	mu   sync.Mutex
	ends []net.Conn
	cut  chan struct{} // closed while the line is whole
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	whole := make(chan struct{})
	close(whole)
	l := &line{Listener: ln, to: to, cut: whole}
	var parts sync.WaitGroup
	parts.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			parts.Go(func() { l.carry(c, &parts) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		l.mend()
		l.mu.Lock()
		for _, c := range l.ends {
			_ = c.Close()
		}
		l.mu.Unlock()
		parts.Wait()
	})
	return l
}

func (l *line) carry(near net.Conn, parts *sync.WaitGroup) {
	<-l.whole()
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	l.ends = append(l.ends, near, far)
	l.mu.Unlock()
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		parts.Go(func() {
			defer way[0].Close()
			defer way[1].Close()
			b := make([]byte, 32<<10)
			for {
				n, err := way[0].Read(b)
				<-l.whole()
				if n > 0 {
					if _, err := way[1].Write(b[:n]); err != nil {
						return
					}
				}
				if err != nil {
					return
				}
			}
		})
	}
}

func (l *line) whole() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.cut
}

// cutFor cuts the line and mends it after d, or later on a busy machine: it says when.
func (l *line) cutFor(d time.Duration) time.Duration {
	l.mu.Lock()
	l.cut = make(chan struct{})
	l.mu.Unlock()
	begun := time.Now()
	<-time.After(d)
	l.mend()
	return time.Since(begun)
}

func (l *line) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case <-l.cut:
	default:
		close(l.cut)
	}
}

// A site is cut off in the middle of a step, which ends there meanwhile, and is back. The
// step is settled by looking, is done once, and its probe has seen all of it.
func TestASiteIsCutOffInTheMiddleOfAStep(t *testing.T) {
	t.Parallel()
	cutOff(t, run.ByObservation, map[string][]string{"en": {"fell silent", "seen:"}, "ja": {"応答が途絶えた", "確認結果"}}, func(l *line, end func()) bool {
		end()
		l.cutFor(8 * time.Second) // longer than a worker may be silent
		return true
	})
}

// For a second and a half nobody answers, which is longer than the SDK waits: the step goes on as if nothing had been. Where the machine
// stood still meanwhile, so that the line was cut for about as long as a lease lasts, the drill is held again.
func TestAMomentWithoutAnAnswerCutsNoStepOff(t *testing.T) {
	t.Parallel()
	for n := 1; ; n++ {
		if cutOff(t, run.ByResult, nil, func(l *line, end func()) bool {
			took := l.cutFor(1500 * time.Millisecond)
			end()
			return took <= 1800*time.Millisecond || n == 5
		}) {
			return
		}
	}
}

// cutOff runs a drill whose step waits at a site until it may end, while something happens to the site's line. It is judged,
// and says so, when that happened as it was meant to.
func cutOff(t *testing.T, settled run.SettledBy, reads map[string][]string, happens func(l *line, end func()) bool) bool {
	t.Helper()
	s, files := newShaky(t), map[string]string{}
	begun, done := filepath.Join(s.dir, "begun"), filepath.Join(s.dir, "done")
	s.flag = done
	files["estate.yaml"] = fmt.Sprintf(`kind: Estate
name: cut-off
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo}, {name: osaka}, {name: branch}]
systems:
  - name: shop
    home: tokyo
    alternate: branch
    drillable: [live]
    objectives: {rto: 2m}
    runbooks: {failover: shop}
    functions: [{name: shop, probe: {uses: probe.http, at: branch, interval: 100ms, timeout: 5s, with: {url: "%s/"}}}]
people: [{id: sato, name: Sato, roles: [commander]}]
muster_places: [{name: online, title: Online, online: true}]
`, s.URL)
	script := fmt.Sprintf("echo begun >> %s; until [ -e %s.go ]; do sleep 0.1; done; echo done >> %[2]s", begun, done)
	files["runbook.yaml"] = fmt.Sprintf("kind: Runbook\nname: shop\nsystem: shop\nsteps:\n  - {id: promote, at: branch, uses: exec.run, timeout: 1m, queue_timeout: 5m, with: {argv: [sh, -c, %q], look: [test, -s, %s]}}\n", script, done)
	files["scenario.yaml"] = fmt.Sprintf(`kind: Scenario
name: shop
title: {en: A branch is cut off, ja: 支店との回線断}
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [shop]
injects: [{uses: http.request, site: osaka, starts: shop, with: {url: "%[1]s/break"}, undo: {uses: http.request, with: {url: "%[1]s/mend"}}}]
failback: stay
muster_place: online
approvals: 0
baseline: 200ms
hold: 500ms
verify_wait: 20s
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
`, s.URL)
	o, _ := options(t, plansDir(t, files))
	o.Config.Sites = []string{"osaka", "tokyo"}
	l := newLine(t, openGate(t, &o))
	u := begin(t, o)
	w := employSite(t, o, "branch", l.Addr().String())
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "shop", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Eventually(t, 2*time.Minute, func() string {
		if lines(begun)() == 0 {
			return "the step has not begun"
		}
		return ""
	})
	meant := happens(l, func() { save(t, done+".go", "") })
	untilEnded(t, u, started.Run)
	if !meant {
		return false
	}

	r := readReport(t, u, started.Run)
	p := step(r, "promote")
	if p.Outcome != run.Passed || p.SettledBy != settled || lines(begun)() != 1 || lines(done)() != 1 {
		t.Errorf("the step %s by %s (%s), begun %d and done %d times; want passed by %s, once", p.Outcome, p.SettledBy, p.Reason, lines(begun)(), lines(done)(), settled)
	}
	readsIn(t, u, r, reads)
	if sys := r.Systems[0]; sys.RTO.Verdict != run.Met || r.Run.State != run.RecoveredAtAlternate {
		t.Errorf("the run ended %s with RTO %s (%s)", r.Run.State, sys.RTO.Verdict, asJSON(sys.RTO.Why))
	}
	if probe := r.Probes[0]; probe.Gaps != 0 || probe.Lost != "" {
		t.Errorf("the probe went on at the site: %+v", probe)
	}
	nothingOpen(t, u, started.Run, "shop")
	came, err := u.Accesses(t.Context(), 0, 1000)
	if err != nil {
		t.Error(err)
	}
	for _, a := range came { // its probe's words are no attack
		if a.Act == lookout.ActGateway {
			t.Errorf("the worker of the site was refused at the gateway: %+v", a)
		}
	}
	if left := leftRunning(s.dir); len(left) > 0 {
		t.Errorf("left running: %v", strings.Join(left, "\n"))
	}
	select {
	case <-w.Done:
		t.Error("the worker of the site did not live through it")
	default:
	}
	return true
}
