package app

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// What large work needed goes back to the system when the server has nothing to do, not before, and
// not for the sake of a few pages.
func TestMemoryGoesBackWhenThereIsNothingToDo(t *testing.T) {
	const large = 256 << 20
	var seen memorySeen
	seen.look()
	work := make([][]byte, 0, 64)
	for range cap(work) {
		work = append(work, touched(large/cap(work)))
	}
	if seen.look() {
		t.Error("it was given back in the middle of work")
	}
	busy := residentNow(t)
	work[0][0]++ // needed until here
	work = nil
	if !seen.look() {
		t.Fatal("it was kept with nothing to do")
	}
	if idle := residentNow(t); busy-idle < large*3/4 {
		t.Errorf("resident %d MB with %d MB in use and %d MB without", busy>>20, large>>20, idle>>20)
	}
	if seen.look() {
		t.Error("there was nothing to be given back any more")
	}
}

// A process without work has next to none of its program in memory, and goes on.
func TestTheProgramsPagesAreLetGo(t *testing.T) {
	before := ofFiles()
	if before < mostProgram {
		t.Fatalf("%d MB of the program are in memory: this test would not notice", before>>20)
	}
	letGoOfProgram()
	if left := ofFiles(); left == 0 || left > before/2 {
		t.Errorf("%d of %d MB of the program are left in memory", left>>20, before>>20)
	}
}

func touched(n int) []byte {
	b := make([]byte, n)
	for i := 0; i < n; i += 4096 {
		b[i] = 1
	}
	return b
}

// residentNow is the memory of this process that is in RAM, in bytes.
func residentNow(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}
