package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sitetest"
	"github.com/muster-dr/muster/internal/sshtest"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

func host(s *sshtest.Server) Target {
	return Target{Name: "app1", Spec: Host{Host: "127.0.0.1", Port: s.Port, User: s.User, HostKey: s.HostKey, Key: activities.NewSecret(s.Key), Within: run.Duration(time.Minute)}}
}

func kind(err error) string {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

func TestAProgramRunsWithItsArgumentsAsTheyAre(t *testing.T) {
	h := host(sshtest.Start(t))
	ctx := activities.WithCall(t.Context(), plan.Call{Run: "r1", Step: "s", EffectKey: "r1/w/s/1"})
	mark := filepath.Join(t.TempDir(), "it's \"here\" $HOME;")
	p := Run{Argv: []string{"sh", "-c", `printf '{"key": "%s", "in": "%s"}' "$MUSTER_EFFECT_KEY" "$(cat)"; touch "$1"`, "sh", mark},
		Command: Command{Host: h, Stdin: "hello", Expect: []int{0}, Parse: "json"}, Look: []string{"test", "-e", mark}}
	if seen, err := look(ctx, p); err != nil || seen.Sight != plan.Sight("holds_not") {
		t.Errorf("before: %+v %v", seen, err)
	}
	out, err := execute(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := out.JSON.(map[string]any); !ok || v["key"] != "r1/w/s/1" || v["in"] != "hello" {
		t.Errorf("output %+v", out)
	}
	if _, err := os.Stat(mark); err != nil {
		t.Error(err)
	}
	if seen, err := look(ctx, p); err != nil || seen.Sight != plan.Holds {
		t.Errorf("after: %+v %v", seen, err)
	}

	c := Check{Argv: []string{"sh", "-c", "echo no >&2; exit 3"}, Command: Command{Host: h, Expect: []int{0}}}
	if _, err := check(ctx, c); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "exit code 3, not 0: no") {
		t.Errorf("a wrong exit code: %v", err)
	}
	if _, err := check(ctx, Check{Command: Command{Host: h}}); err != nil {
		t.Errorf("a mere login: %v", err)
	}
	p.Look = []string{"test", "-e", "/no/such"}
	if _, err := execute(ctx, p); kind(err) != plan.ErrFinding {
		t.Errorf("a program that lies about its success: %v", err)
	}

	// What a program did that did not reach its goal nobody knows: it is not nothing.
	s := sitetest.New(t, Actions())
	t.Setenv("MUSTER_TEST_SSH", h.Spec.Key.Reveal())
	s.Targets = []plan.Target{sitetest.Target(t, "app1", "ssh", map[string]any{"host": h.Spec.Host, "port": h.Spec.Port, "user": h.Spec.User,
		"host_key": h.Spec.HostKey, "key": "secret://env/MUSTER_TEST_SSH", "connect_timeout": "1m"})}
	half := s.Step("ssh.run", map[string]any{"host": "app1", "argv": []string{"sh", "-c", "exit 3"}, "look": []string{"test", "-e", "/no/such"}})
	_, err = s.Act(half, nil)
	sitetest.Want(t, err, plan.ErrFinding, "exit code 3")
	if seen := s.Settle(half); seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("settled: %+v", seen)
	}
}

