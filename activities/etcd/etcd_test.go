package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/etcdtest"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

// config is a live cluster with a place for its snapshots.
type config struct {
	*etcdtest.Cluster
	target Target
	store  Snapshots
	runs   int
}

func start(t *testing.T, members int) *config {
	t.Helper()
	c := &config{Cluster: etcdtest.Start(t, etcdtest.Options{Members: members})}
	c.target = Target{Name: "config", Spec: Cluster{Endpoints: c.URLs()}}
	c.store = place(t)
	return c
}

// place is an empty place for snapshots; whatever a test leaves in its area is a leak.
func place(t *testing.T) Snapshots {
	t.Helper()
	dir, err := os.MkdirTemp("", "muster-etcd-") // short: a socket's path is limited
	if err != nil {
		t.Fatal(err)
	}
	s := Snapshots{Name: "config-snapshots", Spec: Store{Folder: filepath.Join(dir, "snapshots"), Area: filepath.Join(dir, "area")}}
	for _, d := range []string{s.Spec.Folder, s.Spec.Area} {
		if err := os.Mkdir(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		left, _ := os.ReadDir(s.Spec.Area)
		for _, e := range left {
			t.Errorf("left behind: %s", e.Name())
		}
		_ = os.RemoveAll(dir)
	})
	return s
}

// call is a step of a run of its own.
func (c *config) call(t *testing.T) context.Context {
	c.runs++
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	return activities.WithCall(ctx, plan.Call{Run: fmt.Sprintf("r%d", c.runs), System: "config", Step: "s"})
}

func (c *config) take(t *testing.T) (Snapshot, context.Context) {
	t.Helper()
	ctx := c.call(t)
	s, err := snapshot(ctx, Take{c.target, c.store})
	if err != nil {
		t.Fatal(err)
	}
	return s, ctx
}

func kind(err error) string {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

// want fails unless the error has the type and holds the words.
func want(t *testing.T, what string, err error, errorType string, word string) {
	t.Helper()
	if err == nil || kind(err) != errorType || !strings.Contains(err.Error(), word) {
		t.Errorf("%s: %v, want %s %q", what, err, errorType, word)
	}
}

func TestASnapshotComesBackInIsolation(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	at := time.Now().UTC().Add(-90 * time.Second).Truncate(time.Millisecond)
	for i := range 20 {
		c.Put(t, fmt.Sprintf("/orders/%d", i%10), fmt.Sprint(i)) // some of them twice
	}
	lease, err := c.Client.Grant(t.Context(), 600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Client.Put(t.Context(), "/sessions/1", "x", clientv3.WithLease(lease.ID)); err != nil {
		t.Fatal(err)
	}
	c.Put(t, "/next", at.Add(9*time.Hour).Format(time.RFC3339Nano))
	last := c.Put(t, "/last", at.Format(time.RFC3339Nano))

	before := time.Now()
	taken, ctx := c.take(t)
	if taken.Revision != last || taken.HashKV == 0 || !taken.Listed || taken.TakenAt.Before(before.Add(-time.Second)) || taken.SHA256 == "" {
		t.Errorf("taken %+v, the newest revision is %d", taken, last)
	}
	if lead := c.Leader(t); taken.Member == lead.Name {
		t.Errorf("the leader %s gave the snapshot, a follower would have", lead.Name)
	}
	if seen, err := lookSnapshot(ctx, Take{c.target, c.store}); err != nil || seen.Sight != plan.Holds || seen.Output.(Snapshot).SHA256 != taken.SHA256 {
		t.Errorf("a look sees %+v %v", seen, err)
	}
	other := activities.CallFrom(ctx)
	other.System = "another"
	if seen, err := lookSnapshot(activities.WithCall(ctx, other), Take{c.target, c.store}); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("a look of another system's step sees %+v %v, want no snapshot of its own", seen, err)
	}
	strange := Target{Name: "strange", Spec: Cluster{Endpoints: etcdtest.Start(t, etcdtest.Options{Members: 1}).URLs()}}
	if seen, err := lookSnapshot(ctx, Take{strange, c.store}); err != nil || seen.Sight != plan.CannotTell || !strings.Contains(seen.Detail, "のもので") {
		t.Errorf("a look at another cluster's snapshot sees %+v %v, want that it can't tell", seen, err)
	}
	c.Put(t, "/orders/late", "must not come back")

	ctx = c.call(t)
	p := Restore{Snapshots: c.store, MaxAge: run.Duration(time.Hour), Newest: "/last", Prefixes: []Prefix{{"/orders/", 10}, {"/sessions/", 1}}}
	if problems, err := readyRestore(ctx, p); err != nil || len(problems) > 0 {
		t.Errorf("not ready: %v %v", problems, err)
	}
	if seen, err := lookRestored(ctx, p); err != nil || seen.Sight != plan.HoldsNot || seen.Partial {
		t.Errorf("before: %+v %v", seen, err)
	}
	done, err := restore(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	if done.Backup != taken.Backup || done.Revision != last || done.HashKV != taken.HashKV || done.Hash != "same" || done.Keys != 14 ||
		done.Counts["/orders/"] != 10 || done.ClusterID == taken.ClusterID || done.FetchS <= 0 || done.RestoreS <= 0 || done.ReplayS <= 0 || done.VerifyS <= 0 {
		t.Errorf("restored %+v\nof %+v", done, taken)
	}
	if !done.RecoveryPoint.Equal(at) || done.BehindS < 90 {
		t.Errorf("recovery point %s, %f s behind, want %s", done.RecoveryPoint, done.BehindS, at)
	}
	if seen, err := lookRestored(ctx, p); err != nil || seen.Sight != plan.Holds || seen.Output.(Restored).HashKV != done.HashKV {
		t.Errorf("after: %+v %v", seen, err)
	}
	isolationOf(t, ctx, c)

	gone, err := discard(ctx, Discard{c.store})
	if err != nil || !gone.Gone {
		t.Fatalf("%+v %v", gone, err)
	}
	if seen, err := lookDiscarded(ctx, Discard{c.store}); err != nil || seen.Sight != plan.Holds {
		t.Errorf("after the discard a look sees %+v %v", seen, err)
	}
	if _, err := discard(ctx, Discard{c.store}); err != nil {
		t.Errorf("a second discard: %v", err)
	}
	// A time to come is no recovery point.
	ctx = c.call(t)
	if _, err := restore(ctx, Restore{Snapshots: c.store, Snapshot: taken.Backup, Newest: "/next"}); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), "correct what writes /next") {
		t.Errorf("a newest key of a time to come: %v", err)
	}
	// What the list says counts where no key tells a time.
	ctx = c.call(t)
	done, err = restore(ctx, Restore{Snapshots: c.store, Snapshot: taken.Backup})
	if err != nil || !done.RecoveryPoint.Equal(taken.TakenAt) {
		t.Errorf("%+v %v, want the recovery point %s", done, err, taken.TakenAt)
	}
	if _, err := discard(ctx, Discard{c.store}); err != nil {
		t.Error(err)
	}
}

