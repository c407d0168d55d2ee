package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/watch"
	"github.com/muster-dr/muster/workflows"
)

// policyFlags are what is decided with a choice.
func (c *command) policyFlags(cmd *cobra.Command, p *run.Policy, rejected *[]string) {
	cmd.Flags().StringVar(&p.Place, "place", "", c.t("site at which it is recovered", "復旧場所 (拠点)"))
	cmd.Flags().IntVar(&p.Level, "level", 0, c.t("level aimed at, in percent", "復旧レベル (%)"))
	cmd.Flags().StringVar(&p.Method, "method", "", c.t("how, in words", "復旧方式"))
	cmd.Flags().IntVar(&p.Order, "order", 0, c.t("1 is recovered first", "復旧の順序 (1 が最初)"))
	cmd.Flags().StringArrayVar(&p.Requests, "request", nil, c.t("a request to the report recipient or a department; may be repeated", "報告先・各部署への要請事項 (複数指定可)"))
	cmd.Flags().StringArrayVar(rejected, "rejected", nil, c.t("an alternative that was not taken, as in_place=WHY", "採らなかった案と理由。例 in_place=理由"))
}

func (c *command) rejections(p *run.Policy, words []string) error {
	for _, w := range words {
		name, why, _ := strings.Cut(w, "=")
		choice, err := oneOf(c, "--rejected", name, run.Alternate, run.InPlace, run.StandDown, run.NotPossible)
		if err != nil {
			return err
		}
		p.Rejected = append(p.Rejected, run.Rejected{Choice: choice, Reason: why})
	}
	return nil
}

func (c *command) decide() *cobra.Command {
	var id, at string
	var in workflows.Decide
	var rejected []string
	cmd := &cobra.Command{
		Use:   "decide [alternate|in_place|stand_down|not_resumable|return|stay]",
		Short: c.t("Take the decision that is asked for: where to recover, or whether to go home; without a choice, show what is asked", "復旧方針 (または切戻しの可否) を決定する (指定なしで判断待ちを表示)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 0 {
				return c.listed(cmd.Context(), id, asksOf, c.askTable)
			}
			if in.Choice, err = oneOf(c, "decide", args[0], run.Alternate, run.InPlace, run.StandDown, run.NotPossible, run.GoHome, run.Stay); err != nil {
				return err
			}
			if in.Reason == "" {
				return c.needs("--reason")
			}
			if err = c.rejections(&in.Policy, rejected); err != nil {
				return err
			}
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				in.By = by
				return client.Decide(ctx, id, in)
			})
		},
	}
	cmd.Flags().StringVar(&in.System, "system", "", c.t("the system (default: all that wait)", "対象システム (既定は判断待ちのすべて)"))
	cmd.Flags().StringVar(&in.Reason, "reason", "", c.t("why; it stands in the report", "理由 (報告書に記載される)"))
	cmd.Flags().StringVar((*string)(&in.Instead), "instead", "", c.t("the choice of somebody else that this one revises", "改める対象となる、他の人の決定"))
	c.policyFlags(cmd, &in.Policy, &rejected)
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

// asksOf are the decisions that are waited for.
func asksOf(o progress.Overview) any {
	out := []progress.Waiting{}
	for _, w := range o.Waiting {
		if w.For == progress.AwaitDecision || w.For == progress.AwaitReview {
			out = append(out, w)
		}
	}
	return out
}

// askTable shows the aid and the drafts of the decisions that are waited for.
func (c *command) askTable(o progress.Overview) {
	var rows [][]string
	for _, w := range asksOf(o).([]progress.Waiting) {
		drafted := ""
		for _, d := range o.Drafts {
			if d.System == w.System {
				drafted = c.lang.Choice(d.Choice) + " (" + d.By + ")"
			}
		}
		_, what, how := watch.Ask(c.lang, plan.Plan{}, o.Run, w)
		proposed := ""
		if w.Aid != nil {
			proposed = c.lang.Choice(w.Aid.Proposed) + ": " + plan.Apart(w.Aid.Ground).In(string(c.lang))
		}
		row := []string{w.System, strings.Join(w.People, ", "), drafted, proposed, what}
		for _, command := range how.Lines() { // one for each choice
			rows = append(rows, append(row, command))
			row = make([]string, len(row))
		}
	}
	if len(rows) == 0 {
		fmt.Fprintln(c.Out, c.t("no decision is waited for", "判断待ちのものはありません"))
		return
	}
	table(c.Out, []string{c.t("SYSTEM", "システム"), c.t("WHO", "決定者"), c.t("DRAFT", "案"), c.t("PROPOSED", "提案"), c.t("WHAT", "内容"), c.t("HOW", "操作")}, rows)
}

