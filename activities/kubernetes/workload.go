package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Scale is the parameters of kubernetes.scale.
type Scale struct {
	Cluster   Target       `json:"cluster" kind:"kubernetes" example:"osaka-cluster" help:"The cluster." ja:"対象のクラスター"`
	Kind      string       `json:"kind" help:"Kind of the workload." ja:"ワークロードの種類" default:"deployment" enum:"deployment,statefulset"`
	Namespace string       `json:"namespace" help:"Empty is the cluster's in the estate." ja:"空なら構成台帳のクラスターの名前空間" default:""`
	Name      string       `json:"name" help:"The workload's name." ja:"ワークロードの名前" example:"orders"`
	Replicas  int          `json:"replicas" help:"How many pods it shall have." ja:"Podの数" example:"3"`
	Within    run.Duration `json:"wait" help:"How long the pods may take." ja:"Podを待つ時間" default:"5m"`
}

func (p Scale) cluster() Target { return p.Cluster }

// Rollout is the parameters of kubernetes.rollout_wait.
type Rollout struct {
	Cluster   Target       `json:"cluster" kind:"kubernetes" example:"osaka-cluster" help:"The cluster." ja:"対象のクラスター"`
	Kind      string       `json:"kind" help:"Kind of the workload." ja:"ワークロードの種類" default:"deployment" enum:"deployment,statefulset,daemonset"`
	Namespace string       `json:"namespace" help:"Empty is the cluster's in the estate." ja:"空なら構成台帳のクラスターの名前空間" default:""`
	Name      string       `json:"name" help:"The workload's name." ja:"ワークロードの名前" example:"orders"`
	Within    run.Duration `json:"wait" help:"How long it may take." ja:"待つ時間" default:"5m"`
}

func (p Rollout) cluster() Target { return p.Cluster }

// Pods is a workload as the cluster counts it.
type Pods struct {
	Wanted    int64   `json:"wanted" help:"Pods that it shall have." ja:"あるべきPodの数"`
	Updated   int64   `json:"updated" help:"Pods of its newest version." ja:"最新版のPodの数"`
	Ready     int64   `json:"ready" help:"Pods that are ready." ja:"準備完了（Ready）のPodの数"`
	Available int64   `json:"available" help:"Pods that have been ready long enough." ja:"準備完了が十分に続いている（Available）Podの数"`
	Existing  int     `json:"existing" help:"Pods that are there, those being ended included." ja:"存在するPodの数。終了中のものを含む"`
	TookS     float64 `json:"took_s" help:"Seconds until it was so." ja:"そうなるまでの秒数"`
}

// Scaled is the result of kubernetes.scale.
type Scaled struct {
	Before int64 `json:"before" help:"How many it was to have before." ja:"変更前に指定されていた数"`
	Pods
}

func (a api) workload(kind, namespace, name string) object {
	if namespace == "" {
		namespace = a.namespace
	}
	return object{schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: kind + "s"}, namespace, name}
}

func countable(resource string) bool { return resource == "deployments" || resource == "statefulsets" }

func replicas(n int) []field {
	return []field{{Path: []string{"spec", "replicas"}, Set: int64(n)}}
}

func (a api) scale(ctx context.Context, p Scale) (Scaled, error) {
	if p.Replicas < 0 {
		return Scaled{}, activities.RefusedBoth("replicas: %d is no number of pods", "replicas：%d は Pod 数として使えない", p.Replicas)
	}
	o := a.workload(p.Kind, p.Namespace, p.Name)
	if err := o.valid(); err != nil {
		return Scaled{}, err
	}
	if err := a.unowned(ctx, o, p.Kind, p.Replicas); err != nil {
		return Scaled{}, err
	}
	before, err := a.change(ctx, o, replicas(p.Replicas), nil)
	if err != nil {
		return Scaled{}, err
	}
	out := Scaled{Before: wanted(before)}
	if err := a.settled(ctx, o, replicas(p.Replicas)); err != nil {
		return out, err
	}
	out.Pods, err = a.counted(ctx, o, p.Within.Std(), false)
	return out, err
}

