package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // due dates are in the estate's zone, also on a machine without zones

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// dueAfter is the rule for a finding for which nobody named a date.
const dueAfter = 30

// clockStep is how far two clocks may tell of one span differently before it is a
// finding. Below lie rounding and the queue's own time.
const clockStep = 2 * time.Second

// weight orders findings: what endangers an objective first, what people said last.
var weight = map[run.FindingKind]int{run.FindingObjective: 1, run.FindingCleanUp: 2, run.FindingStep: 3, run.FindingHand: 4,
	run.FindingPeople: 5, run.FindingPlace: 5, run.FindingBudget: 6, run.FindingClock: 7, run.FindingRecord: 8, run.FindingRemark: 9}

// findings are what the record shows, by fixed rules, and those that were written during
// the run. The same record gives the same list with the same IDs.
func (f *facts) findings(r Report) []Finding {
	list := &findingList{}
	f.aboutObjectives(list, r)
	f.aboutCleanUp(list, r)
	f.aboutSteps(list)
	f.aboutPeople(list, r)
	f.aboutPlaces(list)
	f.aboutForms(list, r)
	f.aboutRecords(list, r)
	f.aboutRecord(list, r)
	f.fromJournal(list)
	slices.SortStableFunc(list.all, func(a, b Finding) int { return cmp.Compare(weight[a.Kind], weight[b.Kind]) })
	owner, due := f.owner(), f.due()
	for i := range list.all {
		l := &list.all[i]
		l.ID = fmt.Sprintf("F-%03d", i+1)
		l.Owner = cmp.Or(l.Owner, owner)
		if f.started.Rules == 0 || !l.glass() { // a review's date is by the calendar of work
			l.Due = cmp.Or(l.Due, due)
		}
	}
	return append([]Finding{}, list.all...)
}

type findingList struct {
	all     []Finding
	glass   map[string]int // uses of break-glass, by place
	nothing int            // remarks that say that there is nothing: no findings, and the others keep their numbers
}

func (l *findingList) add(kind run.FindingKind, system, step string, title plan.Text, detail string) {
	l.addBoth(kind, system, step, title, plan.Apart(detail))
}

func (l *findingList) addBoth(kind run.FindingKind, system, step string, title, detail plan.Text) {
	l.all = append(l.all, Finding{Kind: kind, System: system, Step: step, Title: title.EN, TitleJA: title.JA, Detail: detail.EN, DetailJA: detail.JA})
}

// named says of the last finding that its detail names people by how they are.
func (l *findingList) named() { l.all[len(l.all)-1].names = true }

// aboutObjectives names each missed objective. Those that are not proven for one reason
// are one finding, since one thing has to be done about them. While a run goes on
// nothing is missed yet.
func (f *facts) aboutObjectives(l *findingList, r Report) {
	if f.ended.IsZero() {
		return
	}
	for _, s := range r.Systems {
		var open []plan.Text // names of the not proven, by reason
		var whys []plan.Text
		var keys []string // of the not proven, each with the index of its reason and its name
		var ofWhy []int
		var names []plan.Text
		judge := func(v run.Verdict, key string, name, figure plan.Text, why []Reason) {
			detail := whyText(why)
			switch v {
			case run.Missed:
				l.addBoth(run.FindingObjective, s.ID, "", say("%[1]s: %[2]s was missed%[3]s", "%[1]s：%[4]sが未達%[5]s", s.ID, name.EN, figure.EN, name.JA, figure.JA), detail)
				l.at("objective", s.ID, key)
			case run.NotProven:
				keys, names = append(keys, key), append(names, name)
				if i := slices.Index(whys, detail); i >= 0 {
					open[i] = plan.Text{EN: open[i].EN + ", " + name.EN, JA: open[i].JA + "・" + name.JA}
					ofWhy = append(ofWhy, i)
					return
				}
				open, whys, ofWhy = append(open, name), append(whys, detail), append(ofWhy, len(whys))
			case run.Met, run.NoObjective:
			}
		}
		judge(s.RTO.Verdict, "rto", plain("RTO"), against(s.RTO.ActualS, s.RTO.ObjectiveS), s.RTO.Why)
		lost := against(s.RPO.ActualS, s.RPO.ObjectiveS)
		if f.started.Rules >= 2 && s.RPO.ActualS == nil { // more than the objective, and nobody can tell how much more
			lost = plan.Text{}
		}
		judge(s.RPO.Verdict, "rpo", plain("RPO"), lost, s.RPO.Why)
		for _, st := range s.RLO.Stages {
			judge(st.Verdict, fmt.Sprintf("rlo-%d", st.Level), plain(fmt.Sprintf("RLO %d%%", st.Level)), against(st.ActualS, &st.WithinS), st.Why)
		}
		judge(s.Failback.Verdict, "failback", say("failback", "切戻し"), plan.Text{}, s.Failback.Why)
		if t := s.Restore; t != nil {
			judge(t.Verdict, "restore", say("restore from backup", "バックアップからの復元"), against(t.ActualS, t.ObjectiveS), t.Why)
			if t.PointVerdict == run.Missed && t.BehindS == nil { // the restore itself failed, so nothing is known of its age
				l.at("objective", s.ID, "restore-point")
			} else {
				judge(t.PointVerdict, "restore-point", say("age of the restored data", "復元データの古さ"), against(t.BehindS, t.PointObjectiveS), t.whyPoint())
			}
		}
		for i, together := range open {
			l.addBoth(run.FindingObjective, s.ID, "", say("%[1]s: not proven: %[2]s", "%[1]s：%[3]sが未立証", s.ID, together.EN, together.JA), whys[i])
			for k, key := range keys {
				if f := &l.all[len(l.all)-1]; ofWhy[k] == i {
					f.places = append(f.places, Place{Key: PlaceKey("objective", s.ID, key), Title: notProven(s.ID, names[k])})
				}
			}
		}
		if s.RTO.RelapsedS != nil {
			l.add(run.FindingObjective, s.ID, "", say("%s: service broke again for %s after it was restored", "%s：復旧後に再び %s 停止", s.ID, span(*s.RTO.RelapsedS)), "")
			l.at("objective", s.ID, "relapse")
		}
	}
}

