package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// keyed are plan files of a drill with two steps at osaka, the first of which waits for a file.
func keyed(t *testing.T, gate, done string) string {
	t.Helper()
	return plansDir(t, map[string]string{
		"estate.yaml": `kind: Estate
name: test
zone: Asia/Tokyo
control: tokyo
sites: [{name: tokyo}, {name: osaka}]
systems:
  - {name: orders, title: Kanariya-Orders, home: tokyo, alternate: osaka, drillable: [live], runbooks: {failover: orders-failover}}
people: [{id: sato, name: Kanariya-Sato, roles: [commander, operator]}]
muster_places: [{name: online, title: Online, online: true}]
`,
		"runbook.yaml": fmt.Sprintf(`kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: first, at: osaka, timeout: 10m, queue_timeout: 5m, uses: exec.run, with: {argv: [sh, -c, "echo kanariya-begun >> %[2]s; while ! test -e %[1]s; do sleep 0.1; done; echo kanariya-first >> %[2]s"], look: [grep, -q, kanariya-first, %[2]q]}}
  - {id: second, at: osaka, needs: [first], timeout: 1m, queue_timeout: 5m, uses: exec.run, with: {argv: [sh, -c, "echo kanariya-second >> %[2]s"], look: [grep, -q, kanariya-second, %[2]q]}}
`, gate, done),
		"scenario.yaml": `kind: Scenario
name: keys
title: Kanariya-Keys
hazard: disaster
depth: live
phases: [activation, recovery_decision, recovery, verification, closing]
systems: [orders]
failback: stay
muster_place: online
approvals: 0
people: {simulate: {after: 100ms, spread: 100ms}}
decision: {by: commander, within: 1s, rule: alternate-site-when-rto-at-risk}
fail_wait: 5m
`})
}

// A drill is begun with one key and ended with another, over a gateway, with the site's worker
// on a keyring of its own. While that one lacks the new key, the step is refused in words and
// waits; with it, the step goes on. Nothing of what the drill says is in the engine's file.
func TestKeysChangeDuringADrill(t *testing.T) {
	dir := t.TempDir()
	gate, done := filepath.Join(dir, "gate"), filepath.Join(dir, "done")
	save(t, done, "")
	o, _ := options(t, keyed(t, gate, done))
	mine, theirs := filepath.Join(dir, "mine"), filepath.Join(dir, "theirs")
	if _, err := NewKey(i18n.EN, mine, "k1"); err != nil {
		t.Fatal(err)
	}
	copied := func() {
		t.Helper()
		b, err := os.ReadFile(mine)
		if err == nil {
			err = os.WriteFile(theirs, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	copied()
	said := &talk{}
	o.Log = slog.New(slog.NewTextHandler(said, nil))
	o.Config.Sites, o.Config.Encryption.Keyring = []string{"tokyo"}, "secret://file"+mine
	door := openGate(t, &o)
	u := begin(t, o)
	t.Setenv("MUSTER_ENCRYPTION_KEYRING", "secret://file"+theirs)
	employSite(t, o, "osaka", door)

	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "keys", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	await(t, "the first step works", func() bool { return lines(done)() == 1 })

	// The new key is made active before the site has it: the wrong order.
	if _, err := NewKey(i18n.EN, mine, "k2"); err != nil {
		t.Fatal(err)
	}
	if err := ActivateKey(i18n.EN, mine, "k2"); err != nil {
		t.Fatal(err)
	}
	// The server looks into its keyring as soon as it meets the new key, and by itself within
	// seconds: a second server that was restarted with it would be the same.
	for deadline := time.Now().Add(time.Minute); !strings.Contains(said.String(), "key=k2"); {
		if time.Now().After(deadline) {
			t.Fatal("the server does not encrypt with k2 within a minute")
		}
		_, err := u.Pause(ctx, started.Run, workflows.Control{By: "sato", Reason: "keys"})
		if err == nil {
			_, err = u.Resume(ctx, started.Run, workflows.Control{By: "sato", Reason: "keys"})
		}
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(time.Second) // a person has sixty acts a minute
	}
	for _, c := range ExamineUpgrade(t.Context(), o.Lang, o.Config, "next") { // replays what is under way
		if c.Result == Bad || c.ID == "runs" && !strings.Contains(c.Found, started.Run) {
			t.Errorf("before an upgrade, %s: %s", c.ID, c.Found)
		}
	}
	save(t, gate, "open")
	var why string
	until(ctx, t, u, started.Run, func(e run.Event) bool {
		if e.Kind == run.StepWaiting && e.Step == "second" {
			why = e.Reason + string(e.Data)
		}
		return why != ""
	})
	for _, want := range []string{"key k2", "鍵 k2", theirs, "nothing was begun"} {
		if !strings.Contains(why, want) {
			t.Errorf("the step waits with %q, which does not say %q", why, want)
		}
	}
	copied()
	if _, err := u.Step(ctx, started.Run, "second", api.StepRequest{Act: run.ActRetry, By: "sato", Reason: "the key is there"}); err != nil {
		t.Fatal(err)
	}
	untilEnded(t, u, started.Run)
	r := readReport(t, u, started.Run)
	for _, id := range []string{"first", "second"} {
		if s := step(r, id); s.Outcome != run.Passed {
			t.Errorf("%s: %s (%s)", id, s.Outcome, s.Reason)
		}
	}
	if b, _ := os.ReadFile(done); string(b) != "kanariya-begun\nkanariya-first\nkanariya-second\n" {
		t.Errorf("done was %q", b)
	}
	if err := u.stop(); err != nil {
		t.Fatal(err)
	}
	keys, kept := map[string]bool{}, 0
	for _, b := range filesBelow(t, o.Config.EngineDir()) {
		text := string(b)
		kept += len(b)
		for _, id := range []string{"k1", "k2"} {
			keys[id] = keys[id] || strings.Contains(text, "encryption-key-id\x12\x02"+id)
		}
		if i := strings.Index(strings.ToLower(text), "kanariya"); i >= 0 {
			t.Errorf("the engine's file shows %q", text[max(0, i-80):min(len(text), i+80)])
		}
	}
	if !keys["k1"] || !keys["k2"] {
		t.Errorf("in %d bytes of the engine's files keys %v were used, want both", kept, keys)
	}
}

// filesBelow are the contents of all files of a folder, by name.
func filesBelow(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
