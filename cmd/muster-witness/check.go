package main

import (
	"context"
	"database/sql/driver"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"
)

// gap is a stretch without a success, between two successes.
type gap struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Seconds float64 `json:"s"`
}

// checked is what --check prints. Times are those of the log.
type checked struct {
	Attempts int `json:"attempts"`
	Acked    int `json:"acked"`
	Rows     int `json:"rows"` // of the table where it takes writes now
	// Missing counts rows that were acknowledged and are not there. A row that was sent
	// and never answered is neither lost nor kept, and not counted.
	Missing     int     `json:"missing"`
	MissingSeqs []int64 `json:"missing_seqs"` // the first hundred
	LongestGap  float64 `json:"longest_gap_s"`
	Gaps        []gap   `json:"gaps"` // of a quarter of a second and more, longest first
	// FirstAfter is the first success after --since.
	FirstAfter string `json:"first_ok_after,omitempty"`
	// Writable names the server that the rows were read from.
	Writable string `json:"writable"`
}

const shownGap = 250 * time.Millisecond

func checkLog(ctx context.Context, to []server, path string, since time.Time) (checked, error) {
	found := checked{MissingSeqs: []int64{}, Gaps: []gap{}}
	acked, err := readLog(path, since, &found)
	if err != nil {
		return checked{}, err
	}
	kept, err := readRows(ctx, to, &found)
	if err != nil {
		return checked{}, err
	}
	found.Acked, found.Rows = len(acked), len(kept)
	for _, seq := range acked {
		if kept[seq] {
			continue
		}
		if found.Missing++; len(found.MissingSeqs) < 100 {
			found.MissingSeqs = append(found.MissingSeqs, seq)
		}
	}
	return found, nil
}

// readLog returns the acknowledged numbers and fills in what the log alone tells.
func readLog(path string, since time.Time, found *checked) (acked []int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	log := csv.NewReader(f)
	log.FieldsPerRecord = len(header)
	first, err := log.Read()
	if err != nil || !slices.Equal(first, header) {
		return nil, fmt.Errorf("%s is no log of a witness: its first line is not %v", path, header)
	}
	var last time.Time
	for {
		record, err := log.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		line, _ := log.FieldPos(0)
		at, errAt := time.Parse(time.RFC3339Nano, record[0])
		seq, errSeq := strconv.ParseInt(record[1], 10, 64)
		ok, errOK := strconv.ParseBool(record[2])
		if err := errors.Join(errAt, errSeq, errOK); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, line, err)
		}
		found.Attempts++
		if !ok {
			continue
		}
		acked = append(acked, seq)
		if !since.IsZero() && found.FirstAfter == "" && at.After(since) {
			found.FirstAfter = record[0]
		}
		if !last.IsZero() {
			took := at.Sub(last)
			found.LongestGap = max(found.LongestGap, took.Seconds())
			if took >= shownGap {
				found.Gaps = append(found.Gaps, gap{From: last.Format(stamp), To: record[0], Seconds: took.Seconds()})
			}
		}
		last = at
	}
	slices.SortStableFunc(found.Gaps, func(a, b gap) int {
		switch {
		case a.Seconds > b.Seconds:
			return -1
		case a.Seconds < b.Seconds:
			return 1
		}
		return 0
	})
	return acked, nil
}

// readRows reads the table back from the server that takes writes. If both say they do,
// or none, nobody can say what was kept, and that is an error.
func readRows(ctx context.Context, to []server, found *checked) (map[int64]bool, error) {
	var rows map[int64]bool
	var errs []error
	for _, s := range to {
		deadline := time.Now().Add(30 * time.Second)
		if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
			deadline = d
		}
		conn, err := s.connect(deadline)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
			continue
		}
		kept, err := rowsOf(conn, deadline)
		conn.drop()
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		case kept == nil: // a standby
		case rows != nil:
			return nil, fmt.Errorf("both %s and %s take writes: what was kept depends on whom one asks", found.Writable, s.name)
		default:
			rows, found.Writable = kept, s.name
		}
	}
	if rows == nil {
		return nil, fmt.Errorf("no server takes writes, so nothing can be said about lost rows: %w", errors.Join(errs...))
	}
	return rows, nil
}

// rowsOf is nil for a server that takes no writes.
func rowsOf(s *session, deadline time.Time) (map[int64]bool, error) {
	readOnly := true
	err := s.query(deadline, func(v []driver.Value) { readOnly = text(v[0]) == "on" }, `SHOW transaction_read_only`)
	if err != nil || readOnly {
		return nil, err
	}
	kept := map[int64]bool{}
	err = s.query(deadline, func(v []driver.Value) {
		if seq, ok := v[0].(int64); ok {
			kept[seq] = true
		}
	}, `SELECT seq FROM witness`)
	return kept, err
}

func text(v driver.Value) string {
	switch v := v.(type) {
	case []byte:
		return string(v)
	case string:
		return v
	}
	return ""
}
