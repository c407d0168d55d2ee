package engine

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// logger is the server's log in slog. The server says 260 lines at info for one start,
// and much at its end that means nothing.
type logger struct {
	out   *slog.Logger
	quiet *atomic.Bool
}

func newLogger(h slog.Handler, level slog.Level) logger {
	quiet := new(atomic.Bool)
	return logger{slog.New(&filter{h, level, quiet}).With("component", "temporal"), quiet}
}

func (l logger) log(level slog.Level, msg string, tags []tag.Tag) {
	ctx := context.Background()
	if !l.out.Enabled(ctx, level) {
		return
	}
	l.out.Log(ctx, level, msg, attrs(tags)...)
}

func attrs(tags []tag.Tag) []any {
	out := make([]any, len(tags))
	for i, t := range tags {
		out[i] = slog.Any(t.Key(), t.Value())
	}
	return out
}

func (l logger) Debug(msg string, tags ...tag.Tag)  { l.log(slog.LevelDebug, msg, tags) }
func (l logger) Info(msg string, tags ...tag.Tag)   { l.log(slog.LevelInfo, msg, tags) }
func (l logger) Error(msg string, tags ...tag.Tag)  { l.log(slog.LevelError, msg, tags) }
func (l logger) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

func (l logger) Warn(msg string, tags ...tag.Tag) {
	// Said at every start, and meant: nothing here uses Nexus.
	if !strings.HasPrefix(msg, "HTTP API port has not been set") {
		l.log(slog.LevelWarn, msg, tags)
	}
}

func (l logger) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic(msg)
}

// Fatal ends the process: the server relies on it. Whoever supervises starts it again.
func (l logger) Fatal(msg string, tags ...tag.Tag) {
	l.out.Error(msg, attrs(tags)...)
	os.Exit(1)
}

func (l logger) With(tags ...tag.Tag) log.Logger {
	return logger{l.out.With(attrs(tags)...), l.quiet}
}

// SLog is what the SDK workers inside the server write to.
func (l logger) SLog() *slog.Logger { return l.out }

// filter drops what is below a level, and all once quiet is set.
type filter struct {
	slog.Handler
	level slog.Level
	quiet *atomic.Bool
}

func (f *filter) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= f.level && !f.quiet.Load() && f.Handler.Enabled(ctx, level)
}

func (f *filter) WithAttrs(a []slog.Attr) slog.Handler {
	return &filter{f.Handler.WithAttrs(a), f.level, f.quiet}
}

func (f *filter) WithGroup(name string) slog.Handler {
	return &filter{f.Handler.WithGroup(name), f.level, f.quiet}
}
