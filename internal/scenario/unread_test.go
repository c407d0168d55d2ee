package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A tab in a runbook is one mistake: that its name is not there follows from it, and what no file names is told all the same.
func TestAFileThatIsNoYAMLIsNotMissingToo(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"estate.yaml", "failback.yaml", "failover.yaml", "in-place.yaml", "scenario.yaml"} {
		b, err := os.ReadFile(filepath.Join("testdata", "base", name))
		if err != nil {
			t.Fatal(err)
		}
		switch name {
		case "failover.yaml":
			b = append(b, "\tbroken: [\n"...)
		case "failback.yaml":
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, mistakes := Load(dir, catalog())
	text := mistakes.Error()
	if !strings.Contains(text, "failover.yaml:") || strings.Contains(text, `no runbook "orders-failover"`) || !strings.Contains(text, `no runbook "orders-failback"`) {
		t.Errorf("told:\n%s", text)
	}
}
