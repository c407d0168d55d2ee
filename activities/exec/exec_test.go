package exec_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/exec"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sitetest"
	"github.com/muster-dr/muster/internal/waittest"
)

type with map[string]any

func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

func TestCheck(t *testing.T) {
	s := sitetest.New(t, exec.Actions())
	var out exec.Outcome
	for name, c := range map[string]struct {
		with with
		want func() bool
	}{
		"streams":   {with{"argv": sh("echo out; echo err >&2")}, func() bool { return out.Stdout == "out\n" && out.Stderr == "err\n" && out.ExitCode == 0 }},
		"no shell":  {with{"argv": []string{"/bin/echo", "$HOME", ";", "ls", "*"}}, func() bool { return out.Stdout == "$HOME ; ls *\n" }},
		"exit code": {with{"argv": sh("exit 3"), "expect": []int{0, 3}}, func() bool { return out.ExitCode == 3 }},
		"json":      {with{"argv": sh(`echo '{"lag": 3}'`), "parse": "json"}, func() bool { return fmt.Sprint(out.JSON) == "map[lag:3]" }},
		"lines":     {with{"argv": sh("echo a; echo b"), "parse": "lines"}, func() bool { return fmt.Sprint(out.Lines) == "[a b]" }},
		"results": {with{"argv": sh(`echo '{"lag": 3, "nodes": [{"name": "a", "up": true}, {"name": "b", "up": false}]}'`), "parse": "json",
			"results": with{"lag": "int(json.lag)", "up": "json.nodes.filter(n, n.up).map(n, n.name)", "code": "exit_code"}}, func() bool { return fmt.Sprint(out.Results) == "map[code:0 lag:3 up:[a]]" }},
		"stdin":  {with{"argv": []string{"/bin/cat"}, "stdin": "東京"}, func() bool { return out.Stdout == "東京" }},
		"dir":    {with{"argv": []string{"/bin/pwd"}, "dir": "/"}, func() bool { return out.Stdout == "/\n" }},
		"binary": {with{"argv": sh(`printf '\377\376ok'`)}, func() bool { return strings.HasSuffix(out.Stdout, "ok") }},
	} {
		out = exec.Outcome{}
		if _, err := s.Act(s.Step("exec.check", c.with), &out); err != nil || !c.want() {
			t.Errorf("%s: %+v %v", name, out, err)
		}
	}
	for _, c := range []struct {
		with  with
		kind  string
		words []string
	}{
		{with{"argv": sh("echo 'lag is 9 s' >&2; exit 2")}, plan.ErrFinding, []string{"exit code 2, not 0", "lag is 9 s"}},
		{with{"argv": sh("echo no"), "parse": "json"}, plan.ErrFinding, []string{"no JSON value"}},
		{with{"argv": sh("echo '{}'"), "parse": "json", "results": with{"lag": "int(json.lag)"}}, plan.ErrFinding, []string{"does not give the result lag", "no such key", "{}"}},
		{with{"argv": sh("kill -9 $$")}, "", []string{"killed"}},
		{with{"argv": []string{"/no/such/program"}}, "", []string{"could not be started"}},
		{with{"argv": []string{}}, "", []string{"argv names no program"}},
		{with{"argv": []string{"/bin/true"}, "dir": "/no/such/folder"}, "", []string{"could not be started"}},
	} {
		_, err := s.Act(s.Step("exec.check", c.with), nil)
		sitetest.Want(t, err, c.kind, c.words...)
	}
}

