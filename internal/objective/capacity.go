package objective

import (
	"slices"
	"time"
)

// Achieved is the rate, in answers a second, of a load: requests that were offered over a
// span of time, of which some were answered well, at these times after the load began.
//
// It never exceeds what was offered. Answers that drag on after the load's end lower it:
// a service that takes two seconds for one second's work gives half.
func Achieved(offered int, over time.Duration, answered []time.Duration) float64 {
	if over <= 0 || offered <= 0 || len(answered) == 0 {
		return 0
	}
	n := min(len(answered), offered)
	step := over / time.Duration(offered)
	took := max(over, slices.Max(answered)-slices.Min(answered)+step)
	return float64(n) / took.Seconds()
}

// slight is less than any rate is measured to: what computing with floats loses.
const slight = 1e-9

// CapacityLevel is an achieved rate as a share of the baseline in percent, 0 to 100:
// never above (targets.md, pitfall 7: a level from rates alone can read 450 %). What
// falls short of the baseline by no more than margin percent counts as all of it, since
// no two measurements of one service are the same. The rest is rounded down, as in a curve:
// a level is reached by all of it or not at all. An achievement that is not nothing is at least 1.
func CapacityLevel(achieved, baseline float64, margin int) int {
	if !(achieved > 0) || !(baseline > 0) {
		return 0
	}
	share := achieved * 100 / baseline
	if share >= float64(100-min(max(margin, 0), 99)) {
		return 100
	}
	return max(1, int(share+slight))
}
