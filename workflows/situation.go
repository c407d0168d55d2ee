package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Why a situation report is sent.
const (
	triggerCadence    = "cadence"
	triggerForecast   = "forecast"
	triggerCompletion = "completion"
	triggerPerson     = "person"
)

// reportOnCadence sends situation reports to the reporting line until the completion is reported
// (B-STP-11). A run whose scenario asks for none has none.
func (r *response) reportOnCadence() {
	rule := r.plan.Scenario.Reports
	if rule == nil || rule.Every <= 0 {
		return
	}
	workflow.GoNamed(r.work, "situation reports", func(ctx workflow.Context) {
		for workflow.Sleep(ctx, rule.Every.Std()) == nil && !r.ended {
			switch r.phase { // what follows has its own reports
			case run.Completion, run.Failback, run.Closing:
				return
			}
			r.reportSituation(ctx, triggerCadence, "")
		}
	})
}

// expect keeps when a system is forecast to be back, as its recovery is ordered.
func (r *response) expect(ctx workflow.Context, s *system, b plan.Runbook) {
	if f := plan.ForecastOf(b, r.past); f.ExpectedS != nil && r.movesThings() {
		s.expectedAt = workflow.Now(ctx).Add(time.Duration(*f.ExpectedS * float64(time.Second))).UTC()
	}
}

// recipients are the people, and the parties, to whom situation reports go.
func (r *response) recipients() (people, parties []string) {
	if r.plan.Scenario.Reports == nil {
		return nil, nil
	}
	for _, name := range r.plan.Scenario.Reports.To {
		if _, ok := r.plan.Estate.Party(name); ok {
			parties = append(parties, name)
			continue
		}
		ids := []string{name}
		if _, ok := r.plan.Estate.Person(name); !ok {
			ids = r.holders([]string{name})
		}
		for _, id := range ids {
			if !slices.Contains(people, id) {
				people = append(people, id)
			}
		}
	}
	return people, parties
}

// reportSituation composes a report from where the run stands, keeps it as it is sent, and sends
// it. It returns the number of the event, 0 when nobody is to get it.
func (r *response) reportSituation(ctx workflow.Context, trigger, by string, via ...string) int64 {
	people, parties := r.recipients()
	if len(people)+len(parties) == 0 {
		return 0
	}
	r.situations++
	out := run.Situation{No: r.situations, Trigger: trigger, To: people, Parties: parties, Systems: []run.SituationOfSystem{}}
	var all []plan.Text
	for _, s := range r.systems {
		x, text := r.situationOf(ctx, s)
		out.Systems, all = append(out.Systems, x), append(all, text)
		for _, q := range s.requests() {
			if !slices.Contains(out.Requests, q) {
				out.Requests = append(out.Requests, q)
			}
		}
	}
	present := 0
	for _, m := range r.people {
		if m.there() {
			present++
		}
	}
	head := plan.Say("Situation report %d.", "状況報告 第%d報。", out.No)
	tail := plan.Say(" Present: %d.", "参集 %d 名。", present)
	if len(out.Requests) > 0 {
		q := strings.Join(out.Requests, ", ")
		tail = plan.Say("%[1]s Requests: %[2]s.", "%[1]s要請事項：%[2]s。", tail, q)
	}
	out.EN, out.JA = head.EN, head.JA
	for _, x := range all {
		out.EN, out.JA = out.EN+" "+x.EN, out.JA+x.JA
	}
	out.EN, out.JA = out.EN+tail.EN, out.JA+tail.JA
	if by == "" {
		by = run.Engine
	}
	seq := r.log.add(ctx, run.Event{Kind: run.SituationReported, Phase: r.phase, By: by, Via: strings.Join(via, ""), Data: run.Encode(out)})
	if len(people) > 0 {
		r.tellToAck(ctx, people, out.EN, out.JA)
	}
	return seq
}

// requests are what was asked with the decision on a system, or with its draft.
func (s *system) requests() []string {
	if s.asks != nil {
		return s.asks
	}
	if s.draft != nil {
		return s.draft.policy.Requests
	}
	return nil
}

