package redis

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/redislink"
)

// fileLimits reads the limits of a server of this host from its configuration file.
func fileLimits(t Target) (limits, error) {
	b, err := os.ReadFile(t.Spec.Config)
	if err != nil {
		return limits{}, fmt.Errorf("the configuration file of %s: %w", t.Name, err)
	}
	l, port := limitsIn(string(b))
	if _, want, _ := net.SplitHostPort(redislink.Address(t.Spec)); port != want && !t.Spec.TLS {
		return limits{}, activities.RefusedBoth("%s is of a server on port %s, and the estate has %s on %s: correct config or port there",
			"%s はポート %s のサーバーの設定だが、構成台帳では %s のポートは %s である。構成台帳の config または port を修正する", t.Spec.Config, port, t.Name, want)
	}
	return l, nil
}

// fenceFile puts the fence at the end of the configuration file, where it counts. The file
// keeps its owner; a line that was cut off keeps the server from starting at all.
func fenceFile(t Target) error {
	l, err := fileLimits(t)
	if err != nil || l.kept() {
		return err
	}
	l = l.raised().written()
	f, err := os.OpenFile(t.Spec.Config, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return activities.RefusedBoth("the configuration file of %s: %v", "%s の設定ファイル：%v", t.Name, err)
	}
	_, err = fmt.Fprintf(f, "\n# fenced by muster\nmin-replicas-max-lag %d\nmin-replicas-to-write %d\n", l.lag, l.replicas)
	return errors.Join(err, f.Sync(), f.Close())
}

// listener is the process of this host that listens on the server's port; 0 is none. It
// is found by the kernel's own tables, so that a frozen one is found too.
func listener(ctx context.Context, t Target) (pid int, err error) {
	// The socket of a process that is ending is there a little longer than its files.
	for range 20 {
		if pid, err = listenerNow(t); err == nil || !isGuard(err) || wait(ctx, tick) != nil {
			break
		}
	}
	return pid, err
}

func listenerNow(t Target) (int, error) {
	_, port, err := net.SplitHostPort(redislink.Address(t.Spec))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return 0, err
	}
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		b, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) && table != "/proc/net/tcp" {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("whether %s runs can't be seen: %w", t.Name, err)
		}
		for line := range strings.Lines(string(b)) {
			const local, state, inode, listens = 1, 3, 9, "0A"
			w := strings.Fields(line)
			if len(w) <= inode || w[state] != listens {
				continue
			}
			_, at, _ := strings.Cut(w[local], ":")
			if raw, err := hex.DecodeString(at); err == nil && len(raw) == 2 && uint64(raw[0])<<8|uint64(raw[1]) == n {
				sockets["socket:["+w[inode]+"]"] = true
			}
		}
	}
	if len(sockets) == 0 {
		return 0, nil
	}
	var found []int
	for _, pid := range proc.PIDs() {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if slices.ContainsFunc(files, func(f string) bool {
			to, err := os.Readlink(f)
			return err == nil && sockets[to]
		}) {
			found = append(found, pid)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
	default:
		return 0, activities.RefusedBoth("processes %v listen on the port of %s, on several addresses: which is the server can't be told",
			"プロセス %v が %s のポートを複数のアドレスで待ち受けており、どれがサーバーか判断できない", found, t.Name)
	}
	return 0, activities.RefusedBoth("a process listens on the port of %s, and the worker may not see which: run the worker as root or as the server's user",
		"%s のポートを待ち受けるプロセスがあるが、ワーカーの権限では特定できない。ワーカーを root かサーバーの実行ユーザーで動かす", t.Name)
}

// starting reports whether a server of this host was begun with the file and does not serve
// yet, so that it may have read the file before the fence was in it. Until a server
// listens, its command line is the one it was started with.
func starting(t Target) bool {
	file := []byte(filepath.Base(t.Spec.Config))
	return slices.ContainsFunc(proc.PIDs(), func(pid int) bool {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
		return isServer(program) && bytes.Contains(line, file)
	})
}

// isServer reports whether a program file is a Redis server's. Debian has redis-server as
// another name of redis-check-rdb.
func isServer(program string) bool {
	name := filepath.Base(program)
	return strings.HasPrefix(name, "redis-") || strings.HasPrefix(name, "valkey-")
}

// endListener kills the server that hangs on this host, if it runs.
func endListener(ctx context.Context, t Target) error {
	pid, err := listener(ctx, t)
	if err != nil || pid == 0 {
		return err
	}
	program, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return fmt.Errorf("what listens on the port of %s: %w", t.Name, err)
	}
	if !isServer(program) {
		return activities.RefusedBoth("process %d on the port of %s runs %s, which is no Redis server: correct the estate",
			"プロセス %d（%s のポート）は %s を実行しており、Redis サーバーではない。構成台帳を修正する", pid, t.Name, program)
	}
	was := proc.Identity(pid)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return activities.RefusedBoth("process %d of %s can't be ended: %v", "プロセス %d（%s）を終了できない：%v", pid, t.Name, err)
	}
	return activities.Until(ctx, 10*time.Second, tick, func(context.Context) error {
		if s, ok := proc.Read(pid); ok && !s.Ended() && proc.Identity(pid) == was {
			return fmt.Errorf("process %d of %s was killed and is still there", pid, t.Name)
		}
		return nil
	})
}
