// Command bench measures the goals of docs/performance.md on this machine: the step
// interpreter beside a minimal scheduler and bash, the outage of a failover beside the
// shortest script that does it, the check of a large bundle of plan files, what a server and a site
// worker need when idle and when it probes 100 systems, a restore test of 1 GB, how fast an
// alarm calls people, 5,000 people who answer at once, the evidence of 5,000 steps,
// how soon an event is acknowledged in each kind of record store, and pages over a history of ten years;
// and, asked for by name, whether anything grows in 20 minutes at a hundred times a normal day's rate. It needs
// bin/muster, bin/muster-engine and bin/muster-witness (`make build`) and takes some
// minutes. Times are this machine's, under the load it has now: use them as ratios.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// bench is what the measurements share.
type bench struct {
	bin      string        // folder of the programs
	dir      string        // scratch
	runs     int           // of an outage
	largest  int           // number of steps
	named    string        // pattern of the workloads' names
	restored int           // MB, of a restore test
	window   time.Duration // of a site worker's figures
	crowd    int           // people who answer
	answers  time.Duration // within which they do
	years    int           // of a history
	soaking  time.Duration // of a soak
	samples  string        // file for what a soak saw
}

func main() {
	if dir := os.Getenv(serveBoardIn); dir != "" {
		if err := serveBoard(context.Background(), dir); err != nil {
			fmt.Fprintln(os.Stderr, "bench: board:", err)
			os.Exit(1)
		}
		return
	}
	only := flag.String("only", "interpreter,outage,validate,idle,server,probes,restore,alarm,people,board,evidence,store,history", "what to measure")
	bin := flag.String("bin", "bin", "folder with muster, muster-engine and muster-witness")
	runs := flag.Int("runs", 5, "how often an outage is measured")
	largest := flag.Int("largest", 1000, "largest number of steps of the interpreter")
	named := flag.String("workload", "*", "pattern of the interpreter's workloads, such as chain-*")
	restored := flag.Int("restore-mb", 1024, "size of the database that is restored")
	window := flag.Duration("window", time.Minute, "for how long a site worker is watched")
	crowd := flag.Int("people", 5000, "how many people answer the safety check")
	answers := flag.Duration("answers", time.Minute, "the time within which they answer")
	years := flag.Int("years", 10, "how long a history is")
	soaking := flag.Duration("soak", 20*time.Minute, "how long the soak lasts, its warm-up included")
	samples := flag.String("samples", "", "file for every figure that the soak takes, as CSV")
	bound := flag.Duration("within", 40*time.Minute, "give up after this long")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *bound)
	defer cancel()
	if err := measure(ctx, strings.Split(*only, ","), bench{bin: *bin, runs: *runs, largest: *largest, named: *named, restored: *restored, window: *window, crowd: *crowd, answers: *answers, years: *years, soaking: *soaking, samples: *samples}); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measure(ctx context.Context, what []string, b bench) (err error) {
	if b.bin, err = filepath.Abs(b.bin); err != nil {
		return err
	}
	for _, name := range []string{"muster", "muster-engine", "muster-witness"} {
		if _, err := os.Stat(filepath.Join(b.bin, name)); err != nil {
			return fmt.Errorf("%s is not in %s: run `make build`", name, b.bin)
		}
	}
	// PostgreSQL's service user has to reach it.
	if b.dir, err = os.MkdirTemp("", "muster-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(b.dir) }()
	if err := os.Chmod(b.dir, 0o755); err != nil {
		return err
	}
	fmt.Printf("%s, %d cores, load %s\n", time.Now().UTC().Format("2006-01-02 15:04 MST"), runtime.NumCPU(), load())
	parts := map[string]func(context.Context) error{"interpreter": b.interpreter, "outage": b.outage, "validate": b.validate,
		"idle": b.idle, "server": b.server, "probes": b.probes, "restore": b.restore, "alarm": b.alarm, "people": b.people, "board": b.board, "evidence": b.evidence, "store": b.store, "history": b.history, "soak": b.soak}
	for _, w := range what {
		part, ok := parts[w]
		if !ok {
			return fmt.Errorf("-only %s is none of interpreter, outage, validate, idle, server, probes, restore, alarm, people, board, evidence, store, history, soak", w)
		}
		if err := part(ctx); err != nil {
			return fmt.Errorf("%s: %w", w, err)
		}
	}
	fmt.Printf("\nload at the end %s\n", load())
	return nil
}

// load is the machine's, as a remark beside the figures.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(b))[:3], " ")
}
