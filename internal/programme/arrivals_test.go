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
