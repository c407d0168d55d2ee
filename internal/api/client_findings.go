package api

import (
	"context"
	"net/url"
	"strconv"
)

// FindingsFilter narrows a list of findings; zero fields do not, but State "" is open.
type FindingsFilter struct {
	State, System, Kind, Owner, Run string
	Overdue                         bool
	Limit                           int
}

// Findings lists findings.
func (c *Client) Findings(ctx context.Context, f FindingsFilter) ([]Finding, error) {
	q := url.Values{}
	for name, v := range map[string]string{"state": f.State, "system": f.System, "kind": f.Kind, "owner": f.Owner, "run": f.Run} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if f.Overdue {
		q.Set("overdue", "true")
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[[]Finding](ctx, c, "/findings", q)
}

// Finding reads one.
func (c *Client) Finding(ctx context.Context, id string) (Finding, error) {
	return get[Finding](ctx, c, "/findings/"+url.PathEscape(id), nil)
}

// FindingOf is the finding that has a number, as F-001, in the report of a run.
func (c *Client) FindingOf(ctx context.Context, runID, number string) (Finding, error) {
	return get[Finding](ctx, c, "/findings/"+url.PathEscape(number), url.Values{"run": {runID}})
}

// AddFinding adds one.
func (c *Client) AddFinding(ctx context.Context, in FindingRequest) (Finding, error) {
	return act[Finding](ctx, c, "/findings", NewRequestID(), in)
}

// OnFinding does something about one: assign, link, waive or confirm.
func (c *Client) OnFinding(ctx context.Context, id, do string, in FindingRequest) (Finding, error) {
	return act[Finding](ctx, c, "/findings/"+url.PathEscape(id)+"/"+do, NewRequestID(), in)
}
