package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
)

// fork is where a timeline was left for the next one.
type fork struct {
	timeline uint32
	at       pgcluster.LSN
}

// forks reads a timeline's history: the timelines that it goes back to, oldest first.
func forks(history string) []fork {
	var out []fork
	for line := range strings.Lines(history) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		n, err := strconv.ParseUint(fields[0], 10, 32)
		at, lerr := pgcluster.ParseLSN(fields[1])
		if err == nil && lerr == nil {
			out = append(out, fork{uint32(n), at})
		}
	}
	return out
}

// historyOf is the history of the highest timeline that a server's files know of, which its
// control file shows only after a checkpoint; 1 has none.
func historyOf(i *pgcluster.Instance) (timeline uint32, from []fork, err error) {
	timeline = 1
	files, err := filepath.Glob(filepath.Join(i.Data, "pg_wal", "*.history"))
	if err != nil {
		return 0, nil, err
	}
	newest := ""
	for _, f := range files {
		n, err := strconv.ParseUint(strings.TrimSuffix(filepath.Base(f), ".history"), 16, 32)
		if err == nil && uint32(n) > timeline {
			timeline, newest = uint32(n), f
		}
	}
	if newest == "" {
		return timeline, nil, nil
	}
	b, err := os.ReadFile(newest)
	return timeline, forks(string(b)), err
}

// apart reports whether a timeline is none that the primary behind c, which is on timeline
// of, goes back to: two servers that were promoted apart from one another may have given
// theirs the same number.
func apart(ctx context.Context, c *pglink.Conn, of int, timeline uint32, from []fork) (bool, error) {
	if of == 1 {
		return false, nil
	}
	var history *string
	if err := ask(ctx, c, "SELECT convert_from(pg_read_binary_file($1, 0, 1048576, true), 'UTF8')", []any{fmt.Sprintf("pg_wal/%08X.history", of)}, &history); err != nil || history == nil {
		return false, err
	}
	theirs := forks(*history)
	if int(timeline) < of {
		left := slices.IndexFunc(theirs, func(f fork) bool { return f.timeline == timeline })
		if left < 0 {
			return true, nil
		}
		theirs = theirs[:left]
	}
	return !slices.Equal(from, theirs), nil
}

// another reports whether the log of a server at its latest checkpoint, on timeline of, is not
// what the primary behind c has there on the same timeline: two that were promoted at one
// position have the same history. Log that one of them does not keep any more proves nothing.
func another(ctx context.Context, c *pglink.Conn, i *pgcluster.Instance, ctl pgcluster.Control, of int) (bool, error) {
	if int(ctl.Timeline) != of || of == 1 {
		return false, nil
	}
	const header = 24 // of a record, its checksum included
	var name string
	var offset int64
	var theirs []byte
	err := ask(ctx, c, `SELECT file_name, file_offset, pg_read_binary_file('pg_wal/' || file_name, file_offset, $2, true) FROM pg_walfile_name_offset($1::text::pg_lsn)`,
		[]any{ctl.Checkpoint.String(), header}, &name, &offset, &theirs)
	if err != nil || len(theirs) < header {
		return false, err
	}
	f, err := os.Open(filepath.Join(i.Data, "pg_wal", name))
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	ours := make([]byte, header)
	if _, err := f.ReadAt(ours, offset); err != nil {
		return false, err
	}
	return !slices.Equal(ours, theirs), nil
}
