package report

import (
	"cmp"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// system is a table's cell with a system as people call it.
func (d *document) system(id string) cell { return tell(d.report.called("system", id, id)) }

// title is a system by its title alone, where a table repeats it or a sentence is about it; with the
// ID where two have one title.
func (r Report) title(s System) inWords {
	for _, o := range r.Systems {
		if o.ID != s.ID && (o.Title.EN == s.Title.EN || o.Title.JA == s.Title.JA) {
			return inWords(r.called("system", s.ID, s.ID))
		}
	}
	return inWords(plan.Text{EN: cmp.Or(s.Title.In("en"), s.ID), JA: cmp.Or(s.Title.In("ja"), s.ID)})
}

// site is one with a site.
func (d *document) site(id string) cell { return tell(d.report.called("site", id, id)) }

// people are some in one line, as personCalled has each.
func (d *document) people(ids []string) plan.Text {
	var en, ja []string
	for _, id := range ids {
		t := d.personCalled(id)
		en, ja = append(en, t.EN), append(ja, t.JA)
	}
	return plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")}
}

// seen is what a finding rests on. The record keeps people by their IDs, which erasure knows how to
// take out; readers get the names.
func (d *document) seen(text string) plan.Text {
	ids := strings.Split(text, ", ")
	for _, id := range ids {
		if d.personCalled(id) == plain(id) {
			return plan.Text{}
		}
	}
	return d.people(ids)
}
