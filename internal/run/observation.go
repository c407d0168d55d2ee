package run

import "time"

// Observations is all that one probe saw of one function of a system, from one
// vantage site. Times are the vantage's wall clock, but spans between them are
// monotonic: a step of the clock does not enter (the probe carries its own anchor
// and starts a new one, with a Gap, when its process was restarted).
type Observations struct {
	Probe    string   `json:"probe"`
	System   string   `json:"system"`
	Function string   `json:"function"`
	Weight   int      `json:"weight"`
	Vantage  string   `json:"vantage"`
	Interval Duration `json:"interval"`

	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at"`
	Samples   int64     `json:"samples"`
	OK        int64     `json:"ok"`

	// Transitions begins with the first sample's state. Up transitions carry the
	// time the first successful sample ended; down transitions the time the first
	// failed sample began. TransitionsCut counts those left out past the cap.
	Transitions    []Transition `json:"transitions"`
	TransitionsCut int64        `json:"transitions_cut,omitempty"`
	// Gaps are spans in which nobody looked (the worker was dead). A gap between
	// two failed samples counts as an outage; one next to a success proves nothing.
	Gaps []Span `json:"gaps,omitempty"`

	// Markers is nil for probes that plant none.
	Markers *Markers `json:"markers,omitempty"`
	// Baseline is nil for probes that do not measure a capacity.
	Baseline *Baseline `json:"baseline,omitempty"`
}

// Baseline is the capacity in normal operation, against which a level is measured.
type Baseline struct {
	Rate   float64   `json:"rate"`   // answers a second
	At     time.Time `json:"at"`     // when it was taken
	Ground string    `json:"ground"` // what it rests on: measured, simulated, a supplier's word
	// Taken is set when the probe itself took it, before the event of this run.
	Taken bool `json:"taken,omitempty"`
}

// LevelUnknown is the Level of a function that gives service, and nobody measured how much.
const LevelUnknown = -1

// Transition is a change of state, or the first state.
type Transition struct {
	At time.Time `json:"at"`
	Up bool      `json:"up"`
	// Level is the share in percent that an up function gives, 1 to 99; 0 is all of it,
	// LevelUnknown what nobody measured. A rise carries the time the sample that showed it
	// ended; a fall the time it began, as a failure does.
	Level int `json:"level,omitempty"`
	// LastOKAt is, for a down transition or a fall, when the last sample of the level
	// before ended; zero when there was none.
	LastOKAt time.Time `json:"last_ok_at,omitzero"`
	Error    string    `json:"error,omitempty"`
}

// Span is a stretch of time.
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Joined is how many gaps in a row stand here as one, where there were too many to list. What was
	// seen between them counts for nothing. Zero is one.
	Joined int64 `json:"joined,omitempty"`
}

// Markers counts numbered writes planted in a system: what it acknowledged and
// what of that was still there when counted last. A write that was sent and never
// answered is unknown: neither lost nor kept (targets.md, pitfall 6).
type Markers struct {
	Acked   int64 `json:"acked"`
	Unknown int64 `json:"unknown"`
	// FirstAckedAt is when the oldest of Acked was acknowledged: of what was lost before, the
	// count says nothing. Zero when none was, and in records of before it was noted.
	FirstAckedAt time.Time `json:"first_acked_at,omitzero"`
	// CountedAt is when the surviving markers were last read back in full; zero
	// means never, and then nothing is known about loss.
	CountedAt time.Time `json:"counted_at,omitzero"`
	Lost      int64     `json:"lost"`
	// Losses lists the stretches of lost markers between two survivors, each by its newest, in order.
	// Past a cap the longest are listed, and LossesCut counts the markers of the others. Records of
	// before list the oldest lost markers one by one.
	Losses    []Loss `json:"losses,omitempty"`
	LossesCut int64  `json:"losses_cut,omitempty"`
}

// Loss is an acknowledged marker that did not survive, and those between it and the survivor.
type Loss struct {
	Seq     int64     `json:"seq"`
	AckedAt time.Time `json:"acked_at"`
	// SurvivorAt is when the newest surviving marker before it was acknowledged;
	// zero when none survived.
	SurvivorAt time.Time `json:"survivor_at,omitzero"`
	// Count is how many were lost since that survivor, this one among them; 0 is 1.
	Count int64 `json:"count,omitempty"`
	// TakenUntil is when the last sample after it and before the next marker was served, of those that
	// leave none; zero where there was none, and in records of before it was noted.
	TakenUntil time.Time `json:"taken_until,omitzero"`
}

// Span is how much was lost at most, from the survivor until writes were last seen to be taken. It
// says nothing where none survived.
func (l Loss) Span() time.Duration {
	if l.TakenUntil.After(l.AckedAt) {
		return l.TakenUntil.Sub(l.SurvivorAt)
	}
	return l.AckedAt.Sub(l.SurvivorAt)
}
