package tracing

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/workflows"
)

func TestTracesAreOffUnlessAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		env  map[string]string
		want bool
	}{
		"nothing":                {nil, false},
		"an endpoint":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, true},
		"an endpoint for traces": {map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/x"}, true},
		"turned off":             {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_SDK_DISABLED": "TRUE"}, false},
		"no exporter":            {map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"}, false},
	} {
		if got := asked(func(k string) string { return c.env[k] }); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
	tr, err := Start(t.Context(), "muster", "1", slog.New(slog.DiscardHandler))
	if tr != nil || err != nil {
		t.Fatalf("%v %v", tr, err)
	}
	tr.Stop()
	if list, err := tr.Interceptors(); list != nil || err != nil {
		t.Errorf("%v %v", list, err)
	}
	ctx, end := tr.Request(t.Context(), "GET")
	if end("/", 200); ctx != t.Context() {
		t.Error("a span is made")
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon")
	if _, err := Start(t.Context(), "muster", "1", slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "carrier-pigeon") || !strings.Contains(err.Error(), "http/protobuf and grpc") {
		t.Errorf("%v", err)
	}
}

// What may hold a secret or tell of people does not leave.
func TestSpansLeaveBare(t *testing.T) {
	kept := tracetest.NewInMemoryExporter()
	tr := New(sdktrace.WithSyncer(modest{kept}))
	_, span := tr.tracer.Start(context.Background(), "RunActivity:sql.exec")
	span.SetAttributes(attribute.String("temporalWorkflowID", "loss-7"), attribute.String("person", "sato"))
	span.RecordError(errors.New("password kanariya was refused"))
	span.SetStatus(codes.Error, "password kanariya was refused")
	span.End()
	_, end := tr.Request(context.Background(), "SHOUT")
	end("", 503)
	spans := kept.GetSpans()
	if len(spans) != 2 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	if len(s.Attributes) != 1 || s.Attributes[0].Value.AsString() != "loss-7" || len(s.Events) != 0 || s.Status.Code != codes.Error || s.Status.Description != "" {
		t.Errorf("%+v", s)
	}
	if r := spans[1]; r.Name != "_OTHER none" || r.Status.Code != codes.Error {
		t.Errorf("%+v", r)
	}
}

// What a trace adds lies beside the commands of a run: the recorded histories, made without it, replay.
func TestHistoriesReplayWithTraces(t *testing.T) {
	files, err := filepath.Glob("../../workflows/testdata/histories/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	tr := New(sdktrace.WithSyncer(modest{tracetest.NewInMemoryExporter()}))
	list, err := tr.Interceptors()
	if err != nil {
		t.Fatal(err)
	}
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{Interceptors: []interceptor.WorkerInterceptor{list[0].(interceptor.WorkerInterceptor)}})
	if err != nil {
		t.Fatal(err)
	}
	workflows.Register(r)
	for _, file := range files {
		if err := r.ReplayWorkflowHistoryFromJSONFile(nil, file); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}

// A header that the library can't read is refused by its variable's name, and its content is in no error.
func TestAHeaderThatCannotBeReadIsNotRepeated(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
	for text, good := range map[string]bool{"Authorization: Bearer SECRETTOKEN123": false, "a=b,Authorization: Bearer SECRETTOKEN123==": false, "authorization=Bearer%20SECRETTOKEN123,x=y": true, "": true} {
		t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", text)
		tr, err := Start(t.Context(), "server", "test", slog.New(slog.DiscardHandler))
		tr.Stop()
		if (err == nil) != good || err != nil && (!strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_HEADERS") || strings.Contains(err.Error(), "SECRET")) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
