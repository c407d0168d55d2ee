package scenario

import (
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// usualReminders are when the silent are reminded unless the scenario says otherwise.
var usualReminders = []run.Duration{run.Duration(5 * time.Minute), run.Duration(15 * time.Minute), run.Duration(30 * time.Minute), run.Duration(time.Hour)}

// reminders reads when the silent are reminded: one span is how often, a list is when.
func (r *reading) reminders() {
	given, out := r.out.file.Safety.Remind, &r.out.plan.Safety
	if len(given) == 0 {
		out.Remind, out.Reminders = usualReminders[0], usualReminders
		return
	}
	for i, at := range given {
		switch {
		case !at.Set:
			continue
		case at.V == 0:
			r.Log.Add(at.Place, "safety: remind: 0s leaves no time at all; write a span, or leave it out for the usual one", "safety: remind: 0s では時間がありません。時間を書くか、既定値でよければ省略してください")
		case i > 0 && at.V <= given[i-1].V:
			r.Log.Add(at.Place, "safety: remind: %s does not come after %s; each is counted from the call, so put them in order", "safety: remind: %s が %s より後になっていません。いずれも召集からの時間なので、早い順に並べてください", at.V, given[i-1].V)
		}
		out.Reminders = append(out.Reminders, at.V)
	}
	if len(given) == 1 && given[0].Alone {
		out.Remind, out.Reminders = given[0].V, nil
		return
	}
	if len(out.Reminders) > 0 {
		out.Remind = out.Reminders[0]
	}
}

// checkMuster checks that what an event sets off is there.
func (l *loading) checkMuster(b *Bundle) {
	m := b.estate.DeclaredMuster
	if m == nil {
		return
	}
	var names []string
	for _, s := range b.scenarios {
		names = append(names, s.info.Name)
	}
	for _, c := range []struct {
		where string
		name  text
	}{{"automatic", m.Automatic.Scenario}, {"propose", m.Propose.Scenario}} {
		if c.name.Set && !slices.Contains(names, c.name.V) {
			l.log.Add(c.name.Place, "muster: %s: there is no scenario %q%s", "muster: %s: シナリオ %q はありません%s", c.where, c.name.V, yamldoc.Meant(c.name.V, names))
		}
	}
}

// missing reads who is taken out of the drill.
func (r *reading) missing() {
	f, e, out := &r.out.file, r.bundle.estate, &plan.Absence{}
	e.Role(r.Decoder, "lead", f.Lead)
	r.out.plan.Lead, r.out.plan.Daytime = f.Lead.V, f.Daytime.V
	for _, item := range f.Missing {
		if item.Node == nil {
			continue
		}
		if item.Node.Kind == yaml.MappingNode {
			r.draw(item, out)
			continue
		}
		id, err := yamldoc.String(item.Node)
		if err != nil {
			r.Log.Add(item.Place, "absent: %v; write the ID of a person, or {random: 2, of: ROLE}", "absent: %v。要員のIDか、{random: 2, of: 役割} を書いてください", err)
			continue
		}
		named := text{V: id, Place: item.Place, Set: true}
		estate.Known(r.Decoder, "absent", estate.APerson, named, e.PersonIDs())
		if slices.Contains(out.People, id) {
			r.Log.Add(item.Place, "absent: %s is there twice; keep one", "absent: %s が重複しています。1つにしてください", id)
			continue
		}
		out.People = append(out.People, id)
	}
	if len(out.People)+len(out.Draws) == 0 {
		return
	}
	if f.Hazard.V == string(run.RestoreTest) {
		r.Log.Add(f.Missing[0].Place, "absent: a restore test calls nobody; leave it out", "absent: 復元試験では誰も召集しません。削除してください")
	}
	slices.Sort(out.People)
	r.out.plan.Absent = out
}

func (r *reading) draw(item yamldoc.Raw, out *plan.Absence) {
	var d Draw
	if !r.Decode("absent", item.Node, &d) || !d.Random.Set {
		return
	}
	e := r.bundle.estate
	e.Role(r.Decoder, "absent: of", d.Of)
	have := len(e.People)
	if d.Of.V != "" {
		have = len(e.InRole(d.Of.V))
	}
	if d.Random.V >= have && have > 0 {
		r.Log.Add(d.Random.Place, "absent: %d of %d would be taken out, and nobody could be left; draw fewer", "absent: %[2]d 人中 %[1]d 人が不在となり、誰も残らないおそれがあります。人数を減らしてください", d.Random.V, have)
	}
	seed := d.Seed.V
	if seed == "" {
		seed = r.out.info.Name
	}
	out.Draws = append(out.Draws, plan.Draw{Random: d.Random.V, Role: d.Of.V, Seed: seed})
}
