package programme

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// past is what the record has under the name of a row.
type past struct {
	first, last time.Time
	scenario    string // of the last
	people      bool   // it was due because somebody came
}

func pasts(records []Record) map[string]past {
	out := map[string]past{}
	for _, r := range records {
		p, known := out[r.Due.Schedule]
		if !known || r.Due.At.Before(p.first) {
			p.first = r.Due.At
		}
		if !r.Due.At.Before(p.last) {
			p.last, p.scenario, p.people = r.Due.At, r.Due.Scenario, r.Due.Person != ""
		}
		out[r.Due.Schedule] = p
	}
	return out
}

// heirs lists, of each name that the record has and the plan has no more, the rows which may be that one under another
// name: they run the same, and nothing is known of them before it ended.
func (p *Programme) heirs(of map[string]past) map[string][]string {
	out := map[string][]string{}
	for name, was := range of {
		if _, there := p.Row(name); there {
			continue
		}
		for _, row := range p.Rows {
			own, known := of[row.ID]
			if row.Scenario == was.scenario && (row.Arrivals != nil) == was.people && (!known || own.first.After(was.last)) {
				out[name] = append(out[name], row.ID)
			}
		}
	}
	return out
}

// Renamed tells of names that the record has and the plan has no more which row each is now. It tells nothing of those
// that may be several rows, of several that were in use side by side, and of what runs no scenario, by which alone rows
// are told apart.
func (p *Programme) Renamed(records []Record) map[string]string {
	of := pasts(records)
	was := map[string][]string{} // names by row
	for name, rows := range p.heirs(of) {
		if len(rows) == 1 && of[name].scenario != "" {
			was[rows[0]] = append(was[rows[0]], name)
		}
	}
	out := map[string]string{}
	for row, names := range was {
		slices.SortFunc(names, func(a, b string) int { return of[a].first.Compare(of[b].first) })
		beside := false
		for i := range names[1:] {
			beside = beside || !of[names[i+1]].first.After(of[names[i]].last)
		}
		for _, name := range names {
			if !beside {
				out[name] = row
			}
		}
	}
	return out
}

// perhaps says which rows that are in the plan no more may be this one, where a record of theirs would matter.
func (c *covering) perhaps(row Row, matters func(*Record) bool) []plan.Text {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.heirs)) {
		if slices.Contains(c.heirs[name], row.ID) && slices.ContainsFunc(c.records[name], matters) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []plan.Text{plan.Say("row %[1]s, which is no longer in the plan, may be this one: give the row that name again, or record under the new one what was held (`muster coverage held %[2]s`)",
		"現在の訓練計画にない行 %[1]s が、この行の改名前のものである可能性がある。その場合は行の名前を元に戻すか、実施済みのものを新しい名前で記録する（`muster coverage held %[2]s`）", strings.Join(names, ", "), row.ID)}
}
