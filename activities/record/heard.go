package record

import (
	"context"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// heardAtOnce bounds how many events are read for one answer: each that counts is some
// hundred bytes in the run's history.
const heardAtOnce = 3000

// Heard tells a run what people said since a position of the record. Only what the server
// wrote for them counts: the run knows what it wrote itself.
func (d Deps) Heard(ctx context.Context, q plan.HeardRequest) (plan.Heard, error) {
	entries, err := d.Store.Events(ctx, q.Run, q.After, heardAtOnce)
	if err != nil {
		return plan.Heard{}, err
	}
	out := plan.Heard{Upto: q.After, More: len(entries) == heardAtOnce}
	for _, entry := range entries {
		e := entry.Event
		out.Upto = entry.Position
		if !strings.HasPrefix(e.Writer, run.PeopleWriter) {
			continue
		}
		said := plan.Said{Person: e.Person, At: e.At}
		if who := run.Person(e.By); who != e.Person {
			said.By = who
		}
		switch e.Kind {
		case run.PersonAnswered:
			var a run.Answer
			if err := e.Decode(&a); err != nil {
				return plan.Heard{}, err
			}
			said.Safety, said.CanCome, said.Online = a.Safety, a.CanCome, a.Online
		case run.PersonArrived:
			var a run.Arrival
			if err := e.Decode(&a); err != nil {
				return plan.Heard{}, err
			}
			said.Arrived, said.Place = true, a.Place
		default:
			continue
		}
		out.Said = append(out.Said, said)
	}
	return out, nil
}
