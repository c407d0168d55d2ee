package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// offered is the rate of the loads that a shop's capacity is told for.
const offered = 150

// shop is a server that can do so many of offered requests and refuses the rest, whatever time
// the machine gives it.
type shop struct {
	*httptest.Server
	mu       sync.Mutex
	capacity int // 0 is closed
	asked    int
	first    time.Time
	last     time.Time
	served   atomic.Int64
}

func newShop(t *testing.T, capacity int) *shop {
	s := &shop{}
	s.set(capacity)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.served.Add(1)
		if !s.take(time.Now()) {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) set(capacity int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capacity, s.asked = capacity, 0
}

func (s *shop) take(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last = now; s.first.IsZero() {
		s.first = now
	}
	before := s.asked * s.capacity
	s.asked++
	return (before+s.capacity+offered-1)/offered > (before+offered-1)/offered // the first is served
}

// took is from the first request to the last since it was asked before.
func (s *shop) took() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	took := s.last.Sub(s.first)
	s.first, s.last = time.Time{}, time.Time{}
	return took
}

func loading(limit *plan.LoadLimit, kind run.Kind) plan.Watch {
	return plan.Watch{Run: "run-1", Kind: kind, Probe: plan.Probe{Name: "orders/entry", System: "orders", Function: "entry", Weight: 100,
		Interval: run.Duration(10 * time.Millisecond), Timeout: run.Duration(2 * time.Second), Limit: limit}}
}

func measure(t *testing.T, w plan.Watch, p HTTPLoad) *gauge {
	t.Helper()
	l, err := lookHTTPLoad(w, p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l.gauge
}

var limit = &plan.LoadLimit{Rate: 500, Duration: run.Duration(2 * time.Second)}

func level(t *testing.T, g *gauge) (fate, int) {
	t.Helper()
	f, l, _, why := g.sample(context.Background())
	if f != ok {
		t.Log(why)
	}
	return f, l
}

func TestHalfTheCapacityIsLevelFifty(t *testing.T) {
	for name, stored := range map[string]*StoredBaseline{"stored": {Rate: 100, At: "2026-11-01", Ground: "measured"}, "taken": nil} {
		for late := time.Now().Add(2 * time.Minute); ; {
			wrong, paced := halfTheCapacity(t, stored)
			if len(wrong) > 0 && !paced && time.Now().Before(late) {
				t.Logf("%s: this machine was too slow for the load, which says nothing of the service; once more", name)
				continue
			}
			for _, w := range wrong {
				t.Errorf("%s: %s", name, w)
			}
			break
		}
	}
}

// halfTheCapacity says what is wrong, and whether the machine offered the loads at their pace.
func halfTheCapacity(t *testing.T, stored *StoredBaseline) (wrong []string, paced bool) {
	t.Helper()
	const over = 400 * time.Millisecond
	s := newShop(t, 100)
	paced = true
	measured := measure(t, loading(limit, run.Drill), HTTPLoad{URL: s.URL, Rate: offered, Duration: run.Duration(over), Margin: 10, Baseline: stored})
	load := func() (fate, int) {
		f, l := level(t, measured)
		paced = paced && s.took() < over+over/20
		return f, l
	}
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for measured.taking() {
		if f, l := load(); f != ok || measured.taking() && l != run.LevelUnknown {
			say("while the baseline is taken: %v at level %d", f, l)
			return wrong, paced
		}
	}
	if f, l := load(); f != ok || l != 0 {
		say("full capacity is %v at level %d of %+v", f, l, measured.baseline)
	}
	s.set(50)
	if f, l := load(); f != ok || l < 45 || l > 55 {
		say("half capacity is %v at level %d of %+v", f, l, measured.baseline)
	}
	s.set(0)
	if f, l := level(t, measured); f != failed {
		say("a closed shop is %v at level %d", f, l)
	}
	return wrong, paced
}

func TestNoBaselineIsTakenOnceServiceHasFailed(t *testing.T) {
	s := newShop(t, 0)
	g := measure(t, loading(limit, run.Drill), HTTPLoad{URL: s.URL, Rate: 50, Duration: run.Duration(100 * time.Millisecond)})
	level(t, g)
	s.set(1000)
	for range baselineLoads + 1 {
		if f, l := level(t, g); f != ok || l != run.LevelUnknown {
			t.Fatalf("without a baseline service is %v at level %d", f, l)
		}
	}
}

func TestAResponsePutsNoLoadOnWhatItRescues(t *testing.T) {
	s := newShop(t, 1000)
	p := HTTPLoad{URL: s.URL, Rate: 50, Duration: run.Duration(100 * time.Millisecond), Baseline: &StoredBaseline{Rate: 50, At: "2026-11-01"}}
	if f, l := level(t, measure(t, loading(limit, run.Response), p)); f != ok || l != run.LevelUnknown || s.served.Load() != 1 {
		t.Errorf("%v at level %d after %d requests", f, l, s.served.Load())
	}
	allowed := *limit
	allowed.Real = true
	if f, l := level(t, measure(t, loading(&allowed, run.Response), p)); f != ok || l == run.LevelUnknown {
		t.Errorf("where the owner allows it: %v at level %d", f, l)
	}
}

func TestLoadStaysWithinTheEstatesLimit(t *testing.T) {
	fine := HTTPLoad{URL: "http://127.0.0.1:1/", Rate: 10, Duration: run.Duration(time.Second)}
	for want, c := range map[string]struct {
		limit *plan.LoadLimit
		p     func(*HTTPLoad)
	}{
		"no load_limit":        {nil, func(*HTTPLoad) {}},
		"load_limit of 500":    {limit, func(p *HTTPLoad) { p.Rate = 501 }},
		"load_limit of 2 s":    {limit, func(p *HTTPLoad) { p.Duration = run.Duration(3 * time.Second) }},
		"not http":             {limit, func(p *HTTPLoad) { p.URL = "orders" }},
		"such as 2026-11-01":   {limit, func(p *HTTPLoad) { p.Baseline = &StoredBaseline{Rate: 1, At: "lately"} }},
		"needs a rate above 0": {limit, func(p *HTTPLoad) { p.Baseline = &StoredBaseline{At: "2026-11-01"} }},
	} {
		p := fine
		c.p(&p)
		if _, err := lookHTTPLoad(loading(c.limit, run.Drill), p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want an error with %q, have %v", want, err)
		}
	}
}

// Between loads single requests tell whether there is service; the level holds.
func TestLoadsKeepTheirDistance(t *testing.T) {
	s := newShop(t, 1000)
	g := measure(t, loading(limit, run.Drill), HTTPLoad{URL: s.URL, Rate: 100, Duration: run.Duration(100 * time.Millisecond),
		Every: run.Duration(time.Hour), Baseline: &StoredBaseline{Rate: 200, At: "2026-11-01", Ground: "measured"}})
	_, first := level(t, g)
	before := s.served.Load()
	if f, l := level(t, g); f != ok || l != first || s.served.Load() != before+1 {
		t.Errorf("%v at level %d after %d more requests, want level %d after one", f, l, s.served.Load()-before, first)
	}
	s.set(0)
	for f := ok; f == ok; { // a refusal is followed by a load, an instant after the last one at the earliest
		f, _ = level(t, g)
	}
	before = s.served.Load()
	if f, _ := level(t, g); f != failed || s.served.Load() != before+1 {
		t.Errorf("what is down: %v after %d requests, want one and no load", f, s.served.Load()-before)
	}
	s.set(1000)
	before = s.served.Load()
	if f, _ := level(t, g); f != ok || s.served.Load() < before+2 {
		t.Errorf("after an outage: %v after %d requests, want a load at once", f, s.served.Load()-before)
	}
}

func TestAServerThatTakesConnectionsAndSaysNothingIsDown(t *testing.T) {
	hold := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}))
	defer s.Close()
	defer close(hold)
	w := loading(limit, run.Drill)
	w.Probe.Timeout = run.Duration(100 * time.Millisecond)
	if f, _ := level(t, measure(t, w, HTTPLoad{URL: s.URL, Rate: 10, Duration: run.Duration(time.Second)})); f != failed {
		t.Errorf("it is %v", f)
	}
}

