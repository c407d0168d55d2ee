package report

import (
	"maps"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// deliveries is what channels did to reach people (requirement B-REC-03).
type deliveries struct {
	reached, failed map[string][]string // channels, by person; "" is the run's room
	reasons         map[string][]string // of failures, by channel
	nowhere         map[string]string   // why no channel has an address of the person
}

func (f *facts) delivery(e run.Event) error {
	var d run.Delivery
	if err := decode(e, &d); err != nil {
		return err
	}
	if f.said.reached == nil {
		f.said = deliveries{reached: map[string][]string{}, failed: map[string][]string{}, reasons: map[string][]string{}, nowhere: map[string]string{}}
	}
	add := func(to map[string][]string, key, value string) {
		if !slices.Contains(to[key], value) {
			to[key] = append(to[key], value)
			slices.Sort(to[key])
		}
	}
	switch {
	case e.Kind == run.MessageDelivered:
		add(f.said.reached, e.Person, d.Channel)
	case e.Outcome == run.Failed && d.Channel == "":
		f.said.nowhere[e.Person] = e.Reason
	case e.Outcome == run.Failed:
		add(f.said.failed, e.Person, d.Channel)
		add(f.said.reasons, d.Channel, e.Reason)
	}
	return nil
}

// aboutDeliveries names those whom a channel could not reach; one whom no channel reached
// comes first. It is one finding a channel, however many people it is about.
func (f *facts) aboutDeliveries(l *findingList) {
	lost, by := map[string]bool{}, map[string][]string{}
	for who := range f.said.nowhere {
		lost[who] = true
	}
	for who, channels := range f.said.failed {
		lost[who] = who != ""
		for _, c := range channels {
			by[c] = append(by[c], who)
		}
	}
	maps.DeleteFunc(lost, func(who string, is bool) bool { return !is || len(f.said.reached[who]) > 0 })
	if nobody := slices.Sorted(maps.Keys(lost)); len(nobody) > 0 {
		detail := plan.Text{EN: strings.Join(nobody, ", "), JA: strings.Join(nobody, "、")}
		var nowhere []string
		why := ""
		for _, who := range nobody {
			if reason, is := f.said.nowhere[who]; is {
				nowhere, why = append(nowhere, who), reason
			}
		}
		if len(nowhere) > 0 {
			r := plan.Apart(why)
			detail = plan.Text{EN: detail.EN + "; " + r.EN + ": " + strings.Join(nowhere, ", "), JA: detail.JA + "；" + r.JA + "：" + strings.Join(nowhere, "、")}
		}
		l.addBoth(run.FindingPeople, "", "", say("%d could not be reached by any channel", "どの連絡手段でも届かなかった人が %d 名", len(nobody)), detail)
		l.at("people", "reach")
		l.named()
	}
	for _, c := range slices.Sorted(maps.Keys(by)) {
		who, whoJA, why := by[c], []string{}, []plan.Text{}
		slices.Sort(who)
		for i, id := range who {
			whoJA = append(whoJA, id)
			if id == "" {
				who[i], whoJA[i] = "the run's room", "実施の共有先"
			}
		}
		for _, reason := range f.said.reasons[c] {
			why = append(why, plan.Apart(reason))
		}
		reasons := plan.Joined(why...)
		l.addBoth(run.FindingPeople, "", "", say("%s did not deliver to %d", "%s で届かなかった宛先が %d 件", c, len(who)),
			plan.Text{EN: strings.Join(who, ", ") + " (" + reasons.EN + ")", JA: strings.Join(whoJA, "、") + "（" + reasons.JA + "）"})
		l.at("channel", c)
		l.named()
	}
}
