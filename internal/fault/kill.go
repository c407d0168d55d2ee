//go:build faults

package fault

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// Point kills this process and the engine that it runs with SIGKILL when MUSTER_FAULT is
// "moment:step". Target systems live on: they are not ours to take along.
//
// With MUSTER_FAULT=leak it leaves something behind instead.
func Point(moment, step string) {
	if os.Getenv("MUSTER_FAULT") == "leak" {
		leak()
		return
	}
	if os.Getenv("MUSTER_FAULT") != moment+":"+step {
		return
	}
	fmt.Fprintf(os.Stderr, "fault: killed at %s of step %s\n", moment, step)
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		children, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
		for _, f := range strings.Fields(string(children)) {
			pid, err := strconv.Atoi(f)
			if err != nil {
				continue
			}
			if exe, _ := os.Readlink("/proc/" + f + "/exe"); strings.Contains(exe, "muster-engine") {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}
