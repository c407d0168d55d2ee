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

// readingLasts is for how long a server counts that looks no more.
const readingLasts = 3 * AssignedEvery

// reading is which people a server reads from its plan files.
type reading struct {
	Digest string    `json:"digest"`
	Since  time.Time `json:"since"` // it reads these
	At     time.Time `json:"at"`    // it looked last
}

// readings are those of all servers of a store, by name.
type readings struct {
	Servers map[string]reading `json:"servers,omitempty"`
	version int64
}

// read notes what a server reads now, and forgets servers that are gone.
func (r *readings) read(server, digest string, now time.Time) {
	mine := r.Servers[server]
	if mine.Digest != digest {
		mine = reading{Digest: digest, Since: now}
	}
	mine.At = now
	if r.Servers == nil {
		r.Servers = map[string]reading{}
	}
	r.Servers[server] = mine
	maps.DeleteFunc(r.Servers, func(_ string, of reading) bool { return now.Sub(of.At).Abs() > readingLasts })
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

// apart lists those that do so for longer than an edit takes to reach every server: each has looked again since.
func (r readings) apart(from string) []string {
	mine := r.Servers[from]
	return slices.DeleteFunc(r.differing(from), func(name string) bool {
		other, began := r.Servers[name], mine.Since
		if other.Since.After(began) {
			began = other.Since
		}
		return mine.At.Sub(began) < AssignedEvery || other.At.Sub(began) < AssignedEvery
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

// noteReading notes which people this server reads, unless nobody has looked before: that is noted when the first look
// is over, so that one which is broken off is made again as the first.
func (s *Server) noteReading(ctx context.Context, people []plan.Person, now time.Time) (r readings, first bool, err error) {
	for {
		r, err = s.readings(ctx)
		first = errors.Is(err, journal.ErrNotFound)
		if err != nil && !first {
			return r, first, err
		}
		r.read(s.Name, peopleDigest(people), now)
		if first {
			return r, true, nil
		}
		if err = s.putReadings(ctx, r); !errors.Is(err, journal.ErrChanged) { // else another server has just looked
			return r, false, err
		}
	}
}

// tellApart tells when servers read different people, and when they do no more.
func (s *Server) tellApart(r readings) {
	apart := strings.Join(r.apart(s.Name), ", ")
	was, _ := s.readApart.Load().(string)
	switch {
	case apart != "" && apart != was:
		s.Log.Warn("another server on this record store reads other people or roles from its plan files: until both have the same files, nobody's arrival or new role is noted", "host", apart)
	case was != "" && len(r.differing(s.Name)) == 0:
		s.Log.Info("the servers on this record store read the same people again")
	default:
		return
	}
	s.readApart.Store(apart)
}
