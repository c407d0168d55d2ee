// Package runbook reads procedures: the steps, what each waits for, and what undoes it.
// What it returns is checked and has the plan's shape.
package runbook

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/params"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

const (
	// Timeout is how long a step of a machine may take unless it says, and
	// PeopleTimeout a step of people.
	Timeout       = 5 * time.Minute
	PeopleTimeout = 30 * time.Minute
	// MaxSteps bounds a runbook: it is executed by one workflow, whose history the
	// engine bounds.
	MaxSteps = 2000
)

// Runbook is a checked procedure. Declared holds the same steps with their places.
type Runbook struct {
	plan.Runbook
	Declared File
}

// Read checks a Runbook against the estate. Mistakes are in the decoder's log.
func Read(d *yamldoc.Decoder, root *yaml.Node, catalog params.Catalog, e *estate.Estate) *Runbook {
	r := &reading{Decoder: d, catalog: catalog, estate: e, out: &Runbook{}}
	d.Decode("", root, &r.out.Declared)
	f := &r.out.Declared
	r.out.Name, r.out.Title, r.out.System = f.Name.V, f.Title.Text, f.System.V
	if r.out.Title == (plan.Text{}) {
		r.out.Title.EN = f.Name.V
	}
	estate.Known(d, "system", estate.ASystem, f.System, e.SystemNames())
	r.system, r.declared, _ = e.System(f.System.V)
	if f.Name.Set && len(f.Steps) == 0 {
		d.Log.Add(f.Place, "runbook %s has no steps; add one", "手順書 %s にステップがありません。追加してください", f.Name.V)
	}
	if len(f.Steps) > MaxSteps {
		d.Log.Add(f.Place, "runbook %s has %d steps; the most for one runbook is %d: let a step do more (exec.run takes a script), or split the system in two, each with its own runbook", "手順書 %s のステップ数は %d で、1つの手順書の上限 %d を超えています。1ステップの処理をまとめるか（exec.run でスクリプトを実行できます）、システムを2つに分けてそれぞれに手順書を用意してください",
			f.Name.V, len(f.Steps), MaxSteps)
		return r.out
	}
	r.steps(f.Steps)
	return r.out
}

type reading struct {
	*yamldoc.Decoder
	catalog  params.Catalog
	estate   *estate.Estate
	system   *plan.System // nil when there is none of that name
	declared *estate.System
	out      *Runbook
	params   params.Checker
	needs    map[string][]string
	ids      []string

	// For waits: numbers of steps, whom each waits for, and which look saw it last.
	number map[string]int
	before [][]int
	seen   []int
	look   int
}

func (r *reading) steps(steps []Step) {
	seen := map[string]yamldoc.Place{}
	var ids []string
	var outputs []expr.Field
	for _, s := range steps {
		if first, ok := seen[s.ID.V]; ok && s.ID.Set {
			r.Log.Add(s.ID.Place, "step %s is there twice, first in line %d; give each its own id", "ステップ %s が重複しています（最初は %d 行目）。それぞれ別の id にしてください", s.ID.V, first.Line)
			continue
		}
		seen[s.ID.V] = s.ID.Place
		ids = append(ids, s.ID.V)
		shape := expr.Shape{Kind: expr.Any}
		if a, ok := r.catalog.Action(s.Uses.V); ok {
			shape = params.Narrowed(a.Fields, a.Output, s.With.Node)
		}
		outputs = append(outputs, expr.Field{Name: s.ID.V, Shape: shape})
	}
	r.params = params.Checker{Decoder: r.Decoder, Scope: expr.NewScope(outputs), Target: r.estate.Target, Targets: r.estate.TargetNames}
	r.order(steps, ids)
	for i := range steps {
		r.out.Steps = append(r.out.Steps, r.step(steps[i]))
	}
	r.sequence(steps)
}

