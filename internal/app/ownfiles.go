package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/ownfiles"
	"github.com/muster-dr/muster/internal/run"
)

const (
	// kindOwnFiles are the documents of what processes were started with last.
	kindOwnFiles = "own-files"
	// ownEvery is how often a process looks at its own files, and the server at what the sites' workers
	// sign with.
	ownEvery = time.Minute
	// mostOwn bounds the workers of one site that are remembered; the one unseen for longest goes.
	mostOwn = 16
	// seenAgain is how exactly it is known when a worker was seen.
	seenAgain = time.Hour
	// signed is how much of a digest a worker signs with.
	signed = 32
)

// ownPaths are the files that a process is made of.
func ownPaths(c config.Config, serves bool) map[string]string {
	out := map[string]string{ownfiles.Settings: c.File, ownfiles.Policy: c.Policy}
	if path, err := os.Executable(); err == nil {
		out[ownfiles.Program] = path
	}
	if serves && c.Embedded() {
		if path, err := engine.FindBinary(c.Engine); err == nil {
			out[ownfiles.Engine] = path
		}
	}
	return out
}

// serverName tells servers of one record store apart: it is the host and the data directory, which one process has.
func serverName(c config.Config) string {
	host, _ := os.Hostname()
	data, err := filepath.Abs(c.Data)
	if err != nil {
		data = c.Data
	}
	return host + " " + data
}

