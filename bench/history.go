package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/book"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// The goals of a history of ten years.
const (
	historyQuarters = 4
	historySystems  = 200
	mostStoreBytes  = 2 << 30
	mostPageTime    = time.Second
	mostYearTime    = 5 * time.Second
)

// history writes a history of b.years years through the record store, each run with its whole journal,
// and measures what pages over all of it take: with what ended runs came to just made, and by a server
// that has just been started.
func (b *bench) history(ctx context.Context) (err error) {
	dir := filepath.Join(b.dir, "history")
	fonts, err := book.FindFonts("", i18n.EN)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "journal.db")
	store, err := journal.Open(ctx, "sqlite:"+path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	files, began, first := newHistoryFiles(), time.Now(), historyBegins(b.years)
	runs, events, err := writeHistory(ctx, store, files, b.years)
	if err != nil {
		return err
	}
	wrote := time.Since(began)
	keeper := &outcome.Keeper{Store: store, Log: slog.New(slog.DiscardHandler)}
	began = time.Now()
	kept, err := keeper.Due(ctx)
	if err != nil {
		return err
	}
	if kept != runs {
		return fmt.Errorf("%d of %d runs came to something that could be kept", kept, runs)
	}
	made := time.Since(began)
	began = time.Now()
	if err := (&finding.Ledger{Store: store}).Rebuild(ctx); err != nil {
		return err
	}
	folded := time.Since(began)
	var size int64
	for _, side := range []string{"", "-wal"} {
		if info, err := os.Stat(path + side); err == nil {
			size += info.Size()
		}
	}
	fmt.Printf("\nhistory of %d years x %d quarters x %d systems: %d runs of %d steps and %d people, %d events\n", b.years, historyQuarters, historySystems, runs, historySteps, historyPeople, events)
	fmt.Printf("written in %s; made what they came to in %s (%.1f ms a run); all findings folded anew in %s\n", wrote.Round(time.Second), made.Round(time.Second),
		made.Seconds()*1000/float64(runs), folded.Round(time.Millisecond))
	held := func(ok bool) string {
		if ok {
			return "held"
		}
		return "NOT HELD"
	}
	fmt.Printf("%-52s %10s %10s  %s\n", "", "figure", "limit", "")
	fmt.Printf("%-52s %7d MB %7d MB  %s\n", "store, with every journal", size>>20, mostStoreBytes>>20, held(size < mostStoreBytes))
	if size >= mostStoreBytes {
		err = fmt.Errorf("the store takes %d MB, more than %d", size>>20, mostStoreBytes>>20)
	}

	handler := (&api.Server{Store: store, Plans: files, Token: "bench", Version: "bench", Log: slog.New(slog.DiscardHandler),
		Render: nil, Outcomes: keeper, SetSheet: func(w io.Writer, d sheet.Sheet, format string, l i18n.Lang) error {
			if format == "pdf" {
				_, err := d.PDF(w, l, fonts)
				return err
			}
			return d.HTML(w, []i18n.Lang{l})
		}}).Handler()
	client := api.InProcess(handler, "en")
	page := func(name string, of api.ReportOf, format string) func() (int, error) {
		return func() (int, error) {
			b, err := client.Overview(identity.With(ctx, identity.Actor{Console: true, Via: "console"}), name, of, format, "ja")
			return len(b), err
		}
	}
	as := identity.With(ctx, identity.Actor{Console: true, Via: "console"})
	last := first.AddDate(0, 3*(b.years*historyQuarters-1), 0)
	pages := []struct {
		name string
		read func() (int, error)
	}{
		{"findings, the first asked of a started server", func() (int, error) {
			list, err := client.Findings(as, api.FindingsFilter{})
			return len(list), err
		}},
		{"due days of all years, read at a server's start", func() (int, error) {
			list, err := client.Occasions(as, false)
			return len(list), err
		}},
		{"due days of all years", func() (int, error) {
			list, err := client.Occasions(as, false)
			return len(list), err
		}},
		{"findings that are open", func() (int, error) {
			list, err := client.Findings(as, api.FindingsFilter{})
			return len(list), err
		}},
		{"findings of one system, closed ones too", func() (int, error) {
			list, err := client.Findings(as, api.FindingsFilter{System: "system-017", State: "all"})
			return len(list), err
		}},
		{"freshness of every system", func() (int, error) {
			f, err := client.Freshness(as, "", false)
			return len(f.Systems), err
		}},
		{"history page: a system's runs that missed", func() (int, error) {
			h, err := client.History(as, api.HistoryFilter{System: "system-017", Verdict: run.Missed, Page: 1, Size: 50})
			return h.Total, err
		}},
		{"history page: all runs, the last page", func() (int, error) {
			h, err := client.History(as, api.HistoryFilter{Page: 1 << 20, Size: 50})
			return h.Total, err
		}},
		{"trend of one system over ten years (bytes)", page("trend", api.ReportOf{System: "system-017"}, "html")},
		{"one run beside another (bytes)", page("compare", api.ReportOf{Before: "drl-00017", After: "drl-00217"}, "html")},
		{"yearly review (bytes)", page("review", api.ReportOf{}, "html")},
		{"gaps (bytes)", page("gaps", api.ReportOf{}, "html")},
		{"yearly report, HTML (bytes)", page("year", api.ReportOf{}, "html")},
		{"yearly report, PDF (bytes)", page("year", api.ReportOf{}, "pdf")},
		{"list of all runs", func() (int, error) {
			list, err := store.Runs(ctx, journal.Filter{})
			return len(list), err
		}},
		{"list of the newest 100 runs", func() (int, error) {
			list, err := store.Runs(ctx, journal.Filter{Limit: 100})
			return len(list), err
		}},
		{"a year's runs by scenario and verdict (coverage)", func() (int, error) {
			list, err := store.Outcomes(ctx, journal.OutcomeFilter{After: last.AddDate(-1, 0, 0), Bare: true})
			return len(list), err
		}},
		{"a year's runs with all figures", func() (int, error) {
			list, err := outcome.List(ctx, store, journal.OutcomeFilter{After: last.AddDate(-1, 0, 0)})
			return len(list), err
		}},
		{"trend of one system over all years", func() (int, error) {
			list, err := outcome.OfSystem(ctx, store, journal.OutcomeFilter{System: "system-017"})
			return len(list), err
		}},
		{"trend of one scenario, the last 12 runs", func() (int, error) {
			list, err := outcome.List(ctx, store, journal.OutcomeFilter{Scenario: "loss-017", Limit: 12})
			return len(list), err
		}},
	}
	for _, p := range pages {
		began := time.Now()
		n, failed := p.read()
		took, limit := time.Since(began), mostPageTime
		if strings.HasPrefix(p.name, "yearly report") || strings.HasSuffix(p.name, "a server's start") {
			limit = mostYearTime
		}
		if failed == nil && n == 0 {
			failed = errors.New("nothing came, so nothing was measured")
		}
		if failed != nil { // the other figures are wanted all the same
			fmt.Printf("%-52s %10s %7d ms  FAILED: %v\n", p.name, "", limit.Milliseconds(), failed)
			err = errors.Join(err, fmt.Errorf("%s: %w", p.name, failed))
			continue
		}
		fmt.Printf("%-52s %7d ms %7d ms  %s, %d lines\n", p.name, took.Milliseconds(), limit.Milliseconds(), held(took < limit), n)
		if took >= limit {
			err = errors.Join(err, fmt.Errorf("%s took %s", p.name, took.Round(time.Millisecond)))
		}
	}
	var mem runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&mem)
	fmt.Printf("memory that the server keeps afterwards %d MB\n", mem.HeapAlloc>>20)
	runtime.KeepAlive(handler)
	return err
}

