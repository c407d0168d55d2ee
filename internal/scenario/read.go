package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/params"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/runbook"
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

func (r *reading) people() {
	f, e, out := &r.out.file, r.bundle.estate, &r.out.plan
	for _, q := range f.Quorum {
		e.Role(r.Decoder, "quorum", q.Key)
		if have, kind := e.Holders(q.Key.V); q.Value.Set && have > 0 && q.Value.V > have {
			var in plan.Text
			if kind != "" {
				in = plan.Say(" in a %s", "（種別 %s）", kind)
			}
			r.Log.Add(q.Value.Place, "quorum: %d with the role %s are asked for, and the estate has %d%s; lower it, or give the role to more people", "quorum: 役割 %[2]s が %[1]d 人必要ですが、構成台帳には%[4]s %[3]d 人しかいません。必要人数を減らすか、この役割を担う人を増やしてください", q.Value.V, q.Key.V, have, in)
		}
		out.Quorum = append(out.Quorum, plan.RoleCount{Role: q.Key.V, Count: q.Value.V})
	}
	slices.SortFunc(out.Quorum, func(a, b plan.RoleCount) int { return strings.Compare(a.Role, b.Role) })
	by := f.Decision.By
	if by.Set {
		e.Role(r.Decoder, "decision: by", by)
	} else if !slices.Contains(e.Roles, by.V) {
		r.Log.Add(f.Place, "decision: nobody has the role commander, which decides unless said; add decision: {by: ROLE}%s", "decision: 判断者の既定である役割 commander を担う人がいません。decision: {by: 役割} を追加してください%s", yamldoc.Meant("", e.Roles))
	}
	if n, kind := e.Holders(by.V); !by.Set && n == 0 && slices.Contains(e.Roles, by.V) {
		r.Log.Add(f.Place, "decision: in a %s nobody may act as commander (only), which decides unless said; add decision: {by: ROLE}", "decision: 種別 %s では、判断者の既定である役割 commander として行動できる人がいません（only）。decision: {by: 役割} を追加してください", kind)
	}
	if f.Decision.Draft.By.Set {
		e.Role(r.Decoder, "decision: draft: by", f.Decision.Draft.By)
		out.Decision.Draft = f.Decision.Draft.By.V
	}
	if after := f.Decision.Deputy; after.Set {
		out.Decision.DeputyAfter = after.V
		if after.V >= f.Decision.Within.V && f.Decision.Within.V > 0 {
			r.Log.Add(after.Place, "decision: deputy_after: %s leaves deputies no time before the rule decides, within %s; make it shorter", "decision: deputy_after: %s では、規則による自動判断（within %s）までに代行者の時間がありません。短くしてください", after.V, f.Decision.Within.V)
		}
	}
	r.reports()
	estate.Known(r.Decoder, "muster_place", estate.APlace, f.MusterAt, e.PlaceNames())
	out.Place = f.MusterAt.V
	if out.Place == "" {
		out.Place = firstPlace(e.Places, out.Hazard)
	}
	if s := f.People.Simulate; s != nil {
		out.Simulate = &plan.Simulate{After: s.After.V, Spread: s.Spread.V}
		for _, l := range []struct {
			name  string
			what  plan.Text
			from  []text
			to    *[]string
			known []string
		}{
			{"silent", estate.APerson, s.Silent, &out.Simulate.Silent, e.PersonIDs()}, {"injured", estate.APerson, s.Injured, &out.Simulate.Injured, e.PersonIDs()},
			{"away", estate.APerson, s.Away, &out.Simulate.Away, e.PersonIDs()}, {"unsafe", estate.ASite, s.Unsafe, &out.Simulate.Unsafe, e.SiteNames()},
		} {
			for _, id := range l.from {
				estate.Known(r.Decoder, "people: simulate: "+l.name, l.what, id, l.known)
				*l.to = append(*l.to, id.V)
			}
			slices.Sort(*l.to)
		}
	}
}

// shortestReports keeps reports from drowning what else is said.
const shortestReports = run.Duration(time.Minute)

