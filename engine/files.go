package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The files of a data directory. SQLite adds two beside the first.
const (
	databaseFile = "temporal.db"
	endpointFile = "engine.json"
	lockFile     = "engine.lock"
)

// stopping is what the lock file says of a holder that will let go by itself.
const stopping = "stopping"

// lock holds a directory for this process. Its file tells the holder's process id.
type lock struct{ f *os.File }

// acquire takes the lock, waiting for a holder that is about to end: the engine of a
// muster that was just killed takes a second to close.
func acquire(ctx context.Context, dir string) (*lock, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory %s: %w", dir, err)
	}
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	refuse, giveUp := time.After(5*time.Second), time.After(30*time.Second)
	patient := true
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			l := &lock{f}
			return l, l.say(fmt.Sprint(os.Getpid()))
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			f.Close()
			return nil, fmt.Errorf("data directory %s can't be locked (is it on a network drive?): %w", dir, err)
		}
		holder := readHolder(f)
		if !patient && !strings.HasSuffix(holder, stopping) {
			f.Close()
			return nil, fmt.Errorf("data directory %s is in use by another engine (process %s); end that muster, or choose another directory",
				dir, holder)
		}
		select {
		case <-look.C:
		case <-refuse:
			patient = false
		case <-giveUp:
			f.Close()
			return nil, fmt.Errorf("data directory %s: the engine of process %s does not end; end it by hand", dir, holder)
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		}
	}
}

func (l *lock) say(text string) error {
	if err := l.f.Truncate(0); err != nil {
		return fmt.Errorf("write %s: %w", l.f.Name(), explain(err))
	}
	if _, err := l.f.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("write %s: %w", l.f.Name(), explain(err))
	}
	return nil
}

// stopping tells who comes next to wait. That it could not be told is no reason not
// to stop.
func (l *lock) stopping() { _ = l.say(fmt.Sprintf("%d %s", os.Getpid(), stopping)) }

func (l *lock) release() error { return l.f.Close() }

func readHolder(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 64))
	if err != nil || len(b) == 0 {
		return "unknown"
	}
	return string(b)
}

// Endpoint is how to reach a running engine. It is a secret: it holds the token.
type Endpoint struct {
	Address   string `json:"address"`    // host:port of the gRPC frontend
	UIAddress string `json:"ui_address"` // URL of the web UI, with the key that opens it
	Token     string `json:"token"`      // bearer token of every call
	Namespace string `json:"namespace"`
	UIKey     string `json:"ui_key"`
	PID       int    `json:"pid"`
}

// readEndpoint returns what the last engine of this directory used, so that clients
// find the next one at the same address with the same token. Deleting the file gives
// new ones; a file that can't be read is the same as none.
func readEndpoint(dir string) Endpoint {
	var e Endpoint
	b, err := os.ReadFile(filepath.Join(dir, endpointFile))
	if err != nil || json.Unmarshal(b, &e) != nil {
		return Endpoint{}
	}
	return e
}

// writeEndpoint replaces the file as a whole, so that nobody reads half of it.
func writeEndpoint(dir string, e Endpoint) error {
	b, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, endpointFile)
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, explain(err))
	}
	return os.Rename(path+".new", path)
}

// discard removes what an engine keeps in dir, and dir itself if nothing else is there.
func discard(dir string) {
	for _, name := range []string{databaseFile, databaseFile + "-wal", databaseFile + "-shm", endpointFile, lockFile} {
		_ = os.Remove(filepath.Join(dir, name))
	}
	_ = os.Remove(dir)
}

// uiHost returns the host and port of the UI's address, or "".
func (e Endpoint) uiHost() string {
	u, err := url.Parse(e.UIAddress)
	if err != nil {
		return ""
	}
	return u.Host
}
