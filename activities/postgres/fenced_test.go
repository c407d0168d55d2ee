package postgres

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// tokyo was fenced and came up read-only; osaka, which took over, was lost. Promoting tokyo
// would serve without anything that osaka took, wherever the step runs.
func TestAFencedServerIsNotPromoted(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	tokyo, osaka := p.Tokyo.Target, p.Osaka.Target
	must[Fenced](t)(fence(as(t, "run-1"), Fence{Server: tokyo}))
	must[Promoted](t)(promote(as(t, "run-1"), Promote{Server: osaka, Wait: minute}))
	p.Tokyo.StartServer(t) // by whatever watches over it
	must[Fenced](t)(fence(as(t, "run-2"), Fence{Server: osaka}))

	away := tokyo // its files are another worker's
	away.Spec.Data, away.Spec.Config = "", ""
	for _, server := range []Target{tokyo, away} {
		pr := Promote{Server: server, Wait: minute}
		_, err := promote(as(t, "run-2"), pr)
		wantKind(t, err, plan.ErrRefused)
		if err == nil || !strings.Contains(err.Error(), "fenced by run run-1") {
			t.Errorf("promoting a fenced server = %v", err)
		}
		wantStandby(t, p.Tokyo)
		seen, err := lookPromoted(as(t, "run-2"), pr)
		wantSight(t, "the fenced server", seen, err, plan.HoldsNot)
		problems, err := readyPromote(as(t, "run-2"), pr)
		if err != nil || len(problems) == 0 || !strings.Contains(problems[0].EN, "fenced by run run-1") || !strings.Contains(problems[0].JA, "フェンスされており") {
			t.Errorf("ready to promote a fenced server: %v, %v", problems, err)
		}
	}
}

// A failback fenced tokyo, which streamed already, and was aborted before its rejoin; later
// osaka is lost. The refusal names the file whose removal lets tokyo take over.
func TestAFenceOfARunThatIsOverIsTakenOffByHand(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	must[Fenced](t)(fence(as(t, "run-1"), Fence{Server: p.Osaka.Target}))
	p.Tokyo.Kill9(t)

	ctx := as(t, "run-2")
	away := p.Osaka.Target // its files are another worker's
	away.Spec.Data, away.Spec.Config = "", ""
	file := filepath.Join(filepath.Dir(p.Osaka.Instance.Config), "muster-fence.json")
	for _, server := range []Target{p.Osaka.Target, away} {
		_, err := promote(ctx, Promote{Server: server, Wait: minute})
		wantKind(t, err, plan.ErrRefused)
		if err == nil || !strings.Contains(err.Error(), "remove "+filepath.Base(file)) || !strings.Contains(err.Error(), p.Osaka.Instance.Config) {
			t.Errorf("promoting a server with the fence of another run = %v", err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	must[Promoted](t)(promote(ctx, Promote{Server: p.Osaka.Target, Wait: minute}))
}
