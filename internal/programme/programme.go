// Package programme is the year's drills: the rows of the yearly plan, when each is due, what
// holds one up, and what became of them all. It reads the file and computes; it does nothing.
package programme

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Programme is a checked programme.
type Programme struct {
	Name   string    `json:"name"`
	Title  plan.Text `json:"title"`
	Begins int       `json:"begins" doc:"Month with which its year begins."`
	Zone   string    `json:"zone"`
	// From is the day from which it is in force; none is the day on which muster first had a programme.
	From    calendar.Date `json:"from,omitzero" doc:"Day from which it is in force; none is the day on which muster first had a programme."`
	Chief   string        `json:"chief" doc:"Role."`
	Manager string        `json:"manager" doc:"Role."`
	Planner string        `json:"planner" doc:"Person."`
	File    string        `json:"file"`
	Rows    []Row         `json:"rows"`

	Calendar calendar.Calendar `json:"calendar"`
	Freezes  []calendar.Span   `json:"freezes,omitempty"`
}

// Days are those on which people work: by the programme's calendar or, without a programme, of the week.
func (p *Programme) Days() calendar.Calendar {
	if p == nil {
		return calendar.Weekdays()
	}
	return p.Calendar
}

// KindReview is the kind of a row in which the plans themselves are reviewed.
const KindReview = "review"

// Row is a row of the yearly plan.
type Row struct {
	ID          string        `json:"id"`
	Was         []string      `json:"was,omitempty" doc:"Names that it had before: what the record has of them is the row's."`
	Number      string        `json:"number,omitempty"`
	Kind        string        `json:"kind"`
	Title       plan.Text     `json:"title"`
	Content     plan.Text     `json:"content"`
	Method      []string      `json:"method"`
	Audience    []string      `json:"audience"`
	Months      []int         `json:"months,omitempty"`
	Times       int           `json:"times,omitempty" doc:"How often a year, without set months."`
	From        calendar.Date `json:"from,omitzero" doc:"Day from which the row is in force, where it is not the programme's."`
	Planner     string        `json:"planner"`
	Remarks     plan.Text     `json:"remarks,omitzero"`
	Scenario    string        `json:"scenario,omitempty"`
	Systems     []string      `json:"systems,omitempty"`
	Depth       run.Depth     `json:"depth,omitempty" doc:"The scenario's own: a shallower run does not hold the row."`
	ByHand      bool          `json:"by_hand,omitempty" doc:"People start it, or hold it without a scenario."`
	Goals       []Goal        `json:"goals,omitempty"`
	Assumptions []string      `json:"assumptions,omitempty"`
	Contractors []Contractor  `json:"contractors,omitempty"`
	Arrivals    *Arrival      `json:"arrivals,omitempty"`
	Spec        *Spec         `json:"schedule,omitempty" doc:"When it is due, and by which rules it begins; none is without set days."`
	Line        string        `json:"line" doc:"Where it stands, as file:line."`
}

// Goal is what a drill must show.
type Goal struct {
	ID     string    `json:"id"`
	Text   plan.Text `json:"text"`
	Expect string    `json:"expect,omitempty"`
	Judge  string    `json:"judged_by,omitempty"`
}

// Contractor is a party's part; days are empty where it has not come to that.
type Contractor struct {
	Party    string `json:"party"`
	Invited  string `json:"invited,omitempty"`
	Accepted string `json:"accepted,omitempty"`
	Declined string `json:"declined,omitempty"`
	TookPart string `json:"took_part,omitempty"`
}

// Arrival says who needs it when they come, and how soon.
type Arrival struct {
	Within run.Duration `json:"within"`
	Roles  []string     `json:"roles,omitempty"`
}

// Spec is a schedule with all that decides when a drill of it begins. It is what `schedule
// apply` puts into effect, so it carries the calendar that it was applied with.
type Spec struct {
	Schedule  string            `json:"schedule"`
	Programme string            `json:"programme"`
	Title     plan.Text         `json:"title"`
	Scenario  string            `json:"scenario"`
	Systems   []string          `json:"systems,omitempty"`
	Planner   string            `json:"planner"`
	Rule      calendar.Rule     `json:"rule"`
	Calendar  calendar.Calendar `json:"calendar"`
	Freezes   []calendar.Span   `json:"freezes,omitempty"`
	Shift     bool              `json:"shift"` // off days that are not worked on
	Every     run.Duration      `json:"every"`
	For       run.Duration      `json:"for"`
	GiveUp    run.Duration      `json:"give_up"`
	Late      run.Duration      `json:"late"`
	Miss      bool              `json:"miss,omitempty"` // what is later is not held
	Ready     bool              `json:"ready,omitempty"`
	Jitter    run.Duration      `json:"jitter,omitempty"`
	Blind     *Window           `json:"blind,omitempty"`
}

// Window is where the start of a blind drill is drawn.
type Window struct {
	Days     int    `json:"days"`
	From     string `json:"from"` // 15:04
	To       string `json:"to"`
	By       string `json:"approved_by"`
	Approved string `json:"approved"`
}

// Start is a coming start of a schedule.
type Start struct {
	Schedule string           `json:"schedule"`
	Nominal  time.Time        `json:"nominal" doc:"When the rule has it due."`
	At       time.Time        `json:"at" doc:"When it begins, or its window opens."`
	Until    time.Time        `json:"until,omitzero" doc:"Of a blind drill, when its window closes."`
	Blind    bool             `json:"blind,omitempty"`
	Shifts   []calendar.Shift `json:"shifts,omitempty"`
	Never    bool             `json:"never,omitempty" doc:"There is no day within a year on which it could begin."`
}

