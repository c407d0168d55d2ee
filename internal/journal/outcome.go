package journal

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Outcome is an ended run as package outcome makes it. The store keeps the body as it is, finds it by
// the other fields, and knows nothing of what is in it.
type Outcome struct {
	Run string
	// Position grows with every outcome that is kept or changed; given by the store.
	Position int64
	Version  int // of the shape of Body
	Kind     run.Kind
	Depth    run.Depth
	Scenario string
	Hazard   run.Hazard
	State    run.State
	Verdict  run.Verdict
	// Times as the run's record has them; kept to the microsecond.
	StartedAt, EndedAt time.Time
	Systems            []SystemOutcome // of PutOutcome only: reading an outcome leaves it nil
	Body               json.RawMessage
}

// SystemOutcome is what a run achieved for one system; a verdict of "" was not given.
type SystemOutcome struct {
	Run, System, Scenario             string
	Kind                              run.Kind
	Depth                             run.Depth
	EndedAt                           time.Time
	Verdict                           run.Verdict
	RTO, RPO, RLO, Restored, Failback run.Verdict
	Body                              json.RawMessage
}

// OutcomeFilter narrows lists of outcomes; zero fields do not.
type OutcomeFilter struct {
	Run      string
	Scenario string
	System   string // Outcomes: runs that recovered it
	// Before and After bound the end: After is left out itself, Before too.
	After, Before time.Time
	Since         int64 // Outcomes: kept or changed after this position
	Limit         int   // the newest
	OldestFirst   bool
	Bare          bool // without bodies, for lists that the columns answer
}

// Outcomes keeps what ended runs came to. It is safe for concurrent use.
type Outcomes interface {
	// PutOutcome keeps an outcome in the place of an earlier one of the same run; all of it or nothing
	// is on disk when it returns. The same outcome again changes nothing, unless what is kept of it was changed otherwise.
	PutOutcome(ctx context.Context, o Outcome) error
	// Outcomes lists outcomes by their end, newest first unless the filter says otherwise.
	Outcomes(ctx context.Context, f OutcomeFilter) ([]Outcome, error)
	// SystemOutcomes lists those of systems, newest first.
	SystemOutcomes(ctx context.Context, f OutcomeFilter) ([]SystemOutcome, error)
	// LastJudged is, for every system that ever had it, the newest outcome with a verdict on a property:
	// rto, rpo, rlo, restored or failback; by name of the system.
	LastJudged(ctx context.Context, property string, v run.Verdict) ([]SystemOutcome, error)
	// WithoutOutcome lists ended drills and responses that have none of this version, oldest first. Those
	// whose record was removed are not: what they came to stays as it was made.
	WithoutOutcome(ctx context.Context, version, limit int) ([]string, error)
}

