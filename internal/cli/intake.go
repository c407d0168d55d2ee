package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-dr/muster/internal/intake"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/yamldoc"
)

func (c *command) intake() *cobra.Command {
	var ask intake.Ask
	var columns, roles []string
	var out string
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: c.t("Turn a procedure (Markdown, CSV, XLSX) into a runbook of people's steps, with what is missing", "手順書 (Markdown・CSV・XLSX) を、人が行うステップの手順書 (runbook) に変換する"),
		Long: c.t(`Reads a procedure and writes a runbook whose steps people do, each with what the procedure says of
it. What columns mean is guessed from their heads, in English and Japanese, and asked for when it
can't be told; without a terminal, --column says it. What the procedure leaves open (roles,
durations, verification, undo, order) is listed, and stands as comments at the steps. The plan
directory must hold an estate; the written file passes "muster validate". Nothing is overwritten.`,
			`手順書を読み取り、人が行うステップからなる手順書 (runbook) を書き出します。列の意味は日本語・英語の見出しから
推定し、判断できないときは質問します (端末がない場合は --column で指定)。手順書に書かれていない点
(担当、所要時間、確認方法、戻し方、順序) を一覧にし、各ステップのコメントにも残します。計画フォルダーに
構成台帳が必要です。書き出したファイルは muster validate を通ります。既存のファイルは上書きしません。`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if ask.Columns, err = c.pairs("--column", columns); err != nil {
				return err
			}
			for k := range ask.Columns {
				if !slices.Contains(intake.Columns(), k) {
					way := strings.Join(intake.Columns(), ", ")
					if near := nearest.Word(k, intake.Columns()); near != "" {
						way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
					}
					return mistake(fmt.Errorf("%s", c.t("--column %s: there is no such kind of column", "--column %s: そのような列の種類はありません", k)), way)
				}
			}
			if ask.RoleFor, err = c.pairs("--role", roles); err != nil {
				return err
			}
			return c.importFile(cmd.Context(), args[0], out, ask)
		},
	}
	f := cmd.Flags()
	f.StringVar(&ask.System, "system", "", c.t("system that the runbook is for (default: the estate's only one)", "対象システム (既定は構成台帳に1つだけある場合のそれ)"))
	f.StringVar(&ask.Name, "name", "", c.t("name of the runbook (default: from the file's name)", "作成する手順書 (runbook) の名前 (既定はファイル名から)"))
	f.StringVar(&ask.Title, "title", "", c.t("what people call it (default: the file's name)", "表示名 (既定はファイル名)"))
	f.StringVar(&ask.Sheet, "sheet", "", c.t("the sheet or table that is the procedure", "手順書のシート名"))
	f.StringArrayVar(&columns, "column", nil, c.t("what a column is, as in step=B or role=担当部署; role=- is none", "列の指定。step=B、role=担当部署 など。なければ role=-"))
	f.StringArrayVar(&roles, "role", nil, c.t("which role of the estate a name in the file is, as in 'Ops team=operator'", "手順書の担当名と役割の対応。'運用班=operator' など"))
	f.StringVar(&ask.As, "default-role", "", c.t("role of steps that name none (default: the one most people hold)", "担当の記載がないステップの役割 (既定は該当者が最も多い役割)"))
	f.StringVar(&out, "out", "", c.t("file to write (default: NAME.yaml in the plans directory)", "書き出すファイル (既定は計画フォルダーの 名前.yaml)"))
	return cmd
}

func (c *command) pairs(flag string, list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, p := range list {
		k, v, ok := strings.Cut(p, "=")
		if k, v = strings.TrimSpace(k), strings.TrimSpace(v); !ok || k == "" || v == "" {
			return nil, mistake(fmt.Errorf("%s", c.t("%s %q is not of the form A=B", "%s %q は A=B の形ではありません", flag, p)), "")
		}
		out[k] = v
	}
	return out, nil
}

