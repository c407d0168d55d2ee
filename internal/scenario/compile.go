package scenario

import (
	"cmp"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

const (
	// maxPlan bounds a compiled plan: the engine refuses workflow inputs above 2 MiB.
	maxPlan = 1_800_000
	// maxSteps bounds the steps of one run.
	maxSteps = 5000
)

// Compile returns the sealed plan of a scenario at a depth; "" is the depth of the
// file. At depth real nothing is injected, nobody is simulated, and at least one
// person besides the requester approves. The error is Mistakes when the scenario can't
// run at that depth.
func (b *Bundle) Compile(name string, depth run.Depth) (plan.Plan, error) {
	var names []string
	for _, s := range b.scenarios {
		if s.info.Name != name {
			names = append(names, s.info.Name)
			continue
		}
		if depth == "" {
			depth = s.info.Depth
		}
		if !slices.Contains(run.Depths(), depth) {
			return plan.Plan{}, plan.Wrong("there is no depth %q; there are tabletop, walkthrough, isolated, live and real", "%q という深さはありません。tabletop、walkthrough、isolated、live、real から選んでください", depth)
		}
		log := &yamldoc.Log{}
		p := b.compile(log, s, depth)
		if err := log.Mistakes().Err(); err != nil {
			return plan.Plan{}, err
		}
		return p, p.Seal()
	}
	return plan.Plan{}, plan.Wrong("there is no scenario %q%s", "シナリオ %q はありません%s", name, yamldoc.Meant(name, names))
}

// compiling is the making of one plan.
type compiling struct {
	*Bundle
	log   *yamldoc.Log
	from  *declared
	depth run.Depth
	out   plan.Plan
	uses  map[string]bool // targets
	steps int
}

// compile makes a plan that is not sealed yet.
func (b *Bundle) compile(log *yamldoc.Log, s *declared, depth run.Depth) plan.Plan {
	c := &compiling{Bundle: b, log: log, from: s, depth: depth, uses: map[string]bool{}}
	c.out = plan.Plan{Format: plan.Format, Scenario: s.plan}
	c.out.Scenario.Depth = depth
	if depth == run.Real {
		c.out.Scenario.Injects, c.out.Scenario.Simulate, c.out.Scenario.Absent = nil, nil, nil
		c.out.Scenario.Approvals = max(1, c.out.Scenario.Approvals)
		c.out.Scenario.Blind, c.out.Scenario.Facilitators = false, nil
		c.out.Scenario.Requirements, c.out.Scenario.Pass = nil, nil // the real thing is judged by its objectives
	}
	c.systems()
	c.runbooks()
	c.injects()
	c.estate()
	c.pass()
	c.size()
	return c.out
}

// systems takes those of the scenario, in priority order: band, then RTO, then name;
// without an RTO last.
func (c *compiling) systems() {
	for _, name := range c.from.info.Systems {
		s, decl, ok := c.Bundle.estate.System(name)
		if !ok {
			continue // noted when the scenario was read
		}
		if c.effective() && !estate.Drills(*s, c.depth) {
			c.log.Add(c.place(name), "system %s may not be touched by a drill of depth %s, only %s (%s); choose one of these depths, or add %s to its drillable", "システム %s は深さ %s の訓練の対象にできません。許されている深さは %s です（%s）。そのいずれかを選ぶか、drillable に %s を追加してください",
				name, c.depth, estate.DepthsOf(*s), decl.Place, c.depth)
		}
		if c.from.info.Hazard == run.RestoreTest {
			c.restoreTest(name, *s, decl.Place)
			kept := *s
			kept.Probes, kept.SingleWriter = nil, nil // the live system is not even looked at
			c.out.Systems = append(c.out.Systems, kept)
			continue
		}
		if s.Failover == "" && s.InPlace == "" && !s.Own && (c.effective() || c.depth == run.Real) {
			c.log.Add(c.place(name), "system %s has no runbook that recovers it (%s); add runbooks: {failover: ...} or {in_place: ...}", "システム %s に復旧の手順書がありません（%s）。runbooks: {failover: ...} または {in_place: ...} を追加してください", name, decl.Place)
		}
		if s.Failover != "" && s.Failback == "" && c.out.Scenario.Failback == run.PolicyReturn {
			c.log.Add(c.place(name), "system %s has a failover runbook and no way home (%s); add runbooks: {failback: ...}, or write failback: stay in the scenario", "システム %s には切り替えの手順書がありますが、切戻しの手順書がありません（%s）。runbooks: {failback: ...} を追加するか、シナリオに failback: stay と書いてください",
				name, decl.Runbooks.Failover.Place)
		}
		c.out.Systems = append(c.out.Systems, *s)
	}
	slices.SortStableFunc(c.out.Systems, func(a, b plan.System) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.Name, b.Name))
	})
	for _, s := range c.out.Systems {
		for _, p := range s.Probes {
			c.use(p.Targets)
		}
		if s.SingleWriter != nil {
			c.use(s.SingleWriter.Targets)
		}
	}
}

