// Package check_test builds the examples with kustomize's own library and judges what comes out as an API server
// does: its strict decoding, its defaults, its validation and its pod security levels, from Kubernetes' own
// packages. No cluster is needed.
package check_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/kubernetes/pkg/apis/rbac"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	rbacvalidation "k8s.io/kubernetes/pkg/apis/rbac/validation"
	security "k8s.io/pod-security-admission/api"
	levels "k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// elsewhere are kinds that an operator brings: they are not Kubernetes' own, and their form is not judged here.
var elsewhere = []string{"ServiceMonitor", "PrometheusRule"}

// object is one of a build, as the API server knows it (internal, with its defaults) and as it was written.
type object struct {
	name     string
	internal runtime.Object
	written  runtime.Object
}

// fitting builds a folder, of which nothing may be refused.
func fitting(t *testing.T, fs filesys.FileSystem, dir string) []object {
	t.Helper()
	text, err := build(t, fs, dir)
	if err != nil {
		t.Fatal(err)
	}
	objects, refused := judge(t, text)
	for _, r := range refused {
		t.Error(r)
	}
	return objects
}

func build(t *testing.T, fs filesys.FileSystem, dir string) (string, error) {
	t.Helper()
	m, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(fs, dir)
	if err != nil {
		return "", err
	}
	b, err := m.AsYaml()
	return string(b), err
}

// judge says everything that an API server would refuse.
func judge(t *testing.T, text string) (objects []object, refused []string) {
	t.Helper()
	codecs := serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)
	for _, doc := range strings.Split(text, "\n---\n") {
		if slices.ContainsFunc(elsewhere, func(k string) bool { return strings.Contains(doc, "\nkind: "+k+"\n") }) {
			continue
		}
		internal, _, err := codecs.UniversalDecoder().Decode([]byte(doc), nil, nil)
		if err != nil {
			refused = append(refused, err.Error())
			continue
		}
		written, _, err := codecs.UniversalDeserializer().Decode([]byte(doc), nil, nil)
		if err != nil {
			refused = append(refused, err.Error())
			continue
		}
		var errs field.ErrorList
		name := ""
		switch o := internal.(type) {
		case *apps.StatefulSet:
			name, errs = o.Name, appsvalidation.ValidateStatefulSet(o, appsvalidation.StatefulSetValidationOptions{}, corevalidation.PodValidationOptions{})
		case *core.Service:
			// What the API server fills in by itself, before it validates.
			o.Spec.IPFamilies, o.Spec.ClusterIPs, o.Spec.ClusterIP = []core.IPFamily{core.IPv4Protocol}, []string{"10.0.0.1"}, "10.0.0.1"
			single := core.IPFamilyPolicySingleStack
			o.Spec.IPFamilyPolicy = &single
			name, errs = o.Name, corevalidation.ValidateServiceCreate(o)
		case *core.ConfigMap:
			name, errs = o.Name, corevalidation.ValidateConfigMap(o)
		case *core.Namespace:
			name, errs = o.Name, corevalidation.ValidateNamespace(o)
		case *core.ServiceAccount:
			name, errs = o.Name, corevalidation.ValidateServiceAccount(o)
		case *networking.NetworkPolicy:
			name, errs = o.Name, networkvalidation.ValidateNetworkPolicy(o, networkvalidation.NetworkPolicyValidationOptions{})
		case *policy.PodDisruptionBudget:
			name, errs = o.Name, policyvalidation.ValidatePodDisruptionBudget(o, policyvalidation.PodDisruptionBudgetValidationOptions{})
		case *rbac.Role:
			name, errs = o.Name, rbacvalidation.ValidateRole(o)
		case *rbac.RoleBinding:
			name, errs = o.Name, rbacvalidation.ValidateRoleBinding(o)
		default:
			t.Fatalf("%T is judged by nobody here", o)
		}
		for _, e := range errs {
			refused = append(refused, name+": "+e.Error())
		}
		if s, ok := written.(*appsv1.StatefulSet); ok {
			evaluator, err := levels.NewEvaluator(levels.DefaultChecks(), nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range evaluator.EvaluatePod(security.LevelVersion{Level: security.LevelRestricted, Version: security.LatestVersion()}, &s.Spec.Template.ObjectMeta, &s.Spec.Template.Spec) {
				if !r.Allowed {
					refused = append(refused, s.Name+": restricted: "+r.ForbiddenReason+": "+r.ForbiddenDetail)
				}
			}
		}
		objects = append(objects, object{name, internal, written})
	}
	return objects, refused
}

