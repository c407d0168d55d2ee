package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/kubetest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

type with = map[string]any

// start is a cluster with a deployment of three pods, and a site whose worker holds its
// kubeconfig as a secret.
func start(t *testing.T) (*kubetest.Server, *sitetest.Site, string) {
	t.Helper()
	k := kubetest.Start(t)
	path := k.Deployment("shop", "orders", 3)
	s := sitetest.New(t, Actions())
	s.Targets = []plan.Target{cluster(t, k.Kubeconfig(kubetest.Token))}
	return k, s, path
}

// cluster is the estate's entry.
func cluster(t *testing.T, kubeconfig string) plan.Target {
	name := "KUBECONFIG_" + strings.ToUpper(strings.NewReplacer("/", "_").Replace(t.Name()))
	t.Setenv(name, kubeconfig)
	return sitetest.Target(t, "osaka", "kubernetes", with{"kubeconfig": "secret://env/" + name, "namespace": "shop"})
}

func scaleTo(n int) with { return with{"cluster": "osaka", "name": "orders", "replicas": n} }

func orders(more with) with {
	out := with{"cluster": "osaka", "resource": "deployments", "name": "orders"}
	for k, v := range more {
		out[k] = v
	}
	return out
}

func field1(o kubetest.Object, path ...string) any {
	v, _, _ := unstructured.NestedFieldNoCopy(o, path...)
	return v
}

func TestAWorkloadIsScaledAndPutBack(t *testing.T) {
	k, s, path := start(t)
	k.Lag = 2
	down := s.Step("kubernetes.scale", scaleTo(0))
	if seen := s.Look(down); seen.Sight != plan.HoldsNot || seen.Partial {
		t.Fatalf("before: %+v", seen)
	}
	var done Scaled
	if _, err := s.Act(down, &done); err != nil {
		t.Fatal(err)
	}
	// The status was of the older generation at first, and then said 0 while pods were
	// still being ended.
	if done.Before != 3 || done.Ready != 0 || done.Existing != 0 || done.TookS <= 0 {
		t.Errorf("scaled: %+v", done)
	}
	if pods := k.Get("/api/v1/namespaces/shop/pods/orders-0"); pods != nil {
		t.Errorf("a pod is left: %v", pods)
	}
	if res, err := s.Act(s.Step("kubernetes.scale", scaleTo(0)), &done); err != nil || !res.Already || done.Before != 3 {
		t.Errorf("the same again: %+v %+v %v", res, done, err)
	}
	// Another number in the same run does not make it forget the first.
	if _, err := s.Act(s.Step("kubernetes.scale", scaleTo(5)), &done); err != nil || done.Before != 0 || done.Ready != 5 {
		t.Errorf("to 5: %+v %v", done, err)
	}

	back := s.Step("kubernetes.put_back", orders(nil))
	if seen := s.Look(back); seen.Sight != plan.HoldsNot {
		t.Errorf("before the undo: %+v", seen)
	}
	var restored Back
	if _, err := s.Act(back, &restored); err != nil || restored.Restored["replicas"] != "3" {
		t.Errorf("%+v %v", restored, err)
	}
	if o := k.Get(path); field1(o, "spec", "replicas") != 3.0 || field1(o, "status", "readyReplicas") != 3.0 || field1(o, "metadata", "annotations", noteKey) != nil {
		t.Errorf("after the undo: %v", o)
	}
	if res, err := s.Act(s.Step("kubernetes.put_back", orders(nil)), nil); err != nil || !res.Already {
		t.Errorf("a second undo: %+v %v", res, err)
	}
}

func TestALostAnswerIsSettledByLooking(t *testing.T) {
	k, s, _ := start(t)
	k.LoseAnswer = true
	step := s.Step("kubernetes.scale", scaleTo(1))
	_, err := s.Act(step, nil)
	sitetest.Want(t, err, "", "osaka")
	// The first look lets the controller see it.
	if seen := s.Settle(step); seen.Sight != plan.Holds || !strings.Contains(string(seen.Output), `"before":3`) {
		t.Fatalf("settled: %+v", seen)
	}
	_, err = s.Act(sitetest.Generation(step, 2), nil)
	if err != nil {
		t.Error(err)
	}
	if _, done := k.Patches(); done != 1 {
		t.Errorf("it was done %d times", done)
	}
}

