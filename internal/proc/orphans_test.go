package proc

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

func TestEndCarryingEndsThoseThatCarryTheVariable(t *testing.T) {
	start := func(variable string) (*exec.Cmd, chan error) {
		c := exec.Command("sleep", "600")
		c.Env = append(os.Environ(), variable)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- c.Wait() }()
		t.Cleanup(func() { _ = c.Process.Kill() })
		return c, ended
	}
	_, one := start("MUSTER_TEST_WORK=/a")
	other, _ := start("MUSTER_TEST_WORK=/ab")
	if err := EndCarrying(t.Context(), "MUSTER_TEST_WORK=/a", 30*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := <-one; err == nil {
		t.Error("the process that carries it ended by itself")
	}
	if got := Carrying("MUSTER_TEST_WORK=/ab"); len(got) != 1 || got[0] != other.Process.Pid {
		t.Errorf("carrying another value: %v, want process %d left alone", got, other.Process.Pid)
	}
}

func TestOneThatIsStillAtWorkIsToldInBothLanguages(t *testing.T) {
	c := exec.Command("sleep", "600")
	c.Env = append(os.Environ(), "MUSTER_TEST_WORK=/still")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	said := plan.SaidBy(EndCarrying(ctx, "MUSTER_TEST_WORK=/still", time.Minute))
	if !strings.Contains(said.EN, "is still at work as MUSTER_TEST_WORK=/still") || !strings.Contains(said.JA, "まだ MUSTER_TEST_WORK=/still として処理を続けている") {
		t.Errorf("said = %+v", said)
	}
}

// What is just becoming another program, as a script that ends in exec, is still who it was.
func TestOneThatBecomesAnotherProgramIsFoundAllTheWhile(t *testing.T) {
	script := filepath.Join(t.TempDir(), "again")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec \"$0\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(script)
	c.Env = append(os.Environ(), "MUSTER_TEST_WORK=/again")
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	for i := range 200 {
		if got := Carrying("MUSTER_TEST_WORK=/again"); len(got) != 1 || got[0] != c.Process.Pid {
			t.Fatalf("look %d found %v, want process %d", i+1, got, c.Process.Pid)
		}
	}
}
