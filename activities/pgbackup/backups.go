package pgbackup

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/run"
)

// Backup is a base backup as its own files describe it.
type Backup struct {
	Backup    string    `json:"backup" help:"Name of its folder, or pgBackRest's label." ja:"フォルダーの名前、またはpgBackRestのラベル"`
	Type      string    `json:"type" help:"plain or tar for folders; full, diff or incr for pgBackRest." ja:"フォルダーなら plain または tar、pgBackRestなら full、diff、incr"`
	TakenAt   time.Time `json:"taken_at" help:"When it was begun, by the server's clock." ja:"開始時刻（サーバーの時計）"`
	AgeS      float64   `json:"age_s" help:"Seconds since then, by the worker's clock." ja:"それからの秒数（ワーカーの時計）"`
	SizeBytes int64     `json:"size_bytes" help:"What its files need." ja:"ファイルの合計の大きさ"`
}

// Find is the parameters of pgbackup.find.
type Find struct {
	Backups Target       `json:"backups" kind:"pgbackups" example:"orders-backups" help:"Where to look." ja:"確認する場所"`
	MaxAge  run.Duration `json:"max_age" help:"An older backup is a finding; 0s is any age." ja:"これより古いバックアップは指摘事項とする。0s なら古さを問わない" default:"0s"`
}

func find(ctx context.Context, p Find) (Backup, error) {
	k, err := keeperOf(p.Backups)
	if err != nil {
		return Backup{}, err
	}
	b, err := k.newest(ctx, time.Time{})
	if err != nil {
		return Backup{}, err
	}
	if age := time.Duration(b.AgeS * float64(time.Second)); p.MaxAge > 0 && age > p.MaxAge.Std() {
		return b, activities.FindingBoth("the newest backup %s was taken at %s, %s ago, and may be %s old: see why none was taken since",
			"最新のバックアップ %s の取得は %s（%s 前）で、許容される古さ %s を超えている。以降取得されていない理由を確認する",
			b.Backup, b.TakenAt.Format(time.RFC3339), age.Round(time.Second), p.MaxAge)
	}
	return b, nil
}

// keeper is a way of keeping backups.
type keeper interface {
	// newest is the newest complete backup from which the point can be reached; the zero
	// time is any.
	newest(ctx context.Context, to time.Time) (Backup, error)
	named(ctx context.Context, name string) (Backup, error)
	// check holds a backup against its own checksums, as far as that can be done where it
	// is kept, for a restore into dir; fetch lays it out there as a data directory, and
	// does the rest.
	check(ctx context.Context, i *pgcluster.Instance, dir string, b Backup) error
	fetch(ctx context.Context, i *pgcluster.Instance, dir string, b Backup) error
	// logCommand gives the isolated server a segment of the log.
	logCommand(i *pgcluster.Instance, dir string) string
	target() Target
	// programs are those that it needs besides the server itself.
	programs(i *pgcluster.Instance) error
}

func keeperOf(t Target) (keeper, error) {
	s := t.Spec
	switch {
	case s.Stanza != "" && s.Backups == "" && s.WAL == "":
		return rest{t}, nil
	case s.Stanza == "" && s.Backups != "" && s.WAL != "":
		return folders{t}, nil
	}
	return nil, activities.RefusedBoth("%s: the estate must name its folders (backups and wal) or pgBackRest's stanza, not both",
		"%s：構成台帳にはフォルダー（backups と wal）か pgBackRest の stanza のどちらか一方を指定する", t.Name)
}

// folders keeps backups as pg_basebackup makes them.
type folders struct{ t Target }

