package dns

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Wait is the parameters of dns.wait.
type Wait struct {
	Record
	Resolvers []string     `json:"resolvers" reach:"host" help:"Servers to ask, host:port each; empty asks the zone's own." ja:"問い合わせるサーバー（ホスト:ポート）。空ならゾーンの権威サーバー" default:"[]"`
	Wait      run.Duration `json:"wait" help:"How long it may take; at least the time for which the old values may be kept." ja:"待つ時間。古い値がキャッシュされうる時間以上にする" default:"5m"`
}

// Waited is its result.
type Waited struct {
	Answering []string `json:"answering" help:"Servers that answer the values." ja:"その値を返すサーバー"`
	Silent    []string `json:"silent" help:"Servers that answered nothing." ja:"応答がなかったサーバー"`
	TookS     float64  `json:"took_s" help:"Seconds until all that answer had them." ja:"応答のある全サーバーに反映されるまでの秒数"`
}

func await(ctx context.Context, p Wait) (out Waited, err error) {
	if _, err := p.set(0); err != nil {
		return out, err
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, p.Wait.Std())
	defer cancel()
	servers, recurse := p.Resolvers, true
	if len(servers) == 0 {
		servers, recurse = p.Zone.Spec.servers(), false
	}
	out.Answering, out.Silent, err = until(ctx, p.Record, servers, recurse)
	out.TookS = time.Since(began).Seconds()
	return out, err
}

// until waits until every server that answers has the values, and one does.
func until(ctx context.Context, r Record, servers []string, recurse bool) (answering, silent []string, err error) {
	want, began := r.wanted(), time.Now()
	type stale struct {
		said string
		at   time.Time
	}
	heard := map[string]stale{} // who answered old values last, by server
	var old []string
	for {
		answers := askAll(ctx, servers, r.name(), r.Type, recurse)
		if activities.CutOff(ctx) && len(answering)+len(old) > 0 {
			return answering, silent, late(old, servers, began) // of a round that was cut off nothing is known
		}
		answering, silent, old = []string{}, []string{}, nil
		for _, a := range answers {
			switch {
			case a.err != nil && heard[a.server].said != "" && time.Since(heard[a.server].at) < silentFor:
				old = append(old, heard[a.server].said)
			case a.err != nil:
				silent = append(silent, a.server)
			case slices.Equal(a.values, want):
				delete(heard, a.server)
				answering = append(answering, a.server)
			default:
				heard[a.server] = stale{fmt.Sprintf("%s (%s)", a.server, strings.Join(a.values, ", ")), time.Now()}
				old = append(old, heard[a.server].said)
			}
		}
		if len(old) == 0 && len(answering) > 0 {
			return answering, silent, nil
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return answering, silent, late(old, servers, began)
		}
	}
}

// late is how it ends when the values are not there in time.
func late(old, servers []string, began time.Time) error {
	if len(old) == 0 {
		return plan.Wrong("none of %s answers", "%s のいずれも応答しない", strings.Join(servers, ", "))
	}
	return activities.FindingBoth("old values are still answered, by %s, after %s: see whether the zone still gets there",
		"%s が %s経過後も古い値を応答している。ゾーンが転送されているか確認する", strings.Join(old, "; "), time.Since(began).Round(100*time.Millisecond))
}
