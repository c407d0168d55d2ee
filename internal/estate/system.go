package estate

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/params"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

const (
	day  = 24 * time.Hour
	week = 7 * day
	// QueueTimeout is how long a step waits for a worker of its site unless it says.
	QueueTimeout = 30 * time.Second
	minInterval  = 50 * time.Millisecond
)

// Band is the priority band of a system by its RTO (requirement A-RTO-05): the upper
// limit of a band belongs to it. Without an RTO there is none.
func Band(rto *run.Duration) string {
	if rto == nil {
		return ""
	}
	switch d := rto.Std(); {
	case d <= 3*time.Hour:
		return "S"
	case d <= day:
		return "A"
	case d <= 3*day:
		return "B"
	case d <= week:
		return "C"
	case d <= 2*week:
		return "D"
	}
	return "E"
}

func (r *reading) systems() {
	once(r.Decoder, "system", r.file.Systems, func(s System) yamldoc.Value[string] { return s.Name })
	declared := slices.Clone(r.file.Systems)
	sortBy(declared, func(s System) string { return s.Name.V })
	for _, s := range declared {
		r.out.Systems = append(r.out.Systems, r.system(s))
		r.out.Declared = append(r.out.Declared, s)
	}
}

func (r *reading) system(s System) plan.System {
	where := "system " + s.Name.V
	out := plan.System{
		Name: s.Name.V, Title: titled(s.Title, s.Name.V), Home: s.Home.V, Alternate: s.Alternate.V,
		Failover: s.Runbooks.Failover.V, InPlace: s.Runbooks.InPlace.V, Failback: s.Runbooks.Failback.V, Restore: s.Runbooks.Restore.V,
		InPlaceEstimate: s.Estimate.V, InPlaceGround: s.Ground.Both(),
	}
	r.out.Site(r.Decoder, where+": home", s.Home)
	r.out.Site(r.Decoder, where+": alternate", s.Alternate)
	if s.Alternate.Set && s.Alternate.V == s.Home.V {
		r.Log.Add(s.Alternate.Place, "%s: the alternate site is its home, %s; name another, or leave it out", "%s: 代替拠点が本拠点 %s と同じです。別の拠点を指定するか、省略してください", where, s.Home.V)
	}
	if s.Runbooks.Failover.Set && !s.Alternate.Set {
		r.Log.Add(s.Runbooks.Failover.Place, "%s: a failover runbook without an alternate site; add alternate: SITE", "%s: 切り替えの手順書がありますが、代替拠点がありません。alternate: 拠点名 を追加してください", where)
	}
	if s.Estimate.Set && !s.Ground.Set {
		r.Log.Add(s.Estimate.Place, "%s: in_place_estimate has no ground; add in_place_ground, such as measured or a supplier's word", "%s: in_place_estimate の根拠がありません。in_place_ground に「実測」「メーカー回答」などを追加してください", where)
	}
	out.Objective = r.objective(where, s.Objectives)
	out.Priority = Band(out.Objective.RTO)
	out.Drillable = []run.Depth{run.Tabletop, run.Walkthrough}
	for _, d := range s.Drillable {
		if depth := run.Depth(d.V); d.Set && !slices.Contains(out.Drillable, depth) {
			out.Drillable = append(out.Drillable, depth)
		}
	}
	depths := run.Depths()
	slices.SortFunc(out.Drillable, func(a, b run.Depth) int { return slices.Index(depths, a) - slices.Index(depths, b) })
	for _, name := range s.DependsOn {
		out.DependsOn = append(out.DependsOn, name.V)
	}
	slices.Sort(out.DependsOn)
	out.Own = s.Own.V
	out.Probes, out.Statements = r.functions(where, s)
	out.Components = r.components(where, s)
	r.measures(where, s)
	if s.SingleWriter != nil {
		out.SingleWriter = r.singleWriter(where, *s.SingleWriter)
	}
	return out
}