func TestAnAPIServerWouldTakeTheExamples(t *testing.T) {
	for site, want := range map[string]int{"osaka": 15, "tokyo": 8} {
		text, err := build(t, filesys.MakeFsOnDisk(), filepath.Join("..", "example", site))
		if err != nil {
			t.Fatalf("%s: %v", site, err)
		}
		objects, refused := judge(t, text)
		for _, r := range refused {
			t.Errorf("%s: %s", site, r)
		}
		if len(objects) != want {
			t.Errorf("%s has %d objects, want %d", site, len(objects), want)
		}
		hold(t, site, objects)
	}
}

// hold looks at what no schema says: that things which name each other exist, and how careful they are.
func hold(t *testing.T, site string, objects []object) {
	t.Helper()
	maps := map[string]bool{}
	var sets []*appsv1.StatefulSet
	for _, o := range objects {
		switch x := o.written.(type) {
		case *corev1.ConfigMap:
			maps[x.Name] = true
		case *corev1.Secret:
			t.Errorf("%s: the secret %s is in the files", site, x.Name)
		case *appsv1.StatefulSet:
			sets = append(sets, x)
		}
	}
	for _, s := range sets {
		spec := s.Spec.Template.Spec
		at := site + " " + s.Name
		for _, v := range spec.Volumes {
			if v.ConfigMap != nil && !maps[v.ConfigMap.Name] {
				t.Errorf("%s mounts the ConfigMap %s, which is not there", at, v.ConfigMap.Name)
			}
		}
		for _, c := range spec.Containers {
			for _, e := range c.EnvFrom {
				if e.ConfigMapRef != nil && !maps[e.ConfigMapRef.Name] {
					t.Errorf("%s reads the ConfigMap %s, which is not there", at, e.ConfigMapRef.Name)
				}
			}
			encrypts := slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
				return e.Name == "MUSTER_ENCRYPTION_KEYRING" && e.Value == "secret://file/var/lib/muster/secrets/keyring"
			})
			mounted := slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool {
				return m.Name == "secrets" && m.MountPath == "/var/lib/muster/secrets" && m.ReadOnly
			})
			if !encrypts || !mounted {
				t.Errorf("%s leaves histories in clear", at)
			}
			if c.Resources.Requests.Cpu().IsZero() || c.Resources.Requests.Memory().IsZero() || c.Resources.Limits.Memory().IsZero() {
				t.Errorf("%s has no resources", at)
			}
			if c.SecurityContext.ReadOnlyRootFilesystem == nil || !*c.SecurityContext.ReadOnlyRootFilesystem {
				t.Errorf("%s may write its image", at)
			}
			probes(t, at, s.Name, c)
			if strings.HasSuffix(c.Image, ":latest") || !strings.Contains(c.Image, ":") {
				t.Errorf("%s: the image %s names no version", at, c.Image)
			}
		}
		if spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken {
			t.Errorf("%s is given a token of the cluster", at)
		}
		if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
			t.Errorf("%s has variables of the cluster beside those of its settings", at)
		}
		pods := labels.Set(s.Spec.Template.Labels)
		closed := false
		for _, o := range objects {
			switch x := o.internal.(type) {
			case *networking.NetworkPolicy:
				closed = closed || len(x.Spec.PodSelector.MatchLabels) == 0 && len(x.Spec.Ingress) == 0 && len(x.Spec.Egress) == 0 && len(x.Spec.PolicyTypes) == 2
			case *core.Service:
				if x.Name == s.Name && !labels.SelectorFromSet(x.Spec.Selector).Matches(pods) {
					t.Errorf("%s: the service leads to other pods", at)
				}
			case *policy.PodDisruptionBudget:
				if x.Name == s.Name && (!labels.SelectorFromSet(x.Spec.Selector.MatchLabels).Matches(pods) || x.Spec.MinAvailable.IntVal >= *s.Spec.Replicas) {
					t.Errorf("%s: the disruption budget fits other pods, or lets nothing be moved", at)
				}
			}
		}
		if !closed {
			t.Errorf("%s: what no policy names may come in and go out", at)
		}
	}
}

