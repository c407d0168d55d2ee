package journal

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"

	"github.com/muster-dr/muster/internal/plan"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// schema is where a kind of database keeps its migrations, and what it has applied of them.
type schema struct {
	dialect goose.Dialect
	dir     string
	table   string
}

// The two have the same tables under the same numbers, so that a whole store can be copied from
// one to the other.
var (
	sqliteSchema   = schema{goose.DialectSQLite3, "migrations/sqlite", "goose_db_version"}
	postgresSchema = schema{goose.DialectPostgres, "migrations/postgres", "muster_schema"}
)

func (sc schema) provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, sc.dir)
	if err != nil {
		return nil, err
	}
	table, err := goosedb.NewStore(sc.dialect, sc.table)
	if err != nil {
		return nil, err
	}
	return goose.NewProvider("", db, files, goose.WithStore(table), goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(
		// 5: summaries say that a run is being aborted, which only an open one is.
		goose.NewGoMigration(5, &goose.GoFunc{RunTx: resummarizeOpen}, nil),
		// 6: and that it is not paused any more then.
		goose.NewGoMigration(6, &goose.GoFunc{RunTx: resummarizeOpen}, nil)))
}

// Schema is the newest schema of a record store that this muster knows.
func Schema() int64 {
	p, err := sqliteSchema.provider(new(sql.DB))
	if err != nil {
		panic(err) // what is compiled in is wrong
	}
	sources := p.ListSources()
	return sources[len(sources)-1].Version
}

// ErrNewer: a newer muster wrote the store.
var ErrNewer = errors.New("the record store is of a newer muster")

// ErrOlder: the store has to be brought up to date first.
var ErrOlder = errors.New("the record store is of an older muster")

// ErrEmpty: there is no record store yet.
var ErrEmpty = errors.New("there is no record store yet")

// migrate brings the schema up to date, each step in a transaction of its own. What is there
// already is saved first, by before, which says where to.
func migrate(ctx context.Context, db *sql.DB, sc schema, o options, before func(ctx context.Context, db *sql.DB, has, known int64) (plan.Text, error)) error {
	p, err := sc.provider(db)
	if err != nil {
		return err
	}
	has, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("read its schema: %w", err)
	}
	switch {
	case has > known:
		return &trouble{text: plan.Say("a newer muster wrote it (schema %d; this one knows %d); start that version again, or name another store. To go back to this version put back the backup from before the upgrade. It was left as it is",
			"より新しいmusterが書き込んだものです（スキーマ %d、このmusterは %d まで）。新しい版を使うか、別の保存先を指定してください。この版に戻すには、更新前のバックアップを戻してください。変更はしていません", has, known), err: ErrNewer, silent: true}
	case has == known:
		return nil
	case has > 0 && o.asIs:
		return &trouble{text: plan.Say("an older muster wrote it (schema %d; this one needs %d); start this muster, or run `muster store migrate`",
			"以前のmusterが書き込んだものです（スキーマ %d、このmusterには %d が必要）。このmusterを起動するか、`muster store migrate` を実行してください", has, known), err: ErrOlder, silent: true}
	}
	var saved plan.Text
	if has > 0 {
		if saved, err = before(ctx, db, has, known); err != nil {
			return &trouble{text: plan.Say("it was not brought up to date from schema %d to %d, because it could not be saved before; nothing was changed",
				"スキーマ %d から %d への更新前にバックアップを取れなかったため、更新していません。変更はしていません", has, known), err: err}
		}
	}
	done, err := p.Up(ctx)
	if err != nil {
		return &trouble{text: plan.Say("bring the schema up to date from %d to %d, of which %d step(s) were done and the next undone whole; start again once its cause is gone%s",
			"スキーマを %d から %d へ更新できませんでした（%d 段階まで完了、次の段階は取り消し済み）。原因を取り除いて起動し直してください%s", has, known, len(done), saved), err: err}
	}
	if has > 0 {
		o.tell(plan.Say("the record store was brought up to date from schema %d to %d%s", "記録の保存先のスキーマを %d から %d に更新しました%s", has, known, saved))
	}
	return nil
}