func (k folders) newest(ctx context.Context, to time.Time) (Backup, error) {
	entries, err := os.ReadDir(k.t.Spec.Backups)
	if err != nil {
		return Backup{}, fmt.Errorf("backups of %s: %w", k.t.Name, err)
	}
	var best Backup
	var incomplete []string
	late := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		b, err := k.named(ctx, e.Name())
		switch {
		case errors.Is(err, fs.ErrNotExist):
			incomplete = append(incomplete, e.Name())
		case err != nil && !to.IsZero(): // another one may do
		case err != nil:
			return Backup{}, err
		case !to.IsZero() && !b.TakenAt.Before(to):
			late++
		case b.TakenAt.After(best.TakenAt):
			best = b
		}
	}
	switch {
	case best.Backup != "":
		return best, nil
	case late > 0:
		return Backup{}, noneBefore(to)
	case len(incomplete) > 0:
		return Backup{}, activities.FindingBoth("%s holds no complete base backup (incomplete: %s): each is a folder with its label and backup_manifest",
			"%s に完全なベースバックアップがない（不完全：%s）。1つのバックアップは backup_label と backup_manifest を含むフォルダーである", k.t.Spec.Backups, strings.Join(incomplete, ", "))
	}
	return Backup{}, activities.FindingBoth("%s holds no complete base backup: each is a folder with its label and backup_manifest",
		"%s に完全なベースバックアップがない。1つのバックアップは backup_label と backup_manifest を含むフォルダーである", k.t.Spec.Backups)
}

func noneBefore(to time.Time) error {
	return activities.FindingBoth("no backup was taken before %s: nothing to restore that point from",
		"%s より前に取得されたバックアップがなく、その時点を復元できない", to.Format(time.RFC3339Nano))
}

// named reads backup_label and the manifest.
func (k folders) named(ctx context.Context, name string) (Backup, error) {
	t := k.t
	if name != filepath.Base(name) || name == "." || name == ".." || name == "" {
		return Backup{}, activities.RefusedBoth("%q is not the name of a folder in %s", "%q は %s にあるフォルダーの名前ではない", name, t.Spec.Backups)
	}
	dir := filepath.Join(t.Spec.Backups, name)
	b := Backup{Backup: name, Type: "plain"}
	label, err := os.ReadFile(filepath.Join(dir, "backup_label"))
	if errors.Is(err, fs.ErrNotExist) {
		b.Type = "tar"
		label, err = packedLabel(ctx, dir)
	}
	if err != nil {
		return Backup{}, fmt.Errorf("backup %s: %w", name, err)
	}
	for line := range strings.Lines(string(label)) {
		if at, ok := strings.CutPrefix(line, "START TIME: "); ok {
			if b.TakenAt, err = time.Parse("2006-01-02 15:04:05 MST", strings.TrimSpace(at)); err != nil {
				return Backup{}, fmt.Errorf("backup %s: its label says %q: %w", name, at, err)
			}
		}
	}
	if b.TakenAt.IsZero() {
		return Backup{}, fmt.Errorf("backup %s: its label says no start time", name)
	}
	f, err := os.Open(filepath.Join(dir, "backup_manifest"))
	if err != nil {
		return Backup{}, fmt.Errorf("backup %s: %w", name, err)
	}
	defer f.Close()
	// The manifest is written when all files are on disk, by the machine that keeps the
	// backup: a label's time can have a zone whose abbreviation means nothing here.
	if st, err := f.Stat(); err == nil && b.TakenAt.After(st.ModTime()) {
		b.TakenAt = st.ModTime()
	}
	var manifest struct {
		Files []struct{ Size int64 }
	}
	if err := json.NewDecoder(bufio.NewReader(f)).Decode(&manifest); err != nil {
		return Backup{}, activities.FindingBoth("backup %s: its manifest can't be read, the backup is damaged or was cut off: %v",
			"バックアップ %s のマニフェストを読み取れない。破損しているか、途中で切れている：%v", name, err)
	}
	for _, file := range manifest.Files {
		b.SizeBytes += file.Size
	}
	b.TakenAt, b.AgeS = b.TakenAt.UTC(), time.Since(b.TakenAt).Seconds()
	return b, nil
}

// Take is the parameters of pgbackup.take.
type Take struct {
	Server  activities.Target[pglink.Server] `json:"server" kind:"postgres" help:"Server that is backed up; it goes on working." ja:"バックアップするサーバー。稼働したままでよい"`
	Backups Target                           `json:"backups" kind:"pgbackups" example:"orders-backups" help:"Where the backup is put." ja:"バックアップの保存先"`
}

var safe = regexp.MustCompile(`[^A-Za-z0-9._-]`)

