package mysql

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
)

// Restore is the parameters of mysql.restore_dump.
type Restore struct {
	Dumps StoreTarget `json:"dumps" kind:"mysqldumps" example:"shop-dumps" help:"Which dumps, and where the isolated server is made." ja:"使うダンプと、隔離サーバーを作る場所"`
	Dump  string      `json:"dump" help:"Name of the dump; empty is the newest." ja:"ダンプの名前。空なら最新" default:""`
}

// Restored is its result. Parts of the time are the worker's, monotonic.
type Restored struct {
	Backup    string    `json:"backup" help:"The dump that was used." ja:"使ったダンプ"`
	TakenAt   time.Time `json:"taken_at" help:"When that was begun." ja:"その開始時刻"`
	EndsAt    time.Time `json:"ends_at" help:"When its file was written to the end: nothing in it is newer." ja:"ファイルを書き終えた時刻。これより新しいものは含まれない"`
	BegunAt   time.Time `json:"begun_at" help:"When the restore began, by the worker's clock." ja:"復元の開始時刻（ワーカーの時計）"`
	SizeBytes int64     `json:"size_bytes" help:"Size of the dump's file." ja:"ダンプのファイルの大きさ"`
	GTID      string    `json:"gtid" help:"Position of the dump." ja:"ダンプの位置"`
	FetchS    float64   `json:"fetch_s" help:"Seconds to find the dump and hold it against its checksum." ja:"ダンプを探し、チェックサムと照合した秒数"`
	RestoreS  float64   `json:"restore_s" help:"Seconds to make the isolated server and load the dump into it." ja:"隔離サーバーを作り、ダンプを読み込んだ秒数"`
	Folder    string    `json:"folder" help:"Where the isolated server is." ja:"隔離サーバーの場所"`
}

// Files of an isolated server's folder.
const (
	markFile   = "muster-restore" // says that the folder is a restore's, and of which run
	resultFile = "restored.json"  // written when the dump is loaded
)

