package board

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
)

const (
	// aheadFor is for how long what was asked of the programme counts.
	aheadFor = 30 * time.Second
	// aheadWithin bounds the asking, and aheadWait what a page waits for the first answer: in an
	// emergency nobody waits for the calendar.
	aheadWithin, aheadWait = 5 * time.Second, 500 * time.Millisecond
)

// ahead remembers what is late of the year's plan and what begins next, since every page of now
// shows it. It holds nothing that not everybody may read.
type ahead struct {
	mu     sync.Mutex
	known  outlook
	asked  time.Time
	asking chan struct{} // closed when there is an answer; nil is nobody asks
}

// outlook is one line of the programme.
type outlook struct {
	Any     bool // there is a programme
	Overdue []plan.Text
	Next    *programme.Start
	Title   plan.Text // of the next
	zone    *time.Location
}

func (a *ahead) of(v *visit) outlook {
	a.mu.Lock()
	first := a.asked.IsZero()
	if time.Since(a.asked) > aheadFor && a.asking == nil {
		a.asking = make(chan struct{})
		ctx := context.WithoutCancel(v.ctx()) // for everybody who looks
		c := v.client("")
		v.b.hub.all.Go(func() { a.ask(ctx, v.b, c) })
	}
	asking := a.asking
	a.mu.Unlock()
	if asking != nil && first {
		select {
		case <-asking:
		case <-time.After(aheadWait):
		case <-v.r.Context().Done():
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.known
}

// forget asks again at the next page: somebody has changed the schedules, or recorded a drill.
func (a *ahead) forget() { a.mu.Lock(); a.asked = time.Time{}; a.mu.Unlock() }

func (a *ahead) ask(ctx context.Context, b *Board, c *api.Client) {
	ctx, stop := context.WithTimeout(ctx, aheadWithin)
	defer stop()
	out, err := readAhead(ctx, c)
	if err != nil {
		b.o.Log.Warn("the board can't tell what is late of the programme, and what begins next", "err", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.known, a.asked = out, time.Now()
	close(a.asking)
	a.asking = nil
}

// readAhead returns what can be told; what could not is the error.
func readAhead(ctx context.Context, c *api.Client) (out outlook, err error) {
	p, err := c.Programme(ctx)
	if wrong := new(api.Problem); errors.As(err, &wrong) && (wrong.Code == api.CodeNotFound || wrong.Code == api.CodeMistakes) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	out.Any, out.zone = true, calendar.Rule{Zone: p.Zone}.Location()
	cover, err := c.Coverage(ctx, 0)
	if err != nil {
		return out, err
	}
	for _, it := range cover.Items {
		if it.Status == programme.Overdue {
			out.Overdue = append(out.Overdue, it.Title)
		}
	}
	next, err := c.NextStarts(ctx, 1)
	if err == nil && len(next) > 0 {
		out.Next = &next[0]
		r, _ := p.Row(next[0].Schedule)
		out.Title = r.Title
	}
	return out, err
}

// aheadView is that line as its readers see it.
type aheadView struct {
	Any           bool
	Overdue       int
	Names, Starts string
}

func (v *visit) aheadView() aheadView {
	o := v.b.ahead.of(v)
	out := aheadView{Any: o.Any, Overdue: len(o.Overdue)}
	var names []string
	for _, t := range o.Overdue[:min(3, len(o.Overdue))] {
		names = append(names, t.In(string(v.lang)))
	}
	if out.Names = strings.Join(names, v.t(", ", "、")); len(o.Overdue) > len(names) {
		out.Names += v.t(" ...", "ほか")
	}
	if o.Next != nil {
		out.Starts = v.startAt(*o.Next, o.zone) + " " + either(o.Title.In(string(v.lang)), o.Next.Schedule)
	}
	return out
}