const (
	historySteps  = 15
	historyPeople = 12
)

func historyBegins(years int) time.Time {
	return time.Now().UTC().Truncate(time.Hour).AddDate(-years, 0, 0)
}

// writeHistory writes so many years' runs, each with its whole journal and its due day.
func writeHistory(ctx context.Context, store journal.Store, files *historyFiles, years int) (runs, events int, err error) {
	runs = years * historyQuarters * historySystems
	first := historyBegins(years)
	for n := range runs {
		quarter, system := n/historySystems, n%historySystems
		p := files.of(system)
		if quarter == 0 {
			if err := store.PutPlan(ctx, p); err != nil {
				return 0, 0, err
			}
		}
		all := historyRun(p, fmt.Sprintf("drl-%05d", n), first.AddDate(0, 3*quarter, 0).Add(time.Duration(system)*10*time.Minute), n)
		events += len(all)
		if err := errors.Join(store.Append(ctx, all), store.Append(ctx, historyDay(all[0]))); err != nil {
			return 0, 0, err
		}
	}
	return runs, events, nil
}

// historyDay is the due day that began a run.
func historyDay(began run.Event) []run.Event {
	id := "occasion-" + began.Run
	events := []run.Event{
		{Kind: run.RunStarted, By: run.Schedule(began.Run), Data: run.Encode(run.Started{Kind: run.Occasion})},
		{Kind: run.OccasionDue, By: run.Schedule(began.Run), Data: run.Encode(run.Due{Schedule: began.Run, Programme: "bench", Nominal: began.At, At: began.At})},
		{Kind: run.OccasionHeld, By: run.Schedule(began.Run), Data: run.Encode(run.OccasionRun{Run: began.Run})},
		{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Held})},
	}
	for i := range events {
		events[i].Run, events[i].Writer, events[i].Seq, events[i].At = id, "run", int64(i+1), began.At
	}
	return events
}

