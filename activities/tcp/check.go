// Package tcp is the family of actions that look at a port.
package tcp

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/run"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{check} }

// Check is the parameters of tcp.check.
type Check struct {
	Address string       `json:"address" reach:"host" help:"Host and port, such as db.example.com:5432." ja:"ホストとポート。db.example.com:5432 など" example:"db.osaka.example.com:5432"`
	Expect  string       `json:"expect" help:"Whether something must accept connections there, or must have stopped to." ja:"接続を受け付けるべきか、受け付けなくなっているべきか" default:"open" enum:"open,closed"`
	Timeout run.Duration `json:"timeout" help:"How long to wait for an answer." ja:"応答を待つ時間" default:"5s"`
}

// Checked is what tcp.check found.
type Checked struct {
	Open     bool    `json:"open" help:"Whether the port accepted a connection." ja:"ポートが接続を受け付けたか"`
	LatencyS float64 `json:"latency_s" help:"Seconds until it answered." ja:"応答までの秒数"`
}

var check = activities.Define("tcp.check", activities.Doc{
	Summary:    "Check that a port accepts connections, or that it refuses them.",
	SummaryJA:  "ポートが接続を受け付けること、または拒むことを確かめる。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p Check) (Checked, error) {
	began := time.Now()
	dialer := net.Dialer{Timeout: p.Timeout.Std()}
	conn, err := dialer.DialContext(ctx, "tcp", p.Address)
	c := Checked{Open: err == nil, LatencyS: time.Since(began).Seconds()}
	switch {
	case err == nil:
		if err := conn.Close(); err != nil {
			return c, err
		}
		if p.Expect == "closed" {
			return c, activities.FindingBoth("%s still accepts connections", "%s はまだ接続を受け付けている", p.Address)
		}
	case errors.Is(err, syscall.ECONNREFUSED):
		// Only this is an answer of the host itself; silence may be the line's.
		if p.Expect == "open" {
			return c, activities.FindingBoth("%s refuses connections: nothing listens there", "%s は接続を拒否した：待ち受けているものがない", p.Address)
		}
	default:
		return c, err
	}
	return c, nil
})
