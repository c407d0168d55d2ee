package ledger

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
)

// TestMain lets the test binary play a worker that begins an effect and is then
// killed, frozen or left alone by the test.
func TestMain(m *testing.M) {
	if path := os.Getenv("LEDGER_CHILD"); path != "" {
		l, err := Open(path)
		if err == nil {
			err = l.Begin("run/run/step/1", "orders", 7, "sim.step")
		}
		fmt.Println("begun:", err)
		if os.Getenv("LEDGER_THEN") == "stop" {
			runtime.LockOSThread() // of a process that is told to stop, other threads may go on for a moment
			_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP)
		}
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
	os.Exit(m.Run())
}

func open(t *testing.T) (*Ledger, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "effects ?#%.db")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, path
}

func status(t *testing.T, l *Ledger, key string) Entry {
	t.Helper()
	e, err := l.Status(key)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestKeyBeginsOnce(t *testing.T) {
	l, path := open(t)
	if err := l.Begin("k", "orders", 3, "postgres.promote"); err != nil {
		t.Fatal(err)
	}
	if err := l.Begin("k", "orders", 3, "postgres.promote"); !errors.Is(err, ErrBegun) {
		t.Fatalf("second begin: %v, want ErrBegun", err)
	}
	if e := status(t, l, "k"); e.State != Begun || e.Life != Running || e.Owner.PID != os.Getpid() {
		t.Fatalf("in flight: %+v", e)
	}
	if err := l.End("k", "passed", "d1"); err != nil {
		t.Fatal(err)
	}
	if e := status(t, l, "k"); e.State != Ended || e.Outcome != "passed" || e.Digest != "d1" || e.EndedAt.Before(e.At) {
		t.Fatalf("ended: %+v", e)
	}
	if err := l.Begin("k", "orders", 3, "postgres.promote"); !errors.Is(err, ErrBegun) {
		t.Fatalf("begin after the end: %v, want ErrBegun", err)
	}
	if err := l.End("k", "passed", ""); err == nil {
		t.Fatal("an effect ended twice")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("ledger's mode %v %v, want 0600", info.Mode(), err)
	}
}

func TestVoidIsForEver(t *testing.T) {
	l, path := open(t)
	if e, err := l.Void("k"); err != nil || e.State != Voided {
		t.Fatalf("void: %+v %v", e, err)
	}
	if e, err := l.Void("k"); err != nil || e.State != Voided {
		t.Fatalf("void again: %+v %v", e, err)
	}
	if err := l.Begin("k", "orders", 9, "sim.step"); !errors.Is(err, ErrVoided) {
		t.Fatalf("begin: %v, want ErrVoided", err)
	}
	again, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := again.Begin("k", "orders", 9, "sim.step"); !errors.Is(err, ErrVoided) {
		t.Fatalf("begin after reopening: %v, want ErrVoided", err)
	}
	// A refused attempt must not raise the fence.
	if err := again.Begin("k2", "orders", 1, "sim.step"); err != nil {
		t.Fatal(err)
	}
	if e, err := again.Void("k2"); err != nil || e.State != Begun {
		t.Fatalf("void of a begun effect: %+v %v", e, err)
	}
	if e := status(t, l, "k2"); e.Life != Running {
		t.Fatalf("in flight through another handle of this process: %+v", e)
	}
}

func TestStaleTokenIsRefused(t *testing.T) {
	l, _ := open(t)
	for _, c := range []struct {
		key, system string
		token       int64
		want        error
	}{
		{"a", "orders", 5, nil},
		{"b", "orders", 5, nil},
		{"c", "orders", 4, ErrStale},
		{"d", "billing", 1, nil},
		{"e", "orders", 6, nil},
		{"f", "orders", 5, ErrStale},
		{"g", "", 0, nil},
	} {
		if err := l.Begin(c.key, c.system, c.token, "sim.step"); !errors.Is(err, c.want) || (err != nil) != (c.want != nil) {
			t.Errorf("begin %s on %q with token %d: %v, want %v", c.key, c.system, c.token, err, c.want)
		}
	}
	if e := status(t, l, "c"); e.State != None {
		t.Errorf("a refused effect was entered: %+v", e)
	}
}

// Whatever is called in whatever order: a key begins at most once, and never after
// it was voided.
func TestOrderOfCalls(t *testing.T) {
	l, _ := open(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		begun, voided := map[string]int{}, map[string]bool{}
		for _, op := range rapid.SliceOfN(rapid.SampledFrom([]string{"begin a", "begin b", "void a", "void b", "end a", "end b"}), 1, 12).Draw(t, "ops") {
			verb, name, _ := strings.Cut(op, " ")
			key := fmt.Sprintf("%d/%s", n, name)
			switch verb {
			case "begin":
				if l.Begin(key, "", 0, "x") == nil {
					begun[key]++
					if voided[key] {
						t.Fatalf("%s began after it was voided", key)
					}
				}
			case "void":
				e, err := l.Void(key)
				if err != nil {
					t.Fatal(err)
				}
				if voided[key] = e.State == Voided; voided[key] == (begun[key] > 0) {
					t.Fatalf("void of %s: %s, begun %d times", key, e.State, begun[key])
				}
			case "end":
				if err := l.End(key, "passed", ""); err == nil && begun[key] == 0 {
					t.Fatalf("%s ended without a begin", key)
				}
			}
		}
		for key, times := range begun {
			if times > 1 {
				t.Fatalf("%s began %d times", key, times)
			}
		}
	})
}