func TestAChangeInBetweenIsSeenAndTheClickTwiceDoesItOnce(t *testing.T) {
	k, s, path := start(t)
	k.BeforePatch = func(n int) {
		if n == 1 { // an operator labels it between our look and our patch
			k.Change(path, func(o kubetest.Object) { o["metadata"].(kubetest.Object)["labels"].(kubetest.Object)["by"] = "sato" })
		}
	}
	if _, err := s.Act(s.Step("kubernetes.scale", scaleTo(2)), nil); err != nil {
		t.Fatal(err)
	}
	if o := k.Get(path); field1(o, "metadata", "labels", "by") != "sato" || field1(o, "spec", "replicas") != 2.0 {
		t.Errorf("one change flattened the other: %v", o)
	}
	if received, done := k.Patches(); received != 2 || done != 1 {
		t.Errorf("%d patches, %d done", received, done)
	}

	// One version, two clicks that want different things: the second is refused.
	var found Found
	if _, err := s.Act(s.Step("kubernetes.check", orders(with{"expect": "object.spec.replicas == 2"})), &found); err != nil || found.Version == "" {
		t.Fatalf("%+v %v", found, err)
	}
	for _, kind := range []string{"merge", "strategic", "json"} {
		k, s, path := start(t)
		click := func(image, version string) error {
			var patch any = with{"spec": with{"template": with{"spec": with{"containers": []any{with{"name": "main", "image": image}}}}}}
			if kind == "json" {
				patch = []any{with{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}}
			}
			_, err := s.Act(s.Step("kubernetes.patch", orders(with{"type": kind, "patch": patch, "version": version,
				"expect": fmt.Sprintf("object.spec.template.spec.containers[0].image == %q", image)})), nil)
			return err
		}
		version := field1(k.Get(path), "metadata", "resourceVersion").(string)
		if err := click("shop:2", version); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		if err := click("shop:2", version); err != nil { // done already
			t.Errorf("%s, the same again: %v", kind, err)
		}
		sitetest.Want(t, click("shop:3", version), plan.ErrRefused, "was changed since version "+version)
		if received, done := k.Patches(); received != 1 || done != 1 {
			t.Errorf("%s: %d patches, %d done", kind, received, done)
		}
		// Without a version it is the one that is found, and a race is lost only to those
		// who never stop.
		k.BeforePatch = func(n int) {
			if n == 2 {
				k.Change(path, func(kubetest.Object) {})
			}
		}
		if err := click("shop:4", ""); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		k.BeforePatch = func(int) { k.Change(path, func(kubetest.Object) {}) }
		sitetest.Want(t, click("shop:5", ""), plan.ErrRefused, "changed by others")
		if image := field1(k.Get(path), "spec", "template", "spec", "containers").([]any)[0].(kubetest.Object)["image"]; image != "shop:4" {
			t.Errorf("%s: %v", kind, image)
		}
	}
}

