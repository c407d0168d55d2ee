package watch

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// hints is the picture of a run that waits for one thing.
func hints(l i18n.Lang, p plan.Plan, w progress.Waiting) string {
	w.Since = at(0)
	o := progress.Overview{Run: "r-1", State: run.Running, At: at(60), StartedAt: at(0), Waiting: []progress.Waiting{w}}
	return strings.Join(Frame{Style: Style{Width: 200}, Lang: l, Plan: p, As: true}.Lines(o), "\n")
}

// Every command that is shown runs when it is pasted, or is refused for the word in capitals that the
// reader has to fill in: none is a pipe, says that somebody is well or a building safe, or lacks its reason.
func TestAHintIsACommandThatRuns(t *testing.T) {
	p := testPlan(t)
	p.Scenario.Lead = "commander"
	pandemic, incident, blind := p, p, p
	blind.Runbooks = []plan.Runbook{{Name: "orders-failover", System: "orders", Steps: []plan.Step{{ID: "promote"}}}}
	pandemic.Scenario.Hazard, incident.Scenario.Hazard = run.Pandemic, run.SecurityIncident
	regulated := p
	regulated.Estate.Roles = []plan.Role{{Name: "commander", Title: plan.Text{EN: "Incident commander", JA: "指揮者"}}}
	regulated.Estate.Grants = []plan.Grant{{Role: "commander", May: []plan.Permission{plan.MayControl}}, {Role: "operator", May: []plan.Permission{plan.MayReport}}}
	forced := &progress.Forced{By: "sato", Act: run.ActSkip, Reason: "no time"}
	step := progress.Waiting{For: progress.AwaitStep, Role: "operator", System: "orders", Site: "osaka", Step: "promote", People: []string{"sato", "tanaka"}, Acts: []string{"done", "retry", "skip"}}
	of := func(kind run.WaitKind, f *progress.Forced) progress.Waiting {
		w := step
		w.Kind, w.Forced = kind, f
		return w
	}
	for name, c := range map[string]struct {
		p       plan.Plan
		w       progress.Waiting
		en, ja  []string
		without []string
	}{
		"a step of unknown outcome": {p: p, w: of(run.WaitUnknown, nil),
			en:      []string{"\n     muster step done r-1 promote --reason WHY --as sato\n     muster step retry r-1 promote --as sato\n     muster step skip r-1 promote --reason WHY --as sato\n", "“retry” looks at the target first"},
			ja:      []string{"muster step done r-1 promote --reason 理由 --as sato", "未完了で実行中でもないと確認できた場合に限り実行します。"},
			without: []string{"done|", "systemctl"}},
		"one whose action can't look": {p: blind, w: of(run.WaitUnknown, nil),
			en: []string{"“retry” asks the ledger of the site's worker"}, ja: []string{"「retry」は、拠点のワーカーの実行台帳を確認し"}, without: []string{"looks at the target first"}},
		"a worker that is away": {p: p, w: of(run.WaitAbsent, nil),
			en:      []string{"muster step done r-1 promote --reason WHY --as sato", "says nothing of the site itself. There: systemctl status muster-worker@osaka (or muster worker --site osaka;"},
			ja:      []string{"拠点の被災を意味するとは限りません", "muster-worker@osaka"},
			without: []string{"looks at the target first"}},
		"a task": {p: p, w: of(run.WaitHuman, nil),
			en: []string{"muster step done r-1 promote --as sato\n", "muster step skip r-1 promote --reason WHY --as sato"},
			ja: []string{"muster step done r-1 promote --as sato\n"}},
		"what somebody has asked to force": {p: p, w: of(run.WaitUnknown, forced),
			en:      []string{"operator (tanaka)", "\n     muster step skip r-1 promote --reason WHY --as tanaka\n", "to refuse: muster step refuse r-1 promote --reason WHY --as tanaka"},
			ja:      []string{"却下する場合: muster step refuse r-1 promote --reason 理由 --as tanaka"},
			without: []string{"--as sato", "step retry", "step done", "looks at the target first"}},
		"how people are": {p: p, w: progress.Waiting{For: progress.AwaitSafety, People: []string{"sato"}, Need: 1},
			en:      []string{"muster checkin --safety ANSWER --run r-1 --as sato", "ANSWER: safe, lightly-hurt or badly-hurt"},
			ja:      []string{"ANSWER: safe（無事）、lightly-hurt（軽傷）、badly-hurt（重傷）"},
			without: []string{"--safety safe"}},
		"how people are in a pandemic": {p: pandemic, w: progress.Waiting{For: progress.AwaitSafety, People: []string{"sato"}, Need: 1},
			en: []string{"ANSWER: well, isolated or unwell"}, ja: []string{"ANSWER: well（体調良好）、isolated（自宅待機）、unwell（体調不良）"}, without: []string{"safe "}},
		"who comes in an incident": {p: incident, w: progress.Waiting{For: progress.AwaitSafety, People: []string{"sato"}, Need: 1},
			en: []string{"muster checkin --run r-1 --as sato", "--cannot-come"}, ja: []string{"--cannot-come を付ける"}, without: []string{"--safety"}},
		"a building": {p: p, w: progress.Waiting{For: progress.AwaitInspect, Site: "osaka"},
			en:      []string{"anybody", "muster inspect osaka --RESULT --run r-1", "RESULT: usable, restricted or unusable"},
			ja:      []string{"誰でも可", "RESULT: usable（使用可）、restricted（制限付きで使用可）、unusable（使用不可）"},
			without: []string{"--usable"}},
		"damage": {p: regulated, w: progress.Waiting{For: progress.AwaitAssess, System: "orders", Component: "db"},
			en:      []string{"whoever may report: operator  damage", "muster assess orders db --damage DAMAGE --run r-1", "DAMAGE: none, degraded, stopped, destroyed or unknown"},
			ja:      []string{"報告できる役割：operator", "DAMAGE: none（被害なし）、degraded（性能低下）、stopped（停止）、destroyed（損壊）、unknown（不明）"},
			without: []string{"--damage stopped", "anybody", "誰でも"}},
		"a held call-out": {p: regulated, w: progress.Waiting{For: progress.AwaitCallOut},
			en:      []string{"whoever may control the run: Incident commander", "muster drill callout send r-1 ", "false alarm: muster drill callout cancel r-1 --reason WHY"},
			ja:      []string{"実施を管理できる役割：指揮者", "誤報の場合: muster drill callout cancel r-1 --reason 理由"},
			without: []string{"anybody", "誰でも"}},
		"a party": {p: p, w: progress.Waiting{For: progress.AwaitReach, Party: "owner", Text: "+81"},
			en: []string{"--outcome OUTCOME", "OUTCOME: reached, left_message, no_answer or line_dead"}, ja: []string{"reached（連絡成立）"}},
		"the way home": {p: p, w: progress.Waiting{For: progress.AwaitDecision, Phase: run.Failback, System: "orders", Text: "failback", Role: "commander", People: []string{"sato"}, Acts: []string{"return", "stay"}},
			en: []string{"muster decide return --system orders --reason WHY", "muster decide stay --system orders --reason WHY"}, ja: []string{"--reason 理由"}},
		"a decision that is looked at again": {p: p, w: progress.Waiting{For: progress.AwaitReview, System: "orders", Role: "commander", People: []string{"sato"}, Acts: []string{"alternate", "in_place"}},
			en: []string{"muster decide in_place --system orders --reason WHY"}, ja: []string{"muster decide alternate"}},
		"the end": {p: p, w: progress.Waiting{For: progress.AwaitConfirm, Phase: run.Completion},
			en: []string{"to confirm completion", "muster confirm completion --run r-1"}, ja: []string{"復旧完了の報告"}, without: []string{"完了報告"}},
	} {
		for l, want := range map[i18n.Lang][]string{i18n.EN: c.en, i18n.JA: c.ja} {
			_, got, _ := strings.Cut(hints(l, c.p, c.w)+"\n", l.T("Waiting for", "対応待ち"))
			for _, x := range want {
				if !strings.Contains(got, x) {
					t.Errorf("%s: %q is not in\n%s", name, x, got)
				}
			}
			for _, x := range append(c.without, "|") {
				if strings.Contains(got, x) {
					t.Errorf("%s: %q is in\n%s", name, x, got)
				}
			}
		}
	}
}

