package gateway

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/time/rate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/muster-dr/muster/internal/plan"
)

// A run takes 20,000 signals and 50,000 events in its life. Its probes share an allowance (activities/probe), which begins
// anew after their worker did: what is let through is above that, and no stolen key can use up what the other sites
// and the people of a run need.
const (
	wordsAtOnce = 200             // of one probe
	wordEvery   = 5 * time.Second // and then
	// wordsInAll is above what all probes of a run say in a month of the worst flapping. From there on, of one site to one
	// run, it is one word every wordSeldom: also who stays below the rates above must not make a run deaf. What the
	// probes are asked then, or that all of them are back, is heard at once: so much is left of each.
	wordsInAll = 9400
	wordSeldom = 10 * time.Minute
	wordsLeft  = 3
	// largestWord is far above an encrypted plan.Observed: a history has a size, too.
	largestWord = 16 << 10
	// trustedFor is longer than a probe goes on that has lost touch with the engine.
	trustedFor = 5 * time.Minute
	askAgain   = 10 * time.Second
	mostHeard  = 1024 // sites' runs that are remembered
)

// hearing is what the gateway knows of a site's probes in one run.
type hearing struct {
	site, run string
}

type heard struct {
	asked time.Time // when the engine last said that there are probes
	used  time.Time
	n     int // words that were let through
	of    int // probes
	rate  *rate.Limiter
}

// words decides whose words of probes are let through. What it knows it has from the engine: after a restart of the gateway
// it asks again, and probes that go on are heard as before.
type words struct {
	mu sync.Mutex
	of map[hearing]*heard
}

// word lets a probe's word through to a run in which the caller's site has a probe, and says whose it is in the name of
// the signal: the run hears a site about its own probes only.
func (d *door) word(ctx context.Context, site string, r *workflowservice.SignalWorkflowExecutionRequest) error {
	of := hearing{site, r.GetWorkflowExecution().GetWorkflowId()}
	if proto.Size(r) > largestWord {
		return d.notHeard(ctx, of, TooMuch, codes.PermissionDenied, "a probe's word has at most 16 KiB")
	}
	if !d.words.known(of, time.Now()) {
		n, err := d.probes(ctx, site, r.GetWorkflowExecution())
		if err != nil {
			return err
		}
		if n == 0 {
			return d.notHeard(ctx, of, NoProbe, codes.PermissionDenied, "the site has no probe in this run")
		}
		d.words.learn(of, n, time.Now())
	}
	if !d.words.allow(of, time.Now()) {
		return d.notHeard(ctx, of, TooMuch, codes.ResourceExhausted, "the site's probes have said too much to this run; the next word is heard later")
	}
	r.SignalName = plan.SignalObservedAt(site)
	return nil
}

func (d *door) notHeard(ctx context.Context, of hearing, why Why, code codes.Code, what string) error {
	d.turnedIn(ctx, of.site, why)
	d.Log.Warn("what a site said of a probe was not let through to the run", "site", of.site, "run", of.run, "reason", string(why))
	return status.Errorf(code, "site %s, run %s: %s", of.site, of.run, what)
}

// probes asks the engine how many probes a run has at a site. A run that has ended has none, and is told as the engine
// tells of it: a probe may go on for a moment.
func (d *door) probes(ctx context.Context, site string, e *commonpb.WorkflowExecution) (int, error) {
	out, err := d.Engine.DescribeWorkflowExecution(ctx, &workflowservice.DescribeWorkflowExecutionRequest{Namespace: d.Namespace, Execution: e})
	if err != nil {
		return 0, err
	}
	if out.GetWorkflowExecutionInfo().GetStatus() != enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return 0, serviceerror.NewNotFound("the run has ended")
	}
	n := 0
	for _, a := range out.GetPendingActivities() {
		if a.GetActivityOptions().GetTaskQueue().GetName() == plan.SiteQueue(site) && isProbe(a.GetActivityType().GetName()) {
			n++
		}
	}
	return n, nil
}

// isProbe tells a probe's activity from those that look whether it is ready.
func isProbe(activity string) bool {
	return strings.HasPrefix(activity, plan.ProbePrefix) && !strings.HasSuffix(activity, plan.ReadySuffix) && !strings.HasSuffix(activity, plan.LookSuffix)
}

// known reports whether the engine need not be asked. It is asked again where more is said than the probes that were there
// may say: there may be more of them by now.
func (w *words) known(of hearing, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h, ok := w.of[of]
	if !ok || now.Sub(h.asked) > trustedFor {
		return false
	}
	return h.rate.TokensAt(now) >= 1 || now.Sub(h.asked) < askAgain
}

// learn notes how many probes there are.
func (w *words) learn(of hearing, probes int, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	h, ok := w.of[of]
	if !ok {
		w.forgetOne()
		h = &heard{rate: rate.NewLimiter(0, wordsAtOnce*probes)}
		if w.of == nil {
			w.of = map[hearing]*heard{}
		}
		w.of[of] = h
	}
	h.asked, h.used, h.of = now, now, max(h.of, probes)
	if h.n < wordsInAll {
		h.rate.SetLimitAt(now, rate.Every(wordEvery/time.Duration(probes)))
		h.rate.SetBurstAt(now, wordsAtOnce*probes)
	}
}

// allow takes one word.
func (w *words) allow(of hearing, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	h, ok := w.of[of]
	if !ok || !h.rate.AllowN(now, 1) {
		return false
	}
	h.used = now
	if h.n++; h.n == wordsInAll {
		h.rate = rate.NewLimiter(rate.Every(wordSeldom), wordsLeft*h.of)
	}
	return true
}

// over forgets a run that the engine does not know or that has ended.
func (w *words) over(run string, site string, err error) {
	var gone *serviceerror.NotFound
	if !errors.As(err, &gone) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.of, hearing{site, run})
}

// forgetOne makes room: only what the engine has vouched for has a place, and what was silent longest loses it.
func (w *words) forgetOne() {
	if len(w.of) < mostHeard {
		return
	}
	var oldest hearing
	for of, h := range w.of {
		if o, ok := w.of[oldest]; !ok || h.used.Before(o.used) {
			oldest = of
		}
	}
	delete(w.of, oldest)
}