// The baseline and the levels outlive the worker: taken anew after the outage, at half
// capacity, it would flatter.
func TestAKilledWorkerKeepsTheBaseline(t *testing.T) {
	for late := time.Now().Add(2 * time.Minute); ; {
		wrong, paced := aKilledWorker(t)
		if wrong != "" && !paced && time.Now().Before(late) {
			t.Log("this machine was too slow for a load, which says nothing of the service; once more")
			continue
		}
		if wrong != "" {
			t.Error(wrong)
		}
		return
	}
}

// aKilledWorker says what is wrong with the level that its successor sees, and whether the machine offered the loads at their pace.
func aKilledWorker(t *testing.T) (wrong string, paced bool) {
	t.Helper()
	const over = 200 * time.Millisecond
	s := newShop(t, 100)
	dir := t.TempDir()
	paced = true
	kind := func() (looker, error) {
		l, err := lookHTTPLoad(loading(limit, run.Drill), HTTPLoad{URL: s.URL, Rate: offered, Duration: run.Duration(over), Margin: 20})
		if err != nil {
			return l, err
		}
		load := l.gauge.load
		l.gauge.load = func(ctx context.Context) (float64, error) {
			s.took() // what came before it
			rate, err := load(ctx)
			paced = s.took() < over+over/20 && paced
			return rate, err
		}
		return l, nil
	}
	watching := func(until func(run.Observations) bool) run.Observations {
		l, err := kind()
		if err != nil {
			t.Fatal(err)
		}
		one, err := begin(t.Context(), newDesk(newTold().options(dir)).Options, loading(limit, run.Drill), l, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for deadline := time.After(2 * time.Minute); !until(one.brief()); {
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatalf("not seen within 2 min: %+v", one.brief())
			}
		}
		one.cancel()
		<-one.done
		return one.finish(context.Background())
	}
	first := watching(func(o run.Observations) bool { return o.Baseline != nil })
	s.set(0)
	watching(func(o run.Observations) bool { n := len(o.Transitions); return n > 0 && !o.Transitions[n-1].Up })
	s.set(50)
	last := watching(func(o run.Observations) bool { n := len(o.Transitions); return n > 0 && o.Transitions[n-1].Up })
	if last.Baseline == nil || *last.Baseline != *first.Baseline {
		t.Fatalf("the baseline was %+v and is %+v", first.Baseline, last.Baseline)
	}
	if tr := last.Transitions[len(last.Transitions)-1]; tr.Level < 30 || tr.Level > 85 {
		wrong = fmt.Sprintf("half capacity after the worker was replaced: %+v of %+v", tr, last.Baseline)
	}
	if b, _ := json.Marshal(last); !strings.Contains(string(b), `"taken":true`) {
		t.Errorf("the observations do not say that the baseline was taken here: %s", b)
	}
	return wrong, paced
}