// unowned refuses to scale what an autoscaler would scale back. Whoever may not list
// autoscalers scales without this look; what the pods then do is waited for all the same.
func (a api) unowned(ctx context.Context, o object, kind string, n int) error {
	if n == 0 {
		return nil // switches the autoscaler off for as long as it is 0
	}
	list, err := a.Resource(schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}).
		Namespace(o.namespace).List(ctx, metav1.ListOptions{})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return a.told(ctx, "list", object{schema.GroupVersionResource{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}, o.namespace, ""}, err)
	}
	for _, h := range list.Items {
		ref, _, _ := unstructured.NestedStringMap(h.Object, "spec", "scaleTargetRef")
		if strings.ToLower(ref["kind"]) != kind || ref["name"] != o.name {
			continue
		}
		low, high := number(&h, "spec", "minReplicas"), number(&h, "spec", "maxReplicas")
		if int64(n) < max(low, 1) || int64(n) > high {
			return activities.RefusedBoth("autoscaler %s keeps %s between %d and %d pods and would undo %d: patch its limits instead", "オートスケーラー %s が %s を %d〜%d Pod に保つため、%d は元に戻される：代わりにその上下限を変更する", h.GetName(), o, max(low, 1), high, n)
		}
	}
	return nil
}

func (a api) lookScaled(ctx context.Context, p Scale) (activities.Seen, error) {
	if p.Replicas < 0 {
		return activities.Seen{}, activities.RefusedBoth("replicas: %d is no number of pods", "replicas：%d は Pod 数として使えない", p.Replicas)
	}
	o := a.workload(p.Kind, p.Namespace, p.Name)
	s, u, err := a.lookAt(ctx, o, replicas(p.Replicas))
	if err != nil || s.Sight != plan.Holds {
		return s, err
	}
	pods, missing, err := a.count(ctx, o, u, false)
	if err != nil {
		return activities.Seen{}, err
	}
	if missing != "" {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: missing}, nil
	}
	s.Detail = fmt.Sprintf("%s has its %d pods ready", o, pods.Ready)
	before := wanted(u)
	for _, f := range noteOf(u, activities.CallFrom(ctx).Run).Fields { // this run's own work, whose answer was lost
		if v, ok := f.Was.(float64); ok && slices.Equal(f.Path, replicas(0)[0].Path) {
			before = int64(v)
		}
	}
	s.Output = Scaled{Before: before, Pods: pods}
	return s, nil
}

func (a api) rollout(ctx context.Context, p Rollout) (Pods, error) {
	o := a.workload(p.Kind, p.Namespace, p.Name)
	if err := o.valid(); err != nil {
		return Pods{}, err
	}
	return a.counted(ctx, o, p.Within.Std(), true)
}

// counted waits until count misses nothing.
func (a api) counted(ctx context.Context, o object, within time.Duration, newest bool) (pods Pods, err error) {
	began := time.Now()
	var last *unstructured.Unstructured
	err = until(ctx, within, func(ctx context.Context) (bool, string, error) {
		u, err := a.get(ctx, o)
		if err != nil {
			return false, "", err
		}
		last = u
		if newest {
			if why := stuck(u); why != "" {
				return false, "", activities.FindingBoth("the rollout of %s is stuck: %s%s", "%s のロールアウトが進まない：%s%s", o, why, a.trouble(ctx, o, u))
			}
		}
		var missing string
		pods, missing, err = a.count(ctx, o, u, newest)
		return missing == "", missing, err
	})
	pods.TookS = time.Since(began).Seconds()
	if what, ok := finding(err); ok && last != nil && ctx.Err() == nil && !strings.Contains(what, "is stuck") {
		err = activities.Finding("%s%s", what, a.trouble(ctx, o, last))
	}
	return pods, err
}

