package wait_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/wait"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
)

type with map[string]any

func TestForTCP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	s := sitetest.New(t, wait.Actions())
	if _, err := s.Act(s.Step("wait.for_tcp", with{"address": address}), nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Act(s.Step("wait.for_tcp", with{"address": address, "within": "500ms", "interval": "20ms"}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "not within 0.50 s", "connection refused")
}

// The service comes up while it is waited for.
func TestForHTTP(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, _ *nethttp.Request) {
		if asked.Add(1) < 4 {
			w.WriteHeader(nethttp.StatusServiceUnavailable)
		}
		fmt.Fprintf(w, `{"role": %q}`, []string{"standby", "primary"}[min(asked.Load()/5, 1)])
	}))
	defer server.Close()
	s := sitetest.New(t, wait.Actions())
	if _, err := s.Act(s.Step("wait.for_http", with{"url": server.URL, "expect": "json.role == 'primary'", "interval": "10ms"}), nil); err != nil {
		t.Fatal(err)
	}
	if n := asked.Load(); n != 5 {
		t.Fatalf("asked %d times, want 5", n)
	}
	_, err := s.Act(s.Step("wait.for_http", with{"url": server.URL, "status": []int{204}, "within": "500ms", "interval": "10ms"}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "not within 0.50 s", "answered status 200, not 204")
}

func TestDuration(t *testing.T) {
	s := sitetest.New(t, wait.Actions())
	var out wait.Waited
	if _, err := s.Act(s.Step("wait.duration", with{"for": "50ms"}), &out); err != nil || out.WaitedS < 0.05 {
		t.Fatalf("%+v %v", out, err)
	}
	_, err := s.Act(s.Step("wait.duration", with{}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "with.for is missing")
}

// A wait whose worker died goes on where it was, and counts the time in between.
func TestDurationGoesOn(t *testing.T) {
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	r := activities.NewRegistry()
	r.Add(wait.Actions()...)
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(slog.New(slog.DiscardHandler))
	env := suite.NewTestActivityEnvironment()
	r.Register(env, activities.Site{Name: "osaka", Ledger: l})
	env.SetHeartbeatDetails(map[string]any{"seconds": 3000.0, "at": time.Now().Add(-700 * time.Second).UTC()})
	value, err := env.ExecuteActivity("wait.duration", sitetest.New(t, wait.Actions()).Step("wait.duration", with{"for": "1h"}))
	var res plan.Result
	if err != nil || value.Get(&res) != nil {
		t.Fatal(err)
	}
	var out wait.Waited
	if err := json.Unmarshal(res.Output, &out); err != nil || out.WaitedS < 3700 {
		t.Fatalf("%+v %v", out, err)
	}
}

func TestEndedContextIsNotWaitedOn(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	err := activities.Until(ctx, time.Hour, time.Hour, func(ctx context.Context) error { return ctx.Err() })
	if err == nil {
		t.Fatal("an ended context was waited on")
	}
}
