package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// docTold is the kind of document that says that the planner is being told, or was told, of what became of
// a due day. Its workflow, and each server that finds the workflow gone, would tell it otherwise.
const docTold = "occasion_told"

type toldOf struct {
	Since time.Time `json:"since,omitzero"` // who is at it since when; zero is nobody
	Done  bool      `json:"done,omitempty"`
}

// tellingFor is how long one may be at it before another takes it for dead.
const tellingFor = 2 * time.Minute

// errTelling: another server, or the workflow, is at it.
var errTelling = errors.New("the planner is being told by another server")

// tellOnce has the planner told of an event of a due day, unless that was done.
func (o Occasions) tellOnce(ctx context.Context, spec programme.Spec, t plan.OccasionTold) error {
	if o.Tell == nil {
		return nil
	}
	store, now := o.Server.Store, o.Server.now().UTC()
	id := fmt.Sprintf("%s/%s/%d", t.ID, t.Event.Kind, t.Try)
	if t.Event.Kind == run.OccasionMissed { // there is one, however often it was tried
		id = t.ID + "/" + string(t.Event.Kind)
	}
	doc, err := store.Document(ctx, docTold, id)
	var was toldOf
	switch {
	case errors.Is(err, journal.ErrNotFound):
		doc = journal.Document{Kind: docTold, ID: id}
	case err != nil:
		return err
	default:
		if err := json.Unmarshal(doc.Body, &was); err != nil {
			return err
		}
	}
	if was.Done {
		return nil
	}
	if !was.Since.IsZero() && now.Sub(was.Since) < tellingFor {
		return errTelling
	}
	put := func(ctx context.Context, to toldOf) error {
		body, err := json.Marshal(to)
		if err != nil {
			return err
		}
		doc.Body = body
		kept, err := store.PutDocument(ctx, doc)
		if err == nil {
			doc = kept
		}
		return err
	}
	if err := put(ctx, toldOf{Since: now}); errors.Is(err, journal.ErrChanged) {
		return errTelling
	} else if err != nil {
		return err
	}
	err = o.Tell(ctx, spec, t)
	// What was told was told, though whoever waits for it has gone.
	return errors.Join(err, put(context.WithoutCancel(ctx), toldOf{Done: err == nil}))
}
