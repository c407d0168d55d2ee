package etcd

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/muster-dr/muster/activities"

	"github.com/muster-dr/muster/internal/certpool"
)

const (
	answerWithin = 3 * time.Second
	every        = 100 * time.Millisecond
	answerCap    = 16 << 20 // bytes of one answer
)

// endpoint is one endpoint of a cluster, asked by itself: a client over all of them would
// answer from any, and hide the one that does not.
type endpoint struct {
	url    string
	client *clientv3.Client
	status *clientv3.StatusResponse
	err    error
}

// dial makes a client for one endpoint and, where there is a user, logs in.
func dial(ctx context.Context, t Target, url string) (*clientv3.Client, error) {
	encryption, err := encryption(t)
	if err != nil {
		return nil, err
	}
	c, err := clientv3.New(clientv3.Config{
		Endpoints: []string{url}, TLS: encryption, Username: t.Spec.User, Password: t.Spec.Password.Reveal(),
		Context:            context.WithoutCancel(ctx), // the client outlives the dialling
		DialTimeout:        answerWithin,
		MaxUnaryRetries:    1, // who asks decides whether to ask again, and hears why it failed
		MaxCallRecvMsgSize: answerCap,
		Logger:             zap.NewNop(), // what it logs it also returns
		DialOptions:        atOnce,
	})
	if err != nil {
		return nil, told(ctx, t.Name, url, err)
	}
	return c, nil
}

// atOnce lets calls fail with the reason when there is no connection: the client would keep
// trying until the time is over, and then say only that it is.
var atOnce = []grpc.DialOption{
	grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, in, out any, c *grpc.ClientConn, call grpc.UnaryInvoker, o ...grpc.CallOption) error {
		return call(ctx, method, in, out, c, append(o, grpc.WaitForReady(false))...)
	}),
	grpc.WithChainStreamInterceptor(func(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, open grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
		return open(ctx, d, c, method, append(o, grpc.WaitForReady(false))...)
	}),
}

func encryption(t Target) (*tls.Config, error) {
	spec := t.Spec
	secured := false
	for _, url := range spec.Endpoints {
		secured = secured || strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "unixs:")
	}
	if !secured {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if spec.CA != "" {
		roots, err := certpool.Read(spec.CA)
		if err != nil {
			return nil, activities.RefusedBoth("%s: %v", "%s：%v", t.Name, err)
		}
		config.RootCAs = roots
	}
	if spec.Cert != "" {
		pem, err := os.ReadFile(spec.Cert)
		if err != nil {
			return nil, activities.RefusedBoth("%s: %v", "%s：%v", t.Name, err)
		}
		pair, err := tls.X509KeyPair(pem, []byte(spec.Key.Reveal()))
		if err != nil { // the error could quote the key
			return nil, activities.RefusedBoth("%s: %s and its key do not make a client certificate",
				"%s：%s とその鍵ではクライアント証明書にならない", t.Name, spec.Cert)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// told turns a client's error into words and the type that says what to do next.
func told(ctx context.Context, name, url string, err error) error {
	switch e := rpctypes.Error(err); {
	case errors.Is(e, rpctypes.ErrAuthFailed), errors.Is(e, rpctypes.ErrInvalidAuthToken), errors.Is(e, rpctypes.ErrUserEmpty):
		return activities.RefusedBoth("%s does not accept the user or its password: correct them in the estate",
			"%s でユーザーまたはパスワードが拒否された。構成台帳を修正する", name)
	case errors.Is(e, rpctypes.ErrPermissionDenied), strings.Contains(err.Error(), "auth: permission denied"): // 3.4 says it without its code
		return activities.RefusedBoth("%s forbids it to the user: give it the role root",
			"%s でこのユーザーに権限がない。root ロールを付与する", name)
	case errors.Is(e, rpctypes.ErrAuthNotEnabled):
		return activities.RefusedBoth("%s has no authentication, and the estate names a user: remove the user there, or turn authentication on",
			"%s は認証が無効だが、構成台帳にユーザーが指定されている。構成台帳から外すか、認証を有効にする", name)
	}
	switch {
	case ctx.Err() != nil: // the step's own time is over
		return ctx.Err()
	case strings.Contains(err.Error(), context.DeadlineExceeded.Error()): // ours, or the server's word for it
		return fmt.Errorf("%s: %s does not answer in time", name, url)
	}
	if s := interface{ GRPCStatus() *grpcstatus.Status }(nil); errors.As(err, &s) {
		err = errors.New(s.GRPCStatus().Message())
	}
	return fmt.Errorf("%s: %s: %w", name, url, err)
}

// open asks every endpoint at once. It fails only when all do, with what the first says.
func open(ctx context.Context, t Target) ([]*endpoint, func(), error) {
	if len(t.Spec.Endpoints) == 0 {
		return nil, nil, activities.RefusedBoth("%s: the estate names no endpoints", "%s：構成台帳に endpoints がない", t.Name)
	}
	all := make([]*endpoint, len(t.Spec.Endpoints))
	for i, url := range t.Spec.Endpoints {
		all[i] = &endpoint{url: url}
	}
	ask(ctx, t, all)
	shut := func() {
		for _, e := range all {
			e.close()
		}
	}
	var first error
	for _, e := range all {
		if e.err == nil {
			return all, shut, nil
		}
		if first == nil {
			first = e.err
		}
	}
	shut()
	return nil, nil, first
}

// ask asks every endpoint for its status, at the same time.
func ask(ctx context.Context, t Target, all []*endpoint) {
	var asking sync.WaitGroup
	for _, e := range all {
		asking.Go(func() { e.ask(ctx, t) })
	}
	asking.Wait()
}

func (e *endpoint) ask(ctx context.Context, t Target) {
	e.status, e.err = nil, nil
	if e.client == nil {
		if e.client, e.err = dial(ctx, t, e.url); e.err != nil {
			return
		}
	}
	within, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if e.status, e.err = e.client.Status(within, e.url); e.err != nil {
		e.err = told(ctx, t.Name, e.url, e.err)
	}
}

func (e *endpoint) close() {
	if e.client != nil {
		_ = e.client.Close()
	}
}

// read asks for a key in a way that only a majority can answer. Being forbidden to read
// it is an answer too: the right is looked up after the majority was heard.
func (e *endpoint) read(ctx context.Context, t Target, patience time.Duration) (revision int64, err error) {
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	got, err := e.client.Get(within, "muster", clientv3.WithCountOnly())
	switch {
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		return 0, nil
	case err != nil:
		return 0, told(ctx, t.Name, e.url, err)
	}
	return got.Header.Revision, nil
}
