package i18n

import "github.com/muster-dr/muster/internal/run"

var phases = map[run.Phase][2]string{
	run.Activation:       {"activation", "発動"},
	run.SafetyCheck:      {"safety check", "安否確認"},
	run.Muster:           {"muster", "参集"},
	run.SiteInspection:   {"site inspection", "拠点の安全点検"},
	run.Communications:   {"communications", "情報共有手段の確立"},
	run.DamageAssessment: {"damage assessment", "被害状況の確認"},
	run.Containment:      {"containment", "被害拡大の防止措置"},
	run.RecoveryDecision: {"recovery decision", "復旧方針の決定"},
	run.Recovery:         {"recovery", "復旧作業"},
	run.Verification:     {"verification", "復旧確認"},
	run.Completion:       {"completion", "復旧完了報告"},
	run.Failback:         {"failback", "切戻し"},
	run.Closing:          {"closing", "記録物の整理"},
}

// Phase names a phase.
func (l Lang) Phase(p run.Phase) string { return word(l, phases, p) }

var states = map[run.State][2]string{
	run.Running:              {"running", "実施中"},
	run.Paused:               {"paused", "一時停止中"},
	run.Refused:              {"refused", "開始を拒否"},
	run.Recovered:            {"recovered", "復旧"},
	run.PartlyRecovered:      {"partly recovered", "一部復旧"},
	run.RecoveredAtAlternate: {"recovered at the alternate site", "代替拠点で復旧"},
	run.NotResumable:         {"not resumable", "復旧できず"},
	run.Cancelled:            {"cancelled", "中止"},
	run.TalkedThrough:        {"talked through, nothing was run", "机上で検討（実行なし）"},
	run.WalkedThrough:        {"walked through, nothing was run", "手順を読み合わせ（実行なし）"},
	run.PartlyWalkedThrough:  {"walked through in part, nothing was run", "手順の一部のみ読み合わせ（実行なし）"},
	run.Ready:                {"ready", "準備完了"},
	run.NotReady:             {"NOT READY", "要対処"},
	run.Held:                 {"held", "実施済み"},
	run.NotHeld:              {"NOT HELD", "未実施"},
	run.CleanUpIncomplete:    {"CLEAN-UP INCOMPLETE", "後始末が未完了"},
	run.CutOff:               {"CUT OFF: this copy of its record says no more", "記録途絶（この複製に以後の記録なし）"},
}

// State names where a run stands.
func (l Lang) State(s run.State) string { return word(l, states, s) }

// Standing is State, with the word for a run that is being aborted, unless it was held after that.
func (l Lang) Standing(s run.State, aborting bool) string {
	if aborting && s == run.Running {
		return l.T("aborting", "中止処理中")
	}
	return l.State(s)
}

var outcomes = map[run.Outcome][2]string{
	run.Passed:  {"passed", "成功"},
	run.Failed:  {"failed", "失敗"},
	run.Unknown: {"unknown", "結果不明"},
	run.Skipped: {"skipped", "省略"},
}

// Outcome names how a step ended.
func (l Lang) Outcome(o run.Outcome) string { return word(l, outcomes, o) }

var safeties = map[run.Safety][2]string{
	run.Safe:        {"safe", "無事"},
	run.LightlyHurt: {"lightly hurt", "軽傷"},
	run.BadlyHurt:   {"badly hurt", "重傷"},
	run.Injured:     {"hurt", "負傷"},
	run.Well:        {"well", "体調良好"},
	run.InIsolation: {"in isolation", "自宅待機"},
	run.Unwell:      {"unwell", "体調不良"},
	run.Silent:      {"no answer", "未回答"},
	"":              {"answered", "回答済"},
}

// Safety names an answer to the safety check.
func (l Lang) Safety(s run.Safety) string { return word(l, safeties, s) }

var families = map[run.Family][2]string{
	run.FamilySafe:    {"family safe", "家族無事"},
	run.FamilyHurt:    {"family hurt", "家族に負傷者"},
	run.FamilyUnknown: {"family not reached", "家族未確認"},
	run.FamilyNone:    {"no family", "家族なし"},
}

// Family names the state of somebody's family.
func (l Lang) Family(f run.Family) string { return word(l, families, f) }