// order makes explicit what each step waits for.
func (r *reading) order(steps []Step, ids []string) {
	r.needs, r.ids = map[string][]string{}, ids
	for i, s := range steps {
		switch {
		case s.Needs == nil && i > 0:
			r.needs[s.ID.V] = []string{steps[i-1].ID.V}
		case s.Needs != nil:
			for _, n := range *s.Needs {
				if !n.Set {
					continue
				}
				if n.V == s.ID.V {
					r.Log.Add(n.Place, "step %s: needs itself; remove it", "step %s: needs に自分自身を指定しています。削除してください", s.ID.V)
				} else if !slices.Contains(ids, n.V) {
					r.Log.Add(n.Place, "step %s: needs step %q, which this runbook does not have%s", "step %s: needs に指定したステップ %q はこの手順書にありません%s", s.ID.V, n.V, yamldoc.Meant(n.V, ids))
				} else if !slices.Contains(r.needs[s.ID.V], n.V) {
					r.needs[s.ID.V] = append(r.needs[s.ID.V], n.V)
				}
			}
		}
	}
	if cycle := estate.Cycle(ids, r.needs); cycle != nil {
		at := steps[slices.IndexFunc(steps, func(s Step) bool { return s.ID.V == cycle[0] })]
		r.Log.Add(at.Place, "step %s: waits for itself, by %s; remove one of these from needs", "step %s: needs が循環しています（%s）。いずれかを needs から外してください", cycle[0], strings.Join(cycle, " → "))
	}
}

// waits reports whether a step waits for another one, directly or not. Steps go by
// number: in a long runbook where each reads the first this is the inner loop.
func (r *reading) waits(step, other string) bool {
	if r.before == nil {
		number := map[string]int{}
		for i, id := range r.ids {
			number[id] = i
		}
		r.number, r.before, r.seen = number, make([][]int, len(r.ids)), make([]int, len(r.ids))
		for i, id := range r.ids {
			for _, n := range r.needs[id] {
				r.before[i] = append(r.before[i], number[n])
			}
		}
	}
	from, known := r.number[step]
	to, ok := r.number[other]
	if !known || !ok {
		return false
	}
	r.look++
	for open := []int{from}; len(open) > 0; {
		last := open[len(open)-1]
		open = open[:len(open)-1]
		for _, n := range r.before[last] {
			if n == to {
				return true
			}
			if r.seen[n] != r.look {
				r.seen[n] = r.look
				open = append(open, n)
			}
		}
	}
	return false
}

func (r *reading) step(s Step) plan.Step {
	where := "step " + s.ID.V
	out := plan.Step{
		ID: s.ID.V, Title: s.Title.Text, Uses: s.Uses.V, Needs: r.needs[s.ID.V],
		Retry: s.Retry.V, Budget: s.Budget.V, Timeout: s.Timeout.V, Queue: s.Queue.V, Line: estate.Line(s.Place),
	}
	out.If = r.guard(where, s)
	a, ok := params.Uses(r.Decoder, where, s.Uses, r.catalog)
	if !ok {
		return out
	}
	out.Effect, out.Repeatable, out.CanLook = a.Doc.Effect, a.Doc.Repeatable, a.CanLook()
	switch {
	case a.Doc.Probe:
		r.Log.Add(s.Uses.Place, "%s: %s watches for the whole run and is no step; use it in a system's functions", "%s: %s は実施の間ずっと監視するプローブで、ステップには使えません。システムの functions で使ってください", where, a.ID)
		return out
	case a.Doc.Human:
		out.Human = r.human(where, s, a)
	default:
		r.machine(where, s, a, &out)
	}
	r.times(where, s, a, &out)
	for _, u := range s.Undo {
		undo, reads, ok := readUndo(&r.params, r.catalog, r.estate, where, u, out.Site)
		r.reads(where+": undo", s.ID.V, reads)
		if ok {
			out.Undo = append(out.Undo, undo)
		}
	}
	return out
}

func (r *reading) machine(where string, s Step, a activities.Action, out *plan.Step) {
	if s.As.Set {
		r.Log.Add(s.As.Place, "%s: %s is done by a machine, so nobody does it as %s; remove as, or use human.task", "%s: %s は機械が実行するアクションのため、役割 %s には割り当てられません。as を削除するか、human.task を使ってください", where, a.ID, s.As.V)
	}
	r.estate.Site(r.Decoder, where+": at", s.At)
	got := r.params.Fields(where+": with", s.With.Node, s.Place, a.Fields)
	out.With, out.Targets, out.Effect = got.JSON, got.Targets, a.EffectOf(got.JSON)
	r.reads(where, s.ID.V, got.Reads)
	out.Site = cmp.Or(s.At.V, r.estate.SiteOf(out.Targets), r.estate.Control)
	r.absent(where, s, out)
	r.local(where, s, out)
	r.estate.Role(r.Decoder, where+": owner", s.Owner)
	out.Owner = cmp.Or(s.Owner.V, r.estate.Owner(r.out.System, out.Site))
	if out.Retry > 0 && out.Effect.Once() && !out.CanLook {
		r.Log.Add(s.Retry.Place, "%s: %s can't look whether it worked, so trying again might do it twice; remove retry", "%s: %s は結果を確認する手段を持たず、再試行すると二重に実行するおそれがあります。retry を削除してください", where, a.ID)
	}
}

