package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Patch is the parameters of kubernetes.patch.
type Patch struct {
	Object
	Type    string          `json:"type" help:"How the patch is meant: merge (RFC 7386), strategic (Kubernetes' own, which merges lists), json (RFC 6902)." ja:"パッチの種類。merge（RFC 7386）、strategic（リストを併合するKubernetes独自の方式）、json（RFC 6902）" default:"merge" enum:"merge,strategic,json"`
	Patch   json.RawMessage `json:"patch" help:"The patch: an object, or for json a list of operations." ja:"パッチ。オブジェクト、または json の場合は操作のリスト" example:"{spec: {suspend: false}}"`
	Expect  string          `json:"expect" over:"object" help:"Condition over object that says that the goal holds: nothing is sent when it does, and it is waited for." ja:"目標の状態であることを示す、object に対する条件。成り立っていれば何も送らず、成り立つまで待つ" example:"object.spec.suspend == false"`
	Version string          `json:"version" help:"The resourceVersion that it must have, from an earlier kubernetes.check: whatever changed it since wins. Empty is the one that is found." ja:"必須とする resourceVersion。先の kubernetes.check で得たもの。その後に変更があればパッチを当てない。空ならその時点のもの" default:""`
	Within  run.Duration    `json:"wait" help:"How long the condition may take to hold." ja:"条件を満たすまで待つ時間" default:"1m"`
}

// Patched is its result.
type Patched struct {
	Before  string  `json:"before" help:"The resourceVersion before." ja:"変更前の resourceVersion"`
	Version string  `json:"version" help:"The resourceVersion with which the condition held." ja:"条件を満たしたときの resourceVersion"`
	TookS   float64 `json:"took_s" help:"Seconds until it held." ja:"条件を満たすまでの秒数"`
}

// holds judges a condition over the object. One that can't be judged does not hold, since
// fields that are not set are missing in an object; why says so.
func holds(condition string, u *unstructured.Unstructured) (ok bool, why string) {
	ok, err := expr.Bool(condition, map[string]any{"object": u.Object})
	if err != nil {
		return false, err.Error()
	}
	return ok, condition + " is false"
}

// guarded is the patch with the version for which alone it holds.
func (p Patch) guarded(version string) (types.PatchType, []byte, error) {
	d := json.NewDecoder(bytes.NewReader(p.Patch))
	d.UseNumber()
	switch p.Type {
	case "json":
		var ops []map[string]any
		if err := d.Decode(&ops); err != nil || len(ops) == 0 {
			return "", nil, activities.RefusedBoth("patch: a json patch is a list of operations, each with op and path (RFC 6902)", "patch：json パッチは、op と path を持つ操作の一覧（RFC 6902）")
		}
		ops = append([]map[string]any{{"op": "test", "path": "/metadata/resourceVersion", "value": version}}, ops...)
		text, err := json.Marshal(ops)
		return types.JSONPatchType, text, err
	default:
		var fields map[string]any
		if err := d.Decode(&fields); err != nil || len(fields) == 0 {
			return "", nil, activities.RefusedBoth("patch: a %s patch is an object with the fields to change", "patch：%s パッチは、変更する項目を持つオブジェクト", p.Type)
		}
		put(fields, version, "metadata", "resourceVersion")
		text, err := json.Marshal(fields)
		kind := types.MergePatchType
		if p.Type == "strategic" {
			kind = types.StrategicMergePatchType
		}
		return kind, text, err
	}
}

func (a api) patch(ctx context.Context, p Patch) (Patched, error) {
	began, o := time.Now(), a.object(p.Object)
	if err := o.valid(); err != nil {
		return Patched{}, err
	}
	if _, _, err := p.guarded("1"); err != nil {
		return Patched{}, err
	}
	out, aside, err := a.send(ctx, p, o)
	if err != nil {
		return out, err
	}
	err = until(ctx, p.Within.Std(), func(ctx context.Context) (bool, string, error) {
		u, err := a.get(ctx, o)
		if err != nil {
			return false, "", err
		}
		out.Version = u.GetResourceVersion()
		ok, why := holds(p.Expect, u)
		return ok, activities.Lacking("%s: %s%s", "%s：%s%s", o, why, aside).Both(), nil
	})
	out.TookS = time.Since(began).Seconds()
	return out, err
}

// sent is what the site's ledger keeps of a patch: the version that it was sent for, and once the cluster took it, that of
// the object after it.
type sent struct {
	UID    types.UID `json:"uid"`
	Before string    `json:"for_version"`
	Taken  string    `json:"made_version,omitempty"`
}

// moved reports whether the patch was taken or may have been: the object is not at the version any more that it was sent for.
func (s sent) moved(u *unstructured.Unstructured) bool {
	return s.Before != "" && s.UID == u.GetUID() && (s.Taken != "" || s.Before != u.GetResourceVersion())
}