// number reads a count, which an API server leaves out when it is 0.
func number(u *unstructured.Unstructured, path ...string) int64 {
	switch v := valueAt(u, path).(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	}
	return 0
}

// wanted is 1 where nothing is said.
func wanted(u *unstructured.Unstructured) int64 {
	if valueAt(u, []string{"spec", "replicas"}) == nil {
		return 1
	}
	return number(u, "spec", "replicas")
}

// count reads a workload's status and counts its pods; missing says what is not so yet.
// A status that was made for an older generation says nothing about this one. With newest,
// pods of older versions count as missing.
func (a api) count(ctx context.Context, o object, u *unstructured.Unstructured, newest bool) (p Pods, missing string, err error) {
	status := func(name string) int64 { return number(u, "status", name) }
	if seen, want := status("observedGeneration"), u.GetGeneration(); seen < want {
		return p, activities.Lacking("%s: its controller has seen version %d of %d", "%s：コントローラーが認識しているのはバージョン %d（最新は %d）", o, seen, want).Both(), nil
	}
	total := status("replicas")
	p = Pods{Wanted: wanted(u), Updated: status("updatedReplicas"), Ready: status("readyReplicas"), Available: status("availableReplicas")}
	update := p.Wanted
	switch o.Resource {
	case "daemonsets":
		p.Wanted, total = status("desiredNumberScheduled"), status("desiredNumberScheduled")
		p.Updated, p.Ready, p.Available = status("updatedNumberScheduled"), status("numberReady"), status("numberAvailable")
		update = p.Wanted
	case "statefulsets":
		update = max(0, p.Wanted-number(u, "spec", "updateStrategy", "rollingUpdate", "partition"))
	}
	if newest && valueAt(u, []string{"spec", "updateStrategy", "type"}) == "OnDelete" {
		return p, "", activities.RefusedBoth("%s is updated by hand (updateStrategy OnDelete): there is no rollout to wait for", "%s は手動更新（updateStrategy OnDelete）であり、待つべきロールアウトがない", o)
	}
	switch {
	case newest && p.Updated < update:
		return p, activities.Lacking("%s: %d of %d pods are of its newest version", "%s：最新バージョンの Pod は %d／%d", o, p.Updated, update).Both(), nil
	case total > p.Wanted:
		return p, activities.Lacking("%s: %d pods are left to be ended", "%s：終了待ちの Pod が %d", o, total-p.Wanted).Both(), nil
	case total < p.Wanted:
		return p, activities.Lacking("%s: %d of %d pods are made", "%s：作成済みの Pod は %d／%d", o, total, p.Wanted).Both(), nil
	case p.Ready < p.Wanted:
		return p, activities.Lacking("%s: %d of %d pods are ready", "%s：準備完了の Pod は %d／%d", o, p.Ready, p.Wanted).Both(), nil
	case p.Available < p.Wanted:
		return p, activities.Lacking("%s: %d of %d pods are available", "%s：利用可能な Pod は %d／%d", o, p.Available, p.Wanted).Both(), nil
	}
	// A workload's status leaves out pods that are being ended, and these still work.
	pods, err := a.pods(ctx, o, u)
	if err != nil {
		return p, "", err
	}
	ending := 0
	for _, pod := range pods {
		switch phase, _, _ := unstructured.NestedString(pod.Object, "status", "phase"); {
		case phase == "Succeeded" || phase == "Failed":
		case pod.GetDeletionTimestamp() != nil:
			ending++
			p.Existing++
		default:
			p.Existing++
		}
	}
	if int64(p.Existing) > p.Wanted {
		return p, activities.Lacking("%s: %d pods are there, %d of them being ended; %d are wanted", "%s：Pod は %d（うち終了中 %d）、必要数は %d", o, p.Existing, ending, p.Wanted).Both(), nil
	}
	return p, "", nil
}

