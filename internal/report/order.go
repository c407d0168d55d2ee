package report

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// placed is an event at the time that a report gives it. A writer's events keep their
// numbers' order even when the engine's clock was set back between them; such an event
// counts as no earlier than the one before it, so that no span comes out negative.
type placed struct {
	at time.Time
	run.Event
}

// inOrder returns the events in the order in which a report reads them: by time, then
// writer, then number, each once.
func inOrder(events []run.Event) []placed {
	events = slices.Clone(events)
	slices.SortStableFunc(events, func(a, b run.Event) int {
		return cmp.Or(cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
	})
	events = slices.CompactFunc(events, func(a, b run.Event) bool { return a.Writer == b.Writer && a.Seq == b.Seq })
	line := make([]placed, len(events))
	for i, e := range events {
		e.At = e.At.UTC()
		line[i] = placed{e.At, e}
		if i > 0 && events[i-1].Writer == e.Writer && line[i-1].at.After(e.At) {
			line[i].at = line[i-1].at
		}
	}
	slices.SortStableFunc(line, func(a, b placed) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
	})
	return line
}

// writersOf counts the events of each writer, by name.
func writersOf(events []run.Event) []Writer {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b run.Event) int {
		return cmp.Or(cmp.Compare(a.Writer, b.Writer), cmp.Compare(a.Seq, b.Seq))
	})
	out := []Writer{}
	receipts := Writer{Name: "channel"} // of many small writers, told as one
	said := Writer{Name: strings.TrimSuffix(run.PeopleWriter, "/")}
	for i, e := range sorted {
		if strings.HasPrefix(e.Writer, run.PeopleWriter) { // each has one event
			said.Events++
			continue
		}
		if strings.HasPrefix(e.Writer, "channel/") {
			receipts.Events++
			if i+1 == len(sorted) || sorted[i+1].Writer != e.Writer {
				receipts.Missing += e.Seq
			}
			continue
		}
		if n := len(out); n == 0 || out[n-1].Name != e.Writer {
			out = append(out, Writer{Name: e.Writer})
		}
		w := &out[len(out)-1]
		w.Events++
		w.Missing = e.Seq - int64(w.Events)
	}
	if said.Events > 0 {
		out = append(out, said)
	}
	if receipts.Events > 0 {
		receipts.Missing -= int64(receipts.Events)
		out = append(out, receipts)
	}
	slices.SortStableFunc(out, func(a, b Writer) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// digest is the hash of the journal that an auditor computes again. Record stores may
// keep JSON with other spaces and in another order of keys; the digest does not see it.
func digest(events []run.Event) (string, error) {
	sum := sha256.New()
	for _, e := range events {
		if len(e.Data) > 0 {
			d := json.NewDecoder(bytes.NewReader(e.Data))
			d.UseNumber()
			var v any = string(e.Data) // what is no JSON counts as the text it is
			if json.Valid(e.Data) {
				if err := d.Decode(&v); err != nil {
					return "", err
				}
			}
			sorted, err := json.Marshal(v)
			if err != nil {
				return "", err
			}
			e.Data = sorted
		}
		line, err := json.Marshal(e)
		if err != nil {
			return "", err
		}
		sum.Write(append(line, '\n'))
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