// historyFiles are the plans of two hundred systems, each with a scenario.
type historyFiles struct{ plans []plan.Plan }

func newHistoryFiles() *historyFiles {
	f := &historyFiles{}
	span := func(d time.Duration) run.Duration { return run.Duration(d) }
	for n := range historySystems {
		name := fmt.Sprintf("system-%03d", n)
		rto, rpo := span(2*time.Hour), span(5*time.Minute)
		book := plan.Runbook{Name: name + "-failover", System: name}
		for i := range historySteps {
			s := plan.Step{ID: fmt.Sprintf("step-%02d", i), Uses: "sim.step", Site: "osaka", Effect: run.Isolated, Timeout: span(time.Hour), Queue: span(time.Minute), Budget: span(4 * time.Minute)}
			if i > 0 {
				s.Needs = []string{fmt.Sprintf("step-%02d", i-1)}
			}
			book.Steps = append(book.Steps, s)
		}
		p := plan.Plan{Format: plan.Format,
			Scenario: plan.Scenario{Name: fmt.Sprintf("loss-%03d", n), Title: plan.Text{EN: "Loss of Tokyo", JA: "東京拠点の喪失"}, Hazard: run.Disaster, Depth: run.Live,
				Phases: run.Phases(run.Disaster), Quorum: []plan.RoleCount{{Role: "operator", Count: 3}}, Decision: plan.DecisionRule{By: "commander", Within: span(time.Hour), Rule: plan.RuleWait},
				Failback: run.PolicyStay, Hold: span(30 * time.Second)},
			Estate: plan.Estate{Name: "history", Zone: "Asia/Tokyo", Control: "osaka", Sites: []plan.Site{{Name: "osaka"}, {Name: "tokyo"}}},
			Systems: []plan.System{{Name: name, Title: plan.Text{EN: "System " + name, JA: "情報システム " + name}, Priority: "A", Home: "tokyo", Alternate: "osaka", Objective: plan.Objective{RTO: &rto, RPO: &rpo},
				Drillable: []run.Depth{run.Live}, Failover: book.Name,
				Probes: []plan.Probe{{Name: name + "/page", System: name, Function: "page", Weight: 100, Uses: "probe.http", Vantage: "osaka", Interval: span(5 * time.Second)}}}},
			Runbooks: []plan.Runbook{book}}
		for i := range historyPeople {
			role := "operator"
			if i == 0 {
				role = "commander"
			}
			p.Estate.People = append(p.Estate.People, plan.Person{ID: fmt.Sprintf("p%02d", i), Name: plan.Text{EN: fmt.Sprintf("Person %02d", i)}, Roles: []string{role}})
		}
		if err := p.Seal(); err != nil { // plans always marshal
			panic(err)
		}
		f.plans = append(f.plans, p)
	}
	return f
}

