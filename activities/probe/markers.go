package probe

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Markers is the parameters of probe.postgres_markers.
type Markers struct {
	Servers  Servers `json:"servers" kind:"postgres" help:"All copies of the database; markers go to the one that takes writes." ja:"データベースの全コピー。マーカーは書き込みを受け付ける側に書く"`
	Database string  `json:"database" help:"Database in which the table muster_markers is made, and kept; empty is the target's." ja:"表 muster_markers を作り、残しておくデータベース。空なら操作対象のデータベース" default:""`
}

// lookMarkers plants a numbered row a sample and later reads back which survived.
func lookMarkers(w plan.Watch, p Markers) (looker, error) {
	f, err := newFleet(w, p.Servers, p.Database, true)
	if err != nil {
		return looker{}, err
	}
	return looker{
		look: func(ctx context.Context, n int64) (fate, string) {
			err := f.use(ctx, func(ctx context.Context, c *pglink.Conn) error { return plant(ctx, c, w, n) })
			switch {
			case err == nil:
				return ok, ""
			case pglink.Code(err) == pglink.CodeUniqueViolation:
				return taken, err.Error()
			case sent(err):
				return unknown, err.Error()
			}
			return failed, err.Error()
		},
		glance:    func(ctx context.Context) error { return f.use(ctx, f.serves) },
		survivors: func(ctx context.Context) ([]int64, error) { return survivors(ctx, w, p) },
		close:     f.close,
	}, nil
}

const insertMarker = "INSERT INTO muster_markers (run, probe, seq, at) VALUES ($1, $2, $3, $4)"

func plant(ctx context.Context, c *pglink.Conn, w plan.Watch, n int64) error {
	at := time.Now()
	_, err := c.Exec(ctx, insertMarker, w.Run, w.Probe.Name, n, at)
	if pglink.Code(err) != pglink.CodeUndefinedTable {
		return err
	}
	if _, err = c.Exec(ctx, `CREATE TABLE IF NOT EXISTS muster_markers (
		run text NOT NULL, probe text NOT NULL, seq bigint NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (run, probe, seq))`); err != nil {
		return notSent{fmt.Errorf("create table muster_markers: %w", err)}
	}
	_, err = c.Exec(ctx, insertMarker, w.Run, w.Probe.Name, n, at)
	return err
}

// readingBack is the patience of a count, which has more time than a sample.
var readingBack = plan.Watch{Probe: plan.Probe{Timeout: run.Duration(5 * time.Second), Interval: run.Duration(5 * time.Second)}}

// survivors reads the markers back from the host that takes writes.
func survivors(ctx context.Context, w plan.Watch, p Markers) ([]int64, error) {
	one, err := newFleet(readingBack, p.Servers, p.Database, true)
	if err != nil {
		return nil, err
	}
	found, err := one.await(ctx)
	defer one.close()
	if err != nil {
		return nil, err
	}
	defer found.conn.Close()
	rows, err := found.conn.Query(ctx, "SELECT seq FROM muster_markers WHERE run = $1 AND probe = $2 ORDER BY seq", w.Run, w.Probe.Name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// readyMarkers looks, without planting one, whether markers could be planted now.
func readyMarkers(ctx context.Context, p Markers) ([]plan.Text, error) {
	const within = 5 * time.Second
	f, err := newFleet(plan.Watch{Probe: plan.Probe{Timeout: run.Duration(within)}}, p.Servers, p.Database, true)
	if err != nil {
		return nil, err
	}
	defer f.close()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var may bool
	if err := f.use(ctx, func(ctx context.Context, c *pglink.Conn) error {
		return c.QueryRow(ctx, `SELECT CASE WHEN to_regclass('muster_markers') IS NULL THEN has_schema_privilege(current_schema(), 'create')
			ELSE has_table_privilege('muster_markers', 'insert, select') END`).Scan(&may)
	}); err != nil {
		return []plan.Text{activities.Lacking("none of the servers takes writes from here: %v", "ここから書き込めるサーバーがありません：%v", err)}, nil
	}
	if !may {
		return []plan.Text{activities.Lacking("the user may not write to table muster_markers: grant INSERT and SELECT on it, or CREATE on the schema",
			"テーブル muster_markers に書き込む権限がありません。INSERT と SELECT、またはスキーマの CREATE を付与してください")}, nil
	}
	return nil, nil
}
