package sql

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/run"
)

// Query is the parameters of sql.query.
type Query struct {
	Server   pglink.Target `json:"server" kind:"postgres" help:"Server to ask." ja:"問い合わせるサーバー"`
	Database string        `json:"database" help:"Database; empty is the server's own choice in the estate." ja:"データベース。空なら構成台帳のサーバーの指定" default:""`
	Query    string        `json:"query" help:"One statement that reads; $1, $2 stand for args." ja:"参照のみの文1つ。$1、$2 は args の値" example:"SELECT count(*) AS n FROM orders"`
	Args     []any         `json:"args" help:"Values for $1, $2 and so on." ja:"$1、$2 などの値" default:""`
	Expect   string        `json:"expect" over:"rows,count" help:"Condition over rows and count, such as rows[0].n > 0." ja:"rows と count に対する条件。rows[0].n > 0 など" default:"" example:"rows[0].n > 0"`
	MaxRows  int           `json:"max_rows" help:"How many rows are read at most." ja:"読み取る行数の上限" default:"1000"`
}

// Rows is what a query returned.
type Rows struct {
	Rows  []map[string]any `json:"rows" help:"Rows, each a map of column to value; numbers, truth values and JSON keep their type, all else is text." ja:"行。それぞれ列名から値への対応。数値・真偽値・JSONは型を保ち、それ以外は文字列"`
	Count int              `json:"count" help:"How many rows are in rows." ja:"rows の行数"`
	More  bool             `json:"more" help:"Whether there were more than max_rows." ja:"max_rows を超える行があったか"`
}

var query = activities.Define("sql.query", activities.Doc{
	Summary:    "Ask a PostgreSQL database in a read-only transaction and check the rows.",
	SummaryJA:  "PostgreSQL に読み取り専用トランザクションで問い合わせ、行を確かめる。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p Query) (Rows, error) {
	conn, err := connect(ctx, p.Server, p.Database)
	if err != nil {
		return Rows{}, err
	}
	defer conn.Close()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		return Rows{}, judge(p.Server.Name, err)
	}
	defer func() { _ = tx.Rollback(ctx) }()
	found, more, err := read(ctx, tx, p.Query, p.Args, max(p.MaxRows, 1))
	if err != nil {
		return Rows{}, judge(p.Server.Name, err)
	}
	out := Rows{Rows: found, Count: len(found), More: more}
	if p.Expect == "" {
		return out, nil
	}
	ok, err := expr.Bool(p.Expect, map[string]any{"rows": out.Rows, "count": out.Count})
	switch {
	case err != nil:
		return out, activities.FindingBoth("%s: the rows can't be judged by %q: %v", "%s：得られた行を %q で判定できない：%v", p.Server.Name, p.Expect, err)
	case !ok:
		return out, activities.FindingBoth("%s: %q is false for the %d rows found", "%s：条件 %q は、得られた %d 行では成り立たない", p.Server.Name, p.Expect, out.Count)
	}
	return out, nil
})