func TestParallelBeginsHaveOneWinner(t *testing.T) {
	l, path := open(t)
	other, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	var wg sync.WaitGroup
	results := make([]error, 20)
	for i := range results {
		wg.Go(func() { results[i] = []*Ledger{l, other}[i%2].Begin("k", "orders", 1, "sim.step") })
	}
	wg.Wait()
	won := 0
	for _, err := range results {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, ErrBegun):
			t.Error(err)
		}
	}
	if won != 1 {
		t.Fatalf("%d attempts began, want 1", won)
	}
	if e := status(t, l, "k"); e.Life != Running {
		t.Fatalf("the losers took the winner's mark away: %+v", e)
	}
}

// worker starts a child that begins run/run/step/1 and then stops or kills itself.
func worker(t *testing.T, path, then string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "LEDGER_CHILD="+path, "LEDGER_THEN="+then)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "begun: <nil>\n" {
		t.Fatalf("child: %q %v", line, err)
	}
	return cmd
}

func TestOwnerKilledOrFrozen(t *testing.T) {
	l, path := open(t)
	child := worker(t, path, "stop")
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(child.Process.Pid, &ws, syscall.WUNTRACED, nil); err != nil || !ws.Stopped() {
		t.Fatalf("child is not stopped: %v %v", ws, err)
	}
	if e := status(t, l, "run/run/step/1"); e.State != Begun || e.Life != Frozen || e.Owner.PID != child.Process.Pid || e.Token != 7 {
		t.Fatalf("frozen owner: %+v", e)
	}
	if err := l.Begin("run/run/step/1", "orders", 8, "sim.step"); !errors.Is(err, ErrBegun) {
		t.Fatalf("begin while the owner is frozen: %v", err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if e := status(t, l, "run/run/step/1"); e.State != Begun || e.Life != Over {
		t.Fatalf("killed owner: %+v", e)
	}
	if err := l.Begin("run/run/step/1", "orders", 8, "sim.step"); !errors.Is(err, ErrBegun) {
		t.Fatalf("begin after the owner was killed: %v", err)
	}
}

// An owner in another container can't be seen, but holds its lock for as long as it lives.
func TestOwnerInAnotherContainer(t *testing.T) {
	l, path := open(t)
	child := worker(t, path, "stop")
	boot, _, start := proc.CutIdentity(self.Process)
	if _, err := l.db.Exec(`UPDATE effects SET process = ?`, boot+"/pid:[1]/"+start); err != nil {
		t.Fatal(err)
	}
	if e := status(t, l, "run/run/step/1"); e.Life != Hidden {
		t.Fatalf("while it lives: %+v", e)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if e := status(t, l, "run/run/step/1"); e.State != Begun || e.Life != Over {
		t.Fatalf("after its end: %+v", e)
	}
	if _, err := l.db.Exec(`UPDATE effects SET digest = ''`); err != nil { // of an older muster
		t.Fatal(err)
	}
	if e := status(t, l, "run/run/step/1"); e.Life != Hidden {
		t.Fatalf("without a lock nothing is known: %+v", e)
	}
}

// An owner on another machine, with the ledger in a folder that both have, may be at it still:
// its lock says nothing, since a file server lets go of it for a machine that it lost.
func TestOwnerOnAnotherMachine(t *testing.T) {
	l, path := open(t)
	child := worker(t, path, "stop")
	_, space, start := proc.CutIdentity(self.Process)
	if _, err := l.db.Exec(`UPDATE effects SET process = ?, digest = replace(digest, ?, 'id/another-host')`, "another-boot/"+space+"/"+start, self.Machine); err != nil {
		t.Fatal(err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if e := status(t, l, "run/run/step/1"); e.Life != Elsewhere || e.Owner.Machine != "id/another-host" {
		t.Fatalf("%+v, want elsewhere", e)
	}
}

// A process that has the owner's number but is another one is not the owner.
func TestReusedProcessNumber(t *testing.T) {
	boot, space, start := proc.CutIdentity(self.Process)
	for _, c := range []struct {
		process, machine string
		want             Life
	}{
		{self.Process, self.Machine, Running},
		{boot + "/" + space + "/" + start + "1", self.Machine, Over},
		{"another-boot/" + space + "/" + start, self.Machine, Over},
		{"another-boot/" + space + "/" + start, "", Over}, // of an older muster
		{"another-boot/" + space + "/" + start, "id/another-host", Elsewhere},
		{"", "id/another-host", Elsewhere},
		{boot + "/pid:[1]/" + start, "id/another-host", Hidden}, // another container of this machine
	} {
		if got := (Owner{os.Getpid(), c.process, c.machine}).life(); got != c.want {
			t.Errorf("owner %q on %q: %s, want %s", c.process, c.machine, got, c.want)
		}
	}
}

func TestAttemptThatLeftWithoutAnEnd(t *testing.T) {
	l, _ := open(t)
	if err := l.Begin("k", "orders", 1, "sim.step"); err != nil {
		t.Fatal(err)
	}
	full(t, l)
	if err := l.End("k", "passed", strings.Repeat("x", 1<<20)); err == nil {
		t.Fatal("End wrote to a full disk")
	}
	if e := status(t, l, "k"); e.State != Begun || e.Life != Over {
		t.Fatalf("%+v, want begun and over", e)
	}
}

// full lets the file grow no more, as a full disk does; SQLite then gives the same error.
func full(t *testing.T, l *Ledger) {
	t.Helper()
	var pages int
	if err := l.db.QueryRow(`PRAGMA max_page_count = 1`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
}

func TestDiskFull(t *testing.T) {
	l, _ := open(t)
	full(t, l)
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = l.Begin(fmt.Sprintf("%d/%s", i, strings.Repeat("k", 1000)), "orders", 1, "sim.step")
	}
	if err == nil || !strings.Contains(err.Error(), "free space on its disk") || !strings.Contains(err.Error(), l.Path()) {
		t.Fatalf("disk full: %v, want the place and the way out", err)
	}
	if _, err := l.db.Exec(`PRAGMA max_page_count = 1000000`); err != nil {
		t.Fatal(err)
	}
	if err := l.Begin("after", "orders", 1, "sim.step"); err != nil {
		t.Fatalf("after space was freed: %v", err)
	}
}

func TestNotes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(schema, second)
	if _, err := old.Exec(first + `PRAGMA user_version = 1; INSERT INTO effects (key, state, at) VALUES ('k', 'voided', '2026-01-01T00:00:00Z')`); err != nil {
		t.Fatal(err)
	}
	old.Close()
	for _, kept := range []string{"", "tokyo", "osaka"} { // opened again each time
		l, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := l.Status("k"); err != nil || e.State != Voided {
			t.Errorf("what a ledger of layout 1 held: %+v %v", e, err)
		}
		if note, err := l.Noted("step"); err != nil || kept != "osaka" && note != "" || kept == "osaka" && note != "tokyo" {
			t.Errorf("noted %q %v before %q", note, err, kept)
		}
		if kept != "" {
			if err := l.Note("step", kept); err != nil {
				t.Fatal(err)
			}
		}
		l.Close()
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, statements ...string) string {
		path := filepath.Join(dir, name)
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, s := range statements {
			if _, err := db.Exec(s); err != nil {
				t.Fatal(err)
			}
		}
		return path
	}
	junk := filepath.Join(dir, "junk.db")
	if err := os.WriteFile(junk, []byte(strings.Repeat("not a database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want, looked string }{
		{file("newer.db", schema, `PRAGMA user_version = 99`), "newer muster (layout 99, this one knows 2)", "newer muster (layout 99, this one knows 2)"},
		{file("foreign.db", `CREATE TABLE people (name TEXT)`), "another program's database", ""},
		{file("named.db", `PRAGMA application_id = 7`), "another program's database", "another program's database"},
		{junk, "damaged or no ledger", "damaged or no ledger"},
		{filepath.Join(dir, "no", "folder.db"), "its folder must exist", ""},
	} {
		before, _ := os.ReadFile(c.path)
		if _, err := Open(c.path); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %q", c.path, err, c.want)
		}
		if there, err := Look(c.path); c.looked != "" && (!there || err == nil || !strings.Contains(err.Error(), c.looked)) || c.looked == "" && err != nil {
			t.Errorf("a look at %s: %v, %v, want %q", c.path, there, err, c.looked)
		}
		if after, _ := os.ReadFile(c.path); string(after) != string(before) {
			t.Errorf("%s was changed", c.path)
		}
	}
}

func TestALedgerIsToldFromEveryOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	id := func(path string) string {
		t.Helper()
		l, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		return l.ID()
	}
	first := id(path)
	if first == "" || id(path) != first {
		t.Errorf("its ID was %q and is %q", first, id(path))
	}
	if other := id(filepath.Join(t.TempDir(), "ledger.db")); other == first {
		t.Errorf("two ledgers are both %s", first)
	}
}

// Another user's ledger, as after one run by root, is found before a worker is started; a look leaves nothing behind.
func TestALookAtALedger(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger.db")
	if there, err := Look(path); there || err != nil {
		t.Errorf("none: %v, %v", there, err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("a look made %v", left)
	}
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if there, err := Look(path); !there || err != nil {
		t.Errorf("one's own: %v, %v", there, err)
	}
	looked := make(chan error, 1)
	if os.Geteuid() != 0 {
		if err := os.Chmod(path, 0o400); err != nil {
			t.Fatal(err)
		}
		_, err := Look(path)
		looked <- err
	} else {
		go func() { // root may write anything: this thread alone is nobody, and ends with the goroutine
			runtime.LockOSThread()
			if _, _, no := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), 65534, ^uintptr(0)); no != 0 {
				looked <- no
				return
			}
			_, err := Look(path)
			looked <- err
		}()
	}
	if said := plan.SaidBy(<-looked); !strings.Contains(said.EN, "this user may not write it") || !strings.Contains(said.JA, "書き込み権限がありません") {
		t.Errorf("as another user: %+v", said)
	}
}
