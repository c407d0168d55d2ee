// Command muster-engine is the workflow engine that `muster up` runs beside itself.
//
// When it answers it writes how to reach it, as one line of JSON, on stdout. It stops
// on SIGTERM, on SIGINT, and when the pipe that is its stdin closes: it does not
// outlive whoever started it.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"
	_ "time/tzdata" // schedules name zones, and the host may know none

	"go.temporal.io/sdk/worker"

	"github.com/muster-dr/muster/engine"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			os.Exit(2)
		}
		fmt.Fprintln(os.Stderr, "muster-engine:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	// The server's own workers would else read this whole file to make a checksum.
	worker.SetBinaryChecksum("muster-engine")
	syscall.Umask(0o077) // the files hold every payload

	o := engine.Options{Log: slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})}
	flags := flag.NewFlagSet("muster-engine", flag.ContinueOnError)
	flags.StringVar(&o.Dir, "dir", "", "data directory (required)")
	flags.IntVar(&o.Port, "port", 0, "port for clients, on loopback; 0 is the last one or any free one")
	flags.IntVar(&o.UIPort, "ui-port", 0, "port of the web UI, on loopback; 0 is the last one or any free one")
	throwAway := flags.Bool("discard", false, "remove the data when stdin closes (for tests)")
	flags.BoolVar(&o.TimeSkipping, "time-skipping", false, "let workflows be told to skip the time that they wait (for simulations)")
	flags.TextVar(&o.LogLevel, "log-level", slog.LevelWarn, "lowest level at which Temporal is heard: debug, info, warn, error")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	if o.Dir == "" || flags.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "muster-engine: --dir DIRECTORY is needed, and nothing else")
		flags.Usage()
		return flag.ErrHelp
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go untilParentEnds(func() { cancel(errParentEnded) })

	e, err := engine.Start(ctx, o)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(e.Endpoint); err != nil {
		return errors.Join(err, e.Stop())
	}
	<-ctx.Done()
	stop() // a second signal ends it at once
	if *throwAway && errors.Is(context.Cause(ctx), errParentEnded) {
		return e.Discard()
	}

	// What the server does not finish in time is safe: it is as after a power failure.
	time.AfterFunc(15*time.Second, func() {
		fmt.Fprintln(os.Stderr, "muster-engine: did not stop within 15 s and was cut off")
		os.Exit(1)
	})
	return e.Stop()
}

var errParentEnded = errors.New("stdin was closed")

// untilParentEnds waits for the end of a pipe or socket on stdin. A terminal or
// /dev/null is nobody to depend on.
func untilParentEnds(end func()) {
	info, err := os.Stdin.Stat()
	if err != nil || info.Mode()&(os.ModeNamedPipe|os.ModeSocket) == 0 {
		return
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	end()
}
