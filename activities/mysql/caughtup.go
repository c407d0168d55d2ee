package mysql

import (
	"context"
	"errors"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/run"
)

// CaughtUp is the parameters of mysql.wait_caught_up.
type CaughtUp struct {
	Server Target       `json:"server" kind:"mysql" help:"Replica." ja:"レプリカ" example:"shop-osaka"`
	Follow Target       `json:"follow" kind:"mysql" help:"Primary that it follows." ja:"追随しているプライマリ" example:"shop-tokyo"`
	Limit  run.Duration `json:"limit" help:"How long the replica may take to have what the primary had a moment ago." ja:"ある時点でプライマリにあったものすべてに、レプリカが追いつくまでの時間の上限" default:"1s"`
	Wait   run.Duration `json:"wait" help:"How long to wait for that." ja:"それを待つ時間" default:"10m"`
}

// Lag is its result.
type Lag struct {
	Server string  `json:"server" help:"The replica." ja:"レプリカ"`
	LagS   float64 `json:"lag_s" help:"Seconds that it took to have all that the primary had at one moment, by the worker's clock." ja:"ある時点でプライマリにあったものすべてに追いつくまでの秒数（ワーカーの時計）"`
	GTID   string  `json:"gtid" help:"What the primary had at that moment." ja:"その時点のプライマリの位置"`
}

// caughtUp measures the lag instead of believing what the replica says of it: that figure
// is empty or 0 while nothing arrives.
func caughtUp(ctx context.Context, p CaughtUp) (Lag, error) {
	primary, err := reach(ctx, p.Follow, p.Wait.Std())
	if err != nil {
		return Lag{}, err
	}
	defer primary.Close()
	replica, err := reach(ctx, p.Server, p.Wait.Std())
	if err != nil {
		return Lag{}, err
	}
	defer replica.Close()
	out := Lag{Server: p.Server.Name}
	for until := time.Now().Add(p.Wait.Std()); ; {
		of, err := see(ctx, primary)
		if err != nil {
			return out, err
		}
		asked := time.Now()
		v, err := awaitPosition(ctx, replica, p.Server, p.Follow, of, until)
		if errors.Is(err, errNotYet) {
			err = activities.FindingBoth("server %s has not caught up with %s within %s: it lacks %d transactions (receives %s, applies %s) %s",
				"サーバー %s が %[3]s 以内に %[2]s に追いつかなかった。不足トランザクション数：%[4]d（受信 %[5]s、適用 %[6]s）%[7]s",
				p.Server.Name, p.Follow.Name, p.Wait, v.Has.Lacks(of.Has), v.threads().Receives, v.threads().Applies, v.threads().trouble())
		}
		if err != nil {
			return out, err
		}
		if took := time.Since(asked); took <= p.Limit.Std() {
			out.LagS, out.GTID = took.Seconds(), of.GTID
			return out, nil
		}
	}
}

// threads is v's replica, or an empty one.
func (v view) threads() replica {
	if v.Replica == nil {
		return replica{Receives: "none", Applies: "none"}
	}
	return *v.Replica
}

var errNotYet = errors.New("it has not got there yet")

// awaitPosition waits until t, a replica of the primary that was seen as of, replicates and
// has all that that had. An error in replicating, which would not go away by waiting, is a
// finding. It gives up at until with errNotYet; a context that ended in the middle of a
// question would take the connection with it.
func awaitPosition(ctx context.Context, c *mylink.Conn, t, primary Target, of view, until time.Time) (view, error) {
	for {
		v, err := see(ctx, c)
		switch {
		case err != nil:
			return v, err
		case v.Replica == nil:
			return v, activities.FindingBoth("server %s follows nobody",
				"サーバー %s はどのサーバーにも追従していない", t.Name)
		case !v.follows(primary, of):
			return v, activities.FindingBoth("server %s does not follow %s, but the server at %s",
				"サーバー %s の追従先は %s ではなく、%s のサーバーである", t.Name, primary.Name, mylink.Address(mylink.Server{Host: v.Replica.Host, Port: v.Replica.Port}))
		case v.Replica.ApplyNo != 0 || v.Replica.turnedAway():
			return v, activities.FindingBoth("server %s does not replicate from %s: %s",
				"サーバー %s は %s からのレプリケーションができていない：%s", t.Name, primary.Name, v.Replica.trouble())
		case v.Replica.running() && v.Has.Has(of.Has):
			return v, nil
		case time.Now().After(until):
			return v, errNotYet
		}
		if err := wait(ctx, tick); err != nil {
			return v, err
		}
	}
}
