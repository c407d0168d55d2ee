package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/internal/waittest"
)

// shop is a system's program: it notes that it was started, and then takes connections.
func shop() {
	at, notes := os.Args[1], os.Args[2]
	f, err := os.OpenFile(notes, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		panic(err)
	}
	ln, err := net.Listen("tcp", at)
	if err != nil {
		panic(err)
	}
	for {
		if c, err := ln.Accept(); err == nil {
			_ = c.Close()
		}
	}
}

const laptopEstate = `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo, title: Tokyo}, {name: osaka, title: Osaka}]
targets:
  - {name: shop-osaka, kind: process, site: osaka, argv: [%[1]q, "127.0.0.1:8088", %[2]q], state: %[3]q, secret_env: {SHOP_KEY: %[4]q}}
systems:
  - name: orders
    title: Orders
    home: tokyo
    alternate: osaka
    objectives: {rto: 1h}
    drillable: [live]
    functions:
      - {name: port, title: Port, probe: {uses: probe.tcp, at: osaka, interval: 200ms, with: {address: "127.0.0.1:8088"}}}
    runbooks: {failover: orders-failover}
people:
  - {id: sato, name: Sato, roles: [commander]}
  - {id: tanaka, name: Tanaka, roles: [operator, commander]}
muster_places: [{name: online, title: Online, online: true}]
`

const laptopRunbook = `kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: open, at: osaka, uses: process.start, with: {process: shop-osaka, listen: "127.0.0.1:8088", steady: 200ms}}
  - {id: tell, uses: human.task, as: operator, with: {text: Tell the branches}}
`

const laptopScenario = `kind: Scenario
name: tokyo-loss
title: Loss of Tokyo
hazard: disaster
depth: live
sites_lost: [tokyo]
systems: [orders]
failback: stay
muster_place: online
decision: {by: commander, within: 10m, rule: wait}
`

// spot is an installation's or a laptop's folder, and the network that it is in.
type spot struct {
	t   *testing.T
	dir string
	net string // PID of a process in its network namespace; "" is the test's own
}

func (p spot) command(args ...string) *exec.Cmd {
	name := "muster"
	if filepath.IsAbs(args[0]) {
		name, args = args[0], args[1:]
	}
	path, err := exec.LookPath(name)
	if err != nil {
		p.t.Fatal(err)
	}
	if p.net != "" {
		args = append([]string{"--net=/proc/" + p.net + "/ns/net", "--", path}, args...)
		path = "nsenter"
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = p.dir
	return cmd
}

// does runs a command, and returns what it printed. code is its exit code.
func (p spot) does(code int, args ...string) (out, talk string) {
	p.t.Helper()
	var o, e bytes.Buffer
	cmd := p.command(args...)
	cmd.Stdout, cmd.Stderr = &o, &e
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("muster %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &o, &e)
	}
	return o.String(), e.String()
}

// aLook is the pause between two looks at a run: each starts muster itself.
const aLook = 400 * time.Millisecond

// until does something once the run asks for it, as its page says.
func (p spot) until(own, id string, args ...string) {
	p.t.Helper()
	asked := strings.TrimSuffix(strings.Join(args[:2], " "), " "+id)
	waittest.Every(p.t, aLook, 3*time.Minute, func() string {
		if out, _ := p.does(0, own, "drill", "show", id); !strings.Contains(out, "muster "+asked) {
			return asked + " is not asked for: " + out
		}
		return ""
	})
	p.does(0, append([]string{own}, args...)...)
}

// up starts a long-running process and waits until it says that it is up.
func (p spot) up(args ...string) *exec.Cmd {
	p.t.Helper()
	log := filepath.Join(p.dir, "up.log")
	f, err := os.Create(log)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := p.command(append([]string{"up"}, args...)...)
	cmd.Stdout, cmd.Stderr = f, f
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	_ = f.Close()
	p.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	waittest.Eventually(p.t, 2*time.Minute, func() string {
		b, _ := os.ReadFile(log)
		if strings.Contains(string(b), " is up") {
			return ""
		}
		return "it is not up: " + string(b)
	})
	return cmd
}

func (p spot) write(name, text string) string {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return path
}

func (p spot) said() string {
	p.t.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, "up.log"))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(b)
}

// withoutNetwork is a network namespace with nothing but its own loopback, as long as the test.
func withoutNetwork(t *testing.T) string {
	t.Helper()
	hold := exec.Command("unshare", "--net", "--", "sh", "-c", "ip link set lo up && echo ready && exec cat")
	in, err := hold.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := hold.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := hold.Start(); err != nil {
		t.Fatalf("a network namespace takes root, unshare (util-linux) and ip (iproute2): %v", err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = hold.Wait() })
	ready := make([]byte, 6)
	if _, err := io.ReadFull(out, ready); err != nil {
		t.Fatalf("a network namespace takes root, unshare (util-linux) and ip (iproute2): %v", err)
	}
	return strconv.Itoa(hold.Process.Pid)
}

