package progress

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Draft is the newest proposal for a system's recovery decision.
type Draft struct {
	System string `json:"system"`
	run.Draft
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Reason   string    `json:"reason"`
	Revision int       `json:"revision"` // 1 is the first
}

// Consultation is whom somebody consulted.
type Consultation struct {
	run.Consultation
	By      string     `json:"by"`
	BegunAt *time.Time `json:"begun_at,omitempty"` // nil: only its end was entered
	EndedAt *time.Time `json:"ended_at,omitempty"`
	Note    string     `json:"note,omitempty"`
}

// underReview is a decision that is up for review.
type underReview struct {
	review run.Review
	at     time.Time
	why    string
}

func (t *Tracker) deciding(e run.Event) {
	v := &t.view
	switch e.Kind {
	case run.DraftMade:
		d := Draft{System: e.System, By: e.By, At: e.When(), Reason: e.Reason, Revision: 1}
		_ = e.Decode(&d.Draft)
		if i := slices.IndexFunc(v.Drafts, func(o Draft) bool { return o.System == e.System }); i >= 0 {
			d.Revision += v.Drafts[i].Revision
			v.Drafts[i] = d
			return
		}
		v.Drafts = append(v.Drafts, d)
	case run.ConsultationBegun, run.ConsultationEnded:
		c := Consultation{By: e.By, Note: e.Reason}
		_ = e.Decode(&c.Consultation)
		at := e.When()
		if e.Kind == run.ConsultationBegun {
			c.BegunAt = &at
			v.Consultations = append(v.Consultations, c)
			return
		}
		for i := range v.Consultations {
			if o := &v.Consultations[i]; o.With == c.With && o.EndedAt == nil && !c.NoHeadquarters {
				o.EndedAt, o.Note = &at, c.Note
				return
			}
		}
		c.EndedAt = &at
		v.Consultations = append(v.Consultations, c)
	case run.DeputiesAsked:
		var d run.Deputies
		_ = e.Decode(&d)
		t.deputies = d.People
	case run.ReviewAsked:
		r := underReview{at: e.At, why: e.Reason}
		_ = e.Decode(&r.review)
		t.reviews[e.System] = r
	case run.ReviewMade:
		delete(t.reviews, e.System)
	}
}

// toReview are the decisions that are up for review, while the recovery goes on.
func (t *Tracker) toReview() []Waiting {
	var out []Waiting
	for _, name := range sortedKeys(t.reviews) {
		r := t.reviews[name]
		w := Waiting{For: AwaitReview, Phase: run.Recovery, System: name, Role: t.plan.Scenario.Decision.By, Text: r.why, Acts: []string{string(r.review.Choice)}, Since: r.at, Review: &r.review}
		w.People = t.withDeputies(t.holders(w.Role))
		out = append(out, w)
	}
	return out
}
