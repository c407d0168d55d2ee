package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/channel"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// summon tells those who may decide what an alarm proposes, or what became of it: a
// proposal that nobody hears of is none.
type summon struct {
	estate   func() (*inventory.Estate, error)
	files    plans
	channels func() []channel.Channel
	lang     i18n.Lang
	url      string // of the board; "" is not known

	within time.Duration // for one message by one channel
	done   through
}

// widenAfter is how long those who decide may be out of reach until everybody with a role is told.
const widenAfter = 2 * time.Minute

// tell says it by every channel that reaches a person; heard is whether anybody was. An error says that
// somebody was not reached who might be; those are told again. After a restart it may be everybody,
// under the same name of the message. Where no channel reaches those who decide, everybody with a
// role is told.
func (s *summon) tell(ctx context.Context, p alarm.Proposal) (heard bool, err error) {
	channels := s.channels()
	estate, err := s.estate()
	if estate == nil { // with mistakes, those count who can be read
		return false, err
	}
	say := func(who []plan.Person) (bool, error) {
		return s.done.everybody(ctx, s.within, who, channels, p.Told != "", func(who plan.Person) channel.Message {
			contact := estate.Contacts[who.ID]
			m := s.message(p, who, contact.Language(s.lang), i18n.Zone(estate.Zone))
			m.Contact = contact
			return m
		})
	}
	picked, all := s.who(estate, p)
	heard, err = say(picked)
	if !heard && (err == nil || time.Since(p.RaisedAt) > widenAfter) {
		wide, more := say(all)
		heard, err = wide, errors.Join(err, more)
	}
	return heard, err
}

// who are those that decide in the scenario and lead its work, and everybody with a role. They are the
// same when the scenario can't be read, or none is named.
func (s *summon) who(e *inventory.Estate, p alarm.Proposal) (picked, all []plan.Person) {
	people, _ := e.For(p.Kind)
	var roles []string
	if p.Scenario != "" {
		depth := run.Depth("")
		if p.Kind == run.Response {
			depth = run.Real
		}
		if pl, err := s.files.Compile(p.Scenario, depth); err == nil {
			roles = []string{pl.Scenario.Decision.By, pl.Scenario.Lead}
		}
	}
	picked = slices.DeleteFunc(slices.Clone(people), func(x plan.Person) bool {
		return !slices.ContainsFunc(x.Roles, func(r string) bool { return r != "" && slices.Contains(roles, r) })
	})
	all = slices.DeleteFunc(slices.Clone(people), func(x plan.Person) bool { return len(x.Roles) == 0 })
	if len(picked) == 0 {
		return all, all
	}
	return picked, all
}

func (s *summon) message(p alarm.Proposal, who plan.Person, l i18n.Lang, zone *time.Location) channel.Message {
	lang := string(l)
	title := p.Title.In(lang)
	if title == "" {
		title = l.T("no scenario named", "シナリオ未定")
	}
	m := channel.Message{ID: "proposal/" + p.ID + "/" + p.Saying() + "/" + who.ID, Run: "proposal " + p.ID, Kind: p.Kind, Matter: channel.Notice,
		Event:  run.Event{Run: "proposal " + p.ID, At: p.RaisedAt, Kind: run.AlarmNoted, By: run.Alarm(p.Source), Reason: p.Summary.Both()},
		Person: who.ID, Name: who.Name.In(lang), Lang: l, At: p.RaisedAt}
	lines := []string{p.Summary.In(lang)}
	switch p.State {
	case alarm.Open:
		switch {
		case p.Due:
			m.Subject = l.T("ALARM, being started: %s", "【警報】自動開始：%s", title)
		case p.Kind == run.Drill:
			m.Subject = l.T("An alarm proposes a drill: %s", "警報による訓練の提案：%s", title)
		default:
			m.Subject = l.T("ALARM, decide on the response: %s", "【警報】対応の要否を判断してください：%s", title)
		}
		if why := p.Trouble.In(lang); why != "" {
			lines = append(lines, why)
		}
		if !p.Due {
			lines = append(lines, l.T("Start: muster proposal start %s --as %s", "開始：muster proposal start %s --as %s", p.ID, who.ID),
				l.T("Dismiss: muster proposal dismiss %s --as %s --reason WHY", "却下：muster proposal dismiss %s --as %s --reason 理由", p.ID, who.ID),
				l.T("It runs out at %s.", "期限：%s", i18n.Moment(p.Expires, zone)))
		}
	case alarm.Started:
		m.Subject = l.T("Alarm answered, run %s: %s", "警報への対応を開始（%s）：%s", p.Run, title)
		lines = append(lines, l.T("Started by %s. Watch it: muster drill watch %s", "開始者：%s。状況：muster drill watch %s", p.By, p.Run))
	case alarm.Dismissed:
		m.Subject = l.T("Alarm closed: %s", "警報の提案を終了：%s", title)
		lines = append(lines, l.T("Closed by %s: %s", "終了：%s（%s）", p.By, plan.Apart(p.Reason).In(lang)))
	default:
		m.Subject = l.T("Alarm ran out, nobody answered: %s", "警報の提案が期限切れ（対応なし）：%s", title)
	}
	if s.url != "" {
		m.Links = append(m.Links, channel.Link{Label: l.T("Board", "ボード"), URL: s.url})
	}
	lines = append(lines, l.T("Alarm of %s, raised %s.", "発信元：%s、発生：%s", p.Source, i18n.Moment(p.RaisedAt, zone)))
	// What a sender or a colleague wrote must not make it a message of a drill, which no channel would send.
	m.Subject, m.Text = run.Marked(p.Kind, m.Mark(), run.OneLine(m.Subject, 120)), run.Marked(p.Kind, m.Mark(), strings.Join(lines, "\n"))
	return m
}
