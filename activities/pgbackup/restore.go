package pgbackup

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
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/plan"
)

// Restore is the parameters of pgbackup.restore.
type Restore struct {
	Backups Target `json:"backups" kind:"pgbackups" example:"orders-backups" help:"Which backups, and where the isolated server is made." ja:"使うバックアップと、隔離サーバーを作る場所"`
	Backup  string `json:"backup" help:"Folder or label of the base backup; empty is the newest that was begun before the point in time." ja:"ベースバックアップのフォルダーまたはラベル。空なら、指定時点より前に開始した最新のもの" default:""`
	To      string `json:"to" help:"Point in time, RFC 3339; empty is the end of the archived log." ja:"復元する時点（RFC 3339）。空ならアーカイブ済みログの終わり" default:"" example:"\"2026-11-24T09:30:00+09:00\""`
}

// Restored is its result. Parts of the time are the worker's, monotonic.
type Restored struct {
	Backup    string    `json:"backup" help:"The base backup that was used." ja:"使ったベースバックアップ"`
	TakenAt   time.Time `json:"taken_at" help:"When that was begun." ja:"その開始時刻"`
	To        string    `json:"to" help:"Point in time that was asked for; empty is the end of the log." ja:"指定された時点。空ならログの終わり"`
	BegunAt   time.Time `json:"begun_at" help:"When the restore began, by the worker's clock." ja:"復元の開始時刻（ワーカーの時計）"`
	SizeBytes int64     `json:"size_bytes" help:"Size of the backup." ja:"バックアップの大きさ"`
	FetchS    float64   `json:"fetch_s" help:"Seconds to find the backup and hold it against its own checksums, where that can be done before it is unpacked." ja:"バックアップを探し、展開前に可能な範囲でチェックサムと照合した秒数"`
	RestoreS  float64   `json:"restore_s" help:"Seconds to bring it to its isolated place; checksums of packed backups and of pgBackRest are held there." ja:"隔離した場所に展開した秒数。圧縮されたバックアップとpgBackRestのチェックサムはここで照合する"`
	ReplayS   float64   `json:"replay_s" help:"Seconds to replay the log up to the point and open the server." ja:"指定時点までログを適用し、サーバーを開くまでの秒数"`
	Folder    string    `json:"folder" help:"Where the isolated server is." ja:"隔離サーバーの場所"`
}

// Files of an isolated server's folder.
const (
	markFile   = "muster-restore" // says that the folder is a restore's, and of which run
	resultFile = "restored.json"  // written when the server is open
)

// isolated is the server of this run's restore, whether it is there or not.
func isolated(ctx context.Context, t Target) (dir string, i *pgcluster.Instance, err error) {
	if i, err = programs(t); err != nil {
		return "", nil, err
	}
	call := activities.CallFrom(ctx)
	// Short, for the socket's path; the mark in it says whose it is.
	sum := sha256.Sum256([]byte(call.Run + "\x00" + call.System + "\x00" + t.Name))
	dir = filepath.Join(t.Spec.Area, fmt.Sprintf("%.24s-%x", safe.ReplaceAllString(call.Run, "_"), sum[:4]))
	i.Data, i.Config, i.Host, i.Port = filepath.Join(dir, "data"), filepath.Join(dir, "conf", "postgresql.conf"), filepath.Join(dir, "s"), 5432
	i.Log = filepath.Join(dir, "server.log")
	chooseBin(t, i, i.Data)
	const longest = 107 // of a socket's path, sun_path less the final 0
	if n := len(i.Host) + len("/.s.PGSQL.5432"); n > longest {
		return "", nil, activities.RefusedBoth("the socket in %s would have a path of %d characters, and %d is the limit: name a shorter area in the estate",
			"%s のソケットのパスが %d 文字になり、上限の %d 文字を超える。構成台帳の area を短いパスにする", i.Host, n, longest)
	}
	return dir, i, nil
}

// guardArea refuses an area where a restore could touch a server's own files.
func guardArea(t Target) error {
	area, err := filepath.EvalSymlinks(t.Spec.Area)
	if err != nil {
		return activities.RefusedBoth("the restore area of %s: %v; make the folder, closed to others",
			"%s の復元領域：%v。他者がアクセスできないフォルダーを作成する", t.Name, err)
	}
	for d := area; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, "PG_VERSION")); err == nil {
			return activities.RefusedBoth("the restore area %s lies in a server's data directory (%s): name a folder of its own",
				"復元領域 %s がサーバーのデータディレクトリ（%s）の中にある。専用のフォルダーを指定する", t.Spec.Area, d)
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	for _, other := range []string{t.Spec.Backups, t.Spec.WAL} {
		if other == "" {
			continue
		}
		if real, err := filepath.EvalSymlinks(other); err == nil && (within(area, real) || within(real, area)) {
			return activities.RefusedBoth("the restore area %s and %s lie in one another: name a folder of its own",
				"復元領域 %s と %s が重なっている。専用のフォルダーを指定する", t.Spec.Area, other)
		}
	}
	return nil
}

