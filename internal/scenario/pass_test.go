package scenario

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

func withPass(t *testing.T, pass string) Sources {
	t.Helper()
	files := base(t)
	for name, b := range files {
		if bytes.Contains(b, []byte("kind: Scenario")) {
			files[name] = append(bytes.Clone(b), []byte("\n"+pass)...)
		}
	}
	return files
}

func TestPassCriteria(t *testing.T) {
	files := withPass(t, `requirements: [E-X1]
pass:
  - {id: in-time, text: {en: Back in time, ja: 時間内に復旧}, expect: "systems.orders.rto.actual_s <= 60 && steps.promote.outcome == 'passed'"}
  - {id: paper, text: Kept on paper, cannot: nobody can see it}
`)
	b := loaded(t, files)
	p := compiled(t, b, "tokyo-loss", "")
	if len(p.Scenario.Pass) != 2 || p.Scenario.Requirements[0] != "E-X1" || p.Scenario.Pass[0].Text.JA == "" {
		t.Fatalf("%+v", p.Scenario)
	}
	if real := compiled(t, b, "tokyo-loss", run.Real); real.Scenario.Pass != nil || real.Scenario.Requirements != nil {
		t.Error("a response is judged by a drill's criteria")
	}
}

func TestWrongPassCriteria(t *testing.T) {
	for pass, want := range map[string]string{
		"requirements: [E-X1]": "nothing says when they are met",
		"pass:\n  - {id: a, text: A, expect: \"steps.promte.outcome == 'passed'\"}":                `criterion a: there is no step "promte"; did you mean "promote"?`,
		"pass:\n  - {id: a, text: A, expect: \"systems.orders.rto.actual <= 60\"}":                 `systems.orders.rto has no "actual"`,
		"pass:\n  - {id: a, text: A, expect: run.id}":                                              "must give true or false",
		"pass:\n  - {id: a, text: A}":                                                              "give either expect",
		"pass:\n  - {id: a, text: A, expect: 'true'}\n  - {id: a, text: B, expect: 'true'}":        "criterion a is there twice",
		"requirements: ['no id']\npass:\n  - {id: a, text: A, expect: 'true'}":                     "is no ID",
		"requirements: [E-X1, E-X1]\npass:\n  - {id: a, text: A, expect: 'true', cannot: because}": "E-X1 is there twice",
	} {
		if _, mistakes := LoadSources(catalog(), withPass(t, pass+"\n")); !strings.Contains(mistakes.Error(), want) {
			t.Errorf("%s\ngives %v, want %q", pass, mistakes, want)
		}
	}
}

func TestPlansBelowAPlan(t *testing.T) {
	dir := t.TempDir()
	for _, to := range []string{".", "below/one", "below/two"} {
		for name, b := range base(t) {
			p := filepath.Join(dir, to, name)
			if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if b, mistakes := Load(dir, catalog()); len(mistakes) > 0 || len(b.Scenarios()) != 1 {
		t.Fatalf("the plan above: %v", mistakes)
	}
	for folder, want := range map[string]int{dir: 3, filepath.Join(dir, "below"): 2, filepath.Join(dir, "below", "one"): 1} {
		all, mistakes := LoadTree(catalog(), folder)
		if len(mistakes) > 0 || len(all) != want {
			t.Fatalf("%s: %d plans, %v", folder, len(all), mistakes)
		}
		first := compiled(t, all[0], "tokyo-loss", "").Hash
		for _, b := range all {
			if compiled(t, b, "tokyo-loss", "").Hash != first {
				t.Error("where the folder lies changes the plan")
			}
		}
	}
	if _, mistakes := Load(filepath.Join(dir, "below"), catalog()); !strings.Contains(mistakes.Error(), "a second estate") {
		t.Errorf("two plans as one: %v", mistakes)
	}
}
