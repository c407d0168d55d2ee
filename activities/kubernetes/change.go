package kubernetes

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// noteKey is the annotation in which an object remembers what a run changed in it.
const noteKey = "muster-dr.github.io/before"

// note is what one run changed.
type note struct {
	Run    string  `json:"run"`
	Fields []field `json:"fields"`
}

// notes is the annotation's value: the run that changed the object last, and beside it those before whose changes were not
// put back.
type notes struct {
	note
	Earlier []note `json:"earlier,omitempty"`
}

// mostNotes bounds the annotation; of runs that left their change for good, the newest are enough.
const mostNotes = 16

// field is a place in an object, with the value that it had and the one it was given;
// null is none.
type field struct {
	Path []string `json:"path"`
	Was  any      `json:"was"`
	Set  any      `json:"set"`
}

func (f field) String() string { return strings.Join(f.Path, ".") }

// same compares what may have been read from JSON in different ways.
func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

func valueAt(u *unstructured.Unstructured, path []string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(u.Object, path...)
	return v
}

// notesOf are the notes on an object, the newest first.
func notesOf(u *unstructured.Unstructured) []note {
	var n notes
	text, ok := u.GetAnnotations()[noteKey]
	if !ok || json.Unmarshal([]byte(text), &n) != nil {
		return nil
	}
	return append([]note{n.note}, n.Earlier...)
}

// noteOf is the one of a run.
func noteOf(u *unstructured.Unstructured, run string) note {
	for _, n := range notesOf(u) {
		if n.Run == run {
			return n
		}
	}
	return note{Run: run}
}

// annotated is the annotation with one run's note as it is now; what other runs have there stays.
func annotated(u *unstructured.Unstructured, mine note) any {
	all := []note{mine}
	for _, n := range notesOf(u) {
		if n.Run != mine.Run {
			all = append(all, n)
		}
	}
	all = slices.DeleteFunc(all, func(n note) bool { return len(n.Fields) == 0 })
	if len(all) == 0 {
		return nil
	}
	b, err := json.Marshal(notes{all[0], all[1:min(len(all), mostNotes)]})
	if err != nil {
		return nil
	}
	return string(b)
}

// with is the note after the change: the first value that this run saw stays, and a
// field that is back where it was is forgotten.
func (n note) with(changed []field) note {
	out := note{Run: n.Run, Fields: slices.Clone(n.Fields)}
	for _, c := range changed {
		i := slices.IndexFunc(out.Fields, func(f field) bool { return slices.Equal(f.Path, c.Path) })
		if i < 0 {
			out.Fields = append(out.Fields, c)
		} else {
			out.Fields[i].Set = c.Set
		}
	}
	out.Fields = slices.DeleteFunc(out.Fields, func(f field) bool { return same(f.Was, f.Set) })
	return out
}

// lack lists the fields that are not as wanted, with what they are.
func lack(u *unstructured.Unstructured, want []field) (out []field) {
	for _, f := range want {
		if f.Was = valueAt(u, f.Path); !same(f.Was, f.Set) {
			out = append(out, f)
		}
	}
	return out
}

// conflicts is how often a change is tried again because the object changed between the
// look and the patch: the API server proved that nothing was done.
const conflicts = 8

// change gives the fields their values in one patch that holds for the version that was
// looked at, and notes on the object what was there. It returns the object as it was.
func (a api) change(ctx context.Context, o object, want []field, guard func(*unstructured.Unstructured) error) (*unstructured.Unstructured, error) {
	me := activities.CallFrom(ctx).Run
	kept := note{Run: me}
	if _, err := activities.Kept(ctx, &kept); err != nil {
		return nil, err
	}
	return a.revise(ctx, o, func(u *unstructured.Unstructured) (map[string]any, error) {
		if guard != nil {
			if err := guard(u); err != nil {
				return nil, err
			}
		}
		lacking := lack(u, want)
		if len(lacking) == 0 {
			return nil, nil
		}
		// The step's own, for an undo of an object whose note somebody has taken off.
		if err := activities.Keep(ctx, kept.with(lacking)); err != nil {
			return nil, err
		}
		return patchOf(lacking, annotated(u, noteOf(u, me).with(lacking))), nil
	})
}

