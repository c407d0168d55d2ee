// Package gateway is the door through which site workers on other machines reach the
// embedded engine, which itself listens on loopback only. Both sides show a
// certificate; a worker's names its site, and opens that site's queue and nothing else:
// it can start no run, read no history, take no other site's work, and tell a run only what the probes see that the run
// has at its site.
package gateway

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/proxy"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/muster-dr/muster/internal/plan"
)

// Options of a gateway.
type Options struct {
	// Engine is what calls are passed on to, with the engine's own credentials.
	Engine workflowservice.WorkflowServiceClient
	// Namespace is where all calls go, whatever the workers call it.
	Namespace string
	// TLS must ask for client certificates and verify them (Authority.Server does).
	TLS *tls.Config
	// Holds is asked again of certificates whose connections are open: its error is why one opens nothing any more
	// (Authority.Holds). nil goes by their time alone.
	Holds func(*x509.Certificate) error
	// Key seals the tokens of tasks that are handed out, so that a site can answer for
	// its own tasks only. It must be the same after a restart, or answers given
	// meanwhile are refused.
	Key []byte
	Log *slog.Logger
	// Turned hears of everybody who is turned away, each time; nil is nobody.
	Turned func(Turned)
}

// Pings to workers are frequent: work that is sent into a cut line is known as begun
// and lost, and has to be settled by a person. Two missed seconds end a connection.
const (
	pingEvery  = 2 * time.Second
	pingAnswer = 2 * time.Second
	// pingsAllowed is how often workers may ping: the SDK's own limit is 10 s.
	pingsAllowed = 5 * time.Second
	// letInWithin is how long a caller may take to show its certificate: what connects and
	// says nothing must not be held for minutes.
	letInWithin = 10 * time.Second
	// maxMessage is above the engine's own limit for one task.
	maxMessage = 16 << 20
	stopWithin = 3 * time.Second
)

// Serve lets site workers in at ln until ctx ends.
func Serve(ctx context.Context, ln net.Listener, o Options) error {
	forward, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{Client: o.Engine, DisableHeaderForwarding: true})
	if err != nil {
		return err
	}
	d := &door{Options: o}
	in := &inside{}
	s := grpc.NewServer(
		grpc.Creds(watched{credentials.NewTLS(o.TLS), o, in}),
		grpc.ChainUnaryInterceptor(inWords, d.admit),
		grpc.ConnectionTimeout(letInWithin),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingEvery, Timeout: pingAnswer}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: pingsAllowed, PermitWithoutStream: true}),
	)
	workflowservice.RegisterWorkflowServiceServer(s, forward)
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	stop := context.AfterFunc(ctx, func() {
		// Polls wait for a minute; a graceful stop would wait for them.
		late := time.AfterFunc(stopWithin, s.Stop)
		defer late.Stop()
		s.GracefulStop()
	})
	defer stop()
	looking, cancel := context.WithCancel(ctx)
	var looks sync.WaitGroup
	looks.Go(func() { in.watch(looking, o) })
	defer looks.Wait()
	defer cancel()
	err = s.Serve(ln)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// door decides who may do what.
type door struct {
	Options
	words words
}

// inWords gives a caller what the engine said as the engine says it: gRPC knows no error of the engine's client, and would
// tell a worker of a run that has ended, or of a task that is given to nobody any more, only that something is unknown.
func inWords(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	out, err := next(ctx, req)
	if err != nil {
		return nil, serviceerror.ToStatus(err).Err()
	}
	return out, nil
}

