package exec

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"

	"github.com/muster-dr/muster/activities"
)

const (
	gateShell = "/bin/sh"
	// gateLine becomes the program when a line comes, and ends with nothing done when the worker is gone before.
	gateLine = `IFS= read -r go <&3 || exit 125; exec 3<&-; exec "$@"`
)

// gate holds an effect's program back until the ledger has its session: without it a worker that ends in between
// leaves a program that nobody knows of. nil is none.
type gate struct{ ours, theirs *os.File }

// behindGate puts a program behind a gate. What is no effect, can't be found, has no shell on its machine or a variable
// that the shell would lose is started as it is.
func behindGate(ctx context.Context, cmd *exec.Cmd) (*gate, error) {
	if activities.CallFrom(ctx).EffectKey == "" || cmd.Err != nil {
		return nil, nil
	}
	if _, err := exec.LookPath(activities.ProgramFile(cmd.Path, cmd.Dir)); err != nil {
		return nil, nil // its start says what is wrong
	}
	if _, err := exec.LookPath(gateShell); err != nil || slices.ContainsFunc(cmd.Env, lostInShell) {
		return nil, nil
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Args = append([]string{"sh", "-c", gateLine, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path, cmd.ExtraFiles = gateShell, []*os.File{theirs}
	return &gate{ours, theirs}, nil
}

var shellName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)

// lostInShell reports whether a shell, as dash does, would keep a variable from the program: one whose name it can't use itself.
func lostInShell(variable string) bool { return !shellName.MatchString(variable) }

// up lets the program begin.
func (g *gate) up() error {
	if g == nil {
		return nil
	}
	_, err := g.ours.WriteString("\n")
	return errors.Join(err, g.leave())
}

// leave lets nothing begin any more.
func (g *gate) leave() error {
	if g == nil {
		return nil
	}
	return errors.Join(g.ours.Close(), g.theirs.Close())
}
