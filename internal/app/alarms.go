package app

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/alarm/jma"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/secret"
	"github.com/muster-dr/muster/workflows"
)

// alarms makes the service of what wakes muster.
func alarms(ctx context.Context, o Options, store journal.Store, client *api.Client, files plans, tell func(context.Context, alarm.Proposal) (bool, error), silent func(context.Context, string, time.Time, bool) error, m *metrics.Metrics) (*alarm.Service, error) {
	var sources []alarm.Source
	var errs []error
	for _, a := range o.Config.Alarms {
		src := alarm.Source{Name: a.Name, Kind: alarm.Kind(a.Kind), Place: a.Place, Verify: alarm.Verify(a.Verify), Feed: a.Feed, Every: a.Every, MaxAge: a.MaxAge,
			When: a.When, Summary: a.Summary, Dedup: a.Dedup, Scenario: a.Scenario, Exercise: a.Exercise, Over: a.Over}
		for _, ref := range a.Secrets {
			if !secret.OnMachine(ref) {
				src.Elsewhere = append(src.Elsewhere, func(ctx context.Context) (string, error) { return o.secrets().Resolve(ctx, ref) })
				continue
			}
			value, err := o.secrets().Resolve(ctx, ref)
			if err != nil {
				errs = append(errs, plan.Caused(err, "%s: alarm source %s", "%s: 警報の送信元 %s", a.Place, a.Name))
				continue
			}
			src.Secrets = append(src.Secrets, value)
		}
		sources = append(sources, src)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var names, feeds []string
	for _, a := range sources {
		names = append(names, a.Name)
		if a.Feed != "" {
			feeds = append(feeds, a.Name)
		}
	}
	return alarm.New(alarm.Options{Metrics: m.Alarms(names, feeds), Store: store, Rules: wakeRules{files}, Runs: alarmRuns{client, store, new(drillPlans), new(drillPlans)}, Sources: sources, Tell: tell, Silent: silent, Log: o.Log})
}

// wakeRules reads the rules of the plan files anew each time.
type wakeRules struct{ files plans }

func (w wakeRules) Rules(context.Context) ([]alarm.Rule, error) {
	infos, mistakes := scenario.Wakes(w.files.dir, w.files.catalog)
	var out []alarm.Rule
	for _, i := range infos {
		for _, r := range i.Wake {
			level, _ := jma.ParseIntensity(r.Intensity)
			grade, _ := jma.ParseGrade(r.Tsunami)
			out = append(out, alarm.Rule{Scenario: i.Name, Title: i.Title, Systems: i.Systems, Place: r.Place, Source: r.Alarm,
				Intensity: level, Tsunami: grade, Areas: r.Areas, When: r.When, Start: r.Start, Training: alarm.Training(r.Training)})
		}
	}
	return out, mistakes.Err()
}

// alarmRuns acts on runs through the same door as everybody, as the source of the alarm.
type alarmRuns struct {
	client *api.Client
	store  journal.Store
	plans  *drillPlans
	before *drillPlans // of responses that have ended
}

// drillPlans keeps what an alarm needs of the plans of open drills: while one waits, it is asked
// for twice a second.
type drillPlans struct {
	mu    sync.Mutex
	known map[string]alarm.Drill // by hash of the plan
}

// of reads the plans that are not known yet, and forgets those that no open drill has.
func (d *drillPlans) of(ctx context.Context, store journal.Store, open []journal.Summary) (map[string]alarm.Drill, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := map[string]alarm.Drill{}
	for _, r := range open {
		drill, known := d.known[r.PlanHash]
		if !known {
			p, err := store.Plan(ctx, r.PlanHash)
			if err != nil {
				return nil, err
			}
			drill.GoesOn = p.Scenario.RealAlarm == plan.AlarmContinue
			for _, s := range p.Systems {
				drill.Systems = append(drill.Systems, s.Name)
			}
		}
		now[r.PlanHash] = drill
	}
	d.known = now
	return now, nil
}

func (a alarmRuns) Start(ctx context.Context, p alarm.Proposal, reason string) (string, error) {
	in := api.StartRequest{Scenario: p.Scenario, Kind: p.Kind, By: run.Alarm(p.Source), Reason: reason, RequestID: p.RequestID(), Since: p.Happened(time.Now())}
	out, err := a.client.Start(identity.With(ctx, identity.OfAlarm(p.Source)), in)
	refused := new(api.Problem)
	if !errors.As(err, &refused) {
		return out.Run, err
	}
	again, text := false, plan.Text{EN: refused.Detail, JA: refused.Detail}
	switch refused.Code {
	case api.CodeEngine, api.CodeUnknownOutcome:
		again, text = true, plan.Text{EN: "the engine can't be reached now; it is tried again", JA: "エンジンに接続できない。再試行中"}
	case api.CodeStore:
		again, text = true, plan.Text{EN: "the record store can't be used now; it is tried again", JA: "記録の保存先を利用できない。再試行中"}
	case api.CodeHeld: // by a drill that ends, it may work later; by a response, people decide
		sum, err := a.store.Runs(ctx, journal.Filter{Run: refused.Holder, Limit: 1})
		open := err == nil && len(sum) == 1 && !sum[0].State.Ended()
		again = open && sum[0].Kind == run.Drill
		text = plan.Say("run %s holds its systems", "対象のシステムを %s が保持している", refused.Holder)
		if open && sum[0].Kind == run.Response && sum[0].Scenario == p.Scenario && sum[0].Phase.AfterRecovery() && !sum[0].Aborting {
			text = plan.Say("response %s is over and has not ended, so nobody is called and nothing is decided: end it (`muster drill show %s` says what it waits for), then start this",
				"対応 %s が復旧後も終了していないため、要員の召集も判断の依頼も行われない。終了させてから（待っている操作は `muster drill show %s` で確認できる）、この提案を開始する必要がある", refused.Holder, refused.Holder)
			if sum[0].Phase == run.Closing {
				again = true
				text = plan.Say("waiting until response %s, of which only the records are left, has ended", "対応 %s（後始末のみ）の終了を待っている", refused.Holder)
			}
		}
	case api.CodeMistakes:
		var first plan.Text
		if len(refused.Lines) > 0 { // this client reads English; the place says where it is in any language
			first.EN = refused.Lines[0]
			place, _, _ := strings.Cut(first.EN, ": ")
			first.JA = place + "（`muster validate --lang ja` で内容を確認できる）"
		}
		text = plan.Say("the plan files have mistakes, so nothing was started: %s", "計画ファイルに誤りがあり、開始していない：%s", first)
	case api.CodeUnknownScenario:
		text = plan.Say("there is no scenario %s", "シナリオ %s がない", p.Scenario)
	}
	return "", &alarm.Obstacle{Text: text, Again: again}
}

func (a alarmRuns) Drills(ctx context.Context) ([]alarm.Drill, error) {
	list, err := a.store.Runs(ctx, journal.Filter{Kind: run.Drill, Open: true})
	if err != nil {
		return nil, err
	}
	plans, err := a.plans.of(ctx, a.store, list)
	if err != nil {
		return nil, err
	}
	var out []alarm.Drill
	for _, r := range list {
		d := plans[r.PlanHash]
		d.Run, d.Stopping = r.Run, r.Aborting
		out = append(out, d)
	}
	return out, nil
}

// lastResponses bounds how many responses of before are looked at; in an hour there are fewer.
const lastResponses = 20

func (a alarmRuns) Responses(ctx context.Context, since time.Time) ([]alarm.Response, error) {
	open, err := a.store.Runs(ctx, journal.Filter{Kind: run.Response, Open: true})
	if err != nil {
		return nil, err
	}
	var out []alarm.Response
	for _, r := range open {
		out = append(out, alarm.Response{Run: r.Run, Scenario: r.Scenario, Over: r.Phase.AfterRecovery()})
	}
	list, err := a.store.Runs(ctx, journal.Filter{Kind: run.Response, Limit: lastResponses})
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(r journal.Summary) bool {
		return r.EndedAt == nil || r.EndedAt.Before(since) || r.RemovedAt != nil || r.State == run.Refused
	})
	plans, err := a.before.of(ctx, a.store, list)
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		out = append(out, alarm.Response{Run: r.Run, Scenario: r.Scenario, Systems: plans[r.PlanHash].Systems, Ended: *r.EndedAt})
	}
	return out, nil
}

func (a alarmRuns) Abort(ctx context.Context, id, source, reason string) error {
	_, err := a.client.Abort(identity.With(ctx, identity.OfAlarm(source)), id, workflows.Control{By: run.Alarm(source), Reason: reason})
	if p := new(api.Problem); errors.As(err, &p) && (p.Code == api.CodeEnded || p.Code == api.CodeRefused || p.Code == api.CodeUnknownRun) {
		return nil // it has ended, or is being aborted
	}
	return err
}

func (a alarmRuns) Note(ctx context.Context, id, source, message string, said run.AlarmSaid, text string) error {
	list, err := a.store.Runs(ctx, journal.Filter{Run: id, Limit: 1})
	if err != nil || len(list) == 0 || list[0].State.Ended() {
		return err // a record that is closed stays so
	}
	return api.NoteAlarm(ctx, a.store, id, source, message, said, text)
}
