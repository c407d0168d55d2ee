package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// everyPass are the criteria that hold for every drill that proves requirements by name
// (requirements E-COM-01 to E-COM-04 and E-COM-06). One that does not apply is left out.
func (f *passFacts) everyPass() []Pass {
	var out []Pass
	judge := func(id string, text plan.Text, v run.Verdict, why plan.Text) {
		if f.ended.IsZero() {
			v, why = run.NotProven, say("the run goes on", "実施中")
		}
		out = append(out, Pass{ID: id, Text: text, Verdict: v, Why: why, Simulated: []string{}})
	}
	add := func(id string, text, miss plan.Text) {
		v := run.Met
		if (miss != plan.Text{}) {
			v = run.Missed
		}
		judge(id, text, v, miss)
	}
	add("every-step-recorded", say("Every step has its start, its end and who did it, and every RTO clock its start", "すべてのステップに開始・終了・実施者があり、RTOの起点が記録されている"), f.unrecorded())
	if f.report.Run.Hazard != run.RestoreTest {
		add("every-recovery-decided", say("Each recovery was decided before its first step", "復旧の判断は最初の復旧作業より前に記録された"), f.undecided())
		add("every-objective-honest", say("What has no target is not called met", "目標のないものを達成としていない"), f.flattered())
		v, why := f.home()
		judge("every-system-home", say("What moved went home, or stays by the plan", "移動したシステムは切戻されたか、計画に基づき継続している"), v, why)
	}
	if f.started.Simulated {
		add("every-simulation-marked", say("Whatever the engine answered for people is marked", "人に代わるエンジンの応答はすべて模擬と示されている"), f.unmarked())
	}
	return out
}

func (f *passFacts) unrecorded() plan.Text {
	for _, s := range f.steps {
		if s.Outcome == "" || s.EndedAt == nil || s.By == "" {
			return say("step %s has no end or nobody who did it", "ステップ %s に終了または実施者がない", s.Step.ID)
		}
	}
	for _, s := range f.report.Systems {
		if f.report.Run.Hazard != run.RestoreTest && s.RTO.EventAt == nil {
			return say("the clock of %s was never started", "%s のRTOの起点がない", s.ID)
		}
	}
	return plan.Text{}
}

func (f *passFacts) undecided() plan.Text {
	for _, s := range f.steps {
		if s.Purpose != "failover" && s.Purpose != "in_place" || s.StartedAt == nil {
			continue
		}
		if !slices.ContainsFunc(f.report.Decisions, func(d Decision) bool {
			return d.Question == "recovery" && d.System == s.System && !d.At.After(*s.StartedAt)
		}) {
			return say("step %s began without a decision for %s", "ステップ %s は %s の判断なしに開始された", s.Step.ID, s.System)
		}
	}
	return plan.Text{}
}

func (f *passFacts) flattered() plan.Text {
	for _, s := range f.report.Systems {
		if s.RTO.ObjectiveS == nil && s.RTO.Verdict == run.Met || s.RPO.ObjectiveS == nil && s.RPO.Verdict == run.Met {
			return say("%s has no target and is called met", "%s は目標がないのに達成とされている", s.ID)
		}
	}
	return plan.Text{}
}

// home is the worst failback of what moved. Which side takes writes, and whether service was there
// in the end, is no matter of where a system is.
func (f *passFacts) home() (run.Verdict, plan.Text) {
	verdict, why := run.Met, plan.Text{}
	for _, s := range f.report.Systems {
		v := s.Failback.Verdict
		if v == run.Missed && slices.ContainsFunc(s.Failback.Why, func(r Reason) bool { return r.Code == "down_at_the_end" }) {
			v = run.NotProven // by what else there is
		}
		reasons := slices.DeleteFunc(slices.Clone(s.Failback.Why), func(r Reason) bool {
			return slices.Contains([]string{"single_writer_unproven", "end_unseen", "home_unseen", "down_at_the_end"}, r.Code)
		})
		if s.Moved && len(reasons) > 0 && (v == run.Missed && verdict != run.Missed || v == run.NotProven && verdict == run.Met) {
			w := whyText(reasons)
			verdict, why = v, say("%[1]s: %[2]s", "%[1]s：%[3]s", s.ID, w.EN, w.JA)
		}
	}
	return verdict, why
}

func (f *passFacts) unmarked() plan.Text {
	known := func(by string, marked bool, at time.Time) plan.Text {
		if by != "" && by != run.Engine && by != f.first.By && !run.IsSimulated(by) && !marked {
			return say("%s acted at %s and is not marked as simulated", "%s の操作（%s）に模擬の表示がない", by, at.UTC().Format(time.TimeOnly))
		}
		return plan.Text{}
	}
	if !f.report.People.Simulated {
		return say("the report does not say that people were simulated", "要員が模擬であることが報告書に示されていない")
	}
	var miss plan.Text
	for _, d := range f.report.Decisions {
		if d.Rule == "" {
			miss = cmp.Or(miss, known(d.By, d.Simulated, d.At))
		}
	}
	for _, a := range f.report.Approvals {
		miss = cmp.Or(miss, known(a.By, a.Simulated, a.At))
	}
	return miss
}
