package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// What init writes can be started at once, for real too, in either language; what was there
// is never touched.
func TestInitWritesAPlanToBeginWith(t *testing.T) {
	for _, lang := range []string{"en", "ja"} {
		t.Chdir(t.TempDir())
		code, out, talk := muster(t, "init", "plans", "--lang", lang)
		if code != 0 || strings.Count(out, "\n") != 3 || !strings.Contains(talk, "muster up --plans plans") {
			t.Fatalf("%s: exit %d, %q, %q", lang, code, out, talk)
		}
		b, mistakes := scenario.Load("plans", registry())
		if len(mistakes) > 0 || len(b.Scenarios()) != 1 || b.Scenarios()[0].Name != starterScenario {
			t.Fatalf("%s: %v", lang, mistakes)
		}
		for _, depth := range []run.Depth{run.Tabletop, run.Walkthrough, run.Real} {
			if _, _, err := scenario.CompileOne("plans", registry(), starterScenario, depth); err != nil {
				t.Errorf("%s at depth %s: %v", lang, depth, err)
			}
		}
		before, err := os.ReadFile("plans/estate.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if comments := strings.Contains(string(before), "構成台帳"); comments != (lang == "ja") {
			t.Errorf("comments in Japanese: %v, for %s", comments, lang)
		}
		if code, out, talk := muster(t, "init", "plans"); code != 2 || out != "" || !strings.Contains(talk, filepath.Join("plans", "estate.yaml")) {
			t.Errorf("again: exit %d, %q, %q; want it refused by name", code, out, talk)
		}
		if after, err := os.ReadFile("plans/estate.yaml"); err != nil || string(after) != string(before) {
			t.Errorf("it was written over: %v", err)
		}
	}
	// One plan file of somebody's own is enough, in a folder below too.
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("below", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("below/mine.yml", []byte("kind: Estate\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, talk := muster(t, "init"); code != 2 || !strings.Contains(talk, "below/mine.yml") {
		t.Errorf("exit %d, %q", code, talk)
	}
	if left, err := os.ReadDir("."); err != nil || len(left) != 1 {
		t.Errorf("something was written all the same: %v, %v", left, err)
	}
}

// A mistyped person is met with the one that was probably meant, before anything is written.
func TestCardsOfAnUnknownPersonSuggestTheNearest(t *testing.T) {
	t.Chdir(t.TempDir())
	if code, _, talk := muster(t, "init", "plans"); code != 0 {
		t.Fatal(talk)
	}
	code, out, talk := muster(t, "export", "cards", "--plans", "plans", "--person", "cheif", "--format", "html", "--out", "out")
	if code != 2 || out != "" || !strings.Contains(talk, `Did you mean "chief"?`) || !strings.Contains(talk, "chief, deputy, first, second") {
		t.Errorf("exit %d, %q, %q", code, out, talk)
	}
	if _, err := os.Stat("out"); err == nil {
		t.Error("a folder was made all the same")
	}
}
