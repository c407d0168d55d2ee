package kubernetes

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Kill is the parameters of kubernetes.kill.
type Kill struct {
	Cluster   Target       `json:"cluster" kind:"kubernetes" example:"osaka-cluster" help:"The cluster." ja:"対象のクラスター"`
	Kind      string       `json:"kind" help:"Kind of the workload." ja:"ワークロードの種類" default:"deployment" enum:"deployment,statefulset,daemonset"`
	Namespace string       `json:"namespace" help:"Empty is the cluster's in the estate." ja:"空なら構成台帳のクラスターの名前空間" default:""`
	Name      string       `json:"name" help:"The workload's name. It may be the site worker's own." ja:"ワークロードの名前。拠点ワーカー自身のものも指定できる" example:"orders"`
	Grace     run.Duration `json:"grace" help:"How long the pods have to end by themselves, in whole seconds. With 0s the cluster makes new ones without waiting for a node to say that the old ones have ended: never for what may run only once, as a StatefulSet." ja:"Podが自ら終了するまで待つ時間（秒単位）。0s では、ノードによる終了の確認を待たずに新しいPodが作られる。StatefulSetなど、同時に二つ動いてはならないものには使わない" default:"1s"`
	Within    run.Duration `json:"wait" help:"How long the workload may take to have all its pods ready again; 0s waits for nothing." ja:"ワークロードの全Podが再び準備完了（Ready）になるまで待つ時間。0s なら待たない" default:"0s" example:"5m"`
}

func (p Kill) cluster() Target { return p.Cluster }

// Killed is its result.
type Killed struct {
	At   time.Time `json:"at" help:"When it struck, by the site worker's clock." ja:"強制終了した時刻（拠点ワーカーの時計）"`
	Pods []string  `json:"pods" help:"The pods that were killed." ja:"強制終了したPod"`
	// BackS is what the drill of a part is about; its RTO is what a probe saw.
	BackS float64 `json:"back_s" help:"Seconds until all pods were ready again; 0 when that was not waited for, or not seen." ja:"全Podが再び準備完了になるまでの秒数。待たなかったか、確認できなかった場合は 0"`
}

// blow is what the ledger keeps from before: which pods were meant. It tells them from those that came since, also to a
// worker that was killed by this.
type blow struct {
	At   time.Time            `json:"at"`
	Pods map[string]types.UID `json:"pods"`
}

func (b blow) killed() Killed {
	out := Killed{At: b.At, Pods: []string{}}
	for name := range b.Pods {
		out.Pods = append(out.Pods, name)
	}
	slices.Sort(out.Pods)
	return out
}

// dying is how long killed pods have to be gone, beyond their grace.
const dying = 30 * time.Second

func (a api) kill(ctx context.Context, p Kill) (Killed, error) {
	o := a.workload(p.Kind, p.Namespace, p.Name)
	b, pods, err := a.meant(ctx, o)
	if err != nil {
		return Killed{}, err
	}
	grace := int64(p.Grace.Std() / time.Second)
	killed := len(b.Pods) - len(pods) // by an earlier try
	for _, pod := range pods {
		uid := pod.GetUID()
		one := podOf(o, pod.GetName())
		err := a.at(one).Delete(ctx, one.name, metav1.DeleteOptions{GracePeriodSeconds: &grace, Preconditions: &metav1.Preconditions{UID: &uid}})
		switch {
		case err == nil:
			killed++
		case apierrors.IsNotFound(err), apierrors.IsConflict(err): // gone by itself, or a later one of that name
		case killed > 0:
			return Killed{}, activities.FindingBoth("%d of %d pods of %s were killed, then: %v", "%[3]s の Pod %[2]d 個中 %[1]d 個を終了した後に失敗：%[4]v", killed, len(b.Pods), o, a.told(ctx, "delete", one, err))
		default:
			return Killed{}, a.told(ctx, "delete", one, err)
		}
	}
	if err := until(ctx, p.Grace.Std()+dying, func(ctx context.Context) (bool, string, error) {
		standing, ending, err := a.left(ctx, o, b)
		left := slices.Concat(names(standing), ending)
		return len(left) == 0, activities.Lacking("still there: %s", "残っている Pod：%s", strings.Join(left, ", ")).Both(), err
	}); err != nil {
		return Killed{}, err
	}
	out := b.killed()
	if p.Within <= 0 {
		return out, nil
	}
	if _, err := a.counted(ctx, o, p.Within.Std(), false); err != nil {
		return out, err
	}
	out.BackS = time.Since(b.At).Seconds()
	return out, nil
}