// restoreTest checks a system of a restore test: it has a runbook for it, which stays
// isolated, and the run is a drill that touches nothing else.
func (c *compiling) restoreTest(name string, s plan.System, decl yamldoc.Place) {
	if c.depth == run.Live || c.depth == run.Real {
		c.log.Add(c.place(name), "a restore test never touches the live system: its depth is isolated (or walkthrough, tabletop), not %s", "復元試験は稼働中のシステムに触れないため、深さを %s にはできません。isolated（または walkthrough、tabletop）にしてください", c.depth)
	}
	if s.Restore == "" {
		c.log.Add(c.place(name), "system %s has no runbook that restores it (%s); add runbooks: {restore: ...}", "システム %s に復元の手順書がありません（%s）。runbooks: {restore: ...} を追加してください", name, decl)
	}
}

// rank orders systems: the RTO does, since bands follow from it.
func rank(s plan.System) run.Duration {
	if s.Objective.RTO == nil {
		return 1<<63 - 1
	}
	return *s.Objective.RTO
}

// effective reports whether a drill of this depth changes anything.
func (c *compiling) effective() bool { return c.depth == run.IsolatedRun || c.depth == run.Live }

// place is where the scenario names a system.
func (c *compiling) place(system string) yamldoc.Place {
	for _, s := range c.from.file.Systems {
		if s.V == system {
			return s.Place
		}
	}
	return c.from.file.Place
}

func (c *compiling) use(targets []string) {
	for _, t := range targets {
		c.uses[t] = true
	}
}

