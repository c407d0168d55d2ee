package freeport

import (
	"fmt"
	"net"
	"testing"
)

func TestSeveralPortsAreDifferentAndFree(t *testing.T) {
	ports, err := Several(20)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		if seen[port] {
			t.Errorf("port %d comes twice", port)
		}
		seen[port] = true
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			t.Errorf("port %d is taken: %v", port, err)
			continue
		}
		_ = l.Close()
	}
	if len(seen) != 20 {
		t.Errorf("%d ports, want 20", len(seen))
	}
}
