//go:build cluster

package kubernetes

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// The same on a cluster: make test-kubernetes KUBECONFIG=FILE. It makes a namespace of its
// own and removes it; nodes are left alone.
func TestOnACluster(t *testing.T) {
	text, err := os.ReadFile(os.Getenv("MUSTER_TEST_KUBECONFIG"))
	if err != nil {
		t.Fatalf("MUSTER_TEST_KUBECONFIG names the kubeconfig of a cluster for tests: %v", err)
	}
	space := fmt.Sprintf("muster-test-%d", time.Now().Unix())
	a, done, err := dial(Target{Name: "given", Spec: Cluster{Kubeconfig: activities.NewSecret(string(text)), Namespace: space}})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	ctx := activities.WithCall(t.Context(), plan.Call{Run: space})
	spaces := a.Resource(schema.GroupVersionResource{Version: "v1", Resource: "namespaces"})
	make := func(text string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{}
		if err := json.Unmarshal([]byte(text), u); err != nil {
			t.Fatal(err)
		}
		return u
	}
	if _, err := spaces.Create(ctx, make(fmt.Sprintf(`{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": %q}}`, space)), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = spaces.Delete(t.Context(), space, metav1.DeleteOptions{}) })
	image := os.Getenv("MUSTER_TEST_IMAGE")
	if image == "" {
		image = "registry.k8s.io/pause:3.10"
	}
	deployment := make(fmt.Sprintf(`{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "orders"}, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "orders"}},
		"template": {"metadata": {"labels": {"app": "orders"}}, "spec": {"terminationGracePeriodSeconds": 2, "containers": [{"name": "main", "image": %q}]}}}}`, image))
	if _, err := a.at(a.workload("deployment", "", "x")).Create(ctx, deployment, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	within := run.Duration(3 * time.Minute)
	orders := Object{API: "apps/v1", Resource: "deployments", Name: "orders"}
	if p, err := a.rollout(ctx, Rollout{Kind: "deployment", Name: "orders", Within: within}); err != nil || p.Ready != 1 {
		t.Fatalf("%+v %v", p, err)
	}
	if lacking, err := a.readyScale(ctx, Scale{Kind: "deployment", Name: "orders"}); err != nil || len(lacking) > 0 {
		t.Errorf("%v %v", lacking, err)
	}
	for _, n := range []int{3, 0} {
		p := Scale{Kind: "deployment", Name: "orders", Replicas: n, Within: within}
		if s, err := a.scale(ctx, p); err != nil || s.Ready != int64(n) || s.Existing != n {
			t.Fatalf("%+v %v", s, err)
		}
		if s, err := a.lookScaled(ctx, p); err != nil || s.Sight != plan.Holds {
			t.Errorf("%+v %v", s, err)
		}
	}
	if _, err := a.label(ctx, Label{Object: orders, Set: map[string]string{"active": "osaka"}}); err != nil {
		t.Error(err)
	}
	for i, kind := range []string{"merge", "strategic", "json"} {
		text := fmt.Sprintf(`{"spec": {"minReadySeconds": %d}}`, i+1)
		if kind == "json" {
			text = fmt.Sprintf(`[{"op": "replace", "path": "/spec/minReadySeconds", "value": %d}]`, i+1)
		}
		found, err := a.check(ctx, Check{API: "apps/v1", Resource: "deployments", Name: "orders", Expect: "exists"})
		if err != nil {
			t.Fatal(err)
		}
		p := Patch{Object: orders, Type: kind, Patch: json.RawMessage(text), Expect: fmt.Sprintf("object.spec.minReadySeconds == %d", i+1), Version: found.Version, Within: within}
		if _, err := a.patch(ctx, p); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		p.Expect = "object.spec.minReadySeconds == 99"
		if _, err := a.patch(ctx, p); err == nil {
			t.Errorf("%s: a patch for an older version was taken", kind)
		}
	}
	if back, err := a.putBack(ctx, PutBack{Object: orders, What: "all", Within: within}); err != nil || back.Restored["replicas"] != "1" {
		t.Errorf("%+v %v", back, err)
	}
}
