package plan

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestAnArtifactIsNamedAfterItsStepAlone(t *testing.T) {
	one := Call{Run: "restore-3", System: "orders", Runbook: "backup", Step: "dump", Generation: 1}
	if got := one.ArtifactName(); got != "restore-3.orders.backup.dump" {
		t.Errorf("name %q", got)
	}
	again := one
	again.Generation, again.Settling = 2, true
	if again.ArtifactName() != one.ArtifactName() {
		t.Error("a second attempt does not find what the first one made")
	}
	long := strings.Repeat("a", 63)
	named := map[string]Call{}
	for _, c := range []Call{
		one,
		{Run: "restore-3", System: "mail", Runbook: "backup", Step: "dump"},
		{Run: "restore-3", System: "orders", Runbook: "archive", Step: "dump"},
		{Run: "restore-3", System: "orders", Runbook: "backup", Step: "dump/again"},
		{Run: "restore-3", System: "orders", Runbook: "backup", Step: "dump_again"},
		{Run: "../restore-3", System: "orders", Runbook: "backup", Step: "dump"},
		{Run: long, System: long, Runbook: long, Step: long},
		{Run: long, System: long, Runbook: long, Step: long + "b"},
	} {
		name := c.ArtifactName()
		if other, there := named[name]; there {
			t.Errorf("%+v and %+v are both named %q", c, other, name)
		}
		named[name] = c
		if len(name) > 200 || name != filepath.Base(name) {
			t.Errorf("%q is no name of a file", name)
		}
	}
}
