package programme

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Status is where a planned drill stands.
type Status string

const (
	Planned  Status = "planned"   // its time has not come
	Waiting  Status = "postponed" // its time has come, and something holds it up
	UnderWay Status = "under_way" // its run is in progress
	HeldThen Status = "held"
	Overdue  Status = "overdue"  // its time is over, and it was not held
	Arriving Status = "due"      // somebody has come who needs it, and its time is not over
	NotOwed  Status = "not_owed" // its time was over before the programme was in force
)

// Statuses lists them.
func Statuses() []Status {
	return []Status{Planned, Arriving, Waiting, UnderWay, HeldThen, Overdue, NotOwed}
}

// Item is one planned drill of a year and what became of it.
type Item struct {
	Row      string      `json:"row"`
	Number   string      `json:"number,omitempty"`
	Title    plan.Text   `json:"title"`
	Kind     string      `json:"kind"`
	Scenario string      `json:"scenario,omitempty"`
	Planner  string      `json:"planner"`
	Blind    bool        `json:"blind,omitempty"`
	From     time.Time   `json:"from" doc:"When it is due: the day of its schedule, or the beginning of its month or part of the year."`
	To       time.Time   `json:"to,omitzero" doc:"Until when it may be held without being overdue."`
	Status   Status      `json:"status" enum:"planned,due,postponed,under_way,held,overdue,not_owed"`
	HeldOn   time.Time   `json:"held_on,omitzero"`
	Late     bool        `json:"late,omitempty" doc:"It was held after its time was over."`
	Run      string      `json:"run,omitempty"`
	By       string      `json:"by,omitempty" doc:"Who started it, or recorded it."`
	Until    time.Time   `json:"until,omitzero" doc:"When a postponed one is tried again; not told of a blind one."`
	Why      []plan.Text `json:"why,omitempty" doc:"What moved it, held it up or kept it from being held."`
	Occasion string      `json:"occasion,omitempty"`
	Person   string      `json:"person,omitempty" doc:"Whom it is for, where it is due because somebody came."`
	Role     string      `json:"role,omitempty" doc:"The role that the person is new in; none is newly in the estate."`
	Left     time.Time   `json:"left,omitzero" doc:"When the person was found to be out of the estate, or without the role."`
	// What is said of how it was held.
	RecordedAt time.Time `json:"recorded_at,omitzero" doc:"When somebody recorded that people held it without a run."`
	Reason     string    `json:"reason,omitempty" doc:"What they recorded that was done, and what came of it."`
	Simulated  bool      `json:"simulated,omitempty" doc:"In the run that held it the engine answered for the people."`
	Unproven   bool      `json:"unproven,omitempty" doc:"It was held, but on somebody's word where a run could show it, or with simulated people."`
}

// Record is an occasion as its journal tells it.
type Record struct {
	ID        string          `json:"id"`
	Due       run.Due         `json:"due"`
	State     run.State       `json:"state"`
	Postponed []run.Postponed `json:"postponed,omitempty"`
	Draws     []DrawnStart    `json:"draws,omitempty"`
	Run       run.OccasionRun `json:"run,omitzero"`
	HeldAt    time.Time       `json:"held_at,omitzero"`
	By        string          `json:"by,omitempty"`
	Reason    string          `json:"reason,omitempty" doc:"What people recorded that was done, where they held it without a run."`
	Withdrawn *Withdrawn      `json:"withdrawn,omitempty" doc:"Set where it was recorded by hand that it was held, and somebody took that back."`
	Missed    []run.Problem   `json:"missed,omitempty"`
}

// DrawnStart is a commitment, and what it was made for once that is open.
type DrawnStart struct {
	run.Commitment
	Opened *run.Opened `json:"opened,omitempty"`
}

