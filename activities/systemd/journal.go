package systemd

import (
	"context"
	"io"
	osexec "os/exec"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
)

const (
	wordLines = "10"
	wordBytes = 2 << 10
)

// lastWords is what the journal has last of one start of the unit, its own lines and
// systemd's about it, as the end of a sentence.
func (m *manager) lastWords(ctx context.Context, s State) string {
	if s.Invocation == "" {
		return "; it was never started"
	}
	args := []string{"--no-pager", "--quiet", "--output", "cat", "--lines", wordLines}
	if m.t.Spec.Journal != "" {
		args = append(args, "--directory", m.t.Spec.Journal)
	}
	args = append(args, "_SYSTEMD_INVOCATION_ID="+s.Invocation, "+", "INVOCATION_ID="+s.Invocation, "+", "USER_INVOCATION_ID="+s.Invocation)
	var words string
	// The journal follows the unit's state by a moment.
	err := activities.Until(ctx, 2*time.Second, 100*time.Millisecond, func(ctx context.Context) (err error) {
		if words, err = output(ctx, "journalctl", args...); err == nil && words == "" {
			err = io.EOF
		}
		return err
	})
	switch {
	case words != "":
		return "; the last of its journal:\n" + words
	case err == io.EOF:
		return "; its journal has nothing of it, or this site worker may not read it"
	}
	return "; its journal can't be read: " + err.Error()
}

// output is the end of what a program prints, which is bounded.
func output(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := osexec.CommandContext(ctx, program, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	b, _ := io.ReadAll(io.LimitReader(out, 1<<20))
	cancel() // whatever it still wants to say
	_ = cmd.Wait()
	if len(b) > wordBytes {
		b = b[len(b)-wordBytes:]
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(b), "\uFFFD")), nil
}
