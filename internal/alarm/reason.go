package alarm

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/alarm/jma"
	"github.com/muster-dr/muster/internal/plan"
)

// judge applies a rule and says, where it does not match, why. An error is of its expression.
func (r Rule) judge(a Alarm) (m match, ok bool, why plan.Text, err error) {
	m = match{rule: r, start: r.Start && a.Real, level: 1, why: a.Summary}
	switch {
	case r.Source != "" && r.Source != a.Source:
		return m, false, plan.Say("it is for alarms of %s", "発信元 %s の警報が対象", r.Source), nil
	case r.Source == "" && a.Kind != JMA:
		return m, false, plan.Text{EN: "it is for telegrams; name the source with alarm: to have it hear others", JA: "電文が対象。他の発信元には alarm: で名前を指定する"}, nil
	case !a.Real && !a.Training:
		return m, false, plan.Text{EN: "a test of the line wakes nobody", JA: "試験報では何も起こさない"}, nil
	case !a.Real && (r.Training == NoDrill || r.Training == ""):
		return m, false, plan.Text{EN: "it ignores trainings (training: ignore)", JA: "訓練の警報は対象外（training: ignore）"}, nil
	case !a.Real:
		m.start = r.Training == StartDrill
	}
	if t := a.Telegram; t != nil {
		area, shaken := t.Greatest(r.Areas)
		coast, wave := t.Highest(r.Areas)
		switch {
		case r.Intensity > 0 && shaken && area.Int >= r.Intensity:
			m.level, m.why = int(area.Int), areaText(area, *t)
			if area.Forecast { // nobody has seen it yet
				m.start = false
			}
		case r.Tsunami > 0 && wave && coast.Grade >= r.Tsunami:
			m.level, m.why = 10+int(coast.Grade), plan.Text{EN: coast.Grade.Text().EN + ": " + coast.Name, JA: coast.Grade.Text().JA + "：" + coast.Name}
		case r.Intensity > 0 || r.Tsunami > 0:
			return m, false, r.tooLittle(area, shaken, coast, wave), nil
		}
	}
	if r.When != "" {
		if ok, err := holds(r.When, a.Body); err != nil || !ok {
			return m, false, plan.Say("its condition is not met (when: %s)", "条件を満たさない（when: %s）", oneLine(r.When)), err
		}
	}
	return m, true, plan.Text{}, nil
}

// hears reports whether a rule is about alarms of that source.
func (r Rule) hears(a Alarm) bool {
	return r.Source == a.Source || r.Source == "" && a.Kind == JMA
}

// tooLittle says what a telegram lacks of what a rule asks for.
func (r Rule) tooLittle(area jma.Area, shaken bool, coast jma.Coast, wave bool) plan.Text {
	var want, has plan.Text
	join := func(to *plan.Text, x plan.Text) {
		if to.EN != "" {
			to.EN, to.JA = to.EN+", ", to.JA+"、"
		}
		to.EN, to.JA = to.EN+x.EN, to.JA+x.JA
	}
	if r.Intensity > 0 {
		join(&want, r.Intensity.Text())
	}
	if r.Tsunami > 0 {
		join(&want, r.Tsunami.Text())
	}
	if shaken {
		join(&has, plan.Text{EN: area.Int.Text().EN + " at " + area.Name, JA: area.Int.Text().JA + "（" + area.Name + "）"})
	}
	if wave {
		join(&has, plan.Text{EN: coast.Grade.Text().EN + " at " + coast.Name, JA: coast.Grade.Text().JA + "（" + coast.Name + "）"})
	}
	where := plan.Text{EN: "anywhere", JA: "全域"}
	if len(r.Areas) > 0 {
		list := strings.Join(r.Areas, ", ")
		where = plan.Text{EN: "in " + list, JA: list}
	}
	if has.EN == "" {
		return plan.Say("it asks for %[1]s or more %[2]s, and the message tells nothing of there", "基準は%[2]sで%[1]s以上。電文にその地域の情報がない", want, where)
	}
	return plan.Say("it asks for %[1]s or more %[2]s, and the message has %[3]s", "基準は%[2]sで%[1]s以上。電文では%[3]s", want, where, has)
}

// refresh reads the rules again when those that were read are no longer new.
func (s *Service) refresh(ctx context.Context) {
	if now := s.now(); s.readAt.IsZero() || now.Sub(s.readAt) > rulesFor {
		s.read, s.readErr = s.rules.Rules(ctx)
		s.readAt = now
	}
}

// whyNothing says why no rule matched: whoever set up a sender looks for it.
func (s *Service) whyNothing(a Alarm) plan.Text {
	if len(s.read) == 0 {
		return plan.Text{EN: "no scenario has a rule for alarms (wake:)", JA: "警報の規則（wake:）を持つシナリオがない"}
	}
	var out plan.Text
	said := 0
	ours := slices.ContainsFunc(s.read, func(r Rule) bool { return r.hears(a) })
	for _, r := range s.read {
		_, ok, why, err := r.judge(a)
		if ok || err != nil || ours && !r.hears(a) {
			continue
		}
		if said++; said > 3 {
			out.EN, out.JA = out.EN+"; …", out.JA+"。…"
			break
		}
		if out.EN != "" {
			out.EN, out.JA = out.EN+"; ", out.JA+"。"
		}
		out.EN, out.JA = out.EN+r.Scenario+": "+why.EN, out.JA+r.Scenario+"："+why.JA
	}
	return out
}

// Message is one that was taken lately, and what became of it.
type Message struct {
	At      time.Time `json:"at"`
	Source  string    `json:"source"`
	Title   string    `json:"title,omitempty"`
	Summary plan.Text `json:"summary,omitzero"`
	Outcome Outcome   `json:"outcome"`
	// Why it was ignored.
	Why       plan.Text `json:"why,omitzero"`
	Proposals []string  `json:"proposals,omitempty"`
}

// keptMessages bounds what this server remembers of messages; the access log has all.
const keptMessages = 200

func (s *Service) keep(a Alarm, out Result) {
	s.late.Lock()
	defer s.late.Unlock()
	s.lately = append(s.lately, Message{At: s.now().UTC(), Source: a.Source, Title: a.Title, Summary: a.Summary, Outcome: out.Outcome, Why: out.Why, Proposals: out.Proposals})
	if len(s.lately) > keptMessages {
		s.lately = slices.Delete(s.lately, 0, len(s.lately)-keptMessages)
	}
}

// Lately are the messages that this server has taken since it began, the newest first.
func (s *Service) Lately() []Message {
	s.late.Lock()
	defer s.late.Unlock()
	out := slices.Clone(s.lately)
	slices.Reverse(out)
	return out
}