func (a api) pods(ctx context.Context, o object, u *unstructured.Unstructured) ([]unstructured.Unstructured, error) {
	raw, _, _ := unstructured.NestedMap(u.Object, "spec", "selector")
	var selector metav1.LabelSelector
	if labels, ok := raw["matchLabels"].(map[string]any); ok {
		selector.MatchLabels = map[string]string{}
		for k, v := range labels {
			selector.MatchLabels[k] = fmt.Sprint(v)
		}
	}
	for _, e := range asList(raw["matchExpressions"]) {
		m, _ := e.(map[string]any)
		r := metav1.LabelSelectorRequirement{Key: fmt.Sprint(m["key"]), Operator: metav1.LabelSelectorOperator(fmt.Sprint(m["operator"]))}
		for _, v := range asList(m["values"]) {
			r.Values = append(r.Values, fmt.Sprint(v))
		}
		selector.MatchExpressions = append(selector.MatchExpressions, r)
	}
	s, err := metav1.LabelSelectorAsSelector(&selector)
	if err != nil || s.Empty() {
		return nil, activities.RefusedBoth("%s: its selector can't be used: %v", "%s：selector を使用できない：%v", o, err)
	}
	all := object{schema.GroupVersionResource{Version: "v1", Resource: "pods"}, o.namespace, s.String()}
	list, err := a.Resource(all.GroupVersionResource).Namespace(o.namespace).List(ctx, metav1.ListOptions{LabelSelector: s.String()})
	if err != nil {
		return nil, a.told(ctx, "list", all, err)
	}
	return list.Items, nil
}

func asList(v any) []any { l, _ := v.([]any); return l }

// stuck is why a deployment gave up.
func stuck(u *unstructured.Unstructured) string {
	if number(u, "status", "observedGeneration") < u.GetGeneration() {
		return ""
	}
	for _, c := range asList(valueAt(u, []string{"status", "conditions"})) {
		m, _ := c.(map[string]any)
		if m["type"] == "Progressing" && m["status"] == "False" && m["reason"] == "ProgressDeadlineExceeded" {
			return fmt.Sprint(m["message"])
		}
	}
	return ""
}

// trouble is what keeps pods from being ready, as far as it can be seen.
func (a api) trouble(ctx context.Context, o object, u *unstructured.Unstructured) string {
	const most = 3
	pods, err := a.pods(ctx, o, u)
	if err != nil {
		return ""
	}
	var out []string
	add := func(reason, message any) {
		if s := fmt.Sprintf("%v: %.200v", reason, message); len(out) < most && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	for _, pod := range pods {
		for _, c := range asList(valueAt(&pod, []string{"status", "conditions"})) {
			if m, _ := c.(map[string]any); m["type"] == "PodScheduled" && m["status"] == "False" {
				add(m["reason"], m["message"])
			}
		}
		for _, kind := range []string{"initContainerStatuses", "containerStatuses"} {
			for _, c := range asList(valueAt(&pod, []string{"status", kind})) {
				m, _ := c.(map[string]any)
				state, _ := m["state"].(map[string]any)
				if w, ok := state["waiting"].(map[string]any); ok && w["message"] != nil {
					add(w["reason"], w["message"])
				}
			}
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "; its pods say: " + strings.Join(out, "; ")
}

func (a api) readyRollout(ctx context.Context, p Rollout) ([]plan.Text, error) {
	return a.readyWorkload(ctx, a.workload(p.Kind, p.Namespace, p.Name))
}

func (a api) readyScale(ctx context.Context, p Scale) ([]plan.Text, error) {
	return a.readyWorkload(ctx, a.workload(p.Kind, p.Namespace, p.Name), "patch")
}

func (a api) readyWorkload(ctx context.Context, o object, verbs ...string) ([]plan.Text, error) {
	lacking, err := a.ready(ctx, o, verbs...)
	if err != nil {
		return nil, err
	}
	more, err := a.may(ctx, object{schema.GroupVersionResource{Version: "v1", Resource: "pods"}, o.namespace, ""}, "list")
	return append(lacking, more...), err
}
