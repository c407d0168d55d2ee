package board

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// personView is one person in a run, as /people and the report have them.
type personView struct {
	ID         string
	Name       plan.Text
	Section    string
	Roles      []string // as they are now
	Called     bool     // or answered or came without
	Absent     bool     // taken out of the drill
	DeputyFor  []string
	Reminded   int
	Unreached  bool       // by any channel
	Safety     run.Safety // "" has not answered
	CanCome    bool
	AnsweredAt *time.Time // the first answer
	ArrivedAt  *time.Time
	Left       bool // came, and said since that they have to go
	Place      string
}

// rollOf is everybody in the plan's order, as they are now.
func rollOf(people []progress.Person) []personView {
	out := make([]personView, 0, len(people))
	for _, p := range people {
		v := personView{ID: p.ID, Name: p.Name, Section: p.Section, Roles: p.Roles, Called: p.State != progress.NotCalled && p.State != progress.OutOfDrill,
			Absent: p.State == progress.OutOfDrill, DeputyFor: p.StandsIn, Reminded: p.Reminded, Unreached: p.Unreached, ArrivedAt: p.ArrivedAt, Left: p.Left, Place: p.Place}
		if p.Last != nil {
			v.Safety, v.CanCome, v.AnsweredAt = p.Last.Safety, p.Last.CanCome, &p.First.At
		}
		out = append(out, v)
	}
	return out
}

// tally counts people; the total of a section or a role.
type tally struct {
	Name                                                          string
	Called, Answered, Safe, Injured, Silent, Coming, Here, Absent int
}

func (t *tally) add(p personView) {
	if p.Absent {
		t.Absent++
	}
	if !p.Called {
		return
	}
	t.Called++
	switch {
	case p.AnsweredAt == nil:
		t.Silent++
	case p.Safety.Hurt():
		t.Injured++
	case p.Safety.Fine():
		t.Safe++
	}
	if p.AnsweredAt != nil {
		t.Answered++
		if p.CanCome {
			t.Coming++
		}
	}
	if p.ArrivedAt != nil && !p.Left {
		t.Here++
	}
}

// tallies counts by a name that each person has one or more of, in order of first use.
func tallies(people []personView, names func(personView) []string) []tally {
	var out []tally
	for _, p := range people {
		for _, n := range names(p) {
			i := slices.IndexFunc(out, func(t tally) bool { return t.Name == n })
			if i < 0 {
				out, i = append(out, tally{Name: n}), len(out)
			}
			out[i].add(p)
		}
	}
	return slices.DeleteFunc(out, func(t tally) bool { return t.Called+t.Absent == 0 })
}