// reports reads the cadence of status reports.
func (r *reading) reports() {
	f, e := r.out.file.Reports, r.bundle.estate
	if f == nil {
		return
	}
	out := &plan.Reports{Every: f.Every.V}
	if f.Every.Set && f.Every.V < shortestReports {
		r.Log.Add(f.Every.Place, "reports: every %s is more than anybody reads; use %s or more", "reports: %s ごとでは多すぎて読みきれません。%s 以上にしてください", f.Every.V, shortestReports)
	}
	if len(f.To) == 0 {
		r.Log.Add(f.Place, "reports: they go to nobody; add to: [ROLE, PERSON or PARTY]", "reports: 送付先がありません。to: [役割、要員または連絡先] を追加してください")
	}
	names := slices.Concat(e.Roles, e.PersonIDs())
	for _, p := range e.Parties {
		names = append(names, p.Name)
	}
	for _, to := range f.To {
		estate.Known(r.Decoder, "reports: to", plan.Text{EN: "role, person or party", JA: "役割・要員・連絡先"}, to, names)
		out.To = append(out.To, to.V)
	}
	r.out.plan.Reports = out
}

// firstPlace is the muster place of a scenario that names none.
func firstPlace(places []plan.Place, h run.Hazard) string {
	for _, p := range places {
		if h != run.Pandemic || p.Online {
			return p.Name
		}
	}
	return ""
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

func (r *reading) injects() {
	f, e := &r.out.file, r.bundle.estate
	check := &params.Checker{Decoder: r.Decoder, Target: e.Target, Targets: e.TargetNames, Scope: expr.NewScope(nil)}
	seen := map[string]yamldoc.Place{}
	for i, in := range f.Injects {
		step := plan.Step{ID: in.ID.V, Title: in.Title.Text, Uses: in.Uses.V, Site: in.Site.V, After: in.At.V,
			Timeout: in.Timeout.V, Queue: in.Queue.V, Line: estate.Line(in.Place)}
		step.Release = r.release("inject "+cmp.Or(in.ID.V, strconv.Itoa(i+1)), in)
		if step.ID == "" {
			step.ID = fmt.Sprintf("inject-%d", i+1)
		}
		where := "inject " + cmp.Or(in.ID.V, strconv.Itoa(i+1))
		if first, ok := seen[step.ID]; ok {
			r.Log.Add(in.Place, "%s is there twice, first in line %d; give each its own id", "%s が重複しています（最初は %d 行目）。それぞれ別の id にしてください", where, first.Line)
		}
		seen[step.ID] = in.Place
		for _, t := range []duration{in.Timeout, in.Queue} {
			if t.Set && t.V == 0 {
				r.Log.Add(t.Place, "%s: 0s leaves it no time; leave it out for the usual one", "%s: 0s では実行する時間がありません。既定値でよければ省略してください", where)
			}
		}
		e.Site(r.Decoder, where+": site", in.Site)
		a, ok := params.Uses(r.Decoder, where, in.Uses, r.catalog)
		if !ok {
			continue
		}
		if a.Doc.Human || a.Doc.Probe {
			r.Log.Add(in.Uses.Place, "%s: %s can't be injected: an inject is what the drill itself does", "%s: %s は状況付与に使えません。状況付与に使えるのは、訓練自身が実行するアクションだけです", where, a.ID)
			continue
		}
		if a.Doc.After != "" {
			r.Log.Add(in.Uses.Place, "%s: %s can't be injected: it must come after %s of another target, and only the steps of a runbook promise that; use it in a runbook", "%s: %s は状況付与に使えません。別の操作対象に対する %s の後に実行する必要があり、その順序を保証できるのは手順書のステップだけです。手順書で使ってください", where, a.ID, a.Doc.After)
			continue
		}
		got := check.Fields(where+": with", in.With.Node, in.Place, a.Fields)
		step.With, step.Targets = got.JSON, got.Targets
		step.Effect, step.Repeatable, step.CanLook = a.EffectOf(got.JSON), a.Doc.Repeatable, a.CanLook()
		if step.Site == "" {
			step.Site = r.siteOf(step.Targets)
		}
		e.OnlyAt(r.Decoder, where, in.Uses.Place, step.Site, step.Targets)
		step.Starts = r.starts(where, in, step)
		for _, u := range in.Undo {
			if undo, ok := runbook.ReadUndo(check, r.catalog, e, where, u, step.Site); ok {
				step.Undo = append(step.Undo, undo)
			}
		}
		r.out.plan.Injects = append(r.out.plan.Injects, step)
		r.out.injects = append(r.out.injects, in)
	}
}

// siteOf is the site of the only target of an inject: who stops a server must be
// where it is.
func (r *reading) siteOf(targets []string) string {
	if found := r.bundle.estate.TargetsNamed(targets); len(found) == 1 {
		return found[0].Site
	}
	return r.bundle.estate.Control
}

// starts finds the system whose RTO clock an inject starts.
func (r *reading) starts(where string, in Inject, step plan.Step) string {
	e := r.bundle.estate
	if in.Starts.Set {
		if in.Starts.V == "none" {
			return ""
		}
		estate.Known(r.Decoder, where+": starts", estate.ASystem, in.Starts, e.SystemNames())
		if _, _, ok := e.System(in.Starts.V); ok && !slices.Contains(r.out.info.Systems, in.Starts.V) {
			r.Log.Add(in.Starts.Place, "%s: starts the clock of %s, which the scenario does not recover; add it to systems, or write starts: none", "%s: starts のシステム %s は、このシナリオで復旧する対象ではありません。systems に追加するか、starts: none と書いてください", where, in.Starts.V)
		}
		return in.Starts.V
	}
	if !step.Effect.Once() {
		return ""
	}
	var users, home []string
	for _, name := range r.out.info.Systems {
		s, _, ok := e.System(name)
		if !ok {
			continue
		}
		for _, t := range e.TargetsNamed(step.Targets) {
			if slices.Contains(r.bundle.owners[t.Name], name) && !slices.Contains(users, name) {
				users = append(users, name)
			}
			if t.Site == s.Home && slices.Contains(users, name) && !slices.Contains(home, name) {
				home = append(home, name)
			}
		}
	}
	if len(users) > 1 {
		users = home
	}
	if len(users) != 1 {
		r.Log.Add(in.Place, "%s: it is not clear which system's RTO clock this starts; add starts: SYSTEM, or starts: none", "%s: どのシステムのRTOの起算点となるのかが分かりません。starts: システム名 か starts: none を追加してください", where)
		return ""
	}
	return users[0]
}

// blind reads from whom the scenario is withheld.
func (r *reading) blind() {
	f := &r.out.file
	for _, p := range f.Facilitators {
		estate.Known(r.Decoder, "facilitators", estate.APerson, p, r.bundle.estate.PersonIDs())
		r.out.plan.Facilitators = append(r.out.plan.Facilitators, p.V)
	}
	slices.Sort(r.out.plan.Facilitators)
	r.out.info.Blind, r.out.info.Facilitators = f.Blind.V, r.out.plan.Facilitators
	switch {
	case f.Blind.V && len(f.Facilitators) == 0:
		r.Log.Add(f.Blind.Place, "blind: nobody could read the scenario, not even who planned it; add facilitators: [PERSON]", "blind: 企画した人も含めて誰もシナリオを読めません。facilitators: [PERSON] を書いてください")
	case !f.Blind.V && len(f.Facilitators) > 0:
		r.Log.Add(f.Facilitators[0].Place, "facilitators: the scenario is not blind, so that everybody may read it; add blind: true, or leave facilitators out", "facilitators: 非提示型ではないシナリオは誰でも読めます。blind: true を書くか、facilitators を外してください")
	}
}

// release reads by what an inject is released.
func (r *reading) release(where string, in Inject) *plan.Release {
	a := in.After
	if a == nil {
		return nil
	}
	switch {
	case a.Phase.Set == a.Act.Set:
		r.Log.Add(a.Place, "%s: after: write phase or act, one of the two", "%s: after: phase か act のどちらか一方を書いてください", where)
	case a.Phase.Set && !slices.Contains(r.out.plan.Phases, run.Phase(a.Phase.V)):
		r.Log.Add(a.Phase.Place, "%s: after: the scenario has no phase %s, so that it would never be released; add the phase, or name another", "%s: after: このシナリオに段階 %s はなく、付与されません。段階を追加するか、別の段階を指定してください", where, a.Phase.V)
	}
	return &plan.Release{Phase: run.Phase(a.Phase.V), Act: a.Act.V}
}

// schedule reads when the drill is due.
func (r *reading) schedule() {
	if s := r.out.file.Schedule; s != nil {
		if rule, ok := programme.ReadSchedule(r.Decoder, s, r.bundle.estate.Zone); ok {
			r.out.info.Schedule = &rule
		}
	}
}
