package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) ack() *cobra.Command {
	var id, person string
	cmd := &cobra.Command{
		Use:   "ack [MESSAGE]",
		Short: c.t("Acknowledge a message that asks for it; without MESSAGE, list them and who has", "確認を求める連絡を確認済みにする (指定なしで確認状況を表示)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.listed(cmd.Context(), id, func(o progress.Overview) any { return append([]progress.Ack{}, o.Acks...) }, c.ackTable)
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				return client.Ack(ctx, id, workflows.Ack{Message: args[0], By: by, Person: person})
			})
		},
	}
	cmd.Flags().StringVar(&person, "person", "", c.t("who has read it (default: you)", "確認した本人 (既定は自分)"))
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) ackTable(o progress.Overview) {
	var rows [][]string
	for _, a := range o.Acks {
		at, open := a.At, strings.Join(a.Open(), ", ")
		words := []rune(strings.Join(strings.Fields(plan.Apart(a.Text).In(string(c.lang))), " "))
		if len(words) > 60 {
			words = append(words[:59], '…')
		}
		rows = append(rows, []string{a.Of, c.clock(&at), fmt.Sprintf("%d/%d", len(a.Acknowledged), len(a.To)), open, string(words)})
	}
	table(c.Out, []string{c.t("MESSAGE", "連絡"), c.t("SENT", "送信"), c.t("READ", "確認"), c.t("NOT YET", "未確認"), c.t("WORDS", "内容")}, rows)
}
