package scenario

import (
	"slices"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// declared is a scenario as its file says it, with what does not depend on the depth.
type declared struct {
	file File
	info Info
	plan plan.Scenario
	// injects holds the places of plan.Injects, by index.
	injects []Inject
}

// read checks a Scenario against the estate.
func (b *Bundle) read(doc document, catalog Catalog) *declared {
	d := doc.dec
	s := &declared{}
	d.Decode("", doc.root, &s.file)
	f := &s.file
	s.info = Info{Name: f.Name.V, Title: f.Title.Text, Hazard: run.Hazard(f.Hazard.V), Depth: run.Depth(f.Depth.V), File: d.File, FreshFor: f.Fresh.V}
	if s.info.Title == (plan.Text{}) {
		s.info.Title.EN = f.Name.V
	}
	s.plan = plan.Scenario{
		Name: s.info.Name, Title: s.info.Title, Hazard: s.info.Hazard,
		Safety:    plan.SafetyRules{Hold: f.Safety.Hold.V, Within: f.Safety.Within.V, Muster: f.Safety.Muster.V, Task: f.Safety.Task.V},
		Decision:  plan.DecisionRule{By: f.Decision.By.V, Within: f.Decision.Within.V, Rule: f.Decision.Rule.V},
		Approvals: f.Approvals.V, FourEyes: f.FourEyes.V, Blind: f.Blind.V, Failback: f.Failback.V, Hold: f.Hold.V, Baseline: f.Baseline.V,
		WhenAbsent: f.Absent.V,
		DetectWait: f.DetectWait.V, VerifyWait: f.VerifyWait.V, FailWait: f.FailWait.V,
	}
	r := &reading{Decoder: d, bundle: b, catalog: catalog, out: s}
	r.trigger()
	r.scope()
	r.absent()
	r.phases()
	r.people()
	r.missing()
	r.reminders()
	r.waits()
	r.injects()
	r.schedule()
	r.pass()
	r.wake()
	r.blind()
	return s
}

type reading struct {
	*yamldoc.Decoder
	bundle  *Bundle
	catalog Catalog
	out     *declared
}

// trigger reads whether there is damage or only a threat, which has taken nothing yet.
func (r *reading) trigger() {
	f := &r.out.file
	if f.Trigger.V != plan.TriggerThreat {
		return
	}
	r.out.plan.Trigger = plan.TriggerThreat
	if f.Hazard.V == string(run.RestoreTest) {
		r.Log.Add(f.Trigger.Place, "trigger: a restore test waits for no event; leave trigger out", "trigger: 復元試験は事象を待ちません。trigger を削除してください")
	}
	for _, site := range f.SitesLost {
		r.Log.Add(site.Place, "sites_lost: %s is only threatened (trigger: threat); leave it out, or write trigger: damage", "sites_lost: %s は被災のおそれがあるだけです（trigger: threat）。ここから外すか、trigger: damage にしてください", site.V)
	}
}

// scope reads what is lost and what is to be recovered.
func (r *reading) scope() {
	f, e, out := &r.out.file, r.bundle.estate, &r.out.plan
	for _, site := range f.SitesLost {
		e.Site(r.Decoder, "sites_lost", site)
		if site.Set && site.V == e.Control {
			r.Log.Add(site.Place, "sites_lost: the control plane runs at %s and would be lost with it; set the estate's control to another site", "sites_lost: 制御プレーンは %s で稼働しているため、ともに失われます。構成台帳の control を別の拠点にしてください", site.V)
		}
		if !slices.Contains(out.SitesLost, site.V) {
			out.SitesLost = append(out.SitesLost, site.V)
		}
	}
	slices.Sort(out.SitesLost)
	if f.Name.Set && len(f.Systems) == 0 {
		r.Log.Add(f.Place, "scenario %s recovers no system; name at least one in systems%s", "シナリオ %s に復旧するシステムがありません。systems に1つ以上指定してください%s", f.Name.V, yamldoc.Meant("", e.SystemNames()))
	}
	for _, name := range f.Systems {
		estate.Known(r.Decoder, "systems", estate.ASystem, name, e.SystemNames())
		if slices.Contains(r.out.info.Systems, name.V) {
			r.Log.Add(name.Place, "systems: %s is there twice; keep one", "systems: %s が重複しています。1つにしてください", name.V)
			continue
		}
		r.out.info.Systems = append(r.out.info.Systems, name.V)
	}
	slices.Sort(r.out.info.Systems)
}

// absent reads what happens when a site is away.
func (r *reading) absent() {
	at := r.out.file.Absent
	switch {
	case !at.Set || at.V == plan.AbsentAsk || at.V == plan.AbsentFail:
	case at.V == plan.AbsentSkip:
		r.Log.Add(at.Place, "when_absent: skip is for single steps, where the runbook says that it can do without; write ask, fail or the name of a site", "when_absent: skip を指定できるのは、省略してよいと手順書に書いた個々のステップだけです。ask、fail、拠点名のいずれかにしてください")
	case slices.Contains(r.out.plan.SitesLost, at.V):
		r.Log.Add(at.Place, "when_absent: %s is itself lost in this scenario; name a site that is left", "when_absent: %s は、このシナリオで失われる拠点です。残っている拠点を指定してください", at.V)
	default:
		estate.Known(r.Decoder, "when_absent", plan.Text{EN: "site (or ask, fail)", JA: "拠点（または ask、fail）"}, at, r.bundle.estate.SiteNames())
	}
}

func (r *reading) phases() {
	f, out := &r.out.file, &r.out.plan
	if len(f.Phases) == 0 {
		out.Phases = run.Phases(out.Hazard)
		return
	}
	all := run.Phases(run.Disaster)
	last := -1
	for _, p := range f.Phases {
		at := slices.Index(all, run.Phase(p.V))
		switch {
		case !p.Set:
			continue
		case slices.Contains(out.Phases, run.Phase(p.V)):
			r.Log.Add(p.Place, "phases: %s is there twice; keep one", "phases: %s が重複しています。1つにしてください", p.V)
			continue
		case at < last:
			r.Log.Add(p.Place, "phases: %s comes before %s; put them in order", "phases: %s は %s より前の段階です。順番に並べてください", p.V, all[last])
		}
		last = max(last, at)
		out.Phases = append(out.Phases, run.Phase(p.V))
	}
	has := func(p run.Phase) bool { return slices.Contains(out.Phases, p) }
	need := func(p run.Phase, en, ja string) {
		if !has(p) {
			r.Log.Add(f.Phases[0].Place, "phases: %s is missing: %s", "phases: %s がありません（%s）", p, plan.Text{EN: en, JA: ja})
		}
	}
	if out.Hazard == run.RestoreTest {
		need(run.Recovery, "a restore test restores", "復元試験では復元を行います")
	} else {
		need(run.Activation, "every run begins with it", "どの実施も発動から始まります")
	}
	need(run.Closing, "every run ends with it", "どの実施も記録物の整理で終わります")
	if has(run.Recovery) && out.Hazard != run.RestoreTest {
		need(run.RecoveryDecision, "recovery follows a decision", "復旧作業は方針の決定を受けて行います")
		need(run.Verification, "without it nothing shows that service is back", "これがないと、サービスの復旧を確認できません")
		if out.Failback == run.PolicyReturn {
			need(run.Failback, "failback: return needs it; or write failback: stay", "failback: return に必要です。不要なら failback: stay と書いてください")
		}
	}
}

// waits refuses spans that would end a phase before it begins.
func (r *reading) waits() {
	f := &r.out.file
	for _, w := range []struct {
		name string
		span duration
	}{{"safety: within", f.Safety.Within}, {"safety: muster", f.Safety.Muster}, {"safety: task", f.Safety.Task},
		{"decision: within", f.Decision.Within}, {"decision: deputy_after", f.Decision.Deputy}, {"detect_wait", f.DetectWait}, {"verify_wait", f.VerifyWait}, {"fail_wait", f.FailWait}} {
		if w.span.Set && w.span.V == 0 {
			r.Log.Add(w.span.Place, "%s: 0s leaves no time at all; write a span, or leave it out for the usual one", "%s: 0s では時間がありません。時間を書くか、既定値でよければ省略してください", w.name)
		}
	}
	if f.Hold.Set && f.VerifyWait.V > 0 && f.Hold.V >= f.VerifyWait.V {
		r.Log.Add(f.Hold.Place, "hold: %s is not shorter than verify_wait, %s; service could never be proven", "hold: %s が verify_wait の %s より短くないため、復旧を立証できません。hold を短くするか、verify_wait を長くしてください", f.Hold.V, f.VerifyWait.V)
	}
}

// schedule reads when the drill is due.
func (r *reading) schedule() {
	if s := r.out.file.Schedule; s != nil {
		if rule, ok := programme.ReadSchedule(r.Decoder, s, r.bundle.estate.Zone); ok {
			r.out.info.Schedule = &rule
		}
	}
}
