package machine

import (
	"net"
	"os"
	"testing"
	"time"
)

func TestAServerRunsHereOnlyAtAnAddressOfThisMachine(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		host, named string
		want        bool
	}{
		{"127.0.0.1", "", true},
		{"127.0.0.7", "", true},
		{"::1", "", true},
		{"localhost", "", true},
		{"/var/run/postgresql", "", true},
		{own, "", true},
		{"", "", true},
		{"192.0.2.7", "", false}, // RFC 5737: nobody's
		{"2001:db8::7", "", false},
		{"192.0.2.7", own, true},
		{"127.0.0.1", "another-machine", false},
		{"db.invalid", "", false}, // RFC 6761: there is no such name
	} {
		if got := runs(c.host, c.named); got != c.want {
			t.Errorf("runs(%q, %q) = %v, want %v", c.host, c.named, got, c.want)
		}
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !runs(n.IP.String(), "") {
			t.Errorf("%s is an address of this machine, and runs says no", n.IP)
		}
	}
}

func TestAShortNameStandsForItsFullOne(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"db1", "db1.example.jp", true},
		{"DB1.example.jp.", "db1.example.jp", true},
		{"db1.tokyo.example.jp", "db1.osaka.example.jp", false},
		{"db1", "db2", false},
		{"", "", false},
	} {
		if got := sameName(c.a, c.b); got != c.want {
			t.Errorf("sameName(%q, %q) = %v", c.a, c.b, got)
		}
	}
}

// A name that nobody answers for holds up no question about another.
func TestADeadNameServerHoldsUpOneQuestionOnly(t *testing.T) {
	m := memory{answers: map[string]answer{}}
	asking, end := make(chan struct{}), make(chan struct{})
	done := make(chan bool)
	go func() {
		done <- m.of("slow", func(string) bool { close(asking); <-end; return true })
	}()
	<-asking
	quick := make(chan bool, 1)
	go func() { quick <- m.of("quick", func(string) bool { return false }) }()
	select {
	case here := <-quick:
		if here {
			t.Error("quick is here")
		}
	case <-time.After(time.Minute):
		t.Error("the question about quick waits for the answer about slow")
	}
	close(end)
	if !<-done || !m.of("slow", func(string) bool { return false }) {
		t.Error("what was found of slow is not remembered")
	}
}
