package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
)

// rewind makes the data of a server that is down an older state of the primary's, so
// that it can follow. It says "follow" when nothing had to be copied.
func (j *joining) rewind(ctx context.Context) (method string, bytes int64, err error) {
	// The primary's control file must show its new timeline, which it does only after
	// a checkpoint; else pg_rewind sees nothing to do.
	if err := checkpoint(ctx, j.primary); err != nil {
		return "", 0, activities.Saying(err, "checkpoint on %s: %v", "%s でのチェックポイント：%v", j.Follow.Name, err)
	}
	ctl, err := j.i.Control(ctx)
	if err != nil {
		return "", 0, err
	}
	if ctl.State != pgcluster.ShutDown && ctl.State != pgcluster.ShutDownInRecovery {
		if err := j.recover(ctx, ctl.State); err != nil {
			return "", 0, err
		}
	}
	out, err := j.i.Run(ctx, j.env(), "pg_rewind", "--target-pgdata="+j.i.Data, "--source-server="+j.conninfo(), "--progress", "--no-ensure-shutdown")
	if err != nil {
		return "", 0, err
	}
	if strings.Contains(out, "no rewind required") {
		return byFollowing, 0, nil
	}
	return byRewind, copied(out), nil
}

// recover brings a crashed primary's data to a clean end, which pg_rewind asks for. A
// server with standby.signal can't run in single-user mode, so it is taken away for
// that long, and comes back however this ends. While single-user mode runs, its lock
// file keeps every other start away; just before and after, for some milliseconds,
// somebody else's start would be one as a primary. A worker killed in between leaves it
// away; the next attempt of the rejoin puts it back first.
func (j *joining) recover(ctx context.Context, state string) (err error) {
	if state == pgcluster.InArchiveRecovery {
		if err := j.i.Start(ctx); err != nil { // read-only, and down again
			return err
		}
		return j.i.Stop(ctx, pgcluster.Fast)
	}
	defer func() { err = errors.Join(err, j.i.SignalStandby()) }()
	if err := j.i.ClearStandby(); err != nil {
		return err
	}
	_, err = j.i.Run(ctx, nil, "postgres", "--single", "-D", j.i.Data, "-c", "config_file="+j.i.Config, "template1")
	return err
}

var progress = regexp.MustCompile(`(\d+)/\d+ kB \(\d+%\) copied`)

// copied reads how much pg_rewind says that it copied.
func copied(out string) int64 {
	all := progress.FindAllStringSubmatch(out, -1)
	if len(all) == 0 {
		return 0
	}
	kb, err := strconv.ParseInt(all[len(all)-1][1], 10, 64)
	if err != nil {
		return 0
	}
	return kb << 10
}

// rebuild copies the primary into a directory beside the server's data, and only then
// gives up what was there.
func (j *joining) rebuild(ctx context.Context) (int64, error) {
	data, why, err := inPlace(j.i)
	if err != nil {
		return 0, err
	}
	for _, w := range why {
		return 0, activities.Finding("%s", w.Both())
	}
	fresh := data + ".muster-new"
	if err := os.RemoveAll(fresh); err != nil { // left by an attempt that was cut off
		return 0, err
	}
	if err := j.i.OwnDir(fresh); err != nil {
		return 0, activities.Saying(err, "rebuild %s: %v", "%s の再構築：%v", j.Server.Name, err)
	}
	_, err = j.i.Run(ctx, j.env(), "pg_basebackup", "-D", fresh, "-d", j.conninfo(), "--wal-method=stream", "--checkpoint=fast", "--slot="+j.out.Slot, "--no-password")
	if err != nil {
		return 0, errors.Join(err, os.RemoveAll(fresh))
	}
	// The copy of a primary would start as one: it becomes the server's data read-only.
	made := *j.i
	made.Data = fresh
	if err := made.SignalStandby(); err != nil {
		return 0, errors.Join(err, os.RemoveAll(fresh))
	}
	bytes, err := sizeOf(fresh)
	if err != nil {
		return 0, err
	}
	old := data + ".muster-old"
	if err := os.RemoveAll(old); err != nil {
		return 0, err
	}
	if err := os.Rename(data, old); err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, activities.Saying(err, "rebuild %s: %v (a data directory that is a mount point can't be replaced; put it one level below)", "%s の再構築：%v（マウントポイントであるデータディレクトリは置き換えられない。1階層下に置く）", j.Server.Name, err)
	}
	if err := os.Rename(fresh, data); err != nil {
		return 0, fmt.Errorf("rebuild %s: %w (its old data are in %s)", j.Server.Name, err, old)
	}
	return bytes, os.RemoveAll(old)
}

// conninfo is how the server's programs reach the primary; the password is in env.
func (j *joining) conninfo() string {
	f := j.Follow.Spec
	q := strings.NewReplacer(`\`, `\\`, `'`, `\'`)
	return fmt.Sprintf("host='%s' port=%d user='%s' dbname='%s' %s connect_timeout=5", q.Replace(f.Host), portOf(f), q.Replace(userOf(f)), q.Replace(databaseOf(f)), pglink.Encryption(f))
}

func (j *joining) env() []string {
	env := []string{mark(j.i)}
	if pw := j.Follow.Spec.Password.Reveal(); pw != "" {
		env = append(env, "PGPASSWORD="+pw)
	}
	return env
}

// checkpoint may have much to write, so only ctx bounds it.
func checkpoint(ctx context.Context, c *pglink.Conn) error {
	_, err := c.Exec(ctx, "CHECKPOINT")
	return err
}

func sizeOf(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		st, err := d.Info()
		if err == nil {
			sum += st.Size()
		}
		return err
	})
	return sum, err
}

func isRefusal(err error) bool {
	var typed interface{ Type() string }
	return errors.As(err, &typed) && typed.Type() == plan.ErrRefused
}

func portOf(s Server) int {
	if s.Port == 0 {
		return 5432
	}
	return s.Port
}

func userOf(s Server) string {
	if s.User == "" {
		return "postgres"
	}
	return s.User
}

func databaseOf(s Server) string {
	if s.Database == "" {
		return "postgres"
	}
	return s.Database
}
