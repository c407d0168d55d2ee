package app

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

// sent is a span as a collector gets it.
type sent struct {
	service string
	*tracev1.Span
}

// receiver is an OpenTelemetry collector, as far as it takes traces over HTTP.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []sent
	raw   strings.Builder
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b, err := io.ReadAll(req.Body)
		var in collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(b, &in)
		}
		if err != nil || req.URL.Path != "/v1/traces" {
			http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.raw.WriteString(in.String())
		for _, from := range in.GetResourceSpans() {
			service := ""
			for _, a := range from.GetResource().GetAttributes() {
				if a.GetKey() == "service.name" {
					service = a.GetValue().GetStringValue()
				}
			}
			for _, scope := range from.GetScopeSpans() {
				for _, s := range scope.GetSpans() {
					r.spans = append(r.spans, sent{service, s})
				}
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(r.Close)
	return r
}

// One trace goes from the request that starts a drill, through its workflows, to a step's activity on the
// worker of another machine, and the drill ends as it would without. No word that people wrote and
// nobody's name leaves, and a name that a caller gives the trace counts for nothing.
func TestOneTraceFromTheStartToAStep(t *testing.T) {
	to := newReceiver(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", to.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
	quick := strings.Replace(tabletop, "within: 1m, rule: wait}", "within: 1s, rule: alternate-site-when-rto-at-risk}\napprovals: 0\nfail_wait: 5s\nhold: 500ms\ndetect_wait: 2s", 1)
	files := map[string]string{"estate.yaml": strings.Replace(estate, "127.0.0.1:1", strings.TrimPrefix(to.URL, "http://"), 1), "tokyo.yaml": strings.Replace(quick, "depth: tabletop", "depth: live\nphases: [activation, recovery_decision, recovery, verification, closing]", 1),
		"runbook.yaml": fmt.Sprintf("kind: Runbook\nname: orders-failover\nsystem: orders\nsteps:\n  - {id: swing, uses: sim.step, at: osaka, with: {dir: %s}}\n", filepath.Join(t.TempDir(), "sim"))}
	o, _ := options(t, plansDir(t, files))
	o.Config.Gateway.Listen, o.Config.Sites = atFreePort(t), []string{"tokyo"}
	up := begin(t, o)
	cert, err := CertifySite(o, "osaka", filepath.Join(t.TempDir(), "certificate"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := options(t, o.Config.Plans)
	w.Config.Site = "osaka"
	w.Config.Temporal = config.Temporal{Address: o.Config.Gateway.Listen, Namespace: "default"}
	w.Config.Temporal.TLS.CAFile, w.Config.Temporal.TLS.CertFile, w.Config.Temporal.TLS.KeyFile = cert.CA, cert.Cert, cert.Key
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Worker(ctx, w) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	started, err := up.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "tanaka", Reason: "a-word-of-tanakas"})
	if err != nil {
		t.Fatal(err)
	}
	untilEnded(t, up, started.Run)

	waittest.Eventually(t, time.Minute, func() string {
		to.mu.Lock()
		defer to.mu.Unlock()
		for _, s := range to.spans {
			if s.GetName() != "POST /api/v1/runs" {
				continue
			}
			in := map[string]string{}
			var names []string
			for _, other := range to.spans {
				if string(other.GetTraceId()) == string(s.GetTraceId()) {
					in[other.GetName()] = other.service
					names = append(names, other.service+" "+other.GetName())
				}
			}
			if len(s.GetParentSpanId()) == 0 && in["RunWorkflow:Run"] == "muster" && in["RunWorkflow:Execute"] == "muster" && in["RunActivity:sim.step"] == "muster-worker" {
				return ""
			}
			return fmt.Sprintf("the trace of the start has %q", names)
		}
		return fmt.Sprintf("no trace of a start in %d spans", len(to.spans))
	})
	to.mu.Lock()
	defer to.mu.Unlock()
	for _, secret := range []string{"a-word-of-tanakas", "tanaka", "Sato", "sato", "Tell the branches"} {
		if strings.Contains(to.raw.String(), secret) {
			t.Errorf("%q left with the traces", secret)
		}
	}
}