func within(inner, outer string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func restore(ctx context.Context, p Restore) (Restored, error) {
	begun := time.Now()
	var to time.Time
	if p.To != "" {
		var err error
		if to, err = time.Parse(time.RFC3339Nano, p.To); err != nil {
			return Restored{}, activities.RefusedBoth("to: %q is no time such as 2026-11-24T09:30:00+09:00",
				"to：%q は日時の形式ではない（例：2026-11-24T09:30:00+09:00）", p.To)
		}
	}
	if err := guardArea(p.Backups); err != nil {
		return Restored{}, err
	}
	dir, i, err := isolated(ctx, p.Backups)
	if err != nil {
		return Restored{}, err
	}
	if err := remove(ctx, dir, i); err != nil { // an earlier attempt of this run
		return Restored{}, err
	}
	k, err := keeperOf(p.Backups)
	if err != nil {
		return Restored{}, err
	}
	b, err := choose(ctx, k, p.Backup, to)
	if err != nil {
		return Restored{}, err
	}
	out := Restored{Backup: b.Backup, TakenAt: b.TakenAt, To: p.To, BegunAt: begun.UTC(), SizeBytes: b.SizeBytes, Folder: dir}
	if free, err := room(p.Backups.Spec.Area); err != nil {
		return Restored{}, activities.RefusedBoth("the restore area: %v", "復元領域：%v", err)
	} else if need := b.SizeBytes + b.SizeBytes/10; free < need {
		return Restored{}, activities.FindingBoth("%s has %d MB free, and restoring %s needs %d MB: make room there",
			"%s の空きは %d MB で、%s の復元に必要な %d MB に足りない。空きを増やす", p.Backups.Spec.Area, free>>20, b.Backup, need>>20)
	}
	if err := k.check(ctx, i, dir, b); err != nil {
		return Restored{}, err
	}
	out.FetchS = time.Since(begun).Seconds()

	copying := time.Now()
	if err := lay(ctx, dir, i, k, b, to); err != nil {
		if cleared := remove(context.WithoutCancel(ctx), dir, i); cleared != nil {
			return Restored{}, activities.NotCleared(err, cleared)
		}
		if errors.Is(err, syscall.ENOSPC) {
			return Restored{}, filledUp(p.Backups.Spec.Area, b)
		}
		return Restored{}, err
	}
	out.RestoreS = time.Since(copying).Seconds()

	replaying := time.Now()
	if err := i.Start(ctx); err != nil {
		why := logEnd(i)
		if cleared := remove(context.WithoutCancel(ctx), dir, i); cleared != nil {
			return Restored{}, activities.NotCleared(errors.New(why), cleared)
		}
		if ctx.Err() != nil {
			return Restored{}, fmt.Errorf("the log was not replayed in time: %w", err)
		}
		if strings.Contains(why, "No space left on device") {
			return Restored{}, filledUp(p.Backups.Spec.Area, b)
		}
		return Restored{}, activities.FindingBoth("backup %s could not be restored to %s: %s", "バックアップ %s を %s まで復元できない：%s", b.Backup, pointOf(p.To), why)
	}
	out.ReplayS = time.Since(replaying).Seconds()
	text, err := json.Marshal(out)
	if err != nil {
		return Restored{}, err
	}
	if err := write(i, filepath.Join(dir, resultFile), text); err != nil {
		if cleared := remove(context.WithoutCancel(ctx), dir, i); cleared != nil {
			return Restored{}, activities.NotCleared(err, cleared)
		}
		if errors.Is(err, syscall.ENOSPC) {
			return Restored{}, filledUp(p.Backups.Spec.Area, b)
		}
		return Restored{}, err
	}
	return out, nil
}

func filledUp(area string, b Backup) error {
	return activities.FindingBoth("the disk of %s filled up while %s was restored; what was restored is removed again: make room there",
		"%s のディスクが %s の復元中に満杯になった。復元したものは削除済み。空きを増やす", area, b.Backup)
}

func pointOf(to string) plan.Text {
	if to == "" {
		return activities.Lacking("the end of its log", "ログの末尾")
	}
	return plan.Text{EN: to, JA: to}
}

// choose is the backup that was named, or the newest from which the point can be reached.
func choose(ctx context.Context, k keeper, name string, to time.Time) (Backup, error) {
	if name != "" {
		return k.named(ctx, name)
	}
	return k.newest(ctx, to)
}

func room(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// lay copies the backup and writes a configuration that keeps the server to itself: no
// network, no archive, no upstream, no subscription at work, no preloaded library.
func lay(ctx context.Context, dir string, i *pgcluster.Instance, k keeper, b Backup, to time.Time) error {
	for _, d := range []string{dir, i.Data, i.Host, filepath.Dir(i.Config)} {
		if err := i.OwnDir(d); err != nil {
			return err
		}
	}
	if err := write(i, filepath.Join(dir, markFile), []byte(activities.CallFrom(ctx).Run+"\n")); err != nil {
		return err
	}
	if err := k.fetch(ctx, i, dir, b); err != nil {
		return err
	}
	if err := suited(ctx, k.target(), i, i.Data); err != nil {
		return err
	}
	for _, f := range []string{"standby.signal", "postmaster.pid", "postmaster.opts"} {
		if err := os.Remove(filepath.Join(i.Data, f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// The live server's own settings, which would come after these, are left behind.
	if err := write(i, filepath.Join(i.Data, "postgresql.auto.conf"), nil); err != nil {
		return err
	}
	if err := write(i, filepath.Join(i.Data, "recovery.signal"), nil); err != nil {
		return err
	}
	hba, ident := filepath.Join(filepath.Dir(i.Config), "pg_hba.conf"), filepath.Join(filepath.Dir(i.Config), "pg_ident.conf")
	settings := [][2]string{
		{"data_directory", i.Data}, {"hba_file", hba}, {"ident_file", ident},
		{"listen_addresses", ""}, {"unix_socket_directories", i.Host}, {"unix_socket_permissions", "0700"}, {"port", "5432"},
		{"archive_mode", "off"}, {"primary_conninfo", ""}, {"primary_slot_name", ""}, {"synchronous_standby_names", ""},
		// A subscription in the data has the live publisher's address, and the live subscriber's slot there.
		{"max_logical_replication_workers", "0"}, {"max_sync_workers_per_subscription", "0"},
		{"hot_standby", "off"}, // asks for no more connections than the live server had
		{"restore_command", k.logCommand(i, dir)},
		{"recovery_target_action", "promote"}, {"recovery_target_timeline", "latest"},
		{"log_destination", "stderr"}, {"logging_collector", "off"}, {"cluster_name", "muster-restore"},
		{"lc_messages", "C"}, {"timezone", "UTC"}, {"log_timezone", "UTC"},
	}
	if !to.IsZero() {
		settings = append(settings, [2]string{"recovery_target_time", to.UTC().Format("2006-01-02 15:04:05.999999-07:00")})
	}
	var conf strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&conf, "%s = '%s'\n", s[0], strings.ReplaceAll(s[1], "'", "''"))
	}
	return errors.Join(write(i, i.Config, []byte(conf.String())), write(i, hba, []byte("local all all trust\n")), write(i, ident, nil))
}

func (k folders) target() Target { return k.t }

func (k folders) programs(*pgcluster.Instance) error { return nil }

func (k folders) logCommand(*pgcluster.Instance, string) string {
	return fmt.Sprintf("cp -- %s/%%f %%p", shellQuote(k.t.Spec.WAL))
}

func (k folders) check(ctx context.Context, i *pgcluster.Instance, dir string, b Backup) error {
	if b.Type == "tar" {
		return nil // PostgreSQL 17 and older can't verify what is packed
	}
	source := filepath.Join(k.t.Spec.Backups, b.Backup)
	if err := suited(ctx, k.t, i, source); err != nil {
		return err
	}
	return verifyFiles(ctx, i, dir, source, b)
}

func verifyFiles(ctx context.Context, i *pgcluster.Instance, dir, files string, b Backup) error {
	if _, err := i.Run(ctx, []string{mark(dir)}, "pg_verifybackup", "-q", files); err != nil {
		if ctx.Err() != nil {
			return err
		}
		return activities.FindingBoth("backup %s is damaged: %v", "バックアップ %s は破損している：%v", b.Backup, err)
	}
	return nil
}

func (k folders) fetch(ctx context.Context, i *pgcluster.Instance, dir string, b Backup) error {
	source := filepath.Join(k.t.Spec.Backups, b.Backup)
	if b.Type != "tar" {
		return copyTree(ctx, i, source, i.Data)
	}
	if err := unpack(ctx, i, source, b); err != nil {
		return err
	}
	if err := suited(ctx, k.t, i, i.Data); err != nil {
		return err
	}
	return verifyFiles(ctx, i, dir, i.Data, b)
}

// shellQuote is for the one place where PostgreSQL itself calls a shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(strings.ReplaceAll(s, "'", `'\''`), "%", "%%") + "'"
}

func write(i *pgcluster.Instance, path string, b []byte) error {
	if err := os.WriteFile(path, b, 0o600); err != nil {
		return err
	}
	return i.Own(path)
}

// copyTree copies files and folders; a tablespace's link is refused, since following it
// would lead to the live server's files.
func copyTree(ctx context.Context, i *pgcluster.Instance, from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case d.IsDir():
			return i.OwnDir(target)
		case d.Type()&fs.ModeSymlink != 0:
			return activities.RefusedBoth("%s is a link: backups with tablespaces can't be restored in isolation",
				"%s はリンクである。テーブル空間を含むバックアップは隔離復元できない", path)
		case !d.Type().IsRegular():
			return nil
		}
		return copyFile(i, path, target)
	})
}

