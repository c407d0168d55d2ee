package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"time"

	"go.temporal.io/sdk/temporal"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

const (
	answerWithin = 10 * time.Second
	every        = 300 * time.Millisecond
	answerCap    = 32 << 20 // bytes of one answer
)

// client-go logs what it also returns, on lines of its own.
func init() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) }

// api is a cluster as actions use it. The dynamic client is enough: the typed ones would
// bring every API group's types into the binary and its memory.
type api struct {
	dynamic.Interface
	name      string // the target's
	namespace string
}

// dial makes a client; nothing is sent yet.
func dial(t Target) (api, func(), error) {
	config, err := configOf(t)
	if err != nil {
		return api{}, nil, err
	}
	config.Timeout, config.QPS, config.UserAgent = answerWithin, -1, "muster"
	config.WarningHandler = rest.NoWarnings{}
	config.Wrap(func(next http.RoundTripper) http.RoundTripper { return bounded{next} })
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return api{}, nil, activities.RefusedBoth("cluster %s: its credentials can't be used: %v", "クラスター %s：認証情報を使用できない：%v", t.Name, err)
	}
	d, err := dynamic.NewForConfigAndClient(config, client)
	if err != nil {
		return api{}, nil, activities.RefusedBoth("cluster %s: %v", "クラスター %s：%v", t.Name, err)
	}
	return api{d, t.Name, t.Spec.Namespace}, func() { utilnet.CloseIdleConnectionsFor(client.Transport) }, nil
}

func configOf(t Target) (*rest.Config, error) {
	text := t.Spec.Kubeconfig.Reveal()
	if text == "" {
		config, err := rest.InClusterConfig()
		if err != nil {
			return nil, activities.RefusedBoth("cluster %s: the estate names no kubeconfig, and this worker runs in no cluster: %v", "クラスター %s：構成台帳に kubeconfig がなく、このワーカーはクラスター内で動いていない：%v", t.Name, err)
		}
		return config, nil
	}
	file, err := clientcmd.Load([]byte(text))
	if err != nil { // the error could quote the file, which holds secrets
		return nil, activities.RefusedBoth("cluster %s: what its kubeconfig refers to is no kubeconfig", "クラスター %s：kubeconfig の参照先が kubeconfig ではない", t.Name)
	}
	config, err := clientcmd.NewNonInteractiveClientConfig(*file, t.Spec.Context, &clientcmd.ConfigOverrides{}, nil).ClientConfig()
	if err != nil {
		return nil, activities.RefusedBoth("cluster %s: its kubeconfig, context %q: %v", "クラスター %s：kubeconfig のコンテキスト %q：%v", t.Name, t.Spec.Context, err)
	}
	return config, nil
}

// bounded ends an answer that has no end.
type bounded struct{ next http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err == nil && answer.Body != nil {
		answer.Body = &boundedBody{answer.Body, answerCap}
	}
	return answer, err
}

func (b bounded) WrappedRoundTripper() http.RoundTripper { return b.next }

type boundedBody struct {
	io.ReadCloser
	left int
}

func (b *boundedBody) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the answer is longer than %d MB: name fewer objects", answerCap>>20)
	}
	n, err := b.ReadCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// object is one object of the cluster.
type object struct {
	schema.GroupVersionResource
	namespace string // "" for cluster-wide kinds
	name      string
}

func (o object) String() string {
	if o.namespace == "" {
		return o.Resource + "/" + o.name
	}
	return o.Resource + "/" + o.name + " in " + o.namespace
}

func (a api) at(o object) dynamic.ResourceInterface {
	if o.namespace == "" {
		return a.Resource(o.GroupVersionResource)
	}
	return a.Resource(o.GroupVersionResource).Namespace(o.namespace)
}

func (a api) get(ctx context.Context, o object) (*unstructured.Unstructured, error) {
	u, err := a.at(o).Get(ctx, o.name, metav1.GetOptions{})
	return u, a.told(ctx, "get", o, err)
}

