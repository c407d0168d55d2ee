package main

import (
	"context"
	"database/sql/driver"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

var header = []string{"at", "seq", "ok", "latency_ms", "error"}

const stamp = "2006-01-02T15:04:05.000000Z07:00"

// clock tells the wall's time of its making plus what has passed since on the monotonic
// clock: a step of the machine's clock can't make or hide an outage.
type clock struct{ start time.Time }

func (c clock) now() time.Time { return c.start.Add(time.Since(c.start)).UTC() }

// writer makes attempts, one after the other. It stays with the server that took the last
// row; after a failure the other one is asked first.
type writer struct {
	servers []server
	at      int // index of the server to ask first
	open    *session
	bound   time.Duration
}

// witness writes rows until ctx ends and logs each attempt, a line as it ends.
func witness(ctx context.Context, to []server, path string, every, bound, ready time.Duration) error {
	w := &writer{servers: to, bound: bound}
	defer w.leave()
	last, err := w.prepare(ctx, ready)
	if err != nil {
		return err
	}
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	log := csv.NewWriter(out)
	put := func(record []string) error {
		if err := log.Write(record); err != nil {
			return err
		}
		log.Flush()
		return log.Error()
	}
	if err := put(header); err != nil {
		return err
	}

	clock := clock{time.Now()}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for seq := last + 1; ; seq++ {
		select {
		case <-ctx.Done():
			return out.Close()
		case <-tick.C:
		}
		began := time.Now()
		failed := w.attempt(seq)
		took, text := time.Since(began), ""
		if failed != nil {
			text = strings.Join(strings.Fields(plain(failed)), " ")
		}
		err := put([]string{
			clock.now().Format(stamp), strconv.FormatInt(seq, 10), strconv.FormatBool(failed == nil),
			strconv.FormatFloat(float64(took)/float64(time.Millisecond), 'f', 3, 64), text,
		})
		if err != nil {
			return errors.Join(err, out.Close())
		}
	}
}

// attempt tries to write one row on each server in turn, within the bound for all of them
// together. A row that was sent and not answered is not tried elsewhere: nobody knows
// what became of it.
func (w *writer) attempt(seq int64) error {
	end := time.Now().Add(w.bound)
	var errs []string
	for i := range w.servers {
		share := time.Until(end) / time.Duration(len(w.servers)-i)
		deadline := time.Now().Add(share)
		name := w.servers[w.at].name
		sent, err := w.write(deadline, seq)
		if err == nil {
			return nil
		}
		errs = append(errs, name+": "+plain(err))
		w.leave()
		w.at = (w.at + 1) % len(w.servers)
		if sent && !refusal(err) {
			break
		}
	}
	return errors.New(strings.Join(errs, "; "))
}

// write reports whether the row was sent, whatever came of it.
func (w *writer) write(deadline time.Time, seq int64) (sent bool, err error) {
	if err := w.connect(deadline); err != nil {
		return false, err
	}
	return true, w.open.exec(deadline, `INSERT INTO witness (seq, at) VALUES ($1, clock_timestamp())`, seq)
}

func (w *writer) connect(deadline time.Time) error {
	if w.open != nil {
		return nil
	}
	s, err := w.servers[w.at].connect(deadline)
	if err == nil {
		w.open = s
	}
	return err
}

func (w *writer) leave() {
	if w.open != nil {
		w.open.drop()
		w.open = nil
	}
}

// prepare makes the table on the first server that takes writes and returns the highest
// number in it. Rows of an earlier witness stay.
func (w *writer) prepare(ctx context.Context, within time.Duration) (last int64, err error) {
	end := time.Now().Add(within)
	retry := time.NewTicker(100 * time.Millisecond)
	defer retry.Stop()
	for {
		deadline := time.Now().Add(2 * time.Second)
		if err = w.connect(deadline); err == nil {
			err = w.open.exec(deadline, `CREATE TABLE IF NOT EXISTS witness (seq bigint PRIMARY KEY, at timestamptz NOT NULL)`)
		}
		if err == nil {
			err = w.open.query(deadline, func(v []driver.Value) { last, _ = v[0].(int64) }, `SELECT coalesce(max(seq), 0) FROM witness`)
		}
		if err == nil {
			return last, nil
		}
		err = fmt.Errorf("no server takes writes; the last answer, of %s: %s", w.servers[w.at].name, plain(err))
		w.leave()
		w.at = (w.at + 1) % len(w.servers)
		if time.Now().After(end) {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, err
		case <-retry.C:
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
