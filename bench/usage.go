package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// used is the CPU time that processes have used so far.
func used(pids ...int) (cpu time.Duration) {
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	for _, pid := range pids {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			continue
		}
		fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
		for _, n := range []int{11, 12} { // utime, stime
			if v, err := strconv.Atoi(fields[n]); err == nil {
				cpu += time.Duration(v) * tick
			}
		}
	}
	return cpu
}

// resident is the memory of a process that is in RAM, in MB.
func resident(pid int) float64 { return status(pid, "VmRSS") }

// anonymous is the part of resident that is the process's own. The rest are pages of files, nearly all
// of them of the program itself, which the system may drop and read again.
func anonymous(pid int) float64 { return status(pid, "RssAnon") }

// status is a size that the kernel tells of a process, in MB.
func status(pid int, name string) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(b), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == name+":" {
			if kb, err := strconv.ParseFloat(f[1], 64); err == nil {
				return kb / 1024
			}
		}
	}
	return 0
}
