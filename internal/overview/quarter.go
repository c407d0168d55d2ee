package overview

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Quarter is the figures of the runs of one class in one quarter.
type Quarter struct {
	Quarter string `json:"quarter"` // FY2026-Q3 of a fiscal year, 2026-Q4 of the calendar's
	Class
	Runs          int             `json:"runs"`
	Met           int             `json:"met"`
	Systems       []QuarterSystem `json:"systems"`
	DecisionP50S  *float64        `json:"decision_p50_s"` // people's, not the engine's
	Participation *float64        `json:"participation_mean"`
}

// QuarterSystem is how long one system took then.
type QuarterSystem struct {
	System  string   `json:"system"`
	Runs    int      `json:"runs"`
	Met     int      `json:"met"`
	RTOP50S *float64 `json:"rto_p50_s"`
	RTOP95S *float64 `json:"rto_p95_s"`
}

// quarters sums runs up by quarter and class.
func quarters(t Trend) []Quarter {
	type key struct {
		q string
		Class
	}
	type figures struct {
		rto            map[string][]float64
		decision, part []float64
		seen           map[string]bool
		at             Quarter
	}
	by := map[key]*figures{}
	var order []key
	for _, r := range t.Runs {
		k := key{t.quarter(r.At), r.Class}
		q := by[k]
		if q == nil {
			q = &figures{rto: map[string][]float64{}, seen: map[string]bool{}, at: Quarter{Quarter: k.q, Class: r.Class, Systems: []QuarterSystem{}}}
			by[k], order = q, append(order, k)
		}
		i := slices.IndexFunc(q.at.Systems, func(s QuarterSystem) bool { return s.System == r.System })
		if i < 0 {
			i, q.at.Systems = len(q.at.Systems), append(q.at.Systems, QuarterSystem{System: r.System})
		}
		q.at.Systems[i].Runs++
		if r.Verdict == run.Met {
			q.at.Systems[i].Met++
		}
		if took := r.measured(); took != nil {
			q.rto[r.System] = append(q.rto[r.System], *took)
		}
		if q.seen[r.Run] { // the rest is of the run, not of each of its systems
			continue
		}
		q.seen[r.Run] = true
		q.at.Runs++
		if t.verdict(r) == run.Met {
			q.at.Met++
		}
		if r.Simulated {
			continue
		}
		if r.DecisionS != nil {
			q.decision = append(q.decision, *r.DecisionS)
		}
		if r.Participation != nil {
			q.part = append(q.part, *r.Participation)
		}
	}
	out := []Quarter{}
	for _, k := range order {
		q := by[k]
		for i, s := range q.at.Systems {
			q.at.Systems[i].RTOP50S, q.at.Systems[i].RTOP95S = p50p95(q.rto[s.System])
		}
		q.at.DecisionP50S, _ = p50p95(q.decision)
		q.at.Participation = mean(q.part)
		out = append(out, q.at)
	}
	return out
}

// classes are those of some quarters, in their order.
func classes(list []Quarter) (out []Class) {
	for _, q := range list {
		if !slices.Contains(out, q.Class) {
			out = append(out, q.Class)
		}
	}
	return out
}

func (t Trend) quarterSection() sheet.Section {
	s := sheet.Section{ID: "quarters", Title: sheet.Say("By quarter", "四半期ごとの推移"),
		Lead: []plan.Text{sheet.Say("A run counts once. Only runs of the same kind and depth are averaged, blind ones and those with simulated people apart, and times only of one system. p50: half were as quick or quicker; p95: 19 of 20 were. RTOs are those that were measured and proven: upper bounds (≤), what is not proven and what rests on simulated steps are left out. The engine's answers for people are left out.",
			"実施は1件を1回と数えます。平均は種別・深さが同じものに限り、非提示型訓練と人が模擬の実施は分けます。所要時間はシステムごとです。p50は半数がその値以下、p95は20件中19件がその値以下。RTOは実測され立証された値に限り、上限値（≤）、未立証の値、ステップが模擬の値は除きます。人の応答が模擬の実施は人の欄から除いています。")}}
	table := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("Quarter", "四半期"), sheet.Say("Kind", "種別"), sheet.Say("Runs", "件数"), sheet.Say("Met", "達成"), sheet.Say("Decision p50", "決定 p50"), sheet.Say("Took part", "参加率")}}
	times := sheet.Table{Brief: true, Caption: sheet.Say("RTO by system", "システム別のRTO"), Head: []plan.Text{sheet.Say("Quarter", "四半期"), sheet.Say("System", "システム"), sheet.Say("Kind", "種別"), sheet.Say("Runs", "件数"), sheet.Say("Met", "達成"), sheet.Plain("RTO p50"), sheet.Plain("RTO p95")}}
	for _, q := range t.Quarters {
		table.Rows = append(table.Rows, []sheet.Cell{{Text: quarterText(q.Quarter), Class: "word"}, {Text: q.text()}, count(q.Runs), count(q.Met), span(q.DecisionP50S), share(q.Participation)})
		for _, x := range q.Systems {
			times.Rows = append(times.Rows, []sheet.Cell{{Text: quarterText(q.Quarter), Class: "word"}, word(x.System), {Text: q.text()}, count(x.Runs), count(x.Met), span(x.RTOP50S), span(x.RTOP95S)})
		}
	}
	for _, class := range classes(t.Quarters) {
		var part []sheet.Point
		for _, q := range t.Quarters {
			if q.Class == class && !class.Simulated {
				part = append(part, sheet.Point{Said: quarterTick(q.Quarter), V: q.Participation, Verdict: run.Met})
			}
		}
		if c := sheet.Series("participation-"+class.id(), sheet.Say("Share of those called who took part: %s", "参加率（呼び出した人のうち応答・参集した割合）：%s", both(class.text())), part, nil, shareLabel); c != nil {
			s.Figures = append(s.Figures, c)
		}
	}
	s.Tables = []sheet.Table{table, times}
	return s
}