// isolationOf sees that the isolated cluster listens on no network, and that the live one
// noticed nothing.
func isolationOf(t *testing.T, ctx context.Context, c *config) {
	t.Helper()
	i, err := isolatedOf(ctx, c.store)
	if err != nil {
		t.Fatal(err)
	}
	pids, err := i.processes()
	if err != nil || len(pids) != 1 {
		t.Fatalf("processes %v %v", pids, err)
	}
	own := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pids[0]))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil {
			own[to] = true
		}
	}
	for _, table := range []string{"tcp", "tcp6", "udp", "udp6"} {
		b, err := os.ReadFile("/proc/net/" + table)
		if err != nil {
			continue // this machine has no such protocol
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Fields(line); len(f) > 9 && own["socket:["+f[9]+"]"] {
				t.Errorf("the isolated cluster has a network socket: %s", line)
			}
		}
	}
	s, err := status(ctx, Status{c.target})
	if err != nil || s.Voters != 3 || s.Agreeing != 3 {
		t.Errorf("the live cluster: %+v %v", s, err)
	}
}

func TestASnapshotThatDoesNotComeBackIsAFinding(t *testing.T) {
	t.Parallel()
	c := start(t, 1)
	ctx := c.call(t)
	_, err := restore(ctx, Restore{Snapshots: c.store})
	want(t, "no snapshot", err, plan.ErrFinding, "holds no snapshot")
	taken, _ := c.take(t)
	file := folder{c.store}.file(taken.Backup)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	put := func(b []byte) {
		t.Helper()
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	flip := func(at int) []byte {
		b := append([]byte(nil), whole...)
		b[at] ^= 1
		return b
	}
	for name, b := range map[string][]byte{"flipped byte": flip(len(whole) / 2), "flipped byte of the checksum": flip(len(whole) - 1),
		"cut off": whole[:len(whole)-5000], "cut at the checksum": whole[:len(whole)-32], "empty": nil} {
		put(b)
		_, err := restore(c.call(t), Restore{Snapshots: c.store})
		want(t, name, err, plan.ErrFinding, "is damaged")
	}
	put(whole)
	other, _ := c.take(t)
	b, err := os.ReadFile(folder{c.store}.list(other.Backup))
	if err != nil {
		t.Fatal(err)
	}
	own := folder{c.store}.list(taken.Backup)
	list, _ := os.ReadFile(own)
	for name, l := range map[string][]byte{"is not the one of its list": []byte(strings.Replace(string(list), taken.SHA256[:8], "00000000", 1)), "is damaged": []byte("{")} {
		if err := os.WriteFile(own, l, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := restore(c.call(t), Restore{Snapshots: c.store, Snapshot: taken.Backup})
		want(t, name, err, plan.ErrFinding, name)
	}
	// A hash that the keys do not have.
	wrong := strings.Replace(string(b), fmt.Sprintf(`"hash_kv": %d`, other.HashKV), `"hash_kv": 7`, 1)
	if err := os.WriteFile(folder{c.store}.list(other.Backup), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = restore(c.call(t), Restore{Snapshots: c.store, Snapshot: other.Backup})
	want(t, "another hash", err, plan.ErrFinding, "give the hash")
	if err := os.Remove(own); err != nil {
		t.Fatal(err)
	}
	for word, p := range map[string]Restore{
		"nothing says up to when":    {Snapshot: taken.Backup},
		"is not the name":            {Snapshot: "../" + taken.Backup},
		"/nobody did not come back":  {Snapshot: taken.Backup, Newest: "/nobody"},
		`"started" is no time`:       {Snapshot: taken.Backup, Newest: "muster"},
		"0 keys begin with /orders/": {Snapshot: taken.Backup, Newest: "muster", Prefixes: []Prefix{{"/orders/", 1}}},
		"may be 0 s old":             {Snapshot: taken.Backup, MaxAge: 1},
	} {
		p.Snapshots = c.store
		_, err := restore(c.call(t), p)
		typed := plan.ErrFinding
		if strings.HasPrefix(word, "nothing") || strings.HasPrefix(word, "is not") {
			typed = plan.ErrRefused
		}
		want(t, word, err, typed, word)
	}
}

func TestLeadershipIsMovedOnlyWhileEveryMemberIsThere(t *testing.T) {
	t.Parallel()
	c := start(t, 3)
	led, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer led.Close()
	ctx := activities.WithLedger(activities.WithCall(t.Context(), plan.Call{EffectKey: "r/config/move/lead/1"}), led)
	all := Wait{Cluster: c.target, Need: "all", Behind: 100, Within: run.Duration(2 * time.Minute)}
	if h, err := waitHealthy(ctx, all); err != nil || h.Agreeing != 3 || len(h.Alarms) != 0 {
		t.Fatalf("%+v %v", h, err)
	}
	lead := c.Leader(t)
	var to *etcdtest.Member
	for _, m := range c.Members {
		if m != lead {
			to = m
		}
	}
	p := Move{Cluster: c.target, To: to.Name, Behind: 100, Within: run.Duration(time.Minute)}
	if seen, err := lookLeader(ctx, p); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("before: %+v %v", seen, err)
	}
	if problems, err := readyMove(ctx, p); err != nil || len(problems) > 0 {
		t.Errorf("not ready: %v %v", problems, err)
	}
	moved, err := moveLeader(ctx, p)
	if err != nil || moved.Before != lead.Name || moved.Leader != to.Name || c.Leader(t) != to {
		t.Fatalf("%+v %v", moved, err)
	}
	if seen, err := lookLeader(ctx, p); err != nil || seen.Sight != plan.Holds || seen.Output.(Moved).Before != lead.Name {
		t.Errorf("after: %+v %v, want to know still that %s led", seen, err, lead.Name)
	}
	// An undo that names nobody goes back to who led.
	back := Move{Cluster: c.target, Behind: 100, Within: p.Within}
	undo := activities.WithLedger(activities.WithCall(t.Context(), plan.Call{EffectKey: "r/config/move/lead.undo1/1"}), led)
	if seen, err := lookLeader(undo, back); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("before the undo: %+v %v", seen, err)
	}
	if home, err := moveLeader(undo, back); err != nil || home.Leader != lead.Name || home.Before != to.Name || c.Leader(t) != lead {
		t.Fatalf("undone: %+v %v, want %s to lead again", home, err, lead.Name)
	}
	_, err = moveLeader(ctx, back)
	want(t, "no member named", err, plan.ErrRefused, "name the member")
	if _, err := moveLeader(ctx, p); err != nil {
		t.Fatal(err)
	}
	if seen, err := lookLeader(t.Context(), p); err != nil || seen.Output.(Moved).Before != to.Name {
		t.Errorf("the look of a step that moved nothing: %+v %v", seen, err)
	}
	// A step that finds its member leading is done with its look; its undo has nothing to do.
	idle := activities.WithLedger(activities.WithCall(t.Context(), plan.Call{EffectKey: "r/config/move/idle/1"}), led)
	if seen, err := lookLeader(idle, p); err != nil || seen.Sight != plan.Holds {
		t.Errorf("it leads already: %+v %v", seen, err)
	}
	undo = activities.WithLedger(activities.WithCall(t.Context(), plan.Call{EffectKey: "r/config/move/idle.undo1/1"}), led)
	if seen, err := lookLeader(undo, back); err != nil || seen.Sight != plan.Holds || seen.Output.(Moved).Leader != to.Name {
		t.Errorf("the undo of a step that moved nothing: %+v %v, want %s to lead still", seen, err, to.Name)
	}
	p.To = "sapporo"
	_, err = moveLeader(ctx, p)
	want(t, "no such member", err, plan.ErrRefused, "it has nagoya, osaka, tokyo")

	// The leader dies: a majority takes over, and what every member must agree to has to wait.
	to.Kill()
	need := all
	need.Need = "majority"
	h, err := waitHealthy(ctx, need)
	if err != nil || h.Leader == to.Name || h.Leader == "" || h.Agreeing != 2 || h.Answering != 2 {
		t.Fatalf("%+v %v", h, err)
	}
	c.Put(t, "/orders/1", "after the loss")
	p.To = h.Leader
	if seen, err := lookLeader(ctx, p); err != nil || seen.Sight != plan.CannotTell {
		t.Errorf("with a member away: %+v %v", seen, err)
	}
	_, err = moveLeader(ctx, p)
	want(t, "a member away", err, plan.ErrRefused, to.Name+" does not answer")
	short := all
	short.Within = run.Duration(3 * time.Second) // the members that are left may still tell of the change of their leader
	_, err = waitHealthy(ctx, short)
	want(t, "all of them", err, plan.ErrFinding, "no answer from "+to.Name)

	// The second one hangs: there is no majority, whatever the last one says.
	var last, hung *etcdtest.Member
	for _, m := range c.Members {
		switch {
		case m == to:
		case m.Name == h.Leader:
			hung = m
		default:
			last = m
		}
	}
	hung.Freeze()
	defer hung.Thaw()
	need.Within = run.Duration(time.Second)
	_, err = waitHealthy(ctx, need)
	if err == nil {
		t.Errorf("healthy with one of three: %s", last.Name)
	}
	if s, err := status(ctx, Status{c.target}); err != nil || s.Answering != 1 {
		t.Errorf("status without a majority: %+v %v", s, err)
	}
	_, err = snapshot(c.call(t), Take{c.target, c.store})
	want(t, "a snapshot without a majority", err, plan.ErrRefused, "nothing was begun")
	hung.Thaw()
	to.Start(t)
	if h, err := waitHealthy(ctx, all); err != nil || h.Agreeing != 3 {
		t.Fatalf("all back: %+v %v", h, err)
	}
}

// A disk that runs full on the way: the limit on the size of files gives the test binary's
// child the error that a full disk gives. Not beside the other tests: it replaces what all of
// them ask how much room there is.
func TestAFullDiskLeavesNothingHalf(t *testing.T) {
	if url := os.Getenv("ETCD_TEST_FULL"); url != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 8 << 10, Max: 8 << 10}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
			t.Fatal(err)
		}
		store := Snapshots{Name: "config-snapshots", Spec: Store{Folder: os.Getenv("ETCD_TEST_FOLDER")}}
		_, err := snapshot(activities.WithCall(t.Context(), plan.Call{Run: "r", Step: "s"}), Take{Target{Name: "config", Spec: Cluster{Endpoints: []string{url}}}, store})
		fmt.Println("outcome:", kind(err), err)
		return
	}
	c := start(t, 1)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := osexec.Command(exe, "-test.run=^TestAFullDiskLeavesNothingHalf$")
	child.Env = append(os.Environ(), "ETCD_TEST_FULL="+c.URLs()[0], "ETCD_TEST_FOLDER="+c.store.Spec.Folder)
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "outcome: Finding the disk of "+c.store.Spec.Folder+" filled up on the way") {
		t.Errorf("%v\n%s", err, out)
	}

	was := room
	defer func() { room = was }()
	taken, _ := c.take(t)
	room = func(string) (int64, error) { return 10 << 10, nil }
	_, err = snapshot(c.call(t), Take{c.target, c.store})
	want(t, "a snapshot without room", err, plan.ErrFinding, "make room there; nothing was written")
	_, err = restore(c.call(t), Restore{Snapshots: c.store})
	want(t, "a restore without room", err, plan.ErrFinding, "make room there; nothing was written")
	left, err := os.ReadDir(c.store.Spec.Folder)
	if err != nil || len(left) != 2 || left[0].Name() != taken.Backup+".db" {
		t.Errorf("in the folder: %v %v", left, err)
	}
}

