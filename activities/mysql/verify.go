package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
)

// Verify is the parameters of mysql.verify_restore.
type Verify struct {
	Dumps  StoreTarget `json:"dumps" kind:"mysqldumps" example:"shop-dumps" help:"Whose restored server is verified." ja:"復元したサーバーを検証する操作対象"`
	Newest string      `json:"newest" help:"Question whose answer is the time of the newest row: the recovery point. The isolated server's time zone is UTC: a DATETIME that holds local time has to be converted." ja:"最新の行の時刻（復旧時点）を返す問い合わせ。隔離サーバーのタイムゾーンはUTCのため、現地時刻のDATETIMEは変換する" example:"SELECT MAX(taken_at) FROM shop.orders"`
	Checks []Check     `json:"checks" help:"Questions with the answers they must give." ja:"問い合わせと期待する応答" default:"[]"`
	Check  bool        `json:"check_tables" help:"Check the structure of every table and index (CHECK TABLE)." ja:"すべてのテーブルと索引の構造を検査する（CHECK TABLE）" default:"true"`
}

// Check is a question of one value.
type Check struct {
	Query  string `json:"query" help:"A question of one row and one column." ja:"1行1列の結果を返す問い合わせ" example:"SELECT COUNT(*) > 0 FROM shop.orders"`
	Expect string `json:"expect" help:"The answer as text." ja:"応答の文字列" example:"\"1\""`
}

// Verified is its result.
type Verified struct {
	RecoveryPoint time.Time        `json:"recovery_point" help:"Time of the newest row that came back." ja:"復元された最新の行の時刻"`
	BehindS       float64          `json:"behind_s" help:"How much is lost: from the recovery point to the restore's begin." ja:"失われた長さ。復旧時点から復元開始まで"`
	Rows          map[string]int64 `json:"rows" help:"Rows of each table, all of them read." ja:"テーブルごとの行数。全行を読み取る"`
	Checks        int              `json:"checks" help:"Questions that were answered as expected." ja:"期待どおりの応答を得た問い合わせ"`
	CheckTables   string           `json:"check_tables" help:"passed, or not asked for." ja:"passed、または未指定（not asked for）"`
	VerifyS       float64          `json:"verify_s" help:"Seconds that the verification took." ja:"検証にかかった秒数"`
}

func verify(ctx context.Context, p Verify) (Verified, error) {
	begun := time.Now()
	dir, _, err := isolated(ctx, p.Dumps)
	if err != nil {
		return Verified{}, err
	}
	done, err := result(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Verified{}, activities.RefusedBoth("nothing is restored in %s: mysql.restore_dump must come before, in the same run and system",
			"%s に復元されたものがない。同じ実施・システムで先に mysql.restore_dump を行う", dir)
	}
	if err != nil {
		return Verified{}, err
	}
	c, err := connect(ctx, inside(p.Dumps, dir))
	if err != nil {
		return Verified{}, err
	}
	defer c.Close()
	out := Verified{Rows: map[string]int64{}, CheckTables: "not asked for"}
	if err := readTables(ctx, c, p.Check, out.Rows); err != nil {
		return out, err
	}
	if p.Check {
		out.CheckTables = "passed"
	}
	for _, check := range p.Checks {
		got, err := mylink.One[sql.NullString](ctx, c, "SELECT CAST(("+check.Query+") AS CHAR)")
		if err != nil {
			return out, unanswered(ctx, check.Query, err)
		}
		if !got.Valid || got.String != check.Expect {
			return out, activities.FindingBoth("%s answers %s, not %q",
				"%s の結果は %s で、%q ではない", check.Query, value(got), check.Expect)
		}
		out.Checks++
	}
	newest, err := mylink.One[sql.NullTime](ctx, c, "SELECT CAST(("+p.Newest+") AS DATETIME(6))")
	if err != nil {
		return out, unanswered(ctx, p.Newest, err)
	}
	if !newest.Valid {
		return out, activities.FindingBoth("%s answers nothing: the restored data has no newest row",
			"%s の結果が空である。復元したデータに最新の行がない", p.Newest)
	}
	out.RecoveryPoint = newest.Time.UTC()
	end := done.EndsAt
	if end.IsZero() { // restored by an earlier release
		end = done.BegunAt
	}
	out.BehindS, err = activities.Behind(out.RecoveryPoint, end, done.BegunAt, plan.Say("let newest convert it, as in SELECT CONVERT_TZ(MAX(taken_at), '+09:00', '+00:00') FROM shop.orders, or leave such rows out",
		"newest で変換するか（SELECT CONVERT_TZ(MAX(taken_at), '+09:00', '+00:00') FROM shop.orders など）、そのような行を除く"))
	if err != nil {
		return out, err
	}
	out.VerifyS = time.Since(begun).Seconds()
	return out, nil
}