// admit is the whole list of what a site worker may ask for.
func (d *door) admit(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	site, err := siteOf(ctx)
	if err != nil {
		return nil, err
	}
	d.enter(req)
	switch r := req.(type) {
	case *workflowservice.GetSystemInfoRequest, *grpc_health_v1.HealthCheckRequest:
	case *workflowservice.DescribeNamespaceRequest:
		if r.GetId() != "" {
			return nil, d.refused(ctx, site, info)
		}
	case *workflowservice.PollActivityTaskQueueRequest:
		if err := d.own(ctx, site, r.GetTaskQueue().GetName()); err != nil {
			return nil, err
		}
		out, err := next(ctx, req)
		if task, ok := out.(*workflowservice.PollActivityTaskQueueResponse); ok && len(task.GetTaskToken()) > 0 {
			task.TaskToken = d.seal(site, task.GetTaskToken())
		}
		return out, err
	case *workflowservice.RespondActivityTaskCompletedRequest:
		r.TaskToken, err = d.open(ctx, site, r.GetTaskToken())
	case *workflowservice.RespondActivityTaskFailedRequest:
		r.TaskToken, err = d.open(ctx, site, r.GetTaskToken())
	case *workflowservice.RespondActivityTaskCanceledRequest:
		r.TaskToken, err = d.open(ctx, site, r.GetTaskToken())
	case *workflowservice.RecordActivityTaskHeartbeatRequest:
		r.TaskToken, err = d.open(ctx, site, r.GetTaskToken())
	case *workflowservice.SignalWorkflowExecutionRequest:
		if r.GetSignalName() != plan.SignalObserved { // what a probe has seen
			return nil, d.refused(ctx, site, info)
		}
		if err := d.word(ctx, site, r); err != nil {
			return nil, err
		}
		out, err := next(ctx, req)
		d.words.over(r.GetWorkflowExecution().GetWorkflowId(), site, err)
		return out, err
	case *workflowservice.ShutdownWorkerRequest, *workflowservice.RecordWorkerHeartbeatRequest:
	default:
		return nil, d.refused(ctx, site, info)
	}
	if err != nil {
		return nil, err
	}
	return next(ctx, req)
}

// enter puts a call into the gateway's namespace, which workers need not know.
func (d *door) enter(req any) {
	m, ok := req.(proto.Message)
	if !ok {
		return
	}
	if f := m.ProtoReflect().Descriptor().Fields().ByName("namespace"); f != nil && f.Kind() == protoreflect.StringKind {
		m.ProtoReflect().Set(f, protoreflect.ValueOfString(d.Namespace))
	}
}

func (d *door) refused(ctx context.Context, site string, info *grpc.UnaryServerInfo) error {
	d.turnedIn(ctx, site, OtherCall)
	d.Log.Warn("a site worker asked for what it may not have", "site", site, "call", info.FullMethod)
	return status.Errorf(codes.PermissionDenied, "a worker of site %s may not call %s through the gateway", site, info.FullMethod)
}

// own refuses every queue but the site's.
func (d *door) own(ctx context.Context, site, queue string) error {
	if queue == plan.SiteQueue(site) {
		return nil
	}
	d.turnedIn(ctx, site, OtherQueue)
	d.Log.Warn("a site worker asked for another queue than its own", "site", site, "queue", queue)
	return status.Errorf(codes.PermissionDenied, "the certificate is site %s's and does not open the queue %s; start the worker with --site %s, or give it the other site's certificate", site, queue, site)
}

// seal binds a task's token to the site it was given to.
func (d *door) seal(site string, token []byte) []byte {
	return append(d.mac(site, token), token...)
}

func (d *door) open(ctx context.Context, site string, sealed []byte) ([]byte, error) {
	if len(sealed) > sha256.Size {
		token := sealed[sha256.Size:]
		if hmac.Equal(sealed[:sha256.Size], d.mac(site, token)) {
			return token, nil
		}
	}
	d.turnedIn(ctx, site, OtherTask)
	d.Log.Warn("a site worker answered for a task that was not given to it", "site", site)
	return nil, status.Errorf(codes.PermissionDenied, "site %s was not given this task", site)
}

func (d *door) mac(site string, token []byte) []byte {
	m := hmac.New(sha256.New, d.Key)
	m.Write([]byte(site))
	m.Write([]byte{0})
	m.Write(token)
	return m.Sum(nil)
}

// siteOf is the site that the caller's certificate names.
func siteOf(ctx context.Context) (string, error) {
	p, ok := peer.FromContext(ctx)
	if ok {
		if t, ok := p.AuthInfo.(credentials.TLSInfo); ok && len(t.State.VerifiedChains) > 0 {
			if site, ok := Site(t.State.VerifiedChains[0][0]); ok {
				return site, nil
			}
		}
	}
	return "", status.Errorf(codes.Unauthenticated, "the certificate names no site: it needs the URI %sSITE; make one with `muster site certificate`", siteURI)
}

// siteURI is how a certificate names its site, as a subject alternative name.
const siteURI = "muster://site/"

// Site is the site that a certificate is made out to.
func Site(c *x509.Certificate) (string, bool) {
	for _, u := range c.URIs {
		if site, ok := strings.CutPrefix(u.String(), siteURI); ok && site != "" {
			return site, true
		}
	}
	return "", false
}
