// Command faults runs the fault matrix in the root of the repository and prints one table:
// the row, the fault, what must hold, the result and the seconds. It fails when a row
// does, when a test that a row names does not exist, or when one was skipped.
//
// With -planted it plants the defect of each row into a copy of the tree and expects the
// row's test, which holds there without it, to fail; -record keeps which did. With -write it writes docs/faults.md into a
// folder and runs nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/matrix"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := do(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "faults:", err)
		os.Exit(1)
	}
}

func do(ctx context.Context) error {
	part := flag.String("part", "all", "quick, long or all")
	only := flag.String("rows", "", "numbers of rows, with commas; all without")
	within := flag.Duration("within", 30*time.Minute, "what has not ended then has failed")
	planted := flag.Bool("planted", false, "plant each row's defect into a copy, and expect its test to fail")
	record := flag.Bool("record", false, "with -planted: keep which tests noticed, in "+matrix.RecordFile)
	write := flag.String("write", "", "write faults.md into this folder")
	flag.Parse()

	rows, err := chosen(*only)
	if err != nil {
		return err
	}
	if *write != "" {
		return os.WriteFile(filepath.Join(*write, "faults.md"), []byte(matrix.Document(matrix.Rows(), matrix.Shown())), 0o644)
	}
	if _, err := os.Stat("go.mod"); err != nil {
		return fmt.Errorf("%w: start it in the root of the repository", err)
	}
	if *planted {
		return plant(ctx, rows, *within, *record)
	}
	p := matrix.Part(*part)
	if !slices.Contains([]matrix.Part{matrix.Quick, matrix.Long, matrix.All}, p) {
		return fmt.Errorf("-part %s is none of quick, long, all", *part)
	}
	verdicts, err := matrix.Run(ctx, ".", rows, p, *within, os.Stderr)
	if err != nil {
		return err
	}
	results, failed := matrix.Results(rows, p, verdicts)
	for proof, v := range verdicts {
		if v.Outcome != matrix.Held {
			fmt.Fprintf(os.Stderr, "\n== %s: %s\n%s", proof, v.Outcome, v.End())
		}
	}
	matrix.Table(os.Stdout, results)
	if failed > 0 {
		return fmt.Errorf("%d of %d rows failed", failed, len(results))
	}
	return nil
}

func chosen(only string) ([]matrix.Row, error) {
	all := matrix.Rows()
	if only == "" {
		return all, nil
	}
	var out []matrix.Row
	for _, word := range strings.Split(only, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		i := slices.IndexFunc(all, func(r matrix.Row) bool { return r.N == n })
		if err != nil || i < 0 {
			return nil, fmt.Errorf("-rows: %q is no row; they are 1 to %d", word, len(all))
		}
		out = append(out, all[i])
	}
	return out, nil
}

func plant(ctx context.Context, rows []matrix.Row, within time.Duration, record bool) error {
	var unnoticed []error
	trials, err := matrix.PlantAll(ctx, ".", rows, within, os.Stdout, func(r matrix.Row, t matrix.Trial) error {
		if !record {
			return nil
		}
		return matrix.Record(".", r, t, time.Now())
	})
	for _, r := range rows {
		if t, tried := trials[r.N]; tried && !t.Noticed {
			unnoticed = append(unnoticed, fmt.Errorf("row %d: %s did not notice: %s", r.N, r.Plant.By, r.Plant.Breaks))
		}
	}
	return errors.Join(append(unnoticed, err)...)
}