// Next lists the next n starts of a schedule, each with what moves it.
func (s Spec) Next(after time.Time, n int) []Start {
	var out []Start
	// One that moves may come after the moment though its rule has it before.
	for _, t := range s.Rule.Next(after.Add(-maxMove), n+12) {
		st := s.Begins(t)
		if end := maxTime(st.At, st.Until); end.After(after) && len(out) < n {
			out = append(out, st)
		}
	}
	return out
}

// maxMove is how far a start is looked for behind the moment that is asked about.
const maxMove = 62 * 24 * time.Hour

func maxTime(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Begins is the start that a due moment leads to.
func (s Spec) Begins(nominal time.Time) Start {
	at, shifts, ok := s.Calendar.Settle(nominal, s.Shift, s.Freezes, s.Systems)
	st := Start{Schedule: s.Schedule, Nominal: nominal, At: at, Shifts: shifts, Never: !ok}
	if s.Blind != nil {
		st.Blind = true
		if w := s.Windows(at); len(w) > 0 {
			st.At, st.Until = w[0][0], w[len(w)-1][1]
		} else {
			st.Never = true
		}
	}
	return st
}

// Windows are those in which a blind drill may begin, from a moment on.
func (s Spec) Windows(from time.Time) [][2]time.Time {
	if s.Blind == nil {
		return nil
	}
	day := calendar.DateOf(from.In(s.zone()))
	midnight, _ := calendar.At(day, 0, 0, s.zone())
	return s.Calendar.Windows(midnight, s.Blind.Days, calendar.Hours{From: s.Blind.From, To: s.Blind.To}, s.Freezes, s.Systems)
}

// Rest are the windows of one day from a moment on: where a blind drill that was held up is
// drawn again.
func (s Spec) Rest(from time.Time) [][2]time.Time {
	if s.Blind == nil {
		return nil
	}
	return s.Calendar.Windows(from, 1, calendar.Hours{From: s.Blind.From, To: s.Blind.To}, s.Freezes, s.Systems)
}

func (s Spec) zone() *time.Location { return calendar.Rule{Zone: s.Calendar.Zone}.Location() }

// Again is when a drill that is held up is looked at again: a moment later while its hours
// of that day last, then on the next working day at its time, never in a freeze.
func (s Spec) Again(nominal, first, now time.Time) (time.Time, bool) {
	deadline := s.Deadline(nominal)
	if next := now.Add(s.Every.Std()); s.Blind == nil && next.Before(first.Add(s.For.Std())) {
		if _, frozen := s.Calendar.Frozen(next, s.Freezes, s.Systems); !frozen {
			return next, !next.After(deadline)
		}
	}
	zone := s.zone()
	day := calendar.DateOf(now.In(zone)).Plus(1)
	hour, minute := s.Rule.Hour, s.Rule.Minute
	if s.Blind != nil {
		hour, minute = 0, 0
	}
	at, _ := calendar.At(day, hour, minute, zone)
	next, _, ok := s.Calendar.Settle(at, true, s.Freezes, s.Systems)
	return next, ok && !next.After(deadline)
}

// Deadline is until when a drill that is due may begin: so long after its start, or after the
// end of the window in which it is drawn.
func (s Spec) Deadline(nominal time.Time) time.Time {
	st := s.Begins(nominal)
	return maxTime(st.At, st.Until).Add(s.GiveUp.Std())
}

// Row returns the row of that name or, of a name that no row has today, the one that says it was called so. Nothing else
// tells which row a name of the record is: neither scenario nor schedule show that one is another under a new name, and
// where that is taken for shown, a drill counts as held that nobody held.
func (p *Programme) Row(name string) (Row, bool) {
	at := slices.IndexFunc(p.Rows, func(r Row) bool { return r.ID == name })
	if at < 0 {
		at = slices.IndexFunc(p.Rows, func(r Row) bool { return slices.Contains(r.Was, name) })
	}
	if at < 0 {
		return Row{}, false
	}
	return p.Rows[at], true
}

// Called is the ID of the row that Row returns, and the name itself where there is none.
func (p *Programme) Called(name string) string {
	if row, there := p.Row(name); there {
		return row.ID
	}
	return name
}

// Names are all that the row is and was called, the present one last.
func (r Row) Names() []string { return append(slices.Clone(r.Was), r.ID) }

// Specs are the schedules that muster starts, by name.
func (p *Programme) Specs() []Spec {
	var out []Spec
	for _, r := range p.Rows {
		if r.Spec != nil && !r.ByHand {
			out = append(out, *r.Spec)
		}
	}
	slices.SortFunc(out, func(a, b Spec) int {
		if a.Schedule < b.Schedule {
			return -1
		}
		return 1
	})
	return out
}

// Year is the span of the programme's year that a moment lies in.
func (p *Programme) Year(at time.Time) (from, until time.Time) {
	zone := calendar.Rule{Zone: p.Zone}.Location()
	local := at.In(zone)
	year := local.Year()
	if local.Month() < time.Month(p.Begins) {
		year--
	}
	from, _ = calendar.At(calendar.Date{Year: year, Month: time.Month(p.Begins), Day: 1}, 0, 0, zone)
	until, _ = calendar.At(calendar.Date{Year: year + 1, Month: time.Month(p.Begins), Day: 1}, 0, 0, zone)
	return from, until
}
