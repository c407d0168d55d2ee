// Package forecast says how likely a plan meets its objectives: it draws how long each step takes from
// what it took before, many times over, along the plan's own graph. It is a pure function of the plan
// and of past runs: the same two give the same figures anywhere.
package forecast

import (
	"github.com/muster-dr/muster/internal/run"
)

// Draws is how many times a run is drawn.
const Draws = 10000

// What the time of a step or part rests on.
const (
	BasisPast   = "past"   // what it took in past runs
	BasisBudget = "budget" // its declared budget, with an assumed spread
	BasisLimit  = "limit"  // people's parts without past: the longest that the scenario lets them take
	BasisNone   = "none"   // no data: it counts nothing, so figures are too good
)

// Parts of a recovery besides its runbook, in their order.
const (
	PartDetect = "detect"
	PartPeople = "people"
	PartDecide = "decide"
	PartVerify = "verify"
)

// Forecast is what is expected of one scenario. All of it is a forecast, never a measurement.
type Forecast struct {
	Scenario string    `json:"scenario"`
	PlanHash string    `json:"plan_hash"`
	Depth    run.Depth `json:"depth"`
	Seed     string    `json:"seed"` // follows from the plan and the past
	Draws    int       `json:"draws"`
	Drills   int       `json:"drills"` // past runs that it rests on
	Real     int       `json:"real"`
	// Surprise: the run would be blind or real, so that people's times are those of such runs; else they
	// are those of announced drills.
	Surprise bool `json:"surprise,omitempty"`
	// Together is how much the steps of one run are slow or fast together, 0 to 1, as seen in the past.
	Together float64 `json:"together"`
	Ways     []Way   `json:"ways"`
	// AllMet is how likely every objective is met that was forecast; nil without any.
	AllMet *float64 `json:"all_met,omitempty"`
	// Lever is the one step whose speed-up buys most over all systems; nil when none buys anything.
	Lever *Lever `json:"lever,omitempty"`
}

// Way is a runbook of a system in its purpose: failover, in_place or restore.
type Way struct {
	System  string `json:"system"`
	Purpose string `json:"purpose"`
	Runbook string `json:"runbook"`
	// Main: the way that systems depending on this one wait for.
	Main       bool     `json:"main"`
	ObjectiveS *float64 `json:"objective_s,omitempty"`
	// Met is how likely the objective is met; nil when there is none, or no ground for a forecast.
	Met *float64 `json:"met,omitempty"`
	// AtBest: some steps have no data and count nothing, so that Met and the times are too good.
	AtBest bool `json:"at_best,omitempty"`
	// AtLimits: people's parts count with the longest that they may take, since nobody has measured
	// them, so that Met and the times are too bad.
	AtLimits bool `json:"at_limits,omitempty"`
	// Grounded: at least one time rests on past runs or a budget. False is no forecast.
	Grounded bool `json:"grounded"`
	// Total is from the event to proven service; Recover the runbook with what it waits for and the
	// verification. Both are nil without ground.
	Total     *Spread `json:"total,omitempty"`
	Recover   *Spread `json:"recover,omitempty"`
	Histogram []Bin   `json:"histogram,omitempty"` // of Total
	Parts     []Part  `json:"parts,omitempty"`
	Steps     []Step  `json:"steps"`
	// NoData are the steps that have neither a past nor a budget.
	NoData []string `json:"no_data"`
	Lever  *Lever   `json:"lever,omitempty"`
}

// Spread is a distribution in seconds. P10 to P90 is the interval that is stated as 80 %.
type Spread struct {
	P10 float64 `json:"p10_s"`
	P50 float64 `json:"p50_s"`
	P80 float64 `json:"p80_s"`
	P90 float64 `json:"p90_s"`
	P95 float64 `json:"p95_s"`
	// Percent are the percentiles 0 to 100.
	Percent []float64 `json:"percentiles_s"`
}

// Bin is a share of the draws between two times.
type Bin struct {
	FromS float64 `json:"from_s"`
	ToS   float64 `json:"to_s"`
	Share float64 `json:"share"`
}

// Part is what a part besides the runbook is taken to need.
type Part struct {
	Part    string  `json:"part"`
	Basis   string  `json:"basis"`
	Past    int     `json:"past"`
	MedianS float64 `json:"median_s"`
	// Other of Past are of runs of which people knew otherwise than they would of this one: there were
	// too few of its kind.
	Other int `json:"other,omitempty"`
}

// Step is what a step is taken to need, and how often it was on the chain that decided the time.
type Step struct {
	Step     string   `json:"step"`
	Basis    string   `json:"basis"`
	Past     int      `json:"past"`
	MedianS  *float64 `json:"median_s,omitempty"` // nil: no data
	P90S     *float64 `json:"p90_s,omitempty"`
	Critical float64  `json:"critical"` // share of the draws
	// Other is as of Part, of a step that people do.
	Other int `json:"other,omitempty"`
}

// Lever is what it would buy to do one step in four fifths of its time.
type Lever struct {
	System   string  `json:"system"`
	Runbook  string  `json:"runbook"`
	Step     string  `json:"step"`
	Critical float64 `json:"critical"`
	// MetGain is how much likelier the objective is met, P80GainS by how much the 80 % figure falls; over
	// several systems MetGain is of meeting all objectives and P80GainS the sum.
	MetGain  float64 `json:"met_gain"`
	P80GainS float64 `json:"p80_gain_s"`
}

// SpeedUp is the share of its time that a lever takes off a step.
const SpeedUp = 0.2
