package process_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities/process"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sitetest"
	"github.com/muster-dr/muster/internal/waittest"
)

type with map[string]any

// TestMain lets the test binary be the programs that are started: as "listen ADDRESS" a
// small server, as "worker FILE" a site worker that starts a program and dies at once.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "listen":
			l, err := net.Listen("tcp", os.Args[2])
			if err != nil {
				fmt.Println("cannot listen:", err)
				os.Exit(1)
			}
			fmt.Println("listening")
			for {
				c, err := l.Accept()
				if err != nil {
					os.Exit(1)
				}
				_ = c.Close()
			}
		case "worker":
			worker(os.Args[2])
		}
	}
	os.Exit(m.Run())
}

// worker starts a program as the action does, and is killed in the middle of it.
func worker(spec string) {
	var target process.Program
	if err := json.Unmarshal([]byte(spec), &target); err != nil {
		panic(err)
	}
	go func() {
		for range time.Tick(time.Millisecond) {
			if _, err := os.Stat(filepath.Join(target.State, "app.json")); err == nil {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			}
		}
	}()
	t := process.Target{Name: "app", Spec: target}
	_, _ = process.Begin(context.Background(), process.Start{Process: t, Steady: run.Duration(time.Hour), Within: run.Duration(time.Hour)})
}

func site(t *testing.T, spec process.Program) *sitetest.Site {
	t.Helper()
	if spec.State == "" {
		spec.State = t.TempDir()
	}
	s := sitetest.New(t, process.Actions())
	s.Targets = append(s.Targets, sitetest.Target(t, "app", "process", spec))
	t.Cleanup(func() {
		if _, err := s.Act(s.Step("process.kill", with{"process": "app"}), nil); err != nil {
			t.Log(err) // some targets are wrong on purpose
		}
	})
	return s
}

func freeAddress(t *testing.T) string {
	t.Helper()
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

func self(t *testing.T) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return exe
}

