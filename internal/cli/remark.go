package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) remark() *cobra.Command {
	var id, at string
	var in workflows.Remark
	cmd := &cobra.Command{
		Use:   "remark [TEXT]",
		Short: c.t("Say what was hard, or with --nothing that nothing was; without TEXT, list who has", "難しかった点を記入する。特になければ --nothing (指定なしで記入状況を表示)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if len(args) == 0 && !in.Nothing {
				return c.listed(cmd.Context(), id, func(o progress.Overview) any { return o.Records }, c.recordTable)
			}
			in.Text = first(args, "")
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				in.By = by
				return client.Remark(ctx, id, in)
			})
		},
	}
	cmd.Flags().BoolVar(&in.Nothing, "nothing", false, c.t("nothing was hard", "特になし"))
	cmd.Flags().StringVar(&in.About, "about", "", c.t("a phase or a step", "対象の段階またはステップ"))
	cmd.Flags().StringVar(&in.Person, "person", "", c.t("whose remark it is (default: yours)", "所見の本人 (既定は自分)"))
	cmd.Flags().BoolVar(&in.Final, "final", false, c.t("there is nothing more to add, also before the closing", "これで記入完了とする (記録物の整理より前でも)"))
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) recordTable(o progress.Overview) {
	var rows [][]string
	for _, r := range o.Records {
		state := c.t("waited for", "未提出")
		switch {
		case r.Signed:
			state = c.t("signed off", "提出済み")
		case !r.Asked:
			state = ""
		}
		var words []string
		for _, m := range r.Remarks {
			text := m.Text
			if text == "" {
				text = c.t("nothing was hard", "特になし")
			}
			if m.About != "" {
				text = m.About + ": " + text
			}
			words = append(words, text)
		}
		rows = append(rows, []string{r.Person, state, strings.Join(words, "; ")})
	}
	table(c.Out, []string{c.t("PERSON", "氏名"), c.t("RECORD", "記録"), c.t("REMARKS", "所見")}, rows)
}

func (c *command) notice() *cobra.Command {
	var id, at string
	var in workflows.Notice
	cmd := &cobra.Command{
		Use:   "notice WHO TEXT",
		Short: c.t("Enter what you told departments or users, or with --received an instruction that came in", "各部署・利用者への通知、または受けた指示 (--received) を記録する"),
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			in.Who, in.Text = args[0], args[1]
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				in.By = by
				return client.Notice(ctx, id, in)
			})
		},
	}
	cmd.Flags().BoolVar(&in.Received, "received", false, c.t("it came in", "受けた指示である"))
	cmd.Flags().StringVar(&in.Channel, "channel", "", c.t("by which means", "手段"))
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) situation() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "situation",
		Short: c.t("The situation reports as they were sent", "状況報告の一覧"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.listed(cmd.Context(), id, func(o progress.Overview) any { return o.Situations }, func(o progress.Overview) {
				for _, s := range o.Situations {
					at := s.At
					fmt.Fprintf(c.Out, "%s  %s\n", c.clock(&at), c.t("%[1]s", "%[2]s", s.EN, s.JA))
				}
				if len(o.Situations) == 0 {
					fmt.Fprintln(c.Out, c.t("none was sent", "送付された状況報告はありません"))
				}
			})
		},
	}
	send := &cobra.Command{
		Use:   "send",
		Short: c.t("Send a situation report now", "状況報告を今すぐ送る"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				return client.Situation(ctx, id, workflows.Control{By: by})
			})
		},
	}
	c.runFlag(cmd, &id)
	c.runFlag(send, &id)
	cmd.AddCommand(send)
	return cmd
}