func (c *command) draft() *cobra.Command {
	var id, at string
	var in workflows.Draft
	var rejected []string
	cmd := &cobra.Command{
		Use:   "draft SYSTEM {alternate|in_place|stand_down|not_resumable}",
		Short: c.t("Propose the recovery decision for a system", "システムの復旧方針の案を作成する"),
		Args:  cobra.RangeArgs(0, 2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 0 {
				return c.listed(cmd.Context(), id, func(o progress.Overview) any { return o.Drafts }, c.draftTable)
			}
			word := ""
			if len(args) == 2 {
				word = args[1]
			}
			if in.Choice, err = oneOf(c, "draft", word, run.Alternate, run.InPlace, run.StandDown, run.NotPossible); err != nil {
				return err
			}
			if in.Reason == "" {
				return c.needs("--reason")
			}
			in.System = args[0]
			if err = c.rejections(&in.Policy, rejected); err != nil {
				return err
			}
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.actOn(cmd.Context(), id, func(ctx context.Context, client *api.Client, id, by string, p plan.Plan) (workflows.Done, error) {
				in.By = by
				if err := c.knownPart(p, in.System, ""); err != nil {
					return workflows.Done{}, err
				}
				return client.Draft(ctx, id, in)
			})
		},
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", c.t("why; it stands in the report", "理由 (報告書に記載される)"))
	c.policyFlags(cmd, &in.Policy, &rejected)
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) draftTable(o progress.Overview) {
	var rows [][]string
	for _, s := range o.Systems {
		row := []string{s.Name, c.t("no draft", "案なし"), "", "", ""}
		for _, d := range o.Drafts {
			if d.System == s.Name {
				level := ""
				if d.Level > 0 {
					level = fmt.Sprintf("%d %%", d.Level)
				}
				row = []string{s.Name, string(d.Choice), d.By, level, d.Reason}
			}
		}
		rows = append(rows, row)
	}
	table(c.Out, []string{c.t("SYSTEM", "システム"), c.t("CHOICE", "方針"), c.t("BY", "作成者"), c.t("LEVEL", "復旧レベル"), c.t("REASON", "理由")}, rows)
}

func (c *command) consult() *cobra.Command {
	var id, at string
	var in workflows.Consult
	cmd := &cobra.Command{
		Use:   "consult [WHOM]",
		Short: c.t("Say whom you consult before the decision; with --ended, that it is over", "決定前の協議を記録する (--ended で終了を記録)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 0 && !in.NoHeadquarters {
				return c.listed(cmd.Context(), id, func(o progress.Overview) any { return o.Consultations }, func(o progress.Overview) {
					var rows [][]string
					for _, x := range o.Consultations {
						with := x.With
						if x.NoHeadquarters {
							with = c.t("no headquarters", "対策本部なし")
						}
						rows = append(rows, []string{with, x.By, c.clock(x.BegunAt), c.clock(x.EndedAt), x.Note})
					}
					table(c.Out, []string{c.t("WITH", "協議先"), c.t("BY", "協議者"), c.t("BEGUN", "開始"), c.t("ENDED", "終了"), c.t("OUTCOME", "結果")}, rows)
				})
			}
			in.With = first(args, "")
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				in.By = by
				return client.Consult(ctx, id, in)
			})
		},
	}
	cmd.Flags().BoolVar(&in.Ended, "ended", false, c.t("it is over", "協議を終了した"))
	cmd.Flags().BoolVar(&in.NoHeadquarters, "no-headquarters", false, c.t("there is nobody to consult", "協議すべき対策本部がない"))
	cmd.Flags().StringVar(&in.Note, "note", "", c.t("what came of it", "協議の結果"))
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}
