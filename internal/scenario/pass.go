package scenario

import (
	"regexp"
	"slices"

	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/yamldoc"
)

var requirement = regexp.MustCompile(`^[A-Za-z0-9]+([-.][A-Za-z0-9]+)*$`)

// pass reads what a drill of the scenario proves. The expressions are checked with the
// plan, whose steps they name.
func (r *reading) pass() {
	f, out := &r.out.file, &r.out.plan
	for _, id := range f.Requires {
		switch {
		case !id.Set:
		case !requirement.MatchString(id.V):
			r.Log.Add(id.Place, "requirements: %q is no ID; write one such as E-C01", "requirements: %q は要件IDの形式ではありません。E-C01 のように書いてください", yamldoc.Short(id.V))
		case slices.Contains(out.Requirements, id.V):
			r.Log.Add(id.Place, "requirements: %s is there twice; keep one", "requirements: %s が重複しています。1つにしてください", id.V)
		default:
			out.Requirements = append(out.Requirements, id.V)
		}
	}
	if len(f.Requires) > 0 && len(f.Pass) == 0 {
		r.Log.Add(f.Requires[0].Place, "requirements: nothing says when they are met; add pass: with a criterion for each", "requirements: 要件を満たしたと判定する基準がありません。それぞれの基準を pass: に追加してください")
	}
	seen := map[string]yamldoc.Place{}
	for _, p := range f.Pass {
		if first, ok := seen[p.ID.V]; ok && p.ID.Set {
			r.Log.Add(p.ID.Place, "criterion %s is there twice, first in line %d; give each its own id", "合格基準 %s が重複しています（最初は %d 行目）。それぞれ別の id にしてください", p.ID.V, first.Line)
		}
		seen[p.ID.V] = p.ID.Place
		if p.Expect.Set == (p.Cannot.Text != plan.Text{}) {
			r.Log.Add(p.Place, "criterion %s: give either expect, which decides it, or cannot, the reason why no drill can", "合格基準 %s: 判定式 expect か、訓練では判定できない理由 cannot の、どちらか一方を書いてください", p.ID.V)
		}
		out.Pass = append(out.Pass, plan.Criterion{ID: p.ID.V, Text: p.Text.Text, Expect: p.Expect.V, Cannot: p.Cannot.Text})
	}
}

// pass checks the criteria against the steps and systems of the plan.
func (c *compiling) pass() {
	if len(c.out.Scenario.Pass) == 0 || c.log.Len() > 0 {
		return
	}
	scope := report.PassScope(c.out)
	for _, p := range c.from.file.Pass {
		if !p.Expect.Set {
			continue
		}
		checked, err := scope.Check(p.Expect.V)
		switch {
		case err != nil:
			c.log.Add(p.Expect.Place, "criterion %s: %v", "合格基準 %s: %v", p.ID.V, err)
		case checked.Kind != expr.Truth && checked.Kind != expr.Any:
			c.log.Add(p.Expect.Place, "criterion %s: the expression gives a %s; it must give true or false", "合格基準 %s: 式の結果が%sです。真偽値になる式を書いてください", p.ID.V, checked.Kind.Text())
		}
	}
}