func (r *reading) objective(where string, o Objectives) plan.Objective {
	var out plan.Objective
	if o.RTO.Set {
		if o.RTO.V == 0 {
			r.Log.Add(o.RTO.Place, "%s: an RTO of 0s can't be met by any recovery; write the time it may be out of service", "%s: RTO が 0s では、どのような復旧でも達成できません。停止が許される時間を書いてください", where)
		}
		out.RTO = &o.RTO.V
	}
	if o.RPO.Set {
		out.RPO = &o.RPO.V
	}
	stages := slices.Clone(o.RLO)
	slices.SortStableFunc(stages, func(a, b Stage) int { return int(min(max(a.Within.V-b.Within.V, -1), 1)) })
	for i, s := range stages {
		if i > 0 && s.Within.Set && s.Level.Set && s.Level.V <= stages[i-1].Level.V {
			before := stages[i-1]
			r.Log.Add(s.Place, "%s: %d %% within %s is asked after %d %% within %s (line %d); levels must rise with time", "%[1]s: %[3]s 以内に %[2]d %% という目標が、%[5]s 以内に %[4]d %%（%[6]d 行目）の後にあります。水準は時間とともに上がるように書いてください",
				where, s.Level.V, s.Within.V, before.Level.V, before.Within.V, before.Line)
		}
		out.RLO = append(out.RLO, plan.Stage{Within: s.Within.V, Level: s.Level.V})
	}
	if w, p := o.Restore.Within, o.Restore.Point; w.Set || p.Set {
		out.Restore = &plan.RestoreObjective{}
		if w.Set {
			if w.V == 0 {
				r.Log.Add(w.Place, "%s: no restore takes 0s; write the time it may take", "%s: 0s で終わる復元はありません。許される時間を書いてください", where)
			}
			out.Restore.Within = &w.V
		}
		if p.Set {
			out.Restore.Point = &p.V
		}
	}
	return out
}

// functions reads what a system does: what is seen by probes, and what is stated.
func (r *reading) functions(where string, s System) ([]plan.Probe, []plan.Statement) {
	once(r.Decoder, where+": function", s.Functions, func(f Function) yamldoc.Value[string] { return f.Name })
	weights := r.weights(where, s)
	check := &params.Checker{Decoder: r.Decoder, Target: r.out.Target, Targets: r.out.TargetNames,
		Why: plan.Text{EN: "a probe looks from before the first step on", JA: "プローブは最初のステップより前から監視します"}}
	var limit *plan.LoadLimit
	if l := s.LoadLimit; l != nil {
		limit = &plan.LoadLimit{Rate: l.Rate.V, Duration: l.Duration.V, Real: l.Real.V}
	}
	var out []plan.Probe
	var stated []plan.Statement
	for i, f := range s.Functions {
		where := where + ": function " + f.Name.V
		switch {
		case f.Probe != nil && f.Stated != nil:
			r.Log.Add(f.Stated.Place, "%s: it has a probe, and what is seen is not stated; keep one of probe and statement", "%s: probe と statement の両方があります。プローブで監視するものは人の申告の対象外なので、どちらか一方にしてください", where)
			continue
		case f.Stated != nil:
			r.out.Role(r.Decoder, where+": statement", f.Stated.By)
			stated = append(stated, plan.Statement{Function: f.Name.V, Title: titled(f.Title, f.Name.V), Weight: weights[i], Role: f.Stated.By.V, Accepted: f.Stated.Accepted.V})
			continue
		case f.Probe == nil:
			r.Log.Add(f.Place, "%s: nobody would know whether it is there; add probe: {uses: probe.http, …}, or statement: {by: ROLE} for what can't be probed", "%s: この機能が使えるかどうかを知る手段がありません。probe: {uses: probe.http, …} を追加するか、プローブで監視できないものは statement: {by: 役割} を追加してください", where)
			continue
		}
		where += ": probe"
		p := plan.Probe{
			Name: s.Name.V + "/" + f.Name.V, System: s.Name.V, Function: f.Name.V, Title: titled(f.Title, f.Name.V),
			Weight: weights[i], Uses: f.Probe.Uses.V, Vantage: f.Probe.At.V, Interval: f.Probe.Interval.V, Timeout: f.Probe.Timeout.V,
		}
		r.out.Site(r.Decoder, where, f.Probe.At)
		if p.Vantage == "" {
			p.Vantage = r.out.Control
		}
		if f.Probe.Interval.Set && p.Interval.Std() < minInterval {
			r.Log.Add(f.Probe.Interval.Place, "%s: an interval of %s loads the system it watches; use %s or more", "%s: interval が %s では監視対象のシステムに負荷がかかります。%s 以上にしてください", where, p.Interval, minInterval)
		}
		if f.Probe.Timeout.Set && p.Timeout == 0 {
			r.Log.Add(f.Probe.Timeout.Place, "%s: with a timeout of 0s every sample fails; use 1s or so", "%s: timeout が 0s では毎回失敗します。1s 程度にしてください", where)
		}
		if a, ok := params.Uses(r.Decoder, where, f.Probe.Uses, r.catalog); ok {
			if !a.Doc.Probe {
				r.Log.Add(f.Probe.Uses.Place, "%s: %s is a step and can't watch; use an action of the family probe", "%s: %s はステップ用のアクションで、監視には使えません。probe 系統のアクションを使ってください", where, a.ID)
			} else {
				got := check.Fields(where+": with", f.Probe.With.Node, f.Probe.Place, a.Fields)
				p.With, p.Targets = got.JSON, got.Targets
				if a.Doc.Load {
					p.Limit = limit
					r.load(where, *f.Probe, &p)
				}
			}
		}
		out = append(out, p)
	}
	sortBy(out, func(p plan.Probe) string { return p.Name })
	sortBy(stated, func(s plan.Statement) string { return s.Function })
	return out, stated
}

// load checks a probe that puts load on what it watches. The worker checks again.
func (r *reading) load(where string, f Probe, p *plan.Probe) {
	if p.Limit == nil {
		r.Log.Add(f.Uses.Place, "%s: %s puts load on the system, which its owner has not allowed; add load_limit: {rate: N, duration: 1s} to the system", "%s: %s はシステムに負荷をかけますが、所有者が許可していません。システムに load_limit: {rate: N, duration: 1s} を追加してください", where, p.Uses)
		return
	}
	var with struct {
		Rate     int          `json:"rate"`
		Duration run.Duration `json:"duration"`
		Every    run.Duration `json:"every"`
		Baseline *struct {
			Rate float64 `json:"rate"`
		} `json:"baseline"`
	}
	if json.Unmarshal(p.With, &with) != nil {
		return // its own mistakes are told
	}
	if with.Rate > p.Limit.Rate {
		r.Log.Add(f.With.Place, "%s: rate %d is above the system's load_limit of %d a second; lower it, or have the owner raise the limit", "%s: rate %d が、システムの load_limit（毎秒 %d）を超えています。下げるか、所有者に上限の引き上げを求めてください", where, with.Rate, p.Limit.Rate)
	}
	if with.Duration > p.Limit.Duration {
		r.Log.Add(f.With.Place, "%s: duration %s is above the system's load_limit of %s; shorten it", "%s: duration %s が、システムの load_limit（%s）を超えています。短くしてください", where, with.Duration, p.Limit.Duration)
	}
	if with.Every < 2*with.Duration {
		r.Log.Add(f.With.Place, "%s: with loads of %s every %s the system would be under load half of the time or more; make every %s or more, or leave it out", "%s: %s の負荷を %s ごとにかけると、半分以上の時間にわたって負荷がかかります。every を %s 以上にするか、省略してください", where, with.Duration, with.Every, 2*with.Duration)
	}
	if b := with.Baseline; b != nil && b.Rate > float64(with.Rate) {
		r.Log.Add(f.With.Place, "%s: a rate of %d a second can't show a baseline of %g; offer at least that much", "%s: 毎秒 %d では、基準値 %g を確認できません。基準値以上にしてください", where, with.Rate, b.Rate)
	}
}