func (f *historyFiles) of(system int) plan.Plan { return f.plans[system] }

func (f *historyFiles) Scenarios() ([]api.Scenario, error) { return nil, nil }

func (f *historyFiles) Compile(name string, depth run.Depth) (plan.Plan, error) {
	i := slices.IndexFunc(f.plans, func(p plan.Plan) bool { return p.Scenario.Name == name })
	if i < 0 {
		return plan.Plan{}, proof.ErrNoScenario
	}
	p := f.plans[i]
	p.Scenario.Depth = depth
	return p, p.Seal()
}

func (f *historyFiles) ProofFiles() (proof.Files, error) {
	out := proof.Files{Zone: "Asia/Tokyo", Compile: f.Compile}
	for _, p := range f.plans {
		out.Systems = append(out.Systems, p.Systems...)
	}
	return out, nil
}

// historyRun is the journal of one drill. Each goes a little differently: some people are silent, some
// steps take too long or a second attempt, now and then the RTO is missed.
func historyRun(p plan.Plan, id string, at time.Time, n int) []run.Event {
	sys := p.Systems[0]
	var out []run.Event
	seq := map[string]int64{}
	add := func(after time.Duration, writer string, e run.Event, data any) {
		seq[writer]++
		e.Run, e.Writer, e.Seq, e.At = id, writer, seq[writer], at.Add(after)
		if e.By == "" {
			e.By = run.Engine
		}
		if data != nil {
			e.Data = run.Encode(data)
		}
		out = append(out, e)
	}
	phase := func(from, to time.Duration, ph run.Phase) {
		add(from, "run", run.Event{Kind: run.PhaseStarted, Phase: ph}, nil)
		add(to, "run", run.Event{Kind: run.PhaseEnded, Phase: ph, Outcome: run.Passed}, nil)
	}
	min := time.Minute
	add(0, "run", run.Event{Kind: run.RunStarted, By: "p00", Reason: "quarterly drill"}, run.Started{Kind: run.Drill, Depth: run.Live, Scenario: p.Scenario.Name, Hazard: run.Disaster, PlanHash: p.Hash})
	add(0, "run", run.Event{Kind: run.LockTaken, System: sys.Name}, run.Lock{Token: int64(n + 1)})
	add(0, "run", run.Event{Kind: run.ProbeStarted, System: sys.Name, Step: sys.Probes[0].Name, Site: "osaka"}, run.Probe{Function: "page", Weight: 100, Interval: sys.Probes[0].Interval, Vantage: "osaka"})
	add(min, "run", run.Event{Kind: run.EventOccurred, Phase: run.Activation, System: sys.Name}, run.Occurrence{At: at.Add(min), Source: "inject"})
	add(min+20*time.Second, "run", run.Event{Kind: run.EventDetected, Phase: run.Activation}, run.Detection{At: at.Add(min + 10*time.Second), Source: sys.Probes[0].Name})
	phase(0, 2*min, run.Activation)
	present := 0
	for i, person := range p.Estate.People {
		add(2*min, "run", run.Event{Kind: run.PersonCalled, Phase: run.Activation, Person: person.ID}, run.Call{Channel: "mail", Roles: person.Roles})
		if (n+i*7)%23 == 0 {
			add(12*min, "run", run.Event{Kind: run.PersonReminded, Phase: run.SafetyCheck, Person: person.ID}, nil)
			continue
		}
		answer := 2*min + time.Duration(20+((n*13+i*37)%300))*time.Second
		add(answer, run.PeopleWriter+person.ID+"-safe", run.Event{Kind: run.PersonAnswered, Phase: run.SafetyCheck, Person: person.ID, By: person.ID, Via: "token 7f3a"}, run.Answer{Safety: run.Safe, CanCome: true})
		add(answer+3*min, run.PeopleWriter+person.ID+"-here", run.Event{Kind: run.PersonArrived, Phase: run.Muster, Person: person.ID, By: person.ID, Via: "token 7f3a"}, run.Arrival{Place: "online", Online: true})
		if i > 0 {
			present++
		}
	}
	add(9*min, "run", run.Event{Kind: run.QuorumReached, Phase: run.Muster}, run.Quorum{Need: map[string]int{"operator": 3}, Present: map[string]int{"operator": present}})
	phase(2*min, 9*min, run.SafetyCheck)
	phase(2*min, 10*min, run.Muster)
	phase(10*min, 14*min, run.DamageAssessment)
	add(12*min, "run", run.Event{Kind: run.DamageAssessed, Phase: run.DamageAssessment, System: sys.Name, By: "p01", Reason: "no answer on any page"}, run.Assessment{Damage: run.DamageStopped, Source: "person"})
	add(14*min, "run", run.Event{Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: sys.Name}, run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate, run.NotPossible}, Proposed: run.Alternate, DeadlineS: 3600})
	add(18*min, "run", run.Event{Kind: run.DecisionMade, Phase: run.RecoveryDecision, System: sys.Name, By: "p00", Reason: "the home site is lost"}, run.Decision{Question: "recovery", Answer: run.Alternate, WaitedS: 240})
	phase(14*min, 18*min, run.RecoveryDecision)
	add(18*min, "run", run.Event{Kind: run.RecoveryOrdered, Phase: run.Recovery, System: sys.Name, Runbook: sys.Failover}, nil)
	writer, t := sys.Name+"/failover", 18*min
	for i, s := range p.Runbooks[0].Steps {
		took := time.Duration(60+(n*7+i*29)%150) * time.Second
		if (n+i*11)%97 == 0 {
			took = 6 * min
		}
		res := run.StepResult{SettledBy: run.ByResult, Attempts: 1, StartedAt: at.Add(t), EndedAt: at.Add(t + took), DurationS: took.Seconds()}
		if over := took - s.Budget.Std(); over > 0 {
			res.OverS = over.Seconds()
		}
		if (n+i*5)%131 == 0 {
			res.Attempts = 2
		}
		e := run.Event{Phase: run.Recovery, System: sys.Name, Runbook: p.Runbooks[0].Name, Step: s.ID, Action: s.Uses, Site: s.Site, Generation: res.Attempts}
		e.Kind = run.StepIntended
		add(t, writer, e, run.Intent{EffectKey: id + "/" + writer + "/" + s.ID, Token: int64(n + 1), Effect: s.Effect})
		e.Kind = run.StepStarted
		add(t, writer, e, nil)
		e.Kind, e.Outcome = run.StepEnded, run.Passed
		t += took
		add(t, writer, e, res)
	}
	phase(18*min, t, run.Recovery)
	back := t + 20*time.Second
	if (n%historySystems+n/historySystems*11)%50 == 28 { // another quarter for each system; system-017's is the second
		back = 3 * time.Hour
	}
	phase(t, back+min, run.Verification)
	end := back + 10*min
	add(end-2*min, "run", run.Event{Kind: run.RemarkMade, Phase: run.Closing, By: "p01", Reason: "the list of vendors was out of date"}, nil)
	add(end-min, "run", run.Event{Kind: run.ProbeEnded, System: sys.Name, Step: sys.Probes[0].Name, Site: "osaka", Outcome: run.Passed}, run.Observations{Probe: sys.Probes[0].Name, System: sys.Name, Function: "page", Weight: 100,
		Interval: sys.Probes[0].Interval, StartedAt: at, EndedAt: at.Add(end - min), Vantage: "osaka", Samples: int64(end / (5 * time.Second)), OK: int64(end / (10 * time.Second)),
		Transitions: []run.Transition{{At: at.Add(time.Second), Up: true}, {At: at.Add(min + 2*time.Second), LastOKAt: at.Add(min - 3*time.Second), Error: "connection refused"}, {At: at.Add(back), Up: true}},
		Markers:     &run.Markers{Acked: 900, CountedAt: at.Add(end - min)}})
	add(end, "run", run.Event{Kind: run.LockReleased, System: sys.Name}, nil)
	add(end, "run", run.Event{Kind: run.RunEnded}, run.Ended{State: run.RecoveredAtAlternate})
	return out
}
