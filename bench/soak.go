package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	sampling = 5 * time.Second
	mb       = 1 << 20
)

// figure is something that must not grow, with what was seen of it.
type figure struct {
	name, unit string
	of         []sample
	bound      func(level float64) bound
	read       func() (float64, error)
}

// share bounds a figure by its own level: by so much of it within the events of a day. Within
// 24 hours of the clock, half as much again.
func share(of float64) func(float64) bound {
	return func(level float64) bound { return bound{day: of * level, hours: level / 2} }
}

// shareOfAnEvent bounds what an event comes to: by so much of it within the events of a day.
func shareOfAnEvent(of float64) func(float64) bound {
	return func(level float64) bound { return bound{day: of * level, hours: math.Inf(1)} }
}

// count bounds a number of things.
func count(n float64) func(float64) bound {
	return func(float64) bound { return bound{day: n, hours: 10 * n} }
}

// soak keeps a server, its engine, a site worker, viewers and programs busy at a hundred times a
// normal day's events, and fails when anything of what they hold grows. The first quarter is the
// warm-up, which is measured and not judged.
func (b *bench) soak(ctx context.Context) (err error) {
	t, err := serve()
	if err != nil {
		return err
	}
	defer t.close()
	dir := filepath.Join(b.dir, "soak")
	if err := writeSoak(dir, t); err != nil {
		return err
	}
	s, err := b.startSite(ctx, dir, "lane-0")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if log, unread := os.ReadFile(filepath.Join(dir, "muster.log")); unread == nil {
				fmt.Printf("the end of muster's log:\n%s\n", tail(log))
			}
		}
		err = errors.Join(err, s.end(ctx))
	}()
	engine := s.up.enginePID()
	if engine == 0 {
		return errors.New("the engine's process is not among those of muster up")
	}
	fmt.Printf("\nsoak: %s at %d times a normal day's %d events, %.1f a second: %d viewers, %d programs, drills in %d lanes of %d systems and %d steps, each system probed every 250 ms\n",
		b.soaking, times, normalDay, rate, soakViewers, soakReaders, soakLanes, soakSystems, soakSystems*soakSteps)

	// What ends by itself ends all; what is cut off at the end is no failure.
	ctx, stop := context.WithCancelCause(ctx)
	l := &soaked{begun: time.Now()}
	l.each.Store(soakSystems * soakSteps * 7)
	var busy sync.WaitGroup
	keep := func(f func() error) {
		busy.Go(func() {
			if err := f(); err != nil {
				stop(err)
			}
		})
	}
	defer busy.Wait()
	defer stop(nil)
	for n := range soakLanes {
		keep(func() error { return l.drill(ctx, s.up.client, n) })
	}
	for n := range soakViewers {
		keep(func() error { return l.look(ctx, s.up, n) })
	}
	for n := range soakReaders {
		keep(func() error { return l.read(ctx, s.up.client, n) })
	}

	figures := soakFigures(ctx, s, engine, dir, l, time.Now().Add(b.soaking/4))
	events, err := sampled(ctx, s, b.soaking, figures, l, b.samples)
	if err != nil {
		return err
	}
	stop(nil)
	busy.Wait()
	return judged(figures, events, b.soaking, l)
}

// soakFigures are what is looked at: of each process its memory, its threads and its files, of the
// server its goroutines too, which it tells by its metrics.
func soakFigures(ctx context.Context, s *site, engine int, dir string, l *soaked, warm time.Time) (out []*figure) {
	server, worker := s.up.process.Cmd.Process.Pid, s.worker.Cmd.Process.Pid
	for _, p := range []struct {
		name string
		pid  int
		rss  float64
	}{{"server", server, 0.05}, {"engine", engine, 0.05}, {"worker", worker, 0.05}} {
		out = append(out,
			&figure{name: p.name + ", memory", unit: "MB", bound: share(p.rss), read: func() (float64, error) { return resident(p.pid), nil }},
			&figure{name: p.name + ", open files", bound: count(5), read: func() (float64, error) { return entries(p.pid, "fd") }},
			&figure{name: p.name + ", threads", bound: count(5), read: func() (float64, error) { return entries(p.pid, "task") }})
	}
	out = append(out, &figure{name: "server, goroutines", bound: count(10), read: s.up.goroutines},
		&figure{name: "server, heap after a collection", unit: "MB", bound: share(0.05), read: s.up.heap})
	// From the end of the warm-up: what there was before, which first fills what the file had free, would be divided by ever more.
	perEvent := func(database string) func() (float64, error) {
		base, from := math.NaN(), int64(0)
		return func() (float64, error) {
			size, err := sizeOf(ctx, database)
			if math.IsNaN(base) || time.Now().Before(warm) {
				base, from = size, l.events.Load()
			}
			return (size - base) / 1024 / float64(max(l.events.Load()-from, 1)), err
		}
	}
	return append(out, &figure{name: "record store, an event", unit: "KB", bound: shareOfAnEvent(0.05), read: perEvent(filepath.Join(dir, "data", "journal.db"))},
		&figure{name: "engine's database, an event", unit: "KB", bound: shareOfAnEvent(0.05), read: perEvent(filepath.Join(dir, "data", "engine", "temporal.db"))})
}

