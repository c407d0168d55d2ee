// Package freeport finds loopback ports for servers that have to be told theirs before they
// start. They lie below those that the kernel gives to whoever connects and those that muster-engine
// takes for itself, so that a server which is down for a moment finds its own again. Whoever can listen on port 0 does that instead: a port
// that was free a moment ago may be taken.
package freeport

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync/atomic"
)

const (
	first   = 12000
	fewest  = 1000  // ports to choose from; with fewer, two who look at once meet too often
	engines = 20000 // where muster-engine's begin: lowestInner in engine/server.go
)

// next is where to look from: nobody in this process is given what another one was given a moment
// ago and does not listen on yet.
var next = func() *atomic.Uint32 {
	n := new(atomic.Uint32)
	n.Store(rand.Uint32())
	return n
}()

// Get is a port that nobody listens on now.
func Get() (int, error) {
	ports, err := Several(1)
	if err != nil {
		return 0, err
	}
	return ports[0], nil
}

// Several are that many, all different.
func Several(n int) (ports []int, err error) {
	end := 32768 // where the kernel's begin, as it comes
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if n, err := fmt.Sscan(strings.Fields(string(b))[0], &end); n != 1 || err != nil {
			return nil, fmt.Errorf("ip_local_port_range: %q: %w", b, err)
		}
	}
	end = min(end, engines)
	if end < first+fewest {
		return nil, fmt.Errorf("the kernel gives away ports from %d on; %d are needed between that and %d", end, fewest, first)
	}
	for tries := 0; len(ports) < n; tries++ {
		if tries > 50*n {
			return nil, fmt.Errorf("no %d free ports between %d and %d", n, first, end)
		}
		port := first + int(next.Add(1)%uint32(end-first))
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		_ = l.Close()
		ports = append(ports, port)
	}
	return ports, nil
}