// A program gets what it was given, and not what else the worker knows.
func TestEnvironment(t *testing.T) {
	s := sitetest.New(t, exec.Actions())
	t.Setenv("MUSTER_TEST_OTHER_SECRET", "kanariya-other")
	t.Setenv("MUSTER_TEST_SECRET", "kanariya-mine")
	var out exec.Outcome
	call := s.Step("exec.run", with{"argv": sh(`[ "$PW" = kanariya-mine ] && env`), "env": with{"SIDE": "osaka"}, "secret_env": with{"PW": "secret://env/MUSTER_TEST_SECRET"}})
	if _, err := s.Act(call, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SIDE=osaka\n", "PW=***\n", "MUSTER_RUN=r1\n", "MUSTER_KIND=drill\n", "MUSTER_DEPTH=live\n", "MUSTER_EFFECT_KEY=" + call.EffectKey + "\n", "PATH="} {
		if !strings.Contains(out.Stdout, want) {
			t.Errorf("the environment has no %q:\n%s", want, out.Stdout)
		}
	}
	// dash, as which an effect's program waits, drops a name that it can't use itself.
	odd := s.Step("exec.run", with{"argv": []string{"/usr/bin/env"}, "env": with{"spring.profiles.active": "dr", "discovery-type": "x"}})
	var all exec.Outcome
	if _, err := s.Act(odd, &all); err != nil || !strings.Contains(all.Stdout, "spring.profiles.active=dr\n") || !strings.Contains(all.Stdout, "discovery-type=x\n") {
		t.Errorf("%v: names with . and - are missing from the environment:\n%s", err, all.Stdout)
	}
	if strings.Contains(out.Stdout, "kanariya") {
		t.Errorf("the environment holds another secret, or the output shows one:\n%s", out.Stdout)
	}
}

func TestRunOnce(t *testing.T) {
	s := sitetest.New(t, exec.Actions())
	file := filepath.Join(t.TempDir(), "active")
	effect := with{"argv": sh("echo osaka >> " + file), "look": []string{"/usr/bin/test", "-e", file}}
	step := s.Step("exec.run", effect)
	if seen := s.Look(step); seen.Sight != plan.HoldsNot || seen.Partial {
		t.Fatalf("before: %+v", seen)
	}
	if res, err := s.Act(step, nil); err != nil || res.Already {
		t.Fatalf("%+v %v", res, err)
	}
	if res, err := s.Act(s.Step("exec.run", effect), nil); err != nil || !res.Already {
		t.Fatalf("goal holds: %+v %v", res, err)
	}
	if b, _ := os.ReadFile(file); string(b) != "osaka\n" {
		t.Fatalf("effects: %q, want one", b)
	}

	nothing := s.Step("exec.run", with{"argv": sh("exit 0"), "look": []string{"/usr/bin/test", "-e", file + ".gone"}})
	_, err := s.Act(nothing, nil)
	sitetest.Want(t, err, plan.ErrFinding, "the goal does not hold")
	if seen := s.Settle(nothing); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Fatalf("a program that ran, and nobody knows what it did: %+v", seen)
	}
	// Its look sees the whole only: two of three changes are not nothing.
	half := s.Step("exec.run", with{"argv": sh("touch " + file + ".1 " + file + ".2; exit 3"), "look": []string{"/usr/bin/test", "-e", file + ".3"}})
	_, err = s.Act(half, nil)
	sitetest.Want(t, err, plan.ErrFinding, "exit code 3")
	if seen := s.Settle(half); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Fatalf("a program that ended half-way: %+v", seen)
	}
	if seen := s.Settle(s.Step("exec.run", effect)); !seen.Never || seen.Partial {
		t.Fatalf("an order that was lost: %+v", seen)
	}

	missing := s.Step("exec.run", with{"argv": []string{"/no/such/program"}, "look": []string{"/usr/bin/test", "-e", file + ".gone"}})
	_, err = s.Act(missing, nil)
	sitetest.Want(t, err, plan.ErrRefused, "nothing was done")
	if seen := s.Settle(missing); seen.Sight != plan.HoldsNot || seen.Partial {
		t.Fatalf("a program that could not be started, and whose answer was lost: %+v", seen)
	}

	unclear := s.Step("exec.run", with{"argv": sh("echo done >> " + file), "look": sh("echo 'no answer'; exit 2")})
	_, err = s.Act(unclear, nil)
	sitetest.Want(t, err, plan.ErrRefused, "nothing was begun", "no answer")
}

