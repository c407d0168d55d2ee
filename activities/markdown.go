package activities

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// intro stands at the head of docs/actions.md and docs/actions.ja.md. Japanese stands
// unbroken: Markdown makes a space of a line's end.
var intro = plan.Text{EN: `# Actions

[日本語](actions.ja.md)

Every kind of step that a runbook, an inject or an undo may use. This file is made from the program
(` + "`make generate`" + `); ` + "`muster actions`" + ` prints the same, and ` + "`muster schema KIND`" + ` gives the JSON Schemas for editors.

- **Effect** is what an action may do to the world: ` + "`observe`" + ` looks only; ` + "`isolated`" + ` changes things only in places made for
  the drill; ` + "`disrupt`" + ` interrupts or moves service and can be undone; ` + "`destroy`" + ` loses data or cannot be undone. A drill at depth
  ` + "`isolated`" + ` runs the first two, ` + "`live`" + ` and ` + "`real`" + ` run all, ` + "`tabletop`" + ` and ` + "`walkthrough`" + ` run none.
- **Look**: an action with a look sees by itself whether its goal holds already. It looks before it acts, and a look settles an
  attempt whose answer was lost. Without one, a person has to say what happened.
- **Repeated**: the engine repeats an attempt that could not tell. An action that changes something is tried once under one
  effect key, whatever happens; only a goal that is seen not to hold, with nothing under way, opens the next try.
- Durations are written ` + "`30s`, `5m`, `2h30m`, `1d`" + `, sizes ` + "`16MB`" + `, secrets ` + "`secret://env/NAME`" + ` or ` + "`secret://file/path`" + `, or one for
  drills and one for the real thing, ` + "`{drill: secret://..., real: secret://...}`" + `. Any other value
  may be an expression such as ` + "`${{ steps.promote.timeline }}`" + `.

`, JA: `# アクション

[English](actions.md)

手順書のステップ、状況付与、取り消しで使えるアクションの一覧です。このファイルはプログラムから生成されます（` + "`make generate`" + `）。` + "`muster actions --lang ja`" + ` でも同じ内容を表示でき、` + "`muster schema KIND --lang ja`" + ` でエディター用のJSON Schemaを出力できます。

- **影響**: アクションが対象に及ぼしうる影響。` + "`observe`" + `（参照）は確認するだけ、` + "`isolated`" + `（隔離）は訓練用の場所だけを変更、` + "`disrupt`" + `（中断）はサービスの中断や移動を伴うが元に戻せる、` + "`destroy`" + `（破壊）はデータを失うか元に戻せないものです。深さ ` + "`isolated`" + ` の訓練では前の2つ、` + "`live`" + ` と ` + "`real`" + ` ではすべてを実行し、` + "`tabletop`" + ` と ` + "`walkthrough`" + ` では何も実行しません。
- **実行前の確認**: 目標の状態になっているかをアクション自身が確かめます。実行の前に確かめるほか、応答が失われた試行の決着にも使います。確認のないアクションでは、何が起きたかを人が判断します。
- **再試行**: 結果が判断できなかった試行をエンジンが繰り返します。変更を伴うアクションは、何があっても1つの作用キーにつき1回しか試行しません。目標の状態でなく、実行中でもないと確認された場合にだけ、次の試行に進みます。
- 時間は ` + "`30s`、`5m`、`2h30m`、`1d`" + `、大きさは ` + "`16MB`" + ` のように書きます。秘密情報は ` + "`secret://env/名前`" + ` か ` + "`secret://file/パス`" + `、または訓練用と本番用を分けて ` + "`{drill: secret://..., real: secret://...}`" + ` と書きます。そのほかの値には ` + "`${{ steps.promote.timeline }}`" + ` のような式も書けます。

`}

