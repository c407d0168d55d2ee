package pgbackup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
)

// Verify is the parameters of pgbackup.verify.
type Verify struct {
	Backups Target  `json:"backups" kind:"pgbackups" example:"orders-backups" help:"Whose restored server is verified." ja:"復元したサーバーを検証する操作対象"`
	Newest  string  `json:"newest" help:"Question whose answer is the time of the newest row: the recovery point. The isolated server's time zone is UTC: a timestamp without time zone that holds local time has to be converted (AT TIME ZONE 'Asia/Tokyo')." ja:"最新の行の時刻（復旧時点）を返す問い合わせ。隔離サーバーのタイムゾーンはUTCのため、現地時刻を入れた timestamp without time zone は変換する（AT TIME ZONE 'Asia/Tokyo'）" example:"SELECT max(taken_at) FROM orders"`
	Checks  []Check `json:"checks" help:"Questions with the answers they must give." ja:"問い合わせと期待する応答" default:"[]"`
	AmCheck bool    `json:"amcheck" help:"Check the structure of every table and index (pg_amcheck)." ja:"すべてのテーブルと索引の構造を検査する（pg_amcheck）" default:"true"`
}

// Check is a question of one value.
type Check struct {
	Query  string `json:"query" help:"A question of one row and one column." ja:"1行1列の結果を返す問い合わせ" example:"SELECT count(*) > 0 FROM orders"`
	Expect string `json:"expect" help:"The answer as text." ja:"応答の文字列" example:"t"`
}

// Verified is its result.
type Verified struct {
	RecoveryPoint time.Time        `json:"recovery_point" help:"Time of the newest row that came back." ja:"復元された最新の行の時刻"`
	BehindS       float64          `json:"behind_s" help:"How much is lost: from the recovery point to the point in time that was asked for, or to the restore's begin." ja:"失われた長さ。復旧時点から、指定された時点または復元開始まで"`
	Rows          map[string]int64 `json:"rows" help:"Rows of each table, all of them read." ja:"テーブルごとの行数。全行を読み取る"`
	Checks        int              `json:"checks" help:"Questions that were answered as expected." ja:"期待どおりの応答を得た問い合わせ"`
	AmCheck       string           `json:"amcheck" help:"passed, or not asked for." ja:"passed、または未指定（not asked for）"`
	VerifyS       float64          `json:"verify_s" help:"Seconds that the verification took." ja:"検証にかかった秒数"`
}

func verify(ctx context.Context, p Verify) (Verified, error) {
	begun := time.Now()
	dir, i, err := isolated(ctx, p.Backups)
	if err != nil {
		return Verified{}, err
	}
	done, err := result(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Verified{}, activities.RefusedBoth("nothing is restored in %s: pgbackup.restore must come before, in the same run and system",
			"%s に復元されたものがない。同じ実施・システムで先に pgbackup.restore を行う", dir)
	}
	if err != nil {
		return Verified{}, err
	}
	c, err := connect(ctx, i, p.Backups)
	if err != nil {
		return Verified{}, err
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	out := Verified{Rows: map[string]int64{}, AmCheck: "not asked for"}
	if err := countRows(ctx, c, out.Rows); err != nil {
		return out, err
	}
	for _, check := range p.Checks {
		var got *string
		if err := c.QueryRow(ctx, "SELECT ("+check.Query+")::text").Scan(&got); err != nil {
			return out, activities.FindingBoth("%s: %v", "%s：%v", check.Query, err)
		}
		if got == nil || *got != check.Expect {
			return out, activities.FindingBoth("%s answers %s, not %q", "%s の結果は %s で、%q ではない", check.Query, value(got), check.Expect)
		}
		out.Checks++
	}
	if p.AmCheck {
		if _, err := i.Run(ctx, nil, "pg_amcheck", "-h", i.Host, "-p", fmt.Sprint(i.Port), "-U", p.Backups.Spec.User, "--all", "--install-missing", "--no-strict-names"); err != nil {
			if ctx.Err() != nil {
				return out, err
			}
			return out, activities.FindingBoth("the restored server's structure is damaged: %v", "復元したサーバーの構造が破損している：%v", err)
		}
		out.AmCheck = "passed"
	}
	var newest *time.Time
	if err := c.QueryRow(ctx, "SELECT ("+p.Newest+")::timestamptz").Scan(&newest); err != nil {
		return out, activities.FindingBoth("%s: %v", "%s：%v", p.Newest, err)
	}
	if newest == nil {
		return out, activities.FindingBoth("%s answers nothing: the restored data has no newest row",
			"%s の結果が空である。復元したデータに最新の行がない", p.Newest)
	}
	out.RecoveryPoint = newest.UTC()
	asked := done.BegunAt
	if done.To != "" {
		if asked, err = time.Parse(time.RFC3339Nano, done.To); err != nil {
			return out, err
		}
	}
	end := asked
	var committed *time.Time // the last transaction of the log, which is still known of a server that was opened after it
	if err := c.QueryRow(ctx, "SELECT pg_last_xact_replay_timestamp()").Scan(&committed); err != nil {
		return out, err
	}
	if committed != nil {
		end = *committed
	}
	out.BehindS, err = activities.Behind(out.RecoveryPoint, end, asked, plan.Say("let newest convert it, as in SELECT max(taken_at AT TIME ZONE 'Asia/Tokyo') FROM orders, or leave such rows out",
		"newest で変換するか（SELECT max(taken_at AT TIME ZONE 'Asia/Tokyo') FROM orders など）、そのような行を除く"))
	if err != nil {
		return out, err
	}
	out.VerifyS = time.Since(begun).Seconds()
	return out, nil
}

func value(s *string) string {
	if s == nil {
		return "NULL"
	}
	return fmt.Sprintf("%q", *s)
}

// countRows reads every row of every table, by which a page that can't be read shows.
func countRows(ctx context.Context, c *pgx.Conn, into map[string]int64) error {
	rows, err := c.Query(ctx, `SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`)
	if err != nil {
		return err
	}
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, t := range tables {
		var n int64
		if err := c.QueryRow(ctx, "SELECT count(*) FROM "+t).Scan(&n); err != nil {
			return activities.FindingBoth("table %s can't be read: %v", "テーブル %s を読み取れない：%v", t, err)
		}
		into[t] = n
	}
	return nil
}

// connect goes through the isolated server's own socket; it has no other way in.
func connect(ctx context.Context, i *pgcluster.Instance, t Target) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, err
	}
	config.Host, config.Port, config.User, config.Database, config.Password = i.Host, uint16(i.Port), t.Spec.User, t.Spec.Database, ""
	config.RuntimeParams = map[string]string{"application_name": "muster"}
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("connect to the restored server: %w", err)
	}
	return c, nil
}