// The worker died, its program lives on: as long as it may still do its work, nothing
// is proven.
func TestProgramThatOutlivesItsWorker(t *testing.T) {
	s := sitetest.New(t, exec.Actions())
	gone := filepath.Join(t.TempDir(), "never")
	step := s.Step("exec.run", with{"argv": sh("exit 1"), "look": []string{"/usr/bin/test", "-e", gone}})
	_, err := s.Act(step, nil)
	sitetest.Want(t, err, plan.ErrFinding)

	left := osexec.Command("/bin/cat") // reads until its input ends
	in, err := left.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	left.Env = []string{"MUSTER_EFFECT_KEY=" + step.EffectKey}
	if err := left.Start(); err != nil {
		t.Fatal(err)
	}
	seen := s.Look(step)
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := left.Wait(); err != nil {
		t.Fatal(err)
	}
	if seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, strconv.Itoa(left.Process.Pid)) {
		t.Fatalf("while it runs: %+v", seen)
	}
	if seen := s.Settle(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("after its end: %+v", seen)
	}
}

// When a step is cancelled its whole process group ends, also what ignores the first
// word and what the program itself started.
func TestCancelEndsTheGroup(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "pids")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(activities.WithCall(context.Background(), plan.Call{Kind: run.Drill}))
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := exec.Command{Argv: sh(`sh -c 'trap "" TERM; echo $PPID $$ > ` + fifo + `; exec sleep 1000' & wait`), Expect: []int{0}}.Run(ctx)
		ended <- err
	}()
	b, err := os.ReadFile(fifo)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "was ended") {
		t.Fatalf("%v", err)
	}
	for _, pid := range bytes.Fields(b) {
		awaitGone(t, string(pid))
	}
}

func awaitGone(t *testing.T, pid string) {
	t.Helper()
	waittest.Eventually(t, time.Minute, func() string {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return ""
		}
		return "process " + pid + " still lives: " + string(stat)
	})
}

func TestEndlessOutput(t *testing.T) {
	s := sitetest.New(t, exec.Actions())
	var out exec.Outcome
	_, err := s.Act(s.Step("exec.check", with{"argv": sh("echo HEAD; head -c 12000000 /dev/zero | tr '\\0' x; echo TAIL")}), &out)
	if err != nil || len(out.Stdout) > 64<<10 || !strings.HasPrefix(out.Stdout, "HEAD\n") || !strings.HasSuffix(out.Stdout, "TAIL\n") {
		t.Fatalf("%d bytes, %.20q … %v", len(out.Stdout), out.Stdout, err)
	}
	// Nor does it fill the worker, before any of it is cut for the record.
	kept, err := exec.Command{Argv: sh("head -c 64000000 /dev/zero | tr '\\0' x")}.Run(activities.WithCall(t.Context(), plan.Call{Kind: run.Drill}))
	if err != nil || len(kept.Stdout) > 10<<20 {
		t.Errorf("%d bytes were kept of 64 MB: %v", len(kept.Stdout), err)
	}
}

// The program that looks runs in the step's folder, and is judged there.
func TestLookIsJudgedWhereItRuns(t *testing.T) {
	s := sitetest.New(t, exec.Actions())
	dir := t.TempDir()
	for name, script := range map[string]string{"act": "#!/bin/sh\ntouch done\n", "look": "#!/bin/sh\ntest -e done\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	asked := &reaches{}
	s.Policy = asked
	step := s.Step("exec.run", with{"argv": []string{"./act"}, "look": []string{"./look"}, "dir": dir, "env": with{"SIDE": "osaka"}})
	if ready := s.Ready(step); len(ready.Problems) > 0 {
		t.Errorf("ready: %+v", ready.Problems)
	}
	if res, err := s.Act(step, nil); err != nil || res.Already {
		t.Fatalf("%+v %v", res, err)
	}
	if want := []string{dir, filepath.Join(dir, "act"), filepath.Join(dir, "look")}; !slices.Equal(asked.last.Paths, want) || !slices.Equal(asked.last.Env, []string{"SIDE"}) {
		t.Errorf("asked about %+v, want %q and SIDE", asked.last, want)
	}
}

// reaches notes what a policy was asked about last.
type reaches struct{ last activities.Reach }

func (r *reaches) Permit(_ context.Context, a activities.Ask) error {
	if a.Reach != nil {
		r.last = *a.Reach
	}
	return nil
}
