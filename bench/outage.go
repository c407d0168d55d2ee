package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/demo"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/pgcluster"
)

// shortest is the shortest script that takes over: no check, no fence, no record. What
// "reconnects" is the witness, in both cases.
const shortest = `
set -e
main=$(head -1 "$TOKYO/postmaster.pid")
kill -9 $main $(pgrep -P $main)
"$BIN/pg_ctl" promote -D "$OSAKA" >/dev/null
`

// outage prints what the witness saw of the shortest script, from the kill on, and of
// muster's machine part, from the recovery order on: both include the reconnecting.
func (b *bench) outage(ctx context.Context) error {
	fmt.Printf("\noutage seen by the witness (a write every 50 ms), two PostgreSQL servers of the same make\n")
	fmt.Printf("%4s %16s %24s %18s\n", "run", "bash script s", "muster, from the order s", "muster's report s")
	var script, ours []float64
	for n := range b.runs {
		s, err := b.scripted(ctx, n)
		if err != nil {
			return fmt.Errorf("the bash script: %w", err)
		}
		m, reported, err := b.drilled(ctx, n)
		if err != nil {
			return fmt.Errorf("the demo: %w", err)
		}
		script, ours = append(script, s), append(ours, m)
		fmt.Printf("%4d %16.3f %24.3f %18.3f\n", n+1, s, m, reported)
	}
	fmt.Printf("median %14.3f %24.3f   ratio %.2f (goal 1.5, aim 1.1)\n", median(script), median(ours), median(ours)/median(script))
	return nil
}

// scripted kills and promotes by script while a witness writes.
func (b *bench) scripted(ctx context.Context, n int) (seconds float64, err error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("script-%d", n))
	pair, err := pgcluster.Create(ctx, pgcluster.Options{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer func() {
		for _, s := range []*pgcluster.Instance{pair.Primary, pair.Standby} {
			_, kill := s.Kill(context.WithoutCancel(ctx))
			err = errors.Join(err, kill)
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	log := filepath.Join(b.dir, fmt.Sprintf("script-%d.csv", n))
	args := []string{"--csv", log}
	for _, s := range []*pgcluster.Instance{pair.Primary, pair.Standby} {
		args = append(args, "--to", fmt.Sprintf("%s=postgres://%s@%s:%d/postgres?sslmode=disable", s.Name, pair.User, s.Host, s.Port))
	}
	env := append(os.Environ(), "PGPASSWORD="+pair.Password)
	w, err := child.Start("the witness", log+".log", filepath.Join(b.bin, "muster-witness"), env, append(args, "--stdin")...)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, w.End(context.WithoutCancel(ctx))) }()
	if err := grown(ctx, w, log, 40); err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, "bash", "-c", shortest)
	if as := pair.Primary.RunAs; as != "" {
		cmd = exec.CommandContext(ctx, "setpriv", "--reuid="+as, "--regid="+as, "--init-groups", "bash", "-c", shortest)
	}
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TOKYO=" + pair.Primary.Data, "OSAKA=" + pair.Standby.Data, "BIN=" + pair.Primary.Bin}
	at := time.Now().UTC()
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	if err := grown(ctx, w, log, 40); err != nil {
		return 0, err
	}
	if err := w.End(ctx); err != nil {
		return 0, err
	}
	check := exec.CommandContext(ctx, filepath.Join(b.bin, "muster-witness"), append(args, "--check", "--since", at.Format(time.RFC3339Nano))...)
	check.Env = env
	out, err := check.Output()
	if err != nil {
		return 0, err
	}
	var seen struct {
		Longest float64 `json:"longest_gap_s"`
	}
	if err := json.Unmarshal(out, &seen); err != nil {
		return 0, err
	}
	return seen.Longest, nil
}

// drilled runs the demo and returns the machine's part, as the witness saw it and as
// the report says.
func (b *bench) drilled(ctx context.Context, n int) (witness, reported float64, err error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("demo-%d", n))
	var talk strings.Builder
	err = demo.Run(ctx, demo.Options{Dir: dir, Lang: i18n.EN, Out: io.Discard, Talk: &talk, Binary: filepath.Join(b.bin, "muster")})
	if err != nil {
		return 0, 0, fmt.Errorf("%w\n%s", err, tail([]byte(talk.String())))
	}
	text, err := os.ReadFile(filepath.Join(dir, demo.WitnessCheck))
	if err != nil {
		return 0, 0, err
	}
	var found struct {
		Witness *float64 `json:"witness_machine_s"`
		Report  *float64 `json:"report_machine_s"`
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return 0, 0, err
	}
	if found.Witness == nil || found.Report == nil {
		return 0, 0, fmt.Errorf("the witness saw no outage that spans the recovery order: %s", text)
	}
	return *found.Witness, *found.Report, os.RemoveAll(dir)
}

// grown waits until the witness's log has so many successes more.
func grown(ctx context.Context, w *child.Process, log string, more int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the witness got nothing written within a minute"))
	defer cancel()
	count := func() int {
		b, _ := os.ReadFile(log) // not there yet: nothing written
		return strings.Count(string(b), ",true,")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for from := count(); count() < from+more; {
		select {
		case <-w.Done:
			return w.Failure()
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if n := len(s); n%2 == 1 {
		return s[n/2]
	} else if n > 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return 0
}