// local holds a step against its targets that only their own site's worker may act on.
func (r *reading) local(where string, s Step, out *plan.Step) {
	at := s.At.Place
	if !s.At.Set {
		at = s.Uses.Place
	}
	r.estate.OnlyAt(r.Decoder, where, at, out.Site, out.Targets)
	for _, t := range r.estate.Local(out.Targets) {
		out.Local = true
		if slices.Contains(r.estate.SiteNames(), out.WhenAbsent) && out.WhenAbsent != t.Site {
			r.Log.Add(s.Absent.Place, "%s: when_absent sends it to %s, and only the worker of %s may act on %s; write ask, fail or skip", "%s: when_absent で拠点 %[2]s に回していますが、%[4]s を操作できるのは拠点 %[3]s のワーカーだけです。ask、fail、skip のいずれかにしてください", where, out.WhenAbsent, t.Site, t.Name)
		}
	}
}

// absent reads what happens when the step's site is away.
func (r *reading) absent(where string, s Step, out *plan.Step) {
	if !s.Absent.Set {
		return
	}
	out.WhenAbsent = s.Absent.V
	switch s.Absent.V {
	case plan.AbsentAsk, plan.AbsentFail, plan.AbsentSkip:
	case out.Site:
		r.Log.Add(s.Absent.Place, "%s: when_absent names %s, whose worker is the one that is away then; name another site, or write ask, fail or skip", "%s: when_absent の %s は、不在となる当のワーカーの拠点です。別の拠点か、ask、fail、skip のいずれかを指定してください", where, out.Site)
	default:
		estate.Known(r.Decoder, where+": when_absent", plan.Text{EN: "site (or ask, fail, skip)", JA: "拠点（または ask、fail、skip）"}, s.Absent, r.estate.SiteNames())
	}
}

// reads refuses to read the output of a step that may not have run yet.
func (r *reading) reads(where, step string, reads []params.Read) {
	for _, read := range reads {
		if read.Step == step {
			r.Log.Add(read.At, "%s: reads its own output, which is not there before it ends", "%s: 自分自身の出力を参照していますが、終了するまで出力はありません", where)
		} else if !r.waits(step, read.Step) {
			r.Log.Add(read.At, "%s: reads the output of step %s without waiting for it; add %s to needs", "%s: ステップ %s の完了を待たずにその出力を参照しています。needs に %s を追加してください", where, read.Step, read.Step)
		}
	}
}

func (r *reading) guard(where string, s Step) string {
	if s.If.Node == nil {
		return ""
	}
	src, err := yamldoc.String(s.If.Node)
	if s.If.Node.ShortTag() == "!!bool" {
		src, err = s.If.Node.Value, nil
	}
	if err != nil {
		r.Log.Add(s.If.Place, "%s: if: %v", "%s: if: %v", where, err)
		return ""
	}
	shift := 0
	if parts, err := expr.Split(src); err == nil && len(parts) == 1 && parts[0].Expression {
		src, shift = parts[0].Text, parts[0].Offset
	}
	checked, err := r.params.Scope.Check(src)
	if err != nil {
		r.Log.Add(params.Inside(r.Decoder, s.If.Node, shift+expr.Place(err)), "%s: if: %v", "%s: if: %v", where, err)
		return src
	}
	if checked.Kind != expr.Truth && checked.Kind != expr.Any {
		r.Log.Add(s.If.Place, "%s: if: the expression gives a %s; it must give true or false", "%s: if: 式の結果が%sです。真偽値になる式を書いてください", where, checked.Kind.Text())
	}
	var reads []params.Read
	for _, id := range checked.Steps {
		reads = append(reads, params.Read{Step: id, At: s.If.Place})
	}
	r.reads(where, s.ID.V, reads)
	return src
}

