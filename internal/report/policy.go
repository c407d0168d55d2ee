package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Draft is a proposal for the recovery decision; drafting and deciding are acts of two persons
// (requirement B-STP-08).
type Draft struct {
	System    string     `json:"system"`
	By        string     `json:"by"`
	At        time.Time  `json:"at"`
	EnteredAt *time.Time `json:"entered_at,omitempty"`
	Reason    string     `json:"reason"`
	run.Draft
}

// Consultation is whom somebody consulted before deciding.
type Consultation struct {
	run.Consultation
	By      string     `json:"by"`
	BegunAt *time.Time `json:"begun_at"`
	EndedAt *time.Time `json:"ended_at"`
	TookS   *float64   `json:"took_s"`
	Note    string     `json:"note,omitempty"`
}

// Review is a decision that was put up again, since the recovery slipped past its target
// (requirement B-DEC-10). Its figures are forecasts.
type Review struct {
	System string `json:"system"`
	run.Review
	AskedAt    time.Time  `json:"asked_at"`
	AnsweredAt *time.Time `json:"answered_at"` // null: nobody did
	By         string     `json:"by,omitempty"`
	Reason     string     `json:"reason,omitempty"`
}

// deciding reads an event on the way to a decision.
func (f *facts) deciding(e run.Event) error {
	at, forms := e.When(), &f.forms
	switch e.Kind {
	case run.DraftMade:
		d := Draft{System: e.System, By: e.By, At: at, EnteredAt: enteredAt(e), Reason: e.Reason}
		if err := decode(e, &d.Draft); err != nil {
			return err
		}
		forms.drafts = append(forms.drafts, d)
	case run.ConsultationBegun, run.ConsultationEnded:
		c := Consultation{By: e.By, Note: e.Reason}
		if err := decode(e, &c.Consultation); err != nil {
			return err
		}
		if e.Kind == run.ConsultationBegun {
			c.BegunAt = &at
			forms.consultations = append(forms.consultations, c)
			return nil
		}
		i := slices.IndexFunc(forms.consultations, func(o Consultation) bool { return o.With == c.With && o.EndedAt == nil && !c.NoHeadquarters })
		if i < 0 {
			c.EndedAt = &at
			forms.consultations = append(forms.consultations, c)
			return nil
		}
		o := &forms.consultations[i]
		o.EndedAt, o.Note = &at, e.Reason
		o.TookS = seconds(max(0, at.Sub(*o.BegunAt)))
	case run.ReviewAsked:
		r := Review{System: e.System, AskedAt: e.At}
		if err := decode(e, &r.Review); err != nil {
			return err
		}
		forms.reviews = append(forms.reviews, r)
	case run.ReviewMade:
		for i := range forms.reviews {
			if r := &forms.reviews[i]; r.System == e.System && r.AnsweredAt == nil {
				r.AnsweredAt, r.By, r.Reason = &at, e.By, e.Reason
			}
		}
	case run.DeputiesAsked: // who decided is with the decision
	}
	return nil
}

// standOf says what the decision rests on: the share of the RTO that was used up, and how old the
// oldest of the newest damage reports was.
func (f *facts) standOf(d *Decision) {
	if d.Question != "recovery" {
		return
	}
	for _, s := range f.systems {
		if s.plan.Name != d.System {
			continue
		}
		if rto := s.plan.Objective.RTO; rto != nil && *rto > 0 && s.occurred != nil && s.occurred.Source != run.SourceThreat {
			share := round(max(0, d.At.Sub(s.occurred.At).Seconds()) / rto.Seconds())
			d.UsedShare = &share
		}
		newest := map[string]time.Time{}
		for _, a := range f.report.Assessments {
			if a.System == d.System && a.Source != "probe" && !a.At.After(d.At) {
				newest[a.Component] = a.At
			}
		}
		var oldest time.Time
		for _, at := range newest {
			if oldest.IsZero() || at.Before(oldest) {
				oldest = at
			}
		}
		if !oldest.IsZero() {
			d.OldestS = seconds(d.At.Sub(oldest))
		}
	}
}

