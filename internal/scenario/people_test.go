package scenario

import (
	"bytes"
	"slices"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// with adds lines to a file.
func with(t *testing.T, files Sources, name, lines string) Sources {
	t.Helper()
	files[name] = append(bytes.TrimRight(files[name], "\n"), []byte("\n"+lines)...)
	return files
}

func TestMusterCriteriaAndPlaces(t *testing.T) {
	files := with(t, base(t), "estate.yaml", `muster:
  automatic: {intensity: 6-lower, areas: [東京都２３区, "350"], scenario: tokyo-loss}
  propose: {intensity: 5-lower}
  rank: [online, hall]
  by_role: {operator: [hall]}
`)
	m := compiled(t, loaded(t, files), "tokyo-loss", "").Estate.Muster
	if m == nil || len(m.Kit) != 5 {
		t.Fatalf("muster = %+v; the usual kit has five lines", m)
	}
	for _, c := range []struct {
		reading string
		area    []string
		auto    bool
		propose bool
	}{
		{"6弱", []string{"東京都２３区", "350"}, true, true}, {"6-", []string{"350"}, true, true}, {"7", []string{"350"}, true, true},
		{"5+", []string{"350"}, false, true}, {"5-lower", []string{"350"}, false, true}, {"4", []string{"350"}, false, false},
		{"7", []string{"大阪府北部", "520"}, false, false}, {"strong", []string{"350"}, false, false}, {"", []string{"350"}, false, false},
	} {
		i, _ := plan.ParseIntensity(c.reading)
		if auto, propose := m.Automatic.Quake(i, c.area...), m.Propose.Quake(i, c.area...); auto != c.auto || propose != c.propose {
			t.Errorf("%s in %v: automatic %v, propose %v; want %v and %v", c.reading, c.area, auto, propose, c.auto, c.propose)
		}
	}
	if m.Propose.Scenario != "tokyo-loss" {
		t.Errorf("propose starts %q; unless said it is that of automatic", m.Propose.Scenario)
	}
	if got := m.RankFor([]string{"operator", "service-desk"}); !slices.Equal(got, []string{"hall", "online"}) {
		t.Errorf("operators come to %v; their own place first, then everybody's", got)
	}
	if got := m.RankFor([]string{"commander"}); !slices.Equal(got, []string{"online", "hall"}) {
		t.Errorf("commanders come to %v; they have no places of their own", got)
	}
	if none := (plan.Criteria{}); none.Quake("7", "anywhere") {
		t.Error("criteria that ask for nothing are met")
	}
}

func TestRemindersAndHold(t *testing.T) {
	p := compiled(t, loaded(t, base(t)), "tokyo-loss", "").Scenario.Safety
	if len(p.Reminders) != 4 || p.Reminders[0].String() != "5m" || p.Reminders[3].String() != "1h" || p.Hold != 0 {
		t.Errorf("without a word: reminders %v, hold %s; want 5m, 15m, 30m, 1h and none", p.Reminders, p.Hold)
	}
	p = compiled(t, loaded(t, with(t, base(t), "scenario.yaml", "safety: {remind: 2m, hold: 30s}\n")), "tokyo-loss", "").Scenario.Safety
	if p.Remind.String() != "2m" || p.Reminders != nil || p.Hold.String() != "30s" {
		t.Errorf("one span: every %s and %v, hold %s; want every 2m, and 30s", p.Remind, p.Reminders, p.Hold)
	}
	p = compiled(t, loaded(t, with(t, base(t), "scenario.yaml", "safety: {remind: [2m]}\n")), "tokyo-loss", "").Scenario.Safety
	if len(p.Reminders) != 1 || p.Reminders[0].String() != "2m" {
		t.Errorf("a list of one: %v; want once, after 2m", p.Reminders)
	}
}

func TestAbsenceIsDrawnFromSeedAndRun(t *testing.T) {
	files := with(t, base(t), "scenario.yaml", "absent: [suzuki, {random: 1, of: operator, seed: spring}]\ndaytime: true\nlead: operator\n")
	b := loaded(t, files)
	p := compiled(t, b, "tokyo-loss", "")
	if !p.Scenario.Daytime || p.Scenario.Lead != "operator" {
		t.Errorf("daytime %v, lead %q", p.Scenario.Daytime, p.Scenario.Lead)
	}
	if got := p.Absent("tokyo-loss-1", "sato"); !slices.Equal(got, []string{"suzuki", "tanaka"}) {
		t.Errorf("absent %v; suzuki is named, and tanaka the only operator left to be drawn", got)
	}
	if got := p.Absent("tokyo-loss-1", "tanaka"); !slices.Equal(got, []string{"suzuki"}) {
		t.Errorf("absent %v: who starts the drill was drawn", got)
	}
	alone := compiled(t, loaded(t, with(t, base(t), "scenario.yaml", "absent: {random: 1}\n")), "tokyo-loss", "")
	drawn := map[string]bool{}
	for _, id := range []string{"tokyo-loss-1", "tokyo-loss-2", "tokyo-loss-3", "tokyo-loss-4", "tokyo-loss-5", "tokyo-loss-6", "tokyo-loss-7", "tokyo-loss-8"} {
		first, again := alone.Absent(id, "nobody"), alone.Absent(id, "nobody")
		if len(first) != 1 || !slices.Equal(first, again) {
			t.Errorf("%s: %v, and again %v", id, first, again)
		}
		drawn[first[0]] = true
	}
	if len(drawn) < 2 {
		t.Errorf("eight drills took out %v alone", drawn)
	}
	response := compiled(t, b, "tokyo-loss", run.Real)
	if got := response.Absent("tokyo-loss-real-1", "sato"); got != nil || response.Scenario.Absent != nil {
		t.Errorf("a real response goes without %v", got)
	}
}
