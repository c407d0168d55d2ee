package mysql

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// halfAlive takes connections and says what it is given, then nothing.
func halfAlive(t *testing.T, says []byte) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(says)
			t.Cleanup(func() { c.Close() })
		}
	}()
	return Target{Name: "half", Spec: Server{Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, User: mysqltest.User, TLS: "disable"}}
}

// Whatever asks a server that is half alive comes back in time, tells nothing that it does
// not know, and says no secret.
func TestAHalfAliveServerHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	const soon = run.Duration(time.Second)
	for name, says := range map[string][]byte{
		"silent":  nil,
		"rubbish": bytes.Repeat([]byte{0xff}, 4096),
		"half":    {0x4a, 0, 0, 0, 10, '1', '0', '.'}, // the beginning of a greeting
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			half := halfAlive(t, says)
			ctx, cancel := context.WithTimeout(as(t, "r"), 40*time.Second)
			defer cancel()
			for what, do := range map[string]func() error{
				"status":  func() error { _, err := status(ctx, Inspect{Server: half}); return err },
				"fence":   func() error { _, err := fence(ctx, Fence{Server: half}); return err },
				"promote": func() error { _, err := promote(ctx, Promote{Server: half, Wait: soon}); return err },
				"caught up": func() error {
					_, err := caughtUp(ctx, CaughtUp{Server: half, Follow: half, Limit: soon, Wait: soon})
					return err
				},
				"single writer": func() error {
					_, err := singleWriter(ctx, SingleWriter{Servers: []Target{half}, Wait: soon})
					return err
				},
				"keep": func() error { _, err := keep(ctx, Keep{Server: half}); return err },
				"look": func() error { _, err := lookPromoted(ctx, Promote{Server: half}); return err },
			} {
				err := do()
				wantKind(t, err, "plain", "")
				if ctx.Err() != nil {
					t.Fatalf("%s did not come back", what)
				}
			}
		})
	}
}

// onceThenSilent leads its first connection to a server, and leaves all later ones without an answer.
func onceThenSilent(t *testing.T, to Target) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := net.JoinHostPort(to.Spec.Host, strconv.Itoa(to.Spec.Port))
	var all sync.WaitGroup
	t.Cleanup(all.Wait)
	t.Cleanup(func() { l.Close() })
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			if n > 0 {
				continue
			}
			s, err := net.Dial("tcp", server)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { s.Close() })
			all.Go(func() { _, _ = io.Copy(s, c) })
			all.Go(func() { _, _ = io.Copy(c, s) })
		}
	})
	to.Spec.Host, to.Spec.Port = "127.0.0.1", l.Addr().(*net.TCPAddr).Port
	return to
}

// A server says that it takes writes, and a write fails: no writer, and told as what it is.
func TestALyingServerIsNoWriter(t *testing.T) {
	t.Parallel()
	s := mysqltest.StartOne(t)
	ctx := as(t, "r")
	all := SingleWriter{Servers: []Target{s.Target}, Wait: minute}
	must[Writers](t)(singleWriter(ctx, all))
	if err := s.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	options, err := os.ReadFile(s.Defaults)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.Defaults, bytes.Replace(options, []byte("[mysqld]\n"), []byte("[mysqld]\ninnodb_read_only = ON\n"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	s.StartServer(t)
	if v := must[view](t)(visit(ctx, s.Target)); v.role() != rolePrimary {
		t.Fatalf("it says that it is %s", v.role())
	}
	// What the first look finds out stands, though the second is cut off by the end of the wait.
	_, err = singleWriter(ctx, SingleWriter{Servers: []Target{onceThenSilent(t, s.Target)}, Wait: run.Duration(connectWithin)})
	wantKind(t, err, plan.ErrFinding, "a write fails")
	_, err = promote(ctx, Promote{Server: s.Target, Wait: minute})
	wantKind(t, err, plan.ErrFinding, "a write fails")
}

func TestAWrongPasswordIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := mysqltest.StartOne(t)
	wrong := s.Target
	wrong.Spec.User = "nobody"
	_, err := promote(as(t, "r"), Promote{Server: wrong, Wait: minute})
	wantKind(t, err, "plain", "Access denied")
	if mylink.Code(err) != mylink.CodeAccessDenied {
		t.Errorf("code = %d", mylink.Code(err))
	}
}
