// Package watch shows a run as it goes on: a picture that is drawn again in a terminal,
// lines anywhere else.
package watch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
)

// Options says where and how to show.
type Options struct {
	Out  io.Writer
	Lang i18n.Lang
	As   bool // commands say who acts
	// Screen gives the terminal's size in cells and lines, asked before each picture.
	// nil means that Out is no terminal, or a dumb one: lines are written instead.
	Screen func() (width, height int)
	Color  bool
	JSON   bool // events as JSON, one a line, instead of words
}

// picture is how often the clocks are drawn.
const picture = 500 * time.Millisecond

// staleAfter is how old news may be before a picture says that it is stale. A long poll
// answers within 25 s even when nothing happens.
const staleAfter = 10 * time.Second

// Run shows a run until it has ended, and returns its last overview. While the server
// does not answer it goes on asking, and says that what it shows is old. It returns
// ctx's error when the reader has had enough.
func Run(ctx context.Context, c *api.Client, runID string, o Options) (progress.Overview, error) {
	p, err := c.RunPlan(ctx, runID)
	if err != nil {
		return progress.Overview{}, err
	}
	w := &watcher{client: c, run: runID, options: o, plan: p, tracker: progress.New(p), zone: ZoneOf(p)}
	if o.Screen == nil || o.JSON {
		return w.lines(ctx)
	}
	return w.pictures(ctx)
}

// ZoneOf is the zone in which times of a plan are shown: its estate's.
func ZoneOf(p plan.Plan) *time.Location { return i18n.Zone(p.Estate.Zone) }

type watcher struct {
	client  *api.Client
	run     string
	options Options
	plan    plan.Plan
	zone    *time.Location
	tracker *progress.Tracker
	offset  time.Duration // the server's clock minus ours
	heard   time.Time     // our clock
}

// news is what one question to the server gave.
type news struct {
	events api.Events
	err    error
}

// follow asks for events, one question at a time, until the run has ended or the reader
// has gone; it closes the channel then. A server that does not answer is asked again,
// ever less often.
func (w *watcher) follow(ctx context.Context, wait time.Duration) <-chan news {
	out := make(chan news)
	go func() {
		defer close(out)
		after, pause := int64(0), 250*time.Millisecond
		for ctx.Err() == nil {
			ev, err := w.client.Events(ctx, w.run, after, wait)
			select {
			case out <- news{ev, err}:
			case <-ctx.Done():
				return
			}
			if err == nil {
				after, pause = ev.Next, 250*time.Millisecond
				if ev.Ended {
					return
				}
				continue
			}
			if !passing(err) {
				return
			}
			select {
			case <-time.After(pause):
				pause = min(2*pause, 5*time.Second)
			case <-ctx.Done():
			}
		}
	}()
	return out
}

// passing reports whether an error may go away by itself.
func passing(err error) bool {
	if p := new(api.Problem); errors.As(err, &p) {
		return p.Status >= 500
	}
	away := new(api.Unreachable)
	return errors.As(err, &away)
}

func (w *watcher) take(ev api.Events) {
	w.heard = time.Now()
	w.offset = ev.Now.Sub(w.heard)
	w.tracker.Apply(ev.Entries...)
}

func (w *watcher) overview() progress.Overview { return w.tracker.Overview(time.Now().Add(w.offset)) }

func (w *watcher) lines(ctx context.Context) (progress.Overview, error) {
	away := false
	for n := range w.follow(ctx, 25*time.Second) {
		if n.err != nil {
			if !passing(n.err) {
				return w.overview(), n.err
			}
			if !away && !w.options.JSON {
				fmt.Fprintln(w.options.Out, w.options.Lang.T("no word from the server: %s; trying again", "サーバーの応答なし: %s。再接続します", n.err))
			}
			away = true
			continue
		}
		away = false
		w.take(n.events)
		if err := w.tell(n.events.Entries); err != nil {
			return w.overview(), err
		}
	}
	return w.overview(), ctx.Err()
}

func (w *watcher) tell(entries []api.Entry) error {
	started := w.overview().StartedAt
	for _, e := range entries {
		if w.options.JSON {
			if err := json.NewEncoder(w.options.Out).Encode(e); err != nil {
				return err
			}
			continue
		}
		e.Event.At = e.Event.At.In(w.zone)
		if line := Line(w.options.Lang, w.plan, e.Event); line != "" {
			if _, err := fmt.Fprintln(w.options.Out, stamped(w.zone, started, e.Event, line)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Escapes of a terminal: an own screen without a cursor, so that the shell's text is as
// it was afterwards.
const (
	enter    = "\x1b[?1049h\x1b[?25l"
	leave    = "\x1b[?25h\x1b[?1049l"
	home     = "\x1b[H"
	eraseEnd = "\x1b[K"
	below    = "\x1b[J"
)

func (w *watcher) pictures(ctx context.Context) (progress.Overview, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	out := w.options.Out
	fmt.Fprint(out, enter)
	last, err := w.redraw(ctx)
	fmt.Fprint(out, leave)
	if !last.StartedAt.IsZero() { // the last picture stays on the shell's screen
		width, _ := w.options.Screen()
		f := w.frame(width, 0)
		for _, line := range f.Lines(last) {
			fmt.Fprintln(out, line)
		}
	}
	return last, err
}

func (w *watcher) redraw(ctx context.Context) (progress.Overview, error) {
	tick := time.NewTicker(picture)
	defer tick.Stop()
	// Short polls: each answer proves that the picture is live.
	feed := w.follow(ctx, 5*time.Second)
	drawn := ""
	for {
		select {
		case n, open := <-feed:
			switch {
			case !open:
				return w.overview(), ctx.Err()
			case n.err != nil && !passing(n.err):
				if ctx.Err() != nil {
					return w.overview(), ctx.Err()
				}
				return w.overview(), n.err
			case n.err == nil:
				w.take(n.events)
			}
		case <-tick.C:
		case <-ctx.Done():
			return w.overview(), ctx.Err()
		}
		if w.heard.IsZero() {
			continue
		}
		width, height := w.options.Screen()
		f := w.frame(width, height)
		if age := time.Since(w.heard); age > staleAfter {
			f.Stale = age
		}
		lines := f.Lines(w.overview())
		picture := home
		for i, line := range lines {
			if i > 0 {
				picture += "\r\n"
			}
			picture += line + eraseEnd
		}
		if picture += below; picture != drawn {
			drawn = picture
			if _, err := io.WriteString(w.options.Out, picture); err != nil {
				return w.overview(), err
			}
		}
	}
}

func (w *watcher) frame(width, height int) Frame {
	return Frame{Style: Style{Color: w.options.Color, Width: max(40, width)}, Height: height, Lang: w.options.Lang, Plan: w.plan, Zone: w.zone, As: w.options.As}
}

// Verdict is the closing line of a run that has ended.
func Verdict(l i18n.Lang, o progress.Overview) string {
	parts := []string{l.Banner(o.Kind), o.Run, l.State(o.State)}
	if o.StateWhy != "" && o.State.Ended() {
		parts = append(parts, said(l, o.StateWhy))
	}
	return strings.Join(parts, "  ")
}
