package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// archiveAfter is how long a settled proposal of which nothing more is heard is listed.
const archiveAfter = 90 * 24 * time.Hour

// heardEvery bounds how often it is noted that a message came again.
const heardEvery = 24 * time.Hour

// pastKind is where proposals are kept that are listed no more. They can be asked for by ID,
// which is never given again: a start that was asked under it happened.
const pastKind = "proposal.past"

// errFiled: the proposal is being archived this moment.
var errFiled = errors.New("it has just been archived; say it again")

// quietSince is when a proposal was last heard of, or settled.
func (p Proposal) quietSince() time.Time {
	out := p.RaisedAt
	for _, at := range []time.Time{p.EndedAt, p.Over, p.Heard} {
		if at.After(out) {
			out = at
		}
	}
	if n := len(p.Evidence); n > 0 && p.Evidence[n-1].At.After(out) {
		out = p.Evidence[n-1].At
	}
	return out
}

// Archive puts away the proposals that were settled and of which nothing was heard for
// archiveAfter. Open ones stay, and so does what happened: a run's record tells what began it.
func Archive(ctx context.Context, docs journal.Documents, now time.Time) (int, error) {
	list, err := docs.DocumentsOf(ctx, docKind)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, d := range list {
		var p Proposal
		if err := json.Unmarshal(d.Body, &p); err != nil {
			return n, fmt.Errorf("proposal %s: %w", d.ID, err)
		}
		if !p.Filed && (p.State == Open || now.Sub(p.quietSince()) < archiveAfter) {
			continue
		}
		if err := putAway(ctx, docs, d, p); errors.Is(err, journal.ErrChanged) {
			continue // it was heard of this moment
		} else if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// putAway copies a proposal to the past, shuts it for changes and then drops it: whoever would
// have changed it meanwhile is refused, and nothing that was said is lost.
func putAway(ctx context.Context, docs journal.Documents, d journal.Document, p Proposal) error {
	if !p.Filed {
		if err := replace(ctx, docs, journal.Document{Kind: pastKind, ID: d.ID, ChangedAt: d.ChangedAt, Body: d.Body}); err != nil {
			return err
		}
		p.Filed = true
		body, err := json.Marshal(p)
		if err != nil {
			return err
		}
		d.Body = body
		if _, err := docs.PutDocument(ctx, d); err != nil {
			return err
		}
	}
	return docs.DropDocument(ctx, docKind, d.ID)
}

// replace keeps a document in place of the one that is there.
func replace(ctx context.Context, docs journal.Documents, d journal.Document) error {
	old, err := docs.Document(ctx, d.Kind, d.ID)
	if err != nil && !errors.Is(err, journal.ErrNotFound) {
		return err
	}
	d.Version = old.Version
	_, err = docs.PutDocument(ctx, d)
	return err
}

// archived reports whether a proposal is in the past.
func archived(ctx context.Context, docs journal.Documents, id string) (bool, error) {
	_, err := docs.Document(ctx, pastKind, id)
	if errors.Is(err, journal.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
