package prometheus

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func kind(err error) string {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

// start starts a real Prometheus that scrapes one gauge, which the test sets, and one that is so many milliseconds old.
func start(t *testing.T) (url string, queue, old *atomic.Int64) {
	t.Helper()
	queue, old = new(atomic.Int64), new(atomic.Int64)
	old.Store((3 * time.Minute).Milliseconds())
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "orders_queue %d\norders_old 1 %d\n", queue.Load(), time.Now().UnixMilli()-old.Load())
	}))
	t.Cleanup(target.Close)
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 2s, scrape_timeout: 2s}\nscrape_configs:\n  - job_name: orders\n    static_configs: [{targets: [%q]}]\n", strings.TrimPrefix(target.URL, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start prometheus (package prometheus): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if b, _ := os.ReadFile(log.Name()); t.Failed() {
			t.Logf("%s", b[max(0, len(b)-2000):])
		}
	})
	url = "http://" + address
	ctx := waittest.Context(t, 3*time.Minute)
	waittest.Eventually(t, 3*time.Minute, func() string {
		if _, err := query(ctx, Query{URL: url, Query: "orders_queue", Expect: "samples == 1", Wait: run.Duration(time.Minute)}); err != nil {
			return fmt.Sprintf("prometheus does not answer: %v", err)
		}
		return ""
	})
	return url, queue, old
}

func TestAStepWaitsForWhatTheMonitoringSees(t *testing.T) {
	url, queue, old := start(t)
	queue.Store(7)
	p := Query{URL: url, Query: "orders_queue", Expect: "value == 7.0", MaxAge: run.Duration(time.Minute), Wait: run.Duration(time.Minute)}
	out, err := query(t.Context(), p)
	if err != nil || out.Value != 7 || out.Samples != 1 {
		t.Fatalf("%+v %v", out, err)
	}
	p.Expect, p.Wait = "value == 0.0", 0
	if _, err := query(t.Context(), p); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "gives [7]") {
		t.Errorf("a queue that is not empty: %v", err)
	}
	queue.Store(0)
	p.Wait = run.Duration(time.Minute)
	if out, err := query(t.Context(), p); err != nil || out.Value != 0 {
		t.Errorf("%+v %v", out, err)
	}
	if out, err := query(t.Context(), Query{URL: url, Query: "none_such", Expect: "samples == 0"}); err != nil || len(out.Values) != 0 {
		t.Errorf("nothing there: %+v %v", out, err)
	}
	for name, wrong := range map[string]Query{
		"a wrong query":     {URL: url, Query: "sum(", Expect: "true", Wait: run.Duration(time.Minute)},
		"a matrix":          {URL: url, Query: "orders_queue[1m]", Expect: "true"},
		"a wrong condition": {URL: url, Query: "orders_queue", Expect: "nothing > 1"},
	} {
		if _, err := query(t.Context(), wrong); kind(err) != plan.ErrFinding {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A sample that is older than it may be: its scraper could be dead.
	if _, err := query(t.Context(), Query{URL: url, Query: "orders_queue", Expect: "true", MaxAge: 1}); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "last scraped") {
		t.Errorf("an old sample: %v", err)
	}
	p = Query{URL: url, Query: "orders_old", Expect: "value == 1.0", MaxAge: run.Duration(time.Minute)}
	if _, err := query(t.Context(), p); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "last scraped") {
		t.Errorf("an old sample: %v", err)
	}
	// What is to come back may be what is scraped.
	old.Store(0)
	p.Wait = run.Duration(time.Minute)
	if _, err := query(t.Context(), p); err != nil {
		t.Errorf("waited for: %v", err)
	}
}

func TestAServerThatIsAwayIsNoAnswer(t *testing.T) {
	if _, err := query(t.Context(), Query{URL: "http://127.0.0.1:1", Query: "up", Expect: "true"}); err == nil || kind(err) != "" {
		t.Errorf("%v", err)
	}
	if _, err := ready(t.Context(), Query{URL: "http://127.0.0.1:1", Query: "up"}); err == nil {
		t.Error("ready without a server")
	}
}
