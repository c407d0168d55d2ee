package programme

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// settled leaves out of what the year before still owes what is due in it by the rules of now alone. last are all its
// items, and facts what was recorded; from and until are its bounds.
func settled(last, overdue []Item, from, until time.Time, facts Facts) []Item {
	rows := map[string]*past{}
	var out []Item
	for _, i := range overdue {
		if i.Person != "" || i.Occasion != "" { // somebody's, or the record has it as due
			out = append(out, i)
			continue
		}
		p := rows[i.Row]
		if p == nil {
			p = pastOf(i.Row, last, from, until, facts)
			rows[i.Row] = p
		}
		switch {
		case p.held > 0:
			p.held--
		case p.otherRule && (p.sameRule.IsZero() || i.From.Before(p.sameRule)):
			if p.missed > 0 {
				p.missed--
				out = append(out, i)
			}
		default:
			out = append(out, i)
		}
	}
	return out
}

// past is what the record has of a row in the year before that no item of the rules of now stands for.
type past struct {
	held, missed int
	otherRule    bool      // an occasion has a due day that the rule of now does not know
	sameRule     time.Time // the first due day with an occasion that it does
}

func pastOf(row string, last []Item, from, until time.Time, facts Facts) *past {
	p := &past{}
	for _, r := range facts.Records {
		if r.Due.Schedule != row || r.Due.Person != "" {
			continue
		}
		within := func(t time.Time) bool { return !t.Before(from) && t.Before(until) }
		if r.State == run.Held && r.Run.Run == "" { // somebody's word
			taken := slices.ContainsFunc(last, func(i Item) bool {
				return i.Row == row && (i.Occasion == r.ID || i.Status == HeldThen && i.HeldOn.Equal(r.Due.At))
			})
			if within(r.Due.At) && !taken {
				p.held++
			}
			continue
		}
		if !within(r.Due.Nominal) {
			continue
		}
		if slices.ContainsFunc(last, func(i Item) bool { return i.Row == row && i.From.Equal(r.Due.Nominal) }) {
			if p.sameRule.IsZero() || r.Due.Nominal.Before(p.sameRule) {
				p.sameRule = r.Due.Nominal
			}
			continue
		}
		p.otherRule = true
		if r.held(facts) {
			p.held++
		} else {
			p.missed++
		}
	}
	return p
}

// held reports whether the run that an occasion began counts; one whose record is elsewhere does.
func (r Record) held(facts Facts) bool {
	if r.Run.Run == "" {
		return false
	}
	i := slices.IndexFunc(facts.Runs, func(x Ran) bool { return x.Run == r.Run.Run })
	return i < 0 || facts.Runs[i].counts()
}
