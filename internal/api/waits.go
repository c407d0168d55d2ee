package api

import (
	"context"
	"net/http"
	"sync"

	"github.com/muster-dr/muster/internal/identity"
)

// mostWaits is how many requests of one person wait for a next event at once: each holds a
// connection for as long as 25 s.
const mostWaits = 64

// waits counts them, by person.
type waits struct {
	mu sync.Mutex
	of map[string]int
}

// enter counts a waiting request in; leave is called once it does not wait any more.
func (w *waits) enter(ctx context.Context) (leave func(), err error) {
	a, _ := identity.From(ctx)
	who := a.Behind()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[who] >= mostWaits {
		l := lang(ctx)
		return nil, problem(http.StatusTooManyRequests, CodeRefused,
			l.T("%d requests under this name wait for the next event already, which is the most.", "この名前で次のイベントを待つ要求が、上限の %d 件に達しています。", mostWaits),
			l.T("End some of those programs, or ask without wait", "不要なプログラムを終了するか、waitを指定せずに取得してください"))
	}
	if w.of == nil {
		w.of = map[string]int{}
	}
	w.of[who]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.of[who]--; w.of[who] == 0 {
			delete(w.of, who)
		}
	}, nil
}