// again says of a patch that an earlier try of the step sent whether it is waited for in place of being sent once more.
// Operations of a json patch, such as an add to a list, are not done twice; the other kinds only say what shall be.
func (p Patch) again(ctx context.Context, u *unstructured.Unstructured, o object) (wait bool, err error) {
	var was sent
	if _, err := activities.Kept(ctx, &was); err != nil {
		return false, err
	}
	switch {
	case p.Type != "json" || !was.moved(u):
		return false, nil
	case was.Taken == "":
		return false, activities.RefusedBoth("a json patch of this step was sent to %s at version %s, and whether it was taken can't be told (it is at %s now): it is not sent again; see whether it is in, do it by hand where it is not, and mark the step done",
			"このステップの json パッチをバージョン %[2]s の %[1]s に送信済みだが、適用されたか判断できない（現在 %[3]s）ため、再送しない：適用済みか確認し、未適用なら手作業で適用して、ステップを完了とする", o, was.Before, u.GetResourceVersion())
	}
	return true, nil
}

// onceOnly is said of a json patch that is waited for and not sent again.
var onceOnly = activities.Lacking(" (its patch was taken at an earlier try of this step and is not sent again)", "（パッチはこのステップの以前の試行で適用済みであり、再送しない）")

// send sends the patch until the version it holds for is the object's. A conflict proves
// that nothing was changed, so that looking again and sending again is safe.
func (a api) send(ctx context.Context, p Patch, o object) (out Patched, aside plan.Text, err error) {
	for n := 0; ; n++ {
		u, err := a.get(ctx, o)
		if err != nil {
			return Patched{}, aside, err
		}
		out = Patched{Before: u.GetResourceVersion()}
		if ok, _ := holds(p.Expect, u); ok {
			return out, aside, nil
		}
		if n == 0 {
			if wait, err := p.again(ctx, u, o); wait || err != nil {
				return out, onceOnly, err
			}
		}
		if p.Version != "" && p.Version != out.Before {
			return Patched{}, aside, activities.RefusedBoth("%s was changed since version %s was looked at (it is %s now): look again before you patch it", "%s はバージョン %s の確認後に変更されている（現在 %s）：適用前に再度確認する", o, p.Version, out.Before)
		}
		kind, text, err := p.guarded(out.Before)
		if err != nil {
			return Patched{}, aside, err
		}
		note := sent{UID: u.GetUID(), Before: out.Before}
		if err := activities.Keep(ctx, note); err != nil {
			return Patched{}, aside, err
		}
		after, err := a.at(o).Patch(ctx, o.name, kind, text, metav1.PatchOptions{FieldManager: "muster"})
		if err == nil {
			if note.Taken = after.GetResourceVersion(); note.Taken != note.Before {
				_ = activities.Keep(ctx, note) // without it a look goes by the object's version
			}
			return out, aside, nil
		}
		if denied := apierrors.APIStatus(nil); errors.As(err, &denied) && denied.Status().Code < 500 {
			_ = activities.Keep(ctx, sent{})
		}
		if !apierrors.IsConflict(err) {
			told := a.told(ctx, "patch", o, err)
			// A json patch whose test of the version fails is answered as any invalid one.
			if p.Type != "json" || !apierrors.IsInvalid(err) {
				return Patched{}, aside, told
			}
			if now, again := a.get(ctx, o); again != nil || now.GetResourceVersion() == out.Before {
				return Patched{}, aside, errors.Join(told, again)
			}
		}
		if n == conflicts {
			return Patched{}, aside, activities.RefusedBoth("%s was changed by others %d times between look and patch, and is as they left it: see who", "%s は確認から適用までの間に他者により %d 回変更され、その状態のままである：誰の変更かを確認する", o, n)
		}
	}
}

func (a api) lookPatched(ctx context.Context, p Patch) (activities.Seen, error) {
	o := a.object(p.Object)
	if err := o.valid(); err != nil {
		return activities.Seen{}, err
	}
	u, err := a.get(ctx, o)
	if err != nil {
		return activities.Seen{}, err
	}
	if ok, why := holds(p.Expect, u); !ok {
		var was sent
		_, err := activities.Kept(ctx, &was)
		return activities.Seen{Sight: plan.HoldsNot, Partial: was.moved(u), Detail: o.String() + ": " + why}, err
	}
	s := seen(plan.Holds, activities.Lacking("%s: %s holds", "%s：%s が成り立つ", o, p.Expect).Both())
	s.Output = Patched{Before: u.GetResourceVersion(), Version: u.GetResourceVersion()}
	return s, nil
}

func (a api) readyPatch(ctx context.Context, p Patch) ([]plan.Text, error) {
	if _, _, err := p.guarded("1"); err != nil {
		return nil, err
	}
	return a.ready(ctx, a.object(p.Object), "patch")
}

