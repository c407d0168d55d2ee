package board

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// sent is a form as it came.
type sent struct {
	url.Values
	run string
	by  string // who acts
	now time.Time
	// photos came with the form.
	photos []photoSent
}

func (s sent) text(name string) string { return strings.TrimSpace(s.Get(name)) }

// about is the person that the act is about: the actor, unless the form names another.
func (s sent) about() string {
	if p := s.text("person"); p != "" {
		return p
	}
	return s.by
}

// doers are the acts on a run, by the name in a form's address. Each goes through the API.
var doers = map[string]func(context.Context, *api.Client, sent) error{
	"checkin": func(ctx context.Context, c *api.Client, s sent) error {
		safety := run.Safety(s.text("safety"))
		in := workflows.CheckIn{Person: s.about(), By: s.by, Safety: safety, CanCome: s.text("come") == "yes" || s.text("come") == "online" || s.text("come") == "" && safety.Comes(),
			Online: s.text("come") == "online", Family: run.Family(s.text("family")), Whereabouts: s.text("whereabouts"), Phone: s.text("phone"), Note: s.text("note")}
		if minutes, err := strconv.Atoi(s.text("in_minutes")); err == nil && minutes > 0 && minutes <= 7*24*60 && in.CanCome {
			at := s.now.Add(time.Duration(minutes) * time.Minute).UTC().Truncate(time.Minute)
			in.ComesAt = &at
		}
		_, err := c.CheckIn(ctx, s.run, in)
		return err
	},
	"arrive": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Arrive(ctx, s.run, workflows.Arrive{Person: s.about(), By: s.by, Place: s.text("place")})
		return err
	},
	"ack": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Ack(ctx, s.run, workflows.Ack{Person: s.about(), By: s.by, Message: s.text("message")})
		return err
	},
	"inspect": inspect,
	"attest": func(ctx context.Context, c *api.Client, s sent) error {
		level, err := strconv.Atoi(s.text("level"))
		if err != nil {
			return errNotSaid
		}
		_, err = c.Attest(ctx, s.run, workflows.Attest{System: s.text("system"), Function: s.text("function"), By: s.by, Level: level, Reason: s.text("reason")})
		return err
	},
	"assess": assess,
	"decide": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Decide(ctx, s.run, workflows.Decide{System: s.text("system"), By: s.by, Choice: run.Choice(s.text("choice")), Reason: s.text("reason"), Instead: run.Choice(s.text("instead"))})
		return err
	},
	"draft": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Draft(ctx, s.run, workflows.Draft{System: s.text("system"), By: s.by, Choice: run.Choice(s.text("choice")), Reason: s.text("reason")})
		return err
	},
	"consult": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Consult(ctx, s.run, workflows.Consult{By: s.by, With: s.text("with"), Ended: s.text("with") != "", NoHeadquarters: s.text("none") == "yes", Note: s.text("note")})
		return err
	},
	"approve": func(ctx context.Context, c *api.Client, s sent) error {
		// Which question the page showed: what has been revised since is not approved unseen.
		asked, err := strconv.ParseInt(either(s.text("asked"), "0"), 10, 64)
		if err != nil {
			return errNotSaid
		}
		_, err = c.Approve(ctx, s.run, workflows.Approve{For: s.text("for"), Asked: asked, By: s.by, Reason: s.text("reason"), BreakGlass: s.text("break_glass") == "yes"})
		return err
	},
	"refuse": func(ctx context.Context, c *api.Client, s sent) error {
		asked, err := strconv.ParseInt(either(s.text("asked"), "0"), 10, 64)
		if err != nil {
			return errNotSaid
		}
		_, err = c.Refuse(ctx, s.run, workflows.Refuse{For: s.text("for"), Asked: asked, By: s.by, Reason: s.text("reason")})
		return err
	},
	"confirm": func(ctx context.Context, c *api.Client, s sent) error {
		in := workflows.Confirm{Phase: run.Phase(s.text("phase")), By: s.by, Note: s.text("note")}
		for line := range strings.Lines(s.text("restrictions")) {
			if line = strings.TrimSpace(line); line != "" {
				in.Restrictions = append(in.Restrictions, line)
			}
		}
		_, err := c.Confirm(ctx, s.run, in)
		return err
	},
	"remark": func(ctx context.Context, c *api.Client, s sent) error {
		text := s.text("note")
		_, err := c.Remark(ctx, s.run, workflows.Remark{By: s.by, Text: text, Nothing: text == "" && s.text("nothing") == "yes", Final: true})
		return err
	},
	"situation": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Situation(ctx, s.run, workflows.Control{By: s.by, Reason: s.text("reason")})
		return err
	},
	"step": func(ctx context.Context, c *api.Client, s sent) error {
		asked, err := strconv.ParseInt(either(s.text("asked"), "0"), 10, 64)
		if err != nil {
			return errNotSaid
		}
		wait, err := strconv.ParseInt(either(s.text("wait"), "0"), 10, 64)
		if err != nil {
			return errNotSaid
		}
		_, err = c.Step(ctx, s.run, s.text("step"), api.StepRequest{Act: run.Act(s.text("act")), By: s.by, Reason: s.text("reason"), System: s.text("system"), BreakGlass: s.text("break_glass") == "yes", Asked: asked, Wait: wait})
		return err
	},
	"callout": func(ctx context.Context, c *api.Client, s sent) error {
		if d := s.text("decision"); d != "send" && d != "cancel" {
			return errNotSaid
		}
		_, err := c.CallOut(ctx, s.run, workflows.CallOut{By: s.by, Send: s.text("decision") == "send", Reason: s.text("reason")})
		return err
	},
	"reach": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Reach(ctx, s.run, workflows.Reach{Party: s.text("party"), By: s.by, Channel: s.text("channel"), Outcome: run.Contact(s.text("outcome")), Person: s.text("person_reached"), Note: s.text("note")})
		return err
	},
	"follow-up": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.FollowUp(ctx, s.run, workflows.FollowUp{Order: s.text("order"), By: s.by, State: run.Progress(s.text("state")), Note: s.text("note")})
		return err
	},
	"receive": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Receive(ctx, s.run, workflows.Receive{Custody: s.text("order"), By: s.by, ReceivedBy: s.text("received_by"), Note: s.text("note")})
		return err
	},
	"priorities": func(ctx context.Context, c *api.Client, s sent) error {
		in := workflows.Prioritize{By: s.by, Reason: s.text("reason")}
		for _, name := range s.Values["place"] {
			if name != "" {
				in.Order = append(in.Order, name)
			}
		}
		if len(in.Order) == 0 {
			return errNotSaid
		}
		_, err := c.Prioritize(ctx, s.run, in)
		return err
	},
	"relocate": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Relocate(ctx, s.run, workflows.Relocate{By: s.by, Place: s.text("place"), Reason: s.text("reason")})
		return err
	},
	"handover": func(ctx context.Context, c *api.Client, s sent) error {
		role, from, ok := strings.Cut(s.text("held"), "/")
		if !ok || s.text("to") == "" {
			return errNotSaid
		}
		_, err := c.Handover(ctx, s.run, workflows.Handover{By: s.by, Role: role, From: from, To: s.text("to"), Reason: s.text("reason")})
		return err
	},
	"strength": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Strength(ctx, s.run, workflows.Strength{By: s.by, Note: s.text("note")})
		return err
	},
	"order": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Order(ctx, s.run, workflows.Order{By: s.by, To: s.text("to"), What: s.text("what"), Purpose: run.Purpose(s.text("purpose")), System: s.text("system")})
		return err
	},
	"take": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Take(ctx, s.run, workflows.Take{By: s.by, What: s.text("what"), From: s.text("from"), To: s.text("to"), TakenBy: s.text("taken_by"), Note: s.text("note")})
		return err
	},
	"notice": func(ctx context.Context, c *api.Client, s sent) error {
		way := s.text("way")
		if way != "given" && way != "received" {
			return errNotSaid
		}
		_, err := c.Notice(ctx, s.run, workflows.Notice{By: s.by, Who: s.text("who"), Text: s.text("text"), Channel: s.text("channel"), Received: way == "received"})
		return err
	},
	"abort": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Abort(ctx, s.run, workflows.Control{By: s.by, Reason: s.text("reason")})
		return err
	},
	"pause": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Pause(ctx, s.run, workflows.Control{By: s.by, Reason: s.text("reason")})
		return err
	},
	"resume": func(ctx context.Context, c *api.Client, s sent) error {
		_, err := c.Resume(ctx, s.run, workflows.Control{By: s.by, Reason: s.text("reason")})
		return err
	},
}