func (r *reading) times(where string, s Step, a activities.Action, out *plan.Step) {
	if s.Timeout.Set && out.Timeout == 0 {
		r.Log.Add(s.Timeout.Place, "%s: a timeout of 0s ends the step before it begins; leave it out for the usual one", "%s: timeout が 0s では、ステップが始まる前に終わってしまいます。既定値でよければ省略してください", where)
	}
	if s.Queue.Set && out.Queue == 0 {
		r.Log.Add(s.Queue.Place, "%s: a queue_timeout of 0s finds no worker ever; leave it out for 30s", "%s: queue_timeout が 0s では、ワーカーが見つかることはありません。省略すると 30s になります", where)
	}
	rto := r.recoveryTime()
	if out.Timeout == 0 {
		out.Timeout = run.Duration(Timeout)
		if a.Doc.Human {
			out.Timeout = run.Duration(PeopleTimeout)
		}
		if rto != nil && *rto > 0 {
			out.Timeout = min(out.Timeout, *rto)
		}
	} else if rto != nil && out.Timeout > *rto {
		r.Log.Add(s.Timeout.Place, "%s: timeout %s is longer than the RTO of %s, %s (%s); shorten it: the step would use up the whole time", "%s: timeout %s が %s のRTO %s（%s）より長く、このステップだけでRTOを使い切ります。短くしてください", where,
			out.Timeout, r.system.Name, *rto, r.declared.Objectives.RTO.Place)
	}
	if s.Budget.Set && s.Timeout.Set && out.Budget > out.Timeout {
		r.Log.Add(s.Budget.Place, "%s: budget %s is longer than the timeout, %s (line %d); the step would be over before", "%s: budget %s が timeout %s（%d 行目）より長く、その前にステップが打ち切られます。budget を短くするか、timeout を長くしてください", where, out.Budget, out.Timeout, s.Timeout.Line)
	} else if s.Budget.Set && out.Budget > out.Timeout {
		out.Timeout = out.Budget
	}
}

// recoveryTime is the RTO that this runbook's steps must fit into: that of its system,
// unless it runs when the system is back.
func (r *reading) recoveryTime() *run.Duration {
	if r.system == nil {
		return nil
	}
	if n := r.out.Name; n != r.system.Failover && n != r.system.InPlace {
		return nil
	}
	return r.system.Objective.RTO
}

// ReadUndo checks one action that puts back what a step or an inject at a site changed.
func ReadUndo(check *params.Checker, catalog params.Catalog, e *estate.Estate, where string, u Undo, site string) (plan.Undo, bool) {
	undo, _, ok := readUndo(check, catalog, e, where, u, site)
	return undo, ok
}

func readUndo(check *params.Checker, catalog params.Catalog, e *estate.Estate, where string, u Undo, site string) (plan.Undo, []params.Read, bool) {
	where += ": undo"
	out := plan.Undo{Uses: u.Uses.V, Site: u.At.V, Timeout: u.Timeout.V, Queue: u.Queue.V}
	e.Site(check.Decoder, where+": at", u.At)
	a, ok := params.Uses(check.Decoder, where, u.Uses, catalog)
	if !ok {
		return out, nil, false
	}
	if a.Doc.Human || a.Doc.Probe {
		check.Log.Add(u.Uses.Place, "%s: %s can't undo: an undo runs by itself, also when nobody is there", "%s: %s は取り消しには使えません。取り消しは、人がいなくても自動で実行されるためです", where, a.ID)
		return out, nil, false
	}
	if a.Doc.After != "" {
		check.Log.Add(u.Uses.Place, "%s: %s can't undo: it must come after %s of another target, and only the steps of a runbook promise that; use it in a runbook", "%s: %s は取り消しには使えません。別の操作対象に対する %s の後に実行する必要があり、その順序を保証できるのは手順書のステップだけです。手順書で使ってください", where, a.ID, a.Doc.After)
		return out, nil, false
	}
	for _, t := range []duration{u.Timeout, u.Queue} {
		if t.Set && t.V == 0 {
			check.Log.Add(t.Place, "%s: 0s leaves it no time; leave it out for the usual one", "%s: 0s では実行する時間がありません。既定値でよければ省略してください", where)
		}
	}
	got := check.Fields(where+": with", u.With.Node, u.Place, a.Fields)
	out.With, out.Targets, out.Effect, out.CanLook = got.JSON, got.Targets, a.EffectOf(got.JSON), a.CanLook()
	out.Site = cmp.Or(u.At.V, e.SiteOf(out.Targets), site, e.Control)
	e.OnlyAt(check.Decoder, where, u.Uses.Place, out.Site, out.Targets)
	return out, got.Reads, true
}
