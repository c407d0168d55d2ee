package postgres

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// Programs of another version can bring no server up again, so they stop none.
func TestProgramsOfAnotherVersionStopNothing(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	tokyo, osaka, ctx := p.Tokyo.Target, p.Osaka.Target, as(t, "run-1")
	another := func(s *pgtest.Server) (back func()) {
		file := filepath.Join(s.Data, "PG_VERSION")
		own, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte("12\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.WriteFile(file, own, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	refused := func(what string, err error) {
		t.Helper()
		wantKind(t, err, plan.ErrRefused)
		if err == nil || !strings.Contains(err.Error(), "are of PostgreSQL 12") || !strings.Contains(err.Error(), "PostgreSQL 12 のもの") {
			t.Errorf("%s = %v", what, err)
		}
	}
	told := func(what string, lacking []plan.Text, err error) {
		t.Helper()
		if err != nil || len(lacking) != 1 || !strings.Contains(lacking[0].EN, "are of PostgreSQL 12") {
			t.Errorf("ready for %s: %v, %v", what, lacking, err)
		}
	}

	back := another(p.Tokyo)
	lacking, err := readyPower(ctx, tokyo)
	told("a fence", lacking, err)
	lacking, err = readySwitchover(ctx, Switchover{From: tokyo, To: osaka})
	told("a switchover", lacking, err)
	_, err = switchover(ctx, Switchover{From: tokyo, To: osaka, MaxLag: 1 << 20, Wait: minute})
	refused("a switchover", err)
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("a refusal did something: %v", err)
	}
	must[Fenced](t)(fence(ctx, Fence{Server: tokyo})) // needs no program
	_, err = unfence(ctx, Unfence{Server: tokyo, Others: []Target{osaka}, Wait: minute})
	refused("an unfence", err)
	if ok, err := p.Tokyo.StandbySignalled(); err != nil || !ok {
		t.Errorf("standby.signal is there: %v, %v", ok, err)
	}
	back()
	must[Started](t)(unfence(ctx, Unfence{Server: tokyo, Others: []Target{osaka}, Wait: minute}))
	p.Tokyo.AwaitStreaming(t, p.Osaka)

	back = another(p.Osaka)
	lacking, err = readyRejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Method: "auto"})
	told("a rejoin", lacking, err)
	_, err = rejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Method: "auto", Wait: minute})
	refused("a rejoin", err)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.StopServer(t)
	_, err = start(ctx, Start{Server: osaka, Wait: minute})
	refused("a start", err)
	back()
	must[Started](t)(start(ctx, Start{Server: osaka, Wait: minute}))

	// A vendor's build that does not tell its version is not taken for one of another.
	home := pgtest.Dir(t)
	osaka.Spec.Bin = at(t, home, p.Osaka.Bin)
	named := fmt.Appendf(nil, "#!/bin/sh\n[ \"$1\" = --version ] && exec echo a vendor\\'s database\nexec %s/postgres \"$@\"\n", p.Osaka.Bin)
	if err := os.WriteFile(filepath.Join(osaka.Spec.Bin, "postgres"), named, 0o755); err != nil {
		t.Fatal(err)
	}
	p.Osaka.StopServer(t)
	must[Started](t)(start(ctx, Start{Server: osaka, Wait: minute}))
	must[Rejoined](t)(rejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Method: "auto", Wait: minute}))
	p.Tokyo.AwaitStreaming(t, p.Osaka)
}
