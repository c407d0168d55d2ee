package activities

import (
	"errors"
	"testing"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/secret"
)

// That two sides take writes reaches the run as what it is.
func TestThatTwoSidesWriteReachesTheRun(t *testing.T) {
	var app *temporal.ApplicationError
	var what string
	err := (&Site{Redactor: &secret.Redactor{}}).fault(t.Context(), TwoWrite("%s take writes", "%s が書き込みを受け付けている", "a and b"))
	if !errors.As(err, &app) || app.Type() != plan.ErrFinding || app.Details(&what) != nil || what != plan.TwoWrite {
		t.Errorf("%v %q", app, what)
	}
}
