package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Proposal is what an alarm asks of people.
type Proposal = alarm.Proposal

// ProposalRequest starts or dismisses a proposal.
type ProposalRequest struct {
	By     string `json:"by,omitempty" doc:"Who: an ID of the estate; whoever asks when left out."`
	Reason string `json:"reason,omitempty" doc:"Why. Required to dismiss."`
	// PlanHash is that of the plan the caller has looked at; "" is whatever the files say now.
	PlanHash string `json:"plan_hash,omitempty" doc:"To start: of the plan you have looked at; refused when the files have changed since."`
}

// ofAlarm makes sure that who acts as a source of alarms is one: no person and no token is.
func ofAlarm(ctx context.Context, by string) error {
	if run.IsSchedule(by) {
		return ofSchedule(ctx, by)
	}
	source := strings.TrimPrefix(by, run.Alarm(""))
	if a, ok := identity.From(ctx); ok && a.IsAlarm(source) {
		return nil
	}
	l := lang(ctx)
	return problem(http.StatusForbidden, CodeRefused, l.T("Nobody may act as %s but that source of alarms itself.", "%s として操作できるのは、その警報の発信元だけです。", by),
		l.T("Give the ID of a person of the estate", "構成台帳に載っている人のIDを指定してください"))
}

func (s *Server) proposalRoutes(api huma.API) {
	huma.Register(api, route("list-proposals", http.MethodGet, "/proposals", "What alarms propose, newest first. What was settled 90 days ago and not heard of since is not listed any more."),
		func(ctx context.Context, in *struct {
			State alarm.State `query:"state" enum:"open,started,dismissed,expired" doc:"All when left out."`
		}) (*answer[[]Proposal], error) {
			list, err := s.proposals.List(ctx, s.Store, in.State)
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			return &answer[[]Proposal]{list}, nil
		})
	huma.Register(api, route("start-proposal", http.MethodPost, "/proposals/{id}/start", "Start what an alarm proposes, or join the run of its scenario.", 404, 409, 422, 503, 504), s.startProposal)
	huma.Register(api, route("dismiss-proposal", http.MethodPost, "/proposals/{id}/dismiss", "Close a proposal without starting anything.", 404, 409, 422, 503), s.dismissProposal)
}

// OfProposal is a request about a proposal; huma reads exported types only.
type OfProposal struct {
	ID   string `path:"id" doc:"The proposal's ID."`
	Body ProposalRequest
}

// open is an open proposal, or the problem of one that is not.
func (s *Server) open(ctx context.Context, id string) (Proposal, error) {
	l := lang(ctx)
	p, err := alarm.Get(ctx, s.Store, id)
	if errors.Is(err, journal.ErrNotFound) {
		return p, problem(http.StatusNotFound, CodeNotFound, l.T("There is no proposal %q.", "提案 %q はありません。", id), l.T("`muster proposal list` shows all", "`muster proposal list` で一覧を表示できます"))
	}
	if err != nil {
		return p, s.storeProblem(ctx, err)
	}
	if p.State != alarm.Open {
		return p, s.settled(ctx, p)
	}
	return p, nil
}

// settled says what became of a proposal that does not wait any more.
func (s *Server) settled(ctx context.Context, p Proposal) error {
	l := lang(ctx)
	out := problem(http.StatusConflict, CodeRefused, "", "")
	switch p.State {
	case alarm.Started:
		out.Detail, out.Holder = l.T("Proposal %s was started already, by %s: run %s.", "提案 %s は %s により開始済みです（実施 %s）。", p.ID, p.By, p.Run), p.Run
		out.WayOut = l.T("`muster drill show %s` shows it", "`muster drill show %s` で確認できます", p.Run)
	case alarm.Expired:
		out.Detail = l.T("Proposal %s has run out.", "提案 %s は期限切れです。", p.ID)
	default:
		out.Detail = l.T("Proposal %s was dismissed by %s: %s", "提案 %s は %s により却下済みです：%s", p.ID, p.By, p.Reason)
	}
	if out.WayOut == "" {
		out.WayOut = l.T("`muster activate %s --reason ...` starts the response without it", "提案によらない発動は `muster activate %s --reason ...` で行えます", p.Scenario)
	}
	return out
}

