package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
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
	// mostOwn bounds the workers of one site that are remembered.
	mostOwn = 16
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
	data, err := filepath.Abs(s.o.Config.Data)
	if err != nil {
		data = s.o.Config.Data
	}
	ctx = identity.With(ctx, identity.Actor{Via: "server " + host})
	tick := time.NewTicker(every)
	defer tick.Stop()
	var w *ownfiles.Watch
	entered := false
	for {
		if w == nil {
			if w, err = ownfiles.Begin(s.o.Version, ownPaths(s.o.Config, true), time.Now()); err != nil {
				s.o.Log.Warn("the server's own files can't be read, so that nobody would notice a change of them", "err", err)
			}
		}
		if w != nil {
			if !entered {
				entered = s.enterOwn(ctx, "server "+host+" "+data, "server", host, w) == nil
			}
			changed, err := w.Look(time.Now())
			if err != nil {
				s.o.Log.Warn("one of the server's own files can't be read", "err", err)
			}
			for _, d := range changed {
				s.differs(ctx, "server", host, w.Path(d.Name), d)
				s.knownAs(ctx, "server "+host+" "+data, d)
			}
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

// enterOwn holds what a process was started with against its last start.
func (s *server) enterOwn(ctx context.Context, id, what, host string, w *ownfiles.Watch) error {
	set := w.Set()
	before, err := s.ownBefore(ctx, id, set)
	if err != nil {
		s.o.Log.Warn("what the server was started with is not in the record store; it is tried again", "err", err)
		return err
	}
	s.startedWith(ctx, what, host, set)
	if before != nil {
		for _, d := range set.Against(*before) {
			s.differs(ctx, what, host, w.Path(d.Name), d)
		}
	}
	return nil
}

// startedWith enters what a process was started with.
func (s *server) startedWith(ctx context.Context, what, host string, set ownfiles.Set) {
	said := what + " " + set.Version + " on " + host
	for _, name := range []string{ownfiles.Program, ownfiles.Engine, ownfiles.Settings, ownfiles.Policy} {
		if sum := set.Files[name]; sum != "" {
			said += ", " + name + " " + inShort(sum)
		}
	}
	s.identity.Noted(ctx, lookout.ActProgram, run.OneLine(said, 300), "ok")
}

// ownBefore keeps what a process was started with, and returns what it was the last time; nil at the first.
func (s *server) ownBefore(ctx context.Context, id string, set ownfiles.Set) (*ownfiles.Set, error) {
	var before *ownfiles.Set
	err := s.changeOwn(ctx, id, func(b *ownfiles.Set) ownfiles.Set {
		before = b
		return set
	})
	return before, err
}

// knownAs has a change that was told of not told again at the next start.
func (s *server) knownAs(ctx context.Context, id string, d ownfiles.Difference) {
	err := s.changeOwn(ctx, id, func(b *ownfiles.Set) ownfiles.Set {
		if b == nil {
			b = &ownfiles.Set{Version: s.o.Version}
		}
		if b.Files == nil {
			b.Files = map[string]string{}
		}
		b.Files[d.Name] = d.Is
		return *b
	})
	if err != nil {
		s.o.Log.Warn("what the server was started with is not in the record store", "err", err)
	}
}

func (s *server) changeOwn(ctx context.Context, id string, f func(before *ownfiles.Set) ownfiles.Set) error {
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
		d.Body = run.Encode(f(before))
		d.ChangedAt = time.Now()
		if _, err = s.store.PutDocument(ctx, d); !errors.Is(err, journal.ErrChanged) {
			return err
		}
	}
}

// differs enters that a file is another one; the lookout tells people.
func (s *server) differs(ctx context.Context, what, host, path string, d ownfiles.Difference) {
	outcome := lookout.OutAltered
	if d.Upgrade {
		outcome = lookout.OutChanged
	}
	if path != "" {
		path = " " + path
	}
	s.identity.Noted(ctx, lookout.ActProgram, run.OneLine(fmt.Sprintf("%s on %s: %s%s, %s → %s", what, host, d.Name, path, inShort(d.Was), inShort(d.Is)), 300), outcome)
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
		d, err := s.store.Document(ctx, kindOwnFiles, "site "+site)
		before := map[string]ownfiles.Set{}
		switch {
		case errors.Is(err, journal.ErrNotFound):
			d = journal.Document{Kind: kindOwnFiles, ID: "site " + site}
		case err != nil:
			return
		default:
			if json.Unmarshal(d.Body, &before) != nil {
				before = map[string]ownfiles.Set{}
			}
		}
		var fresh []api.WorkerMark
		was := maps.Clone(before)
		for _, w := range all {
			last, known := before[w.Ledger]
			if !known && len(before) >= mostOwn || known && last.Version == w.Set.Version && len(w.Set.Against(last)) == 0 {
				continue
			}
			before[w.Ledger], fresh = w.Set, append(fresh, w)
		}
		if len(fresh) == 0 {
			continue
		}
		d.Body, d.ChangedAt = run.Encode(before), time.Now()
		if _, err := s.store.PutDocument(ctx, d); err != nil {
			continue // another server was faster, or the store is away: it is looked at again
		}
		for _, w := range fresh {
			s.startedWith(ctx, "worker of "+site, w.Host, w.Set)
			last, known := was[w.Ledger]
			for _, d := range w.Set.Against(last) {
				if known {
					s.differs(ctx, "worker of "+site, w.Host, "", d)
				}
			}
		}
	}
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
