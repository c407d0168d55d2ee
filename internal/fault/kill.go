//go:build faults

package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Point kills this process and its children with SIGKILL, as a power failure would,
// when MUSTER_FAULT is "moment:step".
func Point(moment, step string) {
	if os.Getenv("MUSTER_FAULT") != moment+":"+step {
		return
	}
	fmt.Fprintf(os.Stderr, "fault: killed at %s of step %s\n", moment, step)
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		children, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
		for _, f := range strings.Fields(string(children)) {
			if pid, err := strconv.Atoi(f); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
