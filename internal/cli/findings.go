package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/run"
)

func (c *command) findings() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "findings",
		Short: c.t("What runs found: list, assign, link, waive; closed by the run that passes", "実施で得た指摘事項の一覧・担当・起票・容認 (後の実施の合格で解消)"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.findingsList(), c.findingsShow(), c.findingsAdd(), c.findingsAssign(), c.findingsLink(), c.findingsWaive(), c.findingsConfirm())
	return cmd
}

func (c *command) findingsList() *cobra.Command {
	var f api.FindingsFilter
	var check bool
	cmd := &cobra.Command{
		Use: "list", Short: c.t("What is open", "未解消の指摘事項を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.Findings(cmd.Context(), f)
			if err != nil {
				return err
			}
			if c.json() {
				err = c.printJSON(list)
			} else {
				c.printFindings(list, c.zone(cmd.Context(), client))
			}
			if err != nil || !check {
				return err
			}
			code := exitMet
			for _, x := range list {
				switch {
				case x.Overdue:
					return shown(exitMissed)
				case x.State == finding.Open:
					code = exitNotProven
				}
			}
			if code != exitMet {
				return shown(code)
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.State, "state", "open", c.t("open, waived, closed or all", "open (未解消)、waived (容認)、closed (解消)、all (すべて)"))
	fl.StringVar(&f.System, "system", "", c.t("only of this system", "この情報システムのものだけ"))
	fl.StringVar(&f.Kind, "kind", "", c.t("only of this kind, as in budget or people", "この種類のものだけ (例 budget、people)"))
	fl.StringVar(&f.Owner, "owner", "", c.t("only of this owner; - is nobody's", "この担当者のものだけ。- は担当者なし"))
	fl.StringVar(&f.Run, "run", "", c.t("only what this run opened, saw or closed", "この実施で検出または解消したものだけ"))
	fl.BoolVar(&f.Overdue, "overdue", false, c.t("only those whose date has passed", "期限を過ぎたものだけ"))
	fl.BoolVar(&check, "check", false, c.t("end with code 3 when one is overdue, 4 when one is open", "期限超過があれば終了コード3、未解消があれば4で終わる"))
	return cmd
}

func (c *command) findingState(f api.Finding, zone *time.Location) string {
	switch {
	case f.State == finding.Closed:
		return c.t("closed %s", "解消 %s", f.ClosedAt.In(zone).Format(time.DateOnly))
	case f.State == finding.Waived:
		return c.t("waived until %s", "容認（%s まで）", f.Waiver.Until)
	case f.Overdue:
		return c.t("OVERDUE", "期限超過")
	case f.Reopened > 0:
		return c.t("came back", "再発")
	}
	return c.t("open", "未解消")
}

func (c *command) printFindings(list []api.Finding, zone *time.Location) {
	if len(list) == 0 {
		c.say("no findings", "該当する指摘事項はありません")
		return
	}
	var rows [][]string
	for _, f := range list {
		rows = append(rows, []string{f.ID, c.findingState(f, zone), c.lang.Finding(f.Kind), f.System, orDash(f.Owner), orDash(f.Due), f.OpenedAt.In(zone).Format(time.DateOnly), c.findingTitle(f)})
	}
	table(c.Out, []string{"ID", c.t("STATE", "状態"), c.t("KIND", "種類"), c.t("SYSTEM", "情報システム"), c.t("OWNER", "担当"), c.t("DUE", "期限"), c.t("OPENED", "検出"), c.t("WHAT", "内容")}, rows)
}

// remarkWords is how much of a remark a list shows.
const remarkWords = 40

// findingTitle is what a finding is about; of a remark also its first words.
func (c *command) findingTitle(f api.Finding) string {
	title, said := f.Title.In(string(c.lang)), strings.Join(strings.Fields(f.Detail.In(string(c.lang))), " ")
	if f.Kind != run.FindingRemark || said == "" {
		return title
	}
	if r := []rune(said); len(r) > remarkWords {
		said = string(r[:remarkWords]) + "…"
	}
	return title + c.t(": ", "：") + said
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (c *command) findingsShow() *cobra.Command {
	var of string
	cmd := &cobra.Command{
		Use: "show ID", Short: c.t("One finding and what became of it", "指摘事項の詳細と経緯を表示する"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			show := client.Finding
			if of != "" {
				show = func(ctx context.Context, id string) (api.Finding, error) { return client.FindingOf(ctx, of, id) }
			}
			f, err := show(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return c.printFinding(f, c.zone(cmd.Context(), client))
		},
	}
	cmd.Flags().StringVar(&of, "run", "", c.t("ID is a number within the report of this run, as F-001", "IDをこの実施の報告書の中の番号（F-001 など）とみなす"))
	return cmd
}

func (c *command) printFinding(f api.Finding, zone *time.Location) error {
	if c.json() {
		return c.printJSON(f)
	}
	l := string(c.lang)
	fmt.Fprintf(c.Out, "%s  %s\n", f.ID, f.Title.In(l))
	if d := f.Detail.In(l); d != "" {
		fmt.Fprintf(c.Out, "  %s\n", d)
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(c.Out, "  %s: %s\n", name, value)
		}
	}
	line(c.t("state", "状態"), c.findingState(f, zone))
	line(c.t("kind", "種類"), c.lang.Finding(f.Kind))
	line(c.t("owner", "担当"), orDash(f.Owner))
	line(c.t("due", "期限"), orDash(f.Due))
	line(c.t("issue", "課題"), f.Link)
	line(c.t("make an issue of it", "課題を起票する"), f.CreateIssue)
	line(c.t("place", "箇所"), f.Place)
	switch {
	case f.State == finding.Closed:
	case f.Glass() != "":
		line(c.t("closed by", "解消の条件"), c.t("somebody who had no part in the run, who reviews it (muster findings confirm)", "対応に関与していない人による事後確認（muster findings confirm）"))
	case f.Judged && f.Needs != "":
		line(c.t("closed by", "解消の条件"), c.t("a run at depth %s or deeper that passes this place", "深さ「%s」以上の実施でこの箇所が合格すること", c.lang.Depth(f.Needs)))
	case f.Judged:
		line(c.t("closed by", "解消の条件"), c.t("a run that passes this place", "この箇所が合格する実施"))
	default:
		line(c.t("closed by", "解消の条件"), c.t("a person who names the later run that shows it in order (muster findings confirm)", "後の実施で問題がなかったことを確認する（muster findings confirm）"))
	}
	if in := f.Scenarios(); f.State != finding.Closed && len(in) > 0 {
		line(c.t("to be met in", "達成すべきシナリオ"), strings.Join(in, ", "))
	}
	var rows [][]string
	for _, h := range f.History {
		rows = append(rows, []string{"  " + i18n.Moment(h.At, zone), c.findingWhat(h.What), orDash(h.Run), orDash(h.By), strings.TrimSpace(h.Detail + " " + h.Reason)})
	}
	table(c.Out, nil, rows)
	return nil
}

func (c *command) findingWhat(w finding.What) string {
	switch w {
	case finding.WasOpened:
		return c.t("opened", "検出")
	case finding.WasReopened:
		return c.t("came back", "再発")
	case finding.WasClosed:
		return c.t("closed", "解消")
	case finding.WasAssigned:
		return c.t("assigned", "担当・期限")
	case finding.WasLinked:
		return c.t("linked", "課題と関連付け")
	case finding.WasWaived:
		return c.t("waived", "容認")
	case finding.WasConfirmed:
		return c.t("confirmed", "確認により解消")
	case finding.WasReviewed:
		return c.t("reviewed", "事後確認済み")
	case finding.WasGone:
		return c.t("in no plan any more", "計画から廃止")
	}
	return string(w)
}

// onFinding does something about a finding and shows it as it is then.
func (c *command) onFinding(ctx context.Context, do func(client *api.Client, by string) (api.Finding, error)) error {
	client, by, err := c.clientAs()
	if err != nil {
		return err
	}
	defer client.Close()
	f, err := do(client, by)
	if err != nil {
		return err
	}
	return c.printFinding(f, c.zone(ctx, client))
}

func (c *command) findingsAdd() *cobra.Command {
	var in api.FindingRequest
	var depth string
	cmd := &cobra.Command{
		Use: "add TITLE", Short: c.t("Add a finding of your own", "指摘事項を追加する"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Title, in.Depth = args[0], run.Depth(depth)
			return c.onFinding(cmd.Context(), func(client *api.Client, by string) (api.Finding, error) {
				in.By = by
				return client.AddFinding(cmd.Context(), in)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.System, "system", "", c.t("the system that it is about", "対象の情報システム"))
	f.StringVar(&in.Step, "step", "", c.t("the step, as RUNBOOK/STEP: a later run that passes it closes the finding", "対象のステップ (RUNBOOK/STEP)。後の実施で合格すれば解消される"))
	f.StringVar(&depth, "depth", "", c.t("how deep that run has to go (default live)", "解消に必要な実施の深さ (既定はlive)"))
	f.StringVar(&in.Reason, "detail", "", c.t("more about it", "詳細"))
	f.StringVar(&in.Owner, "owner", "", c.t("who sees to it", "担当者"))
	f.StringVar(&in.Due, "due", "", c.t("date by which it should be closed, as 2027-03-31", "期限 (例 2027-03-31)"))
	f.StringVar(&in.Link, "link", "", c.t("address of the issue in a tracker", "課題のURL"))
	return cmd
}

func (c *command) findingsAssign() *cobra.Command {
	var in api.FindingRequest
	cmd := &cobra.Command{
		Use: "assign ID", Short: c.t("Say who sees to it, and by when", "担当者と期限を決める"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onFinding(cmd.Context(), func(client *api.Client, by string) (api.Finding, error) {
				in.By = by
				return client.OnFinding(cmd.Context(), args[0], "assign", in)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Owner, "owner", "", c.t("an ID of the estate", "担当者 (構成台帳のID)"))
	f.StringVar(&in.Due, "due", "", c.t("a date, as 2027-03-31", "期限 (例 2027-03-31)"))
	f.StringVar(&in.Reason, "reason", "", c.t("why; it is kept", "理由 (記録される)"))
	return cmd
}

func (c *command) findingsLink() *cobra.Command {
	var in api.FindingRequest
	return &cobra.Command{
		Use: "link ID URL", Short: c.t("Link it to an issue in your tracker", "課題管理システムの課題と関連付ける"), Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onFinding(cmd.Context(), func(client *api.Client, by string) (api.Finding, error) {
				in.By, in.Link = by, args[1]
				return client.OnFinding(cmd.Context(), args[0], "link", in)
			})
		},
	}
}

func (c *command) findingsWaive() *cobra.Command {
	var in api.FindingRequest
	cmd := &cobra.Command{
		Use: "waive ID", Short: c.t("Let it be as it is until a day, in your name", "期限を決めて容認する (氏名と理由を記録)"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(in.Reason) == "" {
				return c.needs("--reason")
			}
			if in.Until == "" {
				return c.needs("--until")
			}
			return c.onFinding(cmd.Context(), func(client *api.Client, by string) (api.Finding, error) {
				in.By = by
				return client.OnFinding(cmd.Context(), args[0], "waive", in)
			})
		},
	}
	cmd.Flags().StringVar(&in.Reason, "reason", "", c.t("why; it is kept", "理由 (記録される)"))
	cmd.Flags().StringVar(&in.Until, "until", "", c.t("the last day, as 2027-03-31; 400 days ahead at most", "容認の最終日 (例 2027-03-31、最長400日先)"))
	return cmd
}

func (c *command) findingsConfirm() *cobra.Command {
	var in api.FindingRequest
	cmd := &cobra.Command{
		Use: "confirm ID", Short: c.t("Close one that no figure can judge, by the run that shows it in order, a use of break-glass that was reviewed, or one that no plan holds any more", "数値で判定できないものを実施を示して、緊急権限の行使を事後確認して、または計画から廃止された箇所のものを終了する"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(in.Reason) == "" {
				return c.needs("--reason")
			}
			return c.onFinding(cmd.Context(), func(client *api.Client, by string) (api.Finding, error) {
				in.By = by
				return client.OnFinding(cmd.Context(), args[0], "confirm", in)
			})
		},
	}
	cmd.Flags().StringVar(&in.Run, "run", "", c.t("the later run; none is needed to review break-glass", "後の実施のID (緊急権限の事後確認では不要)"))
	cmd.Flags().BoolVar(&in.Gone, "gone", false, c.t("in place of a run: no plan holds its place any more", "実施の代わりに、計画から廃止された箇所として終了する"))
	cmd.Flags().StringVar(&in.Reason, "reason", "", c.t("what it showed; it is kept", "確認できたこと (記録される)"))
	return cmd
}
