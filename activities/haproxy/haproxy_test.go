package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

// edge is a real HAProxy before two servers that answer their names.
type edge struct {
	target Target
	url    string
	osaka  *httptest.Server
	hold   func() // is called by a request for /hold
}

func start(t *testing.T) *edge {
	t.Helper()
	e := &edge{}
	site := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/hold" {
				e.hold()
			}
			fmt.Fprint(w, name)
		}))
		t.Cleanup(s.Close)
		return s
	}
	tokyo, osaka := site("tokyo"), site("osaka")
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	front := fmt.Sprintf("127.0.0.1:%d", port)
	dir, err := os.MkdirTemp("", "muster-haproxy-") // short: a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e.url, e.osaka, e.target = "http://"+front, osaka, Target{Name: "edge", Spec: Balancer{Socket: filepath.Join(dir, "admin.sock")}}
	config := fmt.Sprintf(`global
  stats socket %s mode 600 level admin
defaults
  mode http
  timeout connect 10s
  timeout check 10s
  timeout client 10s
  timeout server 10s
frontend in
  bind %s
  default_backend orders
backend orders
  option httpchk GET /
  server tokyo1 %s check inter 500 fall 4 rise 1
  server osaka1 %s check inter 500 fall 4 rise 1 disabled
`, e.target.Spec.Socket, front, strings.TrimPrefix(tokyo.URL, "http://"), strings.TrimPrefix(osaka.URL, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "haproxy.cfg"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/sbin/haproxy", "-db", "-f", filepath.Join(dir, "haproxy.cfg"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start haproxy (package haproxy): %v", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if _, err := waitUp(t.Context(), Wait{Server: e.server("tokyo1"), Within: run.Duration(time.Minute)}); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *edge) server(name string) Server {
	return Server{Balancer: e.target, Backend: "orders", Server: name}
}

func (e *edge) get(t *testing.T, path string) string {
	t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	r, err := c.Get(e.url + path)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

func kind(err error) string {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

func TestTrafficMovesWithTheServersStates(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	if got := e.get(t, "/"); got != "tokyo" {
		t.Fatalf("%q answers at first", got)
	}
	in := Set{Server: e.server("osaka1"), State: "ready", Within: run.Duration(time.Minute)}
	if seen, err := look(ctx, in); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("before: %+v %v", seen, err)
	}
	done, err := set(ctx, in)
	if err != nil || done.Before.Admin != "maint" || done.After.Admin != "ready" {
		t.Fatalf("%+v %v", done, err)
	}
	if up, err := waitUp(ctx, Wait{Server: in.Server, Within: run.Duration(time.Minute)}); err != nil || up.Status != "UP" {
		t.Fatalf("%+v %v", up, err)
	}
	out := Set{Server: e.server("tokyo1"), State: "maint", Drain: run.Duration(time.Minute), Within: run.Duration(time.Minute)}
	if done, err := set(ctx, out); err != nil || done.After.Admin != "maint" || done.After.Sessions != 0 {
		t.Fatalf("%+v %v", done, err)
	}
	for range 4 {
		if got := e.get(t, "/"); got != "osaka" {
			t.Errorf("%q answers after the switch", got)
		}
	}
	if seen, err := look(ctx, out); err != nil || seen.Sight != plan.Holds {
		t.Errorf("after: %+v %v", seen, err)
	}
	if done, err := set(ctx, out); err != nil || done.Before.Admin != "maint" {
		t.Errorf("the same again: %+v %v", done, err)
	}
	out.State = "drain"
	if done, err := set(ctx, out); err != nil || done.After.Admin != "drain" {
		t.Errorf("drained: %+v %v", done, err)
	}

	e.osaka.Close() // set ready, but dead: the balancer's own checks say so
	_, err = waitUp(ctx, Wait{Server: in.Server, Within: run.Duration(20 * time.Millisecond)})
	for deadline := time.Now().Add(time.Minute); err == nil && time.Now().Before(deadline); {
		_, err = waitUp(ctx, Wait{Server: in.Server, Within: run.Duration(20 * time.Millisecond)})
	}
	if kind(err) != plan.ErrFinding {
		t.Errorf("a dead server: %v", err)
	}
}

// A server that is ready again while its last sessions are waited for is not drained, and a process that was started anew
// shows no session at first.
func TestAServerThatIsSetBackIsNotDrained(t *testing.T) {
	e := start(t)
	held, asked := make(chan struct{}), make(chan struct{})
	e.hold = func() { close(asked); <-held }
	answered := make(chan struct{})
	go func() { defer close(answered); e.get(t, "/hold") }()
	<-asked
	p := Set{Server: e.server("tokyo1"), State: "drain", Drain: run.Duration(time.Minute), Within: run.Duration(time.Minute)}
	ended := make(chan error, 1)
	go func() {
		_, err := set(t.Context(), p)
		ended <- err
	}()
	waittest.Eventually(t, time.Minute, func() string {
		if now, err := p.state(t.Context()); err != nil || now.Admin != "drain" || now.Sessions != 1 {
			return fmt.Sprintf("%+v %v", now, err)
		}
		return ""
	})
	if seen, err := look(t.Context(), p); err != nil || seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("while a session lasts: %+v %v", seen, err)
	}
	if _, err := e.target.Spec.tell(t.Context(), "set server orders/tokyo1 state ready"); err != nil {
		t.Fatal(err)
	}
	close(held)
	<-answered
	if err := <-ended; kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "is ready again") {
		t.Errorf("%v", err)
	}
}

