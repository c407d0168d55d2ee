package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// Client talks to a muster server. Its errors are *Problem when the server answered,
// *Unreachable when it did not, and *Cut when the caller of an act did not wait for it.
type Client struct {
	base  string
	token string
	lang  string
	key   string // of every act, when not ""
	http  *http.Client
}

// Keyed is the same client whose acts carry the given idempotency key, for callers that
// know their request by one: a form that is sent twice counts once.
func (c *Client) Keyed(key string) *Client {
	keyed := *c
	keyed.key = key
	return &keyed
}

// Unreachable says that no server answered at a URL. Nothing is known about what came
// of the request, except that reading again is harmless.
type Unreachable struct {
	URL string
	Err error
	// Unknown is of an act that reached the server, for all that is known: it may have been
	// carried out.
	Unknown bool
}

func (u *Unreachable) Error() string {
	return fmt.Sprintf("no muster server answers at %s: %v", u.URL, u.Err)
}
func (u *Unreachable) Unwrap() error { return u.Err }

// Cut is an act whose caller gave up before its answer came, when it may have reached the server:
// it may have been carried out, or be about to be. One that certainly reached nobody is the context's
// own error.
type Cut struct{ Err error }

func (c *Cut) Error() string { return c.Said().EN }

// Said is it in both languages.
func (c *Cut) Said() plan.Text {
	return plan.Say("%s; whether it happened is unknown", "%s。実行されたかどうかは不明", c.Err)
}
func (c *Cut) Unwrap() error { return c.Err }

// nothing reports whether it is certain that the request reached nobody.
func (u *Unreachable) nothing() bool {
	dial := new(net.OpError)
	return errors.As(u.Err, &dial) && dial.Op == "dial"
}

// Connect returns a client of the server at base ("http://127.0.0.1:7700"). lang is
// the language of its messages, "en" or "ja". It does not connect yet.
func Connect(base, token, lang string) *Client {
	return &Client{base: strings.TrimRight(base, "/"), token: token, lang: lang, http: &http.Client{
		Timeout:   60 * time.Second,
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, ExpectContinueTimeout: 10 * time.Second},
	}}
}

// Trusting is the same client that knows the server by these CA certificates; nil is the
// system's.
func (c *Client) Trusting(roots *x509.CertPool) *Client {
	trusting, transport := *c, c.http.Transport.(*http.Transport).Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	trusting.http = &http.Client{Timeout: c.http.Timeout, Transport: transport}
	return &trusting
}

// patient is the same client for what takes as long as there are records.
func (c *Client) patient() *Client {
	patient, h := *c, *c.http
	h.Timeout = mergeAnswered + time.Minute // the server gives up first, and says why
	patient.http = &h
	return &patient
}

// Close gives idle connections back.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// NewRequestID returns an ID that no other request has.
func NewRequestID() string { return rand.Text() }

// do sends one request and decodes its answer into out; *[]byte takes it as it is.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, key string, in, out any) error {
	var body io.Reader
	kind := "application/json"
	if raw, ok := in.(upload); ok {
		body, kind = bytes.NewReader(raw), "application/octet-stream"
	} else if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	u := c.base + "/api/v1" + path
	if len(query) > 0 {
		u += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, u, body)
	if err != nil {
		return err
	}
	req.Header.Set("Accept-Language", c.lang)
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if in != nil {
		req.Header.Set("Content-Type", kind)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	if req.ContentLength > bodyLimit {
		req.Header.Set("Expect", "100-continue") // a refusal comes before all of it was sent
	}
	res, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &Unreachable{URL: c.base, Err: bare(err)}
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &Unreachable{URL: c.base, Err: err}
	}
	if res.StatusCode >= 400 {
		p := new(Problem)
		if json.Unmarshal(b, p) != nil || p.Code == "" {
			p = problem(res.StatusCode, CodeInternal, fmt.Sprintf("%s answered %s, not as a muster server does", c.base, res.Status), "")
		}
		return p
	}
	if raw, ok := out.(*[]byte); ok {
		*raw = b
		return nil
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not understood: %w", method, path, err)
	}
	return nil
}

