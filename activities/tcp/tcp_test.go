package tcp_test

import (
	"net"
	"testing"

	"github.com/muster-dr/muster/activities/tcp"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
)

func TestCheck(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	s := sitetest.New(t, tcp.Actions())

	var out tcp.Checked
	if _, err := s.Act(s.Step("tcp.check", map[string]any{"address": address}), &out); err != nil || !out.Open {
		t.Fatalf("open port: %+v %v", out, err)
	}
	_, err = s.Act(s.Step("tcp.check", map[string]any{"address": address, "expect": "closed"}), nil)
	sitetest.Want(t, err, plan.ErrFinding, address, "still accepts connections")

	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Act(s.Step("tcp.check", map[string]any{"address": address}), nil)
	sitetest.Want(t, err, plan.ErrFinding, address, "refuses connections")
	if _, err := s.Act(s.Step("tcp.check", map[string]any{"address": address, "expect": "closed"}), &out); err != nil || out.Open {
		t.Fatalf("closed port: %+v %v", out, err)
	}
}

// Silence proves neither open nor closed: nothing is found out, and no finding made.
func TestCheckCannotTell(t *testing.T) {
	s := sitetest.New(t, tcp.Actions())
	for _, expect := range []string{"open", "closed"} {
		for _, address := range []string{"no-such-host.invalid:1", "127.0.0.1"} {
			_, err := s.Act(s.Step("tcp.check", map[string]any{"address": address, "expect": expect, "timeout": "2s"}), nil)
			sitetest.Want(t, err, "")
		}
	}
}
