package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// disabled says that a person may not come, or might not once.
type disabled struct {
	At      time.Time `json:"at"`
	By      string    `json:"by"`
	Reason  string    `json:"reason"`
	Enabled bool      `json:"enabled,omitempty"` // they may again; what is older than At stays shut
}

// Out is a person who is disabled.
type Out struct {
	Person string    `json:"person"`
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// Disable refuses all tokens, sessions and links of a person at once, on every server within
// seconds (requirement P-OFF).
func (s *Service) Disable(ctx context.Context, person, by, reason string) error {
	if person == "" || reason == "" {
		return fmt.Errorf("%w: disabling takes a person and a reason, which stands in the access log", ErrAsked)
	}
	err := change(ctx, s, kindDisabled, person, func(d *disabled, found bool) error {
		if found && !d.Enabled {
			return errKeep
		}
		*d = disabled{At: s.o.Now().UTC(), By: by, Reason: reason}
		return nil
	})
	if err == nil {
		s.note(ctx, journal.Access{Person: by, Act: "disable", Object: person, Outcome: "ok"})
	}
	return err
}

// Enable lets a person in again. What they had before stays shut: they sign in anew, and get
// new tokens and links.
func (s *Service) Enable(ctx context.Context, person, by string) error {
	err := change(ctx, s, kindDisabled, person, func(d *disabled, found bool) error {
		if !found || d.Enabled {
			return errKeep
		}
		d.Enabled, d.At = true, s.o.Now().UTC()
		return nil
	})
	if err == nil {
		s.note(ctx, journal.Access{Person: by, Act: "enable", Object: person, Outcome: "ok"})
	}
	return err
}

// DisabledPeople lists who is disabled now, by person.
func (s *Service) DisabledPeople(ctx context.Context) ([]Out, error) {
	docs, err := s.store.DocumentsOf(ctx, kindDisabled)
	if err != nil {
		return nil, err
	}
	out := []Out{}
	for _, doc := range docs {
		var d disabled
		if err := json.Unmarshal(doc.Body, &d); err != nil {
			return nil, fmt.Errorf("disabled %s in the record store: %w", doc.ID, err)
		}
		if !d.Enabled {
			out = append(out, Out{Person: doc.ID, At: d.At, By: d.By, Reason: d.Reason})
		}
	}
	return out, nil
}

// Known are the people who have a token or a session, or were disabled once.
func (s *Service) Known(ctx context.Context) (map[string]bool, error) {
	out := map[string]bool{}
	for _, kind := range []string{kindToken, kindSession, kindDisabled} {
		docs, err := s.store.DocumentsOf(ctx, kind)
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			if kind == kindDisabled {
				out[doc.ID] = true
				continue
			}
			var of struct {
				Person string `json:"person"`
			}
			if err := json.Unmarshal(doc.Body, &of); err != nil {
				return nil, fmt.Errorf("%s %s in the record store: %w", kind, doc.ID, err)
			}
			if of.Person != "" {
				out[of.Person] = true
			}
		}
	}
	return out, nil
}

// Disabled reports whether a person is disabled or has left the estate, so that nothing is
// taken from them any more.
func (s *Service) Disabled(ctx context.Context, person string) (bool, error) {
	err := s.Standing(ctx, person, "")
	if ReasonOf(err) != "" {
		return true, nil
	}
	return false, err
}

// Standing refuses a person who is disabled or has left the estate: for message channels,
// which know people by their own accounts. The error is a *Refusal.
func (s *Service) Standing(ctx context.Context, person, via string) error {
	return s.standing(ctx, person, via, s.o.Now())
}