// bare drops the method and URL that net/http puts before an error.
func bare(err error) error {
	if e := new(url.Error); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// act sends a change. The server counts requests with one key once, so an answer that
// did not come, or was cut off, is asked for again with the same key, twice at most.
func act[T any](ctx context.Context, c *Client, path, key string, in any) (out T, err error) {
	if c.key != "" {
		key = c.key
	}
	unknown := false
	for range 3 {
		if ctx.Err() != nil && !unknown {
			return out, ctx.Err()
		}
		// Without a connection nothing was sent; a server in the same process needs none. What was sent once may be
		// sent again over another connection, so one is enough.
		var dialed, connected atomic.Bool
		err = c.do(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
			GetConn: func(string) { dialed.Store(true) },
			GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
		}), http.MethodPost, path, nil, key, in, &out)
		p, away := new(Problem), new(Unreachable)
		switch {
		case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
			if unknown || connected.Load() || !dialed.Load() {
				err = &Cut{Err: err}
			}
			return out, err
		case errors.As(err, &p) && p.Code == CodeUnknownOutcome:
			unknown = true
		case errors.As(err, &away): // a server that is gone by the second try may have done it at the first
			unknown = unknown || !away.nothing()
			away.Unknown = unknown
			if !unknown {
				return out, err
			}
		default:
			return out, err
		}
	}
	return out, err
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (out T, err error) {
	err = c.do(ctx, http.MethodGet, path, query, "", nil, &out)
	return out, err
}

func runPath(id string, rest ...string) string {
	p := "/runs/" + url.PathEscape(id)
	for _, r := range rest {
		p += "/" + url.PathEscape(r)
	}
	return p
}

// Health needs no token.
func (c *Client) Health(ctx context.Context) (Health, error) {
	return get[Health](ctx, c, "/health", nil)
}

// Scenarios lists what the server's plans directory holds.
func (c *Client) Scenarios(ctx context.Context) ([]Scenario, error) {
	return get[[]Scenario](ctx, c, "/scenarios", nil)
}

// Plan compiles a scenario on the server; depth "" is the scenario's own.
func (c *Client) Plan(ctx context.Context, scenario string, depth run.Depth) (plan.Plan, error) {
	q := url.Values{}
	if depth != "" {
		q.Set("depth", string(depth))
	}
	return get[plan.Plan](ctx, c, "/scenarios/"+url.PathEscape(scenario)+"/plan", q)
}

// Start starts a run or joins the open one. Set RequestID to be able to ask again.
func (c *Client) Start(ctx context.Context, s StartRequest) (Started, error) {
	if s.RequestID == "" {
		s.RequestID = NewRequestID()
	}
	return act[Started](ctx, c, "/runs", s.RequestID, s)
}

// Runs lists runs, newest first.
func (c *Client) Runs(ctx context.Context, f journal.Filter) ([]journal.Summary, error) {
	q := url.Values{}
	if f.Scenario != "" {
		q.Set("scenario", f.Scenario)
	}
	if f.Kind != "" {
		q.Set("kind", string(f.Kind))
	}
	if f.Open {
		q.Set("open", "true")
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[[]journal.Summary](ctx, c, "/runs", q)
}

// Run is a run with where it stands.
func (c *Client) Run(ctx context.Context, id string) (Run, error) {
	return get[Run](ctx, c, runPath(id), nil)
}

// RunPlan is the frozen plan a run uses.
func (c *Client) RunPlan(ctx context.Context, id string) (plan.Plan, error) {
	return get[plan.Plan](ctx, c, runPath(id, "plan"), nil)
}

// Events returns the journal after a position. With wait, it waits that long (25 s at
// most) for the next event when there is none yet.
func (c *Client) Events(ctx context.Context, id string, after int64, wait time.Duration) (Events, error) {
	q := url.Values{"after": {strconv.FormatInt(after, 10)}, "wait": {strconv.Itoa(int(wait.Seconds()))}}
	return get[Events](ctx, c, runPath(id, "events"), q)
}

// Report renders a run's report: format text, json, markdown, html, csv (a zip file), pdf or record.
func (c *Client) Report(ctx context.Context, id, format, lang string) ([]byte, error) {
	return get[[]byte](ctx, c, runPath(id, "report"), url.Values{"format": {format}, "lang": {lang}})
}

// People is everybody of a run. as is who reads: private parts are shown by right.
func (c *Client) People(ctx context.Context, id string, f PeopleFilter) (People, error) {
	q := url.Values{}
	for name, v := range map[string]string{"section": f.Section, "role": f.Role, "state": f.State, "as": f.As} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return get[People](ctx, c, runPath(id, "people"), q)
}

// PeopleFilter narrows People; zero fields do not.
type PeopleFilter struct {
	Section, Role string
	State         string // as progress has it, or hurt, or cannot_come
	As            string // who reads
}

// Relocate names another muster place.
func (c *Client) Relocate(ctx context.Context, id string, in workflows.Relocate) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateRelocate, in)
}

