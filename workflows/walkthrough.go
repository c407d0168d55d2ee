package workflows

import (
	"cmp"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// toRead is a step as a walkthrough puts it before its owner: all that would be done, and
// nothing that is (requirement C-DRL-1). A person's step is only read, too.
func (x *execution) toRead(s plan.Step) run.Wait {
	w := run.Wait{Kind: run.WaitAck, Role: cmp.Or(s.Owner, x.in.Role), Acts: []run.Act{run.ActDone, run.ActSkip}}
	if s.Human != nil {
		w.Role = s.Human.Role
		w.Text = run.Marked(x.kind, run.Mark, plan.Text{
			EN: "would have to do: " + s.Human.Text.In("en"), JA: "本番で行う作業: " + s.Human.Text.In("ja")}.Both())
		return w
	}
	en, ja := []string{"would run " + s.Uses}, []string{"本番で実行する内容: " + s.Uses}
	say := func(what, was, value string) {
		if value != "" {
			en, ja = append(en, what+" "+value), append(ja, was+" "+value)
		}
	}
	say("at site", "拠点", s.Site)
	say("on", "対象", strings.Join(s.Targets, ", "))
	en, ja = append(en, "effect "+i18n.EN.Effect(s.Effect)), append(ja, "影響 "+i18n.JA.Effect(s.Effect))
	say("with", "パラメーター", plan.WithoutSecrets(s.With))
	say("if", "条件", s.If)
	var undo []string
	for _, u := range s.Undo {
		undo = append(undo, u.Uses)
	}
	say("undone by", "取り消し", strings.Join(undo, ", "))
	w.Text = run.Marked(x.kind, run.Mark, plan.Text{EN: strings.Join(en, ", "), JA: strings.Join(ja, "、")}.Both())
	return w
}
