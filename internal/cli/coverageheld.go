package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
)

func (c *command) coverageHeld() *cobra.Command {
	var in api.HeldRequest
	cmd := &cobra.Command{
		Use: "held ROW", Short: c.t("Record that people held a row of the plan without a run", "実施（run）によらず行った訓練・教育を記録する"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(in.Reason) == "" {
				return c.needs("--reason")
			}
			client, by, err := c.clientAs()
			if err != nil {
				return err
			}
			defer client.Close()
			in.By = by
			r, err := client.RowHeld(cmd.Context(), args[0], in)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(r)
			}
			c.say("recorded: %s was held on %s (%s)", "記録しました：%s（%s 実施、記録 %s）", args[0], r.Run.On, r.ID)
			return nil
		},
	}
	cmd.Flags().StringVar(&in.On, "on", "", c.t("day, as in 2026-04-15 (default: today)", "実施日。例: 2026-04-15 (既定は今日)"))
	cmd.Flags().StringVar(&in.For, "for", "", c.t("person whom it was for, where the row is due when somebody comes", "対象者 (配属時の教育など)"))
	cmd.Flags().StringVar(&in.Reason, "reason", "", c.t("what was done, and what came of it", "実施内容と結果"))
	return cmd
}

func (c *command) coverageWithdraw() *cobra.Command {
	var in api.HeldRequest
	cmd := &cobra.Command{
		Use: "withdraw ROW", Short: c.t("Take back that people held a row of the plan without a run", "実施（run）によらない訓練・教育の記録を取り消す"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(in.Reason) == "" {
				return c.needs("--reason")
			}
			client, by, err := c.clientAs()
			if err != nil {
				return err
			}
			defer client.Close()
			in.By = by
			r, err := client.WithdrawHeld(cmd.Context(), args[0], in)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(r)
			}
			c.say("taken back: that %s was held on %s; the record keeps both", "取り消しました：%s（%s 実施）。元の記録と取り消しの両方が残ります", args[0], r.Run.On)
			return nil
		},
	}
	cmd.Flags().StringVar(&in.On, "on", "", c.t("day on which it was said to be held, as in 2026-04-15 (default: today)", "記録された実施日。例: 2026-04-15 (既定は今日)"))
	cmd.Flags().StringVar(&in.For, "for", "", c.t("person whom it was for, where the row is due when somebody comes", "対象者 (配属時の教育など)"))
	cmd.Flags().StringVar(&in.Reason, "reason", "", c.t("why it is taken back", "取り消しの理由"))
	return cmd
}