// ReadRecord makes an occasion from its events.
func ReadRecord(id string, events []run.Event) (Record, error) {
	r := Record{ID: id, State: run.Running}
	for _, e := range events {
		var err error
		switch e.Kind {
		case run.OccasionDue:
			err = e.Decode(&r.Due)
		case run.OccasionPostponed:
			var p run.Postponed
			err = e.Decode(&p)
			r.Postponed = append(r.Postponed, p)
		case run.OccasionCommitted:
			var d DrawnStart
			err = e.Decode(&d.Commitment)
			r.Draws = append(r.Draws, d)
		case run.OccasionOpened:
			var o run.Opened
			err = e.Decode(&o)
			for i := range r.Draws {
				if r.Draws[i].Draw == o.Draw {
					r.Draws[i].Opened = &o
				}
			}
		case run.OccasionHeld:
			r.HeldAt, r.By, r.Reason, r.Withdrawn = e.At, e.By, e.Reason, nil
			err = e.Decode(&r.Run)
		case run.OccasionWithdrawn:
			r.Withdrawn = &Withdrawn{At: e.At, By: e.By, Reason: e.Reason}
		case run.OccasionMissed:
			var m run.OccasionMiss
			err = e.Decode(&m)
			r.Missed = m.Why
		case run.RunEnded:
			var end run.Ended
			err = e.Decode(&end)
			r.State = end.State
		}
		if err != nil {
			return r, fmt.Errorf("occasion %s, event %s/%d: %w", id, e.Writer, e.Seq, err)
		}
	}
	return r, nil
}

// Ran is a run, as far as the plan is concerned.
type Ran struct {
	Run       string
	Scenario  string
	Kind      run.Kind
	State     run.State
	Depth     run.Depth
	By        string
	StartedAt time.Time
}

// counts reports whether a run is a drill that was held, or is being held.
func (r Ran) counts() bool {
	return r.Kind == run.Drill && r.State != run.Refused && r.State != run.Cancelled
}

// shallower reports whether a run was made less deep than a drill must be.
func (r Ran) shallower(than run.Depth) bool {
	return than != "" && r.Depth != "" && slices.Index(run.Depths(), r.Depth) < slices.Index(run.Depths(), than)
}

// Facts is what the record holds of a year.
type Facts struct {
	Records  []Record
	Runs     []Ran
	Arrivals []Arrived
	Since    time.Time // when muster first had a programme; zero is from the beginning
	// Untold are rows, also of those that are gone, of which no hint tells the reader what else they may be.
	Untold []string
}

// Coverage holds the year's plan against what was held. It is a pure function: of the same
// plan and record it says the same anywhere.
func Coverage(p *Programme, from, until, now time.Time, facts Facts) []Item {
	c := &covering{p: p, from: from, until: until, now: now, facts: facts, used: map[string]bool{}, records: map[string][]*Record{}}
	type word struct{ row, day string }
	said := map[word]bool{}
	for i := range facts.Records {
		r := &facts.Records[i]
		row := p.Called(r.Due.Schedule)
		if r.word() { // under each of the row's names somebody may have recorded it
			w := word{row, p.local(r.Due.At).Format(time.DateOnly)}
			if said[w] {
				continue
			}
			said[w] = true
		}
		c.records[row] = append(c.records[row], r)
		if r.Run.Run != "" { // what an occasion has started is nobody else's
			c.used[r.Run.Run] = true
		}
	}
	for _, id := range slices.Sorted(maps.Keys(c.records)) {
		if _, there := p.Row(id); !there {
			c.lost = append(c.lost, id)
		}
	}
	c.facts.Runs = slices.Clone(c.facts.Runs)
	slices.SortFunc(c.facts.Runs, func(a, b Ran) int { return a.StartedAt.Compare(b.StartedAt) })
	var out []Item
	for _, row := range p.Rows {
		out = append(out, c.row(row)...)
	}
	out = append(out, c.gone()...)
	slices.SortStableFunc(out, func(a, b Item) int { return a.From.Compare(b.From) })
	return out
}

type covering struct {
	p                *Programme
	from, until, now time.Time
	facts            Facts
	records          map[string][]*Record // by row
	lost             []string             // rows that the record knows and the plan does not
	used             map[string]bool      // runs and words that count for an item
}

func (c *covering) within(t time.Time) bool { return !t.Before(c.from) && t.Before(c.until) }