// Markdown is docs/actions.md, and in Japanese docs/actions.ja.md: every action and target
// kind of r, from what they declare.
func Markdown(r *Registry, lang string) []byte {
	d := &document{lang: lang}
	d.WriteString(intro.In(lang))
	family := ""
	for _, a := range r.Actions() {
		if f := Family(a.ID); f != family {
			family = f
			fmt.Fprintf(d, "- **%s**:", f)
		} else {
			d.WriteString(" ·")
		}
		fmt.Fprintf(d, " [%s](#%s)", a.ID, anchor(a.ID))
		if next := after(r, a.ID); Family(next) != family {
			d.WriteString("\n")
		}
	}
	kinds, targets := r.TargetKinds(), d.t("Targets", "操作対象")
	if len(kinds) > 0 {
		fmt.Fprintf(d, "- [%s](#%s)\n", targets, strings.ToLower(targets))
	}
	family = ""
	for _, a := range r.Actions() {
		if f := Family(a.ID); f != family {
			family = f
			fmt.Fprintf(d, "\n## %s\n", f)
		}
		d.describe(a)
	}
	if len(kinds) > 0 {
		fmt.Fprintf(d, "\n## %s\n\n%s\n", targets, d.t("What actions act on, as the estate describes it under `targets`.", "アクションの操作対象。構成台帳の `targets` に書きます。"))
		for _, k := range kinds {
			fmt.Fprintf(d, "\n### %s\n\n%s\n\n", d.t("Target kind %s", "操作対象の種類 %s", k.Kind), k.Summary.In(lang))
			d.table(d.t("Field", "項目"), k.Fields, true)
		}
	}
	return d.Bytes()
}

// document is written in lang.
type document struct {
	bytes.Buffer
	lang string
}

func (d *document) t(en, ja string, args ...any) string { return plan.Say(en, ja, args...).In(d.lang) }

func after(r *Registry, id string) string {
	actions := r.Actions()
	for i, a := range actions {
		if a.ID == id && i+1 < len(actions) {
			return actions[i+1].ID
		}
	}
	return ""
}

func anchor(id string) string { return strings.ReplaceAll(id, ".", "") }

func (d *document) describe(a Action) {
	fmt.Fprintf(d, "\n### %s\n\n%s\n\n%s\n", a.ID, plan.Text{EN: a.Doc.Summary, JA: a.Doc.SummaryJA}.In(d.lang), strings.Join(d.traits(a), " · "))
	if len(a.Fields) > 0 {
		d.WriteString("\n")
		d.table(d.t("Parameter", "パラメーター"), a.Fields, true)
	}
	if len(a.Output) > 0 {
		d.WriteString("\n")
		d.table(d.t("Output", "戻り値"), a.Output, false)
	}
	if !a.Doc.Probe {
		fmt.Fprintf(d, "\n```yaml\n%s```\n", example(a))
	}
}

func (d *document) traits(a Action) []string {
	switch {
	case a.Doc.Human:
		return []string{d.t("Done by a person; `as` names the role", "人が行う。役割は `as` に書く")}
	case a.Doc.Probe:
		return []string{d.t("A probe: it stands under a system's functions and looks for as long as the run lasts", "プローブ。システムの機能に書き、実施の間ずっと確かめ続ける")}
	}
	out := []string{d.t("Effect: `%s`", "影響: `%s`", a.Doc.Effect)}
	if a.Doc.Declares != "" {
		out[0] += d.t(", unless the step's `%s` says otherwise", "（ステップの `%s` に指定があればそれに従う）", a.Doc.Declares)
	}
	repeated, look := d.t("Repeated", "再試行"), d.t("Look", "実行前の確認")
	yes, no := d.t("yes", "あり"), d.t("no", "なし")
	switch {
	case a.Doc.Repeatable:
		out = append(out, repeated+": "+yes)
	case a.Doc.Effect == run.Observe:
		out = append(out, repeated+": "+no)
	case a.CanLook():
		out = append(out, look+": "+yes)
	default:
		out = append(out, look+": "+no)
	}
	if a.Doc.After != "" {
		out = append(out, d.t("Only after: [%s](#%s) of another target", "先行アクション: 別の操作対象に対する [%s](#%s)", a.Doc.After, anchor(a.Doc.After)))
	}
	if a.Doc.Undo != "" {
		out = append(out, d.t("Usual undo: [%s](#%s)", "通常の取り消し: [%s](#%s)", a.Doc.Undo, anchor(a.Doc.Undo)))
	}
	return out
}

