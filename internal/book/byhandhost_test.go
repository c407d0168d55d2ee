package book

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/etcdtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/waittest"
)

func spec(t *testing.T, name, kind string, fields map[string]any) plan.Target {
	t.Helper()
	b, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Target{Name: name, Kind: kind, Site: "tokyo", Spec: b}
}

// A number in an old pid file may be a stranger's.
func TestStrangersAreNotKilledByHand(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	stranger := exec.Command(sleep, "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = stranger.Wait(); close(ended) }()
	t.Cleanup(func() { _ = stranger.Process.Kill(); <-ended })
	pid := filepath.Join(t.TempDir(), "pid")
	if err := os.WriteFile(pid, fmt.Appendf(nil, "%d\nmore\n", stranger.Process.Pid), 0o600); err != nil {
		t.Fatal(err)
	}
	lives := func() bool {
		select {
		case <-ended:
			return false
		default:
			return true
		}
	}
	for _, fields := range []map[string]any{
		{"pid_file": pid, "executable": "/bin/cat"},
		{"pid_file": pid, "executable": sleep, "words": []string{"601"}},
		{"pid_file": pid},
	} {
		for _, uses := range []string{"process.stop", "process.kill"} {
			out := newOperator(t, "", spec(t, "app", "process", fields)).paste(t, uses, map[string]any{"process": "app"})
			if !lives() {
				t.Fatalf("%s killed a stranger: %s", uses, out)
			}
			has(t, "the shell", out, "sleep 600") // whose number it is was shown
		}
	}
	newOperator(t, "", spec(t, "app", "process", map[string]any{"pid_file": pid, "executable": sleep, "words": []string{"600"}})).paste(t, "process.kill", map[string]any{"process": "app"})
	waittest.Eventually(t, time.Minute, func() string {
		if lives() {
			return "the program itself still runs"
		}
		return ""
	})
}

// A program gets its folder, its input to the byte, its variables and its secrets, or is not
// started at all.
func TestProgramsGetAllThatIsTheirsByHand(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(filepath.Join(dir, "tool"), []byte("#!/bin/sh\n{ pwd; echo \"$1 $LEVEL $TOKEN\"; cat; } >"+out+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, stdin := range []string{"it's\n$HOME `x`\n", "no end", "one\nEND\ntwo\n", ""} {
		with := map[string]any{"argv": []string{"./tool", "a b"}, "dir": dir, "stdin": stdin, "env": map[string]string{"LEVEL": "2 $x"}, "secret_env": map[string]string{"TOKEN": "secret://env/X"}}
		o := newOperator(t, "")
		o.paste(t, "exec.run", with)
		if _, err := os.Stat(out); err == nil {
			t.Fatal("it was started without its secret")
		}
		o.paste(t, "exec.run", with, "TOKEN=s3cret")
		b, err := os.ReadFile(out)
		if want := dir + "\na b 2 $x s3cret\n" + stdin; err != nil || string(b) != want {
			t.Fatalf("%q, not %q: %v", b, want, err)
		}
		if err := os.Remove(out); err != nil {
			t.Fatal(err)
		}
	}
}

// What is started by hand is found by muster's mark, prints into its log, and is what
// process.stop by hand shows.
func TestProcessesAreStartedByHand(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	o := newOperator(t, "", spec(t, "app", "process", map[string]any{"argv": []string{"/bin/sh", "-c", `echo "up $LEVEL"; exec sleep 600`}, "env": map[string]string{"LEVEL": "2"}, "state": state}))
	o.paste(t, "process.start", map[string]any{"process": "app"})
	waittest.Eventually(t, time.Minute, func() string {
		if b, err := os.ReadFile(filepath.Join(state, "app.log")); err != nil || string(b) != "up 2\n" {
			return fmt.Sprintf("its log: %q %v", b, err)
		}
		return ""
	})
	var pid string
	waittest.Eventually(t, time.Minute, func() string {
		for line := range strings.Lines(o.paste(t, "process.stop", map[string]any{"process": "app"})) {
			if f := strings.Fields(line); len(f) == 3 && f[1] == "sleep" {
				pid = f[0]
				return ""
			}
		}
		return "it is not shown"
	})
	o.run(t, "kill "+pid)
}

// A body that begins with @ names no file, and curl's word for forms is not sent.
func TestBodiesAreSentByHandAsTheyAre(t *testing.T) {
	var body, kind string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body, kind = string(b), r.Header.Get("Content-Type")
	}))
	defer server.Close()
	newOperator(t, "").paste(t, "http.request", map[string]any{"url": server.URL + "/[a]", "body": "@/etc/hostname"})
	if body != "@/etc/hostname" || kind != "" {
		t.Fatalf("%q as %q", body, kind)
	}
}

func TestEtcdMovesItsLeaderByHand(t *testing.T) {
	c := etcdtest.Start(t, etcdtest.Options{Members: 3})
	var to *etcdtest.Member
	for _, m := range c.Members {
		if m != c.Leader(t) {
			to = m
		}
	}
	o := newOperator(t, "", spec(t, "kv", "etcd", map[string]any{"endpoints": c.URLs()}))
	with := map[string]any{"cluster": "kv", "to": to.Name}
	out := o.paste(t, "etcd.move_leader", with) // without the ID that it asks for
	if c.Leader(t) == to {
		t.Fatal("it was moved without saying where to")
	}
	id := ""
	for line := range strings.Lines(out) {
		if f := strings.Split(line, "|"); len(f) > 3 && strings.TrimSpace(f[3]) == to.Name {
			id = strings.TrimSpace(f[1])
		}
	}
	o.paste(t, "etcd.move_leader", with, "ID="+id)
	if c.Leader(t) != to {
		t.Fatalf("%s (%q) does not lead", to.Name, id)
	}
}
