package outcome

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Read makes the outcome of an ended run from its plan and journal, and keeps nothing.
func Read(ctx context.Context, store journal.Store, runID string) (Outcome, error) {
	list, err := store.Runs(ctx, journal.Filter{Run: runID, Limit: 1})
	if err != nil {
		return Outcome{}, err
	}
	if len(list) == 0 {
		return Outcome{}, fmt.Errorf("run %s: %w", runID, journal.ErrNotFound)
	}
	if list[0].EndedAt == nil {
		return Outcome{}, fmt.Errorf("run %s: %w", runID, ErrOpen)
	}
	entries, err := store.Events(ctx, runID, 0, 0)
	if err != nil {
		return Outcome{}, err
	}
	return from(ctx, store, list[0].PlanHash, entries)
}

func from(ctx context.Context, store journal.Store, planHash string, entries []journal.Entry) (Outcome, error) {
	p, err := store.Plan(ctx, planHash)
	if err != nil {
		return Outcome{}, err
	}
	events := make([]run.Event, len(entries))
	for i, e := range entries {
		events[i] = e.Event
	}
	r, err := report.Build(p, events)
	if err != nil {
		return Outcome{}, err
	}
	return Of(p, r)
}

// Keep makes the outcome of an ended run and keeps it; doing it again replaces it by the same.
func Keep(ctx context.Context, store journal.Store, runID string) (Outcome, error) {
	o, err := Read(ctx, store, runID)
	if err != nil {
		return o, err
	}
	return o, Put(ctx, store, o)
}

// Put keeps an outcome.
func Put(ctx context.Context, store journal.Outcomes, o Outcome) error {
	row, err := o.row()
	if err != nil {
		return err
	}
	return store.PutOutcome(ctx, row)
}

// row is an outcome as it is kept.
func (o Outcome) row() (journal.Outcome, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return journal.Outcome{}, err
	}
	row := journal.Outcome{Run: o.Run, Version: o.Version, Kind: o.Kind, Depth: o.Depth, Scenario: o.Scenario, Hazard: o.Hazard, State: o.State,
		Verdict: o.Verdict, StartedAt: o.StartedAt, EndedAt: o.EndedAt, Body: body}
	for _, s := range o.Systems {
		one := journal.SystemOutcome{System: s.ID, Verdict: s.Verdict}
		if o.Ran() {
			one.RTO, one.RPO, one.RLO, one.Restored, one.Failback = o.judged(s, RTO), o.judged(s, RPO), o.judged(s, RLO), o.judged(s, Restore), o.judged(s, Failback)
		}
		if one.Body, err = json.Marshal(s); err != nil {
			return row, err
		}
		row.Systems = append(row.Systems, one)
	}
	return row, nil
}

// judged is the verdict on a property; "" where an abort came before anybody could tell.
func (o Outcome) judged(s System, p Property) run.Verdict {
	if v := s.Of(p); v != run.NotProven || o.Whole() {
		return v
	}
	return ""
}

// List reads outcomes, newest first unless the filter says otherwise.
func List(ctx context.Context, store journal.Outcomes, f journal.OutcomeFilter) ([]Outcome, error) {
	f.Bare = false
	rows, err := store.Outcomes(ctx, f)
	if err != nil {
		return nil, err
	}
	out := make([]Outcome, len(rows))
	for i, r := range rows {
		if err := json.Unmarshal(r.Body, &out[i]); err != nil {
			return nil, fmt.Errorf("outcome of run %s: %w", r.Run, err)
		}
	}
	return out, nil
}

// SystemAt is what one run achieved for a system, and which run that was.
type SystemAt struct {
	Run      string    `json:"run"`
	Kind     run.Kind  `json:"kind"`
	Depth    run.Depth `json:"depth"`
	Scenario string    `json:"scenario"`
	EndedAt  time.Time `json:"ended_at"`
	System
}

// OfSystem reads what runs achieved for systems, newest first.
func OfSystem(ctx context.Context, store journal.Outcomes, f journal.OutcomeFilter) ([]SystemAt, error) {
	f.Bare = false
	rows, err := store.SystemOutcomes(ctx, f)
	return systemsAt(rows, err)
}

// columns are the store's names of properties.
var columns = map[Property]string{RTO: "rto", RPO: "rpo", RLO: "rlo", Restore: "restored", Failback: "failback"}

// LastProven is the newest run that proved a property, for every system that one did.
func LastProven(ctx context.Context, store journal.Outcomes, p Property) ([]SystemAt, error) {
	rows, err := store.LastJudged(ctx, columns[p], run.Met)
	return systemsAt(rows, err)
}

// LastMissed is the newest run that missed a property, for every system that one did.
func LastMissed(ctx context.Context, store journal.Outcomes, p Property) ([]SystemAt, error) {
	rows, err := store.LastJudged(ctx, columns[p], run.Missed)
	return systemsAt(rows, err)
}

// LastJudgedAs is the newest run with that verdict on a property, for every system that has one.
func LastJudgedAs(ctx context.Context, store journal.Outcomes, p Property, v run.Verdict) ([]SystemAt, error) {
	rows, err := store.LastJudged(ctx, columns[p], v)
	return systemsAt(rows, err)
}

