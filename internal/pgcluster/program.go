package pgcluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/serviceuser"
)

// outputCap bounds what is kept of a program's output: its end, where the reason is.
const outputCap = 64 << 10

// places are where packages put a server's program.
var places = []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres",
	"/usr/local/pgsql/bin/postgres", "/opt/homebrew/opt/postgresql@*/bin/postgres"}

// installed are the directories that hold a PostgreSQL server, the newest first, and last the one on PATH.
func installed() []string {
	var found []string
	for _, glob := range places {
		m, _ := filepath.Glob(glob)
		found = append(found, m...)
	}
	sort.SliceStable(found, func(i, j int) bool { return version(found[i]) > version(found[j]) })
	if p, err := exec.LookPath("postgres"); err == nil {
		found = append(found, p)
	}
	for n, p := range found {
		found[n] = filepath.Dir(p)
	}
	return found
}

// FindBin returns the newest directory below the usual places, or on PATH, that
// holds a PostgreSQL server.
func FindBin() (string, error) {
	if found := installed(); len(found) > 0 {
		return found[0], nil
	}
	return "", errors.New("no PostgreSQL server programs found: install them (Debian/Ubuntu: apt-get install postgresql) or name their directory")
}

// version is the last number in a path such as /usr/lib/postgresql/15/bin/postgres; 0 where it has none.
func version(path string) int {
	v := 0
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '/' || r == '-' || r == '@' }) {
		if n, err := strconv.Atoi(part); err == nil {
			v = n
		}
	}
	return v
}

// FindBinFor is FindBin for a data directory: of several versions side by side only its own can work on
// it. Where there are no data yet, or no such programs, it is the newest; Versions tells the latter.
func FindBinFor(data string) (string, error) {
	if major, err := DataVersion(data); err == nil && major > 0 {
		if bin, ok := FindBinOf(major); ok {
			return bin, nil
		}
	}
	return FindBin()
}

// FindBinOf returns a directory of the programs of one major version.
func FindBinOf(major int) (string, bool) {
	for _, bin := range installed() {
		v := version(bin)
		if v == 0 { // its path does not tell
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			v, _ = (&Instance{Bin: bin}).ProgramVersion(ctx)
			cancel()
		}
		if v == major {
			return bin, true
		}
	}
	return "", false
}

// DataVersion is the major version that a data directory is of; 0 where there is none.
func DataVersion(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(b)))
}

// calls is how a server's program calls itself before its version, in PostgreSQL's own words or a vendor's.
var calls = regexp.MustCompile(`\) (\d+)`)

// ProgramVersion is the major version of the server's program; 0 where what it calls itself does not tell.
func (i *Instance) ProgramVersion(ctx context.Context) (int, error) {
	out, err := i.Run(ctx, nil, "postgres", "--version")
	if err != nil {
		return 0, err
	}
	said := calls.FindStringSubmatch(out)
	if said == nil {
		return 0, nil
	}
	return strconv.Atoi(said[1])
}

// Versions are the major versions of the server's data, 0 where there are none, and of its programs, 0 where they do not tell.
func (i *Instance) Versions(ctx context.Context) (data, programs int, err error) {
	if data, err = DataVersion(i.Data); err == nil {
		programs, err = i.ProgramVersion(ctx)
	}
	return data, programs, err
}

// Own gives path to the service user, when this process is not already that user.
func (i *Instance) Own(path string) error { return serviceuser.Own(path, i.RunAs) }

// command prepares one of the server's programs: as the service user, in a process
// group of its own, without this process's PG* variables.
func (i *Instance) command(ctx context.Context, program string, args ...string) (*exec.Cmd, error) {
	cred, err := serviceuser.Credential(i.RunAs)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(i.Bin, program), args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + i.Bin + ":/usr/local/bin:/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", "HOME=/", "PGAPPNAME=muster"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: cred}
	return cmd, nil
}

// Run runs one of the server's programs (pg_rewind, pg_basebackup, ...) to its end
// and returns the end of what it printed. It ends with ctx, with all its children.
// env is added to the program's environment; secrets go there, never into args.
func (i *Instance) Run(ctx context.Context, env []string, program string, args ...string) (string, error) {
	out := &tail{cap: outputCap}
	err := i.run(ctx, env, out, out, program, args...)
	return strings.ToValidUTF8(out.String(), "?"), err
}

// answerCap bounds what Answer returns.
const answerCap = 16 << 20

// Answer is Run for a program whose whole answer is wanted: what it printed to standard
// output.
func (i *Instance) Answer(ctx context.Context, env []string, program string, args ...string) ([]byte, error) {
	out, said := &tail{cap: answerCap}, &tail{cap: outputCap}
	if err := i.run(ctx, env, out, said, program, args...); err != nil {
		return nil, err
	}
	if out.cut {
		return nil, fmt.Errorf("%s answers more than %d MB", program, answerCap>>20)
	}
	return out.buf.Bytes(), nil
}

func (i *Instance) run(ctx context.Context, env []string, out, said *tail, program string, args ...string) error {
	cmd, err := i.command(ctx, program, args...)
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = out, said
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err = cmd.Run()
	text := strings.ToValidUTF8(said.String(), "?")
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s was ended: %w%s", program, context.Cause(ctx), lastLines(text))
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%s is not in %s: install the PostgreSQL server programs or correct the bin directory", program, i.Bin)
	}
	return fmt.Errorf("%s: %w%s", program, err, lastLines(text))
}

// tail keeps the last cap bytes written to it.
type tail struct {
	cap int
	buf bytes.Buffer
	cut bool
}

func (t *tail) Write(p []byte) (int, error) {
	n := len(p)
	if len(p) > t.cap {
		p, t.cut = p[len(p)-t.cap:], true
	}
	if over := t.buf.Len() + len(p) - t.cap; over > 0 {
		t.buf.Next(over)
		t.cut = true
	}
	t.buf.Write(p)
	return n, nil
}

func (t *tail) String() string {
	if t.cut {
		return "[...]" + t.buf.String()
	}
	return t.buf.String()
}

// lastLines is the end of a program's output as the end of an error. What it died of is in it, also where
// hints follow that are of no use without.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	end := max(0, len(lines)-4)
	said := slices.Clone(lines[end:])
	for _, l := range lines[max(0, end-8):end] {
		if strings.Contains(l, "FATAL:") || strings.Contains(l, "PANIC:") {
			said[0] = l
		}
	}
	for i, l := range said {
		if len(l) > 250 {
			said[i] = strings.ToValidUTF8(l[:250], "") + "..."
		}
	}
	return ": " + strings.Join(said, " | ")
}
