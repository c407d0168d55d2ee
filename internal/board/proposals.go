package board

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/run"
)

// proposalView is what an alarm proposes.
type proposalView struct {
	api.Proposal
	Label, Said string
}

const (
	// proposedFor is for how long what was read of proposals counts for pages that are open.
	proposedFor = 2 * time.Second
	// proposedWithin bounds the reading: it holds streams up.
	proposedWithin = 3 * time.Second
)

// proposed remembers the open proposals, since the stream of every open page asks for them.
type proposed struct {
	mu   sync.Mutex
	read time.Time
	list []api.Proposal
	err  error
}

// open are the proposals that wait for an answer, as they were at since or later.
func (k *proposed) open(v *visit, since time.Time) ([]api.Proposal, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.read.IsZero() || k.read.Before(since) {
		// For everybody who looks, whether or not this viewer goes away.
		ctx, stop := context.WithTimeout(context.WithoutCancel(v.ctx()), proposedWithin)
		defer stop()
		k.read = time.Now()
		k.list, k.err = v.client("").Proposals(ctx, alarm.Open)
	}
	return k.list, k.err
}

// proposals are those that wait for an answer, in the reader's words.
func (v *visit) proposals(since time.Time) ([]proposalView, error) {
	list, err := v.b.proposed.open(v, since)
	if err != nil {
		return nil, err
	}
	var out []proposalView
	for _, p := range list {
		out = append(out, proposalView{p, either(p.Title.In(string(v.lang)), p.Scenario), p.Summary.In(string(v.lang))})
	}
	// Whoever opens the page in an emergency finds the emergency first.
	slices.SortStableFunc(out, func(a, b proposalView) int { return cmp.Compare(kindRank(a.Kind), kindRank(b.Kind)) })
	return out, nil
}

// realOnes are those that no training telegram has made.
func realOnes(list []proposalView) (out []proposalView) {
	for _, p := range list {
		if p.Kind != run.Drill {
			out = append(out, p)
		}
	}
	return out
}

// same names what a list of proposals says, without what its clocks do.
func same(l i18n.Lang, list []proposalView) string {
	var b strings.Builder
	for _, p := range list {
		for _, s := range []string{p.ID, string(p.Kind), p.Scenario, p.Label, p.Said, p.Source, p.Trouble.In(string(l)), p.Expires.String()} {
			b.WriteString(s + "\x00")
		}
	}
	return b.String()
}

// proposedAnew draws the proposals again when they have changed: they are in no run's record.
func (v *visit) proposedAnew(id, template string, pick func([]proposalView) []proposalView) func() []fragment {
	last := "-"
	return func() []fragment {
		list, err := v.proposals(time.Now().Add(-proposedFor))
		if err != nil {
			return nil // the next beat tries again; the page keeps what it has
		}
		list = pick(list)
		key := same(v.lang, list)
		if key == last {
			return nil
		}
		text, err := v.b.langs[v.lang].draw(template, nowView{Proposals: list, Now: v.b.o.Now(), Me: v.me})
		if err != nil {
			return nil
		}
		last = key
		return []fragment{{id: id, html: string(text)}}
	}
}

// personalNow draws what of the first page is in no run's record, or is for this viewer alone,
// when it has changed: leftover locks, what alarms propose, and how much waits for them.
func (v *visit) personalNow() func([]picture, *string) []fragment {
	proposals := v.proposedAnew("proposals", "proposals", func(all []proposalView) []proposalView { return all })
	locked, tasks := "-", -1
	return func(pictures []picture, _ *string) []fragment {
		out := proposals()
		if text, err := v.b.langs[v.lang].draw("locks", v.lockViews()); err == nil && string(text) != locked {
			locked = string(text)
			out = append(out, fragment{id: "locks", html: locked})
		}
		if n := len(tasksIn(v.lang, pictures, v, "")); n != tasks {
			if text, err := v.b.langs[v.lang].draw("count", nowView{Tasks: n}); err == nil {
				tasks = n
				out = append(out, fragment{id: "count", html: string(text)})
			}
		}
		return out
	}
}

// personalWall draws what alarms propose for real above what a wall shows.
func (v *visit) personalWall() func([]picture, *string) []fragment {
	alarms := v.proposedAnew("alarms", "wall-alarms", realOnes)
	return func([]picture, *string) []fragment { return alarms() }
}
