package pgbackup

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
)

// rest keeps backups in a pgBackRest repository.
type rest struct{ t Target }

// pgbackrest is the program, run as the server's user, who may read the repository.
func pgbackrest(i *pgcluster.Instance) (*pgcluster.Instance, error) {
	at, err := exec.LookPath("pgbackrest")
	if err != nil {
		return nil, activities.RefusedBoth("pgbackrest is not installed on this host: install it (package pgbackrest), of the version that keeps the repository or newer",
			"このホストに pgbackrest がインストールされていない。リポジトリを管理しているものと同じかより新しいバージョンを導入する（パッケージ pgbackrest）")
	}
	return &pgcluster.Instance{Name: "pgBackRest", Bin: filepath.Dir(at), RunAs: i.RunAs}, nil
}

func (k rest) target() Target { return k.t }

func (k rest) programs(i *pgcluster.Instance) error {
	_, err := pgbackrest(i)
	return err
}

// options say which repository, and keep whatever the configuration says of the live
// server out: its host, its folders, its locks, its spool.
func (k rest) options(dir string) []string {
	out := []string{"--stanza=" + k.t.Spec.Stanza, "--log-level-console=off", "--log-level-stderr=warn", "--log-level-file=off"}
	if k.t.Spec.Config != "" {
		out = append(out, "--config="+k.t.Spec.Config)
	}
	if dir != "" {
		out = append(out, "--reset-pg1-host", "--pg1-path="+filepath.Join(dir, "data"), "--lock-path="+filepath.Join(dir, "lock"))
	}
	return out
}

// kept is pgBackRest's account of a backup.
type kept struct {
	Label     string `json:"label"`
	Type      string `json:"type"`
	Error     *bool  `json:"error"`
	Timestamp struct {
		Start int64 `json:"start"`
		Stop  int64 `json:"stop"`
	} `json:"timestamp"`
	Info struct {
		Size int64 `json:"size"`
	} `json:"info"`
}

func (b kept) backup() Backup {
	at := time.Unix(b.Timestamp.Start, 0).UTC()
	return Backup{Backup: b.Label, Type: b.Type, TakenAt: at, AgeS: time.Since(at).Seconds(), SizeBytes: b.Info.Size}
}

// list asks pgBackRest what it keeps, oldest first.
func (k rest) list(ctx context.Context) ([]kept, error) {
	i, err := programs(k.t)
	if err != nil {
		return nil, err
	}
	tool, err := pgbackrest(i)
	if err != nil {
		return nil, err
	}
	text, err := tool.Answer(ctx, nil, "pgbackrest", append(k.options(""), "--output=json", "info")...)
	if err != nil {
		return nil, fmt.Errorf("backups of %s: %w", k.t.Name, err)
	}
	var stanzas []struct {
		Name   string `json:"name"`
		Backup []kept `json:"backup"`
		Status struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"status"`
	}
	if err := json.Unmarshal(text, &stanzas); err != nil {
		return nil, fmt.Errorf("backups of %s: what pgBackRest says can't be read: %w", k.t.Name, err)
	}
	for _, s := range stanzas {
		if s.Name != k.t.Spec.Stanza {
			continue
		}
		if len(s.Backup) == 0 {
			return nil, activities.FindingBoth("pgBackRest's stanza %s holds no complete backup: %s",
				"pgBackRest の stanza %s に完全なバックアップがない：%s", s.Name, s.Status.Message)
		}
		return s.Backup, nil
	}
	return nil, activities.FindingBoth("pgBackRest knows no stanza %s: check the estate and its configuration",
		"pgBackRest に stanza %s がない。構成台帳と pgBackRest の設定を確認する", k.t.Spec.Stanza)
}

// sound refuses a backup of which pgBackRest itself says that pages were damaged.
func (b kept) sound() (Backup, error) {
	if b.Error != nil && *b.Error {
		return b.backup(), activities.FindingBoth("backup %s is damaged: pgBackRest found pages with wrong checksums in the live server's files while it took it",
			"バックアップ %s は破損している。取得時に pgBackRest が本番サーバーのファイルでチェックサム不一致のページを検出している", b.Label)
	}
	return b.backup(), nil
}

func (k rest) newest(ctx context.Context, to time.Time) (Backup, error) {
	all, err := k.list(ctx)
	if err != nil {
		return Backup{}, err
	}
	var best *kept
	for n, b := range all {
		// Only from its end on is a backup consistent; pgBackRest tells whole seconds.
		if !to.IsZero() && time.Unix(b.Timestamp.Stop, 0).After(to) {
			continue
		}
		if best == nil || b.Timestamp.Stop >= best.Timestamp.Stop {
			best = &all[n]
		}
	}
	if best == nil {
		return Backup{}, noneBefore(to)
	}
	return best.sound()
}

func (k rest) named(ctx context.Context, name string) (Backup, error) {
	all, err := k.list(ctx)
	if err != nil {
		return Backup{}, err
	}
	labels := make([]string, 0, len(all))
	for _, b := range all {
		if b.Label == name {
			return b.sound()
		}
		labels = append(labels, b.Label)
	}
	return Backup{}, activities.RefusedBoth("pgBackRest keeps no backup %s of %s; there are %s",
		"pgBackRest にバックアップ %s（%s）はない。あるのは %s", name, k.t.Spec.Stanza, strings.Join(labels[max(0, len(labels)-5):], ", "))
}

// check does nothing: a restore holds every file against its checksum.
func (k rest) check(context.Context, *pgcluster.Instance, string, Backup) error { return nil }

// fetch has pgBackRest restore into the isolated folder: tablespaces too, which it would
// otherwise put where the live server has them.
func (k rest) fetch(ctx context.Context, i *pgcluster.Instance, dir string, b Backup) error {
	tool, err := pgbackrest(i)
	if err != nil {
		return err
	}
	for _, d := range []string{"lock", "tablespaces"} {
		if err := i.OwnDir(filepath.Join(dir, d)); err != nil {
			return err
		}
	}
	args := append(k.options(dir), "--set="+b.Backup, "--type=preserve", "--tablespace-map-all="+filepath.Join(dir, "tablespaces"),
		"--no-delta", "--no-link-all", "restore")
	_, err = tool.Run(ctx, []string{mark(dir)}, "pgbackrest", args...)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case strings.Contains(err.Error(), "No space left on device"):
		return fmt.Errorf("%w: %w", syscall.ENOSPC, err)
	case damaged(err.Error()):
		return activities.FindingBoth("backup %s is damaged: %v", "バックアップ %s は破損している：%v", b.Backup, err)
	}
	return activities.FindingBoth("backup %s can't be fetched: %v", "バックアップ %s を取得できない：%v", b.Backup, err)
}

// damaged reports whether pgBackRest ended with an error of checksums, formats or files
// that are missing from the repository.
func damaged(said string) bool {
	for _, code := range []string{"[026]", "[028]", "[029]", "[039]", "[055]", "[095]"} {
		if strings.Contains(said, code) {
			return true
		}
	}
	return false
}

func (k rest) logCommand(i *pgcluster.Instance, dir string) string {
	tool := "pgbackrest"
	if t, err := pgbackrest(i); err == nil {
		tool = filepath.Join(t.Bin, tool)
	}
	words := []string{shellQuote(tool)}
	for _, o := range append(k.options(dir), "--no-archive-async", "archive-get") {
		words = append(words, shellQuote(o))
	}
	return strings.Join(words, " ") + ` %f "%p"`
}
