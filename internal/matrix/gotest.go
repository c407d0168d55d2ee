package matrix

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Outcome is what became of a proof.
type Outcome string

// Outcomes of a proof. All but Held fail its row.
const (
	Held    Outcome = "held"
	Failed  Outcome = "failed"
	Skipped Outcome = "skipped"
	Absent  Outcome = "no such test"
	Unended Outcome = "not ended"
)

// Verdict is a proof's outcome, with what its test said.
type Verdict struct {
	Outcome Outcome
	Seconds float64
	Said    string
}

// event is a line of go test -json.
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64
}

// maxSaid bounds what is kept of a test's output, in bytes: what it says first may be a long line.
const maxSaid = 256 << 10

// End is the end of what a test said, which says most.
func (v Verdict) End() string { return v.Said[max(0, len(v.Said)-8<<10):] }

// judge reads what go test -json says of one package, and gives the verdict of each proof.
func judge(r io.Reader, proofs []Proof) (map[Proof]Verdict, error) {
	began, ended, said := map[string]bool{}, map[string]Verdict{}, map[string]string{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			said[""] = tail(said[""] + lines.Text() + "\n") // of a build that failed
			continue
		}
		switch e.Action {
		case "run":
			began[e.Test] = true
		case "output", "build-output":
			said[e.Test] = tail(said[e.Test] + e.Output)
		case "pass":
			ended[e.Test] = Verdict{Outcome: Held, Seconds: e.Elapsed}
		case "fail":
			ended[e.Test] = Verdict{Outcome: Failed, Seconds: e.Elapsed}
		case "skip":
			ended[e.Test] = Verdict{Outcome: Skipped, Seconds: e.Elapsed}
		}
	}
	out := map[Proof]Verdict{}
	for _, p := range proofs {
		v, ok := ended[p.Test]
		switch {
		case ok:
			v.Said = said[p.Test]
			for name, text := range said {
				if strings.HasPrefix(name, p.Test+"/") && ended[name].Outcome == v.Outcome {
					v.Said = tail(v.Said + text)
				}
			}
		case !ok && began[p.top()] && ended[p.top()].Outcome != Held:
			v = Verdict{Outcome: Unended, Said: said[p.top()] + said[""]}
		case !ok:
			v = Verdict{Outcome: Absent, Said: said[""]}
		}
		out[p] = v
	}
	return out, lines.Err()
}

func tail(s string) string { return s[max(0, len(s)-maxSaid):] }

// runPackage runs the proofs of one package, in the tree at root; more are flags of go test.
// Those that need the previous release are not mixed with others.
func runPackage(ctx context.Context, root, pkg string, proofs []Proof, within time.Duration, more ...string) (map[Proof]Verdict, error) {
	var names []string
	for _, p := range proofs {
		if n := regexp.QuoteMeta(p.top()); !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	dir, path := root, "./"+pkg
	if pkg == "engine" || strings.HasPrefix(pkg, "engine/") { // a module of its own
		dir, path = filepath.Join(root, "engine"), "./"+strings.TrimPrefix(strings.TrimPrefix(pkg, "engine"), "/")
	}
	if proofs[0].Previous {
		more = append(more, "-tags", "previous")
	}
	args := slices.Concat([]string{"test", "-json", "-count=1", "-vet=off", "-timeout", within.String(), "-run", "^(" + strings.Join(names, "|") + ")$"}, more, []string{path})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) } // go test ends what it started
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	verdicts, err := judge(out, proofs)
	exit := new(exec.ExitError)
	if waited := cmd.Wait(); waited != nil && !errors.As(waited, &exit) && ctx.Err() == nil {
		err = errors.Join(err, fmt.Errorf("go test %s: %w", path, waited))
	}
	return verdicts, err
}
