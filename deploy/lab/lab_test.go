// Package lab_test runs the lab: two sites in network namespaces, whose line is cut in a
// drill and comes back.
package lab_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// The line to tokyo is cut while its primary runs on. The response is led from osaka,
// the stale primary acknowledges nothing that counts, and after the line is back it
// follows and gets its role back.
func TestTheLineToTokyoIsCut(t *testing.T) {
	dir, err := os.MkdirTemp("/var/tmp", "muster-lab-") // PostgreSQL's user has to get there
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(dir, "lab")
	t.Cleanup(func() { _ = rooted("rm", "-rf", filepath.Dir(dir)).Run() })
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	var said bytes.Buffer
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the lab said:\n%s", said.String())
		}
	})
	lab := rooted("env", "LAB="+dir, "MUSTER_LANG=en", "./lab", "run")
	lab.Stdout, lab.Stderr = &said, &said
	if err := lab.Start(); err != nil {
		t.Fatal(err)
	}
	stop := context.AfterFunc(ctx, func() { _ = lab.Process.Signal(os.Interrupt) })
	defer stop()
	if err := lab.Wait(); err != nil {
		t.Fatalf("lab run: %v", err)
	}

	var r report.Report
	read(t, filepath.Join(dir, "report.json"), &r)
	s := r.Systems[0]
	if r.Run.State != run.Recovered {
		t.Errorf("the run ended %s, want recovered", r.Run.State)
	}
	if s.Failback.Verdict != run.Met || s.Failback.Writer != "tokyo" || s.Failback.SingleWriter == nil || !*s.Failback.SingleWriter {
		t.Errorf("failback %s, writer %q, single writer %v; want met, tokyo, true", s.Failback.Verdict, s.Failback.Writer, s.Failback.SingleWriter)
	}
	if s.RPO.LostMarkers == nil || *s.RPO.LostMarkers != 0 {
		t.Errorf("markers lost: %v, want 0", s.RPO.LostMarkers)
	}
	// Nobody could fence tokyo, which no figure may hide.
	if s.RTO.Verdict != run.NotProven {
		t.Errorf("RTO %s, though a person had to vouch for the fence", s.RTO.Verdict)
	}
	for _, x := range r.Steps {
		if x.Phase == run.Recovery && x.Site == "tokyo" && x.ID != "fence" {
			t.Errorf("step %s of the recovery was done at tokyo, which was cut off", x.ID)
		}
	}

	type found struct {
		Missing    int     `json:"missing"`
		LongestGap float64 `json:"longest_gap_s"`
		Gaps       []struct {
			From time.Time `json:"from"`
			To   time.Time `json:"to"`
		} `json:"gaps"`
	}
	var door, branch found
	read(t, filepath.Join(dir, "door.json"), &door)
	read(t, filepath.Join(dir, "branch.json"), &branch)
	if door.Missing != 0 || branch.Missing != 0 {
		t.Errorf("acknowledged writes that are gone: %d through the door, %d in tokyo", door.Missing, branch.Missing)
	}
	if s.RTO.ActualS == nil {
		t.Fatal("the RTO has no figure")
	}
	// Never shorter than what the client went through, but for an attempt and a probe's look at either end; longer by the time the cut itself took.
	cut := cutAt(t, r)
	if rto := *s.RTO.ActualS; rto < door.LongestGap-2 || rto > door.LongestGap+cut.Sub(*s.RTO.EventAt).Seconds()+10 {
		t.Errorf("RTO %.3f s, and a client's longest gap was %.3f s: %+v", rto, door.LongestGap, door.Gaps)
	}
	// Inside tokyo somebody tried to write all the while.
	tried, acked := between(t, filepath.Join(dir, "branch.csv"), cut, *s.RTO.RestoredAt)
	if tried == 0 || acked != 0 {
		t.Errorf("cut off, tokyo acknowledged %d of %d writes; none may count", acked, tried)
	}

	if left := text(t, "ip", "netns", "list"); strings.Contains(left, tag(t, dir)) {
		t.Errorf("network namespaces are left: %s", left)
	}
	if left, _ := exec.Command("pgrep", "-af", dir).Output(); len(left) > 0 {
		t.Errorf("processes are left:\n%s", left)
	}
}

// cutAt is when the line was down for certain.
func cutAt(t *testing.T, r report.Report) time.Time {
	t.Helper()
	for _, x := range r.Steps {
		if x.ID == "cut" && x.EndedAt != nil {
			return *x.EndedAt
		}
	}
	t.Fatal("the report does not say when the line was cut")
	return time.Time{}
}

// rooted runs a command as root.
func rooted(argv ...string) *exec.Cmd {
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "-n"}, argv...)
	}
	return exec.Command(argv[0], argv[1:]...)
}

func text(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := rooted(argv...).Output()
	if err != nil {
		t.Fatalf("%v: %v", argv, err)
	}
	return string(out)
}

// tag is what the lab's namespaces are called after its folder.
func tag(t *testing.T, dir string) string {
	t.Helper()
	c := exec.Command("cksum")
	c.Stdin = strings.NewReader(dir + "\n")
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return "lab" + string(out[:5]) + "-"
}

func read(t *testing.T, file string, to any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(t, "cat", file)), to); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// between counts a witness's attempts that began after from and ended before to.
func between(t *testing.T, file string, from, to time.Time) (tried, acked int) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text(t, "cat", file))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		at, err := time.Parse(time.RFC3339Nano, row[0])
		if err != nil {
			t.Fatal(err)
		}
		took, err := time.ParseDuration(row[3] + "ms")
		if err != nil {
			t.Fatal(err)
		}
		if at.Add(-took).After(from) && at.Before(to) {
			tried++
			if ok, _ := strconv.ParseBool(row[2]); ok {
				acked++
			}
		}
	}
	return tried, acked
}
