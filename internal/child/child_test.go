package child_test

import (
	"context"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/waittest"
)

// This test binary plays the programs that are run.
func TestMain(m *testing.M) {
	switch os.Getenv("CHILD_TEST_PLAY") {
	case "":
		os.Exit(m.Run())
	case "broken":
		_, _ = os.Stdout.WriteString("the disk is full\n")
		os.Exit(3)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	}
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func TestEndKillsWhatDoesNotObey(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "log")
	p, err := child.Start("the stubborn one", log, self, []string{"CHILD_TEST_PLAY=stubborn"})
	if err != nil {
		t.Fatal(err)
	}
	waittest.Eventually(t, time.Minute, func() string {
		if b, err := os.ReadFile(log); err == nil && strings.Contains(string(b), "ready") {
			return ""
		}
		if p.Ended() {
			t.Fatal(p.Failure())
		}
		return "it is not ready"
	})
	hurried, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.End(hurried); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("end = %v, want that it was killed", err)
	}
	if !p.Ended() {
		t.Error("it runs on")
	}
	if err := p.End(context.Background()); err != nil {
		t.Errorf("ending it twice: %v", err)
	}
}

func TestFailureShowsWhatTheProgramSaid(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := child.Start("the broken one", filepath.Join(t.TempDir(), "log"), self, []string{"CHILD_TEST_PLAY=broken"})
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done
	if text := p.Failure().Error(); !strings.Contains(text, "exit status 3") || !strings.Contains(text, "the disk is full") {
		t.Errorf("failure = %q, want the exit code and the log's end", text)
	}
}

func TestAProgramObeys(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p, err := child.Start("the obedient one", filepath.Join(t.TempDir(), "log"), self, []string{"CHILD_TEST_PLAY=idle"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.End(context.Background()); err != nil || !p.Ended() {
		t.Errorf("end = %v, ended = %v", err, p.Ended())
	}
}
