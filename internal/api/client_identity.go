package api

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
)

// Access is an entry of the access log.
type Access = journal.Access

// Me is who the server takes the caller for.
func (c *Client) Me(ctx context.Context) (Me, error) { return get[Me](ctx, c, "/me", nil) }

// IssueToken makes a personal token. It is not asked for twice: an answer that was lost
// leaves a token whose secret nobody knows.
func (c *Client) IssueToken(ctx context.Context, in TokenRequest) (out IssuedToken, err error) {
	err = c.do(ctx, http.MethodPost, "/tokens", nil, "", in, &out)
	return out, err
}

// Tokens lists a person's tokens, or everybody's for "".
func (c *Client) Tokens(ctx context.Context, person string) ([]identity.Token, error) {
	q := url.Values{}
	if person != "" {
		q.Set("person", person)
	}
	return get[[]identity.Token](ctx, c, "/tokens", q)
}

// RevokeToken takes a token back.
func (c *Client) RevokeToken(ctx context.Context, id string) (identity.Token, error) {
	return act[identity.Token](ctx, c, "/tokens/"+url.PathEscape(id)+"/revoke", "", struct{}{})
}

// DisablePerson refuses all tokens, sessions and links of a person.
func (c *Client) DisablePerson(ctx context.Context, person, reason string) error {
	return c.do(ctx, http.MethodPost, "/people/"+url.PathEscape(person)+"/disable", nil, "", PersonRequest{Reason: reason}, nil)
}

// EnablePerson lets a person in again.
func (c *Client) EnablePerson(ctx context.Context, person string) error {
	return c.do(ctx, http.MethodPost, "/people/"+url.PathEscape(person)+"/enable", nil, "", nil, nil)
}

// DisabledPeople lists who is disabled.
func (c *Client) DisabledPeople(ctx context.Context) ([]identity.Out, error) {
	return get[[]identity.Out](ctx, c, "/people/disabled", nil)
}

// MakeLink makes a signed link.
func (c *Client) MakeLink(ctx context.Context, run string, in LinkRequest) (out IssuedLink, err error) {
	err = c.do(ctx, http.MethodPost, runPath(run, "links"), nil, "", in, &out)
	return out, err
}

// RevokeLinks takes signed links back.
func (c *Client) RevokeLinks(ctx context.Context, in RevokeLinksRequest) error {
	return c.do(ctx, http.MethodPost, "/links/revoke", nil, "", in, nil)
}

// AccessMonth is the list of an access review; "" is the last whole month.
func (c *Client) AccessMonth(ctx context.Context, month string) (lookout.Month, error) {
	q := url.Values{}
	if month != "" {
		q.Set("month", month)
	}
	return get[lookout.Month](ctx, c, "/accesses/month", q)
}

// Accesses is the access log after a position.
func (c *Client) Accesses(ctx context.Context, after int64, limit int) ([]Access, error) {
	return get[[]Access](ctx, c, "/accesses", url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(limit)}})
}
