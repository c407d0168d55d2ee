package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
)

// registry is every action there is, to check and to describe files with.
func registry() *activities.Registry { return all.Registry(all.Options{}) }

func (c *command) validate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate [DIR...]",
		Short: c.t("Check all plan files, of several directories as one; tells every mistake at once", "計画ファイルを検査し、誤りをすべて表示する"),
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{c.config.Plans}
			}
			bundles, mistakes := scenario.LoadTree(registry(), args...)
			if c.json() {
				list := mistakes
				if list == nil {
					list = scenario.Mistakes{}
				}
				if err := c.printJSON(map[string]any{"ok": len(mistakes) == 0, "mistakes": list}); err != nil {
					return err
				}
				if len(mistakes) > 0 {
					return shown(exitMistake)
				}
				return nil
			}
			if len(mistakes) > 0 {
				return mistakes
			}
			var scenarios, systems, sites, people int
			for _, b := range bundles {
				scenarios, systems = scenarios+len(b.Scenarios()), systems+len(b.Systems())
				sites, people = sites+len(b.Estate().Sites), people+len(b.Estate().People)
			}
			said := c.t("no mistakes: %d scenario(s), %d system(s), %d site(s), %d person(s)", "誤りなし: シナリオ %d、情報システム %d、拠点 %d、要員 %d", scenarios, systems, sites, people)
			for _, b := range bundles {
				if p := b.Programme(); p != nil {
					said += c.t(", programme %s with %d row(s)", "、訓練計画 %s（%d 行）", p.Name, len(p.Rows))
				}
			}
			if n := len(bundles); n > 1 {
				said += c.t(", in %d estates", "（構成台帳 %d）", n)
			}
			_, err := fmt.Fprintln(c.Out, said)
			return err
		},
	}
}

func (c *command) actions() *cobra.Command {
	return &cobra.Command{
		Use:   "actions [FAMILY|ID]",
		Short: c.t("What steps can do: all actions, a family's, or one in full", "ステップで使えるアクションを表示する"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			r := registry()
			if c.output == "markdown" {
				_, err := c.Out.Write(activities.Markdown(r, string(c.lang)))
				return err
			}
			list := []api.Action{}
			var known []string
			for _, a := range r.Actions() {
				known = append(known, a.ID, activities.Family(a.ID))
				if len(args) == 0 || a.ID == args[0] || activities.Family(a.ID) == args[0] {
					list = append(list, api.Describe(a))
				}
			}
			if len(list) == 0 {
				way := c.t("`muster actions` lists all", "`muster actions` で一覧を表示できます")
				if near := nearest.Word(args[0], known); near != "" {
					way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
				}
				return mistake(fmt.Errorf("%s", c.t("there is no action or family %q", "アクションまたは系統 %q はありません", args[0])), way)
			}
			if c.json() {
				return c.printJSON(list)
			}
			if len(args) == 1 && list[0].ID == args[0] {
				c.describe(list[0])
				return nil
			}
			var rows [][]string
			for _, a := range list {
				rows = append(rows, []string{a.ID, c.kind(a), a.Summary.In(string(c.lang))})
			}
			table(c.Out, []string{c.t("ACTION", "アクション"), c.t("EFFECT", "影響"), c.t("WHAT", "内容")}, rows)
			return nil
		},
	}
}

func (c *command) kind(a api.Action) string {
	switch {
	case a.Human:
		return c.t("person", "人")
	case a.Probe:
		return c.t("probe", "プローブ")
	}
	return c.lang.Effect(a.Effect)
}

func (c *command) describe(a api.Action) {
	fmt.Fprintf(c.Out, "%s\n  %s\n\n", a.ID, a.Summary.In(string(c.lang)))
	yes := func(b bool) string {
		if b {
			return c.t("yes", "はい")
		}
		return c.t("no", "いいえ")
	}
	rows := [][]string{{c.t("effect", "影響"), c.kind(a)}}
	if !a.Human && !a.Probe {
		rows = append(rows, []string{c.t("looks before it acts", "実行前の確認"), yes(a.CanLook)},
			[]string{c.t("repeated by the engine", "エンジンによる再試行"), yes(a.Repeatable)})
	}
	if a.After != "" {
		rows = append(rows, []string{c.t("only after", "先行アクション"), c.t("%s of another target", "別の操作対象に対する %s", a.After)})
	}
	if a.Undo != "" {
		rows = append(rows, []string{c.t("usual undo", "通常の取り消し"), a.Undo})
	}
	table(c.Out, nil, rows)
	c.fields(c.t("with", "パラメーター"), a.Fields)
	c.fields(c.t("returns", "戻り値"), a.Output)
}

func (c *command) fields(title string, fields []api.Field) {
	if len(fields) == 0 {
		return
	}
	fmt.Fprintf(c.Out, "\n%s\n", title)
	table(c.Out, nil, c.fieldRows("  ", fields))
}

// fieldRows has a row for every field and for those within it.
func (c *command) fieldRows(prefix string, fields []api.Field) (rows [][]string) {
	for _, f := range fields {
		need := ""
		switch {
		case f.Required:
			need = c.t("required", "必須")
		case f.Default != "":
			need = c.t("default %s", "既定 %s", f.Default)
		}
		rows = append(rows, []string{prefix + f.Name, c.typeOf(f), need, plan.Text{EN: f.Help, JA: f.HelpJA}.In(string(c.lang))})
		inner := f
		for inner.Of != nil {
			inner = *inner.Of
		}
		rows = append(rows, c.fieldRows(prefix+f.Name+".", inner.Fields)...)
	}
	return rows
}

// typeOf is what a field holds, in a word or two.
func (c *command) typeOf(f api.Field) string {
	switch {
	case len(f.Enum) > 0:
		return strings.Join(f.Enum, "|")
	case f.Of != nil && f.Type == string(activities.List):
		return c.t("list of %s", "%sのリスト", c.typeOf(*f.Of))
	case f.Of != nil:
		return c.t("map of %s", "名前と%sの組", c.typeOf(*f.Of))
	case f.Kind != "":
		return c.t("target %s", "操作対象（%s）", f.Kind)
	}
	if ja, ok := typesJA[activities.Type(f.Type)]; ok && c.lang == i18n.JA {
		return ja
	}
	return f.Type
}

var typesJA = map[activities.Type]string{
	activities.String: "文字列", activities.Int: "整数", activities.Number: "数値", activities.Bool: "真偽値",
	activities.Duration: "時間", activities.Size: "大きさ", activities.Object: "オブジェクト",
	activities.TargetOf: "操作対象", activities.SecretOf: "秘密情報", activities.Any: "任意の値",
}
