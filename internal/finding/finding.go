// Package finding follows what runs taught over the years: a finding is opened by the run that found
// it, closed only by a later run that passes the same place, and opened again when it comes back. What
// people do about one, who owns it, until when, why it is waived, are acts in the journal. The state is a
// pure fold of both, in the order of time; it can be made again from them whenever somebody asks.
package finding

import (
	"crypto/sha256"
	"encoding/base32"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// State is where a finding stands.
type State string

const (
	Open   State = "open"
	Waived State = "waived" // somebody has taken it upon them until a day
	Closed State = "closed" // a later run passed its place
)

// States lists them all.
func States() []State { return []State{Open, Waived, Closed} }

// Finding is one place at which something was found.
type Finding struct {
	ID     string          `json:"id"`
	Place  string          `json:"place" doc:"Where it is, the same in every run."`
	Kind   run.FindingKind `json:"kind"`
	System string          `json:"system,omitempty"`
	Step   string          `json:"step,omitempty"`
	Title  plan.Text       `json:"title" doc:"As it was seen last."`
	Detail plan.Text       `json:"detail,omitzero"`
	State  State           `json:"state"`
	// AddedBy is who added it; "" is muster, from a run's record.
	AddedBy string  `json:"added_by,omitempty"`
	Owner   string  `json:"owner,omitempty" doc:"Who sees to it: an ID of the estate."`
	Due     string  `json:"due,omitempty" doc:"Date by which it should be closed."`
	Overdue bool    `json:"overdue,omitempty" doc:"Open, and its date has passed."`
	Link    string  `json:"link,omitempty" doc:"Issue in a tracker."`
	Waiver  *Waiver `json:"waiver,omitempty" doc:"The newest waiver, also when it has run out."`
	// Judged: a later run's figures can close it. Else a person names the run that shows it in order.
	Judged bool `json:"judged"`

	OpenedAt time.Time  `json:"opened_at" doc:"When it was opened last."`
	SeenAt   time.Time  `json:"seen_at" doc:"End of the newest run that found it."`
	SeenIn   string     `json:"seen_in,omitempty"`
	ClosedAt *time.Time `json:"closed_at,omitempty"`
	ClosedIn string     `json:"closed_in,omitempty" doc:"The run that passed it."`
	Reopened int        `json:"reopened,omitempty" doc:"How often it came back."`
	// Needs is the depth at which a run has to pass it.
	Needs run.Depth `json:"needs,omitempty"`
	// Against is, of an objective, what has to be met: no milder scenario makes a miss good.
	Against []outcome.Against `json:"against,omitempty" doc:"Of an objective: the scenarios in which it has to be met, each by itself or by one that loses at least the same sites."`
	History []Change          `json:"history" doc:"What became of it, oldest first."`
}

// Scenarios are the names of those in which an objective has to be met.
func (f Finding) Scenarios() (out []string) {
	for _, a := range f.Against {
		out = append(out, a.Scenario)
	}
	return out
}

// Waiver is somebody's word that it may stay as it is until a day.
type Waiver struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason string    `json:"reason"`
	Until  string    `json:"until" doc:"The last day, in the estate's zone."`
}

// What a Change is.
type What string

const (
	WasOpened    What = "opened"
	WasReopened  What = "reopened"
	WasClosed    What = "closed"
	WasAssigned  What = "assigned"
	WasLinked    What = "linked"
	WasWaived    What = "waived"
	WasConfirmed What = "confirmed"  // closed by a person's word on a run
	WasGone      What = "place_gone" // closed by a person, as no plan holds its place any more
	WasReviewed  What = "reviewed"   // break-glass, by somebody without a part in the run
)

// Change is one thing that became of a finding.
type Change struct {
	What   What      `json:"what"`
	At     time.Time `json:"at"`
	Run    string    `json:"run,omitempty"`
	By     string    `json:"by,omitempty"` // a person; "" is muster
	Via    string    `json:"via,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Detail string    `json:"detail,omitempty"` // owner and date, link, last day of the waiver
}

// IDOf is the finding's name, made from its place, so that it is the same in every copy of the record.
func IDOf(place string) string {
	sum := sha256.Sum256([]byte(place))
	return "F-" + crockford.EncodeToString(sum[:5])
}

// crockford is base 32 without letters that are read as digits.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// Named reports whether what somebody typed may mean this ID: case and the leading F- don't matter,
// and its beginning is enough.
func Named(id, typed string) bool {
	typed = strings.ToUpper(strings.TrimSpace(typed))
	return typed != "" && strings.HasPrefix(strings.TrimPrefix(id, "F-"), strings.TrimPrefix(typed, "F-"))
}

// rank orders depths by what they prove; the real thing proves what a live drill does.
func rank(d run.Depth) int {
	if d == run.Real {
		d = run.Live
	}
	return slices.Index(run.Depths(), d)
}

// about is the first part of a place, and scope the system that it belongs to; "" is none.
func split(place string) (about, scope string) {
	part := strings.Split(place, "/")
	switch part[0] {
	case "objective", "step", "retry", "hand", "budget", "undo", "region", "cleanup", "conflict":
		if len(part) > 1 && part[1] != "-" {
			scope = part[1]
		}
	}
	return part[0], scope
}

// anyDepth are places that a tabletop puts to the test as well as a live drill: people and the ways to
// reach them.
func anyDepth(about string) bool {
	return slices.Contains([]string{"people", "party", "channel", "remark", "glass", "order", "custody", "own", "record", "region"}, about)
}

// judged reports whether figures of a later run can tell that a place is in order: places of a form that
// outcome.Shows knows. Of all others only a person can tell.
func judged(place string) bool {
	part := strings.Split(place, "/")
	second := ""
	if len(part) > 1 {
		second = part[1]
	}
	switch part[0] {
	case "objective", "region", "conflict":
		return len(part) == 3
	case "step", "retry", "hand", "budget", "undo":
		return len(part) == 4
	case "worker", "channel", "party":
		return len(part) == 2
	case "cleanup":
		return true
	case "people":
		return len(part) == 3 && slices.Contains([]string{"quorum", "answer", "deputy", "decision"}, second) || len(part) == 2 && (second == "reach" || second == "hurt")
	case "record":
		return len(part) == 2 && (second == "events" || second == "handed-in") || len(part) == 3 && second == "probe"
	case "clock":
		return len(part) == 2 && second == "engine" || len(part) == 3 && (second == "site" || second == "event")
	}
	return false
}

// reviewWithin is in how many working days a use of break-glass is reviewed, where nobody named a date.
const reviewWithin = 2

// Glass is the run in which break-glass was used, of a finding of that; "" of all others. Somebody without a part
// in the run reviews it, for which no later run is needed.
func (f Finding) Glass() string {
	about, rest, _ := strings.Cut(f.Place, "/")
	if about != "glass" {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// On is the finding as it stands at a moment, in a zone, where people work on these days.
func (f Finding) On(now time.Time, zone *time.Location, days calendar.Calendar) Finding {
	today := now.In(zone).Format(time.DateOnly)
	f.History = slices.Clone(f.History)
	if f.Glass() != "" && f.Due == "" {
		f.Due = days.Working(calendar.DateOf(f.OpenedAt.In(zone)), reviewWithin).String()
	}
	switch {
	case f.ClosedAt != nil:
		f.State = Closed
	case f.Waiver != nil && f.Waiver.At.After(f.OpenedAt) && today <= f.Waiver.Until:
		f.State = Waived
	default:
		f.State = Open
		f.Overdue = f.Due != "" && f.Due < today
	}
	return f
}
