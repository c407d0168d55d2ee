package overview

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Review is the yearly review's 14 questions with what the record already answers (requirement D.4).
type Review struct {
	Frame
	Fiscal    int        `json:"fiscal"`
	Questions []Question `json:"questions"`
	Written   []Entry    `json:"written"` // by people, oldest first
	// Remarks say what is as of today though the year is over.
	Remarks []plan.Text `json:"remarks,omitempty"`
}

// Question is one of the 14.
type Question struct {
	ID       string      `json:"id"` // REV-01 to REV-14
	Area     plan.Text   `json:"area"`
	Question plan.Text   `json:"question"`
	Facts    []plan.Text `json:"facts"`    // what the record says; empty: people must say it all
	Answered run.Verdict `json:"answered"` // met: yes by the record; missed: no; not_proven: for people to say
}

// Entry is what somebody wrote, under their name.
type Entry struct {
	Item string `json:"item"`
	By   string `json:"by"`
	Day  string `json:"day"`
	Text string `json:"text"`
}

// MakeReview answers what can be answered.
func MakeReview(f Facts, written []Entry) Review {
	y := MakeYear(f)
	r := Review{Frame: f.Frame, Fiscal: y.Fiscal, Written: written, Remarks: y.Remarks}
	say := sheet.Say
	measures, response, drills, grounds := say("Pre-measures plan", "事前対策計画"), say("Response plan", "危機的事象発生時の対応計画"), say("Drill plan", "教育訓練計画"), say("Grounds", "計画の前提")
	add := func(area, question plan.Text, answered run.Verdict, facts ...plan.Text) {
		r.Questions = append(r.Questions, Question{ID: fmt.Sprintf("REV-%02d", len(r.Questions)+1), Area: area, Question: question, Facts: slices.DeleteFunc(facts, func(t plan.Text) bool { return t == (plan.Text{}) }), Answered: answered})
	}
	// What was waived was looked at by somebody; whether the plan was reviewed on it, they have to say.
	unlessWaived := func(v run.Verdict) run.Verdict {
		if v == run.Met && y.Counts.FindingsWaived > 0 {
			return run.NotProven
		}
		return v
	}
	yes := func(ok bool) run.Verdict {
		if ok {
			return run.Met
		}
		return run.Missed
	}
	people := run.NotProven

	var due, done, late, unpaid, undated, levels, components, targets int
	if f.Estate != nil {
		for _, m := range measuresOf(f.Estate) {
			if m.To != 0 && m.To <= y.Fiscal {
				due++
				if m.Done == "" || m.Done > y.To {
					late++
				}
			}
			if m.Done != "" && m.Done >= y.From && m.Done <= y.To {
				done++
			}
			if m.Done == "" && m.BudgetK == nil {
				unpaid++
			}
			if m.Done == "" && m.To == 0 {
				undated++
			}
		}
		for _, s := range f.Estate.Declared {
			for _, c := range s.Components {
				components++
				if c.Target.Set {
					targets++
				}
				if c.Current.Set && c.Target.Set {
					levels++
				}
			}
		}
	}
	verdict := people
	if due > 0 {
		verdict = yes(late == 0)
	}
	add(measures, say("Were the measures carried out as planned?", "事前対策は計画どおり実施されたか"), verdict, say("due by this year: %d, of them not done: %d", "本年度までに完了予定 %d件、うち未了 %d件", due, late))
	add(measures, say("Was the content updated for measures that were done (current level, measures plan, other plans)?", "実施済みの対策に応じて内容（現状対策レベル等）を更新したか"), people,
		say("done in the year: %d; components with both levels in the estate: %d", "本年度に完了 %d件。現状・目標レベルが記入された構成要素 %d件", done, levels))
	add(measures, say("Were next year's budget items considered from the plan, and budget for measures without a date?", "次年度の予算要求事項と、時期未定の対策の予算を検討したか"), people,
		say("open measures without a budget: %d, without a date: %d", "予算未定の対策 %d件、時期未定の対策 %d件", unpaid, undated))
	// Without a run that did something there were no results, and without a finding the record says nothing
	// of whether anybody looked at them: both are for people to answer.
	trained := len(y.Quarters) > 0 && len(y.Findings) > 0
	verdict = people
	if trained {
		verdict = unlessWaived(yes(len(y.Candidates) == 0))
	}
	add(measures, say("Was the plan reviewed on drill results?", "訓練の結果を踏まえて見直したか"), verdict,
		say("findings: %d opened, %d closed, %d open, %d waived; open without a measure: %d", "指摘事項：検出%d・解消%d・未解消%d・容認%d。未解消のうち対策が未登録 %d件", y.Counts.FindingsOpened, y.Counts.FindingsClosed, y.Counts.FindingsOpen, y.Counts.FindingsWaived, len(y.Candidates)))
	add(measures, say("Was consistency with the BCP checked together with the business departments and the BCP secretariat?", "BCPとの整合を業務部門・BCP事務局とともに確認したか"), people)

	ran := 0
	for _, q := range y.Quarters {
		ran += q.Runs
	}
	silent, unreached := map[string]bool{}, 0
	for _, o := range f.Outcomes {
		for _, c := range o.Channels {
			unreached += c.Failed
		}
		for _, x := range o.Findings {
			if x.Kind == run.FindingPeople {
				silent[x.Place] = true
			}
		}
	}
	add(response, say("Are contact networks and persons current?", "連絡網・担当者は最新か"), people,
		say("messages that reached nobody in the year: %d; places where people did not answer or were missing: %d", "本年度の連絡の不達 %d件、応答なし・要員不足の箇所 %d件", unreached, len(silent)))
	changed := 0
	for _, s := range f.Proven {
		for _, p := range s.Properties {
			if slices.Contains(p.Changed, outcome.ChangedPlan) {
				changed++
			}
		}
	}
	revised := say("measures done: %d; properties whose plan changed since their proof: %d", "完了した対策 %d件。立証後に計画が変わった項目 %d件", done, changed)
	if y.Over {
		revised = say("measures done: %d; which plans had changed then was not kept", "完了した対策 %d件。当時の計画変更の有無は記録なし", done)
	}
	add(response, say("Were procedures revised for finished measures?", "実施済みの対策に応じて手順を改訂したか"), people, revised)
	verdict = people
	if trained {
		verdict = unlessWaived(yes(y.Counts.FindingsLate == 0 && y.Counts.FindingsOpen == 0))
	}
	add(response, say("Was it reviewed on the results of training?", "訓練の結果を踏まえて見直したか"), verdict, say("runs that did something: %d", "実際に作業した実施 %d件", ran), say("findings open: %d, of them overdue: %d; waived: %d", "未解消の指摘事項 %d件、うち期限超過 %d件。容認 %d件", y.Counts.FindingsOpen, y.Counts.FindingsLate, y.Counts.FindingsWaived))
	verdict = people
	fact := say("there is no programme to hold it against", "対比する訓練計画がない")
	if y.Programme != "" {
		c := y.Counts
		fact = say("planned %d, held %d (late %d, not proven %d), overdue %d", "計画%d件・実施%d件（うち遅れて実施%d件、未立証%d件）・期限超過%d件", c.Planned, c.Held, c.HeldLate, c.HeldUnproven, c.Overdue)
		if c.Planned > 0 { // an empty plan says nothing
			switch {
			case c.Overdue > 0:
				verdict = run.Missed
			case c.Held == c.Planned && c.HeldLate == 0 && c.HeldUnproven == 0: // while some are to come, nobody can say
				verdict = run.Met
			}
		}
	}
	add(drills, say("Were drills carried out as planned?", "訓練は計画どおり実施されたか"), verdict, fact)
	// That a review was held says that it was, not what came of it; that it was not held is an answer.
	var moved, missing, reviews []string
	verdict = people
	for _, p := range f.Planned {
		switch {
		case p.Status == programme.Overdue && !slices.Contains(missing, p.Row):
			missing = append(missing, p.Row)
		case p.Status != programme.Overdue && p.Status != programme.NotOwed && (len(p.Why) > 0 || p.Late) && !slices.Contains(moved, p.Row):
			moved = append(moved, p.Row)
		}
		switch {
		case p.Kind == programme.KindReview && p.Status == programme.Overdue:
			verdict = run.Missed
			reviews = append(reviews, f.day(p.From))
		case p.Kind == programme.KindReview && p.Status == programme.HeldThen:
			reviews = append(reviews, f.day(p.HeldOn)+" ✓")
		}
	}
	add(drills, say("Was the drill plan itself reviewed on the results?", "訓練の結果を踏まえて訓練計画自体を見直したか"), verdict,
		say("reviews in the plan (✓ held): %s", "計画にある見直し（✓は実施済み）：%s", orNone(reviews)), say("rows moved, held up or held late: %s", "延期・変更・遅れて実施した訓練：%s", orNone(moved)),
		say("rows not held in time: %s", "期限までに実施されていない訓練：%s", orNone(missing)), say("goals missed: %d, not proven: %d", "未達の目標：%d件、未立証：%d件", y.Counts.GoalsMissed, y.Counts.GoalsUnproven))

	add(grounds, say("Was widening of the scope considered?", "対象範囲の拡大を検討したか"), people, say("systems in the estate: %d", "構成台帳のシステム数：%d", len(f.Proven)))
	add(grounds, say("Is revision needed from outside changes or higher expectations of society?", "外部環境の変化や社会的要請の高まりによる見直しは必要か"), people)
	// Which systems are new, and whether anybody thought of them, no record says: what lacks is an answer, that nothing lacks is none.
	var bare, undrilled []string
	for _, s := range f.Proven {
		if !slices.ContainsFunc(s.Properties, func(p proof.Property) bool { return p.Property == outcome.RTO && p.State != proof.NotSet }) {
			bare = append(bare, s.System)
		}
		if !slices.ContainsFunc(s.Properties, func(p proof.Property) bool { return p.State != proof.NotSet && p.State != proof.Never }) {
			undrilled = append(undrilled, s.System)
		}
	}
	verdict = people
	if len(bare) > 0 {
		verdict = run.Missed
	}
	add(grounds, say("For new systems: were priority, measures, response and drills considered?", "新規システムの優先度・対策・対応・訓練を検討したか"), verdict, say("systems without an RTO: %s", "RTOのないシステム：%s", orNone(bare)),
		say("of which no drill has proven anything: %s", "訓練で何も立証されていないシステム：%s", orNone(undrilled)))
	verdict = people
	if f.Estate != nil && len(f.Estate.Declared) > 0 && targets == 0 {
		verdict = run.Missed // there is none that could have been reviewed
	}
	add(grounds, say("Were target levels reviewed against current technology?", "目標対策レベルを最新の技術に照らして見直したか"), verdict, say("components with a target level: %d of %d", "目標対策レベルのある構成要素：%d件（全%d件）", targets, components))
	return r
}

