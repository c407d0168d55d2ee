package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
)

// reportPages are the reports over many runs.
func (c *command) reportPages() []*cobra.Command {
	var list []*cobra.Command
	add := func(use, short, long string, args cobra.PositionalArgs, flags func(cmd *cobra.Command, of *api.ReportOf)) {
		var of api.ReportOf
		var format, out string
		page, _, _ := strings.Cut(use, " ")
		cmd := &cobra.Command{Use: use, Short: short, Long: long, Args: args, RunE: func(cmd *cobra.Command, args []string) error {
			if c.json() && !cmd.Flags().Changed("format") {
				format = "json"
			}
			if _, err := oneOf(c, "--format", format, pageFormats...); err != nil {
				return err
			}
			if page == "compare" {
				of.Before, of.After = args[0], args[1]
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			b, err := client.Overview(cmd.Context(), page, of, format, string(c.lang))
			if err != nil {
				return err
			}
			return c.deliver(b, format, out)
		}}
		cmd.Flags().StringVar(&format, "format", "text", c.formats(pageFormats))
		cmd.Flags().StringVar(&out, "out", "", c.t("write to this file", "このファイルに書き出す"))
		if flags != nil {
			flags(cmd, &of)
		}
		list = append(list, cmd)
	}
	fiscal := func(cmd *cobra.Command, of *api.ReportOf) {
		cmd.Flags().IntVar(&of.Fiscal, "fiscal", 0, c.t("fiscal year, by the calendar year in which it begins; this one when left out", "年度（開始した年の西暦）。省略すると今年度"))
	}
	add("trend", c.t("How runs of a system or a scenario went over the quarters", "情報システム・シナリオの実績の推移を表示する"),
		c.t("RTO, decision and participation by run and quarter, and the times of each step (p50, p95).\nBlind and announced drills stand apart.", "実施・四半期ごとのRTO・決定・参加率と、ステップの所要時間（p50・p95）を表示します。\n非提示型訓練は分けて集計します。"), cobra.NoArgs, func(cmd *cobra.Command, of *api.ReportOf) {
			cmd.Flags().StringVar(&of.System, "system", "", c.t("only this system", "この情報システムだけ"))
			cmd.Flags().StringVar(&of.Scenario, "scenario", "", c.t("only runs of this scenario", "このシナリオの実施だけ"))
		})
	add("compare RUN RUN", c.t("One run beside another: objectives, times, people, findings", "二つの実施を比較する（目標・時間・要員・指摘事項）"), "", cobra.ExactArgs(2), nil)
	add("year", c.t("The yearly report: planned and held, proven and overdue, findings, attainment", "年次報告を作成する（計画と実施・立証状況・指摘事項・達成状況）"), "", cobra.NoArgs, fiscal)
	add("review", c.t("The yearly review's 14 questions, with what the record already answers", "計画の定期見直し14項目を、記録から分かる回答とともに表示する"), "", cobra.NoArgs, fiscal)
	add("gaps", c.t("Levels of measures now and as they should be, and the measures planned", "現状対策レベルと目標対策レベルの差、事前対策計画を表示する"), "", cobra.NoArgs, nil)
	return list
}

// reportWrite is what people add to a report.
func (c *command) reportWrite() *cobra.Command {
	var in api.WriteRequest
	cmd := &cobra.Command{
		Use:   "write RUN|year-2026 TEXT",
		Short: c.t("Write an item of a report or of the yearly review, or close the report", "報告書・定期見直しの項目を記入する、報告書を確定する"),
		Long: c.t(`Items of a run's report: 1.1 nature, 1.2 cause, 2.1 those with roles, 2.2 staff in general, 3.2 effectiveness,
4.1 causes of gaps, 4.2 other points; correction adds a note later, close makes the report final once all are
written. Of a yearly review (year-2026): REV-01 to REV-14. "Nothing to say" is an entry.`,
			`報告書の項目: 1.1 事象の性質、1.2 原因、2.1 役割を持つ者の対応、2.2 職員一般の対応、3.2 対応の有効性、
4.1 目標との差の原因、4.2 その他。correction は後日の注記、close は全項目の記入後の確定です。
定期見直し（year-2026）の項目は REV-01〜REV-14 です。「特になし」も記入とみなします。`),
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			in.About, in.Text = args[0], args[1]
			if in.Item == "" {
				return c.needs("--item")
			}
			if in.By, err = c.person(); err != nil {
				return err
			}
			w, err := client.Write(cmd.Context(), in)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(w)
			}
			if strings.HasPrefix(in.About, "year-") || len(w.Open) == 0 {
				fmt.Fprintln(c.Out, c.t("written", "記入しました"))
				return nil
			}
			fmt.Fprintln(c.Out, c.t("written; still empty: %s", "記入しました。未記入: %s", strings.Join(w.Open, ", ")))
			return nil
		},
	}
	cmd.Flags().StringVar(&in.Item, "item", "", c.t("the item", "項目"))
	return cmd
}

// pageFormats are the ways to set a report over many runs.
var pageFormats = []string{"text", "json", "markdown", "html", "csv", "pdf"}