var verdicts = map[run.Verdict][2]string{
	run.Met:         {"met", "達成"},
	run.Missed:      {"missed", "未達"},
	run.NotProven:   {"not proven", "未立証"},
	run.NoObjective: {"no objective", "目標なし"},
}

// Verdict names a verdict.
func (l Lang) Verdict(v run.Verdict) string { return word(l, verdicts, v) }

var kinds = map[run.Kind][2]string{
	run.Drill:    {"drill", "訓練"},
	run.Response: {"response", "本番対応"},
	run.Occasion: {"occasion", "訓練予定"},
}

// Kind names a run's kind.
func (l Lang) Kind(k run.Kind) string { return word(l, kinds, k) }

var depths = map[run.Depth][2]string{
	run.Tabletop:    {"tabletop", "机上訓練"},
	run.Walkthrough: {"walkthrough", "手順書確認訓練"},
	run.IsolatedRun: {"isolated", "隔離環境訓練"},
	run.Live:        {"live", "システム切り替え訓練"},
	run.Real:        {"real", "本番"},
}

// Depth names how far a run reaches.
func (l Lang) Depth(d run.Depth) string { return word(l, depths, d) }

var effects = map[run.Effect][2]string{
	run.Observe:  {"observe", "参照"},
	run.Isolated: {"isolated", "隔離"},
	run.Disrupt:  {"disrupt", "中断"},
	run.Destroy:  {"destroy", "破壊"},
}

// Effect names what an action may do.
func (l Lang) Effect(e run.Effect) string { return word(l, effects, e) }

// Banner is the mark that everything about a run begins with.
func (l Lang) Banner(k run.Kind) string {
	if k == run.Response {
		return l.T("REAL RESPONSE", "【本番】REAL")
	}
	return run.MarkJA + "DRILL"
}

var choices = map[run.Choice][2]string{
	run.Alternate:   {"switch to the alternate site", "代替拠点へ切り替え"},
	run.InPlace:     {"recover in place", "被災拠点で復旧"},
	run.StandDown:   {"stand down", "対応不要"},
	run.NotPossible: {"not possible now", "現時点では復旧不可"},
	run.GoHome:      {"return home", "本拠点へ切戻し"},
	run.Stay:        {"stay", "代替拠点で継続"},
}

var hazards = map[run.Hazard][2]string{
	run.Disaster:         {"disaster", "大規模災害"},
	run.SecurityIncident: {"security incident", "情報セキュリティインシデント"},
	run.Pandemic:         {"epidemic", "感染症"},
	run.RestoreTest:      {"restore test", "復元試験"},
}

// Hazard names what a scenario is about.
func (l Lang) Hazard(h run.Hazard) string { return word(l, hazards, h) }

// Choice names a recovery decision.
func (l Lang) Choice(c run.Choice) string { return word(l, choices, c) }

// ChoiceAt names one with the site that it is about.
func (l Lang) ChoiceAt(c run.Choice, home, alternate string) string {
	switch c {
	case run.Alternate:
		return l.T("to the alternate site %s", "代替拠点（%s）へ切り替え", alternate)
	case run.InPlace:
		return l.T("recovery in place at %s", "被災拠点（%s）で復旧", home)
	case run.GoHome:
		return l.T("home to %s", "本拠点（%s）へ切戻し", home)
	case run.Stay:
		return l.T("stays at %s", "代替拠点（%s）で継続", alternate)
	}
	return l.Choice(c)
}

// word falls back on the name itself, so that a name added later still shows.
func word[K ~string](l Lang, words map[K][2]string, k K) string {
	w, ok := words[k]
	switch {
	case !ok:
		return string(k)
	case l == JA:
		return w[1]
	}
	return w[0]
}

var findings = map[run.FindingKind][2]string{
	run.FindingObjective: {"objective", "目標"},
	run.FindingBudget:    {"budget", "目安時間"},
	run.FindingStep:      {"step", "ステップ"},
	run.FindingHand:      {"by hand", "手作業"},
	run.FindingPeople:    {"people", "要員"},
	run.FindingCleanUp:   {"clean-up", "後始末"},
	run.FindingClock:     {"clock", "時計"},
	run.FindingRemark:    {"remark", "所見"},
	run.FindingPlace:     {"place", "立地"},
	run.FindingRecord:    {"record", "記録"},
}

// Finding names what a finding is about.
func (l Lang) Finding(k run.FindingKind) string { return word(l, findings, k) }