func (c *covering) row(row Row) []Item {
	days := c.days(row)
	next := c.nextYears(row)
	items := make([]Item, len(days))
	for i, d := range days {
		it := d.Item
		end := next // what is held late counts until the next one is due
		if i+1 < len(days) {
			end = days[i+1].From
		}
		// Nothing is made good that is not owed; what was held in its month stands.
		if last := c.monthOf(row, it.To.Add(-time.Nanosecond)).AddDate(0, 1, 0); it.Status == NotOwed && last.Before(end) {
			end = last
		}
		begin := it.From
		if row.Spec != nil || d.record != nil {
			begin = c.monthOf(row, it.From)
		}
		switch {
		case d.record != nil:
			c.byOccasion(*d.record, &it)
		case it.Status == Overdue && row.Spec != nil && !row.ByHand:
			it.Why = append(it.Why, plan.Text{EN: "the record has nothing of it: the schedule was not in effect, or nothing ran for too long", JA: "記録がない（予定が適用されていない、または muster が長期間停止していた）"})
		}
		if it.Status != HeldThen && it.Status != UnderWay {
			c.byHand(row, &it, begin, end)
		}
		if it.Status == Overdue && len(it.Why) == 0 {
			it.Why = []plan.Text{{EN: "no run of it, and nobody recorded that it was held", JA: "実施の記録がない"}}
		}
		it.Late = it.tardy()
		items[i] = it
	}
	items = append(c.byWord(row, items), c.arrivals(row)...)
	c.perhaps(row, items)
	return items
}

func (r Row) item() Item {
	return Item{Row: r.ID, Number: r.Number, Title: r.Title, Kind: r.Kind, Scenario: r.Scenario, Planner: r.Planner}
}

// planned lists when a row is due in the year.
func (c *covering) planned(row Row) []Item {
	base := row.item()
	var out []Item
	add := func(from, to time.Time) {
		it := base
		it.From, it.To, it.Status = from, to, Planned
		c.over(row, &it)
		out = append(out, it)
	}
	zone := calendar.Rule{Zone: c.p.Zone}.Location()
	switch {
	case row.Spec != nil:
		base.Blind = row.Spec.Blind != nil
		rule := row.Spec.Rule
		rule.From = calendar.Date{} // what was due before is shown, and not owed
		for _, t := range rule.Between(c.from, c.until) {
			st := row.Spec.Begins(t)
			to := maxTime(st.At, st.Until).Add(row.Spec.Late.Std())
			if row.ByHand { // people have until the end of its month
				local := st.At.In(zone)
				to, _ = calendar.At(calendar.Date{Year: local.Year(), Month: local.Month() + 1, Day: 1}, 0, 0, zone)
			}
			add(t, to)
			for _, m := range st.Shifts {
				if out[len(out)-1].Status == NotOwed {
					break
				}
				out[len(out)-1].Why = append(out[len(out)-1].Why, m.Why)
			}
		}
	case row.Times > 0:
		part := c.until.Sub(c.from) / time.Duration(row.Times)
		for i := range row.Times {
			add(c.from.Add(part*time.Duration(i)), c.from.Add(part*time.Duration(i+1)))
		}
	default:
		first := calendar.DateOf(c.from.In(zone))
		for i := range 12 {
			m := (int(first.Month)-1+i)%12 + 1
			if slices.Contains(row.Months, m) {
				year := first.Year + (int(first.Month)-1+i)/12
				from, _ := calendar.At(calendar.Date{Year: year, Month: time.Month(m), Day: 1}, 0, 0, zone)
				to, _ := calendar.At(calendar.Date{Year: year, Month: time.Month(m) + 1, Day: 1}, 0, 0, zone)
				add(from, to)
			}
		}
	}
	return out
}

// inForce is since when a row is owed.
func (c *covering) inForce(row Row) time.Time {
	day := c.p.From
	if !row.From.IsZero() {
		day = row.From
	}
	if day.IsZero() {
		return c.facts.Since
	}
	at, _ := calendar.At(day, 0, 0, calendar.Rule{Zone: c.p.Zone}.Location())
	return at
}

