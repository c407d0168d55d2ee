package sql

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Exec is the parameters of sql.exec.
type Exec struct {
	Server    pglink.Target `json:"server" kind:"postgres" help:"Server to change." ja:"変更するサーバー"`
	Database  string        `json:"database" help:"Database; empty is the server's own choice in the estate." ja:"データベース。空なら構成台帳のサーバーの指定" default:""`
	Statement string        `json:"statement" help:"One statement; $1, $2 stand for args." ja:"文1つ。$1、$2 は args の値" example:"UPDATE settings SET read_only = false"`
	Args      []any         `json:"args" help:"Values for $1, $2 and so on." ja:"$1、$2 などの値" default:""`
	Look      string        `json:"look_sql" help:"Query whose first column of its one row is true when the goal holds; without it a lost answer has to be settled by a person." ja:"目標の状態なら1行目の1列目が真となる問い合わせ（結果は1行）。なければ、応答が失われたときに人が判断する" default:"" example:"SELECT NOT read_only FROM settings"`
}

// Executed is what sql.exec did.
type Executed struct {
	RowsAffected int64  `json:"rows_affected" help:"Rows that the statement changed." ja:"文が変更した行数"`
	Command      string `json:"command" help:"What the server calls it, such as UPDATE 3." ja:"サーバーが返すコマンドの表示。UPDATE 3 など"`
}

var execute = activities.Define("sql.exec", activities.Doc{
	Summary:   "Run one statement that changes a PostgreSQL database, once.",
	SummaryJA: "PostgreSQL を変更する文を一度だけ実行する。",
	Effect:    run.Disrupt,
}, func(ctx context.Context, p Exec) (Executed, error) {
	conn, err := connect(ctx, p.Server, p.Database)
	if err != nil {
		return Executed{}, activities.RefusedBoth("nothing was sent: %v", "何も送信していない：%v", err)
	}
	defer conn.Close()
	// The session carries the effect's name, so that a look finds it still at work.
	if _, err := conn.Exec(ctx, `SELECT set_config('application_name', $1, false)`, sessionName(ctx)); err != nil {
		return Executed{}, activities.RefusedBoth("nothing was sent: %v", "何も送信していない：%v", err)
	}
	args, err := textArgs(p.Args)
	if err != nil {
		return Executed{}, activities.RefusedBoth("args: %v", "args：%v", err)
	}
	tag, err := conn.Exec(ctx, p.Statement, append([]any{pgx.QueryExecModeDescribeExec}, args...)...)
	if err != nil {
		return Executed{}, judge(p.Server.Name, err)
	}
	out := Executed{RowsAffected: tag.RowsAffected(), Command: tag.String()}
	if p.Look == "" {
		return out, nil
	}
	seen, err := look(ctx, conn, p)
	if err == nil && seen.Sight != plan.Holds {
		err = activities.FindingBoth("%s: the statement ran (%s), and the look says: %s", "%s：SQL 文は実行された（%s）が、確認結果は次のとおり：%s", p.Server.Name, out.Command, plan.Apart(seen.Detail))
	}
	return out, err
}, activities.Look(func(ctx context.Context, p Exec) (activities.Seen, error) {
	if p.Look == "" {
		return activities.Seen{}, nil
	}
	conn, err := connect(ctx, p.Server, p.Database)
	if err != nil {
		return activities.Seen{}, err
	}
	defer conn.Close()
	var working int
	err = conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1`, sessionName(ctx)).Scan(&working)
	if err != nil {
		return activities.Seen{}, judge(p.Server.Name, err)
	}
	if working > 0 {
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%s is still at the statement", "%s は SQL 文をまだ実行している", p.Server.Name).Both()}, nil
	}
	return look(ctx, conn, p)
}))

func look(ctx context.Context, conn *pglink.Conn, p Exec) (activities.Seen, error) {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return activities.Seen{}, judge(p.Server.Name, err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	var holds *bool
	if err := tx.QueryRow(ctx, p.Look).Scan(&holds); err != nil {
		return activities.Seen{}, fmt.Errorf("look_sql must return one row with true or false: %w", judge(p.Server.Name, err))
	}
	if holds == nil || !*holds {
		return activities.Short(ctx, activities.Lacking("look_sql is not true on %s", "%s で look_sql が真にならない", p.Server.Name)), nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("look_sql is true on %s", "%s で look_sql が真である", p.Server.Name).Both(), Output: Executed{}}, nil
}

// sessionName names the session of the effect at hand; PostgreSQL keeps 63 bytes.
func sessionName(ctx context.Context) string {
	sum := sha256.Sum256([]byte(activities.CallFrom(ctx).EffectKey))
	return "muster " + hex.EncodeToString(sum[:16])
}
