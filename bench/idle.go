package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// settling is how long a process may take to get over its start, or a run over its own.
const settling = 10 * time.Second

// idle prints what a site worker needs that has nothing to do but wait for orders.
func (b *bench) idle(ctx context.Context) error {
	dir := filepath.Join(b.dir, "idle")
	if err := writeProbed(filepath.Join(dir, "plans"), nil); err != nil {
		return err
	}
	s, err := b.startSite(ctx, dir, "watched")
	if err != nil {
		return err
	}
	defer func() { _ = s.end(ctx) }()
	if err := pause(ctx, settling); err != nil {
		return err
	}
	fmt.Printf("\nidle site worker, through the gateway of a muster up with the embedded engine\n")
	fmt.Printf("%8s %10s %12s %10s\n", "window s", "CPU s", "% of a core", "RSS MB")
	for range 3 {
		f, err := watch(ctx, s.worker, b.window)
		if err != nil {
			return err
		}
		fmt.Printf("%8.0f %10.2f %12.2f %10.1f\n", f.wall.Seconds(), f.cpu.Seconds(), f.percent(), f.rss)
	}
	return nil
}