// situationOf is a system's part of a report.
func (r *response) situationOf(ctx workflow.Context, s *system) (run.SituationOfSystem, plan.Text) {
	now := workflow.Now(ctx)
	x := run.SituationOfSystem{System: s.plan.Name, Damage: s.worst(r.seenDamage(s.plan.Name)), Choice: s.choice, Back: s.restored}
	title := s.plan.Title
	if title == (plan.Text{}) {
		title.EN = s.plan.Name
	}
	if s.plan.Objective.RTO != nil && !s.occurred.IsZero() && !s.threatened {
		at := s.occurred.Add(s.plan.Objective.RTO.Std()).UTC()
		x.TargetAt = &at
	}
	if s.restored {
		return x, plan.Say("%s: in service again, seen from outside.", "%s：復旧済み（外部から確認）。", title)
	}
	damage := plan.Text{EN: i18n.EN.Damage(x.Damage), JA: i18n.JA.Damage(x.Damage)}
	chosen := plan.Text{EN: "not decided yet", JA: "未決定"}
	if s.choice != "" {
		chosen = plan.Text{EN: i18n.EN.Choice(s.choice), JA: i18n.JA.Choice(s.choice)}
	}
	text := plan.Say("%[1]s: damage %[2]s, %[3]s.", "%[1]s：被害 %[2]s、方針 %[3]s。", title, damage, chosen)
	in := func(t time.Time) plan.Text { return spoken(t.Sub(now)) }
	since := func(t time.Time) plan.Text { return spoken(now.Sub(t)) }
	switch {
	case s.expectedAt.IsZero():
		text = plan.Say("%[1]s The outlook is not known.", "%[1]s復旧見込み 不明。", text)
	case s.expectedAt.After(now):
		x.ExpectedAt = &s.expectedAt
		text = plan.Say("%[1]s Expected back in %[2]s.", "%[1]s復旧見込み %[2]s 後。", text, in(s.expectedAt))
	default:
		x.ExpectedAt = &s.expectedAt
		text = plan.Say("%[1]s Expected back %[2]s ago, and is not.", "%[1]s復旧見込みを %[2]s 超過。", text, since(s.expectedAt))
	}
	switch {
	case x.TargetAt == nil:
	case !x.TargetAt.After(now):
		text = plan.Say("%[1]s The RTO passed %[2]s ago.", "%[1]s目標復旧時間を %[2]s 超過。", text, since(*x.TargetAt))
	case x.ExpectedAt != nil && x.ExpectedAt.After(*x.TargetAt):
		text = plan.Say("%[1]s That is %[2]s after its RTO.", "%[1]s目標復旧時間を %[2]s 超過する見込み。", text, spoken(x.ExpectedAt.Sub(*x.TargetAt)))
	default:
		text = plan.Say("%[1]s Its RTO ends in %[2]s.", "%[1]s目標復旧時間まで残り %[2]s。", text, in(*x.TargetAt))
	}
	return x, text
}

// spoken is a span as people say it, to the minute from ten minutes on.
func spoken(d time.Duration) plan.Text {
	if d = d.Round(time.Second); d >= 10*time.Minute {
		d = d.Round(time.Minute)
	}
	var out plan.Text
	for _, u := range []struct {
		unit   time.Duration
		en, ja string
	}{{time.Hour, " h", "時間"}, {time.Minute, " min", "分"}, {time.Second, " s", "秒"}} {
		n := d / u.unit
		if d -= n * u.unit; n == 0 && (out.EN != "" || u.unit != time.Second) {
			continue
		}
		if out.EN != "" {
			out.EN += " "
		}
		out.EN, out.JA = fmt.Sprint(out.EN, int64(n), u.en), fmt.Sprint(out.JA, int64(n), u.ja)
	}
	return out
}

// worst is the worst that people have said of a system and its parts, or what the probes see when
// nobody has.
func (s *system) worst(seen run.Damage) run.Damage {
	if len(s.reported) == 0 {
		return seen
	}
	order := []run.Damage{run.DamageUnknown, run.DamageNone, run.DamageDegraded, run.DamageStopped, run.DamageDestroyed}
	worst := 0
	for _, name := range workflow.DeterministicKeys(s.reported) {
		worst = max(worst, slices.Index(order, s.reported[name]))
	}
	return order[worst]
}

func (r *response) maySituation(_ workflow.Context, c Control) error {
	if err := r.mayAct(c.By, plan.MayReport); err != nil {
		return err
	}
	if people, parties := r.recipients(); len(people)+len(parties) == 0 {
		return refuse("the scenario names nobody who gets situation reports (reports: {every: 30m, to: [ROLE]})", "状況報告の送付先がシナリオに定められていません（reports: {every: 30m, to: [役割]}）")
	}
	return nil
}

func (r *response) onSituation(ctx workflow.Context, c Control) (Done, error) {
	seq := r.reportSituation(ctx, triggerPerson, c.By, c.Via)
	return Done{Seq: seq, ID: fmt.Sprintf("report-%d", r.situations)}, r.log.reach(ctx, seq)
}

// Notice keeps what was told to somebody outside the run, or an instruction that came in
// (B-STP-11, B-STP-12).
type Notice struct {
	By       string `json:"by"`
	Via      string `json:"via,omitempty"`
	Who      string `json:"who"` // told, or who instructed: a party, departments, users
	Text     string `json:"text"`
	Channel  string `json:"channel,omitempty"`
	Received bool   `json:"received,omitempty"` // it came in
	At       string `json:"at,omitempty"`
}

func (r *response) mayNotice(ctx workflow.Context, n Notice) error {
	if n.Who == "" || n.Text == "" {
		return refuse("say who was told, or who instructed, and in which words", "相手と内容を記入してください")
	}
	return errors.Join(r.mayAct(n.By, plan.MayReport), r.late(ctx, n.At))
}

func (r *response) onNotice(ctx workflow.Context, n Notice) (Done, error) {
	return r.log.record(ctx, run.Event{Kind: run.NoticeKept, Phase: r.phase, By: n.By, Via: n.Via, Reason: n.Text, Happened: r.happened(ctx, n.At),
		Data: run.Encode(run.Notice{Received: n.Received, Who: n.Who, Channel: n.Channel})})
}

// completion is how the systems stand when their recovery is reported as complete.
func (r *response) completion(restrictions []string) run.Completed {
	out := run.Completed{Systems: []run.CompletedSystem{}, Restrictions: restrictions}
	for _, s := range r.systems {
		x := run.CompletedSystem{System: s.plan.Name, Restored: s.restored}
		if level, ok := r.level(s.plan.Name); ok {
			x.Level = &level
		}
		out.Systems = append(out.Systems, x)
	}
	return out
}
