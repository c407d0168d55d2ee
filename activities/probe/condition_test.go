package probe

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A business function is there when its answer says so, not when something answers.
func TestAnAnswerIsJudgedByACondition(t *testing.T) {
	var says atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Role", "primary")
		_, _ = w.Write([]byte(says.Load().(string)))
	}))
	defer s.Close()
	for _, c := range []struct {
		answer, expect string
		want           fate
		why            string
	}{
		{`{"open": true, "stock": 3}`, "json.open && json.stock > 0", ok, ""},
		{`{"open": true, "stock": 0}`, "json.open && json.stock > 0", failed, "is false"},
		{`{"open": true}`, "json.open && json.stock > 0", failed, "can't be judged"},
		{`not json`, "json.open", failed, "can't be judged"},
		{`not json`, "status == 200 && headers['x-role'] == 'primary' && text.startsWith('not')", ok, ""},
		{`{"text": "` + strings.Repeat("x", 100<<10) + `", "open": true}`, "json.open", ok, ""},
	} {
		says.Store(c.answer)
		l, err := lookHTTP(plan.Watch{Probe: plan.Probe{Timeout: run.Duration(10 * time.Second)}}, HTTP{URL: s.URL, Expect: c.expect})
		if err != nil {
			t.Fatal(err)
		}
		if f, why := l.look(context.Background(), 1); f != c.want || !strings.Contains(why, c.why) {
			t.Errorf("%.40s is %v by %s (%s), want %v", c.answer, f, c.expect, why, c.want)
		}
		l.close()
	}
	if _, err := lookHTTP(plan.Watch{}, HTTP{URL: s.URL, Expect: "json.("}); err == nil {
		t.Error("a condition that can't be read was taken")
	}
}
