package activities

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/secret"
)

// An attempt that was asked to end says so in the engine's word. One that lost touch with the engine was asked nothing, and
// says what became of it: "context canceled" tells a reader nothing, and the run nothing of what to do.
func TestOnlyWhoWasAskedToEndSaysCancelled(t *testing.T) {
	s := &Site{Redactor: &secret.Redactor{}}
	lost := errors.New("the engine does not answer")
	for cause, want := range map[error]string{temporal.NewCanceledError(): context.Canceled.Error(), lost: "cut off, since the worker lost touch with the engine"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		for _, from := range []error{lost, ctx.Err()} { // what an action makes of it
			err := s.fault(ctx, from)
			if asked := want == context.Canceled.Error(); err == nil || !strings.HasPrefix(err.Error(), want) || asked != strings.Contains(err.Error(), "context canceled") {
				t.Errorf("ended for %q: %v", cause, err)
			}
		}
	}
}
