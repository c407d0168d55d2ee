package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeSystem adds a system of a workload with its runbook: width chains of steps. It
// depends on every system of the tier before.
func writeSystem(estate *strings.Builder, files map[string]string, w workload, tier, n, width int) string {
	named := func(tier, n int) string { return fmt.Sprintf("%s-%d-%d", w.name(), tier, n) }
	name := named(tier, n)
	var needs []string
	for before := 0; tier > 0 && before < w.systems; before++ {
		needs = append(needs, named(tier-1, before))
	}
	fmt.Fprintf(estate, "  - {name: %[1]s, home: there, alternate: here, drillable: [isolated], runbooks: {failover: %[1]s}, depends_on: [%[2]s]}\n", name, strings.Join(needs, ", "))
	var book strings.Builder
	fmt.Fprintf(&book, "kind: Runbook\nname: %[1]s\nsystem: %[1]s\nsteps:\n", name)
	for chain := range width {
		for step := range w.depth {
			first := ""
			if step == 0 {
				first = ", needs: []"
			}
			fmt.Fprintf(&book, "  - {id: s%d, at: here, uses: sim.step, with: {block_for: %s}%s}\n", chain*w.depth+step+1, w.each, first)
		}
	}
	files["runbook-"+name] = book.String()
	return name
}

// writeWorkloads writes a bundle with a scenario for each workload, whose systems' failovers
// are the steps. Nobody has to be asked for anything.
func writeWorkloads(dir string, all []workload) error {
	files := map[string]string{}
	var estate strings.Builder
	estate.WriteString(`kind: Estate
name: bench
control: here
sites:
  - {name: here}
  - {name: there}
people:
  - {id: bench, name: {en: Bench}, roles: [operator]}
  - {id: boss, name: {en: Boss}, roles: [commander]}
systems:
`)
	for _, w := range all {
		var systems []string
		for tier := range w.tiers {
			if w.depth == 1 { // steps side by side are one system's
				systems = append(systems, writeSystem(&estate, files, w, tier, 0, w.systems))
				continue
			}
			for n := range w.systems {
				systems = append(systems, writeSystem(&estate, files, w, tier, n, 1))
			}
		}
		files["scenario-"+w.name()] = fmt.Sprintf(`kind: Scenario
name: %s
hazard: disaster
depth: isolated
sites_lost: [there]
systems: [%s]
phases: [activation, recovery_decision, recovery, verification, closing]
people: {simulate: {after: 0s, spread: 0s}}
safety: {remind: 1m, within: 1m, muster: 1m, task: 1m}
decision: {by: commander, within: 1m}
approvals: 0
failback: stay
baseline: 1s
detect_wait: 1s
verify_wait: 2s
hold: 1s
`, w.name(), strings.Join(systems, ", "))
	}
	files["estate"] = estate.String()
	return write(dir, files)
}

// writeLarge writes the bundle of a large organisation.
func writeLarge(dir string, systems, scenarios int) (runbooks int, err error) {
	files := map[string]string{}
	var estate strings.Builder
	estate.WriteString(`kind: Estate
name: large
zone: Asia/Tokyo
control: osaka
sites:
  - {name: tokyo}
  - {name: osaka}
people:
`)
	for n := range 100 {
		fmt.Fprintf(&estate, "  - {id: person-%d, name: {en: Person %d, ja: 要員 %d}, roles: [%s]}\n", n, n, n, []string{"operator", "commander", "service-desk"}[n%3])
	}
	estate.WriteString("targets:\n")
	for n := range systems {
		for _, site := range []string{"tokyo", "osaka"} {
			fmt.Fprintf(&estate, "  - {name: db-%[1]d-%[2]s, kind: postgres, site: %[2]s, host: db-%[1]d.%[2]s.example, password: secret://env/DB_%[1]d}\n", n, site)
		}
	}
	estate.WriteString("systems:\n")
	for n := range systems {
		fmt.Fprintf(&estate, `  - name: system-%[1]d
    title: {en: System %[1]d, ja: 業務システム %[1]d}
    home: tokyo
    alternate: osaka
    objectives: {rto: %[2]dm, rpo: 5s, rlo: [{within: 5m, level: 50}, {within: %[2]dm, level: 100}]}
    drillable: [isolated, live]
    functions:
      - {name: write, weight: 60, probe: {uses: probe.postgres_markers, with: {servers: [db-%[1]d-tokyo, db-%[1]d-osaka]}}}
      - {name: page, weight: 40, probe: {uses: probe.tcp, with: {address: "app-%[1]d.example:443"}}}
    runbooks: {failover: failover-%[1]d, failback: failback-%[1]d}
    single_writer: {uses: postgres.single_writer, with: {servers: [db-%[1]d-tokyo, db-%[1]d-osaka]}}
`, n, 10+n%50)
		files[fmt.Sprintf("runbooks/failover-%d", n)] = fmt.Sprintf(`kind: Runbook
name: failover-%[1]d
title: {en: System %[1]d moves to Osaka, ja: 業務システム %[1]d の大阪への切り替え}
system: system-%[1]d
steps:
  - {id: fence, at: tokyo, uses: postgres.fence, with: {server: db-%[1]d-tokyo}, timeout: 1m}
  - id: promote
    at: osaka
    uses: postgres.promote
    with: {server: db-%[1]d-osaka, max_lag: 16MB}
    budget: 30s
    timeout: 2m
    undo: {uses: postgres.rejoin, with: {server: db-%[1]d-osaka, follow: db-%[1]d-tokyo}}
  - {id: look, at: osaka, uses: postgres.status, with: {server: db-%[1]d-osaka}}
  - {id: tell, as: service-desk, uses: human.task, with: {text: "Tell the users of system %[1]d"}, needs: [promote]}
  - {id: simulate, at: osaka, uses: sim.step, with: {block_for: 1s, output: "timeline ${{ steps.promote.timeline }}"}, if: "steps.promote.timeline > 1", needs: [promote]}
`, n)
		files[fmt.Sprintf("runbooks/failback-%d", n)] = fmt.Sprintf(`kind: Runbook
name: failback-%[1]d
system: system-%[1]d
steps:
  - {id: rejoin, at: tokyo, uses: postgres.rejoin, with: {server: db-%[1]d-tokyo, follow: db-%[1]d-osaka}, timeout: 15m}
  - {id: caught-up, at: osaka, uses: postgres.caught_up, with: {server: db-%[1]d-tokyo, follow: db-%[1]d-osaka}, timeout: 15m}
  - {id: switchover, at: osaka, uses: postgres.switchover, with: {from: db-%[1]d-osaka, to: db-%[1]d-tokyo}, timeout: 5m}
`, n)
		runbooks += 2
	}
	files["estate"] = estate.String()
	for n := range scenarios {
		var names []string
		for k := range min(20, systems) {
			names = append(names, fmt.Sprintf("system-%d", (n*7+k)%systems))
		}
		files[fmt.Sprintf("scenarios/loss-%d", n)] = fmt.Sprintf(`kind: Scenario
name: loss-%d
hazard: disaster
depth: live
sites_lost: [tokyo]
systems: [%s]
quorum: {operator: 5, commander: 1}
decision: {by: commander, within: 10m}
injects:
  - {at: 0s, uses: postgres.kill, with: {server: db-%d-tokyo}}
`, n, strings.Join(names, ", "), (n*7)%systems)
	}
	return runbooks, write(dir, files)
}

func write(dir string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(dir, name+".yaml")
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
