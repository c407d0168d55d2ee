package postgres

import (
	"context"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/run"
)

// CaughtUp is the parameters of postgres.caught_up.
type CaughtUp struct {
	Server Target       `json:"server" kind:"postgres" help:"Standby." ja:"スタンバイ"`
	Follow Target       `json:"follow" kind:"postgres" help:"Primary that it streams from." ja:"複製元のプライマリ"`
	Limit  run.Bytes    `json:"limit" help:"Lag that is small enough. Under writes 0B may never be seen." ja:"十分に小さいとみなす遅れ。書き込みが続く間は 0B にならないことがある" default:"1MB"`
	Wait   run.Duration `json:"wait" help:"How long it may take." ja:"待つ時間" default:"10m"`
}

// Lag is its result.
type Lag struct {
	Server   string `json:"server" help:"The standby." ja:"スタンバイ"`
	LagBytes int64  `json:"lag_bytes" help:"What it had not replayed when the limit was met." ja:"条件を満たしたときに未適用だった量"`
}

func caughtUp(ctx context.Context, p CaughtUp) (Lag, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Wait.Std())
	defer cancel()
	c, err := reach(ctx, p.Follow, p.Wait.Std())
	if err != nil {
		return Lag{}, err
	}
	defer c.Close()
	lag, err := awaitLag(ctx, c, p.Server, int64(p.Limit))
	return Lag{Server: p.Server.Name, LagBytes: lag}, err
}

// awaitLag waits until standby streams from the primary behind c with at most limit
// bytes left to replay.
func awaitLag(ctx context.Context, c *pglink.Conn, standby Target, limit int64) (int64, error) {
	for {
		ok, lag, err := streams(ctx, c, standby)
		if err == nil && ok && lag <= limit {
			return lag, nil
		}
		if err != nil && ctx.Err() == nil {
			return 0, err
		}
		if wait(ctx, 50*time.Millisecond) != nil {
			if !ok {
				return 0, activities.FindingBoth("server %s does not stream (slot %s is not in use)",
					"サーバー %s はストリーミング受信していない（スロット %s は未使用）", standby.Name, pglink.Slot(standby))
			}
			return lag, activities.FindingBoth("server %s is still %d bytes behind, more than %d",
				"サーバー %s はまだ %d バイト遅れており、%d を超えている", standby.Name, lag, limit)
		}
	}
}