func (f *facts) aboutCleanUp(l *findingList, r Report) {
	for _, u := range f.undone {
		if u.Outcome != run.Passed {
			l.add(run.FindingCleanUp, u.System, u.ID, say("%s: undo of step %s did not pass", "%s：ステップ %s の取り消しが完了していない", orRun(u.System), u.ID), u.Reason)
			l.atStep("undo", u.Step)
		}
	}
	for _, s := range r.Systems {
		if f.started.Rules > 0 && !f.ended.IsZero() && s.Restore != nil && s.Restore.left {
			l.add(run.FindingCleanUp, s.ID, "", say("%s: the isolated copy of the restore is left", "%s：復元した隔離コピーが残存", s.ID), "")
			l.at("copy", s.ID)
		}
	}
	for _, e := range f.kept {
		l.add(run.FindingCleanUp, e.System, "", say("%s: clean-up is incomplete; the next run on it is blocked", "%s：後始末が未完了。次の実施はできない", e.System), e.Reason)
		l.at("cleanup", e.System)
	}
	if f.state == run.CleanUpIncomplete && len(f.kept) == 0 {
		l.add(run.FindingCleanUp, "", "", say("clean-up is incomplete", "後始末が未完了"), "")
		l.at("cleanup", "")
	}
}

func (f *facts) aboutSteps(l *findingList) {
	for _, s := range f.steps {
		name := s.ID
		switch {
		case s.Outcome == run.Failed:
			l.add(run.FindingStep, s.System, s.ID, say("%s: step %s failed", "%s：ステップ %s が失敗", orRun(s.System), name), s.Reason)
			l.atStep("step", s.Step)
		case s.Outcome == run.Unknown:
			l.add(run.FindingStep, s.System, s.ID, say("%s: nobody can tell what step %s did", "%s：ステップ %s の結果が不明", orRun(s.System), name), s.Reason)
			l.atStep("step", s.Step)
		case s.SettledBy == run.ByPerson && s.Outcome == run.Skipped:
			l.add(run.FindingHand, s.System, s.ID, say("%s: step %s was skipped by %s", "%s：ステップ %s を %s が省略", orRun(s.System), name, run.Person(s.By)), s.Reason)
			l.atStep("hand", s.Step)
		case s.SettledBy == run.ByPerson:
			l.add(run.FindingHand, s.System, s.ID, say("%s: step %s was marked done by hand by %s", "%s：ステップ %s を %s が手動で完了扱い", orRun(s.System), name, run.Person(s.By)), s.Reason)
			l.atStep("hand", s.Step)
		}
		if s.Attempts > 1 {
			l.add(run.FindingStep, s.System, s.ID, say("%s: step %s took %d attempts", "%s：ステップ %s は %d 回試行", orRun(s.System), name, s.Attempts), "")
			l.atStep("retry", s.Step)
		}
		if s.OverS != nil {
			budget := 0.0
			if s.BudgetS != nil {
				budget = *s.BudgetS
			}
			l.add(run.FindingBudget, s.System, s.ID, say("%s: step %s took %s longer than its budget of %s", "%s：ステップ %s が目安時間を %s 超過（目安 %s）", orRun(s.System), name, span(*s.OverS), span(budget)), "")
			l.atStep("budget", s.Step)
		}
	}
	seen := map[string]bool{}
	for _, e := range f.absent {
		if key := e.Site + "/" + e.Step; !seen[key] {
			seen[key] = true
			l.add(run.FindingStep, e.System, e.Step, say("site %s: no worker took step %s in time", "拠点 %s：ステップ %s を受け取るワーカーがいなかった", e.Site, e.Step), e.Reason)
			l.at("worker", e.Site)
		}
	}
}

