package app

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookAtMemory is how often a process looks whether it could give memory back.
	lookAtMemory = 15 * time.Second
	// worthGiving is how much must be to be had: a collection of some 20 MB that live costs 20 ms of
	// CPU, which is little for what a start, a seal or a yearly report leave behind and much for a page. With
	// nothing to do it comes to that two or three times a minute: 0.1 % of a core.
	worthGiving = 4 << 20
	// stillBusy is how much a process allocates between two looks that is at work. What it leaves
	// behind it needs again at once.
	stillBusy = 8 << 20
)

// givesBack returns to the system what large work has left behind, as soon as the process has nothing
// to do: reading 650 plan files, sealing, a yearly report. The collector would keep it for as long
// as twice what lives is not reached, which takes an idle process some minutes, and the system would
// get little of it even then.
func givesBack(ctx context.Context) {
	tick := time.NewTicker(lookAtMemory)
	defer tick.Stop()
	var seen memorySeen
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			seen.look()
		}
	}
}

// memorySeen is what the last look saw.
type memorySeen struct{ allocated uint64 }

// look gives memory back if it is worth it, and reports whether it did.
func (s *memorySeen) look() bool {
	m := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
	metrics.Read(m)
	allocated, live, objects, free := m[0].Value.Uint64(), m[1].Value.Uint64(), m[2].Value.Uint64(), m[3].Value.Uint64()
	since := allocated - s.allocated
	s.allocated = allocated
	if since > stillBusy || objects+free < live+worthGiving {
		return false
	}
	debug.FreeOSMemory()
	return true
}
