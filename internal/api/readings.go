package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
)

// AssignedEvery is how often each server calls NoteAssigned.
const AssignedEvery = 10 * time.Minute

// Servers of one store have clocks that may differ: each counts by its own looks, which are AssignedEvery apart.
const (
	// missedLooks is after how many of its looks one forgets a server that has not looked meanwhile.
	missedLooks = 3
	// looksApart is at how many of its looks one has found another to have looked anew, and to read the same other people,
	// when it tells: an edit has had its time to reach every server.
	looksApart = 2
)

// reading is which people a server reads from its plan files.
type reading struct {
	Digest string `json:"digest"`
	Looks  int64  `json:"looks"` // how often it has looked
}

// readings are those of all servers of a store, by name.
type readings struct {
	Servers map[string]reading `json:"servers,omitempty"`
	First   bool               `json:"first,omitempty"` // no server has come to the end of its first look yet
	version int64
}

// sight is what a server has seen of another.
type sight struct {
	of     reading
	mine   string // digest of what it read itself
	anew   int    // at how many looks the other had looked again, and neither read anything else
	missed int    // how many looks ago the other looked last
}

// look notes what a server reads now, forgets servers that are gone, and returns what it has seen of the others, after
// what it saw at its last look.
func (r *readings) look(server, digest string, was map[string]sight) map[string]sight {
	if r.Servers == nil {
		r.Servers = map[string]reading{}
	}
	r.Servers[server] = reading{Digest: digest, Looks: r.Servers[server].Looks + 1}
	seen := map[string]sight{}
	for name, of := range r.Servers {
		if name == server {
			continue
		}
		now := sight{of: of, mine: digest}
		if last, ok := was[name]; ok {
			if last.of.Digest == of.Digest && last.mine == digest {
				now.anew = last.anew
				if last.of.Looks != of.Looks {
					now.anew++
				}
			}
			if last.of.Looks == of.Looks {
				now.missed = last.missed + 1
			}
		}
		if now.missed < missedLooks {
			seen[name] = now
		}
	}
	maps.DeleteFunc(r.Servers, func(name string, _ reading) bool { _, there := seen[name]; return name != server && !there })
	return seen
}

// differing lists the servers that read other people than one does.
func (r readings) differing(from string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(r.Servers)) {
		if r.Servers[name].Digest != r.Servers[from].Digest {
			out = append(out, name)
		}
	}
	return out
}

// apart lists those that do so for longer than an edit takes to reach every server.
func (s *Server) apart(r readings) []string {
	seen, _ := s.lastLook.Load().(map[string]sight)
	return slices.DeleteFunc(r.differing(s.Name), func(name string) bool {
		return seen[name].anew < looksApart || seen[name].of.Digest != r.Servers[name].Digest
	})
}

// peopleDigest is the same for the same people with the same roles, in whatever order.
func peopleDigest(people []plan.Person) string {
	roles := map[string][]string{}
	for _, p := range people {
		roles[p.ID] = slices.Sorted(slices.Values(p.Roles))
	}
	body, _ := json.Marshal(roles) // of strings alone
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func (s *Server) readings(ctx context.Context) (r readings, err error) {
	doc, err := s.Store.Document(ctx, docAssigned, docAssignedAll)
	if err != nil {
		return r, err
	}
	r.version = doc.Version
	return r, json.Unmarshal(doc.Body, &r)
}

func (s *Server) putReadings(ctx context.Context, r readings) error {
	body, err := json.Marshal(r)
	if err != nil {
		return err
	}
	_, err = s.Store.PutDocument(ctx, journal.Document{Kind: docAssigned, ID: docAssignedAll, Version: r.version, Body: body})
	return err
}

// noteReading notes which people this server reads, before it notes anybody: of two that look for the first time at once
// the later one sees the other's.
func (s *Server) noteReading(ctx context.Context, people []plan.Person) (readings, error) {
	was, _ := s.lastLook.Load().(map[string]sight)
	for {
		r, err := s.readings(ctx)
		if errors.Is(err, journal.ErrNotFound) {
			r, err = readings{First: true}, nil
		}
		if err != nil {
			return r, err
		}
		seen := r.look(s.Name, peopleDigest(people), was)
		if err = s.putReadings(ctx, r); errors.Is(err, journal.ErrChanged) { // another server has just looked
			continue
		}
		if err == nil {
			s.lastLook.Store(seen)
		}
		return r, err
	}
}

// firstLookOver notes that whoever comes from now on is new. Until then a first look that was broken off is made again as
// the first.
func (s *Server) firstLookOver(ctx context.Context) error {
	for {
		r, err := s.readings(ctx)
		if err != nil || !r.First {
			return err
		}
		r.First = false
		if err = s.putReadings(ctx, r); !errors.Is(err, journal.ErrChanged) {
			return err
		}
	}
}

// tellApart tells when servers read different people, and when they do no more.
func (s *Server) tellApart(r readings) {
	apart := strings.Join(s.apart(r), ", ")
	was, _ := s.readApart.Load().(string)
	switch {
	case apart != "" && apart != was:
		s.Log.Warn("the plan files of other servers on this record store have other people or roles: until all have the same files, nobody's arrival, new role or leaving is noted", "servers", apart)
	case was != "" && len(r.differing(s.Name)) == 0:
		s.Log.Info("the servers on this record store read the same people again")
	default:
		return
	}
	s.readApart.Store(apart)
}
