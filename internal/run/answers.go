package run

import (
	"slices"
	"time"
)

// Shares are how long it took until a share of those called had answered, in seconds from
// the first call; nil is not yet.
type Shares struct {
	FirstS         *float64 `json:"first_answer_s,omitempty"`
	QuarterS       *float64 `json:"answered_25_s,omitempty"`
	HalfS          *float64 `json:"answered_50_s,omitempty"`
	ThreeQuartersS *float64 `json:"answered_75_s,omitempty"`
	AllS           *float64 `json:"answered_100_s,omitempty"`
}

// SharesOf computes them from the time of each person's first answer, in any order.
func SharesOf(called int, from time.Time, answers []time.Time) Shares {
	sorted := slices.SortedFunc(slices.Values(answers), time.Time.Compare)
	after := func(n int) *float64 {
		if n < 1 || n > len(sorted) || called == 0 {
			return nil
		}
		s := max(0, sorted[n-1].Sub(from)).Seconds()
		return &s
	}
	share := func(percent int) *float64 { return after((called*percent + 99) / 100) }
	return Shares{FirstS: after(1), QuarterS: share(25), HalfS: share(50), ThreeQuartersS: share(75), AllS: share(100)}
}

// AnswerPoint is how many had answered at_s after the first call.
type AnswerPoint struct {
	AtS      float64 `json:"at_s"`
	Answered int     `json:"answered"`
}

// answerPoints bounds a curve: more can't be told apart on a screen.
const answerPoints = 200

// AnswerCurve is the number of people who have answered over time.
func AnswerCurve(from time.Time, answers []time.Time) []AnswerPoint {
	sorted := slices.SortedFunc(slices.Values(answers), time.Time.Compare)
	step := len(sorted)/answerPoints + 1
	out := []AnswerPoint{}
	for i := range sorted {
		if n := i + 1; n%step == 0 || n == len(sorted) {
			out = append(out, AnswerPoint{AtS: max(0, sorted[i].Sub(from)).Seconds(), Answered: n})
		}
	}
	return out
}
