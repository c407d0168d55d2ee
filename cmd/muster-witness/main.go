// Command muster-witness is an independent witness of an outage. It writes rows to a
// PostgreSQL system through whichever of its servers takes writes and logs every
// attempt; afterwards it counts what became of the acknowledged ones. It shares no code
// with muster's probes, not even the database driver, so that the two can check each
// other.
//
//	muster-witness --to tokyo=postgres://… --to osaka=postgres://… --csv client.csv
//	muster-witness --to … --csv client.csv --check
//
// The log has the columns at,seq,ok,latency_ms,error. An attempt is "ok" when a server
// acknowledged the commit. at is when the attempt ended, RFC 3339 in UTC with
// microseconds, taken from a monotonic clock that was set once at the start.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

const (
	exitFault = 1 // could not do its work
	exitUsage = 2 // mistake in the call
)

func main() { os.Exit(realMain(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// servers collects repeated --to flags.
type servers []server

func (s *servers) String() string { return "" }

func (s *servers) Set(v string) error {
	name, url, ok := strings.Cut(v, "=")
	if !ok || name == "" || !strings.HasPrefix(url, "postgres") {
		return errors.New("want NAME=postgres://user@host:port/database")
	}
	*s = append(*s, server{name: name, url: url})
	return nil
}

func realMain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var (
		to    servers
		flags = flag.NewFlagSet("muster-witness", flag.ContinueOnError)
		csv   = flags.String("csv", "client.csv", "log of the attempts: written, or read with --check")
		every = flags.Duration("every", 50*time.Millisecond, "time between attempts; at most one is in flight")
		bound = flags.Duration("bound", time.Second, "longest an attempt may take, connecting included")
		most  = flags.Duration("for", time.Hour, "stop after this long")
		ready = flags.Duration("ready", 30*time.Second, "longest to wait for the first server that takes writes")
		hold  = flags.Bool("stdin", false, "stop when standard input ends, so as never to outlive the parent")
		check = flags.Bool("check", false, "print what became of the acknowledged rows, as JSON, and stop")
		since = flags.String("since", "", "with --check: also tell the first success after this time (RFC 3339)")
	)
	flags.Var(&to, "to", "a server as NAME=postgres://user@host:port/database; repeat it for each")
	flags.SetOutput(stderr)
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if len(to) == 0 || flags.NArg() > 0 || *every <= 0 || *bound <= 0 {
		_, _ = fmt.Fprintln(stderr, "muster-witness: need --to NAME=postgres://… for each server, positive times and no other arguments (--help lists the flags)")
		return exitUsage
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var err error
	if *check {
		err = printCheck(ctx, stdout, to, *csv, *since)
	} else {
		ctx, cancel := context.WithTimeout(ctx, *most)
		defer cancel()
		if *hold {
			go func() {
				_, _ = io.Copy(io.Discard, stdin)
				cancel()
			}()
		}
		err = witness(ctx, to, *csv, *every, *bound, *ready)
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "muster-witness:", err)
		return exitFault
	}
	return 0
}

func printCheck(ctx context.Context, out io.Writer, to []server, path, since string) error {
	var after time.Time
	if since != "" {
		var err error
		if after, err = time.Parse(time.RFC3339Nano, since); err != nil {
			return fmt.Errorf("--since %q is not a time such as 2026-11-22T10:00:00Z", since)
		}
	}
	found, err := checkLog(ctx, to, path, after)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(found)
}