func TestEndlessOutputDoesNotFillTheWorker(t *testing.T) {
	h := host(sshtest.Start(t))
	out, err := check(t.Context(), Check{Argv: []string{"sh", "-c", "head -c 40000000 /dev/zero | tr '\\0' x; echo; echo end"}, Command: Command{Host: h, Expect: []int{0}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Stdout) > 10<<20 || out.LastLine() != "end" || !strings.Contains(out.Stdout, "bytes were not kept") {
		t.Errorf("%d bytes kept, the last line is %.20q", len(out.Stdout), out.LastLine())
	}
}

func TestAStrangersHostKeyIsRefused(t *testing.T) {
	s, other := sshtest.Start(t), sshtest.Start(t)
	h := host(s)
	h.Spec.HostKey = other.HostKey
	_, err := check(t.Context(), Check{Command: Command{Host: h}})
	if kind(err) != plan.ErrRefused || !strings.Contains(err.Error(), "SHA256:") || !strings.Contains(err.Error(), "made anew") {
		t.Errorf("another host key: %v", err)
	}
	h = host(s)
	h.Spec.Key = activities.NewSecret(other.Key)
	if _, err := check(t.Context(), Check{Command: Command{Host: h}}); kind(err) != plan.ErrRefused || !strings.Contains(err.Error(), "authorized_keys") {
		t.Errorf("a key that is not allowed: %v", err)
	}
	h.Spec.Key = activities.NewSecret("rubbish")
	if _, err := check(t.Context(), Check{Command: Command{Host: h}}); kind(err) != plan.ErrRefused {
		t.Errorf("rubbish for a key: %v", err)
	}
	h.Spec.Key = activities.Secret{}
	t.Setenv("SSH_AUTH_SOCK", "")
	if _, err := check(t.Context(), Check{Command: Command{Host: h}}); kind(err) != plan.ErrRefused || !strings.Contains(err.Error(), "agent") {
		t.Errorf("neither key nor agent: %v", err)
	}
}

// A host that accepts TCP and never says a word holds nobody up.
func TestAHalfDeadHostIsGivenUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	h := host(&sshtest.Server{Port: l.Addr().(*net.TCPAddr).Port, User: "x", HostKey: sshtest.Start(t).HostKey, Key: sshtest.Start(t).Key})
	h.Spec.Within = run.Duration(2040 * time.Millisecond)
	given := make(chan error, 1)
	go func() {
		_, err := execute(t.Context(), Run{Argv: []string{"true"}, Command: Command{Host: h}})
		given <- err
	}()
	select {
	case err = <-given:
	case <-time.After(time.Minute):
		t.Fatal("a silent host, which is given 2.04 s, is still waited for after a minute")
	}
	if kind(err) != plan.ErrRefused || !strings.Contains(err.Error(), "nothing was done") || !strings.Contains(err.Error(), "does not let us in within 2.04 s") || !strings.Contains(err.Error(), "2.04秒以内にログインできなかった") {
		t.Errorf("a silent host: %v", err)
	}
}

func TestACancelledStepEndsTheProgram(t *testing.T) {
	h := host(sshtest.Start(t))
	pidFile := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			if b, err := os.ReadFile(pidFile); err == nil && strings.HasSuffix(string(b), "\n") || ctx.Err() != nil {
				cancel()
				return
			}
		}
	}()
	// It took its environment away, as sudo does.
	_, err := execute(ctx, Run{Argv: []string{"env", "-i", "sh", "-c", "echo $$ >" + pidFile + "; exec sleep 600"}, Command: Command{Host: h}})
	if !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), "runs on") {
		t.Errorf("cancelled: %v", err)
	}
	gone(t, pidFile)
}

// The line goes down in the middle: the program goes on, and a look says so instead of
// guessing.
func TestALostConnectionLeavesTheProgramAtWorkAndSaysSo(t *testing.T) {
	s := sshtest.Start(t)
	h := host(s)
	dir := t.TempDir()
	ctx := activities.WithCall(t.Context(), plan.Call{Run: "r1", Step: "s", EffectKey: fmt.Sprintf("r1/w/s/%d", os.Getpid())})
	p := Run{Argv: []string{"sh", "-c", `trap "" HUP; echo $$ >` + dir + `/pid; while test ! -e ` + dir + `/go; do sleep 0.05; done; touch ` + dir + `/done`},
		Command: Command{Host: h, Expect: []int{0}}, Look: []string{"test", "-e", dir + "/done"}}
	ended := make(chan error, 1)
	go func() {
		_, err := execute(ctx, p)
		ended <- err
	}()
	waittest.Eventually(t, 2*time.Minute, func() string {
		b, _ := os.ReadFile(dir + "/pid")
		return map[bool]string{false: "the program has not written its number"}[strings.HasSuffix(string(b), "\n")]
	})
	for _, pid := range s.Sessions(t) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := <-ended; err == nil || kind(err) != "" {
		t.Errorf("a lost connection must be neither success nor a proven refusal: %v", err)
	}
	seen, err := look(ctx, p)
	if err != nil || seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "still runs on app1") {
		t.Errorf("while it runs: %+v %v", seen, err)
	}
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone(t, dir+"/pid")
	if seen, err := look(ctx, p); err != nil || seen.Sight != plan.Holds {
		t.Errorf("after its end: %+v %v", seen, err)
	}
}

