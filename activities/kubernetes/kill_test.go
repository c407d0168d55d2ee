package kubernetes

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/kubetest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
)

func killOf(more with) with {
	out := with{"cluster": "osaka", "name": "orders"}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// All pods of a workload are killed once, the cluster makes new ones, and those are left alone by whoever settles the step.
func TestAWorkloadIsKilledAndComesBack(t *testing.T) {
	k, s, _ := start(t)
	step := s.Step("kubernetes.kill", killOf(with{"wait": "1m"}))
	if seen := s.Look(step); seen.Sight != plan.HoldsNot || !strings.Contains(seen.Detail, "nothing was killed") {
		t.Fatalf("before: %+v", seen)
	}
	old := field1(k.Get("/api/v1/namespaces/shop/pods/orders-0"), "metadata", "uid")
	var done Killed
	if _, err := s.Act(step, &done); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(done.Pods, []string{"orders-0", "orders-1", "orders-2"}) || done.BackS <= 0 || done.At.IsZero() || len(k.Deleted) != 3 {
		t.Errorf("killed: %+v, deleted %v", done, k.Deleted)
	}
	if now := field1(k.Get("/api/v1/namespaces/shop/pods/orders-0"), "metadata", "uid"); now == nil || now == old {
		t.Errorf("pod orders-0 is %v, was %v: want a new one", now, old)
	}
	if seen := s.Settle(step); seen.Sight != plan.Holds || !strings.Contains(string(seen.Output), "orders-2") || len(k.Deleted) != 3 {
		t.Errorf("settled: %+v, deleted %v", seen, k.Deleted)
	}
}

// The site worker's own pod is the last: who takes over finds by the ledger that it is gone.
func TestTheWorkersOwnPodIsKilledLast(t *testing.T) {
	k, s, _ := start(t)
	me, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	k.Put("/api/v1/namespaces/shop/pods/"+me, with{"metadata": with{"labels": with{"app": "orders"}}, "status": with{"phase": "Running"}})
	if _, err := s.Act(s.Step("kubernetes.kill", killOf(nil)), nil); err != nil {
		t.Fatal(err)
	}
	if len(k.Deleted) != 4 || k.Deleted[3] != me {
		t.Errorf("deleted %v, want %s last", k.Deleted, me)
	}
}

// An answer that was lost with what carried it is settled by looking, and nothing is killed twice for it.
func TestAKillWhoseAnswerIsLostIsSettledByLooking(t *testing.T) {
	k, s, _ := start(t)
	k.Deployment("shop", "one", 1)
	k.LoseAnswer = true
	step := s.Step("kubernetes.kill", killOf(with{"name": "one"}))
	_, err := s.Act(step, nil)
	sitetest.Want(t, err, "", "osaka")
	if seen := s.Settle(step); seen.Sight != plan.Holds || !strings.Contains(string(seen.Output), "one-0") || len(k.Deleted) != 1 {
		t.Errorf("settled: %+v, deleted %v", seen, k.Deleted)
	}
}

// Pods that were deleted and take long to end are not seen as not killed, whatever came in their place: nothing is killed
// for a second time, and the step holds once they are gone.
func TestPodsThatAreBeingEndedAreNotKilledAgain(t *testing.T) {
	k, s, _ := start(t)
	k.Deployment("shop", "one", 1)
	k.LoseAnswer, k.Linger = true, true
	step := s.Step("kubernetes.kill", killOf(with{"name": "one"}))
	_, err := s.Act(step, nil)
	sitetest.Want(t, err, "", "osaka")
	if seen := s.Look(step); seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "being ended, and not gone yet: one-0") || !strings.Contains(seen.Detail, "終了処理中の Pod：one-0") {
		t.Errorf("while one-0 is being ended: %+v", seen)
	}
	_, err = s.Act(sitetest.Generation(step, 2), nil)
	sitetest.Want(t, err, plan.ErrRefused, "being ended")
	if !slices.Equal(k.Deleted, []string{"one-0"}) {
		t.Errorf("deleted %v, want one-0 once", k.Deleted)
	}
	k.End()
	if seen := s.Settle(step); seen.Sight != plan.Holds || !strings.Contains(string(seen.Output), "one-0") {
		t.Errorf("when it is gone: %+v", seen)
	}
}

// A kill that was broken off between its pods is gone on with: what came in place of the first is left alone.
func TestAKillThatIsTriedAgainKillsNothingNew(t *testing.T) {
	for name, linger := range map[string]bool{"the first is gone": false, "the first is being ended": true} {
		t.Run(name, func(t *testing.T) {
			k, s, _ := start(t)
			k.LoseAnswer, k.Linger = true, linger
			step := s.Step("kubernetes.kill", killOf(nil))
			_, err := s.Act(step, nil)
			sitetest.Want(t, err, "", "osaka")
			if seen := s.Settle(step); seen.Sight != plan.HoldsNot || !seen.Partial || !strings.Contains(seen.Detail, "still there: orders-1, orders-2") {
				t.Errorf("settled: %+v", seen)
			}
			k.Linger = false
			k.End()
			var done Killed
			if _, err := s.Act(sitetest.Generation(step, 2), &done); err != nil {
				t.Fatal(err)
			}
			want := []string{"orders-0", "orders-1", "orders-2"}
			if !slices.Equal(k.Deleted, want) || !slices.Equal(done.Pods, want) {
				t.Errorf("deleted %v and said %v, want %v once", k.Deleted, done.Pods, want)
			}
		})
	}
}

// Pods that were gone by themselves are not counted as killed.
func TestOnlyWhatWasKilledIsCounted(t *testing.T) {
	k, s, _ := start(t)
	k.BeforeDelete = func(n int) {
		switch n {
		case 1: // an eviction was faster
			k.Change("/api/v1/namespaces/shop/pods/orders-0", func(o kubetest.Object) { o["metadata"].(kubetest.Object)["uid"] = "another" })
		case 3:
			k.Forbid = []string{"delete pods"}
		}
	}
	_, err := s.Act(s.Step("kubernetes.kill", killOf(nil)), nil)
	sitetest.Want(t, err, plan.ErrFinding, "1 of 3 pods", "3 個中 1 個")
}

// said is what a readiness check finds in the way.
func said(s *sitetest.Site, more with) string {
	return fmt.Sprint(s.Ready(s.Step("kubernetes.kill", killOf(more))).Problems)
}

func TestWhatCantBeKilledIsRefusedAndSaidBefore(t *testing.T) {
	k, s, _ := start(t)
	k.Deployment("shop", "none", 0)
	_, err := s.Act(s.Step("kubernetes.kill", killOf(with{"name": "none"})), nil)
	sitetest.Want(t, err, plan.ErrRefused, "has no pod that runs", "動作中の Pod がない")
	if lacking := said(s, with{"name": "none"}); !strings.Contains(lacking, "has no pod that runs") {
		t.Errorf("ready: %v", lacking)
	}
	k.Forbid = []string{"delete pods"}
	if lacking := said(s, nil); !strings.Contains(lacking, "forbids to delete pods") {
		t.Errorf("ready: %v", lacking)
	}
	_, err = s.Act(s.Step("kubernetes.kill", killOf(nil)), nil)
	sitetest.Want(t, err, plan.ErrRefused, "forbid")
	if len(k.Deleted) != 0 {
		t.Errorf("deleted %v", k.Deleted)
	}
}
