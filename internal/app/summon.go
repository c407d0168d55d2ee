package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

	mu   sync.Mutex
	done map[string]bool // messages by channel that got through, as long as others did not
}

// tell says it by every channel that reaches a person. An error says that somebody was not
// reached who might be; those are told again. After a restart it may be everybody, under the
// same name of the message.
func (s *summon) tell(ctx context.Context, p alarm.Proposal) error {
	channels := s.channels()
	if len(channels) == 0 {
		return nil
	}
	estate, err := s.estate()
	if estate == nil { // with mistakes, those count who can be read
		return err
	}
	var errs []error
	for _, who := range s.who(estate, p) {
		contact := estate.Contacts[who.ID]
		l := contact.Language(s.lang)
		m := s.message(p, who, l, i18n.Zone(estate.Zone))
		m.Contact = contact
		for _, c := range channels {
			if !c.Reaches(m) {
				continue
			}
			key := c.Name() + " " + m.ID
			if s.through(key) {
				continue
			}
			err := c.Send(ctx, m, p.Told != "")
			if err == nil {
				s.note(key)
			}
			if f := new(channel.Failure); err != nil && (!errors.As(err, &f) || f.Temporary) {
				errs = append(errs, fmt.Errorf("%s by %s: %w", who.ID, c.Name(), err))
			}
		}
	}
	return errors.Join(errs...)
}

func (s *summon) through(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.done[key]
}

// mostNoted bounds what is remembered; a proposal is told to some dozens.
const mostNoted = 10_000

func (s *summon) note(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done == nil || len(s.done) >= mostNoted {
		s.done = map[string]bool{}
	}
	s.done[key] = true
}

// who are those that decide in the scenario and lead its work; everybody with a role when
// the scenario can't be read, or none is named.
func (s *summon) who(e *inventory.Estate, p alarm.Proposal) []plan.Person {
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
	picked := slices.DeleteFunc(slices.Clone(people), func(x plan.Person) bool {
		return !slices.ContainsFunc(x.Roles, func(r string) bool { return r != "" && slices.Contains(roles, r) })
	})
	if len(picked) == 0 {
		return slices.DeleteFunc(people, func(x plan.Person) bool { return len(x.Roles) == 0 })
	}
	return picked
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
	m.Text = strings.Join(lines, "\n")
	if p.Kind != run.Response {
		m.Subject, m.Text = m.Mark()+m.Subject, m.Mark()+m.Text
	}
	return m
}