func TestHalfAliveAndWrongPlacesAreNamed(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	silent := Target{Name: "config", Spec: Cluster{Endpoints: []string{"http://" + l.Addr().String()}}}
	_, err = status(t.Context(), Status{silent})
	want(t, "a silent member", err, "", "does not answer in time")
	silent.Spec.Endpoints = nil
	_, err = status(t.Context(), Status{silent})
	want(t, "no endpoints", err, plan.ErrRefused, "names no endpoints")

	c := start(t, 1)
	two := etcdtest.Start(t, etcdtest.Options{})
	mixed := Target{Name: "config", Spec: Cluster{Endpoints: []string{c.URLs()[0], two.URLs()[0]}}}
	_, err = status(t.Context(), Status{mixed})
	want(t, "two clusters", err, plan.ErrRefused, "belong to two clusters")

	inside := c.store
	inside.Spec.Area = filepath.Join(c.Members[0].Dir, "member", "wal")
	_, err = restore(c.call(t), Restore{Snapshots: inside})
	want(t, "an area in a member's data", err, plan.ErrRefused, "lies in a member's data directory")
	inside.Spec.Area = c.store.Spec.Folder
	_, err = discard(c.call(t), Discard{inside})
	want(t, "an area among the snapshots", err, plan.ErrRefused, "lie in one another")

	ctx := c.call(t)
	i, err := isolatedOf(ctx, c.store)
	if err != nil {
		t.Fatal(err)
	}
	precious := filepath.Join(i.dir, "precious")
	if err := os.Mkdir(i.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = restore(ctx, Restore{Snapshots: c.store})
	want(t, "over a foreign folder", err, plan.ErrRefused, "is left alone")
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
	_ = os.RemoveAll(i.dir)

	none := c.store
	none.Spec.Bin = "/no/such"
	problems, err := readyRestore(ctx, Restore{Snapshots: none})
	if err != nil || len(problems) != 3 || !strings.Contains(fmt.Sprint(problems), "install etcd-client") || !strings.Contains(fmt.Sprint(problems), "install etcd-server") {
		t.Errorf("without programs and snapshot: %v %v", problems, err)
	}
}

// An attempt that ended half-way leaves its server and its folder; the next one begins anew.
func TestARestoreThatWasCutOffIsBegunAnew(t *testing.T) {
	t.Parallel()
	c := start(t, 1)
	c.take(t)
	ctx := c.call(t)
	p := Restore{Snapshots: c.store}
	if _, err := restore(ctx, p); err != nil {
		t.Fatal(err)
	}
	i, err := isolatedOf(ctx, c.store)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(i.dir, resultFile)); err != nil {
		t.Fatal(err)
	}
	first, err := i.processes()
	if err != nil || len(first) != 1 {
		t.Fatalf("%v %v", first, err)
	}
	if seen, err := lookRestored(ctx, p); err != nil || seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("half-way: %+v %v", seen, err)
	}
	if _, err := restore(ctx, p); err != nil {
		t.Fatal(err)
	}
	second, err := i.processes()
	if err != nil || len(second) != 1 || second[0] == first[0] {
		t.Errorf("processes %v, then %v %v", first, second, err)
	}
	if err := i.end(ctx); err != nil {
		t.Fatal(err)
	}
	if seen, err := lookRestored(ctx, p); err != nil || seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("with its server gone: %+v %v", seen, err)
	}
	if _, err := discard(ctx, Discard{c.store}); err != nil {
		t.Fatal(err)
	}
	cut, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := restore(cut, p); err == nil || kind(err) == plan.ErrFinding {
		t.Errorf("no time at all: %v", err)
	}
}