func TestLabelsAndNodesAreChangedAndPutBack(t *testing.T) {
	k, s, path := start(t)
	if _, err := s.Act(s.Step("kubernetes.label", orders(with{"set": with{"active": "osaka"}, "remove": []string{"never-there"}})), nil); err != nil {
		t.Fatal(err)
	}
	_, err := s.Act(s.Step("kubernetes.label", orders(with{"set": with{"app": "other"}})), nil)
	sitetest.Want(t, err, plan.ErrRefused, "has label app=orders already", "overwrite")
	var was Changed
	if _, err := s.Act(s.Step("kubernetes.label", orders(with{"set": with{"app": "other", "active": "kobe"}, "overwrite": true})), &was); err != nil || was.Was["app"] != "orders" {
		t.Fatalf("%+v %v", was, err)
	}
	if _, err := s.Act(s.Step("kubernetes.scale", scaleTo(4)), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Act(s.Step("kubernetes.put_back", orders(with{"what": "labels"})), nil); err != nil {
		t.Fatal(err)
	}
	if n := field1(k.Get(path), "spec", "replicas"); n != 4.0 {
		t.Errorf("the labels' undo made it %v pods", n)
	}
	if _, err := s.Act(s.Step("kubernetes.put_back", orders(with{"what": "replicas"})), nil); err != nil {
		t.Fatal(err)
	}
	if o := k.Get(path); field1(o, "spec", "replicas") != 3.0 || field1(o, "metadata", "annotations", noteKey) != nil {
		t.Errorf("after both: %v", o)
	}
	if labels := field1(k.Get(path), "metadata", "labels").(kubetest.Object); len(labels) != 1 || labels["app"] != "orders" {
		t.Errorf("labels after the undo: %v", labels)
	}

	const one, two = "/api/v1/nodes/node-1", "/api/v1/nodes/node-2"
	k.Put(one, kubetest.Object{"metadata": kubetest.Object{}, "spec": kubetest.Object{}})
	k.Put(two, kubetest.Object{"metadata": kubetest.Object{}, "spec": kubetest.Object{"unschedulable": true}})
	node := func(n string) with { return with{"cluster": "osaka", "node": n} }
	backTo := func(n string) with {
		return with{"cluster": "osaka", "api": "v1", "resource": "nodes", "scope": "cluster", "name": n}
	}
	for _, n := range []string{"node-1", "node-2"} {
		if _, err := s.Act(s.Step("kubernetes.cordon", node(n)), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Act(s.Step("kubernetes.put_back", backTo(n)), nil); err != nil {
			t.Fatal(err)
		}
	}
	// What was cordoned before the run stays so.
	if a, b := field1(k.Get(one), "spec", "unschedulable"), field1(k.Get(two), "spec", "unschedulable"); a != nil || b != true {
		t.Errorf("after the undo: %v %v", a, b)
	}
	if _, err := s.Act(s.Step("kubernetes.uncordon", node("node-2")), nil); err != nil || field1(k.Get(two), "spec", "unschedulable") != nil {
		t.Errorf("uncordon: %v", err)
	}

	// Somebody decided otherwise in the meantime.
	if _, err := s.Act(s.Step("kubernetes.scale", scaleTo(1)), nil); err != nil {
		t.Fatal(err)
	}
	k.Change(path, func(o kubetest.Object) { o["spec"].(kubetest.Object)["replicas"] = 7.0 })
	_, err = s.Act(s.Step("kubernetes.put_back", orders(nil)), nil)
	sitetest.Want(t, err, plan.ErrRefused, "somebody else changed it since", "is 7", "found 3")
}

// A patch that was taken and did not reach its goal is not nothing: it needs its undo. A json patch is not sent twice.
func TestAPatchThatFallsShortIsNotNothing(t *testing.T) {
	_, s, _ := start(t)
	merge := s.Step("kubernetes.patch", orders(with{"patch": with{"spec": with{"paused": true}}, "expect": "object.status.readyReplicas >= 9", "wait": "1s"}))
	if seen := s.Look(merge); seen.Sight != plan.HoldsNot || seen.Partial {
		t.Errorf("before: %+v", seen)
	}
	_, err := s.Act(merge, nil)
	sitetest.Want(t, err, plan.ErrFinding, "readyReplicas")
	if seen := s.Settle(merge); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("settled: %+v", seen)
	}

	k, s, path := start(t)
	// add puts one more item into a list each time.
	k.Change(path, func(o kubetest.Object) { o["spec"].(kubetest.Object)["list"] = []any{} })
	add := func() plan.Call {
		return s.Step("kubernetes.patch", orders(with{"type": "json", "patch": []any{with{"op": "add", "path": "/spec/list/-", "value": "x"}},
			"expect": "size(object.spec.list) >= 9", "wait": "1s"}))
	}
	step := add()
	_, err = s.Act(step, nil)
	sitetest.Want(t, err, plan.ErrFinding, "spec.list")
	k.Change(path, func(kubetest.Object) {}) // a controller writes its status
	_, err = s.Act(sitetest.Generation(step, 2), nil)
	sitetest.Want(t, err, plan.ErrFinding, "not sent again")
	if _, done := k.Patches(); done != 1 {
		t.Errorf("it was done %d times", done)
	}

	// Whether it was taken can't be told any more once others write the object.
	lost := add()
	k.LoseAnswer = true
	_, err = s.Act(lost, nil)
	sitetest.Want(t, err, "", "osaka")
	if seen := s.Settle(lost); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("settled: %+v", seen)
	}
	_, err = s.Act(sitetest.Generation(lost, 2), nil)
	sitetest.Want(t, err, plan.ErrRefused, "whether it was taken can't be told")
	if _, done := k.Patches(); done != 2 {
		t.Errorf("%d patches were done", done)
	}

	// What was denied was not done, whatever becomes of the object.
	denied := add()
	k.Forbid = []string{"patch deployments"}
	_, err = s.Act(denied, nil)
	sitetest.Want(t, err, plan.ErrRefused, "forbids")
	k.Forbid = nil
	k.Change(path, func(kubetest.Object) {})
	_, err = s.Act(sitetest.Generation(denied, 2), nil)
	sitetest.Want(t, err, plan.ErrFinding, "spec.list")
}