func (d *document) table(title string, fields []Field, params bool) {
	if params {
		fmt.Fprintf(d, "| %s | %s | %s | %s |\n|---|---|---|---|\n", title, d.t("Type", "型"), d.t("Default", "既定値"), d.t("Meaning", "内容"))
	} else {
		fmt.Fprintf(d, "| %s | %s | %s |\n|---|---|---|\n", title, d.t("Type", "型"), d.t("Meaning", "内容"))
	}
	d.rows("", fields, params)
}

func (d *document) rows(prefix string, fields []Field, params bool) {
	for _, f := range fields {
		fmt.Fprintf(d, "| `%s%s` | %s |", prefix, f.Name, d.typeName(f))
		if params {
			switch {
			case f.Required:
				d.WriteString(d.t(" **required** |", " **必須** |"))
			case f.Default == "":
				d.WriteString(" |")
			default:
				fmt.Fprintf(d, " `%s` |", cell(f.Default))
			}
		}
		fmt.Fprintf(d, " %s |\n", cell(f.Help.In(d.lang)))
		inner := f
		for inner.Elem != nil {
			inner = *inner.Elem
		}
		if len(inner.Fields) > 0 {
			d.rows(prefix+f.Name+".", inner.Fields, params)
		}
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func (d *document) typeName(f Field) string {
	switch f.Type {
	case List:
		return d.t("list of %s", "%sのリスト", d.typeName(*f.Elem))
	case Map:
		if f.Gives != nil {
			return d.t("map to expression", "名前と式の組")
		}
		return d.t("map to %s", "名前と%sの組", d.typeName(*f.Elem))
	case TargetOf:
		if f.Kind == "" {
			return d.t("target", "操作対象")
		}
		return d.t("%s target", "操作対象（%s）", f.Kind)
	case String:
		if len(f.Enum) > 0 {
			return d.t("one of `%s`", "`%s` のいずれか", strings.Join(f.Enum, d.t("`, `", "`、`")))
		}
	}
	return f.Type.Text().In(d.lang)
}

// example is a step as it stands in a runbook: the parameters that must be given, and
// those that have an example.
func example(a Action) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- id: %s\n", strings.ReplaceAll(strings.TrimPrefix(a.ID, Family(a.ID)+"."), "_", "-"))
	if !a.Doc.Human {
		b.WriteString("  at: osaka\n")
	}
	fmt.Fprintf(&b, "  uses: %s\n", a.ID)
	if a.Doc.Human {
		b.WriteString("  as: operator\n")
	}
	var with []string
	site := "osaka" // the first target named; the next is the other side
	for _, f := range a.Fields {
		if !f.Required && f.Example == "" {
			continue
		}
		value := sample(f)
		if f.Type == TargetOf && f.Example == "" {
			value, site = site, "tokyo"
		}
		with = append(with, fmt.Sprintf("    %s: %s\n", f.Name, value))
	}
	if len(with) > 0 {
		b.WriteString("  with:\n" + strings.Join(with, ""))
	}
	return b.String()
}

func sample(f Field) string {
	if f.Example != "" {
		return f.Example
	}
	if f.Default != "" {
		return f.Default
	}
	if len(f.Enum) > 0 {
		return f.Enum[0]
	}
	switch f.Type {
	case Int, Number:
		return "1"
	case Bool:
		return "true"
	case Duration:
		return "30s"
	case Size:
		return "16MB"
	case TargetOf:
		return "osaka"
	case SecretOf:
		return "secret://env/NAME"
	case List:
		if f.Elem.Type == TargetOf {
			return "[tokyo, osaka]"
		}
		return "[" + sample(*f.Elem) + "]"
	case Map, Object:
		return "{}"
	}
	return "orders"
}