// revise patches the object with what f makes of it; nil is nothing.
func (a api) revise(ctx context.Context, o object, f func(*unstructured.Unstructured) (map[string]any, error)) (*unstructured.Unstructured, error) {
	if err := o.valid(); err != nil {
		return nil, err
	}
	for n := 0; ; n++ {
		u, err := a.get(ctx, o)
		if err != nil {
			return nil, err
		}
		patch, err := f(u)
		if err != nil || patch == nil {
			return u, err
		}
		put(patch, u.GetResourceVersion(), "metadata", "resourceVersion")
		text, err := json.Marshal(patch)
		if err != nil {
			return nil, err
		}
		_, err = a.at(o).Patch(ctx, o.name, types.MergePatchType, text, metav1.PatchOptions{FieldManager: "muster"})
		if err == nil {
			return u, nil
		}
		if err = a.told(ctx, "patch", o, err); !apierrors.IsConflict(err) {
			return nil, err
		}
		if n == conflicts {
			return nil, activities.RefusedBoth("%s was changed by others %d times between look and patch, and is as they left it: see who", "%s は確認から適用までの間に他者により %d 回変更され、その状態のままである：誰の変更かを確認する", o, n)
		}
	}
}

func patchOf(fields []field, annotation any) map[string]any {
	patch := map[string]any{}
	for _, f := range fields {
		put(patch, f.Set, f.Path...)
	}
	put(patch, annotation, "metadata", "annotations", noteKey)
	return patch
}

func put(in map[string]any, v any, path ...string) {
	for _, p := range path[:len(path)-1] {
		next, ok := in[p].(map[string]any)
		if !ok {
			next = map[string]any{}
			in[p] = next
		}
		in = next
	}
	in[path[len(path)-1]] = v
}

// lookAt says whether the fields are as wanted.
func (a api) lookAt(ctx context.Context, o object, want []field) (activities.Seen, *unstructured.Unstructured, error) {
	if err := o.valid(); err != nil {
		return activities.Seen{}, nil, err
	}
	u, err := a.get(ctx, o)
	if err != nil {
		return activities.Seen{}, nil, err
	}
	lacking := lack(u, want)
	if len(lacking) == 0 {
		return seen(plan.Holds, activities.Lacking("%s is as wanted", "%s は指定どおりである", o).Both()), u, nil
	}
	s := seen(plan.HoldsNot, activities.Lacking("%s: %s is %s", "%s：%s は %s", o, lacking[0], text(lacking[0].Was)).Both())
	s.Partial = len(lacking) < len(want)
	return s, u, nil
}

func text(v any) string {
	if v == nil {
		return "not set"
	}
	return fmt.Sprint(v)
}

// showWithin is long for a read after a write of an API server's.
const showWithin = 3 * time.Second

// settled waits until the fields are as wanted: an answer that says so is no proof.
func (a api) settled(ctx context.Context, o object, want []field) error {
	return until(ctx, showWithin, func(ctx context.Context) (bool, string, error) {
		s, _, err := a.lookAt(ctx, o, want)
		return s.Sight == plan.Holds, s.Detail, err
	})
}

// Object names any object of the cluster.
type Object struct {
	Cluster   Target `json:"cluster" kind:"kubernetes" example:"osaka-cluster" help:"The cluster." ja:"対象のクラスター"`
	API       string `json:"api" help:"Group and version, as in the object's apiVersion." ja:"グループとバージョン。オブジェクトの apiVersion と同じ" default:"apps/v1"`
	Resource  string `json:"resource" help:"Its kind as in addresses: lower case, plural." ja:"APIのアドレスで使う種類の名前（小文字の複数形）" example:"deployments"`
	Namespace string `json:"namespace" help:"Empty is the cluster's in the estate." ja:"空なら構成台帳のクラスターの名前空間" default:""`
	Scope     string `json:"scope" help:"cluster for kinds that are in no namespace, such as nodes." ja:"ノードなど、名前空間に属さない種類は cluster" default:"namespaced" enum:"namespaced,cluster"`
	Name      string `json:"name" help:"The object's name." ja:"オブジェクトの名前" example:"orders"`
}

func (p Object) cluster() Target { return p.Cluster }

func (a api) object(p Object) object {
	o := object{name: p.Name, namespace: p.Namespace}
	group, version, ok := strings.Cut(p.API, "/")
	if !ok {
		group, version = "", p.API
	}
	o.Group, o.Version, o.Resource = group, version, p.Resource
	switch {
	case p.Scope == "cluster":
		o.namespace = ""
	case o.namespace == "":
		o.namespace = a.namespace
	}
	return o
}

// Label is the parameters of kubernetes.label.
type Label struct {
	Object
	Set       map[string]string `json:"set" help:"Labels to set." ja:"設定するラベル" default:"{}" example:"{active-site: osaka}"`
	Remove    []string          `json:"remove" help:"Labels to remove." ja:"削除するラベル" default:"[]"`
	Overwrite bool              `json:"overwrite" help:"Whether a label that has another value may be changed." ja:"別の値を持つラベルを変更してよいか" default:"false"`
}

