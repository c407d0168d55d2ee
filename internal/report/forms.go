package report

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Forms is what people handed in, besides what stands in lists of its own. A list is absent
// when nothing was.
type Forms struct {
	// Damage is the latest word on each system and component, beside what the probes saw.
	Damage []Damage `json:"damage,omitempty"`
	// Parties are all parties of the plan, once one of them was tried.
	Parties []Party   `json:"parties,omitempty"`
	Orders  []Order   `json:"orders,omitempty"`
	Custody []Custody `json:"custody,omitempty"`

	Drafts        []Draft        `json:"drafts,omitempty"` // all, in their order
	Consultations []Consultation `json:"consultations,omitempty"`
	Reviews       []Review       `json:"reviews,omitempty"`

	Situations []Situation `json:"situations,omitempty"`
	Notices    []Notice    `json:"notices,omitempty"`
	Completion *Completion `json:"completion,omitempty"`
	Records    []Record    `json:"records,omitempty"` // who was asked what was hard, and what they said
	Acks       []Ack       `json:"acks,omitempty"`    // the messages that asked to be acknowledged
}

// formFacts is what the journal says of them.
type formFacts struct {
	priorities []string
	seen       map[string]map[string]sighting // by system and probe
	frozen     map[string]map[string]sighting // the same when the recovery was ordered
	parties    []Party
	orders     []Order
	custody    []Custody

	drafts        []Draft
	consultations []Consultation
	reviews       []Review

	situations []Situation
	notices    []Notice
	completion *Completion
	records    []Record
	acks       []Ack
}

// form reads an event of a form.
func (f *facts) form(e run.Event) error {
	switch e.Kind {
	case run.PrioritiesSet:
		var p run.Priorities
		if err := decode(e, &p); err != nil {
			return err
		}
		f.forms.priorities = p.Order
		return nil
	}
	return f.contact(e)
}

// formsReport is the part of the report about forms.
func (f *facts) formsReport() Forms {
	return Forms{Damage: f.damage(), Parties: f.partiesReport(), Orders: f.forms.orders, Custody: f.forms.custody,
		Drafts: f.forms.drafts, Consultations: f.forms.consultations, Reviews: f.forms.reviews,
		Situations: f.forms.situations, Notices: f.forms.notices, Completion: f.forms.completion, Records: f.forms.records, Acks: f.forms.acks}
}

// entered is when a late entry was entered; empty for one that was not late.
func (d *document) entered(at *time.Time) plan.Text {
	if at == nil {
		return plan.Text{}
	}
	return plain(d.clock(*at))
}

// photos names pictures by the first letters of their SHA-256, as people compare them.
func photos(ids []string) string {
	var out []string
	for _, id := range ids {
		out = append(out, short(id))
	}
	return strings.Join(out, " ")
}

// count is a number; none is left empty.
func count(n int) plan.Text {
	if n == 0 {
		return plan.Text{}
	}
	return plain(itoa(n))
}

// titlesOf are what people call what the report names.
func titlesOf(p plan.Plan) map[string]plan.Text {
	out := map[string]plan.Text{}
	for _, s := range p.Estate.Sites {
		out["site "+s.Name] = s.Title
		for _, c := range s.Checklist() {
			out["check "+s.Name+"/"+c.Name] = c.Title
		}
	}
	for _, x := range p.Estate.Parties {
		out["party "+x.Name] = x.Title
	}
	for _, x := range p.Estate.Roles {
		out["role "+x.Name] = x.Title
	}
	for _, x := range p.Systems {
		out["system "+x.Name] = x.Title
		if w := x.SingleWriter; w != nil {
			out["step /"+w.ID] = w.Title
			if w.Title == (plan.Text{}) {
				out["step /"+w.ID] = say("Exactly one side takes writes", "書き込み先が一つだけであることの確認")
			}
		}
	}
	for _, x := range p.Scenario.Injects {
		out["step /"+x.ID] = x.Title
	}
	for _, rb := range p.Runbooks {
		for _, x := range rb.Steps {
			out["step "+rb.Name+"/"+x.ID] = x.Title
		}
	}
	maps.DeleteFunc(out, func(_ string, t plan.Text) bool { return t == plan.Text{} })
	return out
}

// called is what people call something, with the ID that commands and files take.
func (r Report) called(kind, name, id string) plan.Text {
	t := r.Names[kind+" "+name]
	one := func(lang, format string) string {
		switch s := t.In(lang); {
		case s == "":
			return id
		case strings.EqualFold(s, id):
			return s
		default:
			return fmt.Sprintf(format, s, id)
		}
	}
	return plan.Text{EN: one("en", "%s (%s)"), JA: one("ja", "%s（%s）")}
}

// role is what people call a role.
func (r Report) role(name string) plan.Text { return r.called("role", name, name) }

// roles are what people call some, in one line.
func (r Report) roles(names []string) plan.Text {
	var en, ja []string
	for _, n := range names {
		t := r.Names["role "+n]
		en, ja = append(en, cmp.Or(t.In("en"), n)), append(ja, cmp.Or(t.In("ja"), n))
	}
	return plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")}
}

// step is what people call a step.
func (r Report) step(s Step) plan.Text { return r.called("step", s.Runbook+"/"+s.ID, s.ID) }

func itoa(n int) string { return strconv.Itoa(n) }