// A login shell such as csh lets no quoted text go over several lines, and looks into it for
// "!"; fish takes a backslash out of it.
func TestWhatIsSentSuitsEveryLoginShell(t *testing.T) {
	for _, script := range []string{gate, find, kill} {
		if strings.ContainsAny(script, "\n!\\'") {
			t.Errorf("%s", script)
		}
	}
}

// As above, of a program that took its environment away, as sudo does.
func TestAProgramWithoutItsEnvironmentIsSeenAtWork(t *testing.T) {
	s := sshtest.Start(t)
	h := host(s)
	dir := t.TempDir()
	l, err := ledger.Open(filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx := activities.WithLedger(activities.WithCall(t.Context(), plan.Call{Run: "r1", Step: "s", EffectKey: "r1/w/s/1"}), l)
	p := Run{Argv: []string{"env", "-i", "sh", "-c", `trap "" HUP; echo $$ >` + dir + `/pid; while test ! -e ` + dir + `/go; do sleep 0.05; done`},
		Command: Command{Host: h, Expect: []int{0}}, Look: []string{"test", "-e", dir + "/done"}}
	if seen, err := look(ctx, p); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("before: %+v %v", seen, err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := execute(ctx, p)
		ended <- err
	}()
	waittest.Eventually(t, 2*time.Minute, func() string {
		b, _ := os.ReadFile(dir + "/pid")
		return map[bool]string{false: "the program has not written its number"}[strings.HasSuffix(string(b), "\n")]
	})
	for _, pid := range s.Sessions(t) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err := <-ended; err == nil || kind(err) != "" {
		t.Errorf("a lost connection must be neither success nor a proven refusal: %v", err)
	}
	if seen, err := look(ctx, p); err != nil || seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "still runs on app1") {
		t.Errorf("while it runs: %+v %v", seen, err)
	}
	if err := os.WriteFile(dir+"/go", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone(t, dir+"/pid")
	if seen, err := look(ctx, p); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("after its end: %+v %v", seen, err)
	}
}

// gone waits until the process of a pid file is no more.
func gone(t *testing.T, file string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid := strings.TrimSpace(string(b))
	waittest.Eventually(t, 2*time.Minute, func() string {
		if stat, err := os.ReadFile("/proc/" + pid + "/stat"); err == nil && !strings.Contains(string(stat), ") Z ") {
			return "process " + pid + " still runs"
		}
		return ""
	})
}

func TestAFileArrivesWholeOrNotAtAll(t *testing.T) {
	h := host(sshtest.Start(t))
	dir := t.TempDir()
	p := Copy{Host: h, Text: strings.Repeat("orders\n", 10000), To: filepath.Join(dir, "orders.conf"), Mode: "0640"}
	if seen, err := lookCopied(t.Context(), p); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("before: %+v %v", seen, err)
	}
	out, err := upload(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(p.To)
	st, _ := os.Stat(p.To)
	if err != nil || string(b) != p.Text || out.Bytes != int64(len(b)) || st.Mode().Perm() != 0o640 {
		t.Errorf("%+v %v %v", out, st.Mode(), err)
	}
	if seen, err := lookCopied(t.Context(), p); err != nil || seen.Sight != plan.Holds || seen.Output.(Copied) != out {
		t.Errorf("after: %+v %v", seen, err)
	}
	p.Mode = "0600"
	if seen, err := lookCopied(t.Context(), p); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("with other permissions: %+v %v", seen, err)
	}
	p.To = filepath.Join(dir, "none", "x")
	if _, err := upload(t.Context(), p); err == nil {
		t.Error("into a folder that is not there")
	}
	p.To = "relative"
	if _, err := upload(t.Context(), p); kind(err) != plan.ErrRefused {
		t.Errorf("a relative path: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.muster-part"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
