package programme_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// Who comes is due once, whatever roles they come with; who gets a role later is due again; who left in time is owed
// nothing, and of who left without it the year keeps what was missed, and asks nobody for it.
func TestArrivalsAreDueByPersonAndRole(t *testing.T) {
	on := func(day string) time.Time {
		if day == "" {
			return time.Time{}
		}
		return at(t, day+"T09:00:00+09:00")
	}
	arrived := func(who, role, since, left string) programme.Arrived {
		return programme.Arrived{Person: who, Role: role, Since: on(since), Left: on(left)}
	}
	held := func(who, day string) programme.Record {
		return programme.Record{ID: who + day, Due: run.Due{Schedule: "training", Person: who, At: at(t, day+"T12:00:00+09:00")}, State: run.Held}
	}
	now := at(t, "2026-12-01T09:00:00+09:00")
	for name, c := range map[string]struct {
		roles    []string
		arrivals []programme.Arrived
		records  []programme.Record
		want     string
		owed     int
	}{
		"with their roles": {nil, []programme.Arrived{arrived("ito", "", "2026-11-20", ""), arrived("ito", "clerk", "2026-11-20", ""), arrived("ito", "operator", "2026-11-20", "")}, nil,
			"2026-11-20 training due for ito", 0},
		"a clerk becomes operator": {nil, []programme.Arrived{arrived("ito", "operator", "2026-11-20", "")}, nil, "2026-11-20 training due for ito", 0},
		"a second role": {[]string{"clerk", "operator"}, []programme.Arrived{arrived("ito", "", "2026-07-01", ""), arrived("ito", "clerk", "2026-07-01", ""), arrived("ito", "operator", "2026-11-20", "")},
			[]programme.Record{held("ito", "2026-07-20")}, "2026-07-01 training held for ito on 2026-07-20\n2026-11-20 training due for ito", 0},
		"held at both": {nil, []programme.Arrived{arrived("ito", "", "2026-07-01", ""), arrived("ito", "operator", "2026-11-20", "")},
			[]programme.Record{held("ito", "2026-07-20"), held("ito", "2026-11-25")}, "2026-07-01 training held for ito on 2026-07-20\n2026-11-20 training held for ito on 2026-11-25", 0},
		"left in time": {nil, []programme.Arrived{arrived("ito", "", "2026-07-01", "2026-07-20")}, nil, "2026-07-01 training not_owed for ito | left on 2026-07-20, before its time was over", 0},
		"left, and was trained": {nil, []programme.Arrived{arrived("ito", "", "2026-07-01", "2026-07-20")}, []programme.Record{held("ito", "2026-07-10")},
			"2026-07-01 training held for ito on 2026-07-10", 0},
		"left without it":  {nil, []programme.Arrived{arrived("ito", "", "2026-07-01", "2026-08-20")}, nil, "2026-07-01 training overdue for ito | nobody recorded that it was held by 2026-08-20, when they left", 0},
		"there without it": {nil, []programme.Arrived{arrived("ito", "", "2026-07-01", "")}, nil, "2026-07-01 training overdue for ito", 1},
	} {
		p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{
			{ID: "training", Title: plan.Text{EN: "training"}, Arrivals: &programme.Arrival{Within: 30 * 24 * hour, Roles: c.roles}, ByHand: true}}}
		from, until := p.Year(now)
		facts := programme.Facts{Arrivals: c.arrivals, Records: c.records}
		if got := lines(programme.Coverage(p, from, until, now, facts)); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
		owed := 0
		for _, i := range programme.Owed(p, now, facts) {
			if i.Status == programme.Overdue {
				owed++
			}
		}
		if owed != c.owed {
			t.Errorf("%s: %d are owed, want %d", name, owed, c.owed)
		}
	}
}

// What comes on one day of the programme's zone is due once, however often somebody looked on that day and by whatever
// clock; what one of two roles leaves open the other keeps, and a training counts by its day.
func TestWhatComesOnOneDayIsDueOnce(t *testing.T) {
	arrived := func(role, since, left string) programme.Arrived {
		a := programme.Arrived{Person: "ito", Role: role, Since: at(t, since)}
		if left != "" {
			a.Left = at(t, left)
		}
		return a
	}
	held := []programme.Record{{ID: "h", Due: run.Due{Schedule: "training", Person: "ito", At: at(t, "2026-11-20T12:00:00+09:00")}, State: run.Held}}
	for name, c := range map[string]struct {
		arrivals []programme.Arrived
		records  []programme.Record
		want     string
	}{
		"two looks": {[]programme.Arrived{arrived("clerk", "2026-11-20T09:00:00+09:00", ""), arrived("operator", "2026-11-20T17:00:00+09:00", "")}, nil, "2026-11-20 training due for ito"},
		"one day, two of UTC": {[]programme.Arrived{arrived("clerk", "2026-11-19T23:00:00Z", ""), arrived("operator", "2026-11-20T01:00:00Z", "")}, nil,
			"2026-11-19 training due for ito"},
		"two days, one of UTC": {[]programme.Arrived{arrived("clerk", "2026-11-20T14:00:00Z", ""), arrived("operator", "2026-11-20T16:00:00Z", "")}, nil,
			"2026-11-20 training due for ito\n2026-11-20 training due for ito"},
		"the first was a mistake": {[]programme.Arrived{arrived("clerk", "2026-11-20T09:00:00+09:00", "2026-11-20T10:00:00+09:00"), arrived("operator", "2026-11-20T10:00:00+09:00", "")}, nil,
			"2026-11-20 training due for ito"},
		"both are over": {[]programme.Arrived{arrived("clerk", "2026-11-20T09:00:00+09:00", "2026-11-20T10:00:00+09:00"), arrived("operator", "2026-11-20T10:00:00+09:00", "2026-11-22T10:00:00+09:00")}, nil,
			"2026-11-20 training not_owed for ito | left on 2026-11-22, before its time was over"},
		"trained before a look of the day after": {[]programme.Arrived{arrived("clerk", "2026-11-21T13:00:00+09:00", "")}, held, "2026-11-21 training held for ito on 2026-11-20"},
		"trained two days before":                {[]programme.Arrived{arrived("clerk", "2026-11-22T09:00:00+09:00", "")}, held, "2026-11-22 training due for ito"},
	} {
		p := &programme.Programme{Name: "test", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{
			{ID: "training", Title: plan.Text{EN: "training"}, Arrivals: &programme.Arrival{Within: 30 * 24 * hour}, ByHand: true}}}
		now := at(t, "2026-12-01T09:00:00+09:00")
		from, until := p.Year(now)
		if got := lines(programme.Coverage(p, from, until, now, programme.Facts{Arrivals: c.arrivals, Records: c.records})); got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
		}
	}
}
