package app

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/redistest"
	"github.com/muster-dr/muster/internal/run"
)

// The shipped drills with Redis, on real servers and sentinels: the master is killed, the
// other site serves, the role comes home, and the probe counts what was lost.
func TestRedisDrills(t *testing.T) {
	t.Parallel()
	carts := redistest.StartPair(t, "appendonly yes")
	sessions := redistest.StartWatched(t, 6*time.Second, "appendonly yes")
	password := redistest.PasswordFile(t)
	replace := []string{"secret://file/etc/muster/redis-password", "secret://file" + password, "master: sessions", "master: orders", "\ndecision:", "\nhold: 5s\ndecision:"}
	for n, s := range sessions.Sentinels {
		replace = append(replace, fmt.Sprintf("10.0.%d.20:26379", n+1), fmt.Sprintf("127.0.0.1:%d", s.Port))
	}
	for name, p := range map[string]*redistest.Pair{"carts": carts, "sessions": sessions.Pair} {
		t.Cleanup(func() { p.Tokyo.Shutdown(t) }) // the drill started it again
		port := map[string]string{"carts": "6379", "sessions": "6380"}[name]
		replace = append(replace,
			"host: 10.0.1.10\n    port: "+port+"\n    password: secret://file/etc/muster/redis-password\n    config: /etc/redis/"+name+".conf",
			fmt.Sprintf("host: 127.0.0.1\n    port: %d\n    password: secret://file%s\n    config: %s", p.Tokyo.Port, password, p.Tokyo.Config),
			"host: 10.0.2.10\n    port: "+port+"\n    password: secret://file/etc/muster/redis-password\n    config: /etc/redis/"+name+".conf",
			fmt.Sprintf("host: 127.0.0.1\n    port: %d\n    password: secret://file%s\n    config: %s", p.Osaka.Port, password, p.Osaka.Config),
			"/etc/redis/"+name+".conf", p.Tokyo.Config,
			"/run/redis/"+name+".pid", p.Tokyo.PID)
	}
	r := strings.NewReplacer(replace...)
	files := map[string]string{}
	names, err := filepath.Glob("../../scenarios/redis/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no shipped files: %v", err)
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.Base(name)] = r.Replace(string(b))
	}
	o, _ := options(t, plansDir(t, files))
	u := begin(t, o)
	for _, scenario := range []string{"carts-tokyo-loss", "sessions-tokyo-loss"} {
		rep := drilled(t, u, scenario)
		for _, s := range rep.Steps {
			if s.Outcome != run.Passed {
				t.Errorf("%s: step %s %s: %s", scenario, s.ID, s.Outcome, s.Reason)
			}
		}
		if rep.Run.Verdict != run.Met {
			t.Errorf("%s: %s %s: %s", scenario, rep.Run.State, rep.Run.Verdict, asJSON(rep.Systems))
		}
		s := rep.Systems[0]
		if s.Failback.SingleWriter == nil || !*s.Failback.SingleWriter {
			t.Errorf("%s: failback %s", scenario, asJSON(s.Failback))
		}
		t.Logf("%s: probe %s", scenario, asJSON(rep.Probes))
		t.Logf("%s: rto %s, rpo %s, failback %s", scenario, asJSON(s.RTO), asJSON(s.RPO), asJSON(s.Failback))
	}
	for name, p := range map[string]*redistest.Pair{"carts": carts, "sessions": sessions.Pair} {
		if tokyo, osaka := p.Tokyo.Info(t, "role"), p.Osaka.Info(t, "role"); tokyo != "master" || osaka != "slave" {
			t.Errorf("%s at the end: tokyo %s, osaka %s", name, tokyo, osaka)
		}
	}
}