// weights are the functions' shares in percent. Where none is given they are equal,
// the first ones taking what does not divide.
func (r *reading) weights(where string, s System) []int {
	out := make([]int, len(s.Functions))
	sum, given := 0, 0
	for i, f := range s.Functions {
		out[i] = f.Weight.V
		sum += f.Weight.V
		if !f.Weight.Place.IsZero() {
			given++
		}
	}
	n := len(out)
	switch {
	case n == 0 || given == n && sum == 100:
	case given == 0 && n <= 100:
		for i := range out {
			out[i] = 100 / n
			if i < 100%n {
				out[i]++
			}
		}
	case given < n:
		for _, f := range s.Functions {
			if f.Weight.Place.IsZero() {
				r.Log.Add(f.Place, "%s: function %s has no weight, and others have; give all of them or none", "%s: 機能 %s に weight がなく、ほかの機能にはあります。すべてに付けるか、すべて外してください", where, f.Name.V)
			}
		}
	default:
		r.Log.Add(s.Functions[0].Weight.Place, "%s: the weights of its functions add up to %d; make them 100", "%s: 機能の weight の合計が %d です。100 にしてください", where, sum)
	}
	return out
}

func (r *reading) singleWriter(where string, c Check) *plan.Step {
	where += ": single_writer"
	out := &plan.Step{ID: "single-writer", Uses: c.Uses.V, Site: c.At.V, Effect: run.Observe, Timeout: c.Timeout.V,
		Queue: run.Duration(QueueTimeout), Line: Line(c.Place)}
	r.out.Site(r.Decoder, where, c.At)
	if out.Site == "" {
		out.Site = r.out.Control
	}
	a, ok := params.Uses(r.Decoder, where, c.Uses, r.catalog)
	if !ok {
		return out
	}
	if a.Doc.Effect != run.Observe || a.Doc.Human || a.Doc.Probe {
		r.Log.Add(c.Uses.Place, "%s: %s is no check; use an action with effect observe", "%s: %s は確認用のアクションではありません。影響区分が observe のアクションを使ってください", where, a.ID)
		return out
	}
	check := &params.Checker{Decoder: r.Decoder, Target: r.out.Target, Targets: r.out.TargetNames, Why: plan.Text{EN: "no step ran before", JA: "先に実行されるステップがありません"}}
	got := check.Fields(where+": with", c.With.Node, c.Place, a.Fields)
	out.With, out.Targets = got.JSON, got.Targets
	out.Repeatable, out.CanLook = a.Doc.Repeatable, a.CanLook()
	return out
}

// dependencies checks depends_on as a whole, which needs all systems.
func (r *reading) dependencies() {
	known := r.out.SystemNames()
	edges := map[string][]string{}
	for _, s := range r.out.Declared {
		for _, name := range s.DependsOn {
			Known(r.Decoder, "system "+s.Name.V, ASystem, name, known)
			edges[s.Name.V] = append(edges[s.Name.V], name.V)
		}
	}
	if cycle := Cycle(known, edges); cycle != nil {
		_, s, _ := r.out.System(cycle[0])
		r.Log.Add(s.Place, "system %s: depends on itself, by %s; remove one of these", "system %s: 依存関係が循環しています（%s）。いずれかを外してください", cycle[0], strings.Join(cycle, " → "))
	}
}

// Cycle finds a way from a name back to itself, nil when there is none. The same
// edges give the same cycle.
func Cycle(names []string, edges map[string][]string) []string {
	state := map[string]int{} // 1: on the way, 2: done
	var path []string
	var visit func(string) []string
	visit = func(n string) []string {
		switch state[n] {
		case 1:
			return append(slices.Clone(path[slices.Index(path, n):]), n)
		case 2:
			return nil
		}
		state[n] = 1
		path = append(path, n)
		for _, next := range edges[n] {
			if c := visit(next); c != nil {
				return c
			}
		}
		path = path[:len(path)-1]
		state[n] = 2
		return nil
	}
	for _, n := range names {
		if c := visit(n); c != nil {
			return c
		}
	}
	return nil
}

// Drills reports whether a drill of this depth may touch the system.
func Drills(s plan.System, d run.Depth) bool {
	return d == run.Tabletop || d == run.Walkthrough || slices.Contains(s.Drillable, d)
}

// DepthsOf names the depths at which drills may touch a system.
func DepthsOf(s plan.System) string {
	var out []string
	for _, d := range s.Drillable {
		out = append(out, string(d))
	}
	return strings.Join(out, ", ")
}