// sampled takes every figure until the time is over. What can't be read is a failure: a figure
// that is missing proves nothing.
func sampled(ctx context.Context, s *site, within time.Duration, figures []*figure, l *soaked, keep string) (events []sample, err error) {
	out := bufio.NewWriter(nil)
	if keep != "" {
		f, err := os.Create(keep)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, out.Flush(), f.Close()) }()
		out.Reset(f)
		fmt.Fprint(out, "s,events")
		for _, f := range figures {
			fmt.Fprintf(out, ",%q", f.name)
		}
		fmt.Fprintln(out)
	}
	tick := time.NewTicker(sampling)
	defer tick.Stop()
	begun, told := time.Now(), time.Now()
	for time.Since(begun) < within {
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-s.worker.Done:
			return nil, s.worker.Failure()
		case <-s.up.process.Done:
			return nil, s.up.process.Failure()
		case <-tick.C:
		}
		at := time.Since(begun)
		events = append(events, sample{at, float64(l.events.Load())})
		line := fmt.Sprintf("%.1f,%d", at.Seconds(), l.events.Load())
		for _, f := range figures {
			v, err := f.read()
			if err != nil {
				return nil, fmt.Errorf("%s can't be read, %d drills and %s after the beginning: %w", f.name, l.drills.Load(), at.Round(time.Second), err)
			}
			f.of = append(f.of, sample{at, v})
			line += fmt.Sprintf(",%.3f", v)
		}
		if keep != "" {
			fmt.Fprintln(out, line)
		}
		if time.Since(told) > within/10 {
			told = time.Now()
			fmt.Printf("  %5.1f min: %d events, %d drills ended and %d under way, server %.0f MB, %.0f goroutines; load %s\n", at.Minutes(), l.events.Load(), l.drills.Load(), l.begunDrills.Load()-l.drills.Load(), figures[0].of[len(events)-1].value, figureNamed(figures, "server, goroutines"), load())
		}
	}
	return events, nil
}

func figureNamed(all []*figure, name string) float64 {
	for _, f := range all {
		if f.name == name && len(f.of) > 0 {
			return f.of[len(f.of)-1].value
		}
	}
	return math.NaN()
}

// judged prints every figure's row, and fails for one that grows, and for a load that was none.
func judged(figures []*figure, events []sample, within time.Duration, l *soaked) error {
	warm := within / 4
	after := func(of []sample) []sample {
		for n, s := range of {
			if s.at >= warm {
				return of[n:]
			}
		}
		return nil
	}
	judged := after(events)
	if len(judged) < 2 {
		return errors.New("it was too short to be judged")
	}
	first, last := judged[0], judged[len(judged)-1]
	was := (last.value - first.value) / (last.at - first.at).Seconds()
	speed := was / rate * times
	fmt.Printf("%d events in %d drills, %.0f times a normal day's rate after the warm-up (goal %d); %d drills ended other than recovered; %d answers of the API, %d did not come; %d pictures\n",
		l.events.Load(), l.drills.Load(), speed, times, l.bad.Load(), l.reads.Load(), l.failed.Load(), l.pictures.Load())
	fmt.Printf("%-34s %10s %22s %22s %10s\n", "", "median", "by a day's events", "by 24 h, at least", "")
	var wrong, untold []string
	for _, f := range figures {
		of := after(f.of)
		values := make([]float64, len(of))
		for n, s := range of {
			values[n] = s.value
		}
		limit := f.bound(middle(values))
		g := judge(of, limit, speed)
		held := "held"
		switch {
		case !g.told:
			held = "too short"
			untold = append(untold, f.name)
		case !g.held:
			held = "GROWS"
			wrong = append(wrong, f.name)
		}
		fmt.Printf("%-34s %7.2f %-2s %+9.2f, at most %.2f %+9.2f, at most %.2f %10s\n", f.name, g.level, f.unit, g.byDay, limit.day, g.byHour, limit.hours, held)
	}
	switch {
	case speed < 0.95*times: // what waits for a machine that does not keep up grows by that alone
		return fmt.Errorf("this machine took %.0f times a normal day's events only, %d were to be: nothing is shown by it (%d drills under way at the end; not held: %s)",
			speed, times, l.begunDrills.Load()-l.drills.Load(), strings.Join(wrong, "; "))
	case len(wrong) > 0:
		return fmt.Errorf("grows: %s", strings.Join(wrong, "; "))
	case len(untold) > 0:
		return fmt.Errorf("it was too short to tell of: %s", strings.Join(untold, "; "))
	case 100*l.failed.Load() > l.reads.Load():
		return fmt.Errorf("%d answers did not come of %d", l.failed.Load(), l.failed.Load()+l.reads.Load())
	case l.bad.Load() > 0:
		return fmt.Errorf("%d of %d drills did not end recovered", l.bad.Load(), l.drills.Load())
	}
	return nil
}

// entries counts what a process has in a folder of its own in /proc.
func entries(pid int, folder string) (float64, error) {
	all, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), folder))
	return float64(len(all)), err
}

// sizeOf is the bytes of an SQLite database's pages, those still in its log included: the files
// themselves grow by leaps, when the log is written back.
func sizeOf(ctx context.Context, path string) (total float64, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	err = db.QueryRowContext(ctx, "select page_count * page_size from pragma_page_count, pragma_page_size").Scan(&total)
	return total, err
}

func (u *up) goroutines() (float64, error) { return u.metric("go_goroutines") }

// heap is what the last collection left: memory without what waits to be collected.
func (u *up) heap() (float64, error) {
	next, err := u.metric("go_memstats_next_gc_bytes")
	return next / 2 / mb, err // GOGC is 100: it collects when what was left has doubled
}

func (u *up) metric(name string) (float64, error) {
	req, err := http.NewRequest(http.MethodGet, u.at+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+u.token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if v, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			return strconv.ParseFloat(v, 64)
		}
	}
	return 0, fmt.Errorf("%s/metrics has no %s: %s", u.at, name, res.Status)
}

// enginePID is the engine's process; 0 when there is none.
func (u *up) enginePID() int {
	for _, pid := range u.processes() {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil && strings.TrimSpace(string(b)) == "muster-engine" {
			return pid
		}
	}
	return 0
}
