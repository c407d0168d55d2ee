package mycluster_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mycluster"
)

// A container's server calls its data directory what ours does. It is another directory,
// and its server not ours, whether it works there already or was only told to.
func TestAContainersServerIsNotOurs(t *testing.T) {
	dir := t.TempDir()
	i := &mycluster.Instance{Name: "ours", Data: filepath.Join(dir, "data")}
	if err := os.Mkdir(i.Data, 0o755); err != nil {
		t.Fatal(err)
	}
	shell, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "mariadbd") // a process is known by its program's name
	if err := os.WriteFile(program, shell, 0o755); err != nil {
		t.Fatal(err)
	}
	serve := fmt.Sprintf(`exec %s -c 'echo up; read end' --datadir=%s`, program, i.Data)
	for name, c := range map[string]struct {
		script string
		want   int
	}{
		"works there":                     {"cd " + i.Data + " && " + serve, 1},
		"was told to":                     {serve, 1},
		"works there, in a container":     {"mount -t tmpfs none " + i.Data + " && cd " + i.Data + " && " + serve, 0},
		"was told to, in a container":     {"mount -t tmpfs none " + i.Data + " && " + serve, 0},
		"works in ours, from a container": {"mkdir " + i.Data + "/../other; mount --bind " + i.Data + " " + i.Data + "/../other && cd " + i.Data + "/../other && " + serve, 1},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, "unshare", "--user", "--map-root-user", "--mount", "sh", "-c", c.script)
			var said strings.Builder
			cmd.Stderr = &said
			end, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatalf("unshare (package util-linux): %v", err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
				t.Fatalf("the container's server says %q, %v; %s", line, err, said.String())
			}
			found, err := i.Processes()
			if err != nil || len(found) != c.want {
				t.Errorf("processes = %v, %v, want %d", found, err, c.want)
			}
			if len(found) == 1 && found[0].PID != cmd.Process.Pid {
				t.Errorf("found process %d, want %d", found[0].PID, cmd.Process.Pid)
			}
			end.Close()
			if err := cmd.Wait(); err == nil { // its shell says that nothing was read
				t.Error("the server ended by itself")
			}
		})
	}
}
