package outcome

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Rows holds what the store keeps of ended runs beside their records, their line in its lists and what they came to,
// against those records: every page over many runs rests on it. The zero value besides Store is ready.
type Rows struct {
	Store journal.Store

	mu   sync.Mutex
	held map[string]heldAs
}

// heldAs is a row that is what the record gives. As long as neither changes, nothing is computed again: a year of
// 800 runs costs a few reads of each a day.
type heldAs struct {
	through int64 // position of the newest event
	row     [sha256.Size]byte
}

// ErrGrows: something is being added to the record just now.
var ErrGrows = errors.New("something is being added to the record just now")

// Hold returns what is kept of a run otherwise than its record gives it, after it was made anew. entries are all of
// the run's. What an outcome of another version says, or one of fewer events, is no difference.
func (r *Rows) Hold(ctx context.Context, runID string, entries []journal.Entry) ([]plan.Text, error) {
	f, err := r.look(ctx, runID, entries)
	if err != nil || f.sound() {
		return nil, err
	}
	// It may have been added to since its events were read.
	if entries, err = r.Store.Events(ctx, runID, 0, 0); err != nil {
		return nil, err
	}
	if f, err = r.look(ctx, runID, entries); err != nil || f.sound() {
		return nil, err
	}
	if more, err := r.Store.Events(ctx, runID, through(entries), 1); err != nil || len(more) > 0 {
		return nil, errors.Join(err, ErrGrows)
	}
	var said []plan.Text
	if len(f.line) > 0 {
		if err := r.Store.Resummarize(ctx, runID); err != nil {
			return nil, err
		}
		said = append(said, Say(plan.Say("run %s in the lists", "一覧の実施 %s", runID), f.line))
	}
	if f.anew != nil {
		if err := r.Store.PutOutcome(ctx, *f.anew); err != nil {
			return said, err
		}
	}
	if len(f.row) > 0 {
		said = append(said, Say(plan.Say("outcome of run %s", "実施 %s の結果", runID), f.row))
	}
	return said, nil
}

// found is what of a run's rows is not what its record gives.
type found struct {
	line, row []Difference
	anew      *journal.Outcome // nil: it is what the record gives
}

func (f found) sound() bool { return len(f.line) == 0 && f.anew == nil }

func through(entries []journal.Entry) int64 {
	if len(entries) == 0 {
		return 0
	}
	return entries[len(entries)-1].Position
}

func (r *Rows) look(ctx context.Context, runID string, entries []journal.Entry) (f found, err error) {
	made, err := journal.SummaryOf(entries)
	if err != nil {
		return f, err
	}
	if f.line, err = r.line(ctx, made); err != nil {
		return f, err
	}
	if made.Kind != run.Drill && made.Kind != run.Response {
		return f, nil // nothing else comes of it
	}
	kept, err := keptOf(ctx, r.Store, runID)
	if err != nil {
		return f, err
	}
	if kept == nil || kept.Version != Version {
		return f, nil // the keeper makes it
	}
	is := heldAs{through(entries), sha256.Sum256(run.Encode([]any{columnsOf(*kept), textsOf(*kept)}))}
	if r.knows(runID, is) {
		return f, nil
	}
	want, err := rowFrom(ctx, r.Store, made.PlanHash, entries)
	if errors.Is(err, ErrOpen) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	if f.row, err = rowDiffers(*kept, want); err != nil {
		return f, err
	}
	if len(f.row) == 0 {
		r.knowsNow(runID, is)
		return f, nil
	}
	f.anew = &want
	earlier, err := r.earlier(ctx, *kept, made.PlanHash, entries)
	if earlier {
		f.row = nil
	}
	return f, err
}

func (r *Rows) knows(runID string, is heldAs) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	was, ok := r.held[runID]
	return ok && was == is
}

func (r *Rows) knowsNow(runID string, is heldAs) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held = map[string]heldAs{}
	}
	r.held[runID] = is
}

// line is what differs of a run in the lists: what they show, and by what they find it.
func (r *Rows) line(ctx context.Context, made journal.Summary) ([]Difference, error) {
	kept, err := r.Store.Runs(ctx, journal.Filter{Run: made.Run})
	if err != nil || len(kept) == 0 {
		return nil, err // that it is gone is told of otherwise
	}
	out, err := Differences(kept[0], made)
	if err != nil || len(out) > 0 {
		return out, err
	}
	by, err := r.Store.Runs(ctx, journal.Filter{Run: made.Run, Scenario: made.Scenario, Kind: made.Kind})
	if err != nil {
		return nil, err
	}
	open, err := r.Store.Runs(ctx, journal.Filter{Run: made.Run, Open: true})
	if err != nil {
		return nil, err
	}
	if len(by) == 0 {
		out = append(out, Difference{"index", "", words([]string{string(made.Kind), made.Scenario})})
	}
	if (len(open) > 0) == made.State.Ended() {
		out = append(out, Difference{"ended", words(len(open) == 0), words(made.State.Ended())})
	}
	return out, nil
}

