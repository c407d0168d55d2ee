package cases_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

// listening waits until something takes connections.
func listening(t *testing.T, addresses ...string) {
	t.Helper()
	for _, a := range addresses {
		pgtest.Eventually(t, time.Minute, func() string {
			c, err := net.DialTimeout("tcp", a, time.Second)
			if err != nil {
				return err.Error()
			}
			c.Close()
			return ""
		})
	}
}

// loopback is an address for a machine that may start much later: one of its own, since a port
// of 127.0.0.1 could meanwhile be given to somebody's outgoing connection.
func loopback(t *testing.T) string {
	n := addresses.Add(1)
	return fmt.Sprintf("127.%d.%d.%d:%d", 10+os.Getpid()%200, n/200, 1+n%200, freePort(t))
}

var addresses atomic.Uint32

// postgres writes a pair's addresses into two targets of the estate.
func (g *group) postgres(t *testing.T, pair *pgtest.Pair, primary, standby string) {
	t.Helper()
	for name, s := range map[string]*pgtest.Server{primary: pair.Tokyo, standby: pair.Osaka} {
		g.set(t, "name", name, map[string]any{"host": s.Host, "port": s.Port, "sslmode": "disable", "password": "secret://file" + pair.PasswordFile,
			"data": s.Data, "config": s.Config, "bin": s.Bin, "run_as": s.RunAs, "slot": "muster_" + s.Name})
	}
}

func hostPort(t *testing.T, address string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return host, n
}

// synchronous has the primary of a pair acknowledge what both have.
func synchronous(t *testing.T, pair *pgtest.Pair) {
	t.Helper()
	f, err := os.OpenFile(pair.Tokyo.Config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("synchronous_standby_names = '*'\nsynchronous_commit = remote_apply\n"); err != nil {
		t.Fatal(err)
	}
	pair.Tokyo.Exec(t, "SELECT pg_reload_conf()")
}

// archive packs files.
func archive(t *testing.T, file string, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
