package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/muster-dr/muster/internal/pgcluster"
)

// cluster is the demo's two servers.
type cluster struct {
	dir  string // where they lie, when that is outside the demo's folder
	pair *pgcluster.Pair
}

// synchronous makes tokyo acknowledge a commit only when osaka has it too. Without it the
// last commit before a kill is kept or lost by a hair, and two honest witnesses of the
// same loss would count differently. It is tokyo's alone: osaka takes over when nobody
// follows it.
const synchronous = "synchronous_standby_names = 'osaka'\n"

// createCluster makes tokyo, a primary, and osaka, which streams from it through a slot.
// Both work as in production: every commit is on disk before it is acknowledged.
func (d *demo) createCluster(ctx context.Context) (cluster, error) {
	home, err := d.serversHome(d.Lang, d.say)
	if err != nil {
		return cluster{}, err
	}
	c := cluster{dir: d.linked()}
	b := backupsIn(home)
	if c.pair, err = pgcluster.Create(ctx, pgcluster.Options{Dir: home, WALSegmentMB: 1, Settings: map[string]string{
		"archive_mode": "on", "archive_timeout": "5s", "archive_command": fmt.Sprintf("test ! -f '%s/%%f' && cp '%%p' '%[1]s/%%f'", b.wal),
	}}); err != nil {
		return c, err
	}
	tokyo := c.pair.Primary
	if err := c.backUp(ctx, b); err != nil {
		return c, err
	}
	config, err := os.OpenFile(tokyo.Config, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return c, err
	}
	_, err = config.WriteString(synchronous)
	if err = errors.Join(err, config.Close()); err != nil {
		return c, err
	}
	_, err = tokyo.Run(ctx, nil, "pg_ctl", "reload", "-D", tokyo.Data)
	return c, err
}

// backups is where the demo's backups are, as a nightly job would leave them.
type backups struct{ dir, base, wal, area string }

func backupsIn(home string) backups {
	dir := filepath.Join(home, "backups")
	return backups{dir: dir, base: filepath.Join(dir, "base"), wal: filepath.Join(dir, "wal"), area: filepath.Join(dir, "area")}
}

// backUp takes tokyo's first base backup; its log is archived from now on.
func (c cluster) backUp(ctx context.Context, b backups) error {
	tokyo := c.pair.Primary
	for _, dir := range []string{b.dir, b.base, b.wal, b.area} {
		if err := tokyo.OwnDir(dir); err != nil {
			return err
		}
	}
	_, err := tokyo.Run(ctx, []string{"PGPASSWORD=" + c.pair.Password}, "pg_basebackup", "-D", filepath.Join(b.base, "nightly"), "-h", tokyo.Host,
		"-p", fmt.Sprint(tokyo.Port), "-U", c.pair.User, "-X", "stream", "--checkpoint=fast", "--manifest-checksums=SHA256")
	return err
}

// servers are tokyo and osaka, home first.
func (c cluster) servers() []*pgcluster.Instance {
	return []*pgcluster.Instance{c.pair.Primary, c.pair.Standby}
}

// address is how the witness reaches a server. The password is not in it: arguments
// can be read by everybody on the machine.
func (c cluster) address(i *pgcluster.Instance) string {
	u := url.URL{Scheme: "postgres", User: url.User(c.pair.User), Host: fmt.Sprintf("%s:%d", i.Host, i.Port), Path: "/postgres",
		RawQuery: "sslmode=disable"}
	return u.String()
}
