package runbook

import (
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// human reads a step that a person does: who, and the text that says what. The text is
// a string or one for each language.
func (r *reading) human(where string, s Step, a activities.Action) *plan.Human {
	if s.At.Set {
		r.Log.Add(s.At.Place, "%s: a person does it, not the worker of a site; remove at", "%s: 人が行うステップであり、拠点ワーカーは関わりません。at を削除してください", where)
	}
	if s.Owner.Set {
		r.Log.Add(s.Owner.Place, "%s: a person does it, and the role in as answers for it; remove owner", "%s: 人が行うステップの責任者は as の役割です。owner を削除してください", where)
	}
	if s.Retry.V > 0 {
		r.Log.Add(s.Retry.Place, "%s: a person does it; remove retry", "%s: 人が行うステップは再試行できません。retry を削除してください", where)
	}
	if !s.As.Set && s.As.Place.IsZero() {
		r.Log.Add(s.Place, "%s: as is missing: the role that does it%s", "%s: as（実施する役割）がありません%s", where, yamldoc.Meant("", r.estate.Roles))
	}
	r.estate.Role(r.Decoder, where+": as", s.As)
	out := &plan.Human{Role: s.As.V}
	with, text := apart(s.With.Node, "text")
	fields := slices.DeleteFunc(slices.Clone(a.Fields), func(f activities.Field) bool { return f.Name == "text" })
	check := r.params
	check.Scope, check.Why = nil, plan.Text{EN: "people read it as it is written", JA: "人が書かれたまま読むためです"}
	check.Fields(where+": with", with, s.Place, fields)
	if text == nil {
		at := s.Place
		if s.With.Node != nil {
			at = s.With.Place
		}
		r.Log.Add(at, "%s: with: text is missing: what is to be done", "%s: with: text（作業の内容）がありません", where)
		return out
	}
	out.Text = yamldoc.ReadText(r.Decoder, where+": with: text", text)
	if expr.Has(out.Text.EN) || expr.Has(out.Text.JA) {
		r.Log.Add(r.At(text), "%s: with: text: no expression can stand here: %s", "%s: with: text: ここに式は書けません（%s）", where, check.Why)
	}
	return out
}

// apart takes one field out of a map.
func apart(n *yaml.Node, name string) (rest, field *yaml.Node) {
	if n == nil || n.Kind != yaml.MappingNode {
		return n, nil
	}
	out := *n
	out.Content = nil
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			field = n.Content[i+1]
			continue
		}
		out.Content = append(out.Content, n.Content[i], n.Content[i+1])
	}
	return &out, field
}
