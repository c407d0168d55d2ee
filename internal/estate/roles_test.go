package estate

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/yamldoc"
)

// A role that is mistyped at a person is told once, and never suggested for another.
func TestAMistypedRoleIsNeverSuggested(t *testing.T) {
	log := &yamldoc.Log{}
	root := yamldoc.Parse("estate.yaml", []byte(`name: test
control: osaka
sites: [{name: osaka}]
roles: [{name: commander}, {name: approver}]
systems: [{name: orders, home: osaka}]
people: [{id: sato, name: Sato, roles: [comander, approver]}]
`), log)
	d := &yamldoc.Decoder{File: "estate.yaml", Log: log}
	e := Read(d, root, noActions{})
	e.Role(d, "decision: by", yamldoc.Value[string]{V: "commander", Set: true})
	told := ""
	for _, m := range log.Mistakes() {
		told += m.Text + "\n"
	}
	if !strings.Contains(told, `did you mean "commander"`) || strings.Contains(told, `did you mean "comander"`) {
		t.Error(told)
	}
}
