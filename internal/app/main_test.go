package app

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// When all tests have ended, no action and no probe is at work any more, whatever fault it
// met.
func TestMain(m *testing.M) {
	code := m.Run()
	left := atWork()
	for deadline := time.Now().Add(time.Minute); len(left) > 0 && time.Now().Before(deadline); left = atWork() {
		runtime.Gosched()
		<-time.After(50 * time.Millisecond)
	}
	if len(left) > 0 {
		fmt.Printf("%d actions or probes are still at work after the tests:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// atWork is the stacks of goroutines that are in an action or a probe.
func atWork() []string {
	b := make([]byte, 4<<20)
	var out []string
	for _, stack := range strings.Split(string(b[:runtime.Stack(b, true)]), "\n\n") {
		if strings.Contains(stack, "muster-dr/muster/activities/") {
			out = append(out, stack)
		}
	}
	return out
}