func take(ctx context.Context, p Take) (Backup, error) {
	if p.Backups.Spec.Backups == "" {
		return Backup{}, activities.RefusedBoth("%s: pgBackRest takes its backups by its own schedule; this action puts one into a folder",
			"%s：バックアップは pgBackRest が自身のスケジュールで取得する。このアクションはフォルダーに取得するものである", p.Backups.Name)
	}
	name := activities.CallFrom(ctx).ArtifactName()
	dir := filepath.Join(p.Backups.Spec.Backups, name)
	i, err := programs(p.Backups)
	if err != nil {
		return Backup{}, err
	}
	// What an attempt of this very step left half-way is ours to take away.
	if err := os.RemoveAll(dir); err != nil {
		return Backup{}, err
	}
	s := p.Server.Spec
	env := []string{mark(dir), "PGPASSWORD=" + s.Password.Reveal(), "PGCONNECT_TIMEOUT=10"}
	if _, err := i.Run(ctx, env, "pg_basebackup", "-D", dir, "-d", pglink.Encryption(s), "-h", s.Host, "-p", fmt.Sprint(s.Port), "-U", s.User,
		"-X", "stream", "--checkpoint=fast", "--manifest-checksums=SHA256", "-l", name); err != nil {
		_ = os.RemoveAll(dir)
		if pglink.Verified(s) && s.CA == "" {
			return Backup{}, activities.Saying(err, "take a backup of %s, which has to prove who it is (sslmode %s); pg_basebackup does not use the system's authorities: give ca_file of %[1]s in the estate: %[3]v",
				"身元の証明を求められている %s（sslmode %s）のバックアップの取得。pg_basebackup はシステムの認証局を使わない。構成台帳で %[1]s の ca_file を指定する：%[3]v", p.Server.Name, s.SSLMode, err)
		}
		return Backup{}, fmt.Errorf("take a backup of %s: %w", p.Server.Name, err)
	}
	return folders{p.Backups}.named(ctx, name)
}

func lookTaken(ctx context.Context, p Take) (activities.Seen, error) {
	name := activities.CallFrom(ctx).ArtifactName()
	// A program that outlived its worker may yet complete it.
	if at := proc.Carrying(mark(filepath.Join(p.Backups.Spec.Backups, name))); len(at) > 0 {
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("backup %s is still being taken, by process %d", "バックアップ %s は取得中である（プロセス %d）", name, at[0]).Both()}, nil
	}
	b, err := folders{p.Backups}.named(ctx, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("there is no complete backup %s", "完全なバックアップ %s はない", name).Both()}, nil
	case err != nil:
		return activities.Seen{}, err
	}
	if whose, err := p.sameServer(ctx, name); err != nil || whose != "" {
		return activities.Seen{Sight: plan.CannotTell, Detail: whose}, err
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("backup %s is there", "バックアップ %s がある", name).Both(), Output: b}, nil
}

// sameServer says why a backup is not one of the server; "" when it is.
func (p Take) sameServer(ctx context.Context, name string) (string, error) {
	i, err := programs(p.Backups)
	if err != nil {
		return "", err
	}
	i.Name, i.Data = "backup "+name, filepath.Join(p.Backups.Spec.Backups, name)
	chooseBin(p.Backups, i, i.Data)
	has, err := i.Control(ctx)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	c, err := pglink.Connect(ctx, p.Server, "", answerWithin)
	if err != nil {
		return "", err
	}
	defer c.Close()
	var id string
	if err := c.QueryRow(ctx, "SELECT system_identifier::text FROM pg_control_system()").Scan(&id); err != nil {
		return "", fmt.Errorf("ask %s which server it is: %w", p.Server.Name, err)
	}
	if id == has.SystemID {
		return "", nil
	}
	return activities.Lacking("backup %s is of the server with identifier %s, and %s has %s: move it away, or correct the estate",
		"バックアップ %s は識別子 %s のサーバーのもので、%s の識別子は %s である。移動するか、構成台帳を修正する", name, has.SystemID, p.Server.Name, id).Both(), nil
}

// answerWithin bounds the question to a live server.
const answerWithin = 10 * time.Second

// programs is a server that is none: only its programs and its user are used.
func programs(t Target) (*pgcluster.Instance, error) {
	bin := t.Spec.Bin
	if bin == "" {
		var err error
		if bin, err = pgcluster.FindBin(); err != nil {
			return nil, activities.Refused("%v", err)
		}
	}
	as := t.Spec.RunAs
	if as == "" && os.Geteuid() == 0 {
		as = "postgres"
	}
	return &pgcluster.Instance{Name: "isolated server of " + t.Name, Bin: bin, RunAs: as}, nil
}