// copied is deploy, to be changed.
func copied(t *testing.T) filesys.FileSystem {
	t.Helper()
	fs := filesys.MakeFsInMemory()
	for _, dir := range []string{"kubernetes", "config"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) != ".yaml" {
				return err
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(filepath.Join("..", ".."), path)
			if err != nil {
				return err
			}
			return fs.WriteFile("/deploy/"+filepath.ToSlash(rel), b)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return fs
}

// What is commented out for a Vault fits as it stands: both may reach it, with a token that counts there alone.
func TestTheWayToAVaultFits(t *testing.T) {
	fs := copied(t)
	at := "/deploy/kubernetes/example/osaka/kustomization.yaml"
	b, err := fs.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	before, patches, ok := strings.Cut(strings.ReplaceAll(string(b), "# - MUSTER_VAULT_", "- MUSTER_VAULT_"), "\n  # - target:")
	if !ok {
		t.Fatal("nothing is commented out")
	}
	patches = strings.ReplaceAll("\n  # - target:"+patches, "\n  # ", "\n  ")
	if err := fs.WriteFile(at, []byte(before+patches)); err != nil {
		t.Fatal(err)
	}
	objects := fitting(t, fs, filepath.Dir(at))
	hold(t, "osaka", objects)
	out, mounted, told := map[string]bool{}, map[string]string{}, map[string]string{}
	for _, o := range objects {
		switch x := o.written.(type) {
		case *networkingv1.NetworkPolicy:
			out[x.Name] = slices.ContainsFunc(x.Spec.Egress, func(r networkingv1.NetworkPolicyEgressRule) bool {
				return slices.ContainsFunc(r.Ports, func(p networkingv1.NetworkPolicyPort) bool { return p.Port.IntVal == 8200 })
			})
		case *appsv1.StatefulSet:
			for _, v := range x.Spec.Template.Spec.Volumes {
				if v.Projected == nil || v.Projected.Sources[0].ServiceAccountToken.Audience != "vault" {
					continue
				}
				for _, m := range x.Spec.Template.Spec.Containers[0].VolumeMounts {
					if m.Name == v.Name {
						mounted[x.Name] = m.MountPath + "/" + v.Projected.Sources[0].ServiceAccountToken.Path
					}
				}
			}
		case *corev1.ConfigMap:
			for _, name := range []string{"muster-server", "muster-worker"} {
				if strings.HasPrefix(x.Name, name+"-") {
					told[name] = x.Data["MUSTER_VAULT_JWT_FILE"]
				}
			}
		}
	}
	for _, name := range []string{"muster-server", "muster-worker"} {
		if !out[name] || mounted[name] == "" || mounted[name] != told[name] {
			t.Errorf("%s may reach a vault: %v, has its token at %q and looks for it at %q", name, out[name], mounted[name], told[name])
		}
	}
}

// The drill of muster itself, as an overlay asks for it: the worker's own account may do what kubernetes.kill does, and the other site
// reaches the port at which the worker answers.
func TestTheSelfDrillIsGivenWhatItNeeds(t *testing.T) {
	fs := copied(t)
	at := "/deploy/kubernetes/example/tokyo/kustomization.yaml"
	b, err := fs.ReadFile(at)
	if err != nil {
		t.Fatal(err)
	}
	if err := fs.WriteFile(at, append(b, "components: [../../self-drill]\n"...)); err != nil {
		t.Fatal(err)
	}
	objects := fitting(t, fs, filepath.Dir(at))
	var worker *appsv1.StatefulSet
	for _, o := range objects {
		if s, ok := o.written.(*appsv1.StatefulSet); ok {
			worker = s
		}
	}
	if a := worker.Spec.Template.Spec.AutomountServiceAccountToken; a == nil || !*a {
		t.Error("the worker has no token to ask the cluster with")
	}
	pods := labels.Set(worker.Spec.Template.Labels)
	bound, served, let := false, false, false
	for _, o := range objects {
		switch x := o.internal.(type) {
		case *rbac.RoleBinding:
			bound = x.RoleRef.Name == "muster-self-drill" && len(x.Subjects) == 1 && x.Subjects[0].Name == worker.Spec.Template.Spec.ServiceAccountName && x.Subjects[0].Namespace == worker.Namespace
		case *core.Service:
			served = labels.SelectorFromSet(x.Spec.Selector).Matches(pods) && x.Spec.Ports[0].TargetPort.StrVal == worker.Spec.Template.Spec.Containers[0].Ports[0].Name
		case *networking.NetworkPolicy:
			let = let || x.Name == "muster-worker-health" && labels.SelectorFromSet(x.Spec.PodSelector.MatchLabels).Matches(pods) &&
				x.Spec.Ingress[0].Ports[0].Port.IntVal == worker.Spec.Template.Spec.Containers[0].Ports[0].ContainerPort
		}
	}
	if !bound || !served || !let {
		t.Errorf("the account is bound: %v, the service leads to the worker: %v, the policy lets it in: %v", bound, served, let)
	}
}

// probes looks who is started again and who is sent people. What hangs behind an open port is started again; what waits for its
// engine or its store is not, and its board stays where people find it: nothing asks /readyz.
func probes(t *testing.T, at, name string, c corev1.Container) {
	t.Helper()
	asked := map[string]*corev1.Probe{"startup": c.StartupProbe, "liveness": c.LivenessProbe}
	want := map[string]string{"startup": "/healthz", "liveness": "/healthz"}
	scheme := corev1.URISchemeHTTP
	if name == "muster-server" {
		asked["readiness"], want["readiness"], scheme = c.ReadinessProbe, "/startedz", corev1.URISchemeHTTPS
	} else if c.ReadinessProbe != nil {
		t.Errorf("%s: a worker that is not ready takes no corrected settings", at)
	}
	for kind, p := range asked {
		if p == nil || p.HTTPGet == nil || p.HTTPGet.Path != want[kind] || cmp.Or(p.HTTPGet.Scheme, corev1.URISchemeHTTP) != scheme {
			t.Errorf("%s: its %s probe does not ask for %s by %s: %v", at, kind, want[kind], scheme, p)
			continue
		}
		if !slices.ContainsFunc(c.Ports, func(port corev1.ContainerPort) bool { return port.Name == p.HTTPGet.Port.StrVal }) {
			t.Errorf("%s: its %s probe asks at a port that is none", at, kind)
		}
	}
	if name == "muster-worker" && !slices.ContainsFunc(c.Env, func(e corev1.EnvVar) bool {
		return e.Name == "MUSTER_HEALTH_LISTEN" && len(c.Ports) == 1 && e.Value == fmt.Sprintf(":%d", c.Ports[0].ContainerPort)
	}) {
		t.Errorf("%s answers its probes nowhere", at)
	}
}

// What an API server refuses is refused here too.
func TestAMistakeIsFound(t *testing.T) {
	text, err := build(t, filesys.MakeFsOnDisk(), filepath.Join("..", "example", "osaka"))
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"an unknown field":             {"terminationGracePeriodSeconds:", "terminationGracePeriod:"},
		"a port that is none":          {"            port: https\n            scheme", "            port: 70000\n            scheme"},
		"a mount of no volume":         {"/plans\n          name: plans\n", "/plans\n          name: plan\n"},
		"root":                         {"runAsNonRoot: true", "runAsNonRoot: false"},
		"a writable escalation":        {"allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"},
		"a selector of other pods":     {"      app.kubernetes.io/name: muster-worker\n  serviceName", "      app.kubernetes.io/name: other\n  serviceName"},
		"a label that is none":         {"enforce: restricted", "enforce: rest ricted"},
		"a quantity that is none":      {"storage: 10Gi", "storage: lots"},
		"a policy of an unknown block": {"cidr: 10.2.0.0/16", "cidr: 10.2.0.0/99"},
	} {
		changed := strings.Replace(text, change[0], change[1], 1)
		if changed == text {
			t.Errorf("%s: %q is not in what is built", what, change[0])
			continue
		}
		if _, refused := judge(t, changed); len(refused) == 0 {
			t.Errorf("%s is no mistake", what)
		}
	}
}
