package cases

import (
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Document is docs/cases.md.
func Document(rows []Row, cases []Case, results Results) string {
	var b strings.Builder
	b.WriteString(`# Systems and cases of the source documents

Made by ` + "`make generate`" + ` from the scenarios in [scenarios/cases](../scenarios/cases) and their last runs
([cases.json](cases.json), written by ` + "`go test ./internal/cases -record`" + `). The verdict is that of the scenario's pass
criteria, each judged from the run's record: ✓ met, ✕ missed, ? not proven. *Simulated* is what nothing real stood behind.
The common conditions (E-COM) are judged of every run. A year, a month or 72 hours are compressed: what a simulated span stands for is counted by the criteria and is not measured.

| Row | What it proves | Scenario / runbooks | Real | Simulated | Last run | Verdict |
|---|---|---|---|---|---|---|
`)
	for _, r := range rows {
		any := false
		for _, c := range cases {
			if slices.Contains(c.Plan.Scenario.Requirements, r.ID) {
				b.WriteString(row(r, c, results))
				any = true
			}
		}
		if !any {
			fmt.Fprintf(&b, "| %s | %s | – | – | – | – | %s |\n", r.ID, both(r.Title), escape("none yet: "+r.Owed))
		}
	}
	b.WriteString("\n## Criteria\n")
	for _, c := range cases {
		s := c.Plan.Scenario
		fmt.Fprintf(&b, "\n### %s\n\n%s (%s)\n\n", s.Name, both(s.Title), strings.Join(s.Requirements, ", "))
		res := results[s.Name]
		judged := map[string]report.Pass{}
		every, held := 0, 0
		for _, p := range res.Pass {
			judged[p.ID] = p
			if strings.HasPrefix(p.ID, "every-") {
				if every++; p.Verdict == run.Met {
					held++
				}
			}
		}
		for _, x := range s.Pass {
			p, ok := judged[x.ID]
			if !ok {
				p = report.Pass{Verdict: run.NotProven, Why: plan.Text{EN: "never run"}}
			}
			fmt.Fprintf(&b, "- %s %s", mark(p.Verdict), both(x.Text))
			if why := p.Why.In("en"); why != "" {
				fmt.Fprintf(&b, " — %s", escape(why))
			}
			if len(p.Simulated) > 0 {
				fmt.Fprintf(&b, " *(simulated: %s)*", escape(strings.Join(p.Simulated, ", ")))
			}
			b.WriteString("\n")
		}
		if every > 0 {
			fmt.Fprintf(&b, "- common conditions: %d of %d met\n", held, every)
		}
	}
	return b.String()
}

func row(r Row, c Case, results Results) string {
	s := c.Plan.Scenario
	var books, real, simulated []string
	for _, rb := range c.Plan.Runbooks {
		books = append(books, rb.Name)
	}
	for _, sys := range c.Plan.Systems {
		if report.Simulated(c.Plan, sys) {
			simulated = append(simulated, sys.Name)
		} else {
			real = append(real, sys.Name)
		}
	}
	if s.Simulate != nil {
		simulated = append(simulated, "people")
	}
	last, verdict := "never", "none"
	if res, ok := results[s.Name]; ok {
		last = res.At.Format("2006-01-02")
		if res.Plan != c.Plan.Hash {
			last += " (files changed since)"
		}
		met := 0
		for _, p := range res.Pass {
			if p.Verdict == run.Met {
				met++
			}
		}
		verdict = fmt.Sprintf("%s %d/%d", mark(res.Verdict), met, len(res.Pass))
	}
	return fmt.Sprintf("| %s | %s | [%s](#%s) / %s | %s | %s | %s | %s |\n", r.ID, both(r.Title), s.Name, s.Name, orDash(books), orDash(real), orDash(simulated), last, verdict)
}

func orDash(s []string) string {
	if len(s) == 0 {
		return "–"
	}
	return escape(strings.Join(s, ", "))
}

func both(t plan.Text) string {
	if t.EN == "" || t.JA == "" {
		return escape(t.In("en"))
	}
	return escape(t.EN + " / " + t.JA)
}

func mark(v run.Verdict) string {
	switch v {
	case run.Met:
		return "✓"
	case run.Missed:
		return "✕"
	}
	return "?"
}

func escape(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "<", "&lt;", "*", "\\*").Replace(s)
}
