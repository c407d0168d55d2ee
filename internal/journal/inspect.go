package journal

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// Facts are what there is to know of a record store.
type Facts struct {
	Where   string
	Kind    string // "SQLite" or "PostgreSQL"
	Version string // of the database
	Schema  int64
	Size    int64 // bytes
	Free    int64 // bytes beside it; -1 is not known
	// Primary is the server that is worked with, Standbys those that follow it.
	Primary  string
	Standbys []Standby
	// Servers are those that its address names, as they were when they were asked.
	Servers []Server
	// Raised are the objects of the security alarms and notices of the last 24 hours.
	Raised []string
	Notes  []plan.Text // what should be known
	Bad    bool        // and must be seen to
}

// Standby is a server that follows the primary.
type Standby struct {
	Name  string
	State string // as the primary has it; "" is not shown to this user
	Sync  string
	Lag   int64 // bytes; -1 is not shown
}

const mega = 1 << 20

// Text is a line about the store.
func (f Facts) Text() plan.Text {
	out := plan.Say("%s, %s %s, schema %d, %d MB", "%s、%s %s、スキーマ %d、%d MB", f.Where, f.Kind, f.Version, f.Schema, f.Size/mega)
	add := func(en, ja string, args ...any) {
		more := plan.Say(en, ja, args...)
		out.EN, out.JA = out.EN+more.EN, out.JA+more.JA
	}
	if f.Free >= 0 {
		add("; %d MB free beside it", "、空き %d MB", f.Free/mega)
	}
	if f.Primary != "" {
		add("; primary %s", "、プライマリ %s", f.Primary)
	}
	for _, s := range f.Standbys {
		if s.State == "" {
			add("; standby %s (its lag is told to members of pg_monitor only)", "、スタンバイ %s（遅延はpg_monitorのメンバーだけが参照可能）", s.Name)
			continue
		}
		add("; standby %s %s, %s, %d kB behind", "、スタンバイ %s %s（%s、遅延 %d kB）", s.Name, s.State, s.Sync, s.Lag>>10)
	}
	return out
}

// Inspect looks at a record store and changes nothing but its ping. An older schema is told, with whether there is room
// to bring it up to date.
func Inspect(ctx context.Context, url string, more ...Option) (_ Facts, err error) {
	var older Facts
	s, err := openURL(ctx, url, append(more, AsItIs(), func(o *options) { o.older = &older })...)
	if errors.Is(err, ErrOlder) {
		return older, err
	}
	if err != nil {
		return Facts{}, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Ping(ctx); err != nil {
		return Facts{}, err
	}
	f := Facts{Where: s.where, Free: -1}
	if f.Schema, err = s.schemaVersion(ctx); err == nil {
		err = s.facts(ctx, s.read, &f)
	}
	if err == nil {
		err = s.list(ctx, s.read, `SELECT object FROM accesses WHERE act = $1 AND at >= $2`, []any{ActRaised, moment(time.Now().Add(-24 * time.Hour)).text()},
			func(scan func(...any) error) error {
				var object string
				err := scan(&object)
				f.Raised = append(f.Raised, object)
				return err
			})
	}
	return f, s.explain(plan.Text{EN: "look at it", JA: "状態の確認"}, err)
}

func (s *database) schemaVersion(ctx context.Context) (n int64, err error) {
	return n, s.read.QueryRowContext(ctx, `SELECT MAX(version_id) FROM `+s.schemaTable()).Scan(&n)
}

func (*sqliteFile) schemaTable() string { return sqliteSchema.table }

func (*postgres) schemaTable() string { return postgresSchema.table }

func (f *sqliteFile) facts(ctx context.Context, db *sql.DB, out *Facts) error {
	out.Kind = "SQLite"
	if err := db.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&out.Version); err != nil {
		return err
	}
	for _, side := range []string{"", "-wal"} {
		if info, err := os.Stat(f.path + side); err == nil {
			out.Size += info.Size()
		}
	}
	free, err := f.free()
	if err != nil {
		return err
	}
	out.Free = free
	if out.Free < 2*out.Size {
		out.Notes = append(out.Notes, plan.Say("An upgrade first copies the file: free %d MB beside it before", "更新時にファイルのコピーを作成します。事前に %d MB 以上の空きを確保してください", 2*out.Size/mega+1))
	}
	return nil
}

func (p *postgres) facts(ctx context.Context, db *sql.DB, out *Facts) error {
	out.Kind = "PostgreSQL"
	var names, commit string
	if err := db.QueryRowContext(ctx, `SELECT split_part(current_setting('server_version'), ' ', 1), pg_database_size(current_database()),
		coalesce(host(inet_server_addr()) || ':' || inet_server_port(), 'socket'), current_setting('synchronous_standby_names'), current_setting('synchronous_commit')`).
		Scan(&out.Version, &out.Size, &out.Primary, &names, &commit); err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, `SELECT coalesce(application_name, ''), coalesce(state, ''), coalesce(sync_state, ''), coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), -1)::bigint
		FROM pg_stat_replication ORDER BY 1`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var s Standby
		if err := rows.Scan(&s.Name, &s.State, &s.Sync, &s.Lag); err != nil {
			return err
		}
		out.Standbys = append(out.Standbys, s)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	switch {
	case len(out.Standbys) == 0 && names == "":
		out.Notes = append(out.Notes, plan.Say("No standby follows it: if this server is lost, so are the records since its last backup", "スタンバイがありません。このサーバーが失われると、最後のバックアップ以降の記録も失われます"))
	case names == "":
		out.Notes = append(out.Notes, plan.Say("Commits don't wait for a standby (synchronous_standby_names is empty): if this server is lost, the records of its last moments may be too", "コミットはスタンバイを待ちません（synchronous_standby_names が空）。このサーバーが失われると、直前の記録も失われる可能性があります"))
	case len(out.Standbys) == 0:
		out.Bad = true
		out.Notes = append(out.Notes, plan.Say("Commits wait for a standby (synchronous_standby_names = %s) and none is there: nothing can be recorded until one follows", "コミットはスタンバイを待つ設定（synchronous_standby_names = %s）ですが、スタンバイがありません。接続されるまで記録できません", names))
	}
	out.Servers = p.servers
	for _, s := range p.servers {
		if s.Err != nil {
			out.Notes = append(out.Notes, plan.Say("%s does not answer: %s", "%s から応答がありません: %s", s.Address, strings.TrimSpace(fmt.Sprint(shortly(s.Err)))))
		}
	}
	return nil
}
