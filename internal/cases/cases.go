// Package cases keeps the list of the source documents' systems and cases, the scenarios
// that exercise each, and what their last runs proved, and makes docs/cases.md of them.
package cases

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

//go:embed rows.yaml
var rows []byte

// Row is a row of the requirements' section E.
type Row struct {
	ID    string    `yaml:"id"`
	Title plan.Text `yaml:"title"`
	// Owed is why no scenario runs it yet; "" when one must.
	Owed string `yaml:"owed"`
}

// Rows is every row there must be, in order.
func Rows() ([]Row, error) {
	var out []Row
	if err := yaml.Unmarshal(rows, &out); err != nil {
		return nil, fmt.Errorf("rows.yaml: %w", err)
	}
	return out, nil
}

// Case is a scenario of the plan files that proves requirements by name.
type Case struct {
	Plan plan.Plan
	File string
}

// Cases compiles every scenario below dir that names requirements.
func Cases(dir string) ([]Case, error) {
	bundles, mistakes := scenario.LoadTree(all.Registry(all.Options{}), dir)
	if err := mistakes.Err(); err != nil {
		return nil, err
	}
	var out []Case
	for _, b := range bundles {
		for _, s := range b.Scenarios() {
			p, err := b.Compile(s.Name, "")
			if err != nil {
				return nil, err
			}
			if len(p.Scenario.Requirements) > 0 {
				out = append(out, Case{p, s.File})
			}
		}
	}
	return out, nil
}

// Result is what the last run of a scenario said.
type Result struct {
	At time.Time `json:"at"`
	// Plan is the hash of the plan as the files stand in the repository; the run itself had
	// the addresses of its servers besides.
	Plan      string        `json:"plan"`
	State     run.State     `json:"state"`
	Objective run.Verdict   `json:"objectives"` // the run's verdict
	Verdict   run.Verdict   `json:"verdict"`    // of the pass criteria
	Seconds   float64       `json:"seconds"`
	Pass      []report.Pass `json:"pass"`
}

// Results are by scenario.
type Results map[string]Result

// ReadResults reads a file that Write wrote; without one there are no results.
func ReadResults(file string) (Results, error) {
	out := Results{}
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// Write keeps the results, those of other scenarios in the file included.
func (r Results) Write(file string) error {
	kept, err := ReadResults(file)
	if err != nil {
		return err
	}
	for name, x := range r {
		kept[name] = x
	}
	b, err := json.MarshalIndent(kept, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}

// Check names what is missing: rows without a scenario or a run, scenarios that prove what
// is no row, and debts that were paid.
func Check(rows []Row, cases []Case, results Results) []string {
	var out []string
	known := map[string]bool{}
	for _, r := range rows {
		known[r.ID] = true
		var of, ran []string
		for _, c := range cases {
			if slices.Contains(c.Plan.Scenario.Requirements, r.ID) {
				of = append(of, c.Plan.Scenario.Name)
				if _, ok := results[c.Plan.Scenario.Name]; ok {
					ran = append(ran, c.Plan.Scenario.Name)
				}
			}
		}
		switch {
		case r.Owed != "" && len(ran) > 0:
			out = append(out, fmt.Sprintf("%s is marked as owed and %s has run; take owed out of rows.yaml", r.ID, strings.Join(ran, ", ")))
		case r.Owed != "":
		case len(of) == 0:
			out = append(out, fmt.Sprintf("%s has no scenario; write one that names it in requirements", r.ID))
		case len(ran) < len(of):
			out = append(out, fmt.Sprintf("%s: %d of its %d scenarios have run (%s); go test ./internal/cases -record", r.ID, len(ran), len(of), strings.Join(of, ", ")))
		}
	}
	for _, c := range cases {
		for _, id := range c.Plan.Scenario.Requirements {
			if !known[id] {
				out = append(out, fmt.Sprintf("%s proves %s, which rows.yaml does not hold", c.File, id))
			}
		}
	}
	return out
}
