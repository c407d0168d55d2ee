// Package ownfiles tells whether a process still is what was installed: the digests of its program, of its
// settings and of what else it was started with, against those of the last start and of the disk now
// (requirement F-N2-07).
package ownfiles

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Names of files. They stand in the access log.
const (
	Program  = "program"
	Engine   = "engine"
	Settings = "settings"
	Policy   = "policy" // what a site worker allows
)

// Set is the digests of one process, by name; "" is a file that is not there.
type Set struct {
	Version string            `json:"version"`
	Files   map[string]string `json:"files"`
}

// Difference is one file that is another than it was.
type Difference struct {
	Name, Was, Is string
	// Upgrade: the version of the program changed as well, so that it was to be expected.
	Upgrade bool
}

// Against lists what differs from an earlier start, by name.
func (s Set) Against(before Set) []Difference {
	names := slices.Collect(maps.Keys(before.Files))
	for name := range s.Files {
		if _, known := before.Files[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []Difference
	for _, name := range names {
		if was, is := before.Files[name], s.Files[name]; was != is {
			out = append(out, Difference{Name: name, Was: was, Is: is, Upgrade: s.Version != before.Version})
		}
	}
	return out
}

// itself is the digest of the program that runs, even if its file was replaced since it began.
var itself = sync.OnceValues(func() (string, error) {
	if runtime.GOOS == "linux" {
		if sum, err := digest("/proc/self/exe"); err == nil {
			return sum, nil
		}
	}
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return digest(path)
})

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

const (
	// lasting is how long a file has to be another one than the running one: an upgrade replaces the
	// program and starts it anew, within a moment.
	lasting = 5 * time.Minute
	// whole is how often files are read although they look the same.
	whole = 24 * time.Hour
)

// Watch holds what is on disk against what the process was started with. It is of one goroutine.
type Watch struct {
	set   Set
	files map[string]*watched
}

type watched struct {
	path  string
	stamp string // of what was read last
	read  time.Time
	is    string    // digest on disk
	since time.Time // when it was first found to be another; zero is never
	told  string    // digest that was told of
}

// Begin reads the files of a process, given by name; paths of "" are left out.
func Begin(version string, paths map[string]string, now time.Time) (*Watch, error) {
	w := &Watch{set: Set{Version: version, Files: map[string]string{}}, files: map[string]*watched{}}
	for name, path := range paths {
		if path == "" {
			continue
		}
		f := &watched{path: path, stamp: stampOf(path), read: now}
		sum, err := digest(path)
		if err == nil && name == Program {
			f.is = sum
			sum, err = itself()
		}
		if err != nil {
			return nil, err
		}
		if name != Program {
			f.is = sum
		}
		w.files[name], w.set.Files[name] = f, sum
	}
	return w, nil
}

// Set is what the process was started with.
func (w *Watch) Set() Set { return w.set }

// Path is where a file lies.
func (w *Watch) Path(name string) string {
	if f := w.files[name]; f != nil {
		return f.path
	}
	return ""
}

// Look lists, once each, the files that have been others on disk for a while than the process was
// started with.
func (w *Watch) Look(now time.Time) ([]Difference, error) {
	var out []Difference
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(w.files)) {
		f := w.files[name]
		if stamp := stampOf(f.path); stamp != f.stamp || now.Sub(f.read) >= whole {
			sum, err := digest(f.path)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			f.stamp, f.read, f.is = stamp, now, sum
		}
		started := w.set.Files[name]
		if f.is == started {
			f.since, f.told = time.Time{}, ""
			continue
		}
		if f.since.IsZero() {
			f.since = now
		}
		if now.Sub(f.since) >= lasting && f.told != f.is {
			f.told = f.is
			out = append(out, Difference{Name: name, Was: started, Is: f.is})
		}
	}
	return out, errors.Join(errs...)
}

// stampOf changes when a file is written or replaced, as far as the file system tells.
func stampOf(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return info.ModTime().UTC().Format(time.RFC3339Nano) + " " + time.Duration(info.Size()).String() + inode(info)
}
