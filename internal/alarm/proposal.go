package alarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// State is where a proposal stands.
type State string

const (
	Open      State = "open"
	Started   State = "started"
	Dismissed State = "dismissed" // by a person, or because the source withdrew it
	Expired   State = "expired"
)

// Proposal is what an alarm asks of people for one scenario. Everything that is said of
// one event goes into one proposal, however often and by however many sources.
type Proposal struct {
	ID       string    `json:"id"`
	State    State     `json:"state" enum:"open,started,dismissed,expired"`
	Kind     run.Kind  `json:"kind" enum:"drill,response" doc:"What would start. A training telegram can only lead to a drill."`
	Scenario string    `json:"scenario" doc:"Empty when no rule could be read."`
	Title    plan.Text `json:"title"`
	Systems  []string  `json:"systems,omitempty"`

	Source  string    `json:"source" doc:"The alarm source that spoke first."`
	Sender  Kind      `json:"sender" doc:"Kind of the source."`
	Event   string    `json:"event" doc:"The same for all that is said of one event."`
	Summary plan.Text `json:"summary" doc:"What was said, at its gravest."`
	Rule    string    `json:"rule,omitempty" doc:"The rule, as file:line."`
	// Automatic: a rule of the plan files starts it; nobody has to.
	Automatic bool      `json:"automatic" doc:"A rule starts it without waiting for a person."`
	Natural   bool      `json:"natural,omitempty"`
	Level     int       `json:"level" doc:"How grave; comparable within one event."`
	RaisedAt  time.Time `json:"raised_at"`
	Since     time.Time `json:"since,omitzero" doc:"When the event happened, as the source says."`
	Expires   time.Time `json:"expires"`

	Due bool `json:"due,omitempty" doc:"It is being started by its rule."`
	// Told is what people were last told of it.
	Told string `json:"told,omitempty"`
	// Cleared: drills that a real alarm stops have been told.
	Cleared bool      `json:"cleared,omitempty"`
	Trouble plan.Text `json:"trouble,omitzero" doc:"What keeps it from starting."`
	Run     string    `json:"run,omitempty" doc:"What came of it."`
	By      string    `json:"by,omitempty" doc:"Who started or dismissed it: a person, or alarm:NAME."`
	Via     string    `json:"via,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	Over    time.Time `json:"over,omitzero" doc:"When the source said that the event is over."`

	// Heard is when a message that was known came again, to the day.
	Heard time.Time `json:"heard,omitzero"`
	// Filed: it is being archived, and is changed no more.
	Filed bool `json:"filed,omitempty"`

	// Series is the newest message of each series, which orders them.
	Series   map[string]Latest `json:"series,omitempty"`
	Messages int               `json:"messages" doc:"How many different messages spoke of it."`
	Evidence []Evidence        `json:"evidence" doc:"The newest of them."`
}

// Latest is the newest message of a series.
type Latest struct {
	At        time.Time `json:"at"`
	Withdrawn bool      `json:"withdrawn,omitempty"`
}

// Evidence is a message that counted.
type Evidence struct {
	At      time.Time `json:"at" doc:"When it came."`
	Source  string    `json:"source"`
	Title   string    `json:"title,omitempty"`
	Sent    time.Time `json:"sent,omitzero"`
	Summary plan.Text `json:"summary"`
	Digest  string    `json:"digest" doc:"SHA-256 of the message's body."`
}

// keptEvidence bounds what a storm adds to a proposal.
const keptEvidence = 20

const docKind = "proposal"

// Happened is when the event of a response happened, for its RTO clock (RFC 3339); "" when
// the source did not say, or said a time that has not come. A drill's event is the drill's own.
func (p Proposal) Happened(now time.Time) string {
	if p.Kind != run.Response || p.Since.IsZero() || p.Since.After(now) {
		return ""
	}
	return p.Since.UTC().Format(time.RFC3339Nano)
}

// RequestID names a proposal's start: however often it is asked, one run starts.
func (p Proposal) RequestID() string { return "alarm-" + p.ID }

func (p *Proposal) add(e Evidence) {
	p.Messages++
	p.Evidence = append(p.Evidence, e)
	if n := len(p.Evidence) - keptEvidence; n > 0 {
		p.Evidence = slices.Delete(p.Evidence, 1, 1+n) // the first says how it began
	}
}

// saw reports whether a message is among the evidence.
func (p Proposal) saw(message string) bool {
	return slices.ContainsFunc(p.Evidence, func(e Evidence) bool { return e.Digest == message })
}

// upheld reports whether a series still says what has not been withdrawn.
func (p Proposal) upheld() bool {
	for _, s := range p.Series {
		if !s.Withdrawn {
			return true
		}
	}
	return len(p.Series) == 0
}

// Get returns one, an archived one too; journal.ErrNotFound when there is none.
func Get(ctx context.Context, docs journal.Documents, id string) (Proposal, error) {
	p, _, err := get(ctx, docs, docKind, id)
	if errors.Is(err, journal.ErrNotFound) {
		p, _, err = get(ctx, docs, pastKind, id)
	}
	return p, err
}

func get(ctx context.Context, docs journal.Documents, kind, id string) (Proposal, int64, error) {
	d, err := docs.Document(ctx, kind, id)
	if err != nil {
		return Proposal{}, 0, err
	}
	var p Proposal
	if err := json.Unmarshal(d.Body, &p); err != nil {
		return Proposal{}, 0, fmt.Errorf("proposal %s: %w", id, err)
	}
	return p, d.Version, nil
}

// changeTries bounds how often a change is decided anew because somebody else was faster.
const changeTries = 50

// Change reads a proposal, lets f decide on it, and keeps it; when another has changed it
// meanwhile, f decides again. f's error leaves it as it is and is returned. journal.ErrNotFound
// when there is none, or none any more.
func Change(ctx context.Context, docs journal.Documents, id string, f func(*Proposal) error) (Proposal, error) {
	return change(ctx, docs, id, false, f)
}

// change is Change, which may also begin a proposal: only propose does.
func change(ctx context.Context, docs journal.Documents, id string, begin bool, f func(*Proposal) error) (Proposal, error) {
	for range changeTries {
		p, version, err := get(ctx, docs, docKind, id)
		if err != nil && !(begin && errors.Is(err, journal.ErrNotFound)) {
			return Proposal{}, err
		}
		if p.Filed {
			return p, fmt.Errorf("proposal %s: %w", id, errFiled)
		}
		p.ID = id
		if err := f(&p); err != nil {
			return p, err
		}
		body, err := json.Marshal(p)
		if err != nil {
			return Proposal{}, err
		}
		_, err = docs.PutDocument(ctx, journal.Document{Kind: docKind, ID: id, Version: version, Body: body})
		if !errors.Is(err, journal.ErrChanged) {
			return p, err
		}
	}
	return Proposal{}, fmt.Errorf("proposal %s: it changes too often to be changed", id)
}

// ErrSettled: the proposal does not wait any more.
var ErrSettled = errors.New("the proposal is settled")

// Settle ends an open proposal.
func (p *Proposal) Settle(state State, by, via, reason string, at time.Time) error {
	if p.State != Open {
		return ErrSettled
	}
	p.State, p.By, p.Via, p.Reason, p.EndedAt, p.Due = state, by, via, reason, at.UTC(), false
	return nil
}