// All but a stick and a laptop is gone: a bundle of a running installation fails over alone, without any network, and what was done
// there comes back with proof.
func TestALaptopGoesOnAloneAndComesBack(t *testing.T) {
	program, err := exec.LookPath("shop")
	if err != nil {
		t.Fatal(err)
	}
	main := spot{t: t, dir: t.TempDir()}
	notes, state := filepath.Join(t.TempDir(), "starts"), t.TempDir()
	if err := os.Chmod(state, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the shop outlives whoever started it
		for _, pid := range proc.PIDs() {
			if line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.Contains(string(line), notes) {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	})
	secret := main.write("shop-key", "a key that only the main site's disk has")
	main.write("plans/estate.yaml", fmt.Sprintf(laptopEstate, program, notes, state, "secret://file"+secret))
	main.write("plans/runbook.yaml", laptopRunbook)
	main.write("plans/scenario.yaml", laptopScenario)
	public, _ := main.does(0, "bundle", "key", "laptop.key")
	main.write("muster.yaml", fmt.Sprintf("data: data\nplans: plans\nlisten: %s\nengine: %s\nbundle: {recipients: %q}\n", freePort(t), temporaltest.Binary(t), strings.TrimSpace(public)))
	main.up()
	stick := spot{t: t, dir: t.TempDir()}
	file := filepath.Join(stick.dir, "muster.bundle")
	left := filepath.Dir(main.write("data/.bundle-271828/journal.db", "of a command that was killed"))
	main.does(0, "bundle", file, "--as", "sato")
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy of the record in clear is left: %v", err)
	}
	key, _ := main.does(0, "evidence", "key")
	main.write("main.pub", key)
	if list, _ := main.does(0, "bundle"); !strings.Contains(list, "not used") {
		t.Errorf("the list of bundles: %s", list)
	}
	// The main site is gone: its disk with the key, too.
	if err := os.Rename(secret, secret+".gone"); err != nil {
		t.Fatal(err)
	}

	laptop := spot{t: t, dir: t.TempDir(), net: withoutNetwork(t)}
	from := []string{"--bundle", file, "--bundle-dir", filepath.Join(laptop.dir, "kit"), "--identity", filepath.Join(main.dir, "laptop.key"), "--bundle-key", filepath.Join(main.dir, "main.pub"),
		"--as", "sato", "--sites", "osaka", "--listen", "127.0.0.1:7790"}
	_, talk := laptop.does(2, append([]string{"up"}, from...)...)
	if !strings.Contains(talk, "--reason") {
		t.Errorf("without a reason: %s", talk)
	}
	first := laptop.up(append(from, "--reason", "Tokyo is gone")...)
	if said := laptop.said(); !strings.Contains(said, "BREAK-GLASS bundle") || !strings.Contains(said, "signed by the key that you gave") {
		t.Errorf("it says: %s", said)
	}
	kit := spot{t: t, dir: filepath.Join(laptop.dir, "kit"), net: laptop.net}
	own := filepath.Join(kit.dir, "bin", "muster")
	started, _ := kit.does(0, own, "activate", "tokyo-loss", "--as", "sato", "--reason", "Tokyo is gone", "--since", "2m", "--confirm", "tokyo-loss")
	id := strings.TrimSpace(started)
	act := func(args ...string) {
		t.Helper()
		kit.until(own, id, args...)
	}
	for _, who := range []string{"sato", "tanaka"} {
		act("checkin", "--safety", "safe", "--run", id, "--as", who)
	}
	act("approve", "--activation", id, "--as", "tanaka")
	act("confirm", "communications", "--run", id, "--as", "sato")
	act("assess", "orders", "--damage", "destroyed", "--run", id, "--as", "tanaka")
	act("confirm", "containment", "--run", id, "--as", "sato")
	act("decide", "alternate", "--system", "orders", "--reason", "the only way", "--run", id, "--as", "sato")
	act("approve", id, "--as", "tanaka")
	waittest.Every(t, aLook, 2*time.Minute, func() string {
		if b, _ := os.ReadFile(notes); strings.Count(string(b), "\n") == 0 {
			out, _ := kit.does(0, own, "drill", "show", id)
			return "the shop was not started: " + out
		}
		return ""
	})
	waittest.Every(t, aLook, 2*time.Minute, func() string {
		if out, _ := kit.does(0, own, "drill", "show", id); !strings.Contains(out, "restored") {
			return "its service was not seen: " + out
		}
		return ""
	})
	// In the middle of it, with a step still to be done, the laptop's process is killed, and started again in the same way.
	if err := syscall.Kill(first.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	laptop.up(append(from, "--reason", "Tokyo is gone")...)
	if said := laptop.said(); !strings.Contains(said, "goes on") {
		t.Errorf("after it was killed: %s", said)
	}
	act("step", "done", id, "tell", "--as", "tanaka", "--reason", "told")
	act("confirm", "completion", "--run", id, "--as", "sato")
	act("confirm", "closing", "--note", "nothing", "--run", id, "--as", "sato")
	waittest.Every(t, aLook, 3*time.Minute, func() string {
		out, _ := kit.does(0, own, "drill", "list", "-o", "json")
		var list []struct {
			Run     string
			EndedAt *time.Time `json:"ended_at"`
		}
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Run != id || list[0].EndedAt == nil {
			return fmt.Sprintf("it goes on: %v %s", err, out)
		}
		return ""
	})
	back := filepath.Join(stick.dir, "back.zip")
	kit.does(0, own, "bundle", "export", back)

	// Main is there again.
	refused(t, main, back, id)
	if out, _ := main.does(0, "merge", back, "--as", "sato", "--reason", "Tokyo is back"); strings.TrimSpace(out) != id {
		t.Errorf("merged: %q, want %s", out, id)
	}
	if out, talk := main.does(0, "merge", back, "--as", "sato", "--reason", "once more"); out != "" || !strings.Contains(talk, "nothing new") {
		t.Errorf("a second time: %q %q", out, talk)
	}
	report, _ := main.does(0, "report", id, "-o", "json")
	var r struct {
		Run     struct{ Verdict string }
		Systems []struct {
			ID  string
			RTO struct {
				Verdict    string
				RestoredAt *time.Time `json:"restored_at"`
				Why        []struct{ Code string }
			}
		}
		Glass []struct{ What, By, Reason string } `json:"break_glass"`
	}
	if err := json.Unmarshal([]byte(report), &r); err != nil || len(r.Systems) != 1 {
		t.Fatal(err, report)
	}
	// It was killed before service had held for its 30 s, and nobody looked until it was up again: restored then at the latest, and not proven.
	for _, why := range r.Systems[0].RTO.Why {
		if why.Code != "restore_unseen" {
			t.Errorf("the recovery time: %+v", r.Systems[0].RTO)
		}
	}
	// What the laptop measured is what main says, to the letter.
	figures := func(text string) string {
		var part struct{ Systems json.RawMessage }
		if err := json.Unmarshal([]byte(text), &part); err != nil {
			t.Fatal(err)
		}
		return string(part.Systems)
	}
	there, _ := kit.does(0, own, "report", id, "-o", "json")
	if r.Systems[0].RTO.RestoredAt == nil || figures(there) != figures(report) {
		t.Errorf("systems: %s, on the laptop %s", figures(report), figures(there))
	}
	if len(r.Glass) == 0 || r.Glass[0].What != "bundle" || r.Glass[0].By != "sato" || r.Glass[0].Reason != "Tokyo is gone" {
		t.Errorf("break-glass: %+v", r.Glass)
	}
	main.does(0, "evidence", "export", id)
	main.does(0, "verify", id+".zip", "--key", "main.pub")
	if b, err := os.ReadFile(notes); err != nil || strings.Count(string(b), "\n") != 1 {
		t.Errorf("the shop was started %q times, %v: once is right", b, err)
	}
	list, _ := main.does(0, "bundle")
	log, _ := main.does(0, "evidence", "list")
	if !strings.Contains(list, "1 run(s)") || !strings.Contains(log, "merged from break-glass bundle") {
		t.Errorf("%s\n%s", list, log)
	}
}

// refused holds that an export in which one event was altered is named and not merged.
func refused(t *testing.T, main spot, back, id string) {
	t.Helper()
	b, err := os.ReadFile(back)
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := evidence.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	inner, _, err := evidence.Read(files["runs/"+id+".zip"])
	if err != nil {
		t.Fatal(err)
	}
	was := inner[evidence.FileEvents]
	inner[evidence.FileEvents] = bytes.Replace(was, []byte(`"outcome":"passed"`), []byte(`"outcome":"failed"`), 1)
	if bytes.Equal(was, inner[evidence.FileEvents]) {
		t.Fatal("nothing was altered")
	}
	if files["runs/"+id+".zip"], err = evidence.Write(inner); err != nil {
		t.Fatal(err)
	}
	if b, err = evidence.Write(files); err != nil {
		t.Fatal(err)
	}
	main.write("altered.zip", string(b))
	_, talk := main.does(exitRefused, "merge", "altered.zip", "--as", "sato", "--reason", "Tokyo is back")
	if !strings.Contains(talk, "was altered") || !strings.Contains(talk, id) {
		t.Errorf("an altered event: %s", talk)
	}
	if out, _ := main.does(0, "drill", "list"); strings.Contains(out, id) {
		t.Errorf("merged all the same: %s", out)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}
