package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Entry is what somebody wrote into the report after the run.
type Entry struct {
	Item string    `json:"item"` // 1.1 to 4.2, correction, close, or goal/ROW/GOAL
	By   string    `json:"by"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
	// Verdict is of a goal that a role judges.
	Verdict run.Verdict `json:"verdict,omitempty"`
	Goal    string      `json:"goal,omitempty"` // what that goal said when it was judged
}

// WithWritten adds what people wrote about the run, from events of run.WrittenRecord in any order. The facts
// of the report stay as of the run.
func WithWritten(r Report, events []run.Event) (Report, error) {
	for _, e := range events {
		var w run.Written
		if err := e.Decode(&w); err != nil {
			return r, err
		}
		if w.About == r.Run.ID {
			r.Written = append(r.Written, Entry{Item: w.Item, By: e.By, At: e.At, Text: e.Reason, Verdict: w.Verdict, Goal: w.Goal})
		}
	}
	slices.SortStableFunc(r.Written, func(a, b Entry) int { return a.At.Compare(b.At) })
	return r, nil
}

// Unwritten are the items that nobody has written yet. The report can't be closed while there are any; that
// there is nothing to say is an entry.
func Unwritten(entries []Entry) []string {
	return slices.DeleteFunc(run.ReportItems(), func(item string) bool {
		return slices.ContainsFunc(entries, func(e Entry) bool { return e.Item == item })
	})
}

// written is the cell of an item that people write.
func (d *document) written(id string, ask plan.Text) cell {
	var said plan.Text
	for _, e := range d.report.Written {
		if e.Item != id {
			continue
		}
		line := say("%s (%s, %s)", "%s（%s・%s）", e.Text, e.By, e.At.In(d.zone).Format(time.DateOnly))
		if said != (plan.Text{}) {
			said = plan.Text{EN: said.EN + " / ", JA: said.JA + "／"}
		}
		said = plan.Text{EN: said.EN + line.EN, JA: said.JA + line.JA}
	}
	switch {
	case said != (plan.Text{}):
		return cell{Text: said}
	case ask == (plan.Text{}):
		return tell(dash)
	}
	return cell{Text: plan.Text{EN: "✎ " + ask.EN, JA: "✎ " + ask.JA}, Class: "blank"}
}

// state says whether the report is final, and what it waits for.
func (d *document) reportState() []plan.Text {
	w := d.report.Written
	if i := slices.IndexFunc(w, func(e Entry) bool { return e.Item == run.WrittenClose }); i >= 0 {
		return []plan.Text{say("Final: closed by %s on %s.", "確定：%s（%s）。", w[i].By, w[i].At.In(d.zone).Format(time.DateOnly))}
	}
	if len(w) == 0 {
		return nil
	}
	return []plan.Text{say("Draft: %d of %d items are still to be written.", "作成中：未記入 %d/%d 項目。", len(Unwritten(w)), len(run.ReportItems()))}
}

// corrections are notes added later; the facts above stay as they were seen.
func (d *document) corrections() *table {
	t := table{Caption: say("Notes added later; the facts are as of the run", "後日の注記（事実は実施時点のもの）"), Head: []plan.Text{say("Added", "記入日時"), say("By", "記入者"), say("Note", "内容")}}
	for _, e := range d.report.Written {
		if e.Item == run.WrittenCorrection {
			t.Rows = append(t.Rows, []cell{timeCell(plain(e.At.In(d.zone).Format("2006-01-02 15:04"))), name(cmp.Or(e.By, "–")), {Text: plain(e.Text)}})
		}
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return &t
}
