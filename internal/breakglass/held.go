package breakglass

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Held is what a file that comes back says that it holds. Nothing is made sure of.
type Held struct {
	Back
	Runs    []string `json:"runs"`
	Records int      `json:"records"` // events of the runs
	// First and Last are the times of the oldest and the newest of them; nil where there is none.
	First *time.Time `json:"first,omitempty"`
	Last  *time.Time `json:"last,omitempty"`
	// Removed are runs whose record was removed after its time, as the log says.
	Removed []string `json:"removed,omitempty"`
}

// Holds reads what a file that comes back holds.
func Holds(file []byte) (Held, error) {
	out := Held{Runs: []string{}}
	if _, err := BackID(file); err != nil {
		return out, err
	}
	files, _, err := evidence.Read(file)
	if err != nil {
		return out, err
	}
	if err := json.Unmarshal(files[fileBack], &out.Back); err != nil {
		return out, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		id, ok := strings.CutPrefix(name, dirBackRuns)
		if !ok {
			continue
		}
		inner, _, err := evidence.Read(files[name])
		if err != nil {
			return out, err
		}
		out.Runs = append(out.Runs, strings.TrimSuffix(id, ".zip"))
		for part := 1; inner[evidence.Dir(part)+evidence.FileEvents] != nil; part++ {
			if err := out.count(inner[evidence.Dir(part)+evidence.FileEvents]); err != nil {
				return out, err
			}
		}
	}
	var log []string
	if err := json.Unmarshal(files[fileBackLog], &log); err != nil {
		return out, err
	}
	sealed := map[string]bool{}
	for _, leaf := range log {
		e, err := evidence.ParseEntry([]byte(leaf))
		switch {
		case err != nil:
			return out, err
		case e.Kind == evidence.EntrySealed:
			sealed[e.Run] = true
		case e.Kind == evidence.EntryRemoved && sealed[e.Run]:
			out.Removed = append(out.Removed, e.Run)
		}
	}
	return out, nil
}

// count takes a part's events in.
func (h *Held) count(events []byte) error {
	for _, line := range bytes.Split(bytes.TrimSuffix(events, []byte("\n")), []byte("\n")) {
		var e run.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return plan.Wrong("an event can't be read: %v", "イベントを読み取れません（%v）", err)
		}
		h.Records++
		if h.First == nil || e.At.Before(*h.First) {
			h.First = &e.At
		}
		if h.Last == nil || e.At.After(*h.Last) {
			h.Last = &e.At
		}
	}
	return nil
}
