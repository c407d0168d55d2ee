// Package kubernetes is the family of actions on objects of a Kubernetes cluster:
// workloads are scaled and killed and their rollouts waited for, objects are labelled, patched and
// checked, nodes are cordoned. What was changed is noted on the object itself, so that
// kubernetes.put_back restores it whatever became of the worker. Every change carries
// the version of the object that was looked at: the same click twice changes it once.
package kubernetes

import (
	"context"
	"net/url"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Cluster is a target of kind "kubernetes".
type Cluster struct {
	Kubeconfig activities.Secret `json:"kubeconfig" help:"Text of a kubeconfig; empty is the service account of the pod that the worker runs in." ja:"kubeconfigの内容。空ならワーカーのPodのサービスアカウント" default:"" example:"secret://file/etc/muster/osaka.kubeconfig"`
	Context    string            `json:"context" help:"Context of the kubeconfig; empty is its current one." ja:"kubeconfigのコンテキスト。空なら現在のコンテキスト" default:""`
	Namespace  string            `json:"namespace" help:"Namespace of steps that name none." ja:"名前空間の指定がないステップで使う名前空間" default:"default"`
}

// Reach is the API's address and the files that the kubeconfig names.
func (c Cluster) Reach() activities.Reach {
	config, err := configOf(Target{Spec: c})
	if err != nil {
		return activities.Reach{Hosts: []string{""}} // nowhere that a rule allows
	}
	host := config.Host
	if u, err := url.Parse(config.Host); err == nil && u.Host != "" {
		host = activities.HostOf(u)
	}
	out := activities.Reach{Hosts: []string{host}}
	files := []string{config.CAFile, config.CertFile, config.KeyFile, config.BearerTokenFile}
	if config.ExecProvider != nil {
		files = append(files, activities.ProgramFile(config.ExecProvider.Command, ""))
	}
	for _, file := range files {
		if file != "" {
			out.Paths = append(out.Paths, file)
		}
	}
	return out
}

// Target is a parameter that names one.
type Target = activities.Target[Cluster]

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Cluster]("kubernetes", plan.Text{EN: "A Kubernetes cluster whose API the site worker reaches.", JA: "拠点ワーカーからAPIに接続できるKubernetesクラスター。"})}
}

// settle is how long a patch that was sent may take to show: an API server ends requests
// of clients that are gone, but what it had already handed to its store still lands.
const settle = 10 * time.Second

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("kubernetes.check", activities.Doc{
			Summary:    "Look at an object, or at all that a selector finds, and wait until it is as expected.",
			SummaryJA:  "オブジェクト、またはセレクターに合うオブジェクトを調べ、条件を満たすまで待つ。",
			Effect:     run.Observe,
			Repeatable: true,
		}, through(api.check), activities.Ready(through(api.readyCheck))),
		activities.Define("kubernetes.rollout_wait", activities.Doc{
			Summary:    "Wait until a workload's newest version runs everywhere: observed, updated, ready, and no old pod left.",
			SummaryJA:  "ワークロードの最新版がすべて稼働し、古いPodがなくなるまで待つ。",
			Effect:     run.Observe,
			Repeatable: true,
		}, through(api.rollout), activities.Ready(through(api.readyRollout))),
		activities.Define("kubernetes.scale", activities.Doc{
			Summary:   "Set how many pods a workload has, and wait until that many are ready and no more are left.",
			SummaryJA: "ワークロードのPod数を変え、その数が稼働し余分なPodがなくなるまで待つ。",
			Effect:    run.Disrupt, Undo: "kubernetes.put_back", Settle: settle,
		}, through(api.scale), activities.Look(through(api.lookScaled)), activities.Ready(through(api.readyScale))),
		activities.Define("kubernetes.label", activities.Doc{
			Summary:   "Set and remove labels of an object.",
			SummaryJA: "オブジェクトのラベルを設定・削除する。",
			Effect:    run.Disrupt, Undo: "kubernetes.put_back", Settle: settle,
		}, through(api.label), activities.Look(through(api.lookLabelled)), activities.Ready(through(api.readyLabel))),
		activities.Define("kubernetes.cordon", activities.Doc{
			Summary:   "Keep new pods off a node.",
			SummaryJA: "ノードに新しいPodを配置しないようにする。",
			Effect:    run.Disrupt, Undo: "kubernetes.put_back", Settle: settle,
		}, through(api.cordon), activities.Look(through(api.lookCordoned)), activities.Ready(through(api.readyNode))),
		activities.Define("kubernetes.uncordon", activities.Doc{
			Summary:   "Let pods be put on a node again, whoever cordoned it.",
			SummaryJA: "誰が止めたかによらず、ノードへのPodの配置を再開する。",
			Effect:    run.Disrupt, Undo: "kubernetes.put_back", Settle: settle,
		}, through(api.uncordon), activities.Look(through(api.lookUncordoned)), activities.Ready(through(api.readyNode))),
		activities.Define("kubernetes.patch", activities.Doc{
			Summary:   "Patch an object, once, and wait until it is as expected.",
			SummaryJA: "オブジェクトに一度だけパッチを当て、条件を満たすまで待つ。",
			Effect:    run.Disrupt, Undo: "kubernetes.patch", Settle: settle,
		}, through(api.patch), activities.Look(through(api.lookPatched)), activities.Ready(through(api.readyPatch))),
		activities.Define("kubernetes.kill", activities.Doc{
			Summary:   "Delete all pods of a workload at once, as a crash or a power failure would end them, and leave it to the cluster to make new ones.",
			SummaryJA: "ワークロードの全Podを、障害や停電のように即座に削除する。作り直しはクラスターに任せる。",
			Effect:    run.Disrupt, Undo: "kubernetes.rollout_wait", Settle: settle,
		}, through(api.kill), activities.Look(through(api.lookKilled)), activities.Ready(through(api.readyKill))),
		activities.Define("kubernetes.put_back", activities.Doc{
			Summary:   "Put back what this run changed in an object by scale, label, cordon or uncordon.",
			SummaryJA: "この実施がscale・label・cordon・uncordonで変えた値を元に戻す。",
			Effect:    run.Disrupt, Settle: settle,
		}, through(api.putBack), activities.Look(through(api.lookPutBack)), activities.Ready(through(api.readyPutBack))),
	}
}

// through gives an action's function a connection to the cluster that its parameters name.
func through[P interface{ cluster() Target }, R any](f func(api, context.Context, P) (R, error)) func(context.Context, P) (R, error) {
	return func(ctx context.Context, p P) (R, error) {
		a, done, err := dial(p.cluster())
		if err != nil {
			return *new(R), err
		}
		defer done()
		return f(a, ctx, p)
	}
}

func seen(sight plan.Sight, detail string) activities.Seen {
	return activities.Seen{Sight: sight, Detail: detail}
}
