package api

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/journal"
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
}

// docAssignedAll marks that the server has looked.
const docAssignedAll = "."

// NoteAssigned notes who is newly in the estate, and who has a new role (requirement C-DRL-7:
// assignment triggers education). It is safe to be called by several servers.
func (s *Server) NoteAssigned(ctx context.Context) error {
	if s.Estate == nil {
		return nil
	}
	e, err := s.Estate(ctx)
	if err != nil {
		return err
	}
	_, err = s.Store.Document(ctx, docAssigned, docAssignedAll)
	first := errors.Is(err, journal.ErrNotFound)
	if err != nil && !first {
		return err
	}
	now := s.now().UTC()
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
		changed := doc.Version == 0
		if a.Roles == nil {
			a.Roles = map[string]time.Time{}
		}
		for _, role := range p.Roles {
			if _, ok := a.Roles[role]; !ok {
				at := now
				if first {
					at = time.Time{}
				}
				a.Roles[role], changed = at, true
			}
		}
		for role := range a.Roles { // who gets it back later is new in it again
			if !slices.Contains(p.Roles, role) {
				delete(a.Roles, role)
				changed = true
			}
		}
		if !changed {
			continue
		}
		if doc.Body, err = json.Marshal(a); err != nil {
			return err
		}
		if _, err := s.Store.PutDocument(ctx, doc); err != nil && !errors.Is(err, journal.ErrChanged) {
			return err
		}
	}
	if first {
		_, err = s.Store.PutDocument(ctx, journal.Document{Kind: docAssigned, ID: docAssignedAll, Body: []byte(`{}`)})
		if errors.Is(err, journal.ErrChanged) {
			err = nil
		}
		return err
	}
	return nil
}

// arrived lists who came, or got a new role, since the server looked for the first time.
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
		if !a.First {
			out = append(out, programme.Arrived{Person: d.ID, Since: a.Since})
		}
		for role, since := range a.Roles {
			if !since.IsZero() {
				out = append(out, programme.Arrived{Person: d.ID, Role: role, Since: since})
			}
		}
	}
	slices.SortFunc(out, func(a, b programme.Arrived) int { return a.Since.Compare(b.Since) })
	return out, nil
}
