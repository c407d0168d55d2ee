package alarm

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/muster-dr/muster/internal/alarm/jma"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const (
	// expiry is how long a proposal waits for people.
	expiry = 24 * time.Hour
	// rulesFor is how long rules that were read count: a storm does not read the plan files
	// once a message.
	rulesFor = time.Second
	// keptSeries bounds what is remembered of telegrams that woke nobody.
	keptSeries = 2000
)

// Store is where proposals are kept.
type Store interface {
	journal.Documents
	journal.AccessLog
}

// Service judges alarms and carries out what their rules ask for.
type Service struct {
	store   Store
	all     Proposals
	rules   Rules
	runs    Runs
	log     *slog.Logger
	now     func() time.Time
	tell    func(context.Context, Proposal) (heard bool, err error)
	spoken  spoken
	silent  func(ctx context.Context, source string, since time.Time, again bool) error
	news    chan struct{}
	sources []*source
	metrics Metrics
	kick    chan struct{}
	// strangers bounds the entries of those who post to sources that there are not.
	strangers *rate.Limiter
	intake    intake
	patience  time.Duration // for a message to come in

	mu      sync.Mutex // one message at a time: they are judged in the order they come
	read    []Rule
	readAt  time.Time
	readErr error
	newest  map[string]time.Time // by series, of what woke nobody too

	late   sync.Mutex
	lately []Message // the oldest first
}

// Options of a service.
type Options struct {
	Store   Store
	Rules   Rules
	Runs    Runs
	Sources []Source
	Log     *slog.Logger
	// Tell tells people of a proposal that was raised, has become graver or was settled. What
	// returns an error is told again, and so is what waits for people and nobody heard; nil tells nobody.
	Tell func(context.Context, Proposal) (heard bool, err error)
	// Silent tells people that a feed has not answered since an instant: what it would say wakes nobody. Again is set when
	// somebody may have been told already. What returns an error is told again; nil tells nobody.
	Silent func(ctx context.Context, source string, since time.Time, again bool) error
	Now    func() time.Time // nil is time.Now
	// Metrics counts messages; nil does not.
	Metrics Metrics
}

// Metrics counts what sources send, and what nobody heard of. Sources are those of the settings.
type Metrics interface {
	Message(source string, o Outcome)
	Answered(source string, at time.Time) // a feed
	Unheard(proposals int)                // that wait for people, and of which nobody has heard
}

// New makes a service. An error names every mistake in the sources.
func New(o Options) (*Service, error) {
	s := &Service{store: o.Store, rules: o.Rules, runs: o.Runs, log: o.Log, now: o.Now, tell: o.Tell, silent: o.Silent, metrics: o.Metrics,
		kick: make(chan struct{}, 1), strangers: entries(), patience: patienceForBody, newest: map[string]time.Time{}}
	if s.now == nil {
		s.now = time.Now
	}
	s.news = make(chan struct{}, 1)
	var err error
	s.sources, err = open(o.Sources)
	return s, err
}

// Outcome is what became of a message.
type Outcome string

const (
	Proposed  Outcome = "proposed"  // people were asked
	Starting  Outcome = "starting"  // a rule starts it
	Noted     Outcome = "noted"     // it is about something that is known
	Seen      Outcome = "seen"      // this very message was taken before
	Outdated  Outcome = "outdated"  // a newer one of its series was taken before, or it is too old to act on
	Ignored   Outcome = "ignored"   // no rule asks for anything
	Withdrawn Outcome = "withdrawn" // a proposal was closed
	Refused   Outcome = "refused"   // not verified, not understood, too many or too old
)

// Outcomes lists those of messages that were taken.
func Outcomes() []Outcome {
	return []Outcome{Proposed, Starting, Noted, Seen, Outdated, Ignored, Withdrawn}
}

func (s *Service) count(source string, o Outcome) {
	if s.metrics != nil {
		s.metrics.Message(source, o)
	}
}