func (s *database) PutOutcome(ctx context.Context, o Outcome) error {
	if o.Run == "" || o.Version < 1 || o.EndedAt.IsZero() || !json.Valid(o.Body) {
		return fmt.Errorf("outcome of run %q: it needs a run, a version, an end and a body of JSON", o.Run)
	}
	names := []string{o.Run, string(o.Kind), string(o.Depth), o.Scenario, string(o.Hazard), string(o.State), string(o.Verdict)}
	for _, one := range o.Systems {
		names = append(names, one.System)
	}
	if err := named(plan.Say("outcome of run %q", "%q の結果", o.Run), names...); err != nil {
		return err
	}
	err := s.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		if err := s.lock(ctx, tx, "outcomes"); err != nil {
			return err
		}
		res, err := tx.ExecContext(ctx, `INSERT INTO outcomes (run, position, version, kind, depth, scenario, hazard, state, verdict, started_at, ended_at, body)
			SELECT $1, COALESCE(MAX(position), 0) + 1, CAST($2 AS INT), $3, $4, $5, $6, $7, $8, $9, $10, $11 FROM outcomes WHERE 1 = 1
			ON CONFLICT (run) DO UPDATE SET position = excluded.position, version = excluded.version, kind = excluded.kind, depth = excluded.depth,
				scenario = excluded.scenario, hazard = excluded.hazard, state = excluded.state, verdict = excluded.verdict,
				started_at = excluded.started_at, ended_at = excluded.ended_at, body = excluded.body
			WHERE outcomes.version <> excluded.version OR outcomes.kind <> excluded.kind OR outcomes.depth <> excluded.depth
				OR outcomes.scenario <> excluded.scenario OR outcomes.hazard <> excluded.hazard OR outcomes.state <> excluded.state
				OR outcomes.verdict <> excluded.verdict OR outcomes.started_at <> excluded.started_at OR outcomes.ended_at <> excluded.ended_at
				OR outcomes.body <> excluded.body`,
			o.Run, o.Version, string(o.Kind), string(o.Depth), o.Scenario, string(o.Hazard), string(o.State), string(o.Verdict),
			moment(o.StartedAt).text(), moment(o.EndedAt).text(), text(o.Body))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		if n == 0 {
			if same, err := o.sameSystems(ctx, tx); err != nil || same {
				return err
			}
			if _, err := tx.ExecContext(ctx, `UPDATE outcomes SET position = (SELECT MAX(position) + 1 FROM outcomes) WHERE run = $1`, o.Run); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM outcome_systems WHERE run = $1`, o.Run); err != nil {
			return err
		}
		for _, one := range o.Systems {
			if one.System == "" || !json.Valid(one.Body) {
				return fmt.Errorf("outcome of run %s: system %q needs a name and a body of JSON", o.Run, one.System)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO outcome_systems (run, system, scenario, kind, depth, ended_at, verdict, rto, rpo, rlo, restored, failback, body)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
				o.Run, one.System, o.Scenario, string(o.Kind), string(o.Depth), moment(o.EndedAt).text(), string(one.Verdict), string(one.RTO),
				string(one.RPO), string(one.RLO), string(one.Restored), string(one.Failback), text(one.Body)); err != nil {
				return err
			}
		}
		return nil
	})
	return s.explain(plan.Text{EN: "keep an outcome", JA: "結果の保存"}, err)
}

// sameSystems reports whether what is kept of an outcome's systems is what it says of them.
func (o Outcome) sameSystems(ctx context.Context, tx *sql.Tx) (bool, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+systemColumns+`body FROM outcome_systems WHERE run = $1`, o.Run)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	n, same := 0, true
	for rows.Next() {
		one, err := scanSystem(rows.Scan)
		if err != nil {
			return false, err
		}
		n++
		same = same && slices.ContainsFunc(o.Systems, func(s SystemOutcome) bool {
			s.Run, s.Scenario, s.Kind, s.Depth, s.EndedAt = o.Run, o.Scenario, o.Kind, o.Depth, o.EndedAt.UTC().Truncate(time.Microsecond)
			return reflect.DeepEqual(s, one)
		})
	}
	return same && n == len(o.Systems), rows.Err()
}

// body is the expression that reads bodies, or leaves them out.
func (f OutcomeFilter) body() string {
	if f.Bare {
		return "'null'"
	}
	return "body"
}

// narrow adds the filter to a query whose table has the columns run, scenario and ended_at.
func (f OutcomeFilter) narrow(query string, args []any) (string, []any) {
	where := func(cond string, value any) {
		args = append(args, value)
		query += fmt.Sprintf(" AND "+cond, len(args))
	}
	if f.Run != "" {
		where("run = $%d", f.Run)
	}
	if f.Scenario != "" {
		where("scenario = $%d", f.Scenario)
	}
	if !f.After.IsZero() {
		where("ended_at > $%d", moment(f.After).text())
	}
	if !f.Before.IsZero() {
		where("ended_at < $%d", moment(f.Before).text())
	}
	return query, args
}

func (f OutcomeFilter) order(query string, args []any) (string, []any) {
	if f.OldestFirst {
		query += " ORDER BY ended_at, run"
	} else {
		query += " ORDER BY ended_at DESC, run DESC"
	}
	if f.Limit > 0 {
		args = append(args, f.Limit)
		query += fmt.Sprintf(" LIMIT $%d", len(args))
	}
	return query, args
}

func (s *database) Outcomes(ctx context.Context, f OutcomeFilter) ([]Outcome, error) {
	if odd(f.Run, f.Scenario, f.System) {
		return nil, nil
	}
	query, args := `SELECT run, position, version, kind, depth, scenario, hazard, state, verdict, started_at, ended_at, `+f.body()+` FROM outcomes WHERE 1 = 1`, []any(nil)
	if f.System != "" {
		args = append(args, f.System)
		query += " AND run IN (SELECT run FROM outcome_systems WHERE system = $1)"
	}
	if f.Since > 0 {
		args = append(args, f.Since)
		query += fmt.Sprintf(" AND position > $%d", len(args))
	}
	query, args = f.order(f.narrow(query, args))
	out, err := again(ctx, s, func(ctx context.Context) (out []Outcome, err error) {
		return out, s.list(ctx, s.read, query, args, func(scan func(...any) error) error {
			var o Outcome
			err := scan(&o.Run, &o.Position, &o.Version, &o.Kind, &o.Depth, &o.Scenario, &o.Hazard, &o.State, &o.Verdict,
				(*moment)(&o.StartedAt), (*moment)(&o.EndedAt), (*jsonText)(&o.Body))
			out = append(out, o)
			return err
		})
	})
	return out, s.explain(plan.Text{EN: "list outcomes", JA: "結果の一覧"}, err)
}

const systemColumns = `run, system, scenario, kind, depth, ended_at, verdict, rto, rpo, rlo, restored, failback, `

func (s *database) SystemOutcomes(ctx context.Context, f OutcomeFilter) ([]SystemOutcome, error) {
	if odd(f.Run, f.Scenario, f.System) {
		return nil, nil
	}
	query, args := `SELECT `+systemColumns+f.body()+` FROM outcome_systems WHERE 1 = 1`, []any(nil)
	if f.System != "" {
		args = append(args, f.System)
		query += " AND system = $1"
	}
	query, args = f.order(f.narrow(query, args))
	return s.systemOutcomes(ctx, query, args...)
}

// judgedColumns are the columns that LastJudged may ask for.
var judgedColumns = map[string]bool{"rto": true, "rpo": true, "rlo": true, "restored": true, "failback": true}

func (s *database) LastJudged(ctx context.Context, property string, v run.Verdict) ([]SystemOutcome, error) {
	if !judgedColumns[property] {
		return nil, fmt.Errorf("no outcome has a property %q; there are rto, rpo, rlo, restored and failback", property)
	}
	return s.systemOutcomes(ctx, `SELECT o.run, o.system, o.scenario, o.kind, o.depth, o.ended_at, o.verdict, o.rto, o.rpo, o.rlo, o.restored, o.failback, o.body
		FROM (SELECT run, system, ROW_NUMBER() OVER (PARTITION BY system ORDER BY ended_at DESC, run DESC) AS nth
			FROM outcome_systems WHERE `+property+` = $1) AS judged
		JOIN outcome_systems AS o ON o.run = judged.run AND o.system = judged.system
		WHERE judged.nth = 1 ORDER BY o.system`, string(v))
}

func (s *database) systemOutcomes(ctx context.Context, query string, args ...any) ([]SystemOutcome, error) {
	out, err := again(ctx, s, func(ctx context.Context) (out []SystemOutcome, err error) {
		return out, s.list(ctx, s.read, query, args, func(scan func(...any) error) error {
			o, err := scanSystem(scan)
			out = append(out, o)
			return err
		})
	})
	return out, s.explain(plan.Text{EN: "list outcomes of systems", JA: "システム別結果の一覧"}, err)
}

func scanSystem(scan func(...any) error) (o SystemOutcome, err error) {
	err = scan(&o.Run, &o.System, &o.Scenario, &o.Kind, &o.Depth, (*moment)(&o.EndedAt), &o.Verdict, &o.RTO, &o.RPO, &o.RLO,
		&o.Restored, &o.Failback, (*jsonText)(&o.Body))
	return o, err
}

func (s *database) WithoutOutcome(ctx context.Context, version, limit int) ([]string, error) {
	query, args := `SELECT r.run FROM runs AS r WHERE r.ended = 1 AND r.kind IN ($1, $2)
		AND r.body NOT LIKE '%"removed_at":%' AND NOT EXISTS (SELECT 1 FROM outcomes AS o WHERE o.run = r.run AND o.version = $3)
		AND EXISTS (SELECT 1 FROM events WHERE events.run = r.run) ORDER BY r.position`, // one whose record was removed has none
		[]any{string(run.Drill), string(run.Response), version}
	if limit > 0 {
		args = append(args, limit)
		query += " LIMIT $4"
	}
	out, err := again(ctx, s, func(ctx context.Context) (out []string, err error) {
		return out, s.list(ctx, s.read, query, args, func(scan func(...any) error) error {
			var o string
			err := scan(&o)
			out = append(out, o)
			return err
		})
	})
	return out, s.explain(plan.Text{EN: "list runs without an outcome", JA: "結果のない実施の一覧"}, err)
}