// policies are what was drafted and decided besides the choice, who was consulted, and what was
// put up again.
func (d *document) policies() []table {
	r := d.report
	t := table{Caption: say("Policy: drafts and decisions", "復旧方針：案と決定"), Head: []plan.Text{say("At", "時刻"), say("Act", "区分"), say("System", "システム"), say("By", "作成・決定者"), say("Choice", "方針"), say("Place", "復旧場所"), say("Level", "復旧レベル"), say("Method", "復旧方式"),
		say("Order", "順序"), say("Requests", "要請事項"), say("Rejected", "採らなかった案"), say("Reason", "理由"), say("RTO used", "RTO 消費"), say("Oldest report", "最も古い被害報告"), say("Entered", "入力時刻")}}
	row := func(at time.Time, act plan.Text, system, by string, choice run.Choice, p run.Policy, reason string, rest ...cell) {
		level, order := plan.Text{}, plan.Text{}
		if p.Level > 0 {
			level = plain(fmt.Sprintf("%d%%", p.Level))
		}
		if p.Order > 0 {
			order = plain(itoa(p.Order))
		}
		var not []plan.Text
		for _, x := range p.Rejected {
			c := chosen(x.Choice)
			not = append(not, plan.Text{EN: c.EN + ": " + x.Reason, JA: c.JA + "：" + x.Reason})
		}
		rejected := plan.Text{}
		if len(not) > 0 {
			rejected = plan.Joined(not...)
		}
		t.Rows = append(t.Rows, append([]cell{timeCell(plain(d.clock(at))), tell(act), name(system), tell(actor(by)), tell(chosen(choice)), name(p.Place), figureCell(level), name(p.Method), figureCell(order),
			name(strings.Join(p.Requests, "; ")), tell(rejected), tell(plan.Apart(reason))}, rest...))
	}
	for _, x := range r.Drafts {
		row(x.At, say("draft", "案"), x.System, x.By, x.Choice, x.Policy, x.Reason, cell{}, cell{}, timeCell(d.entered(x.EnteredAt)))
	}
	told := len(r.Drafts) > 0
	for _, x := range r.Decisions {
		if x.Question != "recovery" {
			continue
		}
		told = told || x.Given() || x.EnteredAt != nil
		used, oldest := plan.Text{}, plan.Text{}
		if x.UsedShare != nil {
			used = plain(fmt.Sprintf("%.0f%%", 100**x.UsedShare))
		}
		if x.OldestS != nil {
			oldest = spanOr(x.OldestS, dash)
		}
		row(x.At, say("decision", "決定"), x.System, x.By, x.Answer, x.Policy, "", figureCell(used), figureCell(oldest), timeCell(d.entered(x.EnteredAt)))
	}
	var out []table
	if told {
		out = append(out, t)
	}
	if len(r.Consultations) > 0 {
		c := table{Caption: say("Consultations", "協議"), Head: []plan.Text{say("With", "協議先"), say("By", "協議者"), say("Begun", "開始"), say("Ended", "終了"), say("Took", "所要"), say("Outcome", "結果")}}
		for _, x := range r.Consultations {
			with := plain(x.With)
			if x.NoHeadquarters {
				with = say("no headquarters to consult", "協議すべき対策本部なし")
			}
			c.Rows = append(c.Rows, []cell{tell(with), tell(actor(x.By)), timeCell(d.clockOr(x.BegunAt)), timeCell(d.clockOr(x.EndedAt)), figureCell(spanOr(x.TookS, dash)), name(x.Note)})
		}
		out = append(out, c)
	}
	if len(r.Reviews) > 0 {
		v := table{Caption: say("Decisions put up for review (forecasts, not measured)", "復旧方針の見直し（見込みであり実測ではない）"), Head: []plan.Text{say("At", "時刻"), say("System", "システム"), say("Decided", "決定済みの方針"), say("Time used", "経過"), say("Still takes", "残り見込み"),
			say("RTO", "RTO"), say("Miss", "超過見込み"), say("Answered", "回答"), say("By", "回答者"), say("Reason", "理由")}}
		for _, x := range r.Reviews {
			answered := say("nobody answered", "回答なし")
			if x.AnsweredAt != nil {
				at := d.clock(*x.AnsweredAt)
				answered = say("kept, %s", "継続（%s）", at)
			}
			v.Rows = append(v.Rows, []cell{timeCell(plain(d.clock(x.AskedAt))), d.system(x.System), tell(chosen(x.Choice)), figureCell(say("%s", "%s", span(round(x.UsedS)))), figureCell(say("%s", "%s", span(round(x.RemainingS)))),
				figureCell(say("%s", "%s", span(x.ObjectiveS))), figureCell(say("%s", "%s", span(round(x.MissS)))), tell(answered), tell(actor(x.By)), tell(plan.Apart(x.Reason))})
		}
		out = append(out, v)
	}
	return out
}
