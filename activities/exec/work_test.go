package exec_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/exec"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/sitetest"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) {
	if raw := os.Getenv("EXEC_TEST_CALL"); raw != "" {
		worker(raw)
	}
	os.Exit(m.Run())
}

// worker is a site worker that runs one program for a call, until its input ends.
func worker(raw string) {
	var call plan.Call
	var p exec.Run
	l, err := ledger.Open(os.Getenv("EXEC_TEST_LEDGER"))
	if err := errors.Join(err, json.Unmarshal([]byte(raw), &call), json.Unmarshal(call.With, &p)); err != nil {
		panic(err)
	}
	if err := l.Begin(call.EffectKey, "", 0, call.Uses); err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(activities.WithLedger(activities.WithCall(context.Background(), call), l))
	go func() {
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		cancel()
	}()
	_, err = p.Run(ctx)
	fmt.Println(err)
	os.Exit(0)
}

// another is a worker of an ordinary user whose program has become another user's, who took
// the environment away, as sudo does. Root plays such a worker as nobody, for whom setpriv is
// made what sudo is.
type another struct {
	site    *sitetest.Site
	step    plan.Call
	worker  *osexec.Cmd
	in      io.Closer // whose end cancels the step
	out     *bufio.Reader
	program int
	goOn    string // pipe that the program waits for
}

func startAsAnother(t *testing.T) *another {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-exec-") // one that another user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	a := &another{site: sitetest.New(t, exec.Actions()), goOn: filepath.Join(dir, "go-on"), worker: osexec.Command("/proc/self/exe")}
	argv := []string{"sudo", "-n"}
	if os.Geteuid() == 0 {
		argv = []string{filepath.Join(dir, "sudo"), "--reuid", "0", "--clear-groups", "env", "-i"}
		must(t, copySetuid("setpriv", argv[0])) // util-linux
		a.worker.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		files, _ := filepath.Glob(a.site.Ledger.Path() + "*")
		for at := filepath.Dir(a.site.Ledger.Path()); at != filepath.Dir(dir); at = filepath.Dir(at) {
			files = append(files, at)
		}
		for _, f := range files {
			must(t, os.Chown(f, 65534, 65534))
		}
	}
	pids := filepath.Join(dir, "pids")
	must(t, syscall.Mkfifo(pids, 0o600))
	must(t, syscall.Mkfifo(a.goOn, 0o600))
	a.step = a.site.Step("exec.run", with{"argv": append(argv, "/bin/sh", "-c", `trap "" TERM; echo $$ >"$0"; exec cat "$1"`, pids, a.goOn), "look": []string{"/bin/false"}})
	raw, err := json.Marshal(a.step)
	must(t, err)
	a.worker.Env, a.worker.Stderr = append(os.Environ(), "EXEC_TEST_CALL="+string(raw), "EXEC_TEST_LEDGER="+a.site.Ledger.Path()), os.Stderr
	a.in, err = a.worker.StdinPipe()
	must(t, err)
	out, err := a.worker.StdoutPipe()
	must(t, err)
	a.out = bufio.NewReader(out)
	must(t, a.worker.Start())
	t.Cleanup(func() {
		_ = a.worker.Process.Kill()
		_ = a.worker.Wait()
		a.release(t)
	})
	b, err := os.ReadFile(pids)
	must(t, err)
	a.program, err = strconv.Atoi(strings.TrimSpace(string(b)))
	must(t, err)
	return a
}

// release lets the program end, which may not have come to where it waits for that.
func (a *another) release(t *testing.T) {
	t.Helper()
	waittest.Eventually(t, time.Minute, func() string {
		f, err := os.OpenFile(a.goOn, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			f.Close()
			return ""
		}
		if stat, ok := proc.Read(a.program); !ok || stat.Ended() {
			return ""
		}
		return err.Error()
	})
}

func copySetuid(program, to string) error {
	from, err := osexec.LookPath(program)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(from)
	return errors.Join(err, os.WriteFile(to, b, 0o755), os.Chmod(to, 0o755|os.ModeSetuid))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The worker died while its program ran as another user, whose environment it may not read:
// to try again would run it twice.
func TestAProgramThatBecameAnotherUsersIsSeenAtWork(t *testing.T) {
	a := startAsAnother(t)
	must(t, a.worker.Process.Kill())
	_ = a.worker.Wait()
	if seen := a.site.Look(a.step); seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "still runs, as process") {
		t.Errorf("while it runs: %+v", seen)
	}
	if seen := a.site.Look(sitetest.Generation(a.step, 2)); seen.Sight != plan.HoldsNot {
		t.Errorf("of another try, after somebody said that this one did nothing: %+v", seen)
	}
	a.release(t)
	awaitGone(t, strconv.Itoa(a.program))
	if seen := a.site.Settle(a.step); seen.Sight != plan.HoldsNot {
		t.Errorf("after its end: %+v", seen)
	}
}

// A worker can't end what runs as another user: it says so, and does not wait for ever.
func TestAProgramThatCannotBeEndedIsTold(t *testing.T) {
	a := startAsAnother(t)
	must(t, a.in.Close())
	said, err := a.out.ReadString('\n')
	stat, lives := proc.Read(a.program)
	lives = lives && !stat.Ended() // a sudo that has a terminal of its own (use_pty) ends its program
	if err != nil || strings.Contains(said, "runs on, as process") != lives || !lives && os.Geteuid() == 0 {
		t.Errorf("cancelled: %q %v, and it lives: %v", said, err, lives)
	}
}

// The worker ended between its word that it would start a program and the word which one.
func TestAProgramThatMayHaveJustBeenStarted(t *testing.T) {
	s := sitetest.New(t, exec.Actions())
	step := s.Step("exec.run", with{"argv": []string{"/bin/true"}, "look": []string{"/bin/false"}})
	kept := func(process string) {
		must(t, s.Ledger.Note(filepath.Dir(step.EffectKey), fmt.Sprintf(`{"effect": %q, "process": %q}`, step.EffectKey, process)))
	}
	kept(proc.Identity(os.Getpid()))
	if seen := s.Look(step); seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "just as it started the program") {
		t.Errorf("%+v", seen)
	}
	_, space, start := proc.CutIdentity(proc.Identity(os.Getpid()))
	kept("before/" + space + "/" + start)
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Errorf("after a restart of the machine: %+v", seen)
	}
}
