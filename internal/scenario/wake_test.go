package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wakeBundle is the base files with a scenario that has these lines more.
func wakeBundle(t *testing.T, more string) (*Bundle, Mistakes) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"estate.yaml", "failback.yaml", "failover.yaml", "in-place.yaml", "scenario.yaml"} {
		b, err := os.ReadFile(filepath.Join("testdata", "base", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "scenario.yaml" {
			b = append(b, more...)
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Load(dir, catalog())
}

func TestWhatWakesAResponseIsRead(t *testing.T) {
	b, mistakes := wakeBundle(t, `
wake:
  - {intensity: 6-lower, areas: [東京都２３区, "13"], then: start, training: propose}
  - {alarm: prometheus, when: 'body.commonLabels.site == "tokyo"'}
real_alarm: continue
`)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	got := b.Scenarios()[0].Wake
	if len(got) != 2 || got[0].Intensity != "6-lower" || !got[0].Start || len(got[0].Areas) != 2 || got[0].Areas[1] != "13" || got[0].Training != "propose" ||
		got[1].Start || got[1].Alarm != "prometheus" || !strings.Contains(got[0].Place, "scenario.yaml:") {
		t.Errorf("%+v", got)
	}
	p, err := b.Compile(b.Scenarios()[0].Name, "")
	if err != nil || p.Scenario.RealAlarm != "continue" {
		t.Errorf("real_alarm %q, %v", p.Scenario.RealAlarm, err)
	}
}

// A rule is no part of the plan: changing it leaves what was proven proven.
func TestARuleChangesNoPlan(t *testing.T) {
	plain, mistakes := wakeBundle(t, "")
	with, more := wakeBundle(t, "\nwake: [{intensity: 5-upper}]\nreal_alarm: abort\n")
	if len(mistakes)+len(more) > 0 {
		t.Fatal(mistakes, more)
	}
	name := plain.Scenarios()[0].Name
	p, err := plain.Compile(name, "")
	q, err2 := with.Compile(name, "")
	if err != nil || err2 != nil || p.Hash != q.Hash {
		t.Errorf("%v %v: hashes %s and %s", err, err2, p.Hash, q.Hash)
	}
}

func TestMistakesInWhatWakes(t *testing.T) {
	_, mistakes := wakeBundle(t, `
wake:
  - {areas: [東京都]}
  - {intensity: 6-weak}
  - {intensity: 6-lower, tsunami: warning}
  - {intensity: 6-lower, when: body.x}
  - {alarm: prometheus, areas: [東京都], when: 'bodi.x == 1'}
  - {alarm: prometheus, when: '1 + 1', training: start}
`)
	text := mistakes.Err().Error()
	if strings.Count(text, "says of no alarm when") != 1 {
		t.Errorf("a wrong value is told twice:\n%s", text)
	}
	for _, want := range []string{"says of no alarm when", "6-weak", "are two rules", "a telegram has no body", "areas belong to", `there is no "bodi"`, "not true or false", "would start more than a real one"} {
		if !strings.Contains(text, want) {
			t.Errorf("no line says %q in:\n%s", want, text)
		}
	}
}
