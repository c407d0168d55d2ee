package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/config"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// guards tells the people in charge of what the lookout found, and of feeds of alarms that are silent.
type guards struct {
	estate   func() (*inventory.Estate, error)
	channels func() []channel.Channel
	lang     i18n.Lang
	tell     []string // roles and people of the settings
	within   time.Duration
	done     through
	log      *slog.Logger // nil is none
}

func (s *server) guardsOf(people *directory) *guards {
	return &guards{estate: people.estate, channels: func() []channel.Channel { return s.says.channels }, lang: s.o.Lang, tell: s.o.Config.Security.Tell, within: tellWithin, done: through{heard: s.heard}, log: s.o.Log.With("component", "lookout")}
}

func (s *server) looksOut(people *directory, files plans, m *metrics.Metrics) *lookout.Lookout {
	g := s.guardsOf(people)
	return lookout.New(lookout.Options{Store: s.store, Log: s.o.Log.With("component", "lookout"), OffHours: offHours(s.o.Config.Security, people, files), Raised: m.Security(), ToPerson: g.reachesOwn, Tell: g.raised})
}

// altered enters what is not as it was sealed, or is not there.
func (s *server) altered(ctx context.Context, altered, missing keep.Unsound) {
	for outcome, of := range map[string]string{lookout.OutAltered: altered.String(), lookout.OutMissing: missing.String()} {
		if of != "" {
			s.identity.Noted(ctx, lookout.ActEvidence, run.OneLine(of, 300), outcome)
		}
	}
}

// offHours says when nobody works: by the settings' hours, and the days of the yearly plan's calendar
// or, without one, of the week.
func offHours(c config.Security, people *directory, files plans) func(time.Time) bool {
	return func(t time.Time) bool {
		zone := time.Local
		if e, _ := people.estate(); e != nil {
			zone = i18n.Zone(e.Zone)
		}
		day := calendar.DateOf(t.In(zone))
		if _, off := files.days().Off(day); off {
			return true
		}
		from, to, ok := calendar.Hours{From: c.HoursFrom, To: c.HoursTo}.Span(day, zone)
		return ok && (t.Before(from) || !t.Before(to))
	}
}

// raised tells those in charge; an error says that somebody was not reached who might be. Where a channel
// has no way to them, it is those who administer or audit; that there is nobody is an error of the log.
func (g *guards) raised(ctx context.Context, a lookout.Alarm) error {
	channels := g.channels()
	if len(channels) == 0 {
		return nil // the log, the access log and the figures have it
	}
	e, err := g.estate()
	if e == nil {
		return err
	}
	rule, ok := lookout.RuleOf(a.Kind)
	if !ok {
		return nil // of a newer muster
	}
	return g.everybody(ctx, "security alarm "+a.ID(), [][]plan.Person{g.who(e, rule, a, channels), inCharge(e, g.tell), inCharge(e, nil)}, channels, a.Again,
		func(p plan.Person) channel.Message { return g.message(a, rule, p, e) })
}

// everybody tells the first of several groups in which somebody is reached.
func (g *guards) everybody(ctx context.Context, what string, groups [][]plan.Person, channels []channel.Channel, again bool, message func(plan.Person) channel.Message) error {
	for _, who := range groups {
		if heard, err := g.done.everybody(ctx, g.within, who, channels, again, message); heard || err != nil {
			return err
		}
	}
	if g.log != nil {
		g.log.Error("nobody could be told: no channel reaches those in charge (security.tell, or who may admin or audit)", "what", what)
	}
	return nil
}

// who hears of it: whose it is, where they know best and can be reached; else those whom the settings
// name; else those who administer or audit; else, where no rights are granted, everybody with a role.
func (g *guards) who(e *inventory.Estate, rule lookout.Rule, a lookout.Alarm, channels []channel.Channel) []plan.Person {
	if p, ok := g.own(e, rule, a, channels); ok {
		return []plan.Person{p}
	}
	return inCharge(e, g.tell)
}

// own is the person who alone is told of an alarm.
func (g *guards) own(e *inventory.Estate, rule lookout.Rule, a lookout.Alarm, channels []channel.Channel) (plan.Person, bool) {
	p, ok := e.Person(a.Entry.Person)
	if !ok || !rule.ToPerson {
		return p, false
	}
	m := g.message(a, rule, p, e)
	return p, slices.ContainsFunc(channels, func(c channel.Channel) bool { return c.Reaches(m) })
}

// reachesOwn reports whether an alarm goes to its person alone.
func (g *guards) reachesOwn(a lookout.Alarm) bool {
	e, _ := g.estate()
	rule, known := lookout.RuleOf(a.Kind)
	if e == nil || !known {
		return false
	}
	_, ok := g.own(e, rule, a, g.channels())
	return ok
}

// inCharge are those whom security alarms are told.
func inCharge(e *inventory.Estate, tell []string) []plan.Person {
	pick := func(is func(plan.Person) bool) []plan.Person {
		return slices.DeleteFunc(slices.Clone(e.People), func(p plan.Person) bool { return !is(p) })
	}
	named := pick(func(p plan.Person) bool {
		return slices.Contains(tell, p.ID) || slices.ContainsFunc(p.Roles, func(r string) bool { return slices.Contains(tell, r) })
	})
	if len(named) > 0 {
		return named
	}
	charged := pick(func(p plan.Person) bool {
		return e.May(p.ID, plan.MayAdmin, false) || e.May(p.ID, plan.MayAudit, false)
	})
	if len(charged) > 0 {
		return charged
	}
	return pick(func(p plan.Person) bool { return len(p.Roles) > 0 })
}

func (g *guards) message(a lookout.Alarm, rule lookout.Rule, who plan.Person, e *inventory.Estate) channel.Message {
	contact := e.Contacts[who.ID]
	l := contact.Language(g.lang)
	m := channel.Message{ID: "security/" + a.ID() + "/" + who.ID, Run: "security " + a.ID(), Kind: run.Response, Matter: channel.Account,
		Person: who.ID, Name: who.Name.In(string(l)), Contact: contact, Lang: l, At: a.At}
	title := rule.Title.In(string(l))
	m.Subject = l.T("Security alarm: %s", "【セキュリティ警報】%s", title)
	if rule.Notice {
		m.Subject = l.T("Security notice: %s", "【セキュリティ通知】%s", title)
	}
	nobody := l.T("nobody known", "不明")
	person := a.Entry.Person
	if p, ok := e.Person(person); ok {
		person = p.Name.In(string(l)) + " (" + p.ID + ")"
	}
	or := func(s, else_ string) string {
		// What a stranger wrote must not make it a message of a drill, which no channel would send.
		if s = run.Unmarked(run.OneLine(s, 200)); strings.TrimSpace(s) == "" {
			return else_
		}
		return s
	}
	m.Text = l.T("%s\n\nwhen: %s\nwho: %s\nby: %s\nfrom: %s\nwhat: %s\n\n%s.\nThe access log has the rest: muster people log --after %d", "%s\n\n日時：%s\n対象者：%s\n手段：%s\n接続元：%s\n内容：%s\n\n%s。\n詳細はアクセス記録にあります：muster people log --after %d",
		title, i18n.Moment(a.Entry.At, i18n.Zone(e.Zone)), or(person, nobody), or(a.Entry.Via, "-"), or(a.Entry.From, "-"), or(a.Entry.Act+" "+a.Entry.Object+": "+a.Entry.Outcome, "-"), rule.Way.In(string(l)), max(a.Entry.Position-1, 0))
	return m
}