// Result is what became of a message.
type Result struct {
	Outcome   Outcome  `json:"outcome"`
	Proposals []string `json:"proposals,omitempty"`
	// Why it was ignored.
	Why plan.Text `json:"why,omitzero"`
}

// Take judges a message of a verified sender. What it returns is on disk.
func (s *Service) Take(ctx context.Context, a Alarm) (Result, error) {
	out, err := s.take(ctx, a)
	if err == nil {
		s.count(a.Source, out.Outcome)
		s.keep(a, out)
	}
	return out, err
}

func (s *Service) take(ctx context.Context, a Alarm) (Result, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last, ok := s.newest[a.Series]; ok && a.Series != "" && a.At.Before(last) {
		return Result{Outcome: Outdated}, nil
	}
	known, err := s.all.List(ctx, s.store, "")
	if err != nil {
		return Result{}, err
	}
	for _, p := range known { // a tsunami may have several earthquakes; one of them may be known
		if slices.Contains(a.Events, p.Event) && (p.Kind == run.Response) == a.Real {
			a.Event = p.Event
		}
	}
	known = slices.DeleteFunc(known, func(p Proposal) bool { return p.Event != a.Event || (p.Kind == run.Response) != a.Real })
	for _, p := range known {
		if p.saw(a.Message) {
			return Result{Outcome: Seen, Proposals: []string{p.ID}}, s.heard(ctx, p)
		}
		if a.Series != "" && a.At.Before(p.Series[a.Series].At) {
			return Result{Outcome: Outdated, Proposals: []string{p.ID}}, s.heard(ctx, p)
		}
	}
	var out Result
	if a.Withdrawn || a.Over {
		out, err = s.lower(ctx, a, known)
	} else {
		out, err = s.raise(ctx, a, known)
	}
	if err == nil {
		s.remember(a)
	}
	return out, err
}

// heard notes that a known message came again: a proposal is archived when its source is silent.
func (s *Service) heard(ctx context.Context, p Proposal) error {
	now := s.now().UTC()
	if now.Sub(p.quietSince()) < heardEvery {
		return nil
	}
	_, err := Change(ctx, s.store, p.ID, func(p *Proposal) error { p.Heard = now; return nil })
	return err
}

func (s *Service) remember(a Alarm) {
	if a.Series == "" {
		return
	}
	if len(s.newest) >= keptSeries {
		clear(s.newest) // the proposals have their own
	}
	s.newest[a.Series] = a.At
}

// lower notes that an event is over, or never was. It closes what still waits and undoes
// nothing: people who are at work decide themselves.
func (s *Service) lower(ctx context.Context, a Alarm, known []Proposal) (Result, error) {
	out := Result{Outcome: Ignored, Why: plan.Text{EN: "it ends or withdraws what nobody was asked about", JA: "取消または解消の通知だが、対応する提案がない"}}
	for _, k := range known {
		closed := false
		p, err := Change(ctx, s.store, k.ID, func(p *Proposal) error {
			closed = false
			s.note(p, a)
			if a.Over {
				p.Over = s.now().UTC()
			}
			if p.State == Open && (a.Over || !p.upheld()) {
				why := plan.Text{EN: "the source withdrew it: " + a.Summary.EN, JA: "発信元による取消：" + a.Summary.JA}
				if a.Over {
					why = plan.Text{EN: "the source says that it is over: " + a.Summary.EN, JA: "発信元による解消の通知：" + a.Summary.JA}
				}
				closed = true
				return p.Settle(Dismissed, run.Alarm(a.Source), "alarm "+a.Source, why.Both(), s.now())
			}
			return nil
		})
		if err != nil {
			return out, err
		}
		out.Proposals = append(out.Proposals, p.ID)
		if out.Outcome == Ignored {
			out.Outcome, out.Why = Noted, plan.Text{}
		}
		if closed {
			out.Outcome = Withdrawn
			s.log.Info("a proposal was withdrawn by its source", "proposal", p.ID, "scenario", p.Scenario, "alarm", a.Source)
			s.tidings()
		}
		s.inform(ctx, p, a)
	}
	if len(out.Proposals) > 0 {
		s.wake()
	}
	return out, nil
}

