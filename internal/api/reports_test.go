package api_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/overview"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// recorded puts a run into the journal that began, and ended unless open.
func (l *lessons) recorded(id string, at time.Time, open bool) {
	l.t.Helper()
	events := []run.Event{{Run: id, Writer: "run", Seq: 1, Kind: run.RunStarted, At: at, By: "sato", Data: run.Encode(run.Started{Kind: run.Drill, Scenario: "tokyo-loss"})}}
	if !open {
		events = append(events, run.Event{Run: id, Writer: "run", Seq: 2, Kind: run.RunEnded, At: at.Add(time.Hour), By: run.Engine, Data: run.Encode(run.Ended{State: run.Recovered})})
	}
	if err := l.store.Append(l.t.Context(), events); err != nil {
		l.t.Fatal(err)
	}
}

// refused is the way out of a refusal, or a failure.
func refusal(t *testing.T, err error, want string) {
	t.Helper()
	p := new(api.Problem)
	if !errors.As(err, &p) || !strings.Contains(p.Error(), want) {
		t.Errorf("got %v, want a refusal that says %q", err, want)
	}
}

func TestAReportIsClosedWhenEveryItemIsWritten(t *testing.T) {
	l := newLessons(t)
	l.recorded("drl-1", l.now.Add(-3*time.Hour), false)
	l.recorded("drl-2", l.now.Add(-time.Hour), true)
	write := func(about, item, text string) (api.Written, error) {
		return l.client.Write(l.as("sato"), api.WriteRequest{About: about, Item: item, Text: text})
	}
	_, err := write("drl-2", "1.1", "x")
	refusal(t, err, "has not ended")
	_, err = write("drl-1", "3.1", "x")
	refusal(t, err, `no item "3.1"`)
	_, err = write("drl-1", "1.1", "  ")
	refusal(t, err, "empty")
	for i, item := range run.ReportItems() {
		_, err = write("drl-1", run.WrittenClose, "approved")
		refusal(t, err, item)
		w, err := write("drl-1", item, "特になし")
		if err != nil || len(w.Entries) != i+1 || w.Entries[i].By != "sato" {
			t.Fatalf("%v, %+v", err, w)
		}
	}
	closing := func() (api.Written, error) {
		return l.client.Keyed("the-closing").Write(l.as("sato"), api.WriteRequest{About: "drl-1", Item: run.WrittenClose, Text: "approved"})
	}
	closed, err := closing()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := closing(); err != nil || len(again.Entries) != len(closed.Entries) {
		t.Errorf("its answer was lost, and it is sent again: %v, %+v, want %+v", err, again, closed)
	}
	_, err = write("drl-1", run.WrittenClose, "approved")
	refusal(t, err, "closed")
	_, err = write("drl-1", "1.1", "another thought")
	refusal(t, err, "closed")
	if w, err := write("drl-1", run.WrittenCorrection, "the clock of osaka was late"); err != nil || len(w.Open) != 0 {
		t.Errorf("a later correction: %v, %+v", err, w)
	}
}

func TestPagesOverManyRuns(t *testing.T) {
	l := newLessons(t)
	l.server.SetSheet = func(w io.Writer, d sheet.Sheet, format string, lang i18n.Lang) error {
		_, err := io.WriteString(w, d.Terminal(lang))
		return err
	}
	l.ended("drl-1", l.now.AddDate(0, -3, 0), true)
	l.ended("drl-2", l.now.AddDate(0, 0, -1), false)
	var y overview.Year
	b, err := l.client.Overview(l.as("sato"), "year", api.ReportOf{}, "json", "en")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	if y.Fiscal != 2026 || y.Counts.Runs != 2 || y.Counts.FindingsOpened != 2 || y.Counts.FindingsClosed != 1 {
		t.Errorf("the year %d: %+v", y.Fiscal, y.Counts)
	}
	b, err = l.client.Overview(l.as("sato"), "compare", api.ReportOf{Before: "drl-1", After: "drl-2"}, "text", "ja")
	if err != nil || !strings.Contains(string(b), "promote が遅い") || !strings.Contains(string(b), "解消") {
		t.Errorf("%v: what is gone is not said:\n%s", err, b)
	}
	_, err = l.client.Overview(l.as("sato"), "compare", api.ReportOf{Before: "drl-1", After: "drl-9"}, "text", "en")
	refusal(t, err, `no ended run "drl-9"`)
	_, err = l.client.Overview(l.as("sato"), "trend", api.ReportOf{System: "nothing"}, "text", "en")
	refusal(t, err, `No run of system nothing has ended`)
	if _, err := l.client.Write(l.as("sato"), api.WriteRequest{About: "year-2026", Item: "REV-05", Text: "総務部と確認"}); err != nil {
		t.Fatal(err)
	}
	b, err = l.client.Overview(l.as("sato"), "review", api.ReportOf{}, "text", "ja")
	if err != nil || !strings.Contains(string(b), "総務部と確認") {
		t.Errorf("%v: what was written into the review is missing:\n%s", err, b)
	}
}