var segment = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?$`)

// valid refuses names that would lead to another address.
func (o object) valid() error {
	for what, s := range map[string]string{"resource": o.Resource, "version": o.Version, "name": o.name} {
		if !segment.MatchString(s) {
			return activities.RefusedBoth("%q is no %s", "%q は %s として使えない", s, what)
		}
	}
	for what, s := range map[string]string{"group": o.Group, "namespace": o.namespace} {
		if s != "" && !segment.MatchString(s) {
			return activities.RefusedBoth("%q is no %s", "%q は %s として使えない", s, what)
		}
	}
	return nil
}

// told turns an API server's answer into words and the type that says what to do next.
// A conflict stays what it is, for those who know what to do with one.
func (a api) told(ctx context.Context, verb string, o object, err error) error {
	timeout := new(net.Error)
	switch {
	case err == nil || apierrors.IsConflict(err):
		return err
	case apierrors.IsUnauthorized(err):
		return activities.RefusedBoth("cluster %s does not accept the credentials: renew what its kubeconfig refers to", "クラスター %s が認証情報を受け付けない：kubeconfig の参照先を更新する", a.name)
	case apierrors.IsForbidden(err):
		return activities.RefusedBoth("cluster %s forbids to %s %s: give the account that verb in a Role (%v)", "クラスター %s で %s（%s）が禁止されている：Role でそのアカウントに権限を与える（%v）", a.name, verb, o, err)
	case apierrors.IsNotFound(err) && apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse):
		return activities.RefusedBoth("cluster %s has no kind %s in %s: check api and resource", "クラスター %s に種別 %s（%s）がない：api と resource を確認する", a.name, o.Resource, o.GroupVersion())
	case apierrors.IsNotFound(err):
		return notThere{activities.RefusedBoth("cluster %s has no %s: check the names", "クラスター %s に %s がない：名前を確認する", a.name, o)}
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsMethodNotSupported(err), apierrors.IsUnsupportedMediaType(err):
		return activities.RefusedBoth("cluster %s refuses to %s %s: %v", "クラスター %s が %s（%s）を拒否した：%v", a.name, verb, o, err)
	case runtime.IsMissingKind(err), runtime.IsMissingVersion(err), runtime.IsNotRegisteredError(err): // these quote the answer
		return fmt.Errorf("cluster %s: the answer for %s is no Kubernetes object: what answers there?", a.name, o)
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, timeout) && (*timeout).Timeout(), ctx.Err() != nil:
		return fmt.Errorf("cluster %s does not answer in time: %w", a.name, err)
	}
	return fmt.Errorf("cluster %s: %w", a.name, err)
}

// notThere is the refusal of an object that does not exist.
type notThere struct{ error }

func (n notThere) Unwrap() error { return n.error }

func absent(err error) bool { return errors.As(err, new(notThere)) }

// finding is the text of a finding.
func finding(err error) (string, bool) {
	typed := new(temporal.ApplicationError)
	if errors.As(err, &typed) && typed.Type() == plan.ErrFinding {
		return typed.Message(), true
	}
	return "", false
}

// until looks until done says so. Errors of one look are borne until the time is over;
// a refusal or a finding is not.
func until(ctx context.Context, within time.Duration, look func(context.Context) (done bool, instead string, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	var instead string
	for {
		done, now, err := look(ctx)
		typed := new(temporal.ApplicationError)
		switch {
		case err == nil && done:
			return nil
		case err == nil:
			instead = now
		case errors.As(err, &typed) && (typed.Type() == plan.ErrFinding || typed.Type() == plan.ErrRefused):
			return err
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			if err != nil && instead == "" {
				return err
			}
			return activities.FindingBoth("after %s: %s", "%s経過後：%s", within, plan.Apart(instead))
		}
	}
}

// may says what rights are lacking; it asks the cluster and changes nothing.
func (a api) may(ctx context.Context, o object, verbs ...string) ([]plan.Text, error) {
	var lacking []plan.Text
	for _, verb := range verbs {
		review := &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
			"spec": map[string]any{"resourceAttributes": map[string]any{
				"verb": verb, "group": o.Group, "version": o.Version, "resource": o.Resource, "namespace": o.namespace, "name": o.name}},
		}}
		kind := schema.GroupVersionResource{Group: "authorization.k8s.io", Version: "v1", Resource: "selfsubjectaccessreviews"}
		answer, err := a.Resource(kind).Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return nil, a.told(ctx, "ask whether it may "+verb, o, err)
		}
		if allowed, _, _ := unstructured.NestedBool(answer.Object, "status", "allowed"); !allowed {
			lacking = append(lacking, activities.Lacking("cluster %s forbids to %s %s: give the account that verb in a Role",
				"クラスター %s で %s %s が許可されていません。Role で権限を与えてください", a.name, verb, o))
		}
	}
	return lacking, nil
}

// ready looks whether the object is there and may be treated so.
func (a api) ready(ctx context.Context, o object, verbs ...string) ([]plan.Text, error) {
	if err := o.valid(); err != nil {
		return nil, err
	}
	if _, err := a.get(ctx, o); err != nil {
		return nil, err
	}
	return a.may(ctx, o, verbs...)
}
