package app

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
)

// An organisation of 5,000 people is called in a drill that moves systems: what the engine
// is given stays within what it takes, and everybody's answer is in the record.
func TestFiveThousandPeopleAreCalled(t *testing.T) {
	t.Parallel()
	const people, systems = 5000, 3
	estate := &strings.Builder{}
	estate.WriteString("kind: Estate\nname: crowd\nzone: Asia/Tokyo\ncontrol: osaka\nsites: [{name: tokyo}, {name: osaka}]\nmuster_places: [{name: online, title: Online, online: true}]\nsystems:\n")
	files, names := map[string]string{}, []string{}
	for n := range systems {
		name := fmt.Sprintf("system-%d", n)
		names = append(names, name)
		fmt.Fprintf(estate, "  - {name: %[1]s, home: tokyo, alternate: osaka, drillable: [live], runbooks: {failover: %[1]s}}\n", name)
		files[name+".yaml"] = fmt.Sprintf("kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n  - {id: move, uses: sim.step, with: {dir: %[2]s}}\n  - {id: tell, uses: human.task, as: commander, with: {text: Tell the branches}}\n",
			name, filepath.Join(t.TempDir(), name))
	}
	estate.WriteString("people:\n")
	for n := range people {
		role := "staff"
		if n == 0 {
			role = "commander"
		}
		fmt.Fprintf(estate, "  - {id: p%04d, name: {en: Person %[1]d, ja: 職員 %[1]d}, roles: [%[2]s], contact: \"+81-3-0000-%04[1]d\"}\n", n, role)
	}
	files["estate.yaml"] = estate.String()
	files["scenario.yaml"] = fmt.Sprintf(`kind: Scenario
name: crowd
title: {en: Everybody is called, ja: 全職員の召集}
hazard: disaster
depth: live
phases: [activation, safety_check, muster, recovery_decision, recovery, verification, closing]
systems: [%s]
failback: stay
verify_wait: 1s
hold: 500ms
muster_place: online
approvals: 0
quorum: {staff: 900}
safety: {remind: 10m, within: 20m, muster: 20m}
people: {simulate: {after: 100ms, spread: 200ms}}
decision: {by: commander, within: 1m, rule: alternate-site-when-rto-at-risk}
fail_wait: 1s
`, strings.Join(names, ", "))
	o, _ := options(t, plansDir(t, files))
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "crowd", Kind: run.Drill, By: "p0000"})
	if err != nil {
		t.Fatal(err)
	}
	untilLast(t, u, started.Run)
	r := readReport(t, u, started.Run)
	if r.People.Called != people || r.People.Safe != people || r.People.QuorumMissed {
		t.Errorf("called %d, safe %d, quorum missed %v; want %d, all of them, and the quorum", r.People.Called, r.People.Safe, r.People.QuorumMissed, people)
	}
	for _, s := range r.Steps {
		if s.Outcome != run.Passed {
			t.Errorf("step %s of %s: %s (%s)", s.ID, s.System, s.Outcome, s.Reason)
		}
	}
	for _, w := range r.Evidence.Writers {
		if w.Missing > 0 {
			t.Errorf("%d events of %s are missing", w.Missing, w.Name)
		}
	}
	nothingOpen(t, u, started.Run, names[0])
}

// Every step of every system fails at once: each is named, all is put back, and the next
// run can begin.
func TestEveryStepOfEverySystemFails(t *testing.T) {
	t.Parallel()
	const systems, steps = 25, 10
	dir := t.TempDir()
	estate, files, names := &strings.Builder{}, map[string]string{}, []string{}
	estate.WriteString("kind: Estate\nname: many\nzone: Asia/Tokyo\ncontrol: osaka\nsites: [{name: tokyo}, {name: osaka}]\npeople: [{id: sato, name: Sato, roles: [commander]}]\nmuster_places: [{name: online, title: Online, online: true}]\nsystems:\n")
	for n := range systems {
		name := fmt.Sprintf("system-%d", n)
		names = append(names, name)
		fmt.Fprintf(estate, "  - {name: %[1]s, home: tokyo, alternate: osaka, drillable: [live], runbooks: {failover: %[1]s}}\n", name)
		book := &strings.Builder{}
		fmt.Fprintf(book, "kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n", name)
		for i := range steps {
			fmt.Fprintf(book, "  - {id: step-%d, needs: [], queue_timeout: 5m, uses: sim.step, with: {dir: %s, fail_with: finding}}\n", i, filepath.Join(dir, name))
		}
		files[name+".yaml"] = book.String()
	}
	files["estate.yaml"] = estate.String()
	files["scenario.yaml"] = fmt.Sprintf(`kind: Scenario
name: many
title: {en: Everything fails, ja: 全手順の失敗}
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [%s]
failback: stay
verify_wait: 1s
hold: 500ms
muster_place: online
approvals: 0
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 5s, rule: alternate-site-when-rto-at-risk}
`, strings.Join(names, ", "))
	o, _ := options(t, plansDir(t, files))
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "many", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	untilLast(t, u, started.Run)
	r := readReport(t, u, started.Run)
	if r.Run.State != run.NotResumable {
		t.Errorf("the run ended %s", r.Run.State)
	}
	failed := 0
	for _, s := range r.Steps {
		if s.Outcome == run.Failed && strings.Contains(s.Reason, "fell short") {
			failed++
		}
	}
	if failed != systems*steps {
		t.Errorf("%d steps are told to have failed, want %d", failed, systems*steps)
	}
	for _, name := range names {
		nothingOpen(t, u, started.Run, name)
		break // the journal is the same for all
	}
	for _, name := range names[1:] {
		if s, err := u.System(t.Context(), name); err != nil || s.Held {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	if size := len(asJSON(r)); size > 8<<20 {
		t.Errorf("the report has %d bytes", size)
	}
}