// Discard is the parameters of pgbackup.discard.
type Discard struct {
	Backups Target `json:"backups" kind:"pgbackups" example:"orders-backups" help:"Whose restored server is taken away." ja:"復元したサーバーを片付ける操作対象"`
}

// Discarded is its result.
type Discarded struct {
	Folder string `json:"folder" help:"The folder that is gone." ja:"削除したフォルダー"`
	Gone   bool   `json:"isolated_gone" help:"True: neither a process nor a file of it is left." ja:"true。プロセスもファイルも残っていない"`
}

func discard(ctx context.Context, p Discard) (Discarded, error) {
	if err := guardArea(p.Backups); err != nil {
		return Discarded{}, err
	}
	dir, i, err := isolated(ctx, p.Backups)
	if err != nil {
		return Discarded{}, err
	}
	if err := remove(ctx, dir, i); err != nil {
		return Discarded{}, err
	}
	return Discarded{Folder: dir, Gone: true}, nil
}

// remove ends the isolated server and takes its folder away; one that is not marked as
// a restore's is left alone.
func remove(ctx context.Context, dir string, i *pgcluster.Instance) error {
	if err := endWork(ctx, dir); err != nil {
		return err
	}
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, markFile)); err != nil {
		// An attempt that ended before it wrote the mark left folders only.
		if err := onlyFolders(dir); err != nil {
			return activities.RefusedBoth("%s is not a restore of muster's (it has no file %s) and is left alone: %v",
				"%s は muster の復元先ではない（ファイル %s がない）ため、触れない：%v", dir, markFile, err)
		}
	}
	if _, err := os.Stat(i.Data); err == nil {
		if _, err := i.Kill(ctx); err != nil {
			return fmt.Errorf("end the isolated server: %w", err)
		}
	}
	return os.RemoveAll(dir)
}

func onlyFolders(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			err = fmt.Errorf("it holds %s", path)
		}
		return err
	})
}

func lookDiscarded(ctx context.Context, p Discard) (activities.Seen, error) {
	dir, i, err := isolated(ctx, p.Backups)
	if err != nil {
		return activities.Seen{}, err
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s is still there", "%s が残っている", dir).Both()}, err
	}
	procs, err := i.Processes()
	if left := len(procs) + len(proc.Carrying(mark(dir))); err == nil && left > 0 {
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%d processes of it still run", "そのプロセスが %d 個残っている", left).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is gone", "%s は削除済み", dir).Both(), Output: Discarded{Folder: dir, Gone: true}}, nil
}
