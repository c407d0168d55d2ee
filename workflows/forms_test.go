package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

const theRun = "default-test-workflow-id"

// do sends an update that must be taken.
func (w *world) do(name string, arg any) { w.update(theRun, name, arg, nil) }

// refused sends an update that must be refused with these words. The answer comes when the
// workflow has had its turn, so it is looked at in the end.
func (w *world) refused(name string, arg any, words ...string) {
	w.t.Helper()
	said := new(error)
	w.update(theRun, name, arg, said)
	w.t.Cleanup(func() {
		if *said == nil {
			w.t.Errorf("%s %+v was taken; it must be refused with %q", name, arg, words)
			return
		}
		for _, word := range words {
			if !strings.Contains((*said).Error(), word) {
				w.t.Errorf("%s %+v: refused with %q, which does not say %q", name, arg, *said, word)
			}
		}
	})
}

// overview is where the run stands after all its events.
func (w *world) overview(p plan.Plan) progress.Overview {
	w.mu.Lock()
	defer w.mu.Unlock()
	var entries []journal.Entry
	for i, e := range w.events {
		entries = append(entries, journal.Entry{Position: int64(i + 1), Event: e})
	}
	return progress.Of(p, entries, time.Now())
}

func withComponents(p *plan.Plan) {
	p.Scenario.Lead = "operator"
	p.Systems[0].Components = []plan.Component{
		{Name: "db", Title: plan.Text{EN: "Database server", JA: "DBサーバー"}, Kind: "hardware", Function: "take-orders"},
		{Name: "line", Title: plan.Text{EN: "Line to Osaka", JA: "大阪回線"}, Kind: "network"},
	}
}

// Corrections stand beside the first word, the latest holds, and what is entered late keeps
// both its times (B-STP-06, P-LOG).
func TestDamageIsReportedPerComponent(t *testing.T) {
	w := newWorld(t)
	in := drill(t, withComponents)
	assess := func(component string, d run.Damage, at string) workflows.Assess {
		return workflows.Assess{System: "orders", Component: component, Damage: d, By: "tanaka", At: at}
	}
	var seen string
	w.atEvent(run.DamageAssessed, "", func() {
		w.refused(workflows.UpdateAssess, assess("dbb", run.DamageStopped, ""), "dbb", "db, line", "構成要素")
		w.refused(workflows.UpdateAssess, workflows.Assess{System: "order", Damage: run.DamageNone, By: "tanaka"}, "order", "orders")
		w.refused(workflows.UpdateAssess, assess("db", run.DamageStopped, w.env.Now().Add(time.Hour).Format(time.RFC3339)), "future", "未来")
		w.refused(workflows.UpdateAssess, assess("db", run.DamageStopped, w.env.Now().Add(-time.Hour).Format(time.RFC3339)), "before the run")
		w.refused(workflows.UpdateAssess, assess("db", run.DamageStopped, "14:00"), "14:00", "2026-11-19T")
		w.refused(workflows.UpdateAssess, workflows.Assess{System: "orders", Damage: run.DamageStopped, By: "tanaka", Repair: d(time.Hour)}, "ground", "根拠")
		w.refused(workflows.UpdateAssess, workflows.Assess{System: "orders", Damage: run.DamageStopped, By: "tanaka", Photos: []string{"../etc/passwd"}}, "no photo")
		w.refused(workflows.UpdatePrioritize, workflows.Prioritize{By: "tanaka", Order: []string{"orders/disk"}}, "disk", "db, line")
		seen = w.env.Now().Add(-time.Second).UTC().Format(time.RFC3339)
		for _, a := range []workflows.Assess{assess("db", run.DamageNone, seen), assess("db", run.DamageStopped, ""), assess("line", run.DamageUnknown, "")} {
			w.do(workflows.UpdateAssess, a)
		}
		w.do(workflows.UpdatePrioritize, workflows.Prioritize{By: "tanaka", Order: []string{"orders/line"}})
	})
	w.run(in)
	var words []run.Event
	for _, e := range w.find(run.DamageAssessed) {
		if e.By == "tanaka" {
			words = append(words, e)
		}
	}
	if len(words) != 3 {
		t.Fatalf("%d reports are in the journal, want the first word, its correction and the other", len(words))
	}
	if got := words[0].Happened.Format(time.RFC3339); got != seen || !words[0].At.After(words[0].Happened) || !words[1].Happened.IsZero() {
		t.Errorf("seen at %s, entered at %v; want %s and later", got, words[0].At, seen)
	}
	list := w.overview(in.Plan).Damage
	if len(list) != 3 || list[0].Component != "line" {
		t.Fatalf("the list is %+v; want line first, as the lead said, then the system and db", list)
	}
	if db := list[2]; db.Component != "db" || db.Human.Damage != run.DamageStopped || db.Reports != 2 || db.Machine == nil || db.Machine.Damage != run.DamageStopped || db.Conflict {
		t.Errorf("db = %+v (human %+v, machine %+v); want stopped by both, two reports", db, db.Human, db.Machine)
	}
}