// isolated is the server of this run's restore, whether it is there or not.
func isolated(ctx context.Context, t StoreTarget) (dir string, i *mycluster.Instance, err error) {
	i = programsIn(t)
	call := activities.CallFrom(ctx)
	// Short, for the socket's path; the mark in it says whose it is.
	sum := sha256.Sum256([]byte(call.Run + "\x00" + call.System + "\x00" + t.Name))
	dir = filepath.Join(t.Spec.Area, fmt.Sprintf("%.24s-%x", unsafe.ReplaceAllString(call.Run, "_"), sum[:4]))
	const longest = 107 // of a socket's path, sun_path less the final 0
	if n := len(socketOf(dir)); n > longest {
		return "", nil, activities.RefusedBoth("the socket in %s would have a path of %d characters, and %d is the limit: name a shorter area in the estate",
			"%s のソケットのパスが %d 文字になり、上限の %d 文字を超える。構成台帳の area を短いパスにする", dir, n, longest)
	}
	i.Data = filepath.Join(dir, "data")
	// No network, no log, no events, no files but its own: a server that starts removes what
	// it finds of temporary tables in its tmpdir, which would be another's where that is
	// shared. What one of the flavours does not know is marked as loose.
	i.Args = []string{"--no-defaults", "--skip-networking", "--loose-mysqlx=OFF", tmpdirOf(dir), "--socket=" + socketOf(dir), "--pid-file=" + filepath.Join(dir, "s", "pid"),
		"--skip-log-bin", "--event-scheduler=OFF", "--local-infile=0", "--secure-file-priv=" + filepath.Join(dir, "s"), "--max-allowed-packet=1G",
		"--loose-gtid-mode=ON", "--loose-enforce-gtid-consistency=ON", "--innodb-flush-log-at-trx-commit=0", "--loose-performance-schema=OFF"}
	return dir, i, nil
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9._-]`) // in a folder's name

func tmpdirOf(dir string) string { return "--tmpdir=" + filepath.Join(dir, "s") }

func socketOf(dir string) string { return filepath.Join(dir, "s", "sock") }

// inside is the isolated server as a target; it has no other way in than its socket.
func inside(t StoreTarget, dir string) Target {
	return Target{Name: "the isolated server of " + t.Name, Spec: Server{Host: socketOf(dir), User: "root", TLS: "disable"}}
}

// guardArea refuses an area where a restore could touch a server's own files.
func guardArea(t StoreTarget) error {
	area, err := filepath.EvalSymlinks(t.Spec.Area)
	if err != nil {
		return activities.RefusedBoth("the restore area of %s: %v; make the folder, closed to others but to be passed by the service user",
			"%s の復元領域：%v。他のユーザーはアクセスできず、サービスユーザーは通過できるフォルダーを作成する", t.Name, err)
	}
	for d := area; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, "ibdata1")); err == nil {
			return activities.RefusedBoth("the restore area %s lies in a server's data directory (%s): name a folder of its own",
				"復元領域 %s がサーバーのデータディレクトリ（%s）の中にある。専用のフォルダーを指定する", t.Spec.Area, d)
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	if real, err := filepath.EvalSymlinks(t.Spec.Dumps); err == nil && (within(area, real) || within(real, area)) {
		return activities.RefusedBoth("the restore area %s and %s lie in one another: name a folder of its own",
			"復元領域 %s と %s が重なっている。専用のフォルダーを指定する", t.Spec.Area, t.Spec.Dumps)
	}
	return nil
}

func within(inner, outer string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func room(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// need is what a restored dump takes on disk: tables with their indexes are larger than
// their text, and an empty server has its own files.
func need(b Dumped) int64 { return b.SQLBytes*3/2 + 256<<20 }

func restore(ctx context.Context, p Restore) (Restored, error) {
	begun := time.Now()
	if err := guardArea(p.Dumps); err != nil {
		return Restored{}, err
	}
	dir, i, err := isolated(ctx, p.Dumps)
	if err != nil {
		return Restored{}, err
	}
	if err := remove(ctx, dir, i); err != nil { // an earlier attempt of this run
		return Restored{}, err
	}
	b, err := chosen(p)
	if err != nil {
		return Restored{}, err
	}
	out := Restored{Backup: b.Backup, TakenAt: b.TakenAt, BegunAt: begun.UTC(), SizeBytes: b.SizeBytes, GTID: b.GTID, Folder: dir}
	if free, err := room(p.Dumps.Spec.Area); err != nil {
		return Restored{}, activities.RefusedBoth("the restore area: %v",
			"復元領域：%v", err)
	} else if free < need(b) {
		return Restored{}, activities.FindingBoth("%s has %d MB free, and restoring %s needs %d MB: make room there",
			"%s の空きは %d MB で、%s の復元に必要な %d MB に足りない。空きを増やす", p.Dumps.Spec.Area, free>>20, b.Backup, need(b)>>20)
	}
	file := filepath.Join(p.Dumps.Spec.Dumps, b.Backup+packed)
	st, err := os.Stat(file)
	if err != nil {
		return Restored{}, err
	}
	out.EndsAt = micro(st.ModTime())
	if err := held(ctx, file, b); err != nil {
		return Restored{}, err
	}
	out.FetchS = time.Since(begun).Seconds()

	loading := time.Now()
	if err := lay(ctx, dir, i, p.Dumps, file, b); err != nil {
		if cleared := remove(context.WithoutCancel(ctx), dir, i); cleared != nil {
			return Restored{}, activities.NotCleared(err, cleared)
		}
		if ctx.Err() != nil || isGuard(err) {
			return Restored{}, err
		}
		return Restored{}, activities.FindingBoth("dump %s could not be restored: %v",
			"ダンプ %s を復元できなかった：%v", b.Backup, err)
	}
	out.RestoreS = time.Since(loading).Seconds()
	text, err := json.Marshal(out)
	if err != nil {
		return Restored{}, err
	}
	return out, os.WriteFile(filepath.Join(dir, resultFile), text, 0o600)
}

func chosen(p Restore) (Dumped, error) {
	if p.Dump == "" {
		return newestDump(p.Dumps)
	}
	return namedDump(p.Dumps, p.Dump)
}

// lay makes the isolated server, starts it and loads the dump.
func lay(ctx context.Context, dir string, i *mycluster.Instance, t StoreTarget, file string, b Dumped) error {
	for _, d := range []string{dir, filepath.Join(dir, "s"), i.Data} {
		if err := i.OwnDir(d); err != nil {
			return err
		}
		if d == dir {
			if err := os.WriteFile(filepath.Join(dir, markFile), []byte(activities.CallFrom(ctx).Run+"\n"), 0o600); err != nil {
				return err
			}
		}
	}
	if err := initialise(ctx, i, tmpdirOf(dir)); err != nil {
		return err
	}
	target := inside(t, dir)
	if err := i.Start(ctx, func(ctx context.Context) error { _, err := visit(ctx, target); return err }); err != nil {
		return err
	}
	text, err := unpacked(ctx, file)
	if err != nil {
		return err
	}
	defer text.Close()
	d := dialects[mylink.Flavour(b.Flavour)]
	if d.client == nil {
		return activities.RefusedBoth("dump %s is of a %q server, which muster does not know",
			"ダンプ %s のサーバーの種類 %q には対応していない", b.Backup, b.Flavour)
	}
	if err := i.Pipe(ctx, nil, sandboxed(text), io.Discard, d.client, "--no-defaults", "--protocol=socket", "--socket="+socketOf(dir), "--user=root", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--batch"); err != nil {
		return err
	}
	return define(ctx, target)
}

// sandboxed is a dump as the client may read it. The client obeys commands in what it
// reads, a shell's among them. Its sandbox, where it has one, is entered first; to others
// this line is a comment.
func sandboxed(dump io.Reader) io.Reader {
	return io.MultiReader(strings.NewReader("/*M!999999\\- enable the sandbox mode */ \n"), dump)
}

// define makes the accounts as which the dump's views and routines run. The dump has no
// accounts, and without its definer a view can't be read. Nobody can log in as one.
func define(ctx context.Context, t Target) error {
	c, err := connect(ctx, t)
	if err != nil {
		return err
	}
	defer c.Close()
	rows, err := mylink.Rows(ctx, c, `SELECT definer AS d FROM information_schema.views WHERE table_schema <> 'sys'
		UNION SELECT definer FROM information_schema.routines WHERE routine_schema <> 'sys' UNION SELECT definer FROM information_schema.triggers WHERE trigger_schema <> 'sys'`)
	if err != nil {
		return err
	}
	for _, r := range rows {
		at := strings.LastIndexByte(r["d"], '@')
		if at < 0 { // a role
			continue
		}
		user, host := r["d"][:at], r["d"][at+1:]
		for _, sql := range []string{"CREATE USER IF NOT EXISTS ?@? ACCOUNT LOCK", "GRANT ALL ON *.* TO ?@?"} {
			if user == "root" && host == "localhost" { // ours
				continue
			}
			if _, err := c.ExecContext(ctx, sql, user, host); err != nil {
				return fmt.Errorf("make the account %s, as which a view or routine runs: %w", r["d"], err)
			}
		}
	}
	return nil
}

// initialise makes an empty server, by MariaDB's program for that or by MySQL's server.
func initialise(ctx context.Context, i *mycluster.Instance, tmpdir string) error {
	if _, err := i.Find(mycluster.Install); err == nil {
		_, err = i.Run(ctx, mycluster.Install, "--no-defaults", "--datadir="+i.Data, tmpdir, "--auth-root-authentication-method=normal", "--skip-test-db")
		return err
	}
	_, err := i.Run(ctx, mycluster.Server, "--no-defaults", "--initialize-insecure", "--datadir="+i.Data, tmpdir)
	return err
}

func lookRestored(ctx context.Context, p Restore) (activities.Seen, error) {
	dir, i, err := isolated(ctx, p.Dumps)
	if err != nil {
		return activities.Seen{}, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: told("%s is not there", "%s は存在しない", dir)}, nil
	}
	done, err := result(dir)
	if err != nil {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("%s holds a restore that did not end", "%s に途中で終わった復元がある", dir)}, nil
	}
	if procs, err := i.Processes(); err != nil || len(procs) == 0 {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: told("the restored server does not run", "復元したサーバーは稼働していない")}, err
	}
	return activities.Seen{Sight: plan.Holds, Detail: told("restored in %s", "%s に復元済み", dir), Output: done}, nil
}

func result(dir string) (out Restored, err error) {
	b, err := os.ReadFile(filepath.Join(dir, resultFile))
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(b, &out)
}

// readyRestore looks for a dump, room, and the programs, and that the area is safe.
func readyRestore(ctx context.Context, p Restore) ([]plan.Text, error) {
	if err := guardArea(p.Dumps); err != nil {
		return nil, err
	}
	_, i, err := isolated(ctx, p.Dumps)
	if err != nil {
		return nil, err
	}
	for _, names := range [][]string{mycluster.Server, mycluster.Client} {
		if _, err := i.Find(names); err != nil {
			return nil, err
		}
	}
	b, err := chosen(p)
	if err != nil {
		return nil, err
	}
	free, err := room(p.Dumps.Spec.Area)
	if err != nil {
		return nil, err
	}
	if free < need(b) {
		return []plan.Text{activities.Lacking("%s has %d MB free, and restoring %s needs %d MB: make room there",
			"%s の空きは %d MB で、%s の復元に必要な %d MB に足りません。空きを増やしてください", p.Dumps.Spec.Area, free>>20, b.Backup, need(b)>>20)}, nil
	}
	return nil, nil
}