// earlier reports whether a row is what the record gave before its last events came: it is made anew, and nobody
// altered it.
func (r *Rows) earlier(ctx context.Context, kept journal.Outcome, planHash string, entries []journal.Entry) (bool, error) {
	for n := len(entries); n > 0; n-- {
		want, err := rowFrom(ctx, r.Store, planHash, entries[:n])
		if err != nil {
			return false, err
		}
		if journalOf(want) == journalOf(kept) {
			list, err := rowDiffers(kept, want)
			return err == nil && len(list) == 0, err
		}
		if k := entries[n-1].Event.Kind; k == run.RunEnded || k == run.RunRefused {
			break
		}
	}
	return false, nil
}

// journalOf is the digest of the record that a row says it was made from.
func journalOf(row journal.Outcome) string {
	var of struct {
		Journal string `json:"journal"`
	}
	_ = json.Unmarshal(row.Body, &of) // what can't be read is made of nothing
	return of.Journal
}

// keptOf is the row of a run as it is kept, with those of its systems by name; nil is none.
func keptOf(ctx context.Context, store journal.Outcomes, runID string) (*journal.Outcome, error) {
	list, err := store.Outcomes(ctx, journal.OutcomeFilter{Run: runID})
	if err != nil || len(list) == 0 {
		return nil, err
	}
	row := list[0]
	if row.Systems, err = store.SystemOutcomes(ctx, journal.OutcomeFilter{Run: runID}); err != nil {
		return nil, err
	}
	slices.SortFunc(row.Systems, func(a, b journal.SystemOutcome) int { return strings.Compare(a.System, b.System) })
	return &row, nil
}

// rowFrom is the row that a record gives.
func rowFrom(ctx context.Context, store journal.Store, planHash string, entries []journal.Entry) (journal.Outcome, error) {
	o, err := from(ctx, store, planHash, entries)
	if err != nil {
		return journal.Outcome{}, err
	}
	row, err := o.row()
	slices.SortFunc(row.Systems, func(a, b journal.SystemOutcome) int { return strings.Compare(a.System, b.System) })
	return row, err
}

func rowDiffers(kept, made journal.Outcome) ([]Difference, error) {
	out, err := Differences(columnsOf(kept), columnsOf(made))
	if a, b := textsOf(kept), textsOf(made); err == nil && len(out) == 0 && !slices.Equal(a, b) {
		// Said twice, a name is read otherwise by those who take it apart another way.
		out = append(out, Difference{"body", strings.Join(a, " "), strings.Join(b, " ")})
	}
	return out, err
}

func textsOf(o journal.Outcome) []string {
	out := []string{string(o.Body)}
	for _, s := range o.Systems {
		out = append(out, string(s.Body))
	}
	return out
}

// columnsOf is a row as it is compared: without its position, and with its texts as what they say.
func columnsOf(o journal.Outcome) map[string]any {
	at := func(t time.Time) string { return t.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano) }
	systems := map[string]any{}
	for _, s := range o.Systems {
		if s.Run == "" { // as they are given to be kept
			s.Scenario, s.Kind, s.Depth, s.EndedAt = o.Scenario, o.Kind, o.Depth, o.EndedAt
		}
		systems[s.System] = map[string]any{"scenario": s.Scenario, "kind": s.Kind, "depth": s.Depth, "ended_at": at(s.EndedAt), "verdict": s.Verdict,
			"rto": s.RTO, "rpo": s.RPO, "rlo": s.RLO, "restored": s.Restored, "failback": s.Failback, "body": said(s.Body)}
	}
	return map[string]any{"kind": o.Kind, "depth": o.Depth, "scenario": o.Scenario, "hazard": o.Hazard, "state": o.State, "verdict": o.Verdict,
		"started_at": at(o.StartedAt), "ended_at": at(o.EndedAt), "body": said(o.Body), "systems": systems}
}

// said is what a text says, or the text where that is no JSON.
func said(body json.RawMessage) any {
	if json.Valid(body) {
		return body
	}
	return string(body)
}
