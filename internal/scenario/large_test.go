package scenario

import (
	"fmt"
	"strings"
	"testing"
)

// large is the bundle of a large organisation: systems with two runbooks each, and
// scenarios of 20 systems.
func large(systems, scenarios int) Sources {
	out := Sources{}
	var e strings.Builder
	e.WriteString("kind: Estate\nname: large\ncontrol: osaka\nsites: [{name: tokyo}, {name: osaka}]\npeople:\n")
	for n := range 100 {
		fmt.Fprintf(&e, "  - {id: person-%d, name: {en: Person %d, ja: 要員 %d}, roles: [%s]}\n", n, n, n, []string{"operator", "commander", "service-desk"}[n%3])
	}
	e.WriteString("targets:\n")
	for n := range systems {
		for _, site := range []string{"tokyo", "osaka"} {
			fmt.Fprintf(&e, "  - {name: db-%[1]d-%[2]s, kind: db, site: %[2]s, host: db-%[1]d.%[2]s.example, password: secret://env/DB_%[1]d}\n", n, site)
		}
	}
	e.WriteString("systems:\n")
	for n := range systems {
		fmt.Fprintf(&e, `  - name: system-%[1]d
    title: {en: System %[1]d, ja: 業務システム %[1]d}
    home: tokyo
    alternate: osaka
    objectives: {rto: %[2]dm, rpo: 5s, rlo: [{within: 5m, level: 50}, {within: %[2]dm, level: 100}]}
    drillable: [live]
    functions:
      - {name: write, weight: 60, probe: {uses: probe.db, with: {server: db-%[1]d-osaka}}}
      - {name: page, weight: 40, probe: {uses: probe.web, with: {url: "https://app-%[1]d.example/"}}}
    runbooks: {failover: failover-%[1]d, failback: failback-%[1]d}
    single_writer: {uses: db.one_writer, with: {servers: [db-%[1]d-tokyo, db-%[1]d-osaka]}}
`, n, 10+n%50)
		out[fmt.Sprintf("failover-%d.yaml", n)] = fmt.Appendf(nil, `kind: Runbook
name: failover-%[1]d
title: {en: System %[1]d moves to Osaka, ja: 業務システム %[1]d の大阪への切り替え}
system: system-%[1]d
steps:
  - {id: fence, at: tokyo, uses: db.fence, with: {server: db-%[1]d-tokyo}, timeout: 1m}
  - id: promote
    at: osaka
    uses: db.promote
    with: {server: db-%[1]d-osaka, max_lag: 16MB}
    budget: 30s
    timeout: 2m
    undo: {uses: db.rejoin, with: {server: db-%[1]d-osaka, follow: db-%[1]d-tokyo}}
  - {id: look, at: osaka, uses: db.status, with: {server: db-%[1]d-osaka}}
  - {id: tell, uses: notify.send, with: {to: [operator], text: "System %[1]d is on timeline ${{ steps.promote.timeline }}"}}
  - {id: desk, as: service-desk, uses: human.task, with: {text: Tell the users of system %[1]d}, needs: [promote]}
  - {id: route, uses: exec.run, with: {command: [route, "%[1]d"]}, if: steps.promote.timeline > 1, needs: [promote]}
`, n)
		out[fmt.Sprintf("failback-%d.yaml", n)] = fmt.Appendf(nil, `kind: Runbook
name: failback-%[1]d
system: system-%[1]d
steps:
  - {id: rejoin, at: tokyo, uses: db.rejoin, with: {server: db-%[1]d-tokyo, follow: db-%[1]d-osaka}, timeout: 15m}
  - {id: fence, at: osaka, uses: db.fence, with: {server: db-%[1]d-osaka}}
  - {id: home, at: tokyo, uses: db.promote, with: {server: db-%[1]d-tokyo}, timeout: 5m}
`, n)
	}
	out["estate.yaml"] = []byte(e.String())
	for n := range scenarios {
		var names []string
		for k := range min(20, systems) {
			names = append(names, fmt.Sprintf("system-%d", (n*7+k)%systems))
		}
		out[fmt.Sprintf("loss-%d.yaml", n)] = fmt.Appendf(nil, `kind: Scenario
name: loss-%d
hazard: disaster
depth: live
sites_lost: [tokyo]
systems: [%s]
quorum: {operator: 5, commander: 1}
injects:
  - {uses: db.kill, with: {server: db-%d-tokyo}}
`, n, strings.Join(names, ", "), (n*7)%systems)
	}
	return out
}

func TestLargeBundle(t *testing.T) {
	b := loaded(t, large(200, 50))
	if n := len(b.Scenarios()); n != 50 {
		t.Fatalf("%d scenarios", n)
	}
	if p := compiled(t, b, "loss-3", ""); len(p.Systems) != 20 || len(p.Runbooks) != 40 {
		t.Errorf("%d systems, %d runbooks", len(p.Systems), len(p.Runbooks))
	}
}

// A plan that the engine would refuse is refused here, with what to do.
func TestPlanTooLarge(t *testing.T) {
	files := large(200, 1)
	var names []string
	for n := range 200 {
		names = append(names, fmt.Sprintf("system-%d", n))
		f := fmt.Sprintf("failover-%d.yaml", n)
		files[f] = append(files[f], fmt.Appendf(nil, "  - {id: long, as: operator, uses: human.task, with: {text: %s}}\n", strings.Repeat("a long text ", 800))...)
	}
	files["loss-0.yaml"] = fmt.Appendf(nil, "kind: Scenario\nname: all\nhazard: disaster\ndepth: live\nsystems: [%s]\n", strings.Join(names, ", "))
	_, mistakes := LoadSources(catalog(), files)
	if len(mistakes) != 1 || !strings.Contains(mistakes[0].Text, "a plan may have at most 1.8 MB; recover fewer systems") {
		t.Errorf("mistakes = %.1000s", mistakes.Error())
	}
}

// BenchmarkLoad is the goal of `muster validate`: 200 systems, 400 runbooks and 50
// scenarios below 1 s and 200 MB.
func BenchmarkLoad(b *testing.B) {
	files, actions := large(200, 50), catalog()
	b.ReportAllocs()
	for b.Loop() {
		if _, mistakes := LoadSources(actions, files); len(mistakes) > 0 {
			b.Fatal(mistakes)
		}
	}
}
