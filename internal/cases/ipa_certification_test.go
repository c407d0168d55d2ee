package cases_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
)

// The group ipa-certification has 15 machines at both sites (14 processes and a database
// pair), 135 more that nobody may touch, the customers' entrance, and a leased line with a
// VPN beside it. No worker runs at the main site.
func init() {
	servers["ipa-certification"] = func(t *testing.T, g *group) {
		g.away = []string{"cert-tokyo"}
		pair, vms := pgtest.StartPair(t), newMachines(t)
		g.postgres(t, pair, "cert-db-tokyo", "cert-db-kansai")
		control := loopback(t)
		g.set(t, "name", "main-control", vms.make(t, "main-control", control, "control of the main site"))
		vms.run(t, "main-control")

		// The lines: replication and control take the leased line as long as it is there.
		type end struct{ name, to, leased, vpn, door string }
		ends := []end{{name: "to-tokyo", to: fmt.Sprintf("127.0.0.1:%d", pair.Tokyo.Port)}, {name: "to-kansai", to: fmt.Sprintf("127.0.0.1:%d", pair.Osaka.Port)}, {name: "control", to: control}}
		socket := filepath.Join(vms.dir, "line.sock")
		// No retries: whoever asks for a dead server has to hear at once that it is gone.
		tcp := "defaults\n  mode tcp\n  retries 0\n  timeout connect 300ms\n  timeout client 1m\n  timeout server 1m\n"
		leased, vpn, line := tcp, tcp, "  stats socket "+socket+" mode 600 level admin\n"+tcp
		for i := range ends {
			e := &ends[i]
			e.leased, e.vpn, e.door = loopback(t), loopback(t), loopback(t)
			leased += fmt.Sprintf("listen %s\n  bind %s\n  server far %s\n", e.name, e.leased, e.to)
			vpn += fmt.Sprintf("listen %s\n  bind %s\n  server far %s\n", e.name, e.vpn, e.to)
			line += fmt.Sprintf("frontend at-%s\n  bind %s\n  default_backend %[1]s\nbackend %[1]s\n  default-server check inter 200ms fall 1 rise 1 on-marked-down shutdown-sessions\n  server leased %[3]s\n  server vpn %[4]s backup\n", e.name, e.door, e.leased, e.vpn)
		}
		g.set(t, "name", "leased-line", vms.configured(t, "leased-line", leased))
		g.set(t, "name", "cert-line", map[string]any{"socket": socket})
		vms.configured(t, "vpn", vpn)
		vms.configured(t, "line", line)
		for _, name := range []string{"leased-line", "vpn", "line"} {
			vms.run(t, name)
		}
		listening(t, ends[0].door, ends[1].door, ends[2].door, control)
		overLine(t, pair, ends[0].door)
		// Each side knows the other by the line's door.
		host, port := hostPort(t, ends[0].door)
		g.postgres(t, pair, "cert-db-tokyo-by-line", "")
		g.set(t, "name", "cert-db-tokyo-by-line", map[string]any{"host": host, "port": port})
		host, port = hostPort(t, ends[1].door)
		g.set(t, "name", "cert-db-kansai-by-line", map[string]any{"host": host, "port": port, "sslmode": "disable", "password": "secret://file" + pair.PasswordFile})

		// The machines, and the entrance that prefers the main site.
		front, frontSocket := loopback(t), filepath.Join(vms.dir, "front.sock")
		in := fmt.Sprintf("frontend in\n  bind %s\n", front)
		rack := "#!/bin/sh\n"
		var backends string
		for tier, n := range map[string]int{"gold": 4, "silver": 5, "bronze": 5} {
			for i := 1; i <= n; i++ {
				name := fmt.Sprintf("%s-%d", tier, i)
				here, there := loopback(t), loopback(t)
				vms.make(t, "tokyo-"+name, here, name+" at tokyo")
				rack += fmt.Sprintf("%s -db -f %s &\n", haproxyBin, filepath.Join(vms.dir, "tokyo-"+name+".cfg"))
				g.set(t, "name", name, vms.make(t, name, there, name+" at kansai"))
				in += fmt.Sprintf("  use_backend %[1]s if { path /%[1]s }\n", name)
				backends += fmt.Sprintf("backend %s\n  default-server check inter 200ms fall 1 rise 1\n  server tokyo %s\n  server kansai %s backup\n", name, here, there)
			}
		}
		vms.configured(t, "entrance", "  stats socket "+frontSocket+" mode 600 level admin\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n"+in+backends)
		vms.run(t, "entrance")
		g.set(t, "name", "cert-entrance", map[string]any{"socket": frontSocket})
		vms.script(t, g, "main-rack", rack+"wait\n")
		listening(t, front)

		others := untouched(t, vms.dir, 135)
		g.replace(t, strings.NewReplacer("127.0.0.1:8091", front, "127.0.0.1:8092", control, "127.0.0.1:8093", ends[2].door, "/opt/certification/bin/others", others))
	}

	acts["case-4-1-failback-with-data-catch-up"] = func(ctx context.Context, c *cast) { settleDate(ctx, c) }
	acts["case-4-1-subset-switch-from-recovery-side"] = acts["case-4-1-failback-with-data-catch-up"]
}

// settleDate gives the date of the way home with the customers' reason.
func settleDate(ctx context.Context, c *cast) {
	if !c.await(ctx, "the question for the date", func(e run.Event) bool { return e.Kind == run.StepWaiting && e.Step == "date" }) {
		return
	}
	_, err := c.me.Step(ctx, c.run, "date", api.StepRequest{Act: run.ActDone, By: "ueda", Reason: "Saturday: customers A and C have their audit until Friday"})
	c.must("the date", false, err)
}

// overLine has the standby follow through another address than the primary's own.
func overLine(t *testing.T, pair *pgtest.Pair, door string) {
	t.Helper()
	host, port := hostPort(t, door)
	pair.Osaka.StopServer(t)
	if err := pair.Osaka.Instance.Follow(pgcluster.Upstream{Host: host, Port: port, User: pair.User, Password: pair.Password, Slot: "muster_osaka"}); err != nil {
		t.Fatal(err)
	}
	pair.Osaka.StartServer(t)
	pair.Tokyo.AwaitStandby(t, pair.Osaka)
}

// untouched starts n machines that no drill may touch, and returns a script that counts those
// that live and digests their numbers and start times.
func untouched(t *testing.T, dir string, n int) string {
	t.Helper()
	var list []string
	for range n {
		cmd := exec.Command("sleep", "600")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		list = append(list, fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	}
	file := filepath.Join(dir, "others.sh")
	script := fmt.Sprintf("all=$(cut -d' ' -f1,22 %s)\nprintf '{\"machines\": %%d, \"digest\": \"%%s\"}\\n' \"$(printf '%%s\\n' \"$all\" | wc -l)\" \"$(printf '%%s' \"$all\" | sha256sum | cut -c1-64)\"\n", strings.Join(list, " "))
	if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}
