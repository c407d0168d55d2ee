//go:build faults

package fault

import (
	"os"
	"sync"
)

// leak keeps a goroutine, an open file and 64 KB for good, for every point that is passed: what a soak
// has to see.
func leak() {
	f, err := os.Open(os.DevNull)
	if err != nil {
		return
	}
	kept := make([]byte, 64<<10)
	for n := range kept {
		kept[n] = 1 // or it would not be in memory
	}
	leaked.Lock()
	defer leaked.Unlock()
	leaked.files, leaked.bytes = append(leaked.files, f), append(leaked.bytes, kept)
	go func() { select {} }()
}

var leaked struct {
	sync.Mutex
	files []*os.File
	bytes [][]byte
}
