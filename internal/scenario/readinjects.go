package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/params"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/runbook"
	"github.com/muster-dr/muster/internal/yamldoc"
)

func (r *reading) injects() {
	f, e := &r.out.file, r.bundle.estate
	check := &params.Checker{Decoder: r.Decoder, Target: e.Target, Targets: e.TargetNames, Scope: expr.NewScope(nil)}
	seen := map[string]yamldoc.Place{}
	for i, in := range f.Injects {
		step := plan.Step{ID: in.ID.V, Title: in.Title.Text, Uses: in.Uses.V, Site: in.Site.V, After: in.At.V,
			Timeout: in.Timeout.V, Queue: in.Queue.V, Line: estate.Line(in.Place)}
		step.Release = r.release("inject "+cmp.Or(in.ID.V, strconv.Itoa(i+1)), in)
		if step.ID == "" {
			step.ID = fmt.Sprintf("inject-%d", i+1)
		}
		where := "inject " + cmp.Or(in.ID.V, strconv.Itoa(i+1))
		if first, ok := seen[step.ID]; ok {
			r.Log.Add(in.Place, "%s is there twice, first in line %d; give each its own id", "%s が重複しています（最初は %d 行目）。それぞれ別の id にしてください", where, first.Line)
		}
		seen[step.ID] = in.Place
		for _, t := range []duration{in.Timeout, in.Queue} {
			if t.Set && t.V == 0 {
				r.Log.Add(t.Place, "%s: 0s leaves it no time; leave it out for the usual one", "%s: 0s では実行する時間がありません。既定値でよければ省略してください", where)
			}
		}
		e.Site(r.Decoder, where+": site", in.Site)
		a, ok := params.Uses(r.Decoder, where, in.Uses, r.catalog)
		if !ok {
			continue
		}
		if a.Doc.Human || a.Doc.Probe {
			r.Log.Add(in.Uses.Place, "%s: %s can't be injected: an inject is what the drill itself does", "%s: %s は状況付与に使えません。状況付与に使えるのは、訓練自身が実行するアクションだけです", where, a.ID)
			continue
		}
		if a.Doc.After != "" {
			r.Log.Add(in.Uses.Place, "%s: %s can't be injected: it must come after %s of another target, and only the steps of a runbook promise that; use it in a runbook", "%s: %s は状況付与に使えません。別の操作対象に対する %s の後に実行する必要があり、その順序を保証できるのは手順書のステップだけです。手順書で使ってください", where, a.ID, a.Doc.After)
			continue
		}
		got := check.Fields(where+": with", in.With.Node, in.Place, a.Fields)
		step.With, step.Targets = got.JSON, got.Targets
		step.Effect, step.Repeatable, step.CanLook = a.EffectOf(got.JSON), a.Doc.Repeatable, a.CanLook()
		if step.Site == "" {
			step.Site = r.siteOf(step.Targets)
		}
		e.OnlyAt(r.Decoder, where, in.Uses.Place, step.Site, step.Targets)
		step.Starts = r.starts(where, in, step)
		for _, u := range in.Undo {
			if undo, ok := runbook.ReadUndo(check, r.catalog, e, where, u, step.Site); ok {
				step.Undo = append(step.Undo, undo)
			}
		}
		r.out.plan.Injects = append(r.out.plan.Injects, step)
		r.out.injects = append(r.out.injects, in)
	}
}

// siteOf is the site of the only target of an inject: who stops a server must be
// where it is.
func (r *reading) siteOf(targets []string) string {
	if found := r.bundle.estate.TargetsNamed(targets); len(found) == 1 {
		return found[0].Site
	}
	return r.bundle.estate.Control
}

// starts finds the system whose RTO clock an inject starts.
func (r *reading) starts(where string, in Inject, step plan.Step) string {
	e := r.bundle.estate
	if in.Starts.Set {
		if in.Starts.V == "none" {
			return ""
		}
		estate.Known(r.Decoder, where+": starts", estate.ASystem, in.Starts, e.SystemNames())
		if _, _, ok := e.System(in.Starts.V); ok && !slices.Contains(r.out.info.Systems, in.Starts.V) {
			r.Log.Add(in.Starts.Place, "%s: starts the clock of %s, which the scenario does not recover; add it to systems, or write starts: none", "%s: starts のシステム %s は、このシナリオで復旧する対象ではありません。systems に追加するか、starts: none と書いてください", where, in.Starts.V)
		}
		return in.Starts.V
	}
	if !step.Effect.Once() {
		return ""
	}
	var users, home []string
	for _, name := range r.out.info.Systems {
		s, _, ok := e.System(name)
		if !ok {
			continue
		}
		for _, t := range e.TargetsNamed(step.Targets) {
			if slices.Contains(r.bundle.owners[t.Name], name) && !slices.Contains(users, name) {
				users = append(users, name)
			}
			if t.Site == s.Home && slices.Contains(users, name) && !slices.Contains(home, name) {
				home = append(home, name)
			}
		}
	}
	if len(users) > 1 {
		users = home
	}
	if len(users) != 1 {
		r.Log.Add(in.Place, "%s: it is not clear which system's RTO clock this starts; add starts: SYSTEM, or starts: none", "%s: どのシステムのRTOの起算点となるのかが分かりません。starts: システム名 か starts: none を追加してください", where)
		return ""
	}
	return users[0]
}

// release reads by what an inject is released.
func (r *reading) release(where string, in Inject) *plan.Release {
	a := in.After
	if a == nil {
		return nil
	}
	switch {
	case a.Phase.Set == a.Act.Set:
		r.Log.Add(a.Place, "%s: after: write phase or act, one of the two", "%s: after: phase か act のどちらか一方を書いてください", where)
	case a.Phase.Set && !slices.Contains(r.out.plan.Phases, run.Phase(a.Phase.V)):
		r.Log.Add(a.Phase.Place, "%s: after: the scenario has no phase %s, so that it would never be released; add the phase, or name another", "%s: after: このシナリオに段階 %s はなく、付与されません。段階を追加するか、別の段階を指定してください", where, a.Phase.V)
	}
	return &plan.Release{Phase: run.Phase(a.Phase.V), Act: a.Act.V}
}
