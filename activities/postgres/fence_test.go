package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// risen makes a pair whose standby, osaka, is in the middle of a promotion: it has taken the
// order up, and replays the rest of its log, which has to wait for a session.
func risen(t *testing.T) *pgtest.Pair {
	t.Helper()
	p := pgtest.StartPairWith(t, map[string]string{"max_standby_streaming_delay": "-1", "max_standby_archive_delay": "-1"})
	p.Tokyo.Exec(t, "CREATE TABLE held (n int)")
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := pgtest.Context(t, time.Minute)
	session, look := p.Osaka.Connect(t), p.Osaka.Connect(t)
	for _, sql := range []string{"BEGIN", "SELECT FROM held"} {
		if _, err := session.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	p.Osaka.Exec(t, "SELECT pg_wal_replay_pause()")
	p.Tokyo.Exec(t, "DROP TABLE held")
	end := pgtest.Value[string](t, p.Tokyo, "SELECT pg_current_wal_lsn()::text")
	pgtest.Eventually(t, 30*time.Second, func() string {
		if !pgtest.Value[bool](t, p.Osaka, "SELECT pg_last_wal_receive_lsn() >= $1::text::pg_lsn", end) {
			return "osaka has not received the end of the table"
		}
		return ""
	})
	p.Osaka.Exec(t, "SELECT pg_promote(false)")
	pgtest.Eventually(t, 30*time.Second, func() string {
		v, err := see(ctx, look)
		switch {
		case err != nil:
			return err.Error()
		case !v.Recovery:
			t.Fatal("the promotion ended")
		case v.Pending:
			return "the promotion has not been taken up"
		}
		return ""
	})
	return p
}

// A standby whose promotion is under way, and no trigger file shows it any more, would take
// writes when it is through.
func TestFencingAStandbyThatIsBeingPromotedEndsThat(t *testing.T) {
	t.Parallel()
	p, ctx := risen(t), as(t, "run-1")
	osaka := p.Osaka.Target
	f := must[Fenced](t)(fence(ctx, Fence{Server: osaka}))
	if f.Was != "standby" || f.Method == "none" {
		t.Errorf("fenced = %+v, want the promotion ended", f)
	}
	p.Osaka.StartServer(t)
	if err := p.Osaka.TryWrite(t); err == nil {
		t.Error("the fenced server takes a write")
	}
	seen, err := lookFenced(ctx, Fence{Server: osaka})
	wantSight(t, "the fenced server", seen, err, plan.Holds)
	// A standby that nobody promotes goes on serving.
	if f := must[Fenced](t)(fence(ctx, Fence{Server: osaka})); f.Was != "standby" || f.Method != "none" {
		t.Errorf("fenced = %+v", f)
	}
}

func TestUnfencingBesideOneThatIsBeingPromoted(t *testing.T) {
	t.Parallel()
	p, ctx := risen(t), as(t, "run-1")
	tokyo := p.Tokyo.Target
	must[Fenced](t)(fence(ctx, Fence{Server: tokyo}))
	_, err := unfence(ctx, Unfence{Server: tokyo, Others: []Target{p.Osaka.Target}, Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "being promoted") {
		t.Errorf("unfence = %v", err)
	}
}

// osaka was promoted, crashes, and is started again within seconds.
func TestUnfencingWhileTheNewPrimaryIsStartedAgain(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	ctx := as(t, "run-1")
	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
	p.Osaka.Kill9(t)
	away := p.Osaka.Target // its files are another worker's
	away.Spec.Data, away.Spec.Config = "", ""
	refused := make(chan error, 1)
	go func() {
		_, err := unfence(ctx, Unfence{Server: p.Tokyo.Target, Others: []Target{away}, Wait: minute})
		refused <- err
	}()
	p.Osaka.StartServer(t)
	err := <-refused
	wantKind(t, err, plan.ErrRefused)
	// One that stays down may come back later, unless it is seen that it comes up read-only.
	p.Osaka.Kill9(t)
	_, err = unfence(ctx, Unfence{Server: p.Tokyo.Target, Others: []Target{away}, Wait: minute})
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "is down, and may come back") {
		t.Errorf("unfencing beside one that is down = %v", err)
	}
	if err == nil || strings.Contains(err.Error(), "fence it") || !strings.Contains(err.Error(), "In an undo, which nobody can repeat") {
		t.Errorf("unfencing beside one that is down = %v, want a way out that there is", err)
	}
	// What it says to do by hand, done as it says.
	i := p.Tokyo.Instance
	signal, marker := filepath.Join(i.Data, "standby.signal"), filepath.Join(filepath.Dir(i.Config), fenceFile)
	for _, path := range []string{signal, marker} {
		if err == nil || !strings.Contains(err.Error(), "remove "+path) {
			t.Errorf("unfencing beside one that is down = %v, want it to name %s", err, path)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if path == signal {
			p.Tokyo.StartServer(t)
			if err := p.Tokyo.TryWrite(t); err != nil {
				t.Fatal(err)
			}
		}
	}
	seen, err := lookUnfenced(ctx, Unfence{Server: p.Tokyo.Target})
	wantSight(t, "the server whose fence was taken off by hand", seen, err, plan.Holds)

	must[Fenced](t)(fence(ctx, Fence{Server: p.Tokyo.Target}))
	must[Fenced](t)(fence(ctx, Fence{Server: p.Osaka.Target}))
	away = p.Osaka.Target
	must[Started](t)(unfence(ctx, Unfence{Server: p.Tokyo.Target, Others: []Target{away}, Wait: minute}))
}
