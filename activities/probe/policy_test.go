package probe

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// onlyHost is a worker's policy that lets one host be reached.
type onlyHost string

func (h onlyHost) Permit(_ context.Context, a activities.Ask) error {
	if a.Reach != nil && slices.ContainsFunc(a.Reach.Hosts, func(host string) bool { return host != string(h) }) {
		return errors.New("the policy allows no other host")
	}
	return nil
}

// A probe looks for as long as its run, long after the attempt that began it has asked the policy about its parameters: each time
// it is sent on to another host, the policy is asked about that.
func TestARunningProbeAsksThePolicyWhereItIsSentOnTo(t *testing.T) {
	var away atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { away.Store(true) }))
	defer other.Close()
	var sentOn atomic.Bool
	home := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sentOn.Load() {
			http.Redirect(w, r, other.URL, http.StatusFound)
		}
	}))
	defer home.Close()
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	told := newTold()
	registry := activities.NewRegistry()
	registry.Add(Actions(told.options(t.TempDir()))...)
	env := new(testsuite.WorkflowTestSuite).NewTestActivityEnvironment()
	env.SetTestTimeout(time.Minute)
	ctx, cancel := context.WithCancelCause(context.Background())
	env.SetWorkerOptions(worker.Options{BackgroundActivityContext: ctx})
	registry.Register(env, activities.Site{Name: "osaka", Ledger: l, Policy: onlyHost(strings.TrimPrefix(home.URL, "http://"))})

	w := watched
	w.Probe.Uses, w.Probe.With = "probe.http", json.RawMessage(`{"url": "`+home.URL+`"}`)
	ended := make(chan struct{})
	var obs run.Observations
	go func() {
		defer close(ended)
		var v interface{ Get(any) error }
		if v, err = env.ExecuteActivity("probe.http", w); err == nil {
			err = v.Get(&obs)
		}
	}()
	defer func() { cancel(nil); <-ended }()
	told.await(t, true)
	sentOn.Store(true)
	told.awaitWord(t, func(o plan.Observed) bool {
		return !o.Up && strings.Contains(o.Error, "the policy allows no other host")
	})
	cancel(nil)
	<-ended
	if err != nil || len(obs.Transitions) != 2 {
		t.Errorf("observations = %+v (%v)", obs, err)
	}
	if away.Load() {
		t.Error("the probe was at a host that the policy forbids")
	}
}
