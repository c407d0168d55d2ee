package report_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// TestRecordSaysWhatTheReportSays: the record for programs has every figure of the report, and names what it
// does not hold.
func TestRecordSaysWhatTheReportSays(t *testing.T) {
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			st := s.tell(t)
			r := build(t, st)
			var b bytes.Buffer
			if err := report.WriteRecord(&b, st.plan, r); err != nil {
				t.Fatal(err)
			}
			var got report.DrillRecord
			if err := json.Unmarshal(b.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got.Format != report.RecordFormat || got.Identity.Run != r.Run.ID || got.Identity.Verdict != r.Run.Verdict || len(got.Unknown) == 0 {
				t.Errorf("identity %+v, unknown %q", got.Identity, got.Unknown)
			}
			for _, sys := range r.Systems {
				found := false
				for _, m := range got.Measures {
					if m.System == sys.ID && m.Measure == "rto" {
						found = m.Verdict == sys.RTO.Verdict && (m.ActualS == nil) == (sys.RTO.ActualS == nil)
					}
				}
				if !found && sys.Restore == nil {
					t.Errorf("the RTO of %s is not in the record as it is in the report", sys.ID)
				}
			}
			for _, list := range []string{"steps", "findings", "times", "measures", "approvals", "decisions", "notes", "probes", "writers", "unknown"} {
				if bytes.Contains(b.Bytes(), []byte("\""+list+"\": null")) {
					t.Errorf("the list %s is null", list)
				}
			}
		})
	}
}

func TestCorrectionsStandBesideTheFacts(t *testing.T) {
	s := newStory(t, aPlan())
	s.begin(0, run.Drill)
	r := build(t, s)
	r, err := report.WithWritten(r, []run.Event{
		{Run: run.WrittenRecord, Kind: run.ReportWritten, By: "takahashi", At: at(90000), Reason: "大阪の時計が遅れていた", Data: run.Encode(run.Written{About: r.Run.ID, Item: run.WrittenCorrection})},
		{Run: run.WrittenRecord, Kind: run.ReportWritten, By: "sato", At: at(80000), Reason: "特になし", Data: run.Encode(run.Written{About: r.Run.ID, Item: "1.1"})},
		{Run: run.WrittenRecord, Kind: run.ReportWritten, By: "sato", At: at(80000), Reason: "of another run", Data: run.Encode(run.Written{About: "drl-0", Item: "1.2"})},
	})
	if err != nil || len(r.Written) != 2 || r.Written[0].By != "sato" {
		t.Fatalf("%v, %+v", err, r.Written)
	}
	text := render(t, r, report.Markdown, "ja")
	for _, want := range []string{"大阪の時計が遅れていた", "takahashi", "後日の注記", "特になし（sato", "未記入 6/7 項目"} {
		if !bytes.Contains([]byte(text), []byte(want)) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if bytes.Contains([]byte(text), []byte("of another run")) {
		t.Error("what was written of another run stands in this report")
	}
}