// Who has looked knows better than the plan: a reported time of repair takes the place of the
// plan's estimate in the aid.
func TestAReportedRepairTimeIsInTheAid(t *testing.T) {
	w := newWorld(t)
	w.atEvent(run.DamageAssessed, "", func() {
		w.do(workflows.UpdateAssess, workflows.Assess{System: "orders", Damage: run.DamageDegraded, By: "tanaka", Repair: d(time.Minute), Ground: "the fuse is here"})
	})
	w.run(drill(t, func(p *plan.Plan) { inPlace(p, 4*time.Hour) }))
	ask := asked(t, w)
	if ask.InPlaceS == nil || *ask.InPlaceS != 60 || !strings.Contains(ask.InPlaceGround, "the fuse is here") || ask.Proposed != run.InPlace {
		t.Errorf("in place %v s on %q, proposed %s; want 60 s on the report, and so in place", ask.InPlaceS, ask.InPlaceGround, ask.Proposed)
	}
}

// A site is inspected item by item; a part that is not safe makes the whole no plain "usable",
// and one that nobody may enter moves the muster as before (B-STP-03).
func TestASiteIsInspectedByItsChecklist(t *testing.T) {
	w := newWorld(t)
	in := drill(t, func(p *plan.Plan) {
		p.Estate.Sites[0].Checks = []plan.SiteCheck{{Name: "ups"}, {Name: "roof"}}
	})
	look := func(overall run.Usability, items ...run.CheckedItem) workflows.Inspect {
		return workflows.Inspect{Site: "osaka", By: "tanaka", Usable: overall != run.Unusable, Overall: overall, Items: items, Inspectors: []string{"building manager"},
			Began: w.env.Now().Add(-time.Second).Format(time.RFC3339)}
	}
	w.atEvent(run.RunStarted, "", func() {
		w.refused(workflows.UpdateInspect, workflows.Inspect{Site: "nort", By: "tanaka"}, "nort", "osaka, tokyo", "拠点")
		w.refused(workflows.UpdateInspect, look(run.Restricted, run.CheckedItem{Item: "cellar", State: run.ItemOK}), "cellar", "ups, roof", "点検項目")
		w.refused(workflows.UpdateInspect, look(run.Restricted, run.CheckedItem{Item: "ups", State: "broken"}), "broken", "not_looked_at")
		w.refused(workflows.UpdateInspect, look(run.Usable, run.CheckedItem{Item: "roof", State: run.Unusable}), "roof", "restricted")
		w.refused(workflows.UpdateInspect, look("fine"), "fine", "restricted")
	})
	w.atEvent(run.PhaseEnded, "", func() {
		w.do(workflows.UpdateInspect, look(run.Unusable, run.CheckedItem{Item: "ups", State: run.ItemOK}, run.CheckedItem{Item: "roof", State: run.Unusable, Note: "it fell"}))
	})
	w.run(in)
	var found run.Inspection
	if e := w.find(run.SiteInspected); len(e) != 1 || e[0].Decode(&found) != nil || found.Usable || len(found.Items) != 2 || found.Inspectors[0] != "building manager" || found.Began.IsZero() {
		t.Errorf("inspections: %+v; want the form as it was handed in, and nobody sent into an unsafe building after it", e)
	}
	if list := w.overview(in.Plan).Inspections; len(list) != 1 || list[0].Overall != run.Unusable || list[0].Count != 1 {
		t.Errorf("inspections = %+v; want the latest of osaka", list)
	}
	var moved string
	for _, e := range w.find(run.PhaseEnded) {
		if e.Phase == run.SiteInspection {
			moved = e.Reason
		}
	}
	if !strings.Contains(moved, "online") {
		t.Errorf("the inspection ended with %q; the muster must move", moved)
	}
}
