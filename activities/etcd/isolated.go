package etcd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/proc"
)

// Files of an isolated cluster's folder.
const (
	markFile   = "muster-restore" // says that the folder is a restore's, and of which run
	resultFile = "restored.json"  // written when everything is verified
	// Names of sockets, as old and new etcd both take them; relative to its own folder.
	clientSocket, peerSocket = "client:0", "peer:0"
	memberName               = "muster-restore"
)

// isolated is the cluster of this run's restore, whether it is there or not.
type isolated struct {
	dir   string
	token string // of the cluster; no other has it
}

func isolatedOf(ctx context.Context, t Snapshots) (isolated, error) {
	call := activities.CallFrom(ctx)
	sum := sha256.Sum256([]byte(call.Run + "\x00" + call.System + "\x00" + t.Name))
	i := isolated{
		dir:   filepath.Join(t.Spec.Area, fmt.Sprintf("%.24s-%x", safe.ReplaceAllString(call.Run, "_"), sum[:4])),
		token: fmt.Sprintf("muster-restore-%x", sum[:16]),
	}
	const longest = 107 // of a socket's path, sun_path less the final 0
	if n := len(filepath.Join(i.dir, clientSocket)); n > longest {
		return i, activities.RefusedBoth("the socket in %s would have a path of %d characters, and %d is the limit: name a shorter area in the estate",
			"%s のソケットのパスが %d 文字になり、上限の %d 文字を超える。構成台帳の area を短いパスにする", i.dir, n, longest)
	}
	return i, nil
}

func (i isolated) data() string     { return filepath.Join(i.dir, "data") }
func (i isolated) log() string      { return filepath.Join(i.dir, "server.log") }
func (i isolated) endpoint() string { return "unix://" + filepath.Join(i.dir, clientSocket) }

// guardArea refuses an area where a restore could touch a member's own files.
func guardArea(t Snapshots) error {
	area, err := filepath.EvalSymlinks(t.Spec.Area)
	if err != nil {
		return activities.RefusedBoth("the restore area of %s: %v; make the folder, closed to others",
			"%s の復元領域：%v。他者がアクセスできないフォルダーを作成する", t.Name, err)
	}
	for d := area; ; d = filepath.Dir(d) {
		if _, err := os.Lstat(filepath.Join(d, "member", "snap")); err == nil {
			return activities.RefusedBoth("the restore area %s lies in a member's data directory (%s): name a folder of its own",
				"復元領域 %s がメンバーのデータディレクトリ（%s）の中にある。専用のフォルダーを指定する", t.Spec.Area, d)
		}
		if d == filepath.Dir(d) {
			break
		}
	}
	if real, err := filepath.EvalSymlinks(t.Spec.Folder); err == nil && (within(area, real) || within(real, area)) {
		return activities.RefusedBoth("the restore area %s and %s lie in one another: name a folder of its own",
			"復元領域 %s と %s が重なっている。専用のフォルダーを指定する", t.Spec.Area, t.Spec.Folder)
	}
	return nil
}

func within(inner, outer string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && filepath.IsLocal(rel)
}

// lay makes the data directory of a new cluster of one member from the snapshot. The token
// gives it an ID of its own: no member of the live cluster would speak with it.
func (i isolated) lay(ctx context.Context, t Snapshots, file string) error {
	if err := os.Mkdir(i.dir, 0o700); err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(i.dir, markFile), []byte(activities.CallFrom(ctx).Run+"\n")); err != nil {
		return err
	}
	_, err := call(ctx, t, "snapshot", "restore", file, i.dataFlag(), "--name", memberName,
		"--initial-cluster", memberName+"=unix://"+peerSocket, "--initial-advertise-peer-urls", "unix://"+peerSocket, "--initial-cluster-token", i.token)
	return err
}

// dataFlag is how the isolated server's process, and that of the tool which makes its data,
// are told from all others.
func (i isolated) dataFlag() string { return "--data-dir=" + i.data() }