// Where the only one who could confirm is who asked, nobody is put into the command.
func TestWhoAskedDoesNotConfirm(t *testing.T) {
	p := testPlan(t)
	got := hints(i18n.EN, p, progress.Waiting{For: progress.AwaitStep, Kind: run.WaitFailed, Role: "operator", System: "orders", Step: "promote", People: []string{"tanaka"},
		Acts: []string{"retry", "skip"}, Forced: &progress.Forced{By: "tanaka", Act: run.ActSkip}})
	if !strings.Contains(got, "--as PERSON") || strings.Contains(got, "--as tanaka") || strings.Contains(got, "(tanaka)") {
		t.Errorf("who asked is to confirm:\n%s", got)
	}
}

// The reason, the command, why a run ended and what is left stand there whole, however narrow it is; on a
// screen that has no room for it, the commands do, and it is said where the rest is.
func TestWhatDecidesIsNotCut(t *testing.T) {
	p := testPlan(t)
	why := "the connection to osaka broke after the order was sent, and whether the standby was promoted could not be read from it since"
	w := progress.Waiting{For: progress.AwaitStep, Kind: run.WaitUnknown, Role: "operator", System: "orders", Step: "promote", People: []string{"tanaka"}, Acts: []string{"done", "retry", "skip"}, Text: why, Since: at(0)}
	decide := progress.Waiting{For: progress.AwaitDecision, System: "orders", Role: "commander", People: []string{"sato"}, Acts: []string{"alternate"}, Since: at(0)}
	o := progress.Overview{Run: "main-site-lost-real-1", State: run.Running, StateWhy: "paused: " + why, At: at(60), StartedAt: at(0), Waiting: []progress.Waiting{w, decide},
		Systems: []progress.System{{Name: "orders", LockKept: "locked: " + why}}, Messages: []progress.Message{{At: at(1), Text: "told: " + why}}}
	const command = "muster decide alternate --system orders --reason WHY --run main-site-lost-real-1 --as sato"
	draw := func(width, height int) ([]string, string) {
		lines := Frame{Style: Style{Width: width}, Height: height, Lang: i18n.EN, Plan: p, As: true}.Lines(o)
		read := strings.Join(lines, "\n")
		for strings.Contains(read, "\n ") {
			read = strings.ReplaceAll(read, "\n ", "\n")
		}
		return lines, strings.NewReplacer(" \\\n", " ", "  1:00", "", "\n", " ").Replace(read)
	}
	_, read := draw(80, 0)
	squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	for _, x := range []string{"paused: ", "locked: ", "told: "} {
		if !strings.Contains(squeeze(read), squeeze(x+why)) {
			t.Errorf("%s is cut in %s", x, read)
		}
	}
	if !strings.Contains(squeeze(read), squeeze("OUTCOME UNKNOWN: "+why)) {
		t.Errorf("what is asked of the step is cut in %s", read)
	}
	if lines, _ := draw(80, 0); !strings.Contains(strings.Join(lines, "\n"), "\n     "+command+"\n") {
		t.Errorf("a command is not in one line:\n%s", strings.Join(lines, "\n"))
	}
	for _, height := range []int{20, 60} {
		lines, read := draw(80, height)
		for _, line := range lines {
			if Cells(line) > 80 {
				t.Errorf("%d cells in %q", Cells(line), line)
			}
		}
		rest := strings.Contains(read, "… whole text: muster drill show main-site-lost-real-1")
		if whole := strings.Contains(squeeze(read), squeeze("OUTCOME UNKNOWN: "+why)); len(lines) > height || whole == rest || whole != (height == 60) {
			t.Errorf("%d lines of %d, whole %v, told where it is %v:\n%s", len(lines), height, whole, rest, strings.Join(lines, "\n"))
		}
		if !strings.Contains(read, "muster step skip main-site-lost-real-1 promote --reason WHY --as tanaka") || !strings.Contains(read, command) {
			t.Errorf("a command is cut:\n%s", strings.Join(lines, "\n"))
		}
	}
}