func copyFile(i *pgcluster.Instance, from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in) // copy_file_range where the file system has it
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return i.Own(to)
}

// logEnd is what the isolated server's log says of its end.
func logEnd(i *pgcluster.Instance) string {
	b, err := os.ReadFile(i.Log)
	if err != nil {
		return "it left no log"
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	for n, line := range lines {
		lines[n] = strings.TrimSpace(line[max(0, strings.Index(line, "] ")+1):])
	}
	// What it died of, with the line before it, which often says why.
	for n, line := range lines {
		if strings.HasPrefix(line, "FATAL:") || strings.HasPrefix(line, "PANIC:") {
			return strings.Join(lines[max(0, n-1):min(len(lines), n+2)], " | ")
		}
	}
	return strings.Join(lines[max(0, len(lines)-4):], " | ")
}

func lookRestored(ctx context.Context, p Restore) (activities.Seen, error) {
	dir, i, err := isolated(ctx, p.Backups)
	if err != nil {
		return activities.Seen{}, err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not there", "%s は存在しない", dir).Both()}, nil
	}
	done, err := result(dir)
	if err != nil {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s holds a restore that did not end", "%s に途中で終わった復元がある", dir).Both()}, nil
	}
	if _, alive, err := i.Postmaster(); err != nil || !alive {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("the restored server does not run", "復元したサーバーは稼働していない").Both()}, err
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("restored in %s", "%s に復元済み", dir).Both(), Output: done}, nil
}

