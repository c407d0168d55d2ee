package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// docProgramme is the kind of document that says when muster first had a programme. There is one,
// whatever the programme is called: under a new name nothing that is overdue becomes not owed.
const docProgramme = "programme"

// docProgrammeFirst is the ID of that document.
const docProgrammeFirst = "."

type firstProgramme struct {
	Since time.Time `json:"since"`
}

// programmeSince is when muster first had a programme: a plan begun in the course of a year does not
// owe what was due before. It notes the moment when nothing has: of a store that is older than the note,
// that of the first due day which was entered.
func (s *Server) programmeSince(ctx context.Context) (time.Time, error) {
	doc, err := s.Store.Document(ctx, docProgramme, docProgrammeFirst)
	if errors.Is(err, journal.ErrNotFound) {
		now := s.now().UTC()
		first := firstProgramme{Since: now}
		days, err := s.Store.Runs(ctx, journal.Filter{Kind: run.Occasion})
		if err != nil {
			return time.Time{}, err
		}
		for _, d := range days {
			if d.StartedAt.Before(first.Since) {
				first.Since = d.StartedAt
			}
		}
		body, err := json.Marshal(first)
		if err != nil {
			return time.Time{}, err
		}
		_, err = s.Store.PutDocument(ctx, journal.Document{Kind: docProgramme, ID: docProgrammeFirst, Body: body, ChangedAt: now})
		if err == nil {
			return first.Since, nil
		}
		if !errors.Is(err, journal.ErrChanged) {
			return time.Time{}, err
		}
		if doc, err = s.Store.Document(ctx, docProgramme, docProgrammeFirst); err != nil {
			return time.Time{}, err
		}
	} else if err != nil {
		return time.Time{}, err
	}
	var first firstProgramme
	err = json.Unmarshal(doc.Body, &first)
	return first.Since, err
}

// atOnceNoted is how much later than a first due day of its own a programme may be noted.
const atOnceNoted = 24 * time.Hour

// justNoted is how far a note may be from when the store was given it, by the same clock.
const justNoted = time.Minute

// HoldProgramme returns how the note differed, after it was set right by the record: a plan that had a due day was in force
// by then. Of a note that looks as it did when it was first written only the log tells: a wrong clock wrote such a one, and
// whoever may write to the store can make one. Nothing outside of it says which; what is owed is the same.
func (s *Server) HoldProgramme(ctx context.Context) ([]plan.Text, error) {
	doc, err := s.Store.Document(ctx, docProgramme, docProgrammeFirst)
	if errors.Is(err, journal.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	days, err := s.Store.Runs(ctx, journal.Filter{Kind: run.Occasion})
	if err != nil {
		return nil, err
	}
	var kept firstProgramme
	wrong := json.Unmarshal(doc.Body, &kept) != nil
	first := firstProgramme{Since: kept.Since}
	for _, d := range days {
		if wrong || d.StartedAt.Before(first.Since) {
			first.Since, wrong = d.StartedAt, false
		}
	}
	if kept.Since.Sub(first.Since).Abs() < atOnceNoted {
		return nil, nil
	}
	list, err := outcome.Differences(kept, first)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	looksUntouched := doc.Version == 1 && doc.ChangedAt.Sub(kept.Since).Abs() < justNoted
	if doc.Body, err = json.Marshal(first); err != nil {
		return nil, err
	}
	doc.ChangedAt = s.now()
	if _, err := s.Store.PutDocument(ctx, doc); err != nil && !errors.Is(err, journal.ErrChanged) {
		return nil, err
	}
	if looksUntouched {
		s.Log.Warn("since when there is a programme did not fit its first due day: a clock was wrong when one of them was noted, or the note was altered in the store; it is owed from that day on",
			"before", kept.Since, "since", first.Since)
		return nil, nil
	}
	return []plan.Text{outcome.Say(plan.Say("since when there is a programme", "年間計画の適用開始"), list)}, nil
}

// NoteProgramme notes when muster first had a programme, though nobody asks for its coverage.
func (s *Server) NoteProgramme(ctx context.Context) error {
	if p, err := s.optionalProgramme(ctx); err != nil || p == nil {
		return err
	}
	_, err := s.programmeSince(ctx)
	return err
}
