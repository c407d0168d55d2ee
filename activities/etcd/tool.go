package etcd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/activities"
)

// program finds one of etcd's programs.
func program(t Snapshots, name string) (string, error) {
	if t.Spec.Bin != "" {
		name = filepath.Join(t.Spec.Bin, name)
	}
	return exec.LookPath(name)
}

// tool is the program that reads and restores snapshots: etcdutl, and etcdctl where etcd is
// of the days before it (3.4 and older).
func tool(t Snapshots) (string, error) {
	for _, name := range []string{"etcdutl", "etcdctl"} {
		if at, err := program(t, name); err == nil {
			return at, nil
		}
	}
	return "", activities.RefusedBoth("neither etcdutl nor etcdctl is here to read snapshots of %s: install etcd-client (its name in Debian and Ubuntu), or name their directory in the estate (bin)",
		"%s のスナップショットを読む etcdutl も etcdctl もない。etcd-client（Debian・Ubuntu のパッケージ名）を導入するか、構成台帳の bin にディレクトリを指定する", t.Name)
}

// server is the program that an isolated cluster runs.
func server(t Snapshots) (string, error) {
	at, err := program(t, "etcd")
	if err != nil {
		return "", activities.RefusedBoth("etcd is not here to run what is restored of %s: install etcd-server (its name in Debian and Ubuntu), or name its directory in the estate (bin)",
			"%s から復元したものを動かす etcd がない。etcd-server（Debian・Ubuntu のパッケージ名）を導入するか、構成台帳の bin にディレクトリを指定する", t.Name)
	}
	return at, nil
}

// call runs the tool and returns what it prints. It gets none of the worker's variables:
// etcd's programs take every setting from ETCD_ ones.
func call(ctx context.Context, t Snapshots, args ...string) ([]byte, error) {
	at, err := tool(t)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, at, args...)
	cmd.Env = environment()
	cmd.WaitDelay = 5 * time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s was ended: %w", filepath.Base(at), ctx.Err())
		}
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(at), err, lastLine(stderr.String()+"\n"+stdout.String()))
	}
	return stdout.Bytes(), nil
}

func environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "ETCDCTL_API=3", "LC_ALL=C"}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	last := lines[len(lines)-1]
	return last[:min(len(last), 500)]
}

// inside is what a snapshot's file holds, as etcd's own program reads it.
type inside struct {
	Revision int64 `json:"revision"`
}

func read(ctx context.Context, t Snapshots, file string) (inside, error) {
	var out inside
	text, err := call(ctx, t, "snapshot", "status", file, "--write-out=json")
	if err == nil {
		if json.Unmarshal(text, &out) != nil || out.Revision < 1 {
			err = fmt.Errorf("the tool prints no revision: %.200q", text)
		}
	}
	return out, err
}
