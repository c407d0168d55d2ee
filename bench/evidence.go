package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/evidence/example"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// evidence measures the sealing of a run of 5,000 steps, the making of its bundle, and
// `muster verify` of it, the program's start included.
func (b *bench) evidence(ctx context.Context) error {
	const steps, runs = 5000, 3
	dir := filepath.Join(b.dir, "evidence")
	store, err := journal.Open(ctx, "sqlite:"+filepath.Join(dir, "journal.db"))
	if err != nil {
		return err
	}
	defer store.Close()
	p, err := example.Plan(steps)
	if err != nil {
		return err
	}
	if err := store.PutPlan(ctx, p); err != nil {
		return err
	}
	k := keep.New(keep.Options{Dir: filepath.Join(dir, "seal"), Attachments: dir, Store: store, Version: "bench"})
	defer k.Close()
	if err := k.Round(ctx); err != nil { // begins the log
		return err
	}
	fmt.Printf("\nevidence: a run of %d steps\n%10s %10s %10s %10s %10s %10s %10s\n", steps, "events", "seal s", "bundle s", "MB", "verify s", "CPU s", "RSS MB")
	for n := range runs {
		id := fmt.Sprintf("tokyo-loss-%d", n+1)
		events := example.Events(id, run.Drill, p)
		if err := store.Append(ctx, events); err != nil {
			return err
		}
		began := time.Now()
		if err := k.Round(ctx); err != nil {
			return err
		}
		sealed := time.Since(began)
		began = time.Now()
		bundle, err := k.Bundle(ctx, id, keep.BundleOptions{})
		if err != nil {
			return err
		}
		made := time.Since(began)
		path, key := filepath.Join(dir, id+".zip"), filepath.Join(dir, "key.pub")
		public, _, err := keep.PublicKey(filepath.Join(dir, "seal"))
		if err == nil {
			err = os.WriteFile(key, []byte(public+"\n"), 0o600)
		}
		if err == nil {
			err = os.WriteFile(path, bundle, 0o600)
		}
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "muster"), "verify", path, "--key", key)
		cmd.Dir = dir
		began = time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("muster verify: %w\n%s", err, tail(out))
		}
		wall := time.Since(began)
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		fmt.Printf("%10d %10.3f %10.3f %10.2f %10.3f %10.3f %10.1f\n", len(events), sealed.Seconds(), made.Seconds(), float64(len(bundle))/(1<<20), wall.Seconds(), cpu.Seconds(), float64(usage.Maxrss)/1024)
	}
	return nil
}