// Check is the parameters of kubernetes.check.
type Check struct {
	Cluster   Target       `json:"cluster" kind:"kubernetes" example:"osaka-cluster" help:"The cluster." ja:"対象のクラスター"`
	API       string       `json:"api" help:"Group and version, as in the object's apiVersion." ja:"グループとバージョン。オブジェクトの apiVersion と同じ" default:"apps/v1"`
	Resource  string       `json:"resource" help:"Its kind as in addresses: lower case, plural." ja:"APIのアドレスで使う種類の名前（小文字の複数形）" example:"deployments"`
	Namespace string       `json:"namespace" help:"Empty is the cluster's in the estate." ja:"空なら構成台帳のクラスターの名前空間" default:""`
	Scope     string       `json:"scope" help:"cluster for kinds that are in no namespace, such as nodes." ja:"ノードなど、名前空間に属さない種類は cluster" default:"namespaced" enum:"namespaced,cluster"`
	Name      string       `json:"name" help:"The object's name; empty takes all that the selector finds." ja:"オブジェクトの名前。空ならセレクターに合うものすべて" default:"" example:"orders"`
	Selector  string       `json:"selector" help:"Label selector, when no name is given; empty finds all." ja:"名前を指定しない場合のラベルセレクター。空ならすべて" default:""`
	Expect    string       `json:"expect" over:"object,exists,objects,count" help:"Condition over object and exists (of the name), objects and count." ja:"object と exists（名前を指定した場合）、objects と count に対する条件" default:"count > 0" example:"object.status.readyReplicas >= 2"`
	Within    run.Duration `json:"wait" help:"How long the condition may take to hold; 0s looks once." ja:"条件を満たすまで待つ時間。0s なら一度だけ確認する" default:"0s"`
}

func (p Check) cluster() Target { return p.Cluster }

// Found is its result. What objects hold is not in it: it could be a secret.
type Found struct {
	Count   int      `json:"count" help:"How many objects were found." ja:"見つかったオブジェクトの数"`
	Names   []string `json:"names" help:"Names of the first 20." ja:"先頭20件の名前"`
	Version string   `json:"version" help:"The object's resourceVersion, for kubernetes.patch; of a list, the list's." ja:"kubernetes.patch に渡すオブジェクトの resourceVersion。一覧の場合は一覧のもの"`
	TookS   float64  `json:"took_s" help:"Seconds until the condition held." ja:"条件を満たすまでの秒数"`
}

func (a api) check(ctx context.Context, p Check) (out Found, err error) {
	began := time.Now()
	var why string
	within := p.Within.Std()
	if within == 0 {
		within = answerWithin
	}
	err = until(ctx, within, func(ctx context.Context) (bool, string, error) {
		vars, found, err := a.find(ctx, p)
		if err != nil {
			return false, "", err
		}
		out = found
		ok, err := expr.Bool(p.Expect, vars)
		if why = p.Expect + " is false"; err != nil {
			why = err.Error()
		}
		if !ok && p.Within == 0 {
			return false, "", activities.FindingBoth("%s %s (%d found): %s", "%s %s（該当 %d）：%s", p.Resource, p.Name, out.Count, why)
		}
		return ok, fmt.Sprintf("%s %s (%d found): %s", p.Resource, p.Name, out.Count, why), nil
	})
	out.TookS = time.Since(began).Seconds()
	return out, err
}

// find asks once.
func (a api) find(ctx context.Context, p Check) (vars map[string]any, out Found, err error) {
	const most, told = 500, 20
	o := a.object(Object{API: p.API, Resource: p.Resource, Namespace: p.Namespace, Scope: p.Scope, Name: p.Name})
	vars = map[string]any{"object": map[string]any{}, "exists": false, "objects": []any{}, "count": 0}
	out.Names = []string{}
	if p.Name != "" {
		if p.Selector != "" {
			return vars, out, activities.RefusedBoth("name and selector are both given: keep one", "name と selector の両方が指定されている：どちらかにする")
		}
		if err := o.valid(); err != nil {
			return vars, out, err
		}
		u, err := a.get(ctx, o)
		if absent(err) {
			return vars, out, nil
		}
		if err != nil {
			return vars, out, err
		}
		vars["object"], vars["exists"], vars["objects"], vars["count"] = u.Object, true, []any{u.Object}, 1
		out = Found{Count: 1, Names: []string{p.Name}, Version: u.GetResourceVersion()}
		return vars, out, nil
	}
	o.name = "all"
	if err := o.valid(); err != nil {
		return vars, out, err
	}
	list, err := a.at(o).List(ctx, metav1.ListOptions{LabelSelector: p.Selector, Limit: most})
	if err != nil {
		return vars, out, a.told(ctx, "list", o, err)
	}
	if list.GetContinue() != "" {
		return vars, out, activities.RefusedBoth("more than %d %s match: name a narrower selector", "%d を超える %s が該当する：selector を絞り込む", most, p.Resource)
	}
	objects := make([]any, 0, len(list.Items))
	for i, u := range list.Items {
		objects = append(objects, u.Object)
		if i < told {
			out.Names = append(out.Names, u.GetName())
		}
	}
	out.Count, out.Version = len(objects), list.GetResourceVersion()
	vars["objects"], vars["count"], vars["exists"] = objects, out.Count, out.Count > 0
	return vars, out, nil
}

func (a api) readyCheck(ctx context.Context, p Check) ([]plan.Text, error) {
	_, _, err := a.find(ctx, p)
	return nil, err
}