// raise applies the rules.
func (s *Service) raise(ctx context.Context, a Alarm, known []Proposal) (Result, error) {
	out := Result{Outcome: Ignored}
	for _, m := range s.matches(ctx, a) {
		p, what, err := s.propose(ctx, a, m, known)
		if err != nil {
			return out, err
		}
		out.Proposals = append(out.Proposals, p.ID)
		if rank[what] > rank[out.Outcome] {
			out.Outcome = what
		}
	}
	if len(out.Proposals) > 0 {
		s.wake()
	} else {
		out.Why = s.whyNothing(a)
	}
	return out, nil
}

var rank = map[Outcome]int{Ignored: 0, Noted: 1, Proposed: 2, Starting: 3}

// matches are the strongest match of each scenario.
func (s *Service) matches(ctx context.Context, a Alarm) []match {
	s.refresh(ctx)
	var out []match
	add := func(m match) {
		// A copy of it may come for ever: a person looks at it before anything starts.
		m.start = m.start && !a.Timeless
		at := slices.IndexFunc(out, func(o match) bool { return o.rule.Scenario == m.rule.Scenario })
		switch {
		case at < 0:
			out = append(out, m)
		case m.start && !out[at].start || m.start == out[at].start && m.level > out[at].level:
			out[at] = m
		}
	}
	for _, r := range s.read {
		m, ok, err := r.match(a)
		if err != nil {
			// It could have been meant; a person looks.
			s.log.Warn("a rule can't be applied to an alarm", "rule", r.Place, "alarm", a.Source, "err", err)
			m.start, ok = false, a.Real
			m.why = plan.Text{EN: a.Summary.EN + " (the rule " + r.Place + " can't be applied to it)", JA: a.Summary.JA + "（規則 " + r.Place + " を適用できない）"}
		}
		if ok {
			add(m)
		}
	}
	if a.Scenario != "" && a.Real && !slices.ContainsFunc(out, func(m match) bool { return m.rule.Scenario == a.Scenario }) {
		add(match{rule: Rule{Scenario: a.Scenario, Title: plan.Text{EN: a.Scenario}, Place: "alarms: " + a.Source}, level: 1, why: a.Summary})
	}
	if len(s.read) == 0 && s.readErr != nil && a.Real && grave(a) {
		// No rule could be read, and it may be the one event they were written for.
		s.log.Error("the rules can't be read; an alarm is put before people without them", "alarm", a.Source, "err", s.readErr)
		add(match{level: 1, why: a.Summary})
	}
	return out
}

// grave reports whether an alarm is put before people when nobody can say what it means.
func grave(a Alarm) bool {
	if a.Telegram == nil {
		return true
	}
	area, _ := a.Telegram.Greatest(nil)
	coast, _ := a.Telegram.Highest(nil)
	return area.Int >= jma.Int5Lower || coast.Grade >= jma.Grave
}

// idOf names the proposal of an event and a scenario. An event that is over and comes again is
// another one, and so is one that was archived.
func (s *Service) idOf(ctx context.Context, a Alarm, m match, kind run.Kind, known []Proposal) (string, error) {
	for n := 0; ; n++ {
		id := digest(a.Event, m.rule.Scenario, string(kind), fmt.Sprint(n))[:12]
		if i := slices.IndexFunc(known, func(k Proposal) bool { return k.ID == id }); i >= 0 {
			if known[i].Over.IsZero() {
				return id, nil
			}
			continue
		}
		if past, err := archived(ctx, s.store, id); err != nil || !past {
			return id, err
		}
	}
}