// Without statistics of the server its sessions are not none.
func TestAServerWithoutStatisticsIsNotEmpty(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 200)
			n, _ := c.Read(b)
			answer := "# pxname,svname,scur,status,\norders,BACKEND,0,UP,\n"
			if strings.HasPrefix(string(b[:n]), "show servers state") {
				answer = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state\n3 orders 1 tokyo1 127.0.0.1 2 8\n"
			}
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}()
	defer func() { _ = l.Close(); <-served }()
	s := Server{Balancer: Target{Name: "edge", Spec: Balancer{Socket: l.Addr().String()}}, Backend: "orders", Server: "tokyo1"}
	if seen, err := look(t.Context(), Set{Server: s, State: "drain", Drain: run.Duration(time.Second)}); err == nil || !strings.Contains(err.Error(), "no statistics") {
		t.Errorf("%+v %v", seen, err)
	}
}

// When the answer is lost, whoever settles the step or tries it again knows what an undo sets.
func TestWhatWasThereOutlastsTheAnswer(t *testing.T) {
	e := start(t)
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	try := func(step string, n int) context.Context {
		return activities.WithLedger(activities.WithCall(t.Context(), plan.Call{Run: "r", Step: step, EffectKey: fmt.Sprintf("r/%s/%d", step, n)}), l)
	}
	p := Set{Server: e.server("osaka1"), State: "ready", Within: run.Duration(time.Minute)}
	if done, err := set(try("in", 1), p); err != nil || done.Before.Admin != "maint" {
		t.Fatalf("%+v %v", done, err)
	}
	seen, err := look(try("in", 1), p)
	if out, ok := seen.Output.(Done); err != nil || !ok || out.Before.Admin != "maint" || out.After.Admin != "ready" {
		t.Errorf("settled: %+v %v", seen, err)
	}
	if again, err := set(try("in", 2), p); err != nil || again.Before.Admin != "maint" {
		t.Errorf("tried again: %+v %v", again, err)
	}
	seen, err = look(try("another", 1), p)
	if out, ok := seen.Output.(Done); err != nil || !ok || out.Before.Admin != "ready" {
		t.Errorf("of a step that found it so: %+v %v", seen, err)
	}
}

func TestWrongNamesAndSilentBalancersAreNamed(t *testing.T) {
	e := start(t)
	ctx := t.Context()
	for _, s := range []Server{e.server("nagoya1"), {Balancer: e.target, Backend: "none", Server: "tokyo1"}, e.server("x; shutdown sessions")} {
		if _, err := set(ctx, Set{Server: s, State: "ready"}); kind(err) != plan.ErrRefused {
			t.Errorf("%s/%s: %v", s.Backend, s.Server, err)
		}
	}
	gone := e.server("tokyo1")
	gone.Balancer.Spec.Socket = "/no/such.sock"
	if _, err := look(ctx, Set{Server: gone, State: "ready"}); err == nil {
		t.Error("a socket that is not there can be looked at")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	gone.Balancer.Spec.Socket = l.Addr().String()
	for _, left := range []time.Duration{0, 2 * time.Second} { // nobody is asked; it ends in the read
		short, cancel := context.WithTimeout(ctx, left)
		defer cancel()
		_, err := look(short, Set{Server: gone, State: "ready"})
		if left == 0 {
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("without time: %v", err)
			}
			continue
		}
		if said := plan.SaidBy(err); err == nil || !strings.Contains(said.EN, "does not answer within") || strings.Contains(said.EN, "within 5 s") || !strings.Contains(said.JA, "以内に応答しない") {
			t.Errorf("a silent balancer: %+v", said)
		}
	}
	off, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := look(off, Set{Server: gone, State: "ready"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a look that was called off: %v", err)
	}
}
