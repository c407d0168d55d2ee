package channel

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/identity"
)

// Links makes personal links for one purpose; identity.Service does.
type Links interface {
	Link(ctx context.Context, runID, person string, purpose identity.Purpose, ttl time.Duration) (string, error)
}

// linkFor is how long a personal link is good for: a drill or the first day of a response.
// A reminder brings a new one.
const linkFor = 24 * time.Hour

// Addresses are where people find muster. An empty Base gives none.
type Addresses struct {
	Base  string // config public_url
	Links Links  // nil gives no personal ones
}

// personal is a link with which the person may do one thing without signing in; "" when
// there is none.
func (a Addresses) personal(ctx context.Context, runID, person string, purpose identity.Purpose) (string, error) {
	if a.Base == "" || a.Links == nil {
		return "", nil
	}
	text, err := a.Links.Link(ctx, runID, person, purpose, linkFor)
	if no := new(identity.Refusal); errors.As(err, &no) {
		return "", nil // who may not act is told all the same, and gets no link
	}
	if err != nil || text == "" {
		return "", err
	}
	return strings.TrimRight(a.Base, "/") + identity.LinkPath + url.PathEscape(text), nil
}

// Run is the page of a run, for those who have an account; "" when there is none.
func (a Addresses) Run(runID string) string {
	if a.Base == "" {
		return ""
	}
	return strings.TrimRight(a.Base, "/") + "/runs/" + url.PathEscape(runID)
}

// Tasks is the page of what waits for whoever opens it.
func (a Addresses) Tasks() string {
	if a.Base == "" {
		return ""
	}
	return strings.TrimRight(a.Base, "/") + "/tasks"
}
