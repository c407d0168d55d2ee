package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
)

// only is a site's policy that lets actions reach some addresses.
type only []string

func (o only) Permit(_ context.Context, a activities.Ask) error {
	if a.Reach == nil {
		return nil
	}
	for _, host := range a.Reach.Hosts {
		if !slices.Contains(o, host) {
			return plan.Wrong("it may not reach %s", "%s には接続できない", host)
		}
	}
	return nil
}

// What is refused of the standby when the primary is down leaves nobody who takes writes.
func TestASwitchoverLooksAtWhomItsStandbyFollowsBeforeItStopsAnything(t *testing.T) {
	t.Parallel()
	sockets := pgtest.Dir(t)
	if err := os.Chmod(sockets, 0o777); err != nil { // the servers are another user's
		t.Fatal(err)
	}
	p := pgtest.StartPairWith(t, map[string]string{"unix_socket_directories": sockets})
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	hba := filepath.Join(filepath.Dir(p.Tokyo.Config), "pg_hba.conf")
	rules, err := os.ReadFile(hba)
	if err := errors.Join(err, os.WriteFile(hba, append(rules, "local replication all scram-sha-256\n"...), 0o600), p.Tokyo.Own(hba)); err != nil {
		t.Fatal(err)
	}
	p.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	s := sitetest.New(t, Actions())
	tokyo, osaka := p.Tokyo.Plan(p.PasswordFile), p.Osaka.Plan(p.PasswordFile)
	tokyo.Site = "osaka" // this worker's
	s.Targets = []plan.Target{tokyo, osaka}
	with := json.RawMessage(`{"from": "tokyo", "to": "osaka"}`)
	direct := pgtest.Value[string](t, p.Osaka, "SHOW primary_conninfo")
	refused := func(why string) {
		t.Helper()
		p.Tokyo.AwaitStreaming(t, p.Osaka)
		ready := s.Ready(s.Step("postgres.switchover", with))
		if len(ready.Problems) != 1 || !strings.Contains(fmt.Sprint(ready.Problems), why) {
			t.Errorf("ready: %+v, want that it says %q", ready, why)
		}
		_, err := s.Act(s.Step("postgres.switchover", with), nil)
		wantKind(t, err, plan.ErrRefused)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("switchover = %v, want that it says %q", err, why)
		}
		if err := p.Tokyo.TryWrite(t); err != nil {
			t.Fatalf("a refusal stopped the primary: %v", err)
		}
	}

	follows(t, p.Osaka, strings.Replace(direct, "127.0.0.1", "localhost", 1))
	s.Policy = only{fmt.Sprint("127.0.0.1:", p.Tokyo.Port), fmt.Sprint("127.0.0.1:", p.Osaka.Port)}
	refused("may not reach localhost")
	s.Policy = nil

	follows(t, p.Osaka, strings.Replace(direct, "127.0.0.1", sockets, 1))
	away := osaka // another machine's, where this socket is none
	away.Site = "elsewhere"
	s.Targets[1] = away
	refused("primary_conninfo")
	s.Targets[1] = osaka

	kyoto := third(t, p)
	kyoto.Exec(t, "SELECT pg_promote()")
	two := strings.Replace(direct, "127.0.0.1", "localhost,127.0.0.1,127.0.0.1", 1)
	two = strings.Replace(two, fmt.Sprint("port=", p.Tokyo.Port), fmt.Sprintf("port=%d,%d,%d", p.Tokyo.Port, p.Tokyo.Port, kyoto.Port), 1)
	follows(t, p.Osaka, two)
	pgtest.Eventually(t, time.Minute, func() string {
		if pgtest.Value[bool](t, kyoto, "SELECT pg_is_in_recovery()") {
			return "kyoto is no primary yet"
		}
		return ""
	})
	refused(fmt.Sprintf("127.0.0.1:%d still takes writes", kyoto.Port))
	kyoto.StopServer(t)
	if ready := s.Ready(s.Step("postgres.switchover", with)); len(ready.Problems) > 0 {
		t.Errorf("ready, with kyoto down: %+v", ready)
	}
	if _, err := s.Act(s.Step("postgres.switchover", with), nil); err != nil {
		t.Errorf("switchover, with kyoto down: %v", err)
	}
	if err := p.Osaka.TryWrite(t); err != nil {
		t.Errorf("osaka is no primary: %v", err)
	}
}
