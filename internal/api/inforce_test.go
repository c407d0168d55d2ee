package api_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// A programme that muster is given in December owes nothing of April; what comes after is owed, and stays
// so when the file gets another name. A store that has due days from before owes from the first of them.
func TestAProgrammeOwesNothingFromBeforeItCame(t *testing.T) {
	for name, older := range map[string]bool{"a new store": false, "one with due days": true} {
		t.Run(name, func(t *testing.T) {
			l := newLessons(t)
			zone, _ := time.LoadLocation("Asia/Tokyo")
			l.now = time.Date(2026, 12, 10, 9, 0, 0, 0, zone)
			row := func(id string, month int) programme.Row {
				return programme.Row{ID: id, Kind: "review", Title: plan.Text{EN: id}, Months: []int{month}, ByHand: true}
			}
			year := &planned{p: programme.Programme{Name: "first", Begins: 4, Zone: "Asia/Tokyo", Rows: []programme.Row{row("april", 4), row("december", 12)}}}
			l.server.Plans = year
			want := map[string]programme.Status{"april": programme.NotOwed, "december": programme.Overdue}
			if older {
				was := time.Date(2026, 4, 20, 9, 0, 0, 0, zone)
				events := []run.Event{{Run: "occasion-april-1", Writer: "run", Seq: 1, At: was.UTC(), Kind: run.RunStarted, By: run.Schedule("other"), Data: run.Encode(run.Started{Kind: run.Occasion})}}
				if err := l.store.Append(t.Context(), events); err != nil {
					t.Fatal(err)
				}
				want["april"] = programme.Overdue
			}
			status := func() map[string]programme.Status {
				t.Helper()
				c, err := l.client.Coverage(l.as("sato"), 2026)
				if err != nil {
					t.Fatal(err)
				}
				got := map[string]programme.Status{}
				for _, i := range c.Items {
					got[i.Row] = i.Status
				}
				return got
			}
			if got := status(); got["april"] != want["april"] || got["december"] != programme.Planned {
				t.Errorf("on the day on which it comes: %v", got)
			}
			year.p.Name, l.now = "second", time.Date(2027, 2, 10, 9, 0, 0, 0, zone)
			if got := status(); got["april"] != want["april"] || got["december"] != want["december"] {
				t.Errorf("two months later, under another name: %v, want %v", got, want)
			}
			year.p.From = calendar.Date{Year: 2026, Month: 4, Day: 1}
			if got := status(); got["april"] != programme.Overdue {
				t.Errorf("the file names an earlier day: %v", got)
			}
		})
	}
}

// Whoever makes the programme begin later, so that what was due before is owed by nobody, is found out by the due days
// on record.
func TestAProgrammeThatIsSaidToHaveComeLaterIsFoundOut(t *testing.T) {
	l := newLessons(t)
	l.server.Plans = &planned{p: programme.Programme{Name: "first", Begins: 4, Zone: "Asia/Tokyo"}}
	was := l.now.UTC().Add(-200 * 24 * time.Hour)
	events := []run.Event{{Run: "occasion-april-1", Writer: "run", Seq: 1, At: was, Kind: run.RunStarted, By: run.Schedule("other"), Data: run.Encode(run.Started{Kind: run.Occasion})}}
	if err := l.store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	hold := func() []plan.Text {
		t.Helper()
		said, err := l.server.HoldProgramme(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return said
	}
	if said := hold(); len(said) > 0 {
		t.Errorf("nothing is noted yet: %v", said)
	}
	if err := l.server.NoteProgramme(t.Context()); err != nil {
		t.Fatal(err)
	}
	if said := hold(); len(said) > 0 {
		t.Errorf("as it was noted: %v", said)
	}
	d, err := l.store.Document(t.Context(), "programme", ".")
	if err != nil {
		t.Fatal(err)
	}
	body := string(d.Body)
	d.Body = run.Encode(map[string]any{"since": was.Add(190 * 24 * time.Hour)})
	if _, err := l.store.PutDocument(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if said := hold(); len(said) != 1 || !strings.Contains(said[0].EN, "since when there is a programme: since was") || !strings.HasPrefix(said[0].JA, "年間計画の適用開始：") {
		t.Errorf("%v", said)
	}
	if said := hold(); len(said) > 0 {
		t.Errorf("it was not set right: %v", said)
	}
	if d, err = l.store.Document(t.Context(), "programme", "."); err != nil || string(d.Body) != body {
		t.Errorf("%s, was %s, %v", d.Body, body, err)
	}
}

// A server whose clock was ahead when it noted the programme has altered nothing: the log says what it may have been, and
// the programme is owed from its first due day on.
func TestANoteByAWrongClockIsNoAlteration(t *testing.T) {
	l := newLessons(t)
	var log strings.Builder
	l.server.Log = slog.New(slog.NewTextHandler(&log, nil))
	l.server.Plans = &planned{p: programme.Programme{Name: "first", Begins: 4, Zone: "Asia/Tokyo"}}
	right := l.now
	l.now = right.AddDate(1, 0, 0)
	if err := l.server.NoteProgramme(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.now = right.AddDate(0, 1, 0)
	events := []run.Event{{Run: "occasion-february-1", Writer: "run", Seq: 1, At: l.now, Kind: run.RunStarted, By: run.Schedule("first"), Data: run.Encode(run.Started{Kind: run.Occasion})}}
	if err := l.store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	if said, err := l.server.HoldProgramme(t.Context()); err != nil || len(said) > 0 {
		t.Errorf("told as altered: %v, %v", said, err)
	}
	if !strings.Contains(log.String(), "a clock was wrong when one of them was noted, or the note was altered") || !strings.Contains(log.String(), "2028-01-15") {
		t.Errorf("the log: %s", log.String())
	}
	d, err := l.store.Document(t.Context(), "programme", ".")
	if err != nil || !strings.Contains(string(d.Body), "2027-02-15") {
		t.Errorf("not set right: %s, %v", d.Body, err)
	}
	d.Body = run.Encode(map[string]any{"since": right.AddDate(1, 0, 0)})
	if _, err := l.store.PutDocument(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if said, err := l.server.HoldProgramme(t.Context()); err != nil || len(said) != 1 {
		t.Errorf("altered since: %v, %v", said, err)
	}
}