// unanswered is a finding when the server said no; else nobody can tell.
func unanswered(ctx context.Context, question string, err error) error {
	if ctx.Err() != nil || mylink.Code(err) == 0 {
		return fmt.Errorf("%s: %w", question, err)
	}
	return activities.FindingBoth("%s: the server answers: %v", "%s に対するサーバーの応答：%v", question, err)
}

func value(s sql.NullString) string {
	if !s.Valid {
		return "NULL"
	}
	return fmt.Sprintf("%q", s.String)
}

// readTables reads every row of every table, and checks their structure.
func readTables(ctx context.Context, c *mylink.Conn, check bool, into map[string]int64) error {
	tables, err := mylink.Rows(ctx, c, `SELECT table_schema AS s, table_name AS t FROM information_schema.tables
		WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys') ORDER BY 1, 2`)
	if err != nil {
		return err
	}
	for _, row := range tables {
		name := quoted(row["s"]) + "." + quoted(row["t"])
		n, err := mylink.One[int64](ctx, c, "SELECT COUNT(*) FROM "+name)
		if err != nil {
			return unanswered(ctx, "SELECT COUNT(*) FROM "+name, err)
		}
		into[row["s"]+"."+row["t"]] = n
		if !check {
			continue
		}
		said, err := mylink.Rows(ctx, c, "CHECK TABLE "+name+" EXTENDED")
		if err != nil {
			return unanswered(ctx, "CHECK TABLE "+name, err)
		}
		for _, line := range said {
			if line["Msg_type"] == "error" || line["Msg_type"] == "status" && line["Msg_text"] != "OK" {
				return activities.FindingBoth("the structure of table %s is damaged: %s",
					"テーブル %s の構造が破損している：%s", name, line["Msg_text"])
			}
		}
	}
	return nil
}

// Discard is the parameters of mysql.discard_restore.
type Discard struct {
	Dumps StoreTarget `json:"dumps" kind:"mysqldumps" example:"shop-dumps" help:"Whose restored server is taken away." ja:"復元したサーバーを片付ける操作対象"`
}

// Discarded is its result.
type Discarded struct {
	Folder string `json:"folder" help:"The folder that is gone." ja:"削除したフォルダー"`
	Gone   bool   `json:"isolated_gone" help:"True: neither a process nor a file of it is left." ja:"true。プロセスもファイルも残っていない"`
}

func discard(ctx context.Context, p Discard) (Discarded, error) {
	if err := guardArea(p.Dumps); err != nil {
		return Discarded{}, err
	}
	dir, i, err := isolated(ctx, p.Dumps)
	if err != nil {
		return Discarded{}, err
	}
	if err := remove(ctx, dir, i); err != nil {
		return Discarded{}, err
	}
	return Discarded{Folder: dir, Gone: true}, nil
}

// remove ends the isolated server and takes its folder away; one that is not marked as a
// restore's is left alone.
func remove(ctx context.Context, dir string, i *mycluster.Instance) error {
	if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, markFile)); err != nil {
		// An attempt that ended before it wrote the mark left a folder only.
		if inside, rerr := os.ReadDir(dir); rerr != nil || len(inside) > 0 {
			return activities.RefusedBoth("%s is not a restore of muster's (it has no file %s) and is left alone",
				"%s は muster の復元先ではない（ファイル %s がない）ため、触れない", dir, markFile)
		}
	}
	if _, err := i.Kill(ctx); err != nil {
		return fmt.Errorf("end the isolated server: %w", err)
	}
	return os.RemoveAll(dir)
}

func lookDiscarded(ctx context.Context, p Discard) (activities.Seen, error) {
	dir, i, err := isolated(ctx, p.Dumps)
	if err != nil {
		return activities.Seen{}, err
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s is still there", "%s が残っている", dir)}, err
	}
	if procs, err := i.Processes(); err == nil && len(procs) > 0 {
		return activities.Seen{Sight: plan.CannotTell, Detail: told("%d processes of it still run", "そのプロセスが %d 個残っている", len(procs))}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: told("%s is gone", "%s は削除済み", dir), Output: Discarded{Folder: dir, Gone: true}}, nil
}