func (s *Server) startProposal(ctx context.Context, in *OfProposal) (*answer[Started], error) {
	if err := sign(ctx, &in.Body); err != nil {
		return nil, err
	}
	l := lang(ctx)
	p, err := s.open(ctx, in.ID)
	if err != nil && p.State == alarm.Started && p.By == in.Body.By { // a second click, or an answer that was lost
		return &answer[Started]{Started{Run: p.Run, StartedBy: p.By}}, nil
	}
	if err != nil {
		return nil, err
	}
	if p.Scenario == "" {
		return nil, problem(http.StatusConflict, CodeRefused, l.T("The proposal names no scenario: %s.", "この提案にはシナリオがありません（%s）。", p.Trouble.In(string(l))),
			l.T("Choose one and start it with `muster activate SCENARIO --reason ...`, then dismiss this", "シナリオを選んで `muster activate SCENARIO --reason ...` で発動し、この提案は却下してください"))
	}
	reason := p.Summary.Both()
	if in.Body.Reason != "" {
		reason = in.Body.Reason + " (" + reason + ")"
	}
	// A training telegram's proposal is a drill, whoever starts it.
	out, err := s.start(ctx, StartRequest{Scenario: p.Scenario, Kind: p.Kind, By: in.Body.By, Reason: reason, PlanHash: in.Body.PlanHash, RequestID: p.RequestID(), Since: p.Happened(s.now())})
	if away := new(Problem); errors.As(err, &away) && away.Code == CodeUnknownOutcome {
		away.WayOut = l.T("Start the proposal once more: nothing starts twice", "提案の開始をもう一度操作してください。二重に開始されることはありません")
	}
	if err != nil {
		return nil, err
	}
	via := ""
	if a, ok := identity.From(ctx); ok {
		via = a.Via
	}
	_, err = alarm.Change(ctx, s.Store, p.ID, func(p *Proposal) error {
		if p.State != alarm.Open {
			return nil // the run is the same
		}
		p.Run = out.Run
		return p.Settle(alarm.Started, in.Body.By, via, reason, s.now())
	})
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	return &answer[Started]{out}, nil
}

func (s *Server) dismissProposal(ctx context.Context, in *OfProposal) (*answer[Proposal], error) {
	if err := sign(ctx, &in.Body); err != nil {
		return nil, err
	}
	l := lang(ctx)
	p, err := s.open(ctx, in.ID)
	if err != nil && p.State == alarm.Dismissed && p.By == in.Body.By && p.Reason == in.Body.Reason {
		return &answer[Proposal]{p}, nil
	}
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(in.Body.Reason) == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("To dismiss an alarm needs a reason.", "警報の却下には理由が必要です。"), l.T("Say why with --reason", "--reason で理由を示してください"))
	}
	if err := s.mayDismiss(ctx, p.Scenario, in.Body.By); err != nil {
		return nil, err
	}
	via := ""
	if a, ok := identity.From(ctx); ok {
		via = a.Via
	}
	p, err = alarm.Change(ctx, s.Store, p.ID, func(p *Proposal) error {
		return p.Settle(alarm.Dismissed, in.Body.By, via, in.Body.Reason, s.now())
	})
	if errors.Is(err, alarm.ErrSettled) {
		return nil, s.settled(ctx, p)
	}
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	return &answer[Proposal]{p}, nil
}

// mayDismiss lets those close an alarm who could have started what it proposes; one that
// proposes nothing, those who start runs by the estate as it is now.
func (s *Server) mayDismiss(ctx context.Context, scenario, by string) error {
	var pl plan.Plan
	var err error
	switch {
	case scenario != "":
		pl, err = s.compile(ctx, scenario, "")
	case s.Estate != nil:
		if pl.Estate, err = s.Estate(ctx); err != nil {
			err = s.mistakes(ctx, err)
		}
	default: // nobody is known
	}
	if err == nil {
		err = knownPerson(ctx, pl, by)
	}
	if err == nil {
		err = mayIn(ctx, pl.Estate, by, plan.MayStart)
	}
	return err
}

// NoteAlarm enters in a run's record what a source of alarms said. Each message is a writer
// of its own, with one event: the run's workflow is the only one that may number its own.
func NoteAlarm(ctx context.Context, store journal.Store, id, source, message string, said run.AlarmSaid, text string) error {
	e := run.Event{Run: id, Writer: "alarm/" + digest(message), Seq: 1, At: time.Now().UTC(), Kind: run.AlarmNoted, By: run.Alarm(source),
		Reason: text, Data: run.Encode(said)}
	err := store.Append(ctx, []run.Event{e})
	if errors.Is(err, journal.ErrTaken) {
		return nil // a message that came twice
	}
	return err
}

// Proposals lists what alarms propose; state "" is all.
func (c *Client) Proposals(ctx context.Context, state alarm.State) ([]Proposal, error) {
	q := url.Values{}
	if state != "" {
		q.Set("state", string(state))
	}
	return get[[]Proposal](ctx, c, "/proposals", q)
}

// StartProposal starts what an alarm proposes.
func (c *Client) StartProposal(ctx context.Context, id string, in ProposalRequest) (Started, error) {
	return act[Started](ctx, c, "/proposals/"+url.PathEscape(id)+"/start", NewRequestID(), in)
}

// DismissProposal closes a proposal without starting anything.
func (c *Client) DismissProposal(ctx context.Context, id string, in ProposalRequest) (Proposal, error) {
	return act[Proposal](ctx, c, "/proposals/"+url.PathEscape(id)+"/dismiss", NewRequestID(), in)
}