func systemsAt(rows []journal.SystemOutcome, err error) ([]SystemAt, error) {
	if err != nil {
		return nil, err
	}
	out := make([]SystemAt, len(rows))
	for i, r := range rows {
		out[i] = SystemAt{Run: r.Run, Kind: r.Kind, Depth: r.Depth, Scenario: r.Scenario, EndedAt: r.EndedAt}
		if err := json.Unmarshal(r.Body, &out[i].System); err != nil {
			return nil, fmt.Errorf("outcome of system %s in run %s: %w", r.System, r.Run, err)
		}
	}
	return out, nil
}

// Keeper keeps the outcome of every run that ends, and of those that ended while nobody looked or
// that an older muster made. Several servers may do it at once: they write the same.
type Keeper struct {
	Store journal.Store
	Log   *slog.Logger
	// Then is called after outcomes were kept; nil is nothing.
	Then func(ctx context.Context) error

	mu     sync.Mutex
	failed map[string]bool // runs whose outcome can't be made; told once, tried again by Run
	ended  chan struct{}
}

// keepEvery is how soon a run is seen that ended in another process.
const keepEvery = time.Minute

// Due keeps the outcomes that are missing and returns how many it kept.
func (k *Keeper) Due(ctx context.Context) (kept int, err error) {
	due, err := k.Store.WithoutOutcome(ctx, Version, 0)
	if err != nil {
		return 0, err
	}
	return k.keep(ctx, due)
}

// keep keeps the outcomes of some runs. One that can't be made keeps the others from nothing.
func (k *Keeper) keep(ctx context.Context, due []string) (kept int, err error) {
	for _, id := range due {
		_, err := Keep(ctx, k.Store, id)
		switch {
		case err == nil:
			kept++
			k.fails(id, false)
		case ctx.Err() != nil:
			return kept, ctx.Err()
		case errors.Is(err, ErrOpen): // its last event is on its way
		case k.fails(id, true):
			k.Log.Warn("what a run came to can't be made from its record, so it is missing in findings and freshness", "run", id, "err", err)
		}
	}
	return kept, nil
}

// fewAtOnce is for how many runs somebody who asks is kept waiting.
const fewAtOnce = 20

// Soon keeps what is missing when that is little, so that whoever asks right after a run's end is told of
// it. After an upgrade, when years have to be made anew, that is Run's to do and nobody waits for it.
func (k *Keeper) Soon(ctx context.Context) error {
	k.mu.Lock()
	known := len(k.failed)
	k.mu.Unlock()
	due, err := k.Store.WithoutOutcome(ctx, Version, known+fewAtOnce+1)
	if err != nil || len(due) > known+fewAtOnce {
		return err
	}
	k.mu.Lock()
	due = slices.DeleteFunc(due, func(id string) bool { return k.failed[id] })
	k.mu.Unlock()
	_, err = k.keep(ctx, due)
	return err
}

// fails notes whether a run's outcome can't be made, and reports whether that is news.
func (k *Keeper) fails(id string, does bool) (news bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	news = does && !k.failed[id]
	switch {
	case news && k.failed == nil:
		k.failed = map[string]bool{id: true}
	case does:
		k.failed[id] = true
	default:
		delete(k.failed, id)
	}
	return news
}

func (k *Keeper) signal() chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.ended == nil {
		k.ended = make(chan struct{}, 1)
	}
	return k.ended
}

// Run keeps outcomes until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	ended, failing := k.signal(), false
	for {
		_, err := k.Due(ctx)
		if err == nil {
			err = k.again(ctx)
		}
		if err == nil && k.Then != nil {
			err = k.Then(ctx)
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failing {
			k.Log.Warn("what ended runs came to can't be kept; trying again", "err", err)
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return
		case <-ended:
		case <-tick.C:
		}
	}
}

// settlesIn is for how long after a run's end its record may grow: what became of its last messages.
const settlesIn = 15 * time.Minute

// again makes the outcomes of runs anew that have just ended, since receipts of their last messages come
// after the end. What is the same is not written.
func (k *Keeper) again(ctx context.Context) error {
	list, err := k.Store.Outcomes(ctx, journal.OutcomeFilter{After: time.Now().Add(-settlesIn), Bare: true})
	if err != nil {
		return err
	}
	ids := make([]string, len(list))
	for i, o := range list {
		ids[i] = o.Run
	}
	_, err = k.keep(ctx, ids)
	return err
}

// Watched is a store whose keeper hears at once that a run ended in it, or that somebody did something
// about a finding.
func (k *Keeper) Watched(s journal.Store) journal.Store { return &watched{s, k.signal()} }

type watched struct {
	journal.Store
	ended chan struct{}
}

func (w *watched) Append(ctx context.Context, events []run.Event) error {
	if err := w.Store.Append(ctx, events); err != nil {
		return err
	}
	for _, e := range events {
		if e.Kind == run.RunEnded || e.Kind == run.RunRefused || e.Run == run.FindingsRecord {
			select {
			case w.ended <- struct{}{}:
			default: // it is told already
			}
		}
	}
	return nil
}
