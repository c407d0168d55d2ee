// Package human is the family of steps that people do. No worker runs them: the engine
// asks the role that the step names with `as` and waits for an answer.
package human

import (
	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/run"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{task, confirm} }

// Ask is the parameters of both actions.
type Ask struct {
	Text any `json:"text" help:"What to do, or what to confirm: one sentence, or {en: ..., ja: ...}." ja:"行う作業または確認する内容。1文か {en: ..., ja: ...}" example:"{en: Tell the branches that orders are taken from Osaka, ja: 受注は大阪で続けることを各支店に伝える}"`
}

// nothing: what people report stands in the journal, with who said it and when.
type nothing struct{}

var task = activities.Define[Ask, nothing]("human.task", activities.Doc{
	Summary:   "Ask a person to do something and wait until it is done.",
	SummaryJA: "担当者に作業を依頼し、完了の報告を待つ。",
	Effect:    run.Observe,
	Human:     true,
}, nil)

var confirm = activities.Define[Ask, nothing]("human.confirm", activities.Doc{
	Summary:   "Ask a person to see for themselves that something is so, and wait for the word.",
	SummaryJA: "担当者が自分の目で確かめ、そのとおりであると報告するのを待つ。",
	Effect:    run.Observe,
	Human:     true,
}, nil)
