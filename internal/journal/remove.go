package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// RemoveRun takes out what an ended run left: its events, its documents and, where no other run
// has it, its plan. The run stays in the list, marked, since its number is never given again, and
// so does its outcome: what it achieved and found. Whether it may be removed is not the store's to
// judge.
func (s *database) RemoveRun(ctx context.Context, runID string, at time.Time) error {
	if odd(runID) {
		return fmt.Errorf("run %q: %w", runID, ErrNotFound)
	}
	err := s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lock(ctx, tx, "run/"+runID); err != nil {
			return err
		}
		var body string
		if err := tx.QueryRowContext(ctx, `SELECT body FROM runs WHERE run = $1`, runID).Scan(&body); err != nil {
			if errors.Is(err, sql.ErrNoRows) {
				err = ErrNotFound
			}
			return fmt.Errorf("run %s: %w", runID, err)
		}
		var sum Summary
		if err := json.Unmarshal([]byte(body), &sum); err != nil {
			return err
		}
		if sum.RemovedAt != nil {
			return s.settle(ctx, tx)
		}
		if !sum.State.Ended() {
			return fmt.Errorf("run %s has not ended", runID)
		}
		sum.RemovedAt = &at
		marked, err := json.Marshal(sum)
		if err != nil {
			return err
		}
		for _, do := range []struct {
			query string
			args  []any
		}{
			{`DELETE FROM events WHERE run = $1`, []any{runID}},
			{`DELETE FROM documents WHERE kind IN ('answer', 'photo', 'photos') AND (id = $1 OR substr(id, 1, length($2)) = $2)`, []any{runID, runID + "/"}},
			{`UPDATE runs SET body = $2 WHERE run = $1`, []any{runID, string(marked)}},
			{`DELETE FROM plans WHERE hash = $1 AND NOT EXISTS (SELECT 1 FROM runs WHERE body LIKE $2
				AND EXISTS (SELECT 1 FROM events WHERE events.run = runs.run))`, []any{sum.PlanHash, `%"plan_hash":"` + sum.PlanHash + `"%`}},
		} {
			if _, err := tx.ExecContext(ctx, do.query, do.args...); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.announce(runID)
		s.told([]string{runID})
	}
	return s.explain(plan.Text{EN: "remove a run's record", JA: "実施記録の削除"}, err)
}