// A blind scenario that somebody started by hand is blind in every page over runs, not only one that
// the programme drew.
func TestABlindRunByHandStandsApart(t *testing.T) {
	l := newLessons(t)
	l.server.SetSheet = func(w io.Writer, d sheet.Sheet, format string, lang i18n.Lang) error {
		_, err := io.WriteString(w, d.Terminal(lang))
		return err
	}
	l.ended("drl-1", l.now.AddDate(0, 0, -3), true)
	l.ended("drl-2", l.now.AddDate(0, 0, -2), false)
	list, err := outcome.List(t.Context(), l.store, journal.OutcomeFilter{Run: "drl-2"})
	if err != nil {
		t.Fatal(err)
	}
	list[0].Blind = true
	if err := outcome.Put(t.Context(), l.store, list[0]); err != nil {
		t.Fatal(err)
	}
	for page, want := range map[string]string{"trend": "live drill, blind", "year": "live drill, blind", "compare": "now live drill, blind"} {
		b, err := l.client.Overview(l.as("sato"), page, api.ReportOf{Before: "drl-1", After: "drl-2"}, "text", "en")
		if err != nil || !strings.Contains(strings.Join(strings.Fields(string(b)), " "), want) {
			t.Errorf("%s does not say that the run was blind: %v\n%s", page, err, b)
		}
	}
}

// The report of a year that is over says how findings stood at its end, not what became of them since,
// and which of it is as of today.
func TestAPastYearIsAsItWas(t *testing.T) {
	l := newLessons(t)
	at := func(day string) time.Time {
		x, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	l.ended("drl-1", at("2026-02-01"), true)  // opens a step that took too long and a remark
	l.ended("drl-2", at("2026-05-01"), false) // closes the step
	l.ended("drl-3", at("2026-06-01"), true)  // opens it again, with another remark
	read := func(page string, of api.ReportOf, into any) {
		t.Helper()
		b, err := l.client.Overview(l.as("sato"), page, of, "json", "en")
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var past, present overview.Year
	read("year", api.ReportOf{Fiscal: 2025}, &past)
	read("year", api.ReportOf{}, &present)
	if c := past.Counts; c.Runs != 1 || c.FindingsOpened != 2 || c.FindingsOpen != 2 || c.FindingsClosed != 0 || c.FindingsLate != 0 || len(past.Findings) != 2 {
		t.Errorf("fiscal 2025, of which drl-1 is all: %+v, %d listed", c, len(past.Findings))
	}
	for _, f := range past.Findings {
		if f.Again != 0 || f.Opened != "2026-02-01" {
			t.Errorf("fiscal 2025 knows what came later: %+v", f)
		}
	}
	if c := present.Counts; c.FindingsOpened != 2 || c.FindingsClosed != 1 || c.FindingsOpen != 3 || c.FindingsLate != 1 {
		t.Errorf("fiscal 2026: %+v", c)
	}
	if !past.Over || len(past.Remarks) != 1 || !strings.Contains(past.Remarks[0].EN, "As of today are") || present.Over || len(present.Remarks) != 0 {
		t.Errorf("what is as of today: %+v, %+v", past.Remarks, present.Remarks)
	}
	var review overview.Review
	if read("review", api.ReportOf{Fiscal: 2025}, &review); len(review.Remarks) != 1 {
		t.Errorf("the review of 2025: %+v", review.Remarks)
	}
}

// A trend over more runs than a page reads says so, and since when.
func TestATrendThatIsCutSaysSo(t *testing.T) {
	l := newLessons(t)
	l.server.SetSheet = func(w io.Writer, d sheet.Sheet, format string, lang i18n.Lang) error {
		_, err := io.WriteString(w, d.Sentence.In(string(lang)))
		return err
	}
	says := func(lang string) string {
		b, err := l.client.Overview(l.as("sato"), "trend", api.ReportOf{}, "text", lang)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	const most = 2000
	first := l.now.Add(-3 * most * time.Hour)
	for n := range most + 5 {
		if n == most {
			if got := says("en"); got != "2000 of 2000 runs met their objectives." {
				t.Errorf("nothing is left out yet: %s", got)
			}
		}
		l.ended(fmt.Sprintf("drl-%04d", n), first.Add(time.Duration(n)*time.Hour), false)
	}
	since := first.Add(5 * time.Hour).Format(time.DateOnly)
	if got, want := says("en"), "2000 of 2000 runs met their objectives. This is of the newest 2000 of 2005 ended runs only, since "+since+"."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := says("ja"), "実施2000件中2000件で目標を達成。終了した実施2005件のうち、新しい2000件（"+since+"以降）のみの集計です。"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
