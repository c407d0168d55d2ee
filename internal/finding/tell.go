package finding

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/journal"
)

// Told is what another program is told of a finding. Fields are only ever added.
type Told struct {
	ID      string    `json:"id"` // the same at every attempt, as the header Idempotency-Key
	Event   What      `json:"event"`
	At      time.Time `json:"at"`
	Run     string    `json:"run,omitempty"`
	By      string    `json:"by,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	Finding Finding   `json:"finding"` // as it stands when it is told
}

// tells are what others are told of: what a tracker would open or close an issue for.
var tells = []What{WasOpened, WasReopened, WasClosed, WasWaived, WasConfirmed, WasGone, WasReviewed}

// Teller tells another program what became of findings from the moment it was first asked to, each thing
// at least once and under one key.
type Teller struct {
	Ledger *Ledger
	Store  journal.Documents
	Send   func(ctx context.Context, key string, what Told) error
	Now    func() time.Time
	Zone   func(ctx context.Context) *time.Location
	Days   func() calendar.Calendar // on which people work

	mu   sync.Mutex
	told map[string]mark // by finding; nil until they were read
	from time.Time
}

const kindTold = "finding-told"

// mark is what of one finding was told.
type mark struct {
	Keys    []string `json:"keys"`
	version int64
}

// begin is from when on it is told.
type begin struct {
	From time.Time `json:"from"`
}

// beginID is no ID of a finding.
const beginID = "begin"

// Tell sends what was not told yet, the oldest first. It ends at the first that can't be sent: the others
// would fare alike, and are told at the next time.
func (t *Teller) Tell(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.load(ctx); err != nil {
		return err
	}
	list, err := t.Ledger.List(ctx)
	if err != nil {
		return err
	}
	type due struct {
		finding Finding
		change  Change
		key     string
	}
	var all []due
	for _, f := range list {
		for _, c := range f.History {
			key := keyOf(f.ID, c)
			if !c.At.Before(t.from) && slices.Contains(tells, c.What) && !slices.Contains(t.told[f.ID].Keys, key) {
				all = append(all, due{f, c, key})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b due) int { return a.change.At.Compare(b.change.At) })
	for _, d := range all {
		what := Told{ID: d.key, Event: d.change.What, At: d.change.At, Run: d.change.Run, By: d.change.By, Reason: d.change.Reason, Finding: d.finding.On(t.Now(), t.Zone(ctx), t.Days())}
		if err := t.Send(ctx, d.key, what); err != nil {
			return fmt.Errorf("tell of finding %s: %w", d.finding.ID, err)
		}
		if err := t.mark(ctx, d.finding.ID, d.key); err != nil {
			return err
		}
	}
	return nil
}

// keyOf is the same wherever in the history a change stands: an earlier run may be put before it.
func keyOf(id string, c Change) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %s %s", id, c.What, c.At.UTC().Format(time.RFC3339Nano), c.Run))
	return hex.EncodeToString(sum[:16])
}

func (t *Teller) load(ctx context.Context) error {
	if t.told != nil {
		return nil
	}
	docs, err := t.Store.DocumentsOf(ctx, kindTold)
	if err != nil {
		return err
	}
	told, from := map[string]mark{}, begin{}
	for _, d := range docs {
		if d.ID == beginID {
			if err := json.Unmarshal(d.Body, &from); err != nil {
				return fmt.Errorf("from when on findings are told: %w", err)
			}
			continue
		}
		m := mark{version: d.Version}
		if err := json.Unmarshal(d.Body, &m); err != nil {
			return fmt.Errorf("what was told of finding %s: %w", d.ID, err)
		}
		told[d.ID] = m
	}
	if from.From.IsZero() {
		from.From = t.Now().UTC()
		body, err := json.Marshal(from)
		if err != nil {
			return err
		}
		if _, err := t.Store.PutDocument(ctx, journal.Document{Kind: kindTold, ID: beginID, Body: body}); err != nil && !errors.Is(err, journal.ErrChanged) {
			return err
		}
	}
	t.told, t.from = told, from.From
	return nil
}

// mark keeps that something was told. Another server may have told it too, under the same key.
func (t *Teller) mark(ctx context.Context, id, key string) error {
	m := t.told[id]
	m.Keys = append(slices.Clone(m.Keys), key)
	body, err := json.Marshal(m)
	if err != nil {
		return err
	}
	d, err := t.Store.PutDocument(ctx, journal.Document{Kind: kindTold, ID: id, Version: m.version, Body: body})
	if errors.Is(err, journal.ErrChanged) {
		t.told = nil // read them anew at the next time
		return err
	}
	if err == nil {
		m.version = d.Version
		t.told[id] = m
	}
	return err
}