// over says what one is whose time is over, unless it was held.
func (c *covering) over(row Row, it *Item) {
	force := c.inForce(row)
	switch {
	case !it.To.After(force):
		it.Status = NotOwed
		day := calendar.DateOf(force.In(calendar.Rule{Zone: c.p.Zone}.Location()))
		if row.From.IsZero() && c.p.From.IsZero() {
			it.Why = []plan.Text{plan.Say("muster has had a programme since %s; if it was in force before, write the day as `from` in the programme", "muster が訓練計画を読み込んだのは %s。それ以前から適用していた場合は、訓練計画の from に日付を書くこと", day)}
			return
		}
		it.Why = []plan.Text{plan.Say("in force from %s on", "適用開始日（%s）より前", day)}
	case c.now.After(it.To):
		it.Status = Overdue
	}
}

// byOccasion says what the occasion of a due day came to.
func (c *covering) byOccasion(r Record, it *Item) {
	it.Occasion = r.ID
	it.Why = nil
	for _, m := range r.Due.Shifts {
		it.Why = append(it.Why, plan.Text{EN: m.Why.EN, JA: m.Why.JA})
	}
	if n := len(r.Postponed); n > 0 {
		it.Why = append(it.Why, texts(r.Postponed[n-1].Why)...)
	}
	switch {
	case r.Run.Run != "":
		c.ran(it, r.Run.Run, r.HeldAt, r.By)
	case r.State == run.NotHeld, len(r.Missed) > 0:
		it.Status, it.Why = Overdue, append(it.Why, texts(r.Missed)...)
	case len(r.Postponed) > 0:
		it.Status, it.Until = Waiting, r.Postponed[len(r.Postponed)-1].Until
	default:
		it.Status = Planned // it waits for its time
	}
}

// tardy reports whether it was held after its time was over. A word names a day and no hour, so that it is late from the
// day after the one on which the time was over.
func (it Item) tardy() bool {
	if it.ByWord() {
		return !it.To.IsZero() && !startOfDay(it.HeldOn).Before(it.To)
	}
	return it.Status == HeldThen && !it.To.IsZero() && it.HeldOn.After(it.To)
}

func texts(list []run.Problem) []plan.Text {
	var out []plan.Text
	for _, p := range list {
		out = append(out, plan.Text{EN: p.EN, JA: p.JA})
	}
	return out
}

// ran counts a run, which may have been aborted since.
func (c *covering) ran(it *Item, id string, at time.Time, by string) {
	it.Run, it.By, it.HeldOn, it.Status = id, by, at, HeldThen
	i := slices.IndexFunc(c.facts.Runs, func(r Ran) bool { return r.Run == id })
	switch {
	case i < 0: // its record is elsewhere, and the occasion's says that it was
	case !c.facts.Runs[i].counts():
		it.Status, it.HeldOn = Overdue, time.Time{}
		it.Why = append(it.Why, plan.Say("run %s was aborted, or refused", "%s は中止または拒否された", id))
	case !c.facts.Runs[i].State.Ended():
		it.Status, it.HeldOn = UnderWay, time.Time{}
	}
}

// byHand looks for what people held: a run of the scenario, or their word.
func (c *covering) byHand(row Row, it *Item, begin, end time.Time) {
	for _, r := range c.records[row.ID] {
		if !r.word() || c.used[r.ID] {
			continue
		}
		if last := endOfDay(c.p.local(r.Due.At)); last.Before(begin) || !last.Before(end) { // the word is of a day
			continue
		}
		c.used[r.ID] = true
		it.recorded()
		it.byWord(*r, c.p)
		return
	}
	if row.Scenario == "" {
		return
	}
	var shallow []plan.Text
	for _, r := range c.facts.Runs {
		if r.Scenario != row.Scenario || !r.counts() || c.used[r.Run] || r.StartedAt.Before(begin) || !r.StartedAt.Before(end) {
			continue
		}
		if r.shallower(row.Depth) {
			shallow = append(shallow, plan.Say("run %s does not hold it: it was at depth %s, and the scenario is of depth %s", "%s は深さ %s の実施で、シナリオの深さ %s より浅いため、実施とみなさない", r.Run, string(r.Depth), string(row.Depth)))
			continue
		}
		c.used[r.Run] = true
		it.recorded()
		c.ran(it, r.Run, r.StartedAt, r.By)
		return
	}
	it.Why = append(it.Why, shallow...)
}

// recorded takes back that the record has nothing of a drill which has no due day in it.
func (it *Item) recorded() {
	if it.Occasion == "" || it.Status == NotOwed {
		it.Why = nil
	}
}