func result(dir string) (out Restored, err error) {
	b, err := os.ReadFile(filepath.Join(dir, resultFile))
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(b, &out)
}

// readyRestore looks for a backup, room, and the programs, and that the area is safe.
func readyRestore(ctx context.Context, p Restore) ([]plan.Text, error) {
	if err := guardArea(p.Backups); err != nil {
		return nil, err
	}
	_, i, err := isolated(ctx, p.Backups)
	if err != nil {
		return nil, err
	}
	for _, program := range []string{"pg_verifybackup", "postgres"} {
		if _, err := os.Stat(filepath.Join(i.Bin, program)); err != nil {
			return nil, fmt.Errorf("%s is not in %s: install the server's programs there", program, i.Bin)
		}
	}
	k, err := keeperOf(p.Backups)
	if err != nil {
		return nil, err
	}
	if err := k.programs(i); err != nil {
		return nil, err
	}
	b, err := k.newest(ctx, time.Time{})
	if err != nil {
		return nil, err
	}
	if f, ok := k.(folders); ok {
		if err := suited(ctx, p.Backups, i, filepath.Join(f.t.Spec.Backups, b.Backup)); err != nil {
			return nil, err
		}
	}
	free, err := room(p.Backups.Spec.Area)
	if err != nil {
		return nil, err
	}
	if need := b.SizeBytes + b.SizeBytes/10; free < need {
		return []plan.Text{activities.Lacking("%s has %d MB free, and restoring %s needs %d MB: make room there",
			"%s の空きは %d MB で、%s の復元に必要な %d MB に足りません。空きを増やしてください", p.Backups.Spec.Area, free>>20, b.Backup, need>>20)}, nil
	}
	return nil, nil
}
