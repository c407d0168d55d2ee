package board

import "context"

// What a blind drill brings is withheld from those who take part until it is over
// (plan.Scenario.MaySee). Pages that many look at together, and the wall, tell it to nobody.

// reader is who looks, as far as blind drills are concerned. The console and links are nobody, as
// the API has it.
func (v *visit) reader() string {
	if v.actor.Console || v.actor.Limit != nil {
		return ""
	}
	return v.actor.Person
}

// seenBy is a picture as somebody may see it; "" is everybody.
func (p picture) seenBy(person string) picture {
	if p.Plan.Scenario.MaySee(person, p.Overview.State.Ended()) {
		return p
	}
	p.Overview, p.Plan = p.Overview.Withheld(p.Plan), p.Plan.OfBlindRun()
	return p
}

// sees is the topic of a run for somebody.
func (f *follower) sees(person string) *topic {
	if f.plan.Scenario.Blind && f.plan.Scenario.MaySee(person, false) {
		return f.whole
	}
	return f.topic
}

// read is a topic's picture of the run, as somebody may see it.
func (f *follower) read(person string) func(context.Context) ([]picture, error) {
	return func(ctx context.Context) ([]picture, error) {
		one, err := f.look(ctx)
		if err == nil {
			err = f.hub.besides(ctx, &one)
		}
		return []picture{one.seenBy(person)}, err
	}
}
