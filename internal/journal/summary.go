package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// summaryKinds are the events that a Summary rests on. Whoever adds to them, or to what is made of
// them, adds a migration that makes the summaries anew that differ then (as resummarizeOpen).
var summaryKinds = []run.EventKind{run.RunStarted, run.RunRefused, run.RunPaused, run.RunResumed, run.RunAbortRequested, run.RunEnded, run.PhaseStarted}

func summarized(k run.EventKind) bool {
	for _, s := range summaryKinds {
		if s == k {
			return true
		}
	}
	return false
}

// Summarize makes a run's summary from its events, in whatever order they come. A
// run whose start is not among them has the time of its first event and no scenario.
func Summarize(events []run.Event) (Summary, error) {
	var s Summary
	// A run's own workflow numbers the events that matter here, so their numbers
	// are their order; those of others only tell the time.
	sorted := append([]run.Event(nil), events...)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].Seq < sorted[j].Seq })
	for i, e := range sorted {
		if i == 0 || e.At.Before(s.StartedAt) {
			s.StartedAt = e.At
		}
	}
	for _, e := range sorted {
		if s.Run == "" {
			s.Run, s.State = e.Run, run.Running
		}
		switch e.Kind {
		case run.RunStarted:
			var d run.Started
			if err := e.Decode(&d); err != nil {
				return Summary{}, fmt.Errorf("event %s/%d of run %s: %w", e.Writer, e.Seq, e.Run, err)
			}
			s.Kind, s.Depth, s.Scenario, s.PlanHash, s.By, s.StartedAt = d.Kind, d.Depth, d.Scenario, d.PlanHash, e.By, e.At
		case run.PhaseStarted:
			s.Phase = e.Phase
		case run.RunPaused:
			s.State = run.Paused
		case run.RunResumed:
			s.State = run.Running
		case run.RunAbortRequested:
			s.State, s.Aborting = run.Running, true
		case run.RunRefused:
			s.State, s.EndedAt = run.Refused, &e.At
		case run.RunEnded:
			var d run.Ended
			if err := e.Decode(&d); err != nil {
				return Summary{}, fmt.Errorf("event %s/%d of run %s: %w", e.Writer, e.Seq, e.Run, err)
			}
			s.State, s.EndedAt = d.State, &e.At
		}
	}
	s.Aborting = s.Aborting && !s.State.Ended()
	return s, nil
}

// SummaryOf is the summary that the store keeps of a run with these events, which are all of it in the order of
// the store, while its record is there.
func SummaryOf(entries []Entry) (Summary, error) {
	var of []run.Event
	for i, e := range entries {
		if i == 0 || summarized(e.Event.Kind) { // the first tells when a run began whose start is lost
			of = append(of, e.Event)
		}
	}
	return Summarize(of)
}

// Resummarize makes the summary of a run anew, however it stands. One whose record was removed stays as it is.
func (s *database) Resummarize(ctx context.Context, runID string) error {
	if odd(runID) {
		return nil
	}
	err := s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lock(ctx, tx, "run/"+runID); err != nil {
			return err
		}
		var there bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM events WHERE run = $1)`, runID).Scan(&there); err != nil || !there {
			return err
		}
		return resummarize(ctx, tx, runID)
	})
	return s.explain(plan.Text{EN: "list a run anew", JA: "実施一覧の作り直し"}, err)
}

// resummarizeOpen makes the summaries of runs that have not ended anew from their events.
func resummarizeOpen(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `SELECT run FROM runs WHERE ended = 0`)
	if err != nil {
		return err
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, id := range ids {
		if err := resummarize(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

func resummarize(ctx context.Context, tx *sql.Tx, runID string) error {
	marks, args := make([]string, len(summaryKinds)), []any{runID}
	for i, k := range summaryKinds {
		marks[i] = fmt.Sprintf("$%d", i+2)
		args = append(args, string(k))
	}
	// The first event is wanted too: it tells when a run began whose start is lost.
	entries, err := events(ctx, tx, `SELECT position, body FROM events WHERE run = $1 AND (kind IN (`+strings.Join(marks, ", ")+`)
		OR position = (SELECT MIN(position) FROM events WHERE run = $1)) ORDER BY position`, args...)
	if err != nil {
		return err
	}
	all := make([]run.Event, len(entries))
	for i, e := range entries {
		all[i] = e.Event
	}
	sum, err := Summarize(all)
	if err != nil {
		return err
	}
	body, err := json.Marshal(sum)
	if err != nil {
		return err
	}
	ended := 0
	if sum.State.Ended() {
		ended = 1
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO runs (run, position, scenario, kind, ended, body) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (run) DO UPDATE SET scenario = excluded.scenario, kind = excluded.kind, ended = excluded.ended, body = excluded.body`,
		runID, entries[0].Position, sum.Scenario, string(sum.Kind), ended, string(body))
	return err
}

func (s *database) Runs(ctx context.Context, f Filter) ([]Summary, error) {
	if odd(f.Run, f.Scenario, string(f.Kind)) {
		return nil, nil
	}
	query, args := listing(f)
	out, err := again(ctx, s, func(ctx context.Context) ([]Summary, error) { return summaries(ctx, s.read, query, args...) })
	return out, s.explain(plan.Text{EN: "list runs", JA: "実施の一覧"}, err)
}

func listing(f Filter) (query string, args []any) {
	query = `SELECT body FROM runs WHERE 1 = 1`
	where := func(column string, value any) {
		args = append(args, value)
		query += fmt.Sprintf(" AND %s = $%d", column, len(args))
	}
	if f.Run != "" {
		where("run", f.Run)
	}
	if f.Scenario != "" {
		where("scenario", f.Scenario)
	}
	switch {
	case f.Kind != "":
		where("kind", string(f.Kind))
	case f.Run == "": // every day's checks would hide the runs
		// In the words of the index, which is of no use for NOT IN.
		query += " AND kind <> '" + string(run.Readiness) + "' AND kind <> '" + string(run.Occasion) + "'"
	}
	if f.Open {
		query += " AND ended = 0" // as the index of open runs says it
	}
	query += " ORDER BY position DESC"
	if f.Limit > 0 {
		args = append(args, f.Limit)
		query += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	return query, args
}

func summaries(ctx context.Context, q querier, query string, args ...any) ([]Summary, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Summary
	for rows.Next() {
		var body string
		var sum Summary
		if err := rows.Scan(&body); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(body), &sum); err != nil {
			return nil, err
		}
		out = append(out, sum)
	}
	return out, rows.Err()
}
