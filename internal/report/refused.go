package report

import (
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Refusal is a decision or an approval that somebody tried and could not make.
type Refusal struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Act  string    `json:"act"`  // approve or decide
	Told string    `json:"told"` // what they were told, in both languages
}

func (f *facts) refused(e run.Event) error {
	var d run.RefusedAct
	if err := decode(e, &d); err != nil {
		return err
	}
	f.report.Refusals = append(f.report.Refusals, Refusal{At: e.At, By: e.By, Act: d.Act, Told: e.Reason})
	return nil
}

// refusals are a table beside the decisions: who reached for what was not theirs or not asked for
// then, or the roles of the plan that did not fit the day.
func (d *document) refusals() []table {
	if len(d.report.Refusals) == 0 {
		return nil
	}
	acts := map[string]plan.Text{"approve": say("approve", "承認"), "decide": say("decide", "決定")}
	t := table{Brief: true, Caption: say("Refused decisions and approvals: not theirs to make, or not asked for then", "拒否された決定・承認（権限がない、またはその時点で求められていない操作）"), Head: []plan.Text{say("At", "時刻"), say("By", "操作者"), say("Act", "操作"), say("Told", "拒否の理由")}}
	for _, x := range d.report.Refusals {
		t.Rows = append(t.Rows, []cell{timeCell(plain(d.clock(x.At))), tell(actor(x.By)), tell(word(acts, x.Act)), tell(plan.Apart(x.Told))})
	}
	return []table{t}
}

// chance adds to a forecast how likely the way was then thought to meet the RTO.
func chance(t plan.Text, met *float64, atBest bool) plan.Text {
	switch {
	case met == nil:
		return t
	case atBest: // steps without data counted nothing
		return say("%s; met in at most %s", "%s／達成見込み 高くても %s", inWords(t), i18n.Percent(*met))
	}
	return say("%s; met in %s", "%s／達成見込み %s", inWords(t), i18n.Percent(*met))
}
