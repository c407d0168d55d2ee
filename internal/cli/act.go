package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// clientAndRun is the server, and the run that was named; without a name it is the
// newest open one, when there is exactly one.
func (c *command) clientAndRun(ctx context.Context, args []string) (*api.Client, string, error) {
	client, err := c.client()
	if err != nil {
		return nil, "", err
	}
	if len(args) > 0 && args[0] != "" {
		return client, args[0], nil
	}
	only, err := c.onlyRun(ctx, client)
	if err != nil {
		client.Close()
	}
	return client, only.Run, err
}

// clientAndLastRun is the same for commands that only read: without an open run it is the
// one that began last, and which one that is, is said.
func (c *command) clientAndLastRun(ctx context.Context, args []string) (*api.Client, string, error) {
	client, err := c.client()
	if err != nil {
		return nil, "", err
	}
	if len(args) == 0 || args[0] == "" {
		newest, err := client.Runs(ctx, journal.Filter{Limit: 20})
		if err != nil {
			client.Close()
			return nil, "", err
		}
		open := slices.ContainsFunc(newest, func(r journal.Summary) bool { return r.EndedAt == nil })
		// A start that was refused is no run that anybody asks about.
		last := slices.IndexFunc(newest, func(r journal.Summary) bool { return r.State != run.Refused })
		if last >= 0 && !open {
			c.say("of the run that began last, %s", "直近に開始した %s のものです", newest[last].Run)
			return client, newest[last].Run, nil
		}
	}
	client.Close()
	return c.clientAndRun(ctx, args)
}

func (c *command) onlyRun(ctx context.Context, client *api.Client) (journal.Summary, error) {
	none := journal.Summary{}
	open, err := client.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return none, err
	}
	switch len(open) {
	case 1:
		return open[0], nil
	case 0:
		return none, mistake(fmt.Errorf("%s", c.t("no run is in progress", "実施中のものはありません")),
			c.t("Name a run; `muster drill list` shows all", "実施を指定してください。`muster drill list` で一覧を表示できます"))
	}
	var names []string
	for _, r := range open {
		if r.Kind == run.Response { // what is real stands first
			names = slices.Insert(names, 0, c.t("%s (REAL)", "%s（本番）", r.Run))
			continue
		}
		names = append(names, c.t("%s (drill)", "%s（訓練）", r.Run))
	}
	return none, mistake(fmt.Errorf("%s", c.t("several runs are in progress", "実施中のものが複数あります")), c.t("Name one of: %s", "指定してください: %s", strings.Join(names, ", ")))
}

// onlyDrill is the run that is stopped or held without having been named: the only one in progress, and a drill.
// Whoever means a drill that has just ended must not stop what is real.
func (c *command) onlyDrill(ctx context.Context, act string) (string, error) {
	client, err := c.client()
	if err != nil {
		return "", err
	}
	defer client.Close()
	only, err := c.onlyRun(ctx, client)
	if err != nil || only.Kind == run.Drill {
		return only.Run, err
	}
	return "", mistake(fmt.Errorf("%s", c.t("no drill is in progress; %s is REAL", "実施中の訓練はありません。%s は本番の対応です", only.Run)),
		c.t("Nothing was done. If it is what you mean, name it: `muster drill %s %s --reason ...`", "何も行っていません。この対応を対象とする場合は、名前を指定してください: `muster drill %s %s --reason ...`", act, only.Run))
}

type actCall func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error)

// act does something in a run as a person.
func (c *command) act(ctx context.Context, args []string, call actCall) error {
	by, err := c.person()
	if err != nil {
		return err
	}
	client, id, err := c.clientAndRun(ctx, args)
	if err != nil {
		return err
	}
	defer client.Close()
	done, err := call(ctx, client, id, by)
	if err != nil {
		return err
	}
	return c.done(done, id)
}

// done tells that an act is in the journal.
func (c *command) done(d workflows.Done, of string) error {
	if c.json() {
		return c.printJSON(d)
	}
	if d.ID != "" {
		c.say("this is %s", "番号は %s です", d.ID)
	}
	c.say("recorded in the journal of %s", "%s の記録に残しました", of)
	if d.Unconfirmed {
		c.say("it is not done yet: another person has to confirm it with the same command", "まだ実行されていません。別の人が同じコマンドで確認する必要があります")
	}
	return nil
}

// runFlag adds --run, for commands whose argument is something else.
func (c *command) runFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "run", "", c.t("the run (default: the one in progress)", "実施 (既定は実施中のもの)"))
}

