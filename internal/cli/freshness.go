package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/proof"
)

func (c *command) freshness() *cobra.Command {
	var due bool
	cmd := &cobra.Command{
		Use:   "freshness [SYSTEM]",
		Short: c.t("How long ago each system was proven, and what is due again", "情報システムごとに、目標を最後に立証した時期と再立証の要否を表示する"),
		Long: c.t(`Shows for every system when a run last proved its RTO, RPO, RLO, restore and failback. A proof
is overdue when it is older than fresh_for in the files (100d unless said), and counts no more when the
plan, the servers, the roster, the scenario or the backup's settings have changed since, or when a
newer run missed it. Where people or steps were simulated, that is said.
Exit code 3 when a proof is overdue or was missed since, 4 when something else has to be proven.`,
			`情報システムごとに、RTO・RPO・RLO・復元・切戻しを最後に立証した実施を表示します。
ファイルの fresh_for（既定100d）より古い立証は期限超過です。立証後に計画・操作対象・体制・シナリオ・バックアップの設定が
変更された場合や、その後の実施で未達となった場合も、再立証が必要です。要員やステップが模擬だった場合はその旨を示します。
期限超過または未達があれば終了コード3、それ以外に立証が必要なものがあれば4で終わります。`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			f, err := client.Freshness(cmd.Context(), first(args, ""), due)
			if err != nil {
				return err
			}
			if c.json() {
				if err := c.printJSON(f); err != nil {
					return err
				}
			} else {
				c.printFreshness(f.Systems, c.zone(cmd.Context(), client))
			}
			switch {
			case f.Expired > 0 || f.Missed > 0:
				return shown(exitMissed)
			case f.Needed > 0:
				return shown(exitNotProven)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&due, "due", false, c.t("only what has to be proven", "立証が必要なものだけ"))
	return cmd
}

func (c *command) printFreshness(systems []proof.System, zone *time.Location) {
	var rows [][]string
	for _, s := range systems {
		for _, p := range s.Properties {
			if p.State == proof.NotSet {
				continue
			}
			at, by := "-", "-"
			if p.At != nil {
				at, by = p.At.In(zone).Format(time.DateOnly), p.Run
			}
			rows = append(rows, []string{s.System, orDash(s.Priority), c.property(p.Property), c.freshnessState(p), at, by})
		}
	}
	if len(rows) == 0 {
		c.say("nothing to show: no objective is set, or nothing is due", "表示するものがありません（目標が未設定か、立証が必要なものがありません）")
		return
	}
	table(c.Out, []string{c.t("SYSTEM", "情報システム"), c.t("PRIORITY", "優先度"), c.t("WHAT", "項目"), c.t("PROOF", "立証"), c.t("PROVEN", "立証日"), c.t("RUN", "実施")}, rows)
}

func (c *command) property(p outcome.Property) string {
	switch p {
	case outcome.RTO:
		return "RTO"
	case outcome.RPO:
		return "RPO"
	case outcome.RLO:
		return "RLO"
	case outcome.Restore:
		return c.t("restore", "復元")
	case outcome.Failback:
		return c.t("failback", "切戻し")
	}
	return string(p)
}

func (c *command) freshnessState(p proof.Property) string {
	if p.Days == nil && p.State == proof.Missed {
		return c.t("never proven; MISSED in run %s", "未立証（実施 %s で未達）", p.MissedIn)
	}
	if p.Days == nil {
		return c.t("never proven", "未立証")
	}
	when := c.t("%d days ago", "%d日前", *p.Days)
	if *p.Days == 0 {
		when = c.t("today", "24時間以内")
	}
	if len(p.Simulated) > 0 {
		when = c.t("%s (%s)", "%s（%s）", when, proof.SimulatedText(p.Simulated).In(string(c.lang)))
	}
	switch p.State {
	case proof.Missed:
		return c.t("%s: MISSED since, in run %s", "%s：その後の実施 %s で未達", when, p.MissedIn)
	case proof.Expired:
		return c.t("%s: OVERDUE", "%s：期限超過", when)
	case proof.Changed:
		return c.t("%s; since changed: %s", "%s（その後の変更：%s）", when, proof.ChangesText(p.Changed).In(string(c.lang)))
	case proof.Fresh, proof.Never, proof.NotSet:
	}
	return when
}
