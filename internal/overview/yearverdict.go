package overview

import (
	"fmt"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// held counts what became of one planned drill.
func (c *Counts) held(i programme.Item) {
	if i.Status == programme.NotOwed {
		c.NotOwed++
		return
	}
	c.Planned++
	if i.Status == programme.Overdue {
		c.Overdue++
	}
	if i.Status != programme.HeldThen {
		return
	}
	c.Held++
	count := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	count(&c.HeldLate, i.Late)
	count(&c.HeldByWord, i.ByWord())
	count(&c.HeldSimulated, i.Simulated)
	count(&c.HeldUnproven, i.Unproven)
}

// goals counts what became of the goals of the drills that were held.
func (c *Counts) goals(rows []RowGoals) {
	for _, r := range rows {
		for _, g := range r.Goals {
			c.Goals++
			switch g.Verdict {
			case run.Met:
				c.GoalsMet++
				if len(g.Simulated) > 0 {
					c.GoalsSimulated++
				}
			case run.Missed:
				c.GoalsMissed++
			case run.NotProven, run.NoObjective:
				c.GoalsUnproven++
			}
		}
	}
}

// tiles say how each part of the year stands; the year is as its worst part.
func (c Counts) tiles() []sheet.Tile {
	judge := func(bad, unsure bool) run.Verdict {
		switch {
		case bad:
			return run.Missed
		case unsure:
			return run.NotProven
		}
		return run.Met
	}
	out := []sheet.Tile{{Name: sheet.Say("Drills", "訓練"), Term: sheet.Say("held of planned", "実施／計画"), Measured: sheet.Plain(fmt.Sprintf("%d / %d", c.Held, c.Planned)),
		Target:  sheet.Say("overdue %d, held late %d, not proven %d", "期限超過%d・遅れて実施%d・未立証%d", c.Overdue, c.HeldLate, c.HeldUnproven),
		Verdict: judge(c.Overdue > 0, c.Planned == 0 || c.Held < c.Planned || c.HeldLate > 0 || c.HeldUnproven > 0)}}
	if c.Goals > 0 || c.GoalsHidden > 0 {
		met := sheet.Plain(fmt.Sprintf("%d / %d", c.GoalsMet, c.Goals))
		if c.GoalsSimulated > 0 {
			met = sheet.Say("%d / %d (simulated: %d)", "%d / %d（うち模擬：%d）", c.GoalsMet, c.Goals, c.GoalsSimulated)
		}
		out = append(out, sheet.Tile{Name: sheet.Say("Goals", "訓練の目標"), Term: sheet.Say("met of set", "達成／設定"), Measured: met,
			Target:  sheet.Say("missed %d, not proven %d", "未達%d・未立証%d", c.GoalsMissed, c.GoalsUnproven),
			Verdict: judge(c.GoalsMissed > 0, c.GoalsUnproven > 0 || c.GoalsHidden > 0 || c.GoalsSimulated > 0)})
	}
	return append(out,
		sheet.Tile{Name: sheet.Say("Systems", "システム"), Term: sheet.Say("RTO proven", "RTO立証済み"), Measured: provenOf(c),
			Target:  sheet.Say("runs met %d, missed %d, not proven %d", "実施の判定：達成%d・未達%d・未立証%d", c.Met, c.Missed, c.NotProven),
			Verdict: judge(c.Missed > 0, c.NeedProof > 0 || c.SystemsSimulated > 0 || c.NotProven > 0)},
		sheet.Tile{Name: sheet.Say("Findings", "指摘事項"), Term: sheet.Say("open", "未解消"), Measured: sheet.Plain(fmt.Sprint(c.FindingsOpen)),
			Target:  sheet.Say("opened %d, closed %d, overdue %d, waived %d", "発生%d・解消%d・期限超過%d・容認%d", c.FindingsOpened, c.FindingsClosed, c.FindingsLate, c.FindingsWaived),
			Verdict: judge(c.FindingsLate > 0, c.FindingsOpen > 0)})
}

func (c Counts) verdict() run.Verdict {
	var parts []run.Verdict
	for _, t := range c.tiles() {
		parts = append(parts, t.Verdict)
	}
	return run.Worst(parts...)
}

// sentence is the year in one.
func (c Counts) sentence() plan.Text {
	drills := sheet.Say("%d of %d planned drills were held", "計画した訓練%[2]d件のうち%[1]d件を実施", c.Held, c.Planned)
	if c.HeldLate > 0 {
		drills = sheet.Say("%s (%d of them late)", "%s（うち遅れて実施%d件）", both(drills), c.HeldLate)
	}
	drills = sheet.Say("%s, %d are overdue", "%s、期限超過%d件", both(drills), c.Overdue)
	if c.Goals > 0 {
		drills = sheet.Say("%s; %d of %d goals were met", "%[1]s。事前に定めた目標は%[3]d件中%[2]d件を達成", both(drills), c.GoalsMet, c.Goals)
	}
	return sheet.Say("%s; the RTO of %d of %d systems is proven; %d findings were closed, %d are open.", "%[1]s。RTOは%[3]dシステム中%[2]dシステムで立証済み。指摘事項は%[4]d件を解消、%[5]d件が未解消。",
		both(drills), c.SystemsProven, c.Systems, c.FindingsClosed, c.FindingsOpen)
}

// remarks say of which figures of the year nothing real is behind.
func (c Counts) remarks() (out []plan.Text) {
	if c.HeldUnproven > 0 {
		out = append(out, sheet.Say("Of the drills held, %d are not proven: somebody recorded that they were held though a run could show it, or the engine answered for the people.",
			"実施済みの訓練のうち%d件は未立証です（シナリオがあるのに記録のみで実施済みとされたもの、または人の応答が模擬のもの）。", c.HeldUnproven))
	}
	if c.GoalsSimulated > 0 {
		out = append(out, sheet.Say("Of the goals met, %d rest on simulated people or steps.", "達成した目標のうち%d件は、模擬の要員・ステップに基づきます。", c.GoalsSimulated))
	}
	if c.SystemsSimulated > 0 {
		out = append(out, sheet.Say("Of %d more systems the RTO was met with simulated people or steps only; they are not counted as proven.", "ほかに%dシステムは要員またはステップが模擬の訓練でのみRTOを達成しており、立証済みに数えていません。", c.SystemsSimulated))
	}
	return out
}