// meant are the pods to kill. A step that is tried again keeps to those that its earlier try meant, unless all of them
// stand and nothing was deleted: what came in their place since is never killed.
func (a api) meant(ctx context.Context, o object) (blow, []unstructured.Unstructured, error) {
	var before blow
	found, err := activities.Kept(ctx, &before)
	if err != nil {
		return blow{}, nil, err
	}
	if found {
		standing, _, err := a.left(ctx, o, before)
		if err != nil {
			return blow{}, nil, err
		}
		if len(standing) < len(before.Pods) {
			return before, standing, nil
		}
	}
	pods, err := a.living(ctx, o)
	if err != nil {
		return blow{}, nil, err
	}
	if len(pods) == 0 {
		return blow{}, nil, activities.RefusedBoth("%s has no pod that runs: there is nothing to kill, and nothing was killed", "%s に動作中の Pod がない：終了させる対象がなく、何も終了していない", o)
	}
	b := blow{At: time.Now().UTC(), Pods: map[string]types.UID{}}
	for _, pod := range pods {
		b.Pods[pod.GetName()] = pod.GetUID()
	}
	return b, pods, activities.Keep(ctx, b)
}

func podOf(o object, name string) object {
	return object{schema.GroupVersionResource{Version: "v1", Resource: "pods"}, o.namespace, name}
}

// living are the pods of a workload that nobody ends; the worker's own is the last: nothing can be done after it.
func (a api) living(ctx context.Context, o object) ([]unstructured.Unstructured, error) {
	if err := o.valid(); err != nil {
		return nil, err
	}
	u, err := a.get(ctx, o)
	if err != nil {
		return nil, err
	}
	pods, err := a.pods(ctx, o, u)
	if err != nil {
		return nil, err
	}
	pods = slices.DeleteFunc(pods, func(pod unstructured.Unstructured) bool {
		phase := valueAt(&pod, []string{"status", "phase"})
		return phase == "Succeeded" || phase == "Failed" || pod.GetDeletionTimestamp() != nil
	})
	ownLast(pods)
	return pods, nil
}

func ownLast(pods []unstructured.Unstructured) {
	me, _ := os.Hostname() // of a pod, its name
	slices.SortStableFunc(pods, func(x, y unstructured.Unstructured) int {
		switch {
		case x.GetName() == y.GetName():
			return 0
		case x.GetName() == me:
			return 1
		case y.GetName() == me:
			return -1
		}
		return strings.Compare(x.GetName(), y.GetName())
	})
}

func names(pods []unstructured.Unstructured) (out []string) {
	for _, pod := range pods {
		out = append(out, pod.GetName())
	}
	return out
}

// left are the pods that were meant and are still there: standing are those that nobody ends, the worker's own last,
// and ending those that were deleted and run out their grace, wait for a finalizer or for a node that is away.
func (a api) left(ctx context.Context, o object, b blow) (standing []unstructured.Unstructured, ending []string, err error) {
	u, err := a.get(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	pods, err := a.pods(ctx, o, u)
	if err != nil {
		return nil, nil, err
	}
	for _, pod := range pods {
		switch {
		case b.Pods[pod.GetName()] != pod.GetUID():
		case pod.GetDeletionTimestamp() != nil:
			ending = append(ending, pod.GetName())
		default:
			standing = append(standing, pod)
		}
	}
	ownLast(standing)
	return standing, ending, nil
}

// lookKilled says whether the pods that were meant are gone. While they are being ended nobody can tell: the effect is under way.
func (a api) lookKilled(ctx context.Context, p Kill) (activities.Seen, error) {
	var b blow
	found, err := activities.Kept(ctx, &b)
	if err != nil {
		return activities.Seen{}, err
	}
	if !found {
		return seen(plan.HoldsNot, activities.Lacking("nothing was killed by this step", "このステップではまだ何も強制終了していない").Both()), nil
	}
	standing, ending, err := a.left(ctx, a.workload(p.Kind, p.Namespace, p.Name), b)
	if err != nil {
		return activities.Seen{}, err
	}
	if len(standing) > 0 {
		s := seen(plan.HoldsNot, activities.Lacking("still there: %s", "残っている Pod：%s", strings.Join(slices.Concat(names(standing), ending), ", ")).Both())
		s.Partial = len(standing) < len(b.Pods)
		return s, nil
	}
	if len(ending) > 0 {
		return seen(plan.CannotTell, activities.Lacking("being ended, and not gone yet: %s", "削除を受け付け、終了処理中の Pod：%s", strings.Join(ending, ", ")).Both()), nil
	}
	s := seen(plan.Holds, activities.Lacking("the pods of before are gone since about %s", "以前の Pod は %s 頃になくなっている", b.At.Format(time.RFC3339)).Both())
	s.Output = b.killed()
	return s, nil
}

func (a api) readyKill(ctx context.Context, p Kill) ([]plan.Text, error) {
	o := a.workload(p.Kind, p.Namespace, p.Name)
	lacking, err := a.readyWorkload(ctx, o)
	if err != nil {
		return nil, err
	}
	more, err := a.may(ctx, podOf(o, ""), "delete")
	if err != nil {
		return nil, err
	}
	lacking = append(lacking, more...)
	if pods, err := a.living(ctx, o); err == nil && len(pods) == 0 {
		lacking = append(lacking, activities.Lacking("%s has no pod that runs: there is nothing to kill", "%s に動作中の Pod がなく、終了させる対象がありません", o))
	}
	return lacking, nil
}
