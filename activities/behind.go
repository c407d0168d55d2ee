package activities

import (
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// Behind is for how long restored data lack what was written, in seconds: from their newest row up to asked. What came
// back ends at end, so that a row of long after it says nothing of that, as one of local time that is read as UTC:
// convert is how such a column is to be asked for.
func Behind(newest, end, asked time.Time, convert plan.Text) (float64, error) {
	const clocks = time.Minute // those of two machines may differ by so much
	if newest.Sub(end) > clocks {
		return 0, FindingBoth("the newest row is of %s, and what came back ends at %s: how much is lost can't be told. The time is a local one without its zone, or one to come; %s",
			"最新の行は %s のものだが、復元されたデータは %s までのものであり、失われた長さを判断できない。タイムゾーンのない現地時刻か、将来の日時である。%s",
			newest.UTC().Format(time.RFC3339), end.UTC().Format(time.RFC3339), convert)
	}
	return max(0, asked.Sub(newest).Seconds()), nil
}
