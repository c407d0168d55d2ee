package cases_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// The group ipa-trading has three nodes, a backup node whose port the development holds, the
// entrance before them, and a PostgreSQL pair that commits on both sides.
func init() {
	servers["ipa-trading"] = func(t *testing.T, g *group) {
		pair := pgtest.StartPair(t)
		synchronous(t, pair)
		g.postgres(t, pair, "trading-db-main", "trading-db-backup")

		vms := newMachines(t)
		nodes := map[string]string{"node-1": loopback(t), "node-2": loopback(t), "node-3": loopback(t), "backup-node": loopback(t)}
		nodes["development"] = nodes["backup-node"]
		for name, address := range nodes {
			says := "trading at " + name
			if name == "development" {
				says = "development"
			}
			g.set(t, "name", name, vms.make(t, name, address, says))
			if name != "backup-node" {
				vms.run(t, name)
				listening(t, address)
			}
		}
		front, socket := loopback(t), filepath.Join(vms.dir, "entrance.sock")
		var b strings.Builder
		fmt.Fprintf(&b, "  stats socket %s mode 600 level admin\ndefaults\n  mode http\n  timeout connect 500ms\n  timeout client 5s\n  timeout server 5s\n  retries 3\n  option redispatch 1\n", socket)
		fmt.Fprintf(&b, "frontend in\n  bind %s\n  default_backend trading\nbackend trading\n  option httpchk GET /\n  http-check expect string trading\n  default-server check inter 100ms fall 1 rise 1\n", front)
		for _, name := range []string{"node-1", "node-2", "node-3"} {
			fmt.Fprintf(&b, "  server %s %s\n", name, nodes[name])
		}
		fmt.Fprintf(&b, "  server backup-node %s backup\n", nodes["backup-node"])
		vms.configured(t, "entrance", b.String())
		vms.run(t, "entrance")
		listening(t, front)
		g.set(t, "name", "entrance", map[string]any{"socket": socket})
		g.replace(t, strings.NewReplacer("127.0.0.1:8090", front))
	}

	acts["case-4-2-site-switch-evict-development"] = func(ctx context.Context, c *cast) {
		if !c.kind(ctx, run.ApprovalAsked) {
			return
		}
		_, err := c.me.Approve(ctx, c.run, workflows.Approve{By: "sakai", Reason: "the officers are on the road"})
		c.must("an operator's approval", true, err)
		if !c.step(ctx, "contractor") {
			return
		}
		_, err = c.me.Attest(ctx, c.run, workflows.Attest{System: "case-trading", Function: "dealing-room", By: "maruyama", Level: 100, Reason: "all desks trade"})
		c.must("the dealing department's statement", false, err)
		_, err = c.me.Attest(ctx, c.run, workflows.Attest{System: "case-trading", Function: "settlement", By: "noguchi", Level: 60, Reason: "settlement of yesterday is checked by hand"})
		c.must("the settlement department's statement", false, err)
	}
}
