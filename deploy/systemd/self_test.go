package systemd_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/systemdtest"
)

// On one machine muster kills all of itself in the middle of a simulated response, and systemd starts it again. The response ends
// as if nothing had happened and its recovery time is proven; of how long muster itself was away nothing is claimed.
func TestTheDrillOfMusterOnOneMachine(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	free, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	data, plans, port := t.TempDir(), t.TempDir(), strconv.Itoa(free)
	m := systemdtest.Start(t)
	fill := strings.NewReplacer("unit: muster.service}", "unit: muster.service, bus: \""+m.Address+"\"}", "/var/lib/muster/up/rehearsal", filepath.Join(data, "rehearsal"))
	files, err := filepath.Glob(filepath.Join(repo, "scenarios", "self-up", "*.yaml"))
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		write(t, filepath.Join(plans, filepath.Base(f)), fill.Replace(read(t, f)), 0o644)
	}
	m.Unit(t, "muster.service", upUnit(t, repo, data, plans, port))
	m.Run(t, "muster.service")
	muster := func(args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(ctx, filepath.Join(repo, "bin", "muster"), append(args, "--data", data, "--server", "http://127.0.0.1:"+port, "--lang", "en")...)
		cmd.Dir = plans
		var said strings.Builder
		cmd.Stderr = &said
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("muster %s: %v\n%s\n%s", strings.Join(args, " "), err, out, said.String())
		}
		return string(out)
	}
	muster("drill", "start", "self-drill", "--as", "tanaka", "--reason", "test", "--wait") // exits by the verdict
	text := muster("report", "self-drill-1", "-o", "json")
	if to := os.Getenv("MUSTER_TEST_REPORTS"); to != "" { // to be looked at
		write(t, filepath.Join(to, "self-up.txt"), muster("report", "self-drill-1"), 0o644)
	}
	var rep struct {
		Run     struct{ Verdict string }
		Systems []struct {
			ID  string
			RTO struct {
				Verdict string
				ActualS *float64 `json:"actual_s"`
			}
		}
		Case struct {
			Pass []struct{ ID, Verdict string }
		}
	}
	if err := json.Unmarshal([]byte(text), &rep); err != nil {
		t.Fatal(err, text)
	}
	verdicts := map[string]string{"run": rep.Run.Verdict}
	for _, x := range rep.Systems {
		verdicts[x.ID] = x.RTO.Verdict
	}
	for _, p := range rep.Case.Pass {
		verdicts[p.ID] = p.Verdict
	}
	for what, want := range map[string]string{"run": "met", "rehearsal": "met", "once": "met", "by-itself": "met"} {
		if verdicts[what] != want {
			t.Errorf("%s: %s, want %s", what, verdicts[what], want)
		}
	}
	if n := m.Starts(t, "muster.service"); n != 2 {
		t.Errorf("muster was started %d times, want once more", n)
	}
}
