package board

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// leftover is a system that a run which is over still holds: nothing can move it, a real
// response neither, until a person lets it go.
type leftover struct {
	api.System
	by    string // who started that run
	ended *time.Time
}

const (
	// locksFor is for how long what was asked of the engine counts; what is older than
	// locksStale is not shown before it was asked again.
	locksFor, locksStale = 5 * time.Second, 30 * time.Second
	// locksWithin bounds the asking; without an answer pages show what was known.
	locksWithin = 3 * time.Second
	// asksAtOnce bounds how many systems are asked about at once.
	asksAtOnce = 8
)

// locks remembers the leftover locks, since every page of now and its stream ask for them.
type locks struct {
	mu     sync.Mutex
	known  []leftover
	asked  time.Time
	asking chan struct{} // closed when the engine has answered; nil is nobody asks
}

// of are the leftover locks, sorted by system. The engine is asked at most once in locksFor,
// beside the pages: one that is slow holds no stream up.
func (k *locks) of(v *visit) []leftover {
	k.mu.Lock()
	old := time.Since(k.asked)
	if old > locksFor && k.asking == nil {
		k.asking = make(chan struct{})
		ctx := context.WithoutCancel(v.ctx()) // for everybody who looks, whether or not this viewer goes away
		v.b.hub.all.Go(func() { k.ask(ctx, v.b, string(v.lang)) })
	}
	asking := k.asking
	k.mu.Unlock()
	if asking != nil && old > locksStale {
		select {
		case <-asking:
		case <-v.r.Context().Done():
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.known
}

func (k *locks) ask(ctx context.Context, b *Board, lang string) {
	ctx, stop := context.WithTimeout(ctx, locksWithin)
	defer stop()
	got, err := b.askLocks(ctx, api.InProcess(b.o.API, lang))
	if err != nil {
		b.o.Log.Warn("the board can't tell which systems are held", "err", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err == nil {
		k.known = got
	}
	k.asked = time.Now()
	close(k.asking)
	k.asking = nil
}

// forget asks again at the next page: somebody has let a system go.
func (k *locks) forget() { k.mu.Lock(); k.asked = time.Time{}; k.mu.Unlock() }

func (b *Board) askLocks(ctx context.Context, c *api.Client) ([]leftover, error) {
	e, err := b.o.Estate()
	if err != nil {
		return nil, nil // the pages of the estate say so
	}
	var mu sync.Mutex
	var out []leftover
	var failed error
	var all sync.WaitGroup
	turn := make(chan struct{}, asksAtOnce)
	for _, s := range e.Systems {
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			one, held, err := b.left(ctx, c, s.Name)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			}
			if held {
				out = append(out, one)
			}
		})
	}
	all.Wait()
	slices.SortFunc(out, func(a, b leftover) int { return strings.Compare(a.System.System, b.System.System) })
	return out, failed
}

// left reports whether a run that is over still holds a system.
func (b *Board) left(ctx context.Context, c *api.Client, system string) (leftover, bool, error) {
	s, err := c.System(ctx, system)
	if err != nil || !s.Held || !s.Kept && !s.Orphaned {
		return leftover{}, false, err
	}
	out := leftover{System: s}
	if list, err := b.o.Store.Runs(ctx, journal.Filter{Run: s.Run, Limit: 1}); err == nil && len(list) == 1 {
		out.by, out.ended = list[0].By, list[0].EndedAt
	}
	return out, true, nil
}

// lockView is a leftover lock as its readers see it.
type lockView struct {
	System, Label  string
	Run, Why       string
	Orphaned       bool // its run was ended in the engine and can't say why
	By, Since, Way string
	Me             bool // the viewer may let it go
}

func (v *visit) lockViews() (out []lockView) {
	held := v.b.locks.of(v)
	if len(held) == 0 {
		return nil
	}
	e, _ := v.b.o.Estate()
	files := plan.Plan{Estate: e.Estate, Systems: e.Systems}
	for _, h := range held {
		one := lockView{System: h.System.System, Label: systemTitle(v.lang, files, h.System.System), Run: h.Run, Why: plain(v.lang, h.Reason), Orphaned: h.Orphaned,
			Way: "muster drill release " + h.System.System + " --reason ..."}
		if h.by != "" {
			one.By = nameIn(v.lang, e.Estate, h.by)
		}
		if h.ended != nil {
			one.Since = h.ended.In(zoneOf(files)).Format("2006-01-02 15:04 MST")
		}
		if f, err := v.b.hub.follow(v.r.Context(), h.Run); err == nil && v.me != "" {
			if p, err := f.look(v.r.Context()); err == nil {
				_, of := p.Plan.Estate.Person(v.me)
				one.Me = of && !p.absent(v.me) && granted(p.Plan.Estate, v.me, plan.MayControl)
			}
		}
		out = append(out, one)
	}
	return out
}

// release lets a system go that a run has left, after its clean-up was finished by hand.
func (b *Board) release(v *visit) error {
	const back = "/systems"
	form, system := v.r.PostForm, v.r.PathValue("system")
	reason := strings.TrimSpace(form.Get("reason"))
	switch {
	case v.me == "":
		return v.nobody(back)
	case form.Get("sure") != "yes" || reason == "":
		return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Not confirmed", "確認されていません"),
			detail: v.t("To release a system takes what was done and the tick beside the button; it is still locked.", "ロックの解除には、実施した後始末の記入と確認欄へのチェックが必要です。ロックは解除していません。"),
			way:    v.t("Go back and fill in both", "戻って、両方を入力してください"), back: back}
	}
	_, err := v.client(form.Get("key")).Release(v.ctx(), system, workflows.Control{By: v.me, Reason: reason})
	b.locks.forget()
	if p := new(api.Problem); errors.As(err, &p) {
		t := &trouble{status: p.Status, title: v.problemTitle(p), detail: plain(v.lang, p.Detail), way: plain(v.lang, p.WayOut), lines: p.Lines, back: back}
		if p.Holder != "" {
			t.back = "/runs/" + url.PathEscape(p.Holder)
		}
		return t
	}
	if err != nil {
		return err
	}
	v.redirect(withDone(back, "release"))
	return nil
}

// refusedView is a system that somebody else holds.
type refusedView struct {
	System, Label, Run, Why string
	Open                    bool      // its run still moves it
	AsksHome                bool      // it waits for whether systems return or stay
	Confirm                 run.Phase // it has recovered what it could, and waits for this to be confirmed
}

// refusedBy are the systems for whose sake a start would be refused. Whoever joins a response
// takes no locks.
func refusedBy(l i18n.Lang, sum api.Activation) (out []refusedView) {
	for _, s := range sum.Systems {
		if s.HeldBy != "" && sum.Joins == "" && !sum.Yields(s) {
			out = append(out, refusedView{s.Name, either(s.Title.In(string(l)), s.Name), s.HeldBy, plain(l, s.HeldWhy), !s.HeldKept && !s.HeldOrphaned, s.HeldAsksHome, s.HeldConfirm})
		}
	}
	return out
}