// start runs the server in a session of its own, so that it outlives this worker until it
// is discarded. It listens on two sockets in its folder, which is closed to others.
func (i isolated) start(t Snapshots, size int64) (ended <-chan error, err error) {
	at, err := server(t)
	if err != nil {
		return nil, err
	}
	log, err := os.OpenFile(i.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(at, i.dataFlag(), "--name="+memberName,
		"--listen-client-urls=unix://"+clientSocket, "--advertise-client-urls=unix://"+clientSocket,
		"--listen-peer-urls=unix://"+peerSocket, "--initial-advertise-peer-urls=unix://"+peerSocket,
		"--initial-cluster="+memberName+"=unix://"+peerSocket, "--initial-cluster-token="+i.token,
		fmt.Sprintf("--quota-backend-bytes=%d", 2*size+1<<30),
		"--heartbeat-interval=50", "--election-timeout=500", "--logger=zap")
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = i.dir, environment(), log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	over := make(chan error, 1)
	go func() { over <- cmd.Wait() }() // also reaps it, however long it lives
	return over, nil
}

// serve waits until the server answers.
func (i isolated) serve(ctx context.Context, t Snapshots, ended <-chan error) (*endpoint, error) {
	target := i.target(t)
	for {
		e := &endpoint{url: i.endpoint()}
		e.ask(ctx, target)
		if e.err == nil && e.status.Leader != 0 {
			if _, e.err = e.read(ctx, target, answerWithin); e.err == nil {
				return e, nil
			}
		}
		e.close()
		if typed(e.err) {
			return nil, e.err
		}
		select {
		case <-ended:
			return nil, fmt.Errorf("it ended right after its start: %s", i.lastWords())
		case <-ctx.Done():
			return nil, fmt.Errorf("it did not answer in time: %w", ctx.Err())
		case <-time.After(every / 2):
		}
	}
}

// target is the isolated cluster as the client takes it.
func (i isolated) target(t Snapshots) Target {
	return Target{Name: "the isolated cluster of " + t.Name, Spec: Cluster{Endpoints: []string{i.endpoint()}, User: t.Spec.User, Password: t.Spec.Password}}
}

func (i isolated) lastWords() string {
	b, err := os.ReadFile(i.log())
	if err != nil || len(b) == 0 {
		return "it left no log"
	}
	return lastLine(string(b))
}

// processes lists the live processes of the isolated cluster.
func (i isolated) processes() ([]int, error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return nil, activities.RefusedBoth("processes can't be told apart here: there is no /proc (Linux only)",
			"/proc がないためプロセスを識別できない（Linux のみ対応）")
	}
	var out []int
	for _, pid := range proc.PIDs() {
		if s, ok := proc.Read(pid); ok && !s.Ended() && i.runs(pid) {
			out = append(out, pid)
		}
	}
	return out, nil
}

func (i isolated) runs(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && slices.ContainsFunc(bytes.Split(line, []byte{0}), func(arg []byte) bool { return string(arg) == i.dataFlag() })
}

// end kills the server: nothing in it is worth an orderly end.
func (i isolated) end(ctx context.Context) error {
	for {
		pids, err := i.processes()
		if err != nil || len(pids) == 0 {
			return err
		}
		for _, pid := range pids {
			if err := i.kill(pid); err != nil {
				return fmt.Errorf("end process %d: %w", pid, err)
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%d processes of the isolated cluster are still there: %w", len(pids), ctx.Err())
		}
	}
}

func (i isolated) kill(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0) // holds on to this very process
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if !i.runs(pid) {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// remove ends the isolated cluster and takes its folder away; one that is not marked as a
// restore's is left alone.
func (i isolated) remove(ctx context.Context) error {
	if _, err := os.Lstat(i.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(i.dir, markFile)); err != nil {
		// An attempt that ended before it wrote the mark left an empty folder.
		if os.Remove(i.dir) == nil {
			return nil
		}
		return activities.RefusedBoth("%s is not a restore of muster's (it has no file %s) and is left alone",
			"%s は muster の復元先ではない（ファイル %s がない）ため、触れない", i.dir, markFile)
	}
	if err := i.end(ctx); err != nil {
		return err
	}
	return os.RemoveAll(i.dir)
}