func orNone(list []string) both {
	if len(list) == 0 {
		return both(sheet.Say("none", "なし"))
	}
	if len(list) > 12 {
		list = append(slices.Clone(list[:12]), "…")
	}
	return both(plan.Text{EN: strings.Join(list, ", "), JA: strings.Join(list, "、")})
}

// Sheet sets it in words.
func (r Review) Sheet() sheet.Sheet {
	d := r.sheet(fmt.Sprintf("review-%d", r.Fiscal), sheet.Say("Yearly review, fiscal %d: 14 questions", "%d年度 計画の定期見直し（14項目）", r.Fiscal))
	d.Remarks = append(d.Remarks, r.Remarks...)
	answered, no := 0, 0
	written := map[string]int{}
	for _, e := range r.Written {
		written[e.Item]++
	}
	open := 0
	for _, q := range r.Questions {
		switch q.Answered {
		case run.Met:
			answered++
		case run.Missed:
			answered++
			no++
		case run.NotProven, run.NoObjective:
			if written[q.ID] == 0 {
				open++
			}
		}
	}
	d.Sentence = sheet.Say("The record answers %d of 14, %d of them with no; for %d nobody has written an answer yet.", "14項目のうち%d項目は記録から回答済み（うち「否」%d項目）。%d項目は人の回答待ち。", answered, no, open)
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("No.", "番号"), sheet.Say("Question", "項目"), sheet.Say("What the record says", "記録からの事実"), sheet.Say("By the record", "記録による判定"), sheet.Say("Written by people: answer and measure taken", "人が記入（回答・講じた措置）")}}
	area := plan.Text{}
	for _, q := range r.Questions {
		if q.Area != area {
			area = q.Area
			t.Rows = append(t.Rows, sheet.Group(area))
		}
		facts := plan.Text{}
		for i, x := range q.Facts {
			if i > 0 {
				facts = plan.Text{EN: facts.EN + " · ", JA: facts.JA + "・"}
			}
			facts = plan.Text{EN: facts.EN + x.EN, JA: facts.JA + x.JA}
		}
		by := sheet.Cell{Text: sheet.Say("for people", "人が回答")}
		switch q.Answered {
		case run.Met:
			by = sheet.Cell{Text: sheet.Say("✓ yes", "✓ 是"), Class: string(run.Met)}
		case run.Missed:
			by = sheet.Cell{Text: sheet.Say("✕ no", "✕ 否"), Class: string(run.Missed)}
		case run.NotProven, run.NoObjective:
		}
		blank := sheet.Cell{Text: sheet.Say("✎ answer, name, day", "✎ 回答・氏名・日付"), Class: "blank"}
		if written[q.ID] > 0 {
			var said []string
			for _, e := range r.Written {
				if e.Item == q.ID {
					said = append(said, fmt.Sprintf("%s (%s, %s)", e.Text, e.By, e.Day))
				}
			}
			blank = sheet.Cell{Text: sheet.Plain(strings.Join(said, " / "))}
		}
		t.Rows = append(t.Rows, []sheet.Cell{word(q.ID), {Text: q.Question}, {Text: facts}, by, blank})
	}
	d.Sections = []sheet.Section{{ID: "review", Title: sheet.Say("Questions", "見直し項目"), Tables: []sheet.Table{t}}}
	return d
}
