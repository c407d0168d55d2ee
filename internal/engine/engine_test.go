package engine_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	_ "modernc.org/sqlite"

	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) {
	worker.SetBinaryChecksum("test")
	os.Exit(waittest.WithoutLeaks(m.Run()))
}

// deadline is for everything a test waits for.
const deadline = time.Minute

func start(t *testing.T, o engine.Options) *engine.Engine {
	t.Helper()
	if o.Dir == "" {
		o.Dir, o.Discard = t.TempDir(), true // which stops at once
	}
	if o.Binary == "" {
		o.Binary = temporaltest.Binary(t)
	}
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	e, err := engine.Start(ctx, o)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { stop(t, e) })
	return e
}

func stop(t *testing.T, e *engine.Engine) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	if err := e.Stop(ctx); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// supervise runs the watchdog until the test ends, before the engine is stopped.
func supervise(t *testing.T, e *engine.Engine) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
}

func dial(t *testing.T, e *engine.Engine) client.Client {
	t.Helper()
	ep := e.Endpoint()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	c, err := engine.Dial(ctx, engine.Connection{Address: ep.Address, Namespace: ep.Namespace, Token: ep.Token})
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(deadline)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("after %v still not: %s", deadline, what)
		}
	}
}

func wants(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, w := range words {
		if err == nil || !strings.Contains(err.Error(), w) {
			t.Errorf("error %v does not say %q", err, w)
		}
	}
}

// count adds up signals until "end".
func count(ctx workflow.Context) (int, error) {
	sum := 0
	for {
		var s string
		workflow.GetSignalChannel(ctx, "add").Receive(ctx, &s)
		if s == "end" {
			return sum, nil
		}
		if err := workflow.Sleep(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
		sum++
	}
}

func startCounting(t *testing.T, c client.Client, also ...any) (client.WorkflowRun, func(string)) {
	t.Helper()
	w := worker.New(c, "count", worker.Options{})
	for _, code := range append(also, count) {
		w.RegisterWorkflow(code)
	}
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Stop)
	return counting(t, c, func(ctx context.Context) (client.WorkflowRun, error) {
		return c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "count", TaskQueue: "count"}, count)
	})
}

func counting(t *testing.T, c client.Client, begin func(context.Context) (client.WorkflowRun, error)) (client.WorkflowRun, func(string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	t.Cleanup(cancel)
	run, err := begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return run, func(s string) {
		t.Helper()
		// A call into the engine's absence fails; the caller tries again, and is counted once.
		in, err := converter.GetDefaultDataConverter().ToPayloads(s)
		if err != nil {
			t.Fatal(err)
		}
		req := &workflowservice.SignalWorkflowExecutionRequest{Namespace: "muster", WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: "count"},
			SignalName: "add", Input: in, RequestId: rand.Text()}
		eventually(t, "signal "+s+" is taken", func() bool {
			one, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			_, err := c.WorkflowService().SignalWorkflowExecution(one, req)
			return err == nil
		})
	}
}

func wantCount(t *testing.T, run client.WorkflowRun, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	var got int
	if err := run.Get(ctx, &got); err != nil || got != want {
		t.Errorf("workflow ended with %d, %v, want %d", got, err, want)
	}
}

func TestGoesOnAfterKill(t *testing.T) {
	e := start(t, engine.Options{})
	supervise(t, e)
	before := e.Endpoint()
	run, signal := startCounting(t, dial(t, e))
	for range 3 {
		signal("one")
		pid := e.PID()
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "another process runs", func() bool { return e.PID() != pid })
		signal("one")
	}
	signal("end")
	wantCount(t, run, 6)
	if e.Endpoint() != before {
		t.Errorf("the endpoint changed from %+v to %+v", before, e.Endpoint())
	}
}

// Another program may take a port between the engine's choice and its use.
func TestStartsAgainWhenAPortWasLost(t *testing.T) {
	dir := t.TempDir()
	binary, lost := filepath.Join(dir, "muster-engine"), filepath.Join(dir, "lost")
	script := fmt.Sprintf(`#!/bin/sh
[ -e %[1]s ] && exec %[2]s "$@"
touch %[1]s
echo '{"time":"2026-11-29T02:14:01Z","level":"ERROR","msg":"Failed to start gRPC listener","error":"listen tcp 127.0.0.1:43831: bind: address already in use"}' >&2
exit 1
`, lost, temporaltest.Binary(t))
	if err := os.WriteFile(binary, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	start(t, engine.Options{Binary: binary})
	if _, err := os.Stat(lost); err != nil {
		t.Fatalf("the first start lost no port: %v", err)
	}
}

func TestGoesOnAfterCleanStop(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "engine")
	first := start(t, engine.Options{Dir: dir})
	c := dial(t, first)
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "count", TaskQueue: "count"}, count)
	if err != nil {
		t.Fatal(err)
	}
	id := run.GetRunID()
	stop(t, first)
	if first.PID() != 0 {
		t.Error("a stopped engine still has a process")
	}
	if left, err := os.Stat(filepath.Join(dir, "temporal.db-wal")); err == nil && left.Size() > 0 {
		t.Errorf("%d bytes are left in the WAL: a copy of the file alone would miss them", left.Size())
	}
	second := start(t, engine.Options{Dir: dir})
	if second.Endpoint() != first.Endpoint() {
		t.Errorf("started again it is at %+v, want %+v", second.Endpoint(), first.Endpoint())
	}
	again, signal := counting(t, c, func(ctx context.Context) (client.WorkflowRun, error) {
		return c.GetWorkflow(ctx, "count", id), nil
	})
	w := worker.New(c, "count", worker.Options{})
	w.RegisterWorkflow(count)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	signal("one")
	signal("end")
	wantCount(t, again, 1)
}

