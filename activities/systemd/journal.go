package systemd

import (
	"context"
	"io"
	osexec "os/exec"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

const (
	wordLines = "10"
	wordBytes = 2 << 10
)

// lastWords is what the journal has last of one start of the unit, its own lines and
// systemd's about it, as the end of a sentence.
func (m *manager) lastWords(ctx context.Context, s State) plan.Text {
	if s.Invocation == "" {
		return activities.Lacking("; it was never started", "。一度も起動されていない")
	}
	// What the unit itself said comes into the journal apart from what systemd says of it, and later.
	own := "_SYSTEMD_INVOCATION_ID=" + s.Invocation
	_, _ = m.words(ctx, time.Second, own)
	words, err := m.words(ctx, 2*time.Second, own, "+", "INVOCATION_ID="+s.Invocation, "+", "USER_INVOCATION_ID="+s.Invocation)
	switch {
	case words != "":
		return activities.Lacking("; the last of its journal:\n%s", "。ジャーナルの末尾：\n%s", words)
	case err == io.EOF:
		return activities.Lacking("; its journal has nothing of it, or this site worker may not read it", "。ジャーナルに記録がないか、拠点のワーカーに読み取り権限がない")
	}
	return activities.Lacking("; its journal can't be read: %v", "。ジャーナルを読み取れない：%v", err)
}

// words are the last of the journal that match; io.EOF says that there are none within that time.
func (m *manager) words(ctx context.Context, within time.Duration, match ...string) (words string, err error) {
	args := []string{"--no-pager", "--quiet", "--output", "cat", "--lines", wordLines}
	if m.t.Spec.Journal != "" {
		args = append(args, "--directory", m.t.Spec.Journal)
	}
	args = append(args, match...)
	// The journal follows the unit's state by a moment.
	err = activities.Until(ctx, within, 100*time.Millisecond, func(ctx context.Context) (err error) {
		if words, err = output(ctx, "journalctl", args...); err == nil && words == "" {
			err = io.EOF
		}
		return err
	})
	return words, err
}

// output is the end of what a program prints, which is bounded.
func output(within context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithCancel(within)
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
	if within.Err() != nil {
		return "", within.Err()
	}
	if len(b) > wordBytes {
		b = b[len(b)-wordBytes:]
	}
	return strings.TrimSpace(strings.ToValidUTF8(string(b), "\uFFFD")), nil
}