func (f *facts) aboutPeople(l *findingList, r Report) {
	if r.People.QuorumMissed {
		var en, ja, lacking []string
		for _, q := range r.People.Need {
			if q.Present < q.Need {
				t, of := r.roles([]string{q.Role}), fmt.Sprintf(" %d/%d", q.Present, q.Need)
				en, ja, lacking = append(en, t.EN+of), append(ja, t.JA+of), append(lacking, q.Role)
			}
		}
		l.add(run.FindingPeople, "", "", say("the quorum was not reached in time (%s)", "参集人数が不足（%s）", inWords(plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")})), r.People.Reduced)
		l.atRoles("quorum", lacking)
	}
	var silent, injured []string
	for _, p := range r.People.List {
		switch {
		case p.AnsweredAt == nil && !f.timeToAnswerPassed(): // nobody is silent who had time left
		case p.AnsweredAt == nil:
			silent = append(silent, p.ID)
		case p.Safety.Hurt():
			injured = append(injured, p.ID)
		}
	}
	if len(silent) > 0 {
		l.add(run.FindingPeople, "", "", say("%d of %d called did not answer the safety check", "安否確認に未回答 %d 名（対象 %d 名）", len(silent), r.People.Called), strings.Join(silent, ", "))
		l.atRoles("answer", f.rolesOf(silent))
		places := l.all[len(l.all)-1].places
		if roles := f.rolesOf(silent); len(roles) > 1 {
			for i, role := range roles { // each role's own number
				called, quiet := 0, 0
				for _, p := range r.People.List {
					if FirstRole(p.Roles) == role {
						called++
						if p.AnsweredAt == nil {
							quiet++
						}
					}
				}
				places[i].Title = say("%d of %d called did not answer the safety check: %s", "%[3]s：安否確認に未回答 %[1]d 名（対象 %[2]d 名）", quiet, called, role)
			}
		}
		l.named()
	}
	for _, a := range r.People.Absent {
		if len(a.StandIns) == 0 {
			l.add(run.FindingPeople, "", "", say("nobody stood in for %s, who was absent", "不在とした %s の代行者がいない", a.ID), "")
			l.atRoles("deputy", f.rolesOf([]string{a.ID}))
			l.all[len(l.all)-1].without = say("nobody stood in for somebody who was absent", "不在とした要員の代行者がいない")
		}
	}
	if len(injured) > 0 {
		l.add(run.FindingPeople, "", "", say("%d of %d called reported to be hurt or ill", "負傷・体調不良の報告 %d 名（対象 %d 名）", len(injured), r.People.Called), strings.Join(injured, ", "))
		l.at("people", "hurt")
		l.named()
	}
	f.aboutDeliveries(l)
	for _, d := range r.Decisions {
		if d.Rule != "" && d.AskedAt != nil {
			l.add(run.FindingPeople, d.System, "", say("%s: nobody decided in time, so the rule %s did", "%s：期限内に決定されず、規則 %s が決定", orRun(d.System), d.Rule), d.Reason)
			l.at("people", "decision", d.System)
		}
	}
	for _, a := range r.Approvals {
		if a.BreakGlass {
			l.add(run.FindingHand, "", "", say("%s approved alone (break-glass): to be reviewed", "%s が単独で承認（緊急権限）：事後確認が必要", run.Person(a.By)), a.Reason)
			l.atGlass(f.id, "approval")
		}
	}
	for _, b := range r.BreakGlass {
		if b.SameConsole {
			l.add(run.FindingHand, b.System, b.Step, say("%s by the server's own token or one issued with it, as the person before: nothing shows that they were two; to be reviewed", "%s がサーバー本体のトークン（またはそれで発行したトークン）で実施。先の操作も同様のため、別人である記録がない：事後確認が必要", run.Person(b.By)), b.Reason)
			l.atGlass(f.id, b.What, b.System, b.Step)
			continue
		}
		if b.What != "approval" {
			l.add(run.FindingHand, b.System, b.Step, plan.Say("%s did alone (break-glass): %s; to be reviewed", "%s が単独で実施（緊急権限）：%s。事後確認が必要", run.Person(b.By), b.words()), b.Reason)
			l.atGlass(f.id, b.What, b.System, b.Step)
		}
	}
	for _, n := range r.Notes {
		if n.Kind == run.RemarkMade && run.SaysNothing(n.Text) {
			l.nothing++
			continue
		}
		if n.Kind == run.RemarkMade && n.Text != "" {
			l.add(run.FindingRemark, "", "", say("remark of %s", "%s の所見", run.Person(n.By)), n.Text)
			l.at(f.remarkKey(l)...)
		}
	}
}

func (f *facts) aboutRecord(l *findingList, r Report) {
	if f.steppedBy >= clockStep {
		l.add(run.FindingClock, "", "", say("the engine's clock was set back by %s during the run", "実施中にエンジンの時計が %s 戻った", span(f.steppedBy.Seconds())), "")
		l.at("clock", "engine")
	}
	for _, s := range f.steps {
		if s.WorkerFrom == nil || s.WorkerTo == nil || s.DurationS == nil || s.Human {
			continue
		}
		wall := s.WorkerTo.Sub(*s.WorkerFrom)
		if off := wall - time.Duration(*s.DurationS*float64(time.Second)); off.Abs() >= clockStep {
			l.add(run.FindingClock, s.System, s.ID, say("the clock at %s stepped by %s during step %s", "拠点 %s の時計が %s ずれた（ステップ %s の実行中）", s.Site, span(off.Abs().Seconds()), s.ID), "")
			l.at("clock", "site", s.Site)
		}
	}
	for _, s := range f.systems {
		if off := f.eventOff(s); off >= clockStep {
			l.add(run.FindingClock, s.plan.Name, "", say("%s: the clock that timed the event is %s off the engine's", "%s：発生時刻を記録した時計がエンジンの時計と %s ずれている", s.plan.Name, span(off.Seconds())), "")
			l.at("clock", "event", s.plan.Name)
		}
	}
	f.aboutClocks(l)
	for _, w := range r.Evidence.Writers {
		if w.Missing > 0 {
			l.add(run.FindingRecord, "", "", say("%d events of %s are missing from the record", "記録から %[2]s のイベント %[1]d 件が欠落", w.Missing, w.Name), "")
			l.at("record", "events")
		}
	}
	for _, p := range f.probes {
		if p.Lost != "" {
			l.add(run.FindingRecord, p.System, "", say("%s: what probe %s saw is lost", "%s：プローブ %s の観測結果が失われた", p.System, p.ID), p.Lost)
			l.at("record", "probe", p.ID)
		}
	}
}

// eventOff is how far an injected event's time lies outside the time in which, by the
// engine's clock, it was injected and told.
func (f *facts) eventOff(s *systemFacts) time.Duration {
	if s.occurred == nil || s.occurred.Source != "inject" {
		return 0
	}
	from := s.told
	for _, st := range f.steps {
		if st.Purpose == "inject" && st.plan.Starts == s.plan.Name && st.StartedAt != nil && st.StartedAt.Before(from) {
			from = *st.StartedAt
		}
	}
	return max(from.Sub(s.occurred.At), s.occurred.At.Sub(s.told))
}

// fromJournal adds what was written during the run. One that a rule above found too is
// not listed twice; its owner, date and words are kept.
func (f *facts) fromJournal(l *findingList) {
	for _, e := range f.opened {
		var d run.Finding
		if e.Decode(&d) != nil {
			continue
		}
		d.System, d.Step = cmp.Or(d.System, e.System), cmp.Or(d.Step, e.Step)
		i := slices.IndexFunc(l.all, func(o Finding) bool {
			return o.Kind == d.Kind && o.System == d.System && o.Step == d.Step && d.Kind != run.FindingRemark
		})
		if i < 0 {
			title := plan.Apart(cmp.Or(d.Detail, e.Reason, string(d.Kind)))
			l.add(d.Kind, d.System, d.Step, title, d.Detail)
			i = len(l.all) - 1
		}
		o := &l.all[i]
		o.Owner, o.Due = cmp.Or(d.Owner, o.Owner), cmp.Or(d.Due, o.Due)
		if d.Detail != "" {
			detail := plan.Apart(d.Detail)
			o.Detail, o.DetailJA = detail.EN, detail.JA
		}
	}
}

// owner is who holds the deciding role: the first in the estate, or nobody.
func (f *facts) owner() string {
	if in := f.plan.Estate.InRole(f.plan.Scenario.Decision.By); len(in) > 0 {
		return in[0].ID
	}
	return ""
}

func (f *facts) due() string {
	if f.ended.IsZero() {
		return ""
	}
	return f.ended.In(zoneOf(f.plan.Estate.Zone)).AddDate(0, 0, dueAfter).Format(time.DateOnly)
}

// zoneOf is the zone of that name, or UTC.
func zoneOf(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return zone
}

// orRun names what a step that belongs to no system belongs to.
func orRun(system string) string { return cmp.Or(system, "run") }
