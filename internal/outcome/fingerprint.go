package outcome

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Fingerprints are what a proof of a system rests on, each as a short hash: when one is not the
// same any more, what it was proven with has changed. Titles and lines of files are in none.
type Fingerprints struct {
	// Plan is the system with its objectives and probes, and the runbooks that move it.
	Plan string `json:"plan"`
	// Targets are the servers and endpoints that those use.
	Targets string `json:"targets"`
	// Roster is who holds the roles that its steps ask for, and their deputies.
	Roster string `json:"roster"`
	// Backup is the restore runbook with the targets it restores from and to; "" without one.
	Backup string `json:"backup,omitempty"`
	// Scenario is under what it was proven: what was lost and broken, how long service had to hold, where
	// the sites lie, and the systems that it depends on.
	Scenario string `json:"scenario,omitempty"`
}

// FingerprintsOf are those of a system of a plan.
func FingerprintsOf(p plan.Plan, s plan.System) Fingerprints {
	var moving []plan.Runbook
	for _, name := range []string{s.Failover, s.InPlace, s.Failback} {
		if book, ok := p.Runbook(name); ok {
			moving = append(moving, bare(book))
		}
	}
	backup := s.Restore
	var out Fingerprints
	out.Plan = hash(bareSystem(s), moving)
	var used []string
	for _, book := range moving {
		used = append(used, targetsOf(book)...)
	}
	for _, probe := range s.Probes {
		used = append(used, probe.Targets...)
	}
	broken := bare(plan.Runbook{Steps: p.Scenario.Injects})
	out.Scenario = hash(s.DependsOn, conditions(p.Scenario), broken.Steps, sites(p, s))
	used = append(used, targetsOf(broken)...)
	out.Targets = hash(targets(p, used))
	books := moving
	if book, ok := p.Runbook(backup); ok {
		book = bare(book)
		out.Backup = hash(book, targets(p, targetsOf(book)))
		books = append(books, book)
	}
	out.Roster = hash(roster(p, books))
	return out
}

// Changed lists which of them are others now, for a property: a restore rests on the backup's settings
// and nothing of the way over; the other properties rest on the rest.
func (f Fingerprints) Changed(now Fingerprints, prop Property) []Change {
	var out []Change
	add := func(was, is string, c Change) {
		if was != is {
			out = append(out, c)
		}
	}
	if prop == Restore {
		add(f.Backup, now.Backup, ChangedBackup)
		return out
	}
	add(f.Plan, now.Plan, ChangedPlan)
	add(f.Targets, now.Targets, ChangedTargets)
	add(f.Roster, now.Roster, ChangedRoster)
	add(f.Scenario, now.Scenario, ChangedScenario)
	return out
}

// Change is what is not as it was when something was proven.
type Change string

const (
	ChangedPlan    Change = "plan"
	ChangedTargets Change = "targets"
	ChangedRoster  Change = "roster"
	ChangedBackup  Change = "backup"
	// ChangedScenario: something else is lost or broken, or it lasts otherwise.
	ChangedScenario Change = "scenario"
)

// conditions are what of a scenario makes a proof easier or harder.
func conditions(s plan.Scenario) any {
	return struct {
		Hazard             run.Hazard
		Trigger            string
		SitesLost          []string
		Phases             []run.Phase
		Failback           string
		Hold, Baseline     run.Duration
		Detect, VerifyWait run.Duration
		Absent             *plan.Absence
	}{s.Hazard, s.Trigger, s.SitesLost, s.Phases, s.Failback, s.Hold, s.Baseline, s.DetectWait, s.VerifyWait, s.Absent}
}

// sites are where a system's own sites and the lost ones lie.
func sites(p plan.Plan, s plan.System) [][2]string {
	var out [][2]string
	for _, one := range p.Estate.Sites {
		if one.Name == s.Home || one.Name == s.Alternate || slices.Contains(p.Scenario.SitesLost, one.Name) {
			out = append(out, [2]string{one.Name, one.Region})
		}
	}
	return out
}

func hash(parts ...any) string {
	h := sha256.New()
	for _, p := range parts {
		b, err := json.Marshal(p)
		if err != nil { // plans always marshal
			panic(err)
		}
		h.Write(b)
		h.Write([]byte{'\n'})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func bareSystem(s plan.System) plan.System {
	s.Title, s.DependsOn, s.Drillable = plan.Text{}, nil, nil
	s.Restore, s.Objective.Restore, s.Components = "", nil, nil
	s.InPlaceEstimate, s.InPlaceGround = 0, ""
	s.Probes = slices.Clone(s.Probes)
	for i := range s.Probes {
		s.Probes[i].Title = plan.Text{}
	}
	s.Statements = slices.Clone(s.Statements)
	for i := range s.Statements {
		s.Statements[i].Title = plan.Text{}
	}
	if s.SingleWriter != nil {
		check := *s.SingleWriter
		check.Title, check.Line = plan.Text{}, ""
		s.SingleWriter = &check
	}
	return s
}

// bare is a runbook without what only people read: words, and where in a file it stands.
func bare(b plan.Runbook) plan.Runbook {
	b.Title, b.Steps = plan.Text{}, slices.Clone(b.Steps)
	for i := range b.Steps {
		s := &b.Steps[i]
		s.Title, s.Line, s.Owner = plan.Text{}, "", ""
		s.Budget = 0           // a target: changing it changes nothing that was done
		s.Prerequisite = false // follows from the other steps
	}
	return b
}

func targetsOf(b plan.Runbook) []string {
	var out []string
	for _, s := range b.Steps {
		out = append(out, s.Targets...)
		for _, u := range s.Undo {
			out = append(out, u.Targets...)
		}
	}
	return out
}

// targets are what stands behind the names: kind, site and the whole of its settings.
func targets(p plan.Plan, names []string) []plan.Target {
	out := p.Estate.TargetsNamed(names)
	for i := range out {
		out[i].Spared = nil // follows from other systems
	}
	return out
}

// holder is a person as far as a roster goes.
type holder struct {
	ID       string
	Roles    []string
	Deputies []string
}

// roster is who holds the roles that the steps of these runbooks ask for, and the deciding one.
func roster(p plan.Plan, books []plan.Runbook) []holder {
	roles := []string{p.Scenario.Decision.By}
	if p.Scenario.Hazard == run.RestoreTest {
		roles = nil // nobody is asked
	}
	for _, b := range books {
		for _, s := range b.Steps {
			if s.Human != nil {
				roles = append(roles, s.Human.Role)
			}
		}
	}
	people := map[string]bool{}
	for _, role := range roles {
		for _, one := range p.Estate.InRole(role) {
			people[one.ID] = true
			for _, d := range one.Deputies {
				people[d] = true
			}
		}
	}
	var out []holder
	for _, one := range p.Estate.People {
		if people[one.ID] {
			out = append(out, holder{one.ID, one.Roles, one.Deputies})
		}
	}
	return out
}
