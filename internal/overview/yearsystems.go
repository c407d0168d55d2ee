package overview

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// YearSystem is a system's year.
type YearSystem struct {
	System   string           `json:"system"`
	Title    plan.Text        `json:"title,omitzero"`
	Priority string           `json:"priority,omitempty"`
	Runs     int              `json:"runs"`
	Met      int              `json:"met"`
	Missed   int              `json:"missed"`
	Open     int              `json:"not_proven"`
	RTOS     *float64         `json:"rto_objective_s"`
	Times    []YearTimes      `json:"times"`
	Proofs   []proof.Property `json:"proofs"`
}

// YearTimes is how long a system took in the runs of one class. Count, p50 and worst are of what was measured and proven;
// the last is that of the newest run, as it is.
type YearTimes struct {
	Class
	Times        int      `json:"count"`
	P50S         *float64 `json:"rto_p50_s"`
	WorstS       *float64 `json:"rto_worst_s"`
	LastS        *float64 `json:"rto_last_s"`
	LastAtMost   bool     `json:"rto_last_at_most,omitempty"`
	LastUnproven bool     `json:"rto_last_not_proven,omitempty"`
	// LastSimulated: it rests on steps that only simulated what they do.
	LastSimulated bool `json:"rto_last_simulated_steps,omitempty"`
	took          []float64
}

func (y *Year) systems(f Facts, runs []TrendRun) {
	at := map[string]*YearSystem{}
	of := func(id string) *YearSystem {
		if at[id] == nil {
			y.Systems = append(y.Systems, YearSystem{})
			at[id] = &YearSystem{System: id, Times: []YearTimes{}, Proofs: []proof.Property{}}
		}
		return at[id]
	}
	var order []string
	for _, p := range f.Proven {
		s := of(p.System)
		order = append(order, p.System)
		s.Title, s.Priority, s.Proofs = p.Title, p.Priority, p.Properties
		y.Counts.Systems++
		for _, x := range p.Properties {
			if x.State.Needs() {
				y.Counts.NeedProof++
			}
			if x.Property == outcome.RTO && x.Real() {
				y.Counts.SystemsProven++
			} else if x.Property == outcome.RTO && x.State == proof.Fresh {
				y.Counts.SystemsSimulated++
			}
		}
	}
	for _, r := range runs {
		if at[r.System] == nil {
			order = append(order, r.System)
		}
		s := of(r.System)
		s.Runs++
		switch r.Verdict {
		case run.Met:
			s.Met++
		case run.Missed:
			s.Missed++
		case run.NotProven:
			s.Open++
		case run.NoObjective:
		}
		s.RTOS = cmp.Or(r.RTOObjectiveS, s.RTOS)
		if r.RTOS != nil {
			i := slices.IndexFunc(s.Times, func(t YearTimes) bool { return t.Class == r.Class })
			if i < 0 {
				i, s.Times = len(s.Times), append(s.Times, YearTimes{Class: r.Class})
			}
			x := &s.Times[i]
			x.LastS, x.LastAtMost, x.LastUnproven, x.LastSimulated = r.RTOS, r.RTOAtMost, r.RTOVerdict == run.NotProven, r.SimulatedSteps
			took := r.measured()
			if took == nil {
				continue
			}
			x.Times, x.took = x.Times+1, append(x.took, *took)
			if x.WorstS == nil || *took > *x.WorstS {
				x.WorstS = took
			}
		}
	}
	for i, id := range order {
		for n := range at[id].Times {
			x := &at[id].Times[n]
			x.P50S, _ = p50p95(x.took)
		}
		y.Systems[i] = *at[id]
	}
}

func (y Year) systemSection() sheet.Section {
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Band", "優先度"), sheet.Say("Runs", "実施"), sheet.Say("Met", "達成"), sheet.Say("Missed", "未達"), sheet.Say("Not proven", "未立証"), sheet.Say("RTO target", "RTO目標")}}
	times := sheet.Table{Brief: true, Caption: sheet.Say("RTO: only runs of the same kind together; times, p50 and worst of what was measured and proven, ≤ is an upper bound", "RTOの実績（種別ごと。回数・p50・最長は実測され立証された値のみ、≤は上限値）"), Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Kind", "種別"), sheet.Say("Times", "回数"), sheet.Say("RTO target", "RTO目標"),
		sheet.Plain("p50"), sheet.Say("Worst", "最長"), sheet.Say("Last", "最新")}}
	p := sheet.Table{Caption: sheet.Say("What is proven, and what has to be again", "立証の状況"), Head: []plan.Text{sheet.Say("System", "システム"), sheet.Plain("RTO"), sheet.Plain("RPO"), sheet.Plain("RLO"), sheet.Say("Restore", "復元"), sheet.Say("Failback", "切戻し")}}
	for _, s := range y.Systems {
		t.Rows = append(t.Rows, []sheet.Cell{{Text: titleOf(s.Title, s.System)}, word(s.Priority), count(s.Runs), count(s.Met), count(s.Missed), count(s.Open), span(s.RTOS)})
		for _, x := range s.Times {
			times.Rows = append(times.Rows, []sheet.Cell{{Text: titleOf(s.Title, s.System)}, {Text: x.text()}, count(x.Times), span(s.RTOS), span(x.P50S), span(x.WorstS), x.last()})
		}
		row := []sheet.Cell{{Text: titleOf(s.Title, s.System)}}
		for _, want := range outcome.Properties() {
			c := sheet.Cell{Text: sheet.Dash}
			for _, x := range s.Proofs {
				if x.Property == want {
					c = sheet.Cell{Text: states[x.State], Class: string(stateVerdict(x.State))}
					if x.At != nil {
						c.Text = sheet.Say("%s %s", "%s %s", both(c.Text), y.day(*x.At))
					}
					if x.MissedAt != nil {
						c.Text = sheet.Say("missed %s", "未達 %s", y.day(*x.MissedAt))
					}
					if len(x.Simulated) > 0 {
						c.Text = sheet.Say("%s (%s)", "%s（%s）", both(c.Text), both(proof.SimulatedText(x.Simulated)))
						if x.State == proof.Fresh { // counted in no figure of what is proven
							c.Class = string(run.NotProven)
						}
					}
				}
			}
			row = append(row, c)
		}
		p.Rows = append(p.Rows, row)
	}
	return sheet.Section{ID: "systems", Title: sheet.Say("Attainment per system", "システム別の達成状況"), Tables: []sheet.Table{t, times, p}}
}

// last is the newest run's time, with what takes from its worth.
func (x YearTimes) last() sheet.Cell {
	text := pretended(boundOr(x.LastS, x.LastAtMost, sheet.Dash), x.LastSimulated)
	if x.LastUnproven {
		text = sheet.Say("%s (not proven)", "%s（未立証）", both(text))
	}
	return sheet.Number(text)
}

// provenOf says of how many systems the RTO is proven; what was only simulated stands beside it.
func provenOf(c Counts) plan.Text {
	if c.SystemsSimulated > 0 {
		return sheet.Say("%d / %d (simulated: %d)", "%d / %d（模擬：%d）", c.SystemsProven, c.Systems, c.SystemsSimulated)
	}
	return sheet.Plain(fmt.Sprintf("%d / %d", c.SystemsProven, c.Systems))
}

func stateVerdict(s proof.State) run.Verdict {
	switch s {
	case proof.Fresh:
		return run.Met
	case proof.Expired, proof.Missed:
		return run.Missed
	case proof.NotSet:
		return run.NoObjective
	case proof.Changed, proof.Never:
	}
	return run.NotProven
}