func (c *compiling) runbooks() {
	var names []string
	for _, s := range c.out.Systems {
		ways := []string{s.Failover, s.InPlace, s.Failback}
		if c.from.info.Hazard == run.RestoreTest {
			ways = []string{s.Restore}
		}
		for _, name := range ways {
			if name != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		r, ok := c.Bundle.runbooks[name]
		if !ok {
			continue // noted with the system
		}
		c.out.Runbooks = append(c.out.Runbooks, c.relative(r.Runbook))
		c.steps += len(r.Steps)
		for i, step := range r.Steps {
			c.use(step.Targets)
			decl := r.Declared.Steps[i]
			where := "step " + step.ID
			c.allowed(decl.Uses.Place, where, r.System, step.Uses, step.Effect, step.Targets)
			for j, u := range step.Undo {
				c.use(u.Targets)
				c.allowed(decl.Undo[j].Uses.Place, where+": undo", r.System, u.Uses, u.Effect, u.Targets)
			}
		}
	}
	if c.steps > maxSteps {
		c.log.Add(c.from.file.Place, "scenario %s has %d steps in its runbooks; the most for one run is %d: split it into scenarios", "シナリオ %s の手順書のステップは合計 %d で、1回の実施の上限 %d を超えています。シナリオを分割してください", c.from.info.Name, c.steps, maxSteps)
	}
}

// allowed holds the two rules that keep a drill in its bounds: its depth allows the
// effect, and every system that uses the target is marked drillable at that depth.
func (c *compiling) allowed(at yamldoc.Place, where, system, uses string, effect run.Effect, targets []string) {
	if !c.effective() || effect == "" {
		return
	}
	if !c.depth.Allows(effect) {
		c.log.Add(at, "%s: %s has the effect %s, which depth %s of scenario %s does not allow for system %s; choose depth live, or an action with effect isolated", "%[1]s: %[2]s の影響区分は %[3]s で、シナリオ %[5]s の深さ %[4]s ではシステム %[6]s に許されていません。深さを live にするか、影響区分が isolated のアクションを使ってください",
			where, uses, effect, c.depth, c.from.info.Name, cmp.Or(system, "(none)"))
	}
	if !effect.Once() {
		return
	}
	for _, t := range targets {
		for _, owner := range c.owners[t] {
			s, decl, ok := c.Bundle.estate.System(owner)
			if owner == system || !ok || estate.Drills(*s, c.depth) {
				continue
			}
			c.log.Add(at, "%s: %s would change target %s, which system %s uses too, and no drill of depth %s may touch that one (%s); use another target, or add %s to its drillable", "%s: %s は操作対象 %s を変更しますが、これはシステム %s も使っており、そちらは深さ %s の訓練の対象にできません（%s）。別の操作対象を使うか、そのシステムの drillable に %s を追加してください",
				where, uses, t, owner, c.depth, decl.Place, c.depth)
		}
	}
}

func (c *compiling) injects() {
	for i := range c.out.Scenario.Injects {
		if i == 0 {
			c.out.Scenario.Injects = slices.Clone(c.out.Scenario.Injects)
		}
		step := &c.out.Scenario.Injects[i]
		step.Line = c.line(step.Line)
		decl := c.from.injects[i]
		where := "inject " + cmp.Or(decl.ID.V, strconv.Itoa(i+1))
		c.use(step.Targets)
		c.allowed(decl.Uses.Place, where, step.Starts, step.Uses, step.Effect, step.Targets)
		for j, u := range step.Undo {
			c.use(u.Targets)
			c.allowed(decl.Undo[j].Uses.Place, where+": undo", step.Starts, u.Uses, u.Effect, u.Targets)
		}
	}
}

// estate keeps the targets that the plan uses and leaves the others out.
func (c *compiling) estate() {
	c.out.Estate = c.Bundle.estate.Estate
	c.out.Estate.Targets = nil
	kind := run.Drill
	if c.depth == run.Real {
		kind = run.Response
	}
	c.out.Estate.People, c.out.Estate.Barred = c.Bundle.estate.For(kind)
	c.out.Estate.Grants = c.Bundle.estate.GrantsIn(kind)
	for _, t := range c.Bundle.estate.Targets {
		if c.uses[t.Name] {
			t.Spared = c.spared(t.Name)
			c.out.Estate.Targets = append(c.out.Estate.Targets, t)
		}
	}
	for i, s := range c.out.Systems {
		if s.SingleWriter != nil {
			step := *s.SingleWriter
			step.Line = c.line(step.Line)
			c.out.Systems[i].SingleWriter = &step
		}
	}
}

// spared are the depths at which some system outside of the plan that uses a target is not
// drillable; those of the plan's own systems are in the plan with them.
func (c *compiling) spared(target string) []run.Depth {
	var out []run.Depth
	for _, owner := range c.owners[target] {
		if s, _, ok := c.Bundle.estate.System(owner); ok && !slices.Contains(c.from.info.Systems, owner) {
			out = append(out, s.Spared()...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// relative names the steps' places as seen from the folder: the same files give the
// same plan wherever they lie.
func (c *compiling) relative(r plan.Runbook) plan.Runbook {
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		r.Steps[i].Line = c.line(r.Steps[i].Line)
	}
	return r
}

func (c *compiling) line(shown string) string {
	for _, root := range c.roots {
		if rest, ok := strings.CutPrefix(shown, root); ok {
			return rest
		}
	}
	return shown
}

func (c *compiling) size() {
	if c.log.Len() > 0 {
		return
	}
	b, err := json.Marshal(c.out)
	if err == nil && len(b) > maxPlan {
		err = plan.Wrong("%.1f MB, and a plan may have at most %.1f MB; recover fewer systems in one scenario, or move long texts out of the runbooks", "%.1f MB あり、上限の %.1f MB を超えています。1つのシナリオで復旧するシステムを減らすか、長い文章を手順書の外に移してください", float64(len(b))/1e6, maxPlan/1e6)
	}
	if err != nil {
		c.log.Add(c.from.file.Place, "scenario %s: its plan can't be frozen: %v", "シナリオ %s: 計画を確定できません（%v）", c.from.info.Name, err)
	}
}

// AsMistakes returns the mistakes behind an error of Compile.
func AsMistakes(err error) (Mistakes, bool) {
	var m Mistakes
	ok := errors.As(err, &m)
	return m, ok
}
