package run

// ReportWritten is what somebody writes into a report after the run, or into the yearly review: By, Reason:
// their words; Written. Each is a writer with one event.
const ReportWritten EventKind = "report.written"

// WrittenRecord is the name under which the journal keeps what people write into reports.
const WrittenRecord = "written"

// Endless reports whether a record is none of a run and has no end: what people do about findings, and what
// they write into reports.
func Endless(id string) bool { return id == FindingsRecord || id == WrittenRecord }

// Written says where a text belongs.
type Written struct {
	// About is a run, or "year-" and a fiscal year for the yearly review.
	About string `json:"about"`
	// Item is one of the report's items that people write, a question of the review, Correction or Close.
	Item string `json:"item"`
	// Verdict is what somebody judged of a goal of the plan: met or missed.
	Verdict Verdict `json:"verdict,omitempty"`
	// Goal is what that goal said then, in both languages. Judgements that were written before it was kept have none.
	Goal string `json:"goal,omitempty"`
}

// GoalItem is where the judgement of a goal is written that a row of the yearly plan had set.
func GoalItem(row, goal string) string { return "goal/" + row + "/" + goal }

// Items besides those of the report and the review.
const (
	WrittenCorrection = "correction" // what was found to be otherwise later; the facts stay as of the run
	WrittenClose      = "close"      // the report is final
)

// ReportItems are the items of the post-event report that people write (requirement D.1). Item 3.1 is
// figures alone.
func ReportItems() []string { return []string{"1.1", "1.2", "2.1", "2.2", "3.2", "4.1", "4.2"} }