// Changed is what a change of fields gives.
type Changed struct {
	Was map[string]string `json:"was" help:"What was changed, with the values before; \"not set\" was none." ja:"変更したものと変更前の値。\"not set\" は値なし"`
}

func (p Label) fields() (want []field, err error) {
	for _, k := range slices.Sorted(maps.Keys(p.Set)) {
		if slices.Contains(p.Remove, k) {
			return nil, activities.RefusedBoth("label %s is to be set and removed: keep one", "ラベル %s に設定と削除の両方が指定されている：どちらかにする", k)
		}
		want = append(want, field{Path: []string{"metadata", "labels", k}, Set: p.Set[k]})
	}
	for _, k := range p.Remove {
		want = append(want, field{Path: []string{"metadata", "labels", k}})
	}
	if len(want) == 0 {
		return nil, activities.RefusedBoth("name labels to set or to remove", "設定または削除するラベルを指定する")
	}
	return want, nil
}

func (a api) label(ctx context.Context, p Label) (Changed, error) {
	want, err := p.fields()
	if err != nil {
		return Changed{}, err
	}
	o := a.object(p.Object)
	before, err := a.change(ctx, o, want, func(u *unstructured.Unstructured) error {
		for _, f := range lack(u, want) {
			if f.Was != nil && f.Set != nil && !p.Overwrite {
				return activities.RefusedBoth("%s has label %s=%s already: say overwrite: true, or name another", "%s には既にラベル %s=%s がある：overwrite: true とするか、別の名前にする", o, f.Path[2], text(f.Was))
			}
		}
		return nil
	})
	if err != nil {
		return Changed{}, err
	}
	return changed(before, want), a.settled(ctx, o, want)
}

func changed(before *unstructured.Unstructured, want []field) Changed {
	out := Changed{Was: map[string]string{}}
	for _, f := range lack(before, want) {
		out.Was[f.Path[len(f.Path)-1]] = text(f.Was)
	}
	return out
}

func (a api) lookLabelled(ctx context.Context, p Label) (activities.Seen, error) {
	want, err := p.fields()
	if err != nil {
		return activities.Seen{}, err
	}
	s, _, err := a.lookAt(ctx, a.object(p.Object), want)
	s.Output = Changed{Was: map[string]string{}}
	return s, err
}

func (a api) readyLabel(ctx context.Context, p Label) ([]plan.Text, error) {
	if _, err := p.fields(); err != nil {
		return nil, err
	}
	return a.ready(ctx, a.object(p.Object), "patch")
}

// Node is the parameters of kubernetes.cordon and kubernetes.uncordon.
type Node struct {
	Cluster Target `json:"cluster" kind:"kubernetes" example:"osaka-cluster" help:"The cluster." ja:"対象のクラスター"`
	Node    string `json:"node" help:"Name of the node." ja:"ノードの名前" example:"osaka-worker-1"`
}

func (p Node) cluster() Target { return p.Cluster }

func (p Node) object() object {
	o := object{name: p.Node}
	o.Version, o.Resource = "v1", "nodes"
	return o
}

// unschedulable as the API server keeps it: a node that takes pods has no such field.
func unschedulable(on bool) []field {
	f := field{Path: []string{"spec", "unschedulable"}}
	if on {
		f.Set = true
	}
	return []field{f}
}

func (a api) cordon(ctx context.Context, p Node) (Changed, error)   { return a.schedule(ctx, p, true) }
func (a api) uncordon(ctx context.Context, p Node) (Changed, error) { return a.schedule(ctx, p, false) }

func (a api) schedule(ctx context.Context, p Node, off bool) (Changed, error) {
	want := unschedulable(off)
	before, err := a.change(ctx, p.object(), want, nil)
	if err != nil {
		return Changed{}, err
	}
	return changed(before, want), a.settled(ctx, p.object(), want)
}

func (a api) lookCordoned(ctx context.Context, p Node) (activities.Seen, error) {
	s, _, err := a.lookAt(ctx, p.object(), unschedulable(true))
	s.Output = Changed{Was: map[string]string{}}
	return s, err
}

func (a api) lookUncordoned(ctx context.Context, p Node) (activities.Seen, error) {
	s, _, err := a.lookAt(ctx, p.object(), unschedulable(false))
	s.Output = Changed{Was: map[string]string{}}
	return s, err
}

func (a api) readyNode(ctx context.Context, p Node) ([]plan.Text, error) {
	return a.ready(ctx, p.object(), "patch")
}