// Two runs change the same field: each has its own note, so that the older one's undo says who was there since and is
// never told that there is nothing to put back.
func TestEachRunPutsBackItsOwn(t *testing.T) {
	k, s, path := start(t)
	in := func(run string, c plan.Call) plan.Call {
		c.Run = run
		return sitetest.Generation(c, 1)
	}
	replicas := func() any { return field1(k.Get(path), "spec", "replicas") }
	if _, err := s.Act(in("r1", s.Step("kubernetes.scale", scaleTo(5))), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Act(in("r2", s.Step("kubernetes.scale", scaleTo(1))), nil); err != nil {
		t.Fatal(err)
	}
	_, err := s.Act(in("r1", s.Step("kubernetes.put_back", orders(nil))), nil)
	sitetest.Want(t, err, plan.ErrRefused, "is 1", "found 3 and made it 5", "run r2 changed it since")
	for _, c := range []struct {
		run  string
		pods float64
	}{{"r2", 5}, {"r1", 3}} {
		if res, err := s.Act(in(c.run, s.Step("kubernetes.put_back", orders(nil))), nil); err != nil || res.Already || replicas() != c.pods {
			t.Errorf("%s is put back: %v pods, %+v %v", c.run, replicas(), res, err)
		}
	}
	if note := field1(k.Get(path), "metadata", "annotations", noteKey); note != nil {
		t.Errorf("a note is left: %v", note)
	}

	// Somebody replaced the object's annotations: an undo of the step still knows what the step did.
	step := s.Step("kubernetes.scale", scaleTo(6))
	if _, err := s.Act(step, nil); err != nil {
		t.Fatal(err)
	}
	k.Change(path, func(o kubetest.Object) { delete(o["metadata"].(kubetest.Object), "annotations") })
	undo := s.Step("kubernetes.put_back", orders(nil))
	undo.Step = step.Step + ".undo1"
	if res, err := s.Act(sitetest.Generation(undo, 1), nil); err != nil || res.Already || replicas() != 3.0 {
		t.Errorf("put back without a note: %v pods, %+v %v", replicas(), res, err)
	}
	if res, err := s.Act(sitetest.Generation(undo, 2), nil); err != nil || !res.Already {
		t.Errorf("once more: %+v %v", res, err)
	}
}

func TestARolloutIsWaitedFor(t *testing.T) {
	k, s, path := start(t)
	wait := func(kind, name, within string) (p Pods, err error) {
		_, err = s.Act(s.Step("kubernetes.rollout_wait", with{"cluster": "osaka", "kind": kind, "name": name, "wait": within}), &p)
		return p, err
	}
	if p, err := wait("deployment", "orders", "5s"); err != nil || p.Ready != 3 || p.Updated != 3 {
		t.Fatalf("%+v %v", p, err)
	}
	// The API took a new version, and its controller is dead: nothing of the status counts.
	k.Lag = 1 << 30
	k.Change(path, func(o kubetest.Object) { o["metadata"].(kubetest.Object)["generation"] = 2.0 })
	if _, err := s.Act(s.Step("kubernetes.patch", orders(with{"patch": with{"spec": with{"paused": true}}, "expect": "object.spec.paused"})), nil); err != nil {
		t.Fatal(err)
	}
	_, err := wait("deployment", "orders", "5s")
	sitetest.Want(t, err, plan.ErrFinding, "its controller has seen version 1 of 3")

	status := func(kind, name string, spec, status kubetest.Object) {
		spec["selector"] = kubetest.Object{"matchLabels": kubetest.Object{"app": name}}
		k.Put("/apis/apps/v1/namespaces/shop/"+kind+"/"+name, kubetest.Object{"metadata": kubetest.Object{"generation": 4.0}, "spec": spec, "status": status})
	}
	// Progress ended: told at once, with what the pods say.
	status("statefulsets", "db", kubetest.Object{"replicas": 2.0}, kubetest.Object{"observedGeneration": 4.0, "replicas": 2.0, "updatedReplicas": 1.0, "readyReplicas": 2.0, "availableReplicas": 2.0})
	_, err = wait("statefulset", "db", "5s")
	sitetest.Want(t, err, plan.ErrFinding, "1 of 2 pods are of its newest version")
	status("statefulsets", "db", kubetest.Object{"replicas": 2.0, "updateStrategy": kubetest.Object{"rollingUpdate": kubetest.Object{"partition": 1.0}}},
		kubetest.Object{"observedGeneration": 4.0, "replicas": 2.0, "updatedReplicas": 1.0, "readyReplicas": 2.0, "availableReplicas": 2.0})
	if p, err := wait("statefulset", "db", "1m"); err != nil || p.Ready != 2 {
		t.Errorf("a partition: %+v %v", p, err)
	}
	status("statefulsets", "db", kubetest.Object{"updateStrategy": kubetest.Object{"type": "OnDelete"}}, kubetest.Object{"observedGeneration": 4.0, "replicas": 1.0})
	_, err = wait("statefulset", "db", "1m")
	sitetest.Want(t, err, plan.ErrRefused, "OnDelete")
	status("daemonsets", "agent", kubetest.Object{}, kubetest.Object{"observedGeneration": 4.0, "desiredNumberScheduled": 3.0, "updatedNumberScheduled": 3.0, "numberReady": 2.0})
	_, err = wait("daemonset", "agent", "5s")
	sitetest.Want(t, err, plan.ErrFinding, "2 of 3 pods are ready")

	status("statefulsets", "web", kubetest.Object{"replicas": 1.0}, kubetest.Object{"observedGeneration": 4.0, "replicas": 1.0, "updatedReplicas": 1.0,
		"conditions": []any{kubetest.Object{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "has timed out progressing."}}})
	k.Put("/api/v1/namespaces/shop/pods/web-0", kubetest.Object{"metadata": kubetest.Object{"labels": kubetest.Object{"app": "web"}}, "status": kubetest.Object{"phase": "Pending",
		"containerStatuses": []any{kubetest.Object{"state": kubetest.Object{"waiting": kubetest.Object{"reason": "ImagePullBackOff", "message": "Back-off pulling image shop:9"}}}}}})
	_, err = wait("statefulset", "web", "10m")
	sitetest.Want(t, err, plan.ErrFinding, "is stuck", "timed out progressing", "ImagePullBackOff: Back-off pulling image shop:9")

	k.Lag = 0
	k.Put("/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/orders-load", kubetest.Object{"spec": kubetest.Object{"minReplicas": 2.0, "maxReplicas": 6.0,
		"scaleTargetRef": kubetest.Object{"kind": "Deployment", "name": "orders", "apiVersion": "apps/v1"}}})
	_, err = s.Act(s.Step("kubernetes.scale", scaleTo(9)), nil)
	sitetest.Want(t, err, plan.ErrRefused, "autoscaler orders-load", "between 2 and 6")
}

func TestChecks(t *testing.T) {
	k, s, _ := start(t)
	k.Put("/api/v1/namespaces/shop/secrets/key", kubetest.Object{"data": kubetest.Object{"p": "kanariya"}})
	for _, c := range []struct {
		with  with
		count int
	}{
		{orders(with{"expect": "object.status.readyReplicas == 3 && exists"}), 1},
		{orders(with{"name": "gone", "expect": "!exists"}), 0},
		{with{"cluster": "osaka", "api": "v1", "resource": "pods", "selector": "app=orders", "expect": "objects.all(p, p.status.phase == 'Running')"}, 3},
		{with{"cluster": "osaka", "api": "v1", "resource": "secrets", "name": "key", "expect": "object.data.p == 'kanariya'"}, 1},
	} {
		var out Found
		res, err := s.Act(s.Step("kubernetes.check", c.with), &out)
		if err != nil || out.Count != c.count || strings.Contains(string(res.Output), "kanariya") {
			t.Errorf("%v: %+v %v", c.with, out, err)
		}
	}
	for _, c := range []struct {
		with  with
		kind  string
		words string
	}{
		{orders(with{"expect": "object.status.readyReplicas > 3"}), plan.ErrFinding, "is false"},
		{orders(with{"expect": "object.status.readyReplicas > 3", "wait": "5s"}), plan.ErrFinding, "after 5 s"},
		{orders(with{"resource": "deploymints", "expect": "!exists"}), plan.ErrRefused, "no kind deploymints in apps/v1"}, // a typing error proves nothing
		{orders(with{"name": "../../secrets/key"}), plan.ErrRefused, "is no name"},
		{orders(with{"selector": "app=orders"}), plan.ErrRefused, "keep one"},
		{with{"cluster": "osaka", "api": "v1", "resource": "pods", "selector": "(("}, plan.ErrRefused, "refuses"},
	} {
		_, err := s.Act(s.Step("kubernetes.check", c.with), nil)
		sitetest.Want(t, err, c.kind, c.words)
	}
}

func TestWhatIsForbiddenIsNamedBeforeAndDuring(t *testing.T) {
	k, s, _ := start(t)
	k.Forbid = []string{"patch deployments", "list pods", "list horizontalpodautoscalers"}
	_, err := s.Act(s.Step("kubernetes.scale", scaleTo(1)), nil)
	sitetest.Want(t, err, plan.ErrRefused, "forbids to patch deployments/orders in shop", "Role")
	a, done, err := dial(Target{Name: "osaka", Spec: Cluster{Kubeconfig: activities.NewSecret(k.Kubeconfig(kubetest.Token)), Namespace: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	lacking, err := a.readyScale(t.Context(), Scale{Kind: "deployment", Name: "orders"})
	if err != nil || len(lacking) != 2 || !strings.Contains(lacking[0].EN, "patch") || !strings.Contains(lacking[1].JA, "許可されていません") {
		t.Errorf("%v %v", lacking, err)
	}
	if _, done := k.Patches(); done != 0 {
		t.Errorf("something was done: %d", done)
	}

	s.Targets = []plan.Target{cluster(t, k.Kubeconfig("stolen-and-revoked"))}
	_, err = s.Act(s.Step("kubernetes.check", orders(nil)), nil)
	sitetest.Want(t, err, plan.ErrRefused, "does not accept the credentials")
	s.Targets = []plan.Target{cluster(t, "token: kanariya-token: {")}
	_, err = s.Act(s.Step("kubernetes.check", orders(nil)), nil)
	sitetest.Want(t, err, plan.ErrRefused, "is no kubeconfig")
	if strings.Contains(err.Error(), "kanariya") {
		t.Errorf("the error shows the file: %v", err)
	}
	s.Targets = []plan.Target{sitetest.Target(t, "osaka", "kubernetes", with{})}
	_, err = s.Act(s.Step("kubernetes.check", orders(nil)), nil)
	sitetest.Want(t, err, plan.ErrRefused, "runs in no cluster")
}

// A server that says yes and does nothing is found out by looking.
func TestALyingServerIsFoundOut(t *testing.T) {
	k, s, _ := start(t)
	k.Lie = true
	_, err := s.Act(s.Step("kubernetes.label", orders(with{"set": with{"active": "osaka"}})), nil)
	sitetest.Want(t, err, plan.ErrFinding, "metadata.labels.active is not set")
}

func TestAHalfAliveServerIsBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	at := func(server string) Target {
		config := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "c", "clusters": [{"name": "k", "cluster": {"server": %q}}],
			"contexts": [{"name": "c", "context": {"cluster": "k"}}]}`, server)
		return Target{Name: "osaka", Spec: Cluster{Kubeconfig: activities.NewSecret(config), Namespace: "shop"}}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	look := through(api.lookScaled)
	if _, err := look(ctx, Scale{Cluster: at("http://" + l.Addr().String()), Kind: "deployment", Name: "orders"}); err == nil || !strings.Contains(err.Error(), "does not answer in time") {
		t.Errorf("a silent server: %v", err)
	}

	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"x": "`)
		for part := []byte(strings.Repeat("x", 1<<20)); r.Context().Err() == nil; {
			if _, err := w.Write(part); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	if _, err := look(t.Context(), Scale{Cluster: at(endless.URL), Kind: "deployment", Name: "orders"}); err == nil || !strings.Contains(err.Error(), "longer than 32 MB") {
		t.Errorf("an answer without end: %v", err)
	}
}

// The same through client-go's fake client, whose tracker knows nothing of versions: a
// conflict is its reactor's.
func TestWithClientGosFake(t *testing.T) {
	object := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "orders", "namespace": "shop", "generation": 1},
		"spec": {"replicas": 2, "selector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["orders"]}]}},
		"status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}}`), object); err != nil {
		t.Fatal(err)
	}
	kinds := map[schema.GroupVersionResource]string{
		{Group: "apps", Version: "v1", Resource: "deployments"}:                         "DeploymentList",
		{Version: "v1", Resource: "pods"}:                                               "PodList",
		{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"}:     "HorizontalPodAutoscalerList",
		{Group: "authorization.k8s.io", Version: "v1", Resource: "localsubjectreviews"}: "LocalSubjectReviewList",
	}
	c := fake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), kinds, object)
	conflicted := 0
	c.PrependReactor("patch", "deployments", func(k8stesting.Action) (bool, runtime.Object, error) {
		if conflicted++; conflicted == 1 {
			return true, nil, apierrors.NewConflict(schema.GroupResource{Resource: "deployments"}, "orders", nil)
		}
		return false, nil, nil
	})
	a := api{c, "osaka", "shop"}
	ctx := activities.WithCall(t.Context(), plan.Call{Run: "r1"})
	p := Label{Object: Object{API: "apps/v1", Resource: "deployments", Name: "orders"}, Set: map[string]string{"active": "osaka"}}
	if s, err := a.lookLabelled(ctx, p); err != nil || s.Sight != plan.HoldsNot {
		t.Fatalf("%+v %v", s, err)
	}
	if _, err := a.label(ctx, p); err != nil || conflicted != 2 {
		t.Fatalf("%v after %d patches", err, conflicted)
	}
	if s, err := a.lookLabelled(ctx, p); err != nil || s.Sight != plan.Holds {
		t.Errorf("%+v %v", s, err)
	}
	if s, err := a.lookScaled(ctx, Scale{Kind: "deployment", Name: "orders", Replicas: 2}); err != nil || s.Sight != plan.Holds {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := a.putBack(activities.WithCall(t.Context(), plan.Call{Run: "another"}), PutBack{Object: p.Object, What: "all"}); err != nil {
		t.Error(err)
	}
	if s, _ := a.lookLabelled(ctx, p); s.Sight != plan.Holds {
		t.Error("another run's undo put this run's label back")
	}
	if back, err := a.putBack(ctx, PutBack{Object: p.Object, What: "all"}); err != nil || back.Restored["active"] != "not set" {
		t.Errorf("%+v %v", back, err)
	}
}