// alsoRun lets a command name its run by --run too, as the others do; others are its arguments besides.
func (c *command) alsoRun(cmd *cobra.Command, others int) {
	var id string
	c.runFlag(cmd, &id)
	inner := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		switch {
		case id == "":
		case len(args) > others:
			return mistake(fmt.Errorf("%s", c.t("the run is named twice: %s, and --run %s", "実施が二重に指定されています: %s と --run %s", args[0], id)), c.t("Name it once", "どちらか一方だけを指定してください"))
		default:
			args = append([]string{id}, args...)
		}
		return inner(cmd, args)
	}
}

// oneOf refuses a word that is none of a set.
func oneOf[T ~string](c *command, flag, word string, set ...T) (T, error) {
	var names, shown []string
	for _, s := range set {
		names, shown = append(names, string(s)), append(shown, c.called(s))
	}
	if slices.Contains(names, word) {
		return T(word), nil
	}
	way := ""
	if near := nearest.Word(word, names); near != "" {
		way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
	}
	return "", mistake(fmt.Errorf("%s", c.t("%s: %q is none of %s", "%s: %q は %s のいずれでもありません", flag, word, strings.Join(shown, ", "))), way)
}

// called is a word that commands take, with what it means beside it where that is said in another language.
func (c *command) called(word any) string {
	l, code, means := c.lang, fmt.Sprint(word), ""
	switch w := word.(type) {
	case run.Choice:
		means = l.Choice(w)
	case run.Damage:
		means = l.Damage(w)
	case run.Phase:
		means = l.Phase(w)
	case run.Usability:
		means = l.Usability(w)
	case run.Purpose:
		means = l.Purpose(w)
	case run.Progress:
		means = l.Progress(w)
	case run.Safety:
		means = l.Safety(w)
	case run.Family:
		means = l.Family(w)
	case run.Contact:
		means = l.Contact(w)
	}
	if l != i18n.JA || means == "" || means == code {
		return code
	}
	return code + "（" + means + "）"
}

func first(args []string, otherwise string) string {
	if len(args) > 0 {
		return args[0]
	}
	return otherwise
}

