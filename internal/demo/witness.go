package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/child"
)

// witnessBinary is the name of the program that knows nothing of muster.
const witnessBinary = "muster-witness"

// seen is what the witness found out at the end (muster-witness --check).
type seen struct {
	Attempts   int     `json:"attempts"`
	Acked      int     `json:"acked"`
	Rows       int     `json:"rows"`
	Missing    int     `json:"missing"`
	LongestGap float64 `json:"longest_gap_s"`
	Gaps       []gap   `json:"gaps"`
	Writable   string  `json:"writable"`
}

// gap is a stretch between two acknowledged writes.
type gap struct {
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Seconds float64   `json:"s"`
}

// startWitness starts the witness and waits until its first writes were acknowledged.
func (d *demo) startWitness(ctx context.Context) (*child.Process, error) {
	binary, err := d.beside(witnessBinary)
	if err != nil {
		return nil, err
	}
	p, err := child.Start("the witness", d.path(WitnessLog), binary, d.witnessEnv(), d.witnessArgs("--stdin")...)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, errors.New(d.Lang.T("the witness wrote nothing within 20 s; see %s", "立会い用の書き込みクライアントが20秒以内に1件も書き込めませんでした。%s を確認してください", p.Log)))
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for d.acknowledged() < 5 {
		select {
		case <-p.Done:
			return nil, p.Failure()
		case <-ctx.Done():
			return p, context.Cause(ctx)
		case <-tick.C:
		}
	}
	return p, nil
}

// acknowledged counts the successes in the witness's log so far.
func (d *demo) acknowledged() (n int) {
	b, err := os.ReadFile(d.path(ClientLog))
	if err != nil {
		return 0
	}
	b = b[:bytes.LastIndexByte(b, '\n')+1]
	records, err := csv.NewReader(bytes.NewReader(b)).ReadAll()
	if err != nil {
		return 0
	}
	for _, r := range records {
		if len(r) > 2 && r[2] == "true" {
			n++
		}
	}
	return n
}

func (d *demo) witnessArgs(more ...string) []string {
	args := []string{"--csv", d.path(ClientLog)}
	for _, s := range d.cluster.servers() {
		args = append(args, "--to", s.Name+"="+d.cluster.address(s))
	}
	return append(args, more...)
}

func (d *demo) witnessEnv() []string {
	return append(os.Environ(), "PGPASSWORD="+d.cluster.pair.Password)
}

// closeWitness ends the writing and lets the witness count what became of its rows.
func (d *demo) closeWitness(ctx context.Context) (seen, error) {
	if d.witness.Ended() {
		return seen{}, d.witness.Failure()
	}
	if err := d.witness.End(ctx); err != nil {
		return seen{}, err
	}
	if err := d.witness.Err; err != nil {
		return seen{}, d.witness.Failure()
	}
	cmd := exec.CommandContext(ctx, d.witness.Cmd.Path, d.witnessArgs("--check")...)
	cmd.Env = d.witnessEnv()
	var out, talk strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Run(); err != nil {
		return seen{}, fmt.Errorf("%s: %w: %s", d.Lang.T("ask the witness", "立会いの記録の照会"), err, strings.TrimSpace(talk.String()))
	}
	var s seen
	if err := json.Unmarshal([]byte(out.String()), &s); err != nil {
		return seen{}, fmt.Errorf("%s: %w", d.Lang.T("the witness's answer is not understood", "立会いの記録を解釈できません"), err)
	}
	return s, nil
}
