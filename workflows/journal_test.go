package workflows

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

// Outputs of many steps that end together never make a payload that the engine refuses.
func TestBatchesAreBoundedInBytes(t *testing.T) {
	j := &journal{}
	long := json.RawMessage(`"` + strings.Repeat("x", 64<<10) + `"`)
	for range 100 {
		j.pending = append(j.pending, run.Event{Data: long})
	}
	total := 0
	for len(j.pending) > 0 {
		events := j.next(j.seq)
		b, err := json.Marshal(events)
		if err != nil {
			t.Fatal(err)
		}
		if len(b) > 512<<10 {
			t.Errorf("a batch of %d bytes; the engine warns at 512 kB", len(b))
		}
		total += len(events)
	}
	if total != 100 {
		t.Errorf("%d events written, want 100", total)
	}
	j.pending = []run.Event{{Data: json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)}}
	if len(j.next(j.seq)) != 1 {
		t.Error("an event above the bound is never written")
	}
}
