package estate

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/yamldoc"
)

// What is wrong with levels and measures is named, in both languages, and none of it reaches a plan.
func TestLevelsAndMeasures(t *testing.T) {
	log := &yamldoc.Log{}
	root := yamldoc.Parse("estate.yaml", []byte(`kind: Estate
name: e
control: osaka
sites: [{name: osaka}]
people: [{id: sato, name: Sato, roles: [commander]}]
systems:
  - name: orders
    home: osaka
    components:
      - {name: server, kind: hardware, current_level: 1, target_level: 3}
      - {name: disk, kind: data_area, target_level: 3}
      - {name: maker, kind: contractor, current_level: 4}
    measures:
      - {name: spare, title: Spare server, components: [server], level: 3, from: 2026, to: 2027, budget: 4800, owner: commander}
      - {name: odd, title: Odd, components: [servr], level: 2, from: 2027, to: 2026, owner: nobody, done: soon}
      - {name: bare, title: Bare, level: 2}
`), log)
	e := Read(&yamldoc.Decoder{File: "estate.yaml", Log: log}, root, noActions{})
	var en, ja []string
	for _, m := range log.Mistakes() {
		en, ja = append(en, m.In("en")), append(ja, m.In("ja"))
	}
	for _, want := range []string{"add current_level", "go to 3", `"servr"`, `"nobody"`, "before it begins in 2027", `"soon" is no day`, "reached, but by nothing"} {
		if !strings.Contains(strings.Join(en, "\n"), want) {
			t.Errorf("no mistake says %q:\n%s", want, strings.Join(en, "\n"))
		}
	}
	if len(en) != 7 || !strings.Contains(strings.Join(ja, "\n"), "開始年度 2027 より前です") {
		t.Errorf("%d mistakes, want 7:\n%s", len(en), strings.Join(ja, "\n"))
	}
	if c := e.Systems[0].Components[0]; c.Name != "server" || e.Declared[0].Measures[0].Budget.V != 4800 {
		t.Errorf("component %+v, measures %+v", c, e.Declared[0].Measures)
	}
}