func (c *command) importFile(ctx context.Context, file, out string, ask intake.Ask) error {
	bundle, mistakes := scenario.Load(c.config.Plans, registry())
	if len(mistakes) > 0 {
		return mistakes
	}
	if err := c.complete(file, &ask, bundle); err != nil {
		return err
	}
	if out == "" {
		out = filepath.Join(c.config.Plans, ask.Name+".yaml")
	}
	if _, err := os.Lstat(out); err == nil {
		return mistake(fmt.Errorf("%s", c.t("%s is there already; nothing was written", "%s はすでに存在します。何も書いていません", out)), c.t("Name another with --name or --out", "--name か --out で別の名前を指定してください"))
	}
	info, err := os.Stat(file)
	if err != nil {
		return mistake(err, "")
	}
	if info.Size() > intake.MaxBytes {
		return mistake(fmt.Errorf("%s", c.t("%s has more than %d MB", "%s は %d MB を超えています", file, intake.MaxBytes>>20)), c.t("Export the procedure's sheet as CSV", "手順書のシートだけをCSVで書き出してください"))
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	doc, err := intake.Read(file, data)
	if err != nil {
		return c.inWords(err)
	}
	draft, err := c.draftOf(ctx, doc, ask)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return c.inWords(err)
	}
	if err := writeNew(out, string(intake.YAML(draft, string(c.lang)))); err != nil {
		return err
	}
	dirs := []string{c.config.Plans}
	if rel, err := filepath.Rel(c.config.Plans, out); err != nil || strings.HasPrefix(rel, "..") {
		dirs = append(dirs, filepath.Dir(out))
	}
	if _, mistakes := scenario.LoadAll(registry(), dirs...); len(mistakes) > 0 {
		_ = os.Remove(out) // a draft that can't be loaded would stop everything else that can
		return mistakes
	}
	if c.json() {
		return c.printJSON(struct {
			File string `json:"file"`
			intake.Draft
		}{out, draft})
	}
	c.printDraft(out, doc, draft)
	return nil
}

// inWords is an error of the intake in the reader's language.
func (c *command) inWords(err error) error {
	return mistake(errors.New(plan.SaidBy(err).In(string(c.lang))), "")
}

var nameless = regexp.MustCompile(`[^a-z0-9]+`)

// complete fills in what was not said, from the estate and the file's name.
func (c *command) complete(file string, ask *intake.Ask, b *scenario.Bundle) error {
	var systems []string
	for _, s := range b.Systems() {
		systems = append(systems, s.Name)
	}
	switch {
	case ask.System == "" && len(systems) == 1:
		ask.System = systems[0]
	case ask.System == "":
		return mistake(fmt.Errorf("%s", c.t("for which system is it?", "どのシステムの手順書か指定してください")), c.t("--system says it: %s", "--system で指定します: %s", strings.Join(systems, ", ")))
	case !slices.Contains(systems, ask.System):
		way := c.t("The estate has: %s", "構成台帳にあるもの: %s", strings.Join(systems, ", "))
		if near := nearest.Word(ask.System, systems); near != "" {
			way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
		}
		return mistake(fmt.Errorf("%s", c.t("there is no system %q", "システム %q はありません", ask.System)), way)
	}
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if ask.Title == "" {
		ask.Title = base
	}
	if ask.Name == "" {
		if ask.Name = strings.Trim(nameless.ReplaceAllString(strings.ToLower(base), "-"), "-"); !yamldoc.IsName(ask.Name) {
			ask.Name = ask.System + "-imported"
		}
	} else if !yamldoc.IsName(ask.Name) {
		return mistake(fmt.Errorf("%s", c.t("--name %q: use lower-case letters, digits and single hyphens", "--name %q: 英小文字、数字、ハイフンで指定してください", ask.Name)), "")
	}
	ask.People, ask.Roles = b.Estate().People, map[string]plan.Text{}
	for name, title := range b.RoleTitles() {
		ask.Roles[name] = title
	}
	for _, p := range ask.People {
		for _, r := range p.Roles {
			ask.Roles[r] = b.RoleTitles()[r]
		}
	}
	var known []string
	for name := range ask.Roles {
		known = append(known, name)
	}
	slices.Sort(known)
	if len(known) == 0 {
		return mistake(fmt.Errorf("%s", c.t("the estate has no roles, and each step needs one", "構成台帳に役割がありません。各ステップには役割が必要です")), c.t("Write the roles into the estate first", "先に構成台帳へ役割を定義してください"))
	}
	wanted := slices.Collect(func(yield func(string) bool) {
		for _, r := range ask.RoleFor {
			if !yield(r) {
				return
			}
		}
	})
	if ask.As != "" {
		wanted = append(wanted, ask.As)
	}
	for _, r := range wanted {
		if !slices.Contains(known, r) {
			way := c.t("The estate has: %s", "構成台帳にあるもの: %s", strings.Join(known, ", "))
			if near := nearest.Word(r, known); near != "" {
				way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
			}
			return mistake(fmt.Errorf("%s", c.t("there is no role %q", "役割 %q はありません", r)), way)
		}
	}
	for _, a := range registry().Actions() {
		ask.Actions = append(ask.Actions, a.ID)
	}
	return nil
}

