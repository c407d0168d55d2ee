package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/run"
)

var known = []string{"postgres.promote", "postgres.kill", "probe.tcp", "exec.run", "ssh.run"}

func load(t *testing.T, text string) (*Policy, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(file, known)
}

func TestDenyWinsAndAllowCoversAll(t *testing.T) {
	p, err := load(t, `kind: Policy
allow:
  - {actions: [postgres.*], targets: [osaka, tokyo]}
  - {actions: ["probe.*"]}
  - {actions: [exec.run], runs: [drill]}
deny:
  - {actions: [postgres.*], targets: [tokyo], effects: [disrupt, destroy]}
`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		ask  activities.Ask
		want string // in the refusal; "" is permitted
	}{
		{activities.Ask{Action: "postgres.promote", Effect: run.Disrupt, Kind: run.Response, Targets: []string{"osaka"}}, ""},
		{activities.Ask{Action: "postgres.kill", Effect: run.Disrupt, Kind: run.Drill, Targets: []string{"osaka", "tokyo"}}, "denies postgres.kill"},
		{activities.Ask{Action: "postgres.promote", Effect: run.Observe, Kind: run.Drill, Targets: []string{"tokyo"}}, ""},
		{activities.Ask{Action: "postgres.promote", Effect: run.Disrupt, Kind: run.Drill, Targets: []string{"osaka", "nagoya"}}, "no rule"},
		{activities.Ask{Action: "probe.tcp", Effect: run.Observe, Kind: run.Drill, Targets: []string{"anything"}}, ""},
		{activities.Ask{Action: "exec.run", Effect: run.Disrupt, Kind: run.Drill}, ""},
		{activities.Ask{Action: "exec.run", Effect: run.Disrupt, Kind: run.Response}, "no rule"},
		{activities.Ask{Action: "ssh.run", Effect: run.Disrupt, Kind: run.Drill}, "no rule"},
	} {
		err := p.Permit(t.Context(), c.ask)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.ask, err, c.want)
		}
	}
	if err := p.Permit(t.Context(), activities.Ask{Action: "postgres.kill", Effect: run.Disrupt, Targets: []string{"tokyo"}}); !strings.Contains(err.Error(), "policy.yaml:7:5") {
		t.Errorf("the rule's place is not told: %v", err)
	}
	open, err := load(t, "kind: Policy\ndeny: [{actions: [exec.*]}]\n")
	if err != nil || open.Permit(t.Context(), activities.Ask{Action: "ssh.run"}) != nil || open.Permit(t.Context(), activities.Ask{Action: "exec.run"}) == nil {
		t.Errorf("deny alone: %v", err)
	}
	none, err := load(t, "kind: Policy\nallow: []\n")
	if err == nil && none.Permit(t.Context(), activities.Ask{Action: "ssh.run"}) == nil {
		t.Error("an empty list of what is allowed allows")
	}
}

func TestAPolicyWithMistakesIsNone(t *testing.T) {
	_, err := load(t, "kind: Policy\nallow:\n  - {actions: [postgre.*], effects: [harmless]}\n  - {targets: [osaka]}\ndenny: []\n")
	if err == nil {
		t.Fatal("taken")
	}
	for _, want := range []string{":3:16: actions: \"postgre.*\" covers no action", "effects", "actions is missing", "denny"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("not told: %s\n%v", want, err)
		}
	}
	if _, err := Load("/no/such/policy.yaml", known); err == nil {
		t.Error("a file that is not there")
	}
}