// propose makes a proposal, or adds to the one of the same event.
func (s *Service) propose(ctx context.Context, a Alarm, m match, known []Proposal) (Proposal, Outcome, error) {
	kind := run.Response
	if !a.Real {
		kind = run.Drill
	}
	id, err := s.idOf(ctx, a, m, kind, known)
	if err != nil {
		return Proposal{}, "", err
	}
	var what Outcome
	var graver bool
	p, err := change(ctx, s.store, id, true, func(p *Proposal) error {
		what = Noted
		now := s.now().UTC()
		fresh := p.State == ""
		if fresh {
			*p = Proposal{ID: id, State: Open, Kind: kind, Scenario: m.rule.Scenario, Title: m.rule.Title, Systems: m.rule.Systems,
				Source: a.Source, Sender: a.Kind, Event: a.Event, Natural: a.Real && a.Natural(), RaisedAt: now, Since: a.Since, Expires: now.Add(expiry)}
			switch {
			case m.rule.Scenario == "" && m.rule.Place == "":
				p.Trouble = plan.Text{EN: "the plan files can't be read; `muster validate` names the mistakes", JA: "計画ファイルを読み取れない。`muster validate` で誤りを確認のこと"}
			case m.rule.Scenario == "":
				p.Trouble = plan.Text{EN: "the criteria name no scenario; choose one and start it with `muster activate`", JA: "基準にシナリオの指定がない。シナリオを選んで `muster activate` で発動のこと"}
			}
			what = Proposed
		}
		s.note(p, a)
		graver = m.level > p.Level
		if graver || fresh {
			p.Level, p.Summary, p.Rule = m.level, m.why, m.rule.Place
		}
		// What its source withdrew and then says again counts as if it had not been there.
		withdrawn := p.State == Dismissed && run.IsAlarm(p.By)
		newly := m.start && (!p.Automatic || withdrawn)
		switch {
		case p.State == Open && newly, (p.State == Dismissed || p.State == Expired) && newly:
			p.State, p.Automatic, p.Due, p.EndedAt = Open, true, true, time.Time{}
			p.Summary, p.Rule = m.why, m.rule.Place
			what = Starting
		case (p.State == Dismissed || p.State == Expired) && (graver || withdrawn):
			p.State, p.EndedAt, p.Expires = Open, time.Time{}, now.Add(expiry)
			what = Proposed
		}
		if newly {
			p.Automatic = true
		}
		return nil
	})
	if err != nil {
		return p, "", err
	}
	switch what {
	case Proposed:
		s.log.Warn("an alarm proposes a "+string(kind), "proposal", p.ID, "scenario", p.Scenario, "alarm", a.Source, "what", p.Summary.EN)
	case Starting:
		s.log.Warn("an alarm starts a "+string(kind), "proposal", p.ID, "scenario", p.Scenario, "alarm", a.Source, "rule", p.Rule, "what", p.Summary.EN)
	default:
		s.inform(ctx, p, a)
	}
	if what != Noted || graver && p.State == Open {
		s.tidings()
	}
	return p, what, nil
}

// note enters a message in a proposal.
func (s *Service) note(p *Proposal, a Alarm) {
	p.add(Evidence{At: s.now().UTC(), Source: a.Source, Title: a.Title, Sent: a.At.UTC(), Summary: a.Summary, Digest: a.Message})
	if a.Series != "" {
		if p.Series == nil {
			p.Series = map[string]Latest{}
		}
		p.Series[a.Series] = Latest{At: a.At, Withdrawn: a.Withdrawn}
	}
}

// inform enters in the record of a run what more was said of the event that began it.
func (s *Service) inform(ctx context.Context, p Proposal, a Alarm) {
	if p.State != Started || p.Run == "" {
		return
	}
	if err := s.runs.Note(ctx, p.Run, a.Source, a.Message, run.AlarmSaid{Title: a.Title, Withdrawn: a.Withdrawn, Over: a.Over}, a.Summary.Both()); err != nil {
		s.log.Warn("what an alarm said is not in the run's record", "run", p.Run, "alarm", a.Source, "err", err)
	}
}

// tidings wakes whoever tells people.
func (s *Service) tidings() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *Service) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}
