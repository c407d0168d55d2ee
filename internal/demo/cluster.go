package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

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
	if c.pair, err = pgcluster.Create(ctx, pgcluster.Options{Dir: home}); err != nil {
		return c, err
	}
	tokyo := c.pair.Primary
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
