package secret

import (
	"context"
	"fmt"
	"log/slog"
)

// Teaching resolves as Resolver does and has Redactor know each value, so that whoever writes
// something down afterwards can take it out.
type Teaching struct {
	Resolver
	Redactor *Redactor
}

// Resolve reads the secret now.
func (t Teaching) Resolve(ctx context.Context, ref string) (string, error) {
	value, err := t.Resolver.Resolve(ctx, ref)
	if err == nil {
		t.Redactor.Add(value)
	}
	return value, err
}

// LogHandler takes the values that r knows out of what is logged.
func LogHandler(next slog.Handler, r *Redactor) slog.Handler { return &logHandler{next, r} }

type logHandler struct {
	slog.Handler
	r *Redactor
}

func (h *logHandler) Handle(ctx context.Context, rec slog.Record) error {
	if !h.r.knows() {
		return h.Handler.Handle(ctx, rec)
	}
	out := slog.NewRecord(rec.Time, rec.Level, h.r.Text(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool { out.AddAttrs(h.attr(a)); return true })
	return h.Handler.Handle(ctx, out)
}

func (h *logHandler) WithAttrs(list []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(list))
	for i, a := range list {
		out[i] = h.attr(a)
	}
	return &logHandler{h.Handler.WithAttrs(out), h.r}
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	return &logHandler{h.Handler.WithGroup(name), h.r}
}

func (h *logHandler) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		v = slog.StringValue(h.r.Text(v.String()))
	case slog.KindGroup:
		var out []slog.Attr
		for _, in := range v.Group() {
			out = append(out, h.attr(in))
		}
		v = slog.GroupValue(out...)
	case slog.KindAny: // errors, and whatever else is printed
		text := fmt.Sprint(v.Any())
		if clean := h.r.Text(text); clean != text {
			v = slog.StringValue(clean)
		}
	default: // numbers and times
	}
	return slog.Attr{Key: a.Key, Value: v}
}
