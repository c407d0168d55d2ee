package engine

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"

	"github.com/muster-dr/muster/internal/heartbeat"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/plan"
)

// Connection says how to reach an engine: the embedded one (Endpoint gives Address,
// Namespace and Token), a Temporal cluster (Address and Namespace, TLS as it asks for),
// or Temporal Cloud (APIKey, or TLS with a client certificate).
type Connection struct {
	Address   string // host:port
	Namespace string // "" is "default"
	Token     string // sent as a bearer token with every call
	APIKey    string // of Temporal Cloud; TLS is then on
	// TLS is nil for none. A secret is sent without TLS to this machine only.
	TLS     *tls.Config
	Log     *slog.Logger          // nil is silence
	Metrics client.MetricsHandler // nil is none
	// Codec encrypts what is given to the engine; nil encrypts nothing, and refuses in words
	// what somebody else encrypted.
	Codec *keyring.Codec
	// Interceptors see every call, and every task of workers on this connection.
	Interceptors []interceptor.ClientInterceptor
}

// Dial connects to an engine and returns when it has answered. ctx limits the dialling
// only. The connection comes back by itself after the engine was away.
func Dial(ctx context.Context, c Connection) (client.Client, error) {
	o, err := c.options()
	if err != nil {
		return nil, err
	}
	if end, ok := ctx.Deadline(); ok { // the SDK gives the first answer 5 s, which a busy machine may not keep
		o.ConnectionOptions.GetSystemInfoTimeout = max(time.Until(end), time.Millisecond)
	}
	cl, err := client.DialContext(ctx, o)
	if err != nil {
		return nil, plan.Caused(err, "the engine at %s, namespace %s, can't be reached (is it running, and are address, namespace and credentials right?)",
			"エンジン（%s、名前空間 %s）に接続できません（起動しているか、アドレス・名前空間・認証情報が正しいか確認してください）", c.Address, o.Namespace)
	}
	if c.Codec != nil {
		is, err := Namespace(ctx, cl, o.Namespace)
		if err != nil {
			cl.Close()
			return nil, plan.Caused(err, "engine at %s", "エンジン（%s）", c.Address)
		}
		c.Codec.InNamespace(cmp.Or(is.GetName(), o.Namespace))
	}
	return cl, nil
}

// Namespace is what the engine itself says of a namespace: behind a gateway its name is another than the worker's, and
// both sides have to encrypt for the same. Nothing is what an engine says that has no such namespace, does not know the
// question or does not answer it to us: who asks goes by their own name then. Every other error says nothing of
// which name it is, and is Unnamed.
func Namespace(ctx context.Context, cl client.Client, name string) (*namespace.NamespaceInfo, error) {
	d, err := cl.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name})
	switch serviceerror.ToStatus(err).Code() {
	case codes.OK:
		return d.GetNamespaceInfo(), nil
	case codes.NotFound, codes.PermissionDenied, codes.Unimplemented:
		return nil, nil
	}
	return nil, &Unnamed{Namespace: name, Err: err}
}

// Unnamed is an engine that did not say what it calls a namespace. Asking again mends it.
type Unnamed struct {
	Namespace string
	Err       error
}

func (u *Unnamed) Error() string { return u.Said().EN }

// Said is the error in both languages.
func (u *Unnamed) Said() plan.Text {
	return plan.Say("it does not say what it calls the namespace %s: %v", "名前空間 %s の本来の名前を確認できません: %v", u.Namespace, u.Err)
}

func (u *Unnamed) Unwrap() error { return u.Err }

// ForWorkflows is a client for workers of workflows on the connection of one that Dial
// made for c. What it can't decrypt holds a workflow up and never fails it.
func ForWorkflows(ctx context.Context, cl client.Client, c Connection) (client.Client, error) {
	o, err := c.options()
	if err != nil {
		return nil, err
	}
	o.DataConverter, o.FailureConverter = c.codec().Strictly().Converters()
	return client.NewClientFromExistingWithContext(ctx, cl, o)
}

func (c Connection) codec() *keyring.Codec {
	if c.Codec == nil {
		return keyring.NewCodec(nil, "")
	}
	return c.Codec
}

// lazyClient connects at its first call.
func lazyClient(c Connection) (client.Client, error) {
	o, err := c.options()
	if err != nil {
		return nil, err
	}
	return client.NewLazyClient(o)
}

func (c Connection) options() (client.Options, error) {
	o := client.Options{HostPort: c.Address, Namespace: c.Namespace, MetricsHandler: c.Metrics, Interceptors: c.Interceptors}
	if o.Namespace == "" {
		o.Namespace = client.DefaultNamespace
	}
	log := c.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	o.Logger = sdklog.NewStructuredLogger(log)
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return o, plan.Caused(err, "engine address %q is not written as host:port, such as temporal.example.com:7233", "エンジンのアドレス %q は、temporal.example.com:7233 のように ホスト:ポート の形で書いてください", c.Address)
	}
	o.DataConverter, o.FailureConverter = c.codec().Converters()
	o.ConnectionOptions.TLS = c.TLS
	switch {
	case c.Token != "" && c.APIKey != "":
		return o, plan.Wrong("engine: both a token and an API key are given; give the one that this engine asks for", "エンジン: トークンとAPIキーの両方が指定されています。このエンジンが求める方だけを指定してください")
	case c.APIKey != "":
		o.Credentials = client.NewAPIKeyStaticCredentials(c.APIKey)
		if c.TLS == nil {
			o.ConnectionOptions.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		}
	case c.Token != "" && c.TLS == nil && !isLoopback(host):
		return o, plan.Wrong("engine at %s: its token would cross the network in clear text; turn TLS on", "エンジン（%s）: トークンが平文でネットワークを流れます。TLSを有効にしてください", c.Address)
	case c.Token != "":
		o.HeadersProvider = bearer(c.Token)
	}
	if !isLoopback(host) {
		// A site's line comes back after a cut; the SDK's own 45 s to notice and up to two
		// minutes between tries would be waiting time inside somebody's RTO.
		o.ConnectionOptions.KeepAliveTime, o.ConnectionOptions.KeepAliveTimeout = 10*time.Second, 5*time.Second
		b := backoff.DefaultConfig
		b.BaseDelay, b.MaxDelay = 200*time.Millisecond, 3*time.Second
		o.ConnectionOptions.DialOptions = []grpc.DialOption{
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: b, MinConnectTimeout: 5 * time.Second}),
		}
	} else {
		// Nothing to gain from compression, and a restarted engine is met soon.
		o.ConnectionOptions.GrpcCompression = &client.GrpcCompressionNone{}
		b := backoff.DefaultConfig
		b.BaseDelay, b.MaxDelay = 50*time.Millisecond, 500*time.Millisecond
		o.ConnectionOptions.DialOptions = []grpc.DialOption{
			grpc.WithConnectParams(grpc.ConnectParams{Backoff: b, MinConnectTimeout: 5 * time.Second}),
		}
	}
	o.ConnectionOptions.DialOptions = append(o.ConnectionOptions.DialOptions, grpc.WithChainUnaryInterceptor(heartbeat.Interceptor))
	return o, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// bearer adds the token to every call.
type bearer string

func (b bearer) GetHeaders(context.Context) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}