// Handover hands a role over to somebody else.
func (c *Client) Handover(ctx context.Context, id string, in workflows.Handover) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateHandover, in)
}

// Strength reports the strength that is there, or confirms it as a second person.
func (c *Client) Strength(ctx context.Context, id string, in workflows.Strength) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateStrength, in)
}

// CallOut sends a held call-out at once, or calls it off.
func (c *Client) CallOut(ctx context.Context, id string, in workflows.CallOut) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateCallOut, in)
}

// CheckIn answers the safety check for a person.
func (c *Client) CheckIn(ctx context.Context, id string, in workflows.CheckIn) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateCheckIn, in)
}

// Arrive says that a person is at the muster.
func (c *Client) Arrive(ctx context.Context, id string, in workflows.Arrive) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateArrive, in)
}

// Ack says that a person has read a message that asks for it.
func (c *Client) Ack(ctx context.Context, id string, in workflows.Ack) (workflows.Done, error) {
	return c.update(ctx, id, "ack", in)
}

// Attest states how much of a function that no probe sees is there.
func (c *Client) Attest(ctx context.Context, id string, in workflows.Attest) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateAttest, in)
}

// Inspect reports the state of a site.
func (c *Client) Inspect(ctx context.Context, id string, in workflows.Inspect) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateInspect, in)
}

// Assess reports damage to a system.
func (c *Client) Assess(ctx context.Context, id string, in workflows.Assess) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateAssess, in)
}

// Decide takes the recovery decision.
func (c *Client) Decide(ctx context.Context, id string, in workflows.Decide) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateDecide, in)
}

// Approve approves the recovery.
func (c *Client) Approve(ctx context.Context, id string, in workflows.Approve) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateApprove, in)
}

// Refuse refuses what waits for an approval.
func (c *Client) Refuse(ctx context.Context, id string, in workflows.Refuse) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateRefuse, in)
}

// Confirm ends a phase that people carry out.
func (c *Client) Confirm(ctx context.Context, id string, in workflows.Confirm) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateConfirm, in)
}

// Abort stops a run before its next effect; undo follows.
func (c *Client) Abort(ctx context.Context, id string, in workflows.Control) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateAbort, in)
}

// Pause holds a run before its next step.
func (c *Client) Pause(ctx context.Context, id string, in workflows.Control) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdatePause, in)
}

// Resume lets a paused run go on.
func (c *Client) Resume(ctx context.Context, id string, in workflows.Control) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateResume, in)
}

func (c *Client) update(ctx context.Context, id, name string, in any) (workflows.Done, error) {
	return act[workflows.Done](ctx, c, runPath(id, name), NewRequestID(), in)
}

// Step settles a step that waits.
func (c *Client) Step(ctx context.Context, id, step string, in StepRequest) (workflows.Done, error) {
	return act[workflows.Done](ctx, c, runPath(id, "steps", step), NewRequestID(), in)
}

// System says who holds a system.
func (c *Client) System(ctx context.Context, name string) (System, error) {
	return get[System](ctx, c, "/systems/"+url.PathEscape(name), nil)
}

// Release frees a system whose clean-up a person has finished.
func (c *Client) Release(ctx context.Context, system string, in workflows.Control) (workflows.Done, error) {
	return act[workflows.Done](ctx, c, "/systems/"+url.PathEscape(system)+"/release", NewRequestID(), in)
}

// Actions lists the actions that the server knows.
func (c *Client) Actions(ctx context.Context) ([]Action, error) {
	return get[[]Action](ctx, c, "/actions", nil)
}
