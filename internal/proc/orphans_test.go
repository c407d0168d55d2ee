package proc

import (
	"context"
	"os"
	"os/exec"
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
