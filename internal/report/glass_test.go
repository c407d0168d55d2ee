package report_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// What is to be reviewed stands in every form of the report, in words of its language; where nothing is, no form says so.
func TestWhatIsToBeReviewedStandsInEveryForm(t *testing.T) {
	of := func(s *story, f report.Format, lang string) string {
		t.Helper()
		r, err := report.Build(s.plan, s.journal())
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := report.Render(&out, r, f, lang); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	quiet := newStory(t, aPlan())
	quiet.opening()
	quiet.end(60, run.Recovered)

	s := newStory(t, aPlan())
	bundle := run.Bundled{ID: "babcdefghj", By: "sato", Reason: "Tokyo is gone"}
	s.opening()
	for i := range s.events {
		if s.events[i].Kind == run.RunStarted {
			var started run.Started
			if err := s.events[i].Decode(&started); err != nil {
				t.Fatal(err)
			}
			bundle.At, started.Bundle = s.events[i].At, &bundle
			s.events[i].Data = run.Encode(started)
		}
	}
	s.run(20, run.Event{Kind: run.StepActed, By: "suzuki", System: "orders", Step: "fence", Reason: "no time"}, run.StepAct{Act: run.ActSkip, BreakGlass: true})
	s.end(60, run.Recovered)
	for _, f := range []report.Format{report.Text, report.Markdown, report.HTML} {
		for lang, words := range map[string][]string{
			"en": {"Break-glass, to be reviewed (2)", "break-glass bundle babcdefghj", "Tokyo is gone", "step fence: skipped", "no time"},
			"ja": {"緊急権限の行使（要事後確認：2 件）", "非常時持出パッケージ babcdefghj", "Tokyo is gone", "ステップ fence：省略した", "no time"},
		} {
			text := unbroken(of(s, f, lang))
			for _, w := range words {
				if !strings.Contains(text, unbroken(w)) {
					t.Errorf("%s %s does not say %q", f, lang, w)
				}
			}
			if says := of(quiet, f, lang); strings.Contains(says, words[0][:20]) {
				t.Errorf("%s %s of a run without any says %q", f, lang, words[0][:20])
			}
		}
	}
}

// unbroken is a text however its lines are broken.
func unbroken(s string) string { return strings.Join(strings.Fields(s), "") }

// Each use is reviewed by itself, also where two are alike: the second would else be closed by the review of the first.
func TestEachUseOfBreakGlassIsReviewedByItself(t *testing.T) {
	s := newStory(t, aPlan())
	s.opening()
	s.run(20, run.Event{Kind: run.ApprovalGiven, By: "sato", Reason: "nobody else is here"}, run.Approval{BreakGlass: true})
	s.run(22, run.Event{Kind: run.StepActed, By: "suzuki", System: "orders", Step: "fence", Reason: "no time"}, run.StepAct{Act: run.ActRetry, BreakGlass: true})
	s.run(24, run.Event{Kind: run.StepActed, By: "sato", System: "orders", Step: "fence", Reason: "its power is off"}, run.StepAct{Act: run.ActDone, BreakGlass: true})
	s.run(40, run.Event{Kind: run.ApprovalGiven, Phase: run.Failback, By: "suzuki", Reason: "the others sleep"}, run.Approval{BreakGlass: true})
	s.end(60, run.Recovered)
	var got []string
	for _, f := range build(t, s).Findings {
		if key := f.Places()[0].Key; strings.HasPrefix(key, "glass/") {
			got = append(got, key)
		}
	}
	if want := 4; len(got) != want || len(slices.Compact(slices.Sorted(slices.Values(got)))) != want {
		t.Errorf("places of review: %q", got)
	}
}

// The date of a review is by the calendar of work, which no record holds; a run of before keeps the one that was sealed.
func TestAReviewHasNoDateOfTheReport(t *testing.T) {
	for rules, dated := range map[int]bool{0: true, run.ReportRules: false} {
		s := newStory(t, aPlan())
		s.opening()
		s.run(20, run.Event{Kind: run.StepActed, By: "suzuki", System: "orders", Step: "fence", Reason: "no time"}, run.StepAct{Act: run.ActSkip, BreakGlass: true})
		s.end(60, run.Recovered)
		found := false
		for _, f := range build(t, s.byRules(rules)).Findings {
			if strings.HasPrefix(f.Places()[0].Key, "glass/") {
				if found = true; (f.Due != "") != dated {
					t.Errorf("by rules %d: due %q", rules, f.Due)
				}
			}
		}
		if !found {
			t.Errorf("by rules %d: no finding of break-glass", rules)
		}
	}
}
