package engine_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"go.temporal.io/api/proxy"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/keyring"
)

// What a namespace is called decides how histories are encrypted, and whose a record store is. An engine that
// does not say it for a moment is asked again; only one that says that it won't is taken by our own name.
func TestAMomentsErrorIsNoAnswerAboutTheNamespace(t *testing.T) {
	e := start(t, engine.Options{})
	at := e.Endpoint()
	own, err := engine.Dial(t.Context(), engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(own.Close)
	var says atomic.Uint32 // what the line says to the question
	forward, err := proxy.NewWorkflowServiceProxyServer(proxy.WorkflowServiceProxyOptions{Client: own.WorkflowService(), DisableHeaderForwarding: true})
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		if _, asks := req.(*workflowservice.DescribeNamespaceRequest); asks && says.Load() != 0 {
			return nil, status.Error(codes.Code(says.Load()), "said by the test")
		}
		return next(ctx, req)
	}))
	workflowservice.RegisterWorkflowServiceServer(s, forward)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(s.Stop)

	dial := func(said codes.Code) error {
		says.Store(uint32(said))
		c, err := engine.Dial(t.Context(), engine.Connection{Address: ln.Addr().String(), Namespace: at.Namespace, Codec: keyring.NewCodec(nil, "")})
		if err == nil {
			c.Close()
		}
		return err
	}
	// The SDK tries what is Unavailable or exhausted again by itself for a while; these it gives back.
	for _, passes := range []codes.Code{codes.Canceled, codes.FailedPrecondition, codes.DataLoss} {
		if err := dial(passes); !errors.As(err, new(*engine.Unnamed)) || !strings.Contains(err.Error(), "said by the test") {
			t.Errorf("%s: %v, want that the name is not known", passes, err)
		}
	}
	for _, settled := range []codes.Code{codes.OK, codes.NotFound, codes.PermissionDenied, codes.Unimplemented} {
		if err := dial(settled); err != nil {
			t.Errorf("%s: %v", settled, err)
		}
	}
	info, err := engine.Namespace(t.Context(), own, at.Namespace)
	if err != nil || info.GetName() != at.Namespace || info.GetId() == "" {
		t.Errorf("the engine itself says %v, %v", info, err)
	}
}
