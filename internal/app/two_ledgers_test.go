package app

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// A worker freezes in the middle of an effect, and another worker of its site, on a machine
// and with a ledger of its own, is asked what became of it. Its ledger knows nothing of it,
// which is no proof that nothing was begun: the effect is not had a second time.
func TestAWorkerWithAnotherLedgerDoesNotVouchForTheFirst(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "begun")
	o, gateway := aSiteOfItsOwn(t, "two-ledgers", fmt.Sprintf(`{id: once, at: tokyo, retry: 2, timeout: 1m, queue_timeout: 5m, uses: exec.run, with: {argv: [sh, -c, "echo begun >> %[1]s; until [ -e %[1]s.go ]; do sleep 0.1; done; echo done > %[1]s.done"], look: [test, -s, %[1]s.done]}}`, file))
	u := begin(t, o)
	first := employSite(t, o, "tokyo", gateway)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "two-ledgers", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	begun := lines(file)
	for deadline := time.Now().Add(time.Minute); begun() == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the step was not begun within a minute")
		}
		<-time.After(20 * time.Millisecond)
	}
	if err := first.Cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // what was begun ends before its worker wakes up
		defer func() { _ = first.Cmd.Process.Signal(syscall.SIGCONT) }()
		save(t, file+".go", "")
		eventually(t, time.Minute, "what was begun to end", func() bool { return lines(file+".done")() > 0 })
	})
	employSite(t, o, "tokyo", gateway)

	untilEnded(t, u, started.Run)
	b, err := u.Report(t.Context(), started.Run, "json", "ja")
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	said := false
	for _, s := range r.Steps {
		said = said || s.ID == "once" && s.Outcome == run.Unknown && strings.Contains(s.Reason, "another worker of tokyo") && strings.Contains(s.Reason, "拠点 tokyo の別のワーカー")
	}
	if !said || begun() != 1 {
		t.Errorf("begun %d times, want once; steps: %+v", begun(), r.Steps)
	}
	if _, err := os.Stat(file + ".done"); err == nil {
		t.Error("the effect was over before it was asked about: the test proved nothing")
	}
}