func (c *command) attest() *cobra.Command {
	var id, reason string
	var level int
	cmd := &cobra.Command{
		Use:   "attest SYSTEM FUNCTION",
		Short: c.t("State how much of a function that no probe sees is there", "自動確認できない機能の稼働程度を申告する"),
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !cmd.Flags().Changed("level") {
				return mistake(fmt.Errorf("%s", c.t("say how much of it is there: --level PERCENT", "稼働程度を --level PERCENT で指定してください")), "")
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				return client.Attest(ctx, id, workflows.Attest{System: args[0], Function: args[1], By: by, Level: level, Reason: reason})
			})
		},
	}
	cmd.Flags().IntVar(&level, "level", 0, c.t("percent of normal service", "平常時に対する割合 (%)"))
	cmd.Flags().StringVar(&reason, "reason", "", c.t("what the statement rests on", "申告の根拠"))
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) approve() *cobra.Command {
	var reason, no string
	var glass, activation bool
	var asked int64
	cmd := &cobra.Command{
		Use:   "approve [RUN]",
		Short: c.t("Approve what somebody else asked for: the activation, the recovery or the return home", "別の人が要請した復旧・切戻しの承認、または発動の確認を行う"),
		Long: c.t(`Approve what somebody else asked for: the activation, the recovery or the return home.
With --refuse REASON it is refused: nothing is moved, who asked is told why, and it is asked anew.`,
			`別の人が要請した復旧・切戻しを承認し、または発動を確認します。
--refuse 理由 で却下します。切り替えは行われず、要請者に理由が伝えられ、改めて承認が求められます。`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if refuses := cmd.Flags().Changed("refuse"); refuses && (glass || reason != "") {
				return mistake(fmt.Errorf("%s", c.t("--refuse goes neither with --break-glass nor with --reason", "--refuse は --break-glass や --reason と同時に指定できません")), c.t("Its own text is the reason: --refuse REASON", "理由は --refuse 理由 の形で指定してください"))
			}
			if glass && reason == "" {
				return c.needs("--reason")
			}
			if cmd.Flags().Changed("refuse") {
				return c.act(cmd.Context(), args, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
					a := workflows.Refuse{By: by, Reason: no, Asked: asked}
					if activation {
						a.For = workflows.ApproveActivation
					}
					return client.Refuse(ctx, id, a)
				})
			}
			return c.act(cmd.Context(), args, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				a := workflows.Approve{By: by, Reason: reason, BreakGlass: glass, Asked: asked}
				if activation {
					a.For = workflows.ApproveActivation
				}
				return client.Approve(ctx, id, a)
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("a remark; needed with --break-glass", "備考 (--break-glass では必須)"))
	cmd.Flags().BoolVar(&activation, "activation", false, c.t("confirm the activation (default: what waits, the recovery first)", "発動を確認する (既定は待機中のもの。復旧を優先)"))
	cmd.Flags().BoolVar(&glass, "break-glass", false, c.t("approve your own request: everybody is told, and it is reviewed after", "自分の要請を自ら承認する (全員に通知され、事後確認の対象になる)"))
	cmd.Flags().StringVar(&no, "refuse", "", c.t("refuse it, for this reason", "この理由で却下する"))
	cmd.Flags().Int64Var(&asked, "asked", 0, c.t("number of the question that is answered, as drill show has it; needed to approve what somebody refused", "回答する承認依頼の番号 (drill show に表示。却下されたものを承認する場合は必須)"))
	c.alsoRun(cmd, 0)
	return cmd
}

func (c *command) confirm() *cobra.Command {
	var id, note string
	var restrictions []string
	cmd := &cobra.Command{
		Use:   "confirm {communications|containment|completion|closing}",
		Short: c.t("Say that what people do in a phase is done", "人が行う段階の完了を報告する"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ph, err := oneOf(c, "confirm", args[0], run.Communications, run.Containment, run.Completion, run.Closing)
			if err != nil {
				return err
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				return client.Confirm(ctx, id, workflows.Confirm{Phase: ph, By: by, Note: note, Restrictions: restrictions})
			})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", c.t("what was done; in closing, what was hard", "実施した内容 (closingでは難しかった点)"))
	cmd.Flags().StringArrayVar(&restrictions, "restriction", nil, c.t("in completion: what still does not work, or has to be entered again; may be repeated", "completionで: 残っている制限や再入力が必要なデータ (複数指定可)"))
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) step() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "step",
		Short: c.t("Settle a step that waits: done, retry or skip", "待機中のステップを処理する"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, a := range []struct {
		act   run.Act
		short string
	}{
		{run.ActDone, c.t("It is done: a task of yours, or a machine's step that you saw to be done (give the reason)", "完了した (機械のステップは確認した根拠を理由に書く)")},
		{run.ActRetry, c.t("Try it again; where the outcome is unknown it looks first, and acts only if the step is proven not done", "再試行する (結果不明の場合は、まず状態を確認し直し、未完了と確認できたときだけ実行する)")},
		{run.ActSkip, c.t("Go on without it; what rests on it is then not proven", "省略して進む (それに依存する目標は未立証になる)")},
		{run.ActRefuse, c.t("Refuse what somebody asked to force; the step waits on", "他の人による強制操作の要請を却下する (ステップは引き続き待機)")},
	} {
		var reason, system string
		var glass bool
		sub := &cobra.Command{
			Use: string(a.act) + " [RUN] STEP", Short: a.short, Args: cobra.RangeArgs(1, 2),
			RunE: func(cmd *cobra.Command, args []string) error {
				if (a.act == run.ActSkip || a.act == run.ActRefuse) && reason == "" {
					return c.needs("--reason")
				}
				step := args[len(args)-1]
				return c.act(cmd.Context(), args[:len(args)-1], func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
					return client.Step(ctx, id, step, api.StepRequest{Act: a.act, By: by, Reason: reason, System: system, BreakGlass: glass})
				})
			},
		}
		sub.Flags().StringVar(&reason, "reason", "", c.t("why; it stands in the report", "理由 (報告書に記載される)"))
		if a.act != run.ActRetry && a.act != run.ActRefuse {
			sub.Flags().BoolVar(&glass, "break-glass", false, c.t("force it alone where a second person has to confirm it: everybody is told, and it is reviewed after", "別の人の確認が必要な強制操作を単独で行う (全員に通知され、事後確認の対象になる)"))
		}
		sub.Flags().StringVar(&system, "system", "", c.t("the system, when several have such a step", "対象システム (複数にある場合)"))
		c.alsoRun(sub, 1)
		cmd.AddCommand(sub)
	}
	return cmd
}