// PutBack is the parameters of kubernetes.put_back.
type PutBack struct {
	Object
	What   string       `json:"what" help:"Which of the changes." ja:"どの変更を戻すか" default:"all" enum:"all,replicas,labels,unschedulable"`
	Within run.Duration `json:"wait" help:"How long a workload's pods may take to be as before." ja:"ワークロードのPodが元どおりになるまで待つ時間" default:"5m"`
}

// split parts the note of this run into what is asked for and what stays. Of an object that lost it, an undo takes what
// the step kept that it undoes, as far as that still stands and is no other run's doing.
func (p PutBack) split(ctx context.Context, u *unstructured.Unstructured) (asked []field, rest note, err error) {
	mine := noteOf(u, activities.CallFrom(ctx).Run)
	rest.Run = mine.Run
	var step note
	if _, err := activities.Undone(ctx, &step); err != nil {
		return nil, rest, err
	}
	for _, f := range step.Fields {
		noted := slices.ContainsFunc(notesOf(u), func(n note) bool { return n.has(f.Path) })
		if now := valueAt(u, f.Path); !noted && same(now, f.Set) && !same(now, f.Was) {
			mine.Fields = append(mine.Fields, f)
		}
	}
	for _, f := range mine.Fields {
		if p.What == "all" || slices.Contains(f.Path[:min(2, len(f.Path))], p.What) {
			asked = append(asked, f)
		} else {
			rest.Fields = append(rest.Fields, f)
		}
	}
	return asked, rest, nil
}

func (n note) has(path []string) bool {
	return slices.ContainsFunc(n.Fields, func(f field) bool { return slices.Equal(f.Path, path) })
}

// whoMade is who gave a field the value that it has: another run by its note, or nobody knows.
func whoMade(u *unstructured.Unstructured, path []string) plan.Text {
	for _, n := range notesOf(u) {
		for _, f := range n.Fields {
			if slices.Equal(f.Path, path) && same(valueAt(u, path), f.Set) {
				return activities.Lacking("run %s", "実施 %s ", n.Run)
			}
		}
	}
	return activities.Lacking("somebody else", "他者")
}

// Back is its result.
type Back struct {
	Restored map[string]string `json:"restored" help:"What was put back, with the values it has again; \"not set\" is none." ja:"元に戻したものと現在の値。\"not set\" は値なし"`
}

// putBack never flattens what somebody else changed since.
func (a api) putBack(ctx context.Context, p PutBack) (Back, error) {
	o, out := a.object(p.Object), Back{Restored: map[string]string{}}
	var back []field
	_, err := a.revise(ctx, o, func(u *unstructured.Unstructured) (map[string]any, error) {
		asked, rest, err := p.split(ctx, u)
		if back = nil; err != nil || len(asked) == 0 {
			return nil, err
		}
		for _, f := range asked {
			if now := valueAt(u, f.Path); !same(now, f.Set) && !same(now, f.Was) {
				return nil, activities.RefusedBoth("%s: %s is %s; this run found %s and made it %s, so %s changed it since: decide by hand, then remove the annotation %s", "%s：%s は %s。この実施は %s を %s に変更したため、その後に%sが変更している：人が判断し、その後アノテーション %s を削除する",
					o, f, text(now), text(f.Was), text(f.Set), whoMade(u, f.Path), noteKey)
			}
			back = append(back, field{Path: f.Path, Set: f.Was})
		}
		return patchOf(back, annotated(u, rest)), nil
	})
	if err != nil {
		return out, err
	}
	for _, f := range back {
		out.Restored[f.Path[len(f.Path)-1]] = text(f.Set)
	}
	if err := a.settled(ctx, o, back); err != nil || len(back) == 0 || !countable(o.Resource) {
		return out, err
	}
	_, err = a.counted(ctx, o, p.Within.Std(), false)
	return out, err
}

func (a api) lookPutBack(ctx context.Context, p PutBack) (activities.Seen, error) {
	o := a.object(p.Object)
	if err := o.valid(); err != nil {
		return activities.Seen{}, err
	}
	u, err := a.get(ctx, o)
	if err != nil {
		return activities.Seen{}, err
	}
	asked, _, err := p.split(ctx, u)
	if err != nil {
		return activities.Seen{}, err
	}
	if len(asked) > 0 {
		return seen(plan.HoldsNot, activities.Lacking("%s: this run changed %s", "%s：この実施が %s を変更した", o, asked[0]).Both()), nil
	}
	s := seen(plan.Holds, activities.Lacking("%s bears no change of this run", "%s にこの実施による変更はない", o).Both())
	s.Output = Back{Restored: map[string]string{}}
	return s, nil
}

func (a api) readyPutBack(ctx context.Context, p PutBack) ([]plan.Text, error) {
	return a.ready(ctx, a.object(p.Object), "patch")
}
