package mycluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/serviceuser"
)

// Programs by the names that they have had, MariaDB's first.
var (
	Server  = []string{"mariadbd", "mysqld"}
	Client  = []string{"mariadb", "mysql"}
	Dump    = []string{"mariadb-dump", "mysqldump"}
	Install = []string{"mariadb-install-db", "mysql_install_db"}
)

// outputCap bounds what is kept of a program's output: its end, where the reason is.
const outputCap = 64 << 10

// Find is the path of a program that has one of the names.
func (i *Instance) Find(names []string) (string, error) {
	dirs := []string{i.Bin}
	if i.Bin == "" {
		dirs = append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/bin", "/usr/libexec", "/usr/local/mysql/bin", "/usr/local/sbin", "/usr/local/bin")
	}
	for _, name := range names {
		for _, dir := range dirs {
			if st, err := os.Stat(filepath.Join(dir, name)); err == nil && !st.IsDir() {
				return filepath.Join(dir, name), nil
			}
		}
	}
	if i.Bin != "" {
		return "", missing(plan.Say("%s is not in %s: install the server's programs or correct bin",
			"%[2]s に %[1]s がない。サーバーのプログラムを導入するか、bin を修正する", names[0], i.Bin))
	}
	return "", missing(plan.Say("%s is not on this host: install the server's programs (Debian/Ubuntu: apt-get install mariadb-server) or name their directory",
		"このホストに %s がない。サーバーのプログラムを導入する（Debian・Ubuntu では apt-get install mariadb-server）か、ディレクトリを指定する", names[0]))
}

// missing is a program that is not there, with the way out.
type missing plan.Text

func (m missing) Error() string   { return m.EN }
func (m missing) Said() plan.Text { return plan.Text(m) }

// Own gives path to the service user, when this process is not already that user.
func (i *Instance) Own(path string) error { return serviceuser.Own(path, i.RunAs) }

// OwnDir makes a directory of the service user's, closed to others.
func (i *Instance) OwnDir(path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return i.Own(path)
}

// program prepares one of the server's programs: as the service user, in a process group of
// its own, without this process's variables.
func (i *Instance) program(ctx context.Context, names []string, args ...string) (*exec.Cmd, error) {
	path, err := i.Find(names)
	if err != nil {
		return nil, err
	}
	cred, err := serviceuser.Credential(i.RunAs)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: cred}
	return cmd, nil
}

// Run runs one of the server's programs to its end and returns the end of what it printed.
// It ends with ctx, with all its children.
func (i *Instance) Run(ctx context.Context, names []string, args ...string) (string, error) {
	out := &tail{cap: outputCap}
	err := i.Pipe(ctx, nil, nil, out, names, args...)
	return strings.ToValidUTF8(out.String(), "?"), err
}

// Pipe runs one of the server's programs between in and out. env is added to its
// environment; secrets go there, never into args.
func (i *Instance) Pipe(ctx context.Context, env []string, in io.Reader, out io.Writer, names []string, args ...string) error {
	cmd, err := i.program(ctx, names, args...)
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, env...)
	return run(ctx, cmd, in, out)
}

// command runs a command of the estate's, as this process's user.
func (i *Instance) command(ctx context.Context, argv []string) error {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return run(ctx, cmd, nil, io.Discard)
}

func run(ctx context.Context, cmd *exec.Cmd, in io.Reader, out io.Writer) error {
	said := &tail{cap: outputCap}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, said
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := cmd.Run()
	name, text := filepath.Base(cmd.Path), strings.ToValidUTF8(said.String(), "?")
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s was ended: %w%s", name, context.Cause(ctx), lastLines(text))
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s is not on this host: %w", name, err)
	}
	return fmt.Errorf("%s: %w%s", name, err, lastLines(text))
}

// tail keeps the last cap bytes written to it.
type tail struct {
	cap int
	buf bytes.Buffer
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	p = p[max(0, len(p)-t.cap):]
	if over := t.buf.Len() + len(p) - t.cap; over > 0 {
		t.buf.Next(over)
	}
	t.buf.Write(p)
	return n, nil
}

func (t *tail) String() string { return t.buf.String() }

// lastLines is the end of a program's output as the end of an error.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	joined := strings.Join(lines[max(0, len(lines)-4):], " | ")
	if len(joined) > 600 {
		joined = "..." + joined[len(joined)-600:]
	}
	if joined == "" {
		return ""
	}
	return ": " + joined
}