// watchOwn enters what the server was started with, and tells of what is not what it was: at the start
// against the last one, and every minute against the disk. It does the same for the sites' workers, by
// what they sign with.
func (s *server) watchOwn(ctx context.Context, every time.Duration) {
	select {
	case <-s.told: // nobody waits for it
	case <-ctx.Done():
		return
	}
	host, _ := os.Hostname()
	id := "server " + serverName(s.o.Config)
	ctx = identity.With(ctx, identity.Actor{Via: "server " + host})
	tick := time.NewTicker(every)
	defer tick.Stop()
	var w *ownfiles.Watch
	var untold []ownfiles.Difference
	entered := false
	for {
		if w == nil {
			var err error
			if w, err = ownfiles.Begin(s.o.Version, ownPaths(s.o.Config, true), time.Now()); err != nil {
				s.o.Log.Warn("the server's own files can't be read, so that nobody would notice a change of them", "err", err)
			}
		}
		if w != nil {
			if !entered {
				entered = s.enterOwn(ctx, id, "server", host, w) == nil
			}
			changed, err := w.Look(time.Now())
			if err != nil {
				s.o.Log.Warn("one of the server's own files can't be read", "err", err)
			}
			untold = slices.DeleteFunc(append(untold, changed...), func(d ownfiles.Difference) bool {
				if s.differs(ctx, "server", host, w.Path(d.Name), d) != nil {
					return false // the log can't be written, which is told; it is tried again
				}
				s.knownAs(ctx, id, d)
				return true
			})
		}
		if s.o.Bundled == nil {
			s.watchSites(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// enterOwn holds what a process was started with against its last start. What differs is entered before the
// new start is the last one: a process that ends in between finds it again.
func (s *server) enterOwn(ctx context.Context, id, what, host string, w *ownfiles.Watch) error {
	set := w.Set()
	err := s.changeOwn(ctx, id, func(before *ownfiles.Set) (ownfiles.Set, error) {
		if before != nil {
			for _, d := range set.Against(*before) {
				if err := s.differs(ctx, what, host, w.Path(d.Name), d); err != nil {
					return set, err
				}
			}
		}
		return set, nil
	})
	if err != nil {
		s.o.Log.Warn("what the server was started with is not in the record store; it is tried again", "err", err)
		return err
	}
	return s.startedWith(ctx, what, host, set)
}

// startedWith enters what a process was started with.
func (s *server) startedWith(ctx context.Context, what, host string, set ownfiles.Set) error {
	said := what + " " + set.Version + " on " + host
	for _, name := range []string{ownfiles.Program, ownfiles.Engine, ownfiles.Settings, ownfiles.Policy} {
		if sum := set.Files[name]; sum != "" {
			said += ", " + name + " " + inShort(sum)
		}
	}
	return s.identity.Enter(ctx, lookout.ActProgram, run.OneLine(said, 300), "ok")
}

// knownAs has a change that was told of not told again at the next start.
func (s *server) knownAs(ctx context.Context, id string, d ownfiles.Difference) {
	err := s.changeOwn(ctx, id, func(b *ownfiles.Set) (ownfiles.Set, error) {
		if b == nil {
			b = &ownfiles.Set{Version: s.o.Version}
		}
		if b.Files == nil {
			b.Files = map[string]string{}
		}
		b.Files[d.Name] = d.Is
		return *b, nil
	})
	if err != nil {
		s.o.Log.Warn("what the server was started with is not in the record store", "err", err)
	}
}

func (s *server) changeOwn(ctx context.Context, id string, f func(before *ownfiles.Set) (ownfiles.Set, error)) error {
	for {
		var before *ownfiles.Set
		d, err := s.store.Document(ctx, kindOwnFiles, id)
		switch {
		case errors.Is(err, journal.ErrNotFound):
			d = journal.Document{Kind: kindOwnFiles, ID: id}
		case err != nil:
			return err
		default:
			before = new(ownfiles.Set)
			if err := json.Unmarshal(d.Body, before); err != nil {
				return err
			}
		}
		after, err := f(before)
		if err != nil {
			return err
		}
		d.Body = run.Encode(after)
		d.ChangedAt = time.Now()
		if _, err = s.store.PutDocument(ctx, d); !errors.Is(err, journal.ErrChanged) {
			return err
		}
	}
}

// differs enters that a file is another one; the lookout tells people.
func (s *server) differs(ctx context.Context, what, host, path string, d ownfiles.Difference) error {
	outcome := lookout.OutAltered
	if d.Upgrade {
		outcome = lookout.OutChanged
	}
	if path != "" {
		path = " " + path
	}
	return s.identity.Enter(ctx, lookout.ActProgram, run.OneLine(fmt.Sprintf("%s on %s: %s%s, %s → %s", what, host, d.Name, path, inShort(d.Was), inShort(d.Is)), 300), outcome)
}

// inShort is enough of a digest for a person to compare.
func inShort(sum string) string {
	if sum == "" {
		return "none"
	}
	return sum[:min(12, len(sum))]
}

// watchSites holds what each site's workers sign with against what they signed with last.
func (s *server) watchSites(ctx context.Context) {
	workers, err := s.api.WorkerMarks(ctx)
	if err != nil {
		return // the engine or the estate is away, which is told apart
	}
	for site, all := range workers {
		s.watchSite(ctx, site, all, time.Now())
	}
}

// ownSeen is what a site's worker signed with, and when it was seen.
type ownSeen struct {
	ownfiles.Set
	Seen time.Time `json:"seen,omitzero"`
}

func (s *server) watchSite(ctx context.Context, site string, all []api.WorkerMark, now time.Time) {
	d, err := s.store.Document(ctx, kindOwnFiles, "site "+site)
	before := map[string]ownSeen{}
	switch {
	case errors.Is(err, journal.ErrNotFound):
		d = journal.Document{Kind: kindOwnFiles, ID: "site " + site}
	case err != nil:
		return
	default:
		if json.Unmarshal(d.Body, &before) != nil {
			before = map[string]ownSeen{}
		}
	}
	var fresh []api.WorkerMark
	changed := false
	for _, w := range all {
		last, known := before[w.Ledger]
		same := known && last.Version == w.Set.Version && len(w.Set.Against(last.Set)) == 0
		if same && now.Sub(last.Seen) < seenAgain || !known && !roomFor(before, all) {
			continue
		}
		if known {
			for _, d := range w.Set.Against(last.Set) {
				if s.differs(ctx, "worker of "+site, w.Host, "", d) != nil {
					return // it is looked at again
				}
			}
		}
		before[w.Ledger], changed = ownSeen{w.Set, now.UTC()}, true
		if !same {
			fresh = append(fresh, w)
		}
	}
	if !changed {
		return
	}
	d.Body, d.ChangedAt = run.Encode(before), now
	if _, err := s.store.PutDocument(ctx, d); err != nil {
		return // another server was faster, or the store is away: it is looked at again
	}
	for _, w := range fresh {
		_ = s.startedWith(ctx, "worker of "+site, w.Host, w.Set) // its own warning tells
	}
}

// roomFor makes room for one more worker, unless all that are remembered are at work now.
func roomFor(before map[string]ownSeen, all []api.WorkerMark) bool {
	if len(before) < mostOwn {
		return true
	}
	oldest := ""
	for ledger, w := range before {
		at := slices.ContainsFunc(all, func(m api.WorkerMark) bool { return m.Ledger == ledger })
		if !at && (oldest == "" || w.Seen.Before(before[oldest].Seen)) {
			oldest = ledger
		}
	}
	if oldest == "" {
		return false
	}
	delete(before, oldest)
	return true
}

// ownMarks are what a site worker signs with; while it works it says in its log when one of the files
// becomes another one.
func (o Options) ownMarks(ctx context.Context) map[string]string {
	w, err := ownfiles.Begin(o.Version, ownPaths(o.Config, false), time.Now())
	if err != nil {
		o.Log.Warn("the worker's own files can't be read, so that nobody would notice a change of them", "err", err)
		return nil
	}
	go func() {
		tick := time.NewTicker(ownEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			changed, _ := w.Look(time.Now())
			for _, d := range changed {
				o.Log.Error("a file of this worker's is another one than it was started with ("+inShort(d.Was)+" → "+inShort(d.Is)+"); the server is told when the worker starts again", "path", w.Path(d.Name))
			}
		}
	}()
	out := map[string]string{"version": o.Version}
	for name, sum := range w.Set().Files {
		out[name] = sum[:min(signed, len(sum))]
	}
	return out
}
