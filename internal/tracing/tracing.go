// Package tracing sends traces of what the API, the runs and the site workers do to an OpenTelemetry
// collector, where the environment names one (OTEL_EXPORTER_OTLP_ENDPOINT). Else nothing is made and
// nothing is sent.
//
// What leaves is names, times and whether it worked: never what somebody wrote, a parameter, the
// text of an error or who did it. Those are in the record.
package tracing

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"

	"github.com/muster-dr/muster/internal/plan"
)

// Tracing makes spans and sends them. A nil one makes none.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// stopWithin bounds what is sent at the end of a process.
const stopWithin = 2 * time.Second

// Start begins tracing as the environment says, in OpenTelemetry's own variables; nil is that it
// asks for none. A collector that is away holds up nothing: spans are dropped.
func Start(ctx context.Context, service, version string, log *slog.Logger) (*Tracing, error) {
	if !asked(os.Getenv) {
		return nil, nil
	}
	// The library would write a header that it can't read, token and all, on stderr.
	otel.SetLogger(logr.Discard())
	if err := headers(os.Getenv); err != nil {
		return nil, err
	}
	exporter, err := exporter(ctx)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", service), attribute.String("service.version", version)),
		resource.WithFromEnv()) // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES; nothing is found out about this machine
	if err != nil {
		return nil, plan.Caused(err, "OTEL_RESOURCE_ATTRIBUTES is not in order", "OTEL_RESOURCE_ATTRIBUTES に誤りがあります")
	}
	otel.SetErrorHandler(&seldom{log: log.With("component", "tracing")})
	return New(sdktrace.WithBatcher(modest{exporter}), sdktrace.WithResource(about)), nil
}

// headers refuses what the library would leave out with a word: a collector then turns every span away.
func headers(env func(string) string) error {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
		for n, part := range strings.Split(env(name), ",") {
			if key, _, ok := strings.Cut(part, "="); strings.TrimSpace(part) != "" && (!ok || strings.ContainsAny(strings.TrimSpace(key), ": ")) {
				return plan.Wrong("%s: part %d is not NAME=VALUE; write it so, such as authorization=Bearer%%20TOKEN", "%s: %d番目が NAME=VALUE の形ではありません。authorization=Bearer%%20TOKEN のように書いてください", name, n+1)
			}
		}
	}
	return nil
}

// New makes spans as told.
func New(o ...sdktrace.TracerProviderOption) *Tracing {
	p := sdktrace.NewTracerProvider(o...)
	return &Tracing{provider: p, tracer: p.Tracer("github.com/muster-dr/muster")}
}

// Stop sends what is left.
func (t *Tracing) Stop() {
	if t == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // the handler of errors has told of it
}

// Interceptors carry a trace through the engine: from who starts a run, through its workflows, to the
// activities of site workers. They write it beside the commands and not into them, so that every
// history replays with and without it.
func (t *Tracing) Interceptors() ([]interceptor.ClientInterceptor, error) {
	if t == nil {
		return nil, nil
	}
	i, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{
		Tracer: t.tracer, DisableQueryTracing: true, DisableBaggage: true, AllowInvalidParentSpans: true,
		TextMapPropagator: propagation.TraceContext{},
	})
	if err != nil {
		return nil, err
	}
	return []interceptor.ClientInterceptor{i}, nil
}

// Request begins the span of a request; whoever answered it says by which route and how. What the caller
// sends of a trace counts for nothing: a stranger would decide what is sent to the collector.
func (t *Tracing) Request(ctx context.Context, method string) (context.Context, func(route string, status int)) {
	if t == nil {
		return ctx, func(string, int) {}
	}
	ctx, span := t.tracer.Start(ctx, "HTTP", trace.WithSpanKind(trace.SpanKindServer))
	return ctx, func(route string, status int) {
		method, route := known(method), cmp.Or(route, "none")
		span.SetName(method + " " + route)
		span.SetAttributes(attribute.String("http.request.method", method), attribute.String("http.route", route), attribute.Int("http.response.status_code", status))
		if status >= 500 {
			span.SetStatus(codes.Error, "")
		}
		span.End()
	}
}

func known(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "_OTHER"
}

// asked reports whether the environment asks for traces.
func asked(env func(string) string) bool {
	if strings.EqualFold(env("OTEL_SDK_DISABLED"), "true") || strings.EqualFold(env("OTEL_TRACES_EXPORTER"), "none") {
		return false
	}
	return cmp.Or(env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), env("OTEL_EXPORTER_OTLP_ENDPOINT")) != ""
}

// exporter speaks the protocol that the environment says; its other variables (endpoint, headers,
// certificates, timeouts) it reads itself.
func exporter(ctx context.Context) (sdktrace.SpanExporter, error) {
	switch p := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), "http/protobuf"); p {
	case "http/protobuf":
		return otlptracehttp.New(ctx)
	case "grpc":
		return otlptracegrpc.New(ctx)
	default:
		return nil, plan.Wrong("OTEL_EXPORTER_OTLP_PROTOCOL is %q; there are http/protobuf and grpc", "OTEL_EXPORTER_OTLP_PROTOCOL が %q です。http/protobuf か grpc を指定してください", p)
	}
}

// seldom tells of a collector that is away once in ten minutes, not with every try.
type seldom struct {
	log *slog.Logger
	mu  sync.Mutex
	at  time.Time
}

func (s *seldom) Handle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) < 10*time.Minute {
		return
	}
	s.at = time.Now()
	s.log.Warn("traces don't get to the collector; they are dropped, and nothing waits for them", "err", err)
}