func TestStartStop(t *testing.T) {
	address := freeAddress(t)
	s := site(t, process.Program{Argv: []string{self(t), "listen", address}})
	starting := with{"process": "app", "listen": address, "steady": "50ms"}
	step := s.Step("process.start", starting)
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("before: %+v", seen)
	}
	var up process.Started
	if res, err := s.Act(step, &up); err != nil || res.Already || up.PID == 0 || up.Executable != self(t) {
		t.Fatalf("%+v %+v %v", res, up, err)
	}
	waittest.Eventually(t, time.Minute, func() string {
		b, _ := os.ReadFile(up.Log)
		return map[bool]string{false: fmt.Sprintf("log: %q", b)}[string(b) == "listening\n"]
	})
	var again process.Started
	if res, err := s.Act(s.Step("process.start", starting), &again); err != nil || !res.Already || again.PID != up.PID {
		t.Fatalf("again: %+v %+v %v", res, again, err)
	}
	if seen := s.Settle(step); seen.Sight != plan.Holds {
		t.Fatalf("lost answer: %+v", seen)
	}
	var at process.Shown
	if _, err := s.Act(s.Step("process.wait", with{"process": "app", "state": "running", "listen": address}), &at); err != nil || at.PID != up.PID || at.AgeS > 60 {
		t.Fatalf("%+v %v", at, err)
	}
	_, err := s.Act(s.Step("process.wait", with{"process": "app", "state": "ended", "within": "10ms"}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "still runs as process")

	ending := s.Step("process.stop", with{"process": "app"})
	var down process.Ended
	if res, err := s.Act(ending, &down); err != nil || res.Already || down.Forced || down.PID != up.PID {
		t.Fatalf("%+v %+v %v", res, down, err)
	}
	if res, err := s.Act(s.Step("process.stop", with{"process": "app"}), nil); err != nil || !res.Already {
		t.Fatalf("stop again: %+v %v", res, err)
	}
	if seen := s.Settle(ending); seen.Sight != plan.Holds {
		t.Fatalf("lost answer of the stop: %+v", seen)
	}
	if _, err := s.Act(s.Step("process.status", with{"process": "app"}), &at); err != nil || at.Running || at.PID != 0 {
		t.Fatalf("%+v %v", at, err)
	}
	_, err = s.Act(s.Step("process.wait", with{"process": "app", "state": "running", "within": "10ms"}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "does not run")
}

func TestWhatDoesNotComeUp(t *testing.T) {
	for name, c := range map[string]struct {
		spec  process.Program
		with  with
		kind  string
		words []string
	}{
		"ends":      {process.Program{Argv: sh("echo the licence has run out >&2; exit 3")}, with{"steady": "1m", "within": "2m"}, plan.ErrFinding, []string{"right after its start", "exit status 3", "the licence has run out"}},
		"deaf":      {process.Program{Argv: sh("echo warming up; exec sleep 1000")}, with{"listen": freeAddress(t), "steady": "20ms", "within": "5s"}, plan.ErrFinding, []string{"not up within", "does not accept", "warming up"}},
		"missing":   {process.Program{Argv: []string{"/no/such/program"}}, with{}, plan.ErrRefused, []string{"nothing was started"}},
		"relative":  {process.Program{Argv: []string{"sleep", "1"}}, with{}, plan.ErrRefused, []string{"absolute path"}},
		"no argv":   {process.Program{}, with{}, plan.ErrRefused, []string{"has no argv"}},
		"pid alone": {process.Program{Argv: sh("exit"), PIDFile: "/run/app.pid"}, with{}, plan.ErrRefused, []string{"a pid file proves nothing by itself"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := site(t, c.spec)
			c.with["process"] = "app"
			_, err := s.Act(s.Step("process.start", c.with), nil)
			sitetest.Want(t, err, c.kind, c.words...)
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := site(t, process.Program{Argv: sh("exec sleep 1000")})
	_, err = s.Act(s.Step("process.start", with{"process": "app", "listen": l.Addr().String()}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "something else accepts connections")
}

// What a program started ends with it, also what ignores the word and what was orphaned.
func TestStopTakesAllOfIt(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "up")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	s := site(t, process.Program{Argv: sh(`sh -c 'sleep 1000 &'; (trap '' TERM; echo up > ` + fifo + `; sleep 1000; sleep 1000) & wait`)})
	var up process.Started
	if _, err := s.Act(s.Step("process.start", with{"process": "app", "steady": "50ms"}), &up); err != nil {
		t.Fatal(err)
	}
	if _, err := os.ReadFile(fifo); err != nil { // its trap holds
		t.Fatal(err)
	}
	_, err := s.Act(s.Step("process.stop", with{"process": "app", "grace": "200ms", "force": false}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "has not after 0.20 s")
	if seen := s.Look(s.Step("process.stop", with{"process": "app"})); seen.Sight != plan.HoldsNot {
		t.Fatalf("with children left: %+v", seen)
	}
	var down process.Ended
	if _, err := s.Act(s.Step("process.kill", with{"process": "app"}), &down); err != nil || !down.Forced || down.Processes == 0 {
		t.Fatalf("%+v %v", down, err)
	}
	for _, pid := range session(t, up.PID) {
		t.Errorf("process %d is left", pid)
	}
}

func session(t *testing.T, id int) (left []int) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		if fields[3] == strconv.Itoa(id) && fields[0] != "Z" {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(f)))
			left = append(left, pid)
		}
	}
	return left
}

// other is a process that has nothing to do with us, and must never be touched.
func other(t *testing.T) *osexec.Cmd {
	t.Helper()
	cmd := osexec.Command("/bin/sleep", "1000")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
			t.Errorf("an innocent process was ended: %v", err)
		}
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// A pid file outlives its process, and its number goes to another: nobody is ended for
// having a number.
func TestStalePIDFile(t *testing.T) {
	innocent := other(t)
	sleep, err := filepath.EvalSymlinks("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spec process.Program
		age  time.Duration
		want string
	}{
		"another program": {process.Program{Executable: "/bin/cat"}, 0, "another program"},
		"a later process": {process.Program{Executable: sleep}, time.Hour, "after it was written"},
		"other words":     {process.Program{Executable: sleep, Words: []string{"4711"}}, 0, "does not hold"},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "app.pid")
			if err := os.WriteFile(file, []byte(fmt.Sprintln(innocent.Process.Pid)), 0o600); err != nil {
				t.Fatal(err)
			}
			when := time.Now().Add(-c.age)
			if err := os.Chtimes(file, when, when); err != nil {
				t.Fatal(err)
			}
			c.spec.PIDFile = file
			s := site(t, c.spec)
			var at process.Shown
			if _, err := s.Act(s.Step("process.status", with{"process": "app"}), &at); err != nil || at.PID != 0 || !strings.Contains(at.Detail, c.want) {
				t.Fatalf("%+v %v", at, err)
			}
			if res, err := s.Act(s.Step("process.kill", with{"process": "app"}), nil); err != nil || !res.Already {
				t.Fatalf("%+v %v", res, err)
			}
		})
	}
	file := filepath.Join(t.TempDir(), "garbage.pid")
	if err := os.WriteFile(file, []byte("all of them\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := site(t, process.Program{PIDFile: file, Executable: sleep})
	_, err = s.Act(s.Step("process.kill", with{"process": "app"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "no process number")
}

// As under the shipped units (ProtectProc=invisible), /proc shows the worker nothing of another user's program: that is no
// proof that it has ended, and nothing is told to be gone or started a second time. The test's own program, run once more
// with such a /proc, is the worker.
func TestOneThatMayNotBeSeenIsNotGone(t *testing.T) {
	const asked = "PROCESS_TEST_HIDDEN"
	sleep, err := filepath.EvalSymlinks("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	if pid := os.Getenv(asked); pid != "" {
		for _, err := range []error{syscall.Mount("proc", "/proc", "proc", 0, "hidepid=2"), syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)} {
			if err != nil {
				t.Fatal("hide processes:", err)
			}
		}
		file := filepath.Join(t.TempDir(), "app.pid")
		if err := os.WriteFile(file, []byte(pid+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := site(t, process.Program{Argv: []string{sleep, "1000"}, PIDFile: file, Executable: sleep})
		for uses, p := range map[string]with{"process.stop": nil, "process.kill": nil, "process.start": nil, "process.status": nil, "process.wait": {"state": "ended", "within": "1ms"}} {
			if p == nil {
				p = with{}
			}
			p["process"] = "app"
			_, err := s.Act(s.Step(uses, p), nil)
			if err == nil || !strings.Contains(err.Error(), "process "+pid+" is there") || !strings.Contains(err.Error(), "プロセス "+pid+" は存在する") {
				t.Errorf("%s: %v, want that it may not be seen", uses, err)
			}
		}
		s = site(t, process.Program{Argv: []string{sleep, "1000"}, State: filepath.Join(filepath.Dir(os.Args[0]), "processes")}) // root's
		if said := fmt.Sprint(s.Ready(s.Step("process.start", with{"process": "app"}))); !strings.Contains(said, "permission denied") || !strings.Contains(said, "state に指定してください") {
			t.Errorf("with a state folder that may not be made: %s", said)
		}
		s = site(t, process.Program{Argv: []string{sleep, "1000"}, State: filepath.Join(t.TempDir(), "not", "there")})
		if out := s.Ready(s.Step("process.start", with{"process": "app"})); len(out.Problems) > 0 {
			t.Errorf("with one that is made: %+v", out)
		}
		return
	}
	dir, err := os.MkdirTemp("", "muster-process-") // one that another user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	exe, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "worker")
	if err := os.WriteFile(program, exe, 0o755); err != nil {
		t.Fatal(err)
	}
	// Its mounts are its own: nothing of the machine's /proc changes.
	argv := []string{"env", fmt.Sprintf("%s=%d", asked, other(t).Process.Pid), "unshare", "--mount", "--propagation", "private", program, "-test.run=^" + t.Name() + "$", "-test.v"}
	if os.Geteuid() != 0 {
		argv = append([]string{"sudo", "-n"}, argv...)
	}
	if said, err := osexec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil || !strings.Contains(string(said), "--- PASS") {
		t.Errorf("%v\n%s", err, said)
	}
}

// A state folder that two machines share says nothing of the other's processes.
func TestNoteOfAnotherMachine(t *testing.T) {
	state := t.TempDir()
	s := site(t, process.Program{Argv: sh("exec sleep 1000"), State: state})
	note := `{"pid": 4711, "process": "another-boot/pid:[1]/5", "executable": "/bin/sleep", "machine": "id/another-host"}`
	if err := os.WriteFile(filepath.Join(state, "app.json"), []byte(note), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, uses := range []string{"process.status", "process.start"} {
		if _, err := s.Act(s.Step(uses, with{"process": "app"}), nil); err == nil || !strings.Contains(err.Error(), "another machine (id/another-host)") {
			t.Errorf("%s: %v, want that it can't be told", uses, err)
		}
	}
}

// The note of a process outlives it too.
func TestStaleNote(t *testing.T) {
	state := t.TempDir()
	s := site(t, process.Program{Argv: sh("exec sleep 1000"), State: state})
	if _, err := s.Act(s.Step("process.start", with{"process": "app", "steady": "20ms"}), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Act(s.Step("process.kill", with{"process": "app"}), nil); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(state, "app.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var n map[string]any
	if err := json.Unmarshal(b, &n); err != nil {
		t.Fatal(err)
	}
	innocent := other(t)
	for proc.Identity(innocent.Process.Pid) == n["process"] { // begun within the same tick of the kernel's clock
		innocent = other(t)
	}
	n["pid"] = innocent.Process.Pid
	if b, err = json.Marshal(n); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	var at process.Shown
	if _, err := s.Act(s.Step("process.status", with{"process": "app"}), &at); err != nil || at.PID != 0 || !strings.Contains(at.Detail, "same number") {
		t.Fatalf("%+v %v", at, err)
	}
	if res, err := s.Act(s.Step("process.kill", with{"process": "app"}), nil); err != nil || !res.Already {
		t.Fatalf("%+v %v", res, err)
	}
}

// A daemon that puts itself into the background is known by the pid file it writes.
func TestDaemon(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "app.pid")
	sleep, err := filepath.EvalSymlinks("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	s := site(t, process.Program{Argv: sh("setsid sleep 1000 & echo $! > " + file), PIDFile: file, Executable: sleep, Words: []string{"1000"}})
	var up process.Started
	if _, err := s.Act(s.Step("process.start", with{"process": "app", "steady": "20ms"}), &up); err != nil {
		t.Fatal(err)
	}
	var down process.Ended
	if _, err := s.Act(s.Step("process.stop", with{"process": "app"}), &down); err != nil || down.PID != up.PID {
		t.Fatalf("%+v %+v %v", up, down, err)
	}
}

// A frozen program is not up, and can be killed.
func TestFrozen(t *testing.T) {
	s := site(t, process.Program{Argv: sh("exec sleep 1000")})
	var up process.Started
	if _, err := s.Act(s.Step("process.start", with{"process": "app", "steady": "20ms"}), &up); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(up.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	var at process.Shown
	waittest.Eventually(t, time.Minute, func() string {
		if _, err := s.Act(s.Step("process.status", with{"process": "app"}), &at); err != nil {
			t.Fatal(err)
		}
		return map[bool]string{false: "it is stopped, and not seen to be frozen"}[at.Frozen]
	})
	if at.Running {
		t.Fatalf("%+v", at)
	}
	_, err := s.Act(s.Step("process.start", with{"process": "app"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "a signal has stopped it")
	if _, err := s.Act(s.Step("process.stop", with{"process": "app", "grace": "50ms"}), nil); err != nil {
		t.Fatal(err)
	}
}

// The worker that started a program is killed; the program lives on, is known to the next
// worker, and is not started twice. The same when not even the note was written.
func TestOutlivesItsWorker(t *testing.T) {
	spec := process.Program{Argv: sh("exec sleep 1000"), State: t.TempDir()}
	s := site(t, spec)
	b, err := json.Marshal(map[string]any{"argv": spec.Argv, "state": spec.State})
	if err != nil {
		t.Fatal(err)
	}
	worker := osexec.Command(self(t), "worker", string(b))
	worker.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := worker.Run(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatalf("the worker ended with %v", err)
	}
	_ = syscall.Kill(-worker.Process.Pid, syscall.SIGKILL) // its whole group, as a service manager would
	step := s.Step("process.start", with{"process": "app"})
	var up process.Started
	if res, err := s.Act(step, &up); err != nil || !res.Already {
		t.Fatalf("%+v %v", res, err)
	}
	if err := os.Remove(filepath.Join(spec.State, "app.json")); err != nil {
		t.Fatal(err)
	}
	var at process.Started
	if res, err := s.Act(s.Step("process.start", with{"process": "app"}), &at); err != nil || !res.Already || at.PID != up.PID {
		t.Fatalf("without its note: %+v %+v %v", res, at, err)
	}
}

func TestNeverItself(t *testing.T) {
	file := filepath.Join(t.TempDir(), "worker.pid")
	if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sitetest.New(t, process.Actions())
	s.Targets = append(s.Targets, sitetest.Target(t, "app", "process", process.Program{PIDFile: file, Executable: self(t)}))
	_, err := s.Act(s.Step("process.kill", with{"process": "app"}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "can't be ended from here")
}