func TestFilesAreItsOwners(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "engine")
	start(t, engine.Options{Dir: dir})
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("files: %v, %v", files, err)
	}
	for _, f := range append(files, dir) {
		if info, err := os.Stat(f); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v: others can read it", f, info.Mode(), err)
		}
	}
}

func TestEndsWithItsParent(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(temporaltest.Binary(t), "--dir", dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(stdout, first); err != nil || first[0] != '{' {
		t.Fatalf("it said %q, %v", first, err)
	}
	// All that a killed parent leaves is a closed pipe.
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	// The next one comes at once, as when muster is started again, and waits for it.
	start(t, engine.Options{Dir: dir})
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	e := start(t, engine.Options{Dir: dir})
	_, err := engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: dir})
	wants(t, err, dir, "in use by another engine (process "+strconv.Itoa(e.PID())+")", "choose another directory")
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	_, err = engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: t.TempDir(), Port: port})
	wants(t, err, "port "+strconv.Itoa(port)+" of the engine is taken", "--port")
	_, err = engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: t.TempDir(), UIPort: port})
	wants(t, err, "port "+strconv.Itoa(port)+" of the engine's web UI is taken", "--ui-port")
}

func TestRefusesOtherData(t *testing.T) {
	edit := func(statement string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			db, err := sql.Open("sqlite", filepath.Join(dir, "temporal.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	newer := t.TempDir()
	stop(t, start(t, engine.Options{Dir: newer}))
	edit(`UPDATE muster_engine SET version = '99.0' WHERE name = 'temporal'`)(t, newer)
	foreign := t.TempDir()
	edit(`CREATE TABLE stamps (id INT)`)(t, foreign)
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "temporal.db"), []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, word := range map[string]string{
		newer:   "a newer muster-engine wrote it",
		foreign: "muster-engine did not make this file",
		damaged: "the file is damaged",
	} {
		_, err := engine.Start(t.Context(), engine.Options{Binary: temporaltest.Binary(t), Dir: dir})
		wants(t, err, filepath.Join(dir, "temporal.db"), word)
	}
}

func TestOlderDataIsBroughtUpToDate(t *testing.T) {
	dir := t.TempDir()
	stop(t, start(t, engine.Options{Dir: dir}))
	db, err := sql.Open("sqlite", filepath.Join(dir, "temporal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, s := range []string{`DROP TABLE current_chasm_executions`, `UPDATE muster_engine SET version = '0.10' WHERE name = 'temporal'`} {
		if _, err := db.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
	stop(t, start(t, engine.Options{Dir: dir}))
	var n int
	if err := db.QueryRow(`SELECT count(*) FROM current_chasm_executions`).Scan(&n); err != nil {
		t.Errorf("the table that came with 0.11 is not there: %v", err)
	}
}

func TestBinaryMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := engine.Start(t.Context(), engine.Options{Dir: t.TempDir()})
	wants(t, err, "make build", "PATH")
	_, err = engine.Start(t.Context(), engine.Options{Dir: t.TempDir(), Binary: "/nonexistent/muster-engine"})
	wants(t, err, "make build", "/nonexistent/muster-engine")
}

func TestTokenIsAsked(t *testing.T) {
	e := start(t, engine.Options{})
	ep := e.Endpoint()
	for name, token := range map[string]string{"wrong": "x" + ep.Token[1:], "none": ""} {
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		c, err := engine.Dial(ctx, engine.Connection{Address: ep.Address, Namespace: ep.Namespace, Token: token})
		if err == nil {
			_, err = c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: ep.Namespace})
			c.Close()
		}
		cancel()
		wants(t, err, "Request unauthorized")
		if err != nil && token != "" && strings.Contains(err.Error(), token) {
			t.Errorf("%s token: the error tells it: %v", name, err)
		}
	}
}

// Every port of the engine is open to every user of the machine, so none may answer
// without the token: the server's own services trust each other's calls.
func TestNoPortIsOpen(t *testing.T) {
	e := start(t, engine.Options{})
	open := listening(t, e.PID())
	if len(open) < 6 {
		t.Fatalf("the engine listens on %v; six ports were expected", open)
	}
	for _, port := range open {
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		c, err := engine.Dial(ctx, engine.Connection{Address: address})
		if err == nil {
			_, err = c.WorkflowService().ListNamespaces(ctx, &workflowservice.ListNamespacesRequest{})
			c.Close()
		}
		cancel()
		if err == nil {
			t.Errorf("port %d lists namespaces without a token", port)
		}
		resp, err := http.Get("http://" + address + "/api/v1/namespaces")
		if err != nil {
			continue // no web server
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Errorf("port %d lists namespaces to a browser without a key", port)
		}
	}
}

// listening returns the ports that a process listens on.
func listening(t *testing.T, pid int) (ports []int) {
	t.Helper()
	sockets := map[string]bool{}
	fds, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if link, err := os.Readlink(fd); err == nil {
			sockets[link] = true
		}
	}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(b), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) < 10 || f[3] != "0A" || !sockets["socket:["+f[9]+"]"] {
				continue
			}
			_, hex, _ := strings.Cut(f[1], ":")
			port, err := strconv.ParseInt(hex, 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			ports = append(ports, int(port))
		}
	}
	return ports
}

