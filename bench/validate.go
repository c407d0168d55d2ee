package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// validate measures the check of a large bundle, the program's start included.
func (b *bench) validate(ctx context.Context) error {
	const systems, scenarios = 200, 50
	dir := filepath.Join(b.dir, "large")
	runbooks, err := writeLarge(dir, systems, scenarios)
	if err != nil {
		return err
	}
	fmt.Printf("\nmuster validate: %d systems, %d runbooks, %d scenarios\n", systems, runbooks, scenarios)
	fmt.Printf("%8s %10s %10s\n", "wall s", "CPU s", "RSS MB")
	for range 3 {
		cmd := exec.CommandContext(ctx, filepath.Join(b.bin, "muster"), "validate", dir)
		began := time.Now()
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Errorf("muster validate: %w\n%s", err, tail(out))
		}
		wall := time.Since(began)
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		fmt.Printf("%8.3f %10.3f %10.1f\n", wall.Seconds(), cpu.Seconds(), float64(usage.Maxrss)/1024) // kB on Linux
	}
	return nil
}

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }
