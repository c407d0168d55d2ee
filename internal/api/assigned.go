package api

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
)

// docAssigned is the kind of document that says since when a person is in the estate, and
// since when they have which role. Whoever is there when the server looks for the first time
// has been there all along.
const docAssigned = "assigned"

type assigned struct {
	Since time.Time            `json:"since"`
	First bool                 `json:"first,omitempty"` // there from the beginning
	Roles map[string]time.Time `json:"roles,omitempty"` // zero is from the beginning
	Left  time.Time            `json:"left,omitzero"`   // when they were found to be out of the estate
	// Past are assignments that are over: roles that were taken away, and those of before they came back.
	Past []programme.Arrived `json:"past,omitempty"`
}

// backWithin is how soon somebody is back who never left: the estate was saved with a mistake.
const backWithin = 24 * time.Hour

// arrivals lists since when they are there and have which role, and until when, as far as that was not from the beginning.
func (a assigned) arrivals(person string) []programme.Arrived {
	out := slices.Clone(a.Past)
	if !a.First {
		out = append(out, programme.Arrived{Person: person, Since: a.Since, Left: a.Left})
	}
	for _, role := range slices.Sorted(maps.Keys(a.Roles)) {
		if since := a.Roles[role]; !since.IsZero() {
			out = append(out, programme.Arrived{Person: person, Role: role, Since: since, Left: a.Left})
		}
	}
	return out
}

// here notes that they are in the estate with these roles, and reports whether that is new.
func (a *assigned) here(person string, roles []string, first bool, now time.Time) bool {
	changed := !a.Left.IsZero()
	switch {
	case changed && now.Sub(a.Left) < backWithin:
		a.Left = time.Time{}
	case changed: // they are new again
		*a = assigned{Since: now, Past: a.arrivals(person)}
	}
	if a.Roles == nil {
		a.Roles = map[string]time.Time{}
	}
	for _, role := range roles {
		if _, ok := a.Roles[role]; !ok {
			at := now
			if first {
				at = time.Time{}
			}
			a.Roles[role], changed = at, true
		}
	}
	for role, since := range a.Roles { // who gets it back later is new in it again
		if slices.Contains(roles, role) {
			continue
		}
		if !since.IsZero() {
			a.Past = append(a.Past, programme.Arrived{Person: person, Role: role, Since: since, Left: now})
		}
		delete(a.Roles, role)
		changed = true
	}
	return changed
}

// docAssignedAll says what each server reads, and whether one has come to the end of its first look.
const docAssignedAll = "."

// NoteAssigned notes who is newly in the estate, who has a new role (requirement C-DRL-7:
// assignment triggers education), and who has left. It is safe to be called by several servers:
// while they read different people from their plan files, nothing is noted.
func (s *Server) NoteAssigned(ctx context.Context) error {
	if s.Estate == nil {
		return nil
	}
	e, err := s.Estate(ctx)
	if err != nil {
		return err
	}
	all, err := s.noteReading(ctx, e.People)
	if err != nil {
		return err
	}
	if s.tellApart(all); len(all.differing(s.Name)) > 0 {
		return nil
	}
	now, first := s.now().UTC(), all.First
	for _, p := range e.People {
		doc, err := s.Store.Document(ctx, docAssigned, p.ID)
		var a assigned
		switch {
		case errors.Is(err, journal.ErrNotFound):
			doc, a = journal.Document{Kind: docAssigned, ID: p.ID}, assigned{Since: now, First: first}
		case err != nil:
			return err
		default:
			if err := json.Unmarshal(doc.Body, &a); err != nil {
				return err
			}
		}
		if !a.here(p.ID, p.Roles, first, now) && doc.Version != 0 {
			continue
		}
		if err := s.putAssigned(ctx, doc, a); err != nil {
			return err
		}
	}
	if first { // nobody can have left
		return s.firstLookOver(ctx)
	}
	return s.noteLeft(ctx, e.People, now)
}

// noteLeft notes who is in the estate no more.
func (s *Server) noteLeft(ctx context.Context, people []plan.Person, now time.Time) error {
	docs, err := s.Store.DocumentsOf(ctx, docAssigned)
	if err != nil {
		return err
	}
	for _, doc := range docs {
		if doc.ID == docAssignedAll || slices.ContainsFunc(people, func(p plan.Person) bool { return p.ID == doc.ID }) {
			continue
		}
		var a assigned
		if err := json.Unmarshal(doc.Body, &a); err != nil {
			return err
		}
		if !a.Left.IsZero() {
			continue
		}
		a.Left = now
		if err := s.putAssigned(ctx, doc, a); err != nil {
			return err
		}
	}
	return nil
}

// putAssigned keeps what is known of somebody; another server may have done it first.
func (s *Server) putAssigned(ctx context.Context, doc journal.Document, a assigned) (err error) {
	if doc.Body, err = json.Marshal(a); err != nil {
		return err
	}
	if _, err = s.Store.PutDocument(ctx, doc); errors.Is(err, journal.ErrChanged) {
		return nil
	}
	return err
}

// wasAssigned reports whether somebody is or was in the estate, as far as the record knows.
func (s *Server) wasAssigned(ctx context.Context, person string) (bool, error) {
	_, err := s.Store.Document(ctx, docAssigned, person)
	if errors.Is(err, journal.ErrNotFound) || person == docAssignedAll {
		return false, nil
	}
	return err == nil, err
}

// arrived lists who came, or got a new role, since the server looked for the first time, and until when they stayed.
func (s *Server) arrived(ctx context.Context) ([]programme.Arrived, error) {
	docs, err := s.Store.DocumentsOf(ctx, docAssigned)
	if err != nil {
		return nil, err
	}
	var out []programme.Arrived
	for _, d := range docs {
		if d.ID == docAssignedAll {
			continue
		}
		var a assigned
		if err := json.Unmarshal(d.Body, &a); err != nil {
			return nil, err
		}
		out = append(out, a.arrivals(d.ID)...)
	}
	slices.SortStableFunc(out, func(a, b programme.Arrived) int { return a.Since.Compare(b.Since) })
	return out, nil
}
