package i18n

import "github.com/muster-dr/muster/internal/run"

var acts = map[run.Act][2]string{
	run.ActDone:   {"marked as done", "完了とした"},
	run.ActRetry:  {"tried again", "再試行した"},
	run.ActSkip:   {"skipped", "省略した"},
	run.ActRefuse: {"refused", "却下した"},
}

// Act names what somebody did with a step that waited.
func (l Lang) Act(a run.Act) string { return word(l, acts, a) }

var asked = map[run.Act][2]string{
	run.ActDone:  {"mark as done", "完了扱い"},
	run.ActRetry: {"try again", "再試行"},
	run.ActSkip:  {"skip", "省略"},
}

// Asked names what somebody wants to do with such a step.
func (l Lang) Asked(a run.Act) string { return word(l, asked, a) }

var refused = map[string][2]string{"approve": {"approval", "承認"}, "decide": {"decision", "決定"}}

// RefusedAct names what somebody reached for.
func (l Lang) RefusedAct(act string) string { return word(l, refused, act) }

var standIns = map[string][2]string{
	run.WhySilent:     {"no answer", "未回答"},
	run.WhyHurt:       {"not able to act", "対応不可"},
	run.WhyCannotCome: {"can't come", "参集不可"},
	run.WhyAbsent:     {"absent in the drill", "訓練での不在設定"},
}

// StandIn names why somebody's deputy is called.
func (l Lang) StandIn(why string) string { return word(l, standIns, why) }

var assessors = map[string][2]string{"person": {"a person", "要員"}, "probe": {"probe", "プローブ"}}

// Assessor names who or what says how damaged something is.
func (l Lang) Assessor(source string) string { return word(l, assessors, source) }