func TestUIOpensByItsAddress(t *testing.T) {
	e := start(t, engine.Options{})
	opener, err := url.Parse(e.Endpoint().UIAddress)
	if err != nil {
		t.Fatal(err)
	}
	api := "http://" + opener.Host + "/api/v1/namespaces/muster"
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: deadline}
	defer browser.CloseIdleConnections()
	get := func(method, address string, header ...string) (*http.Response, string) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(header); i += 2 {
			req.Header.Set(header[i], header[i+1])
		}
		resp, err := browser.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(b)
	}
	for _, address := range []string{"http://" + opener.Host + "/", api, "http://" + opener.Host + "/?key=wrong"} {
		if resp, body := get("GET", address); resp.StatusCode != http.StatusForbidden || !strings.Contains(body, "muster up") {
			t.Errorf("%s without the key: %s %q", address, resp.Status, body)
		}
	}
	resp, body := get("GET", opener.String())
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "<html") {
		t.Errorf("%s: %s %.200q", opener.Redacted(), resp.Status, body)
	}
	if resp.Request.URL.RawQuery != "" {
		t.Errorf("the key stays in the browser's address: %s", resp.Request.URL)
	}
	if resp, body := get("GET", api); resp.StatusCode != http.StatusOK || !strings.Contains(body, `"muster"`) {
		t.Errorf("%s with the cookie: %s %.200q", api, resp.Status, body)
	}
	if strings.Contains(body, e.Endpoint().Token) {
		t.Error("the page tells the engine's token")
	}
	signal := api + "/workflows/none/signal/x"
	if resp, _ := get("POST", signal, "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"); resp.StatusCode != http.StatusForbidden {
		t.Errorf("another site may post in the operator's name: %s", resp.Status)
	}
	if resp, _ := get("POST", signal, "Origin", "http://"+opener.Host, "Sec-Fetch-Site", "same-origin"); resp.StatusCode == http.StatusForbidden {
		t.Errorf("the UI itself may not post: %s", resp.Status)
	}
}

func TestDialSaysWhatIsWrong(t *testing.T) {
	for _, c := range []struct {
		connection engine.Connection
		words      []string
	}{
		{engine.Connection{Address: "temporal.example.com"}, []string{"temporal.example.com", "host:port"}},
		{engine.Connection{Address: "h:1", Token: "s3cret", APIKey: "k3y"}, []string{"both a token and an API key"}},
		{engine.Connection{Address: "temporal.example.com:7233", Token: "s3cret"}, []string{"clear text", "TLS"}},
	} {
		err := c.connection.Options()
		wants(t, err, c.words...)
		if err != nil && (strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "k3y")) {
			t.Errorf("the error tells a secret: %v", err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close() // nobody listens there now
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	_, err = engine.Dial(ctx, engine.Connection{Address: address})
	wants(t, err, address, "is it running")
}

// record keeps the messages of a log.
type record struct {
	slog.Handler
	messages chan string
}

func (r record) Enabled(context.Context, slog.Level) bool { return true }

func (r record) Handle(_ context.Context, rec slog.Record) error {
	text := rec.Message
	rec.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	select {
	case r.messages <- text:
	default:
	}
	return nil
}

func newRecord() (record, *slog.Logger) {
	r := record{slog.DiscardHandler, make(chan string, 1000)}
	return r, slog.New(r)
}

func (r record) wants(t *testing.T, words ...string) {
	t.Helper()
	late := time.After(deadline)
	for {
		select {
		case m := <-r.messages:
			all := true
			for _, w := range words {
				all = all && strings.Contains(m, w)
			}
			if all {
				return
			}
		case <-late:
			t.Fatalf("the log never said %q", words)
		}
	}
}