// draftOf makes the draft, asking at a terminal as often as it has to.
func (c *command) draftOf(ctx context.Context, doc intake.Document, ask intake.Ask) (intake.Draft, error) {
	in, terminal := c.In.(*os.File)
	terminal = terminal && term.IsTerminal(int(in.Fd()))
	var answers *bufio.Reader
	for {
		draft, err := intake.Make(doc, ask)
		unsure := new(intake.Unsure)
		if !errors.As(err, &unsure) || !terminal {
			return draft, err
		}
		if answers == nil {
			answers = bufio.NewReader(c.In)
		}
		value, err := c.choose(ctx, answers, unsure)
		if err != nil {
			return draft, err
		}
		if unsure.What == "sheet" {
			ask.Sheet = value
		} else {
			ask.Columns[unsure.What] = value
		}
	}
}

func (c *command) choose(ctx context.Context, answers *bufio.Reader, u *intake.Unsure) (string, error) {
	if u.What == "sheet" {
		c.say("Which is the procedure?", "どれが手順書ですか。")
	} else {
		c.say("Sheet %s: which column is the %s?", "シート %s: 「%s」はどの列ですか。", u.Sheet, intake.WordFor(u.What).In(string(c.lang)))
	}
	for i, x := range u.Candidates {
		fmt.Fprintf(c.Err, "  %d  %s  %s\n", i+1, x.Value, x.Label)
	}
	for {
		if u.Optional {
			fmt.Fprint(c.Err, c.t("Number (Enter: none): ", "番号 (なしはEnter): "))
		} else {
			fmt.Fprint(c.Err, c.t("Number: ", "番号: "))
		}
		line, err := typing(ctx, func() (string, error) { return answers.ReadString('\n') })
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		line = strings.TrimSpace(line)
		if line == "" && u.Optional && err == nil {
			return "-", nil
		}
		for i, x := range u.Candidates {
			if line == fmt.Sprint(i+1) || line != "" && strings.EqualFold(line, x.Value) {
				return x.Value, nil
			}
		}
		if err != nil {
			return "", u
		}
	}
}

// printDraft says what was written, what the procedure leaves open, and where to go from here.
func (c *command) printDraft(out string, doc intake.Document, d intake.Draft) {
	fmt.Fprintln(c.Out, c.t("%s: %d steps from %s, done by people", "%s: %d ステップ（%s から、すべて人が実施）", out, len(d.Steps), d.From))
	if doc.Encoding != "" && doc.Encoding != "UTF-8" {
		fmt.Fprintln(c.Out, "  "+c.t("read as %s", "文字コード: %s", doc.Encoding))
	}
	if len(d.Kept) > 0 {
		fmt.Fprintln(c.Out, c.t("Columns not understood, kept in the steps' texts (%d); --column WHAT=LETTER says what one is: %s", "内容を判別できず、各ステップの本文に残した列 (%d)。--column 種類=列記号 で指定できます: %s", len(d.Kept), strings.Join(intake.Columns(), ", ")))
		for _, k := range d.Kept {
			fmt.Fprintf(c.Out, "  %s\n", strings.TrimSpace(k.Sheet+"  "+k.Column+"  "+k.Head))
		}
	}
	heads := map[string]string{
		intake.GapRole: c.t("Who does it", "担当"), intake.GapDuration: c.t("How long it takes", "所要時間"), intake.GapVerify: c.t("How one sees that it is done", "確認方法"),
		intake.GapUndo: c.t("How it is undone", "戻し方"), intake.GapOrder: c.t("In which order", "順序"), intake.GapNeeds: c.t("What it waits for", "前提"),
		intake.GapText: c.t("Text", "本文"), intake.GapCondition: c.t("Conditions", "条件分岐"), intake.GapAutomate: c.t("Could be done by a machine", "自動化の候補"),
	}
	for _, kind := range intake.Counted(d.Gaps) {
		var list []intake.Gap
		for _, g := range d.Gaps {
			if g.Kind == kind.Kind {
				list = append(list, g)
			}
		}
		fmt.Fprintf(c.Out, "%s (%d)\n", heads[kind.Kind], len(list))
		const most = 8
		for _, g := range list[:min(most, len(list))] {
			fmt.Fprintf(c.Out, "  %s  %s  %s\n", g.Row, g.Step, g.Text.In(string(c.lang)))
		}
		if more := len(list) - most; more > 0 {
			fmt.Fprintf(c.Out, "  %s\n", c.t("and %d more, in the file", "ほか %d 件（ファイル内のコメント参照）", more))
		}
	}
	fmt.Fprintln(c.Out, c.t("Next: settle the gaps in the file, name the runbook in the estate's system, and rehearse it as a walkthrough (docs/intake.md)", "次に: ファイル内の要確認事項を解決し、構成台帳のシステムの runbooks にこの手順書を書き、手順書確認訓練で確かめてください (docs/intake.md)"))
}
