package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/run"
)

func (c *command) proposal() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "proposal",
		Short: c.t("What alarms propose: list, start, dismiss", "警報による提案の一覧・開始・却下"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.proposalList(), c.proposalStart(), c.proposalDismiss())
	return cmd
}

func (c *command) proposalList() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: c.t("What waits for somebody", "対応待ちの提案を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			state := alarm.Open
			if all {
				state = ""
			}
			list, err := client.Proposals(cmd.Context(), state)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(list)
			}
			zone := c.zone(cmd.Context(), client)
			var rows [][]string
			for _, p := range list {
				rows = append(rows, []string{p.ID, c.proposalState(p), c.lang.Kind(p.Kind), p.Scenario, i18n.Moment(p.RaisedAt, zone), p.Source, c.proposalText(p)})
			}
			table(c.Out, []string{"ID", c.t("STATE", "状態"), c.t("KIND", "種別"), c.t("SCENARIO", "シナリオ"), c.t("RAISED", "発生"), c.t("SOURCE", "発信元"), c.t("WHAT", "内容")}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, c.t("those that are settled, too", "完了したものも含める"))
	return cmd
}

func (c *command) proposalState(p api.Proposal) string {
	switch p.State {
	case alarm.Open:
		if p.Due {
			return c.t("starting", "開始処理中")
		}
		return c.t("open", "対応待ち")
	case alarm.Started:
		return c.t("started: %s", "開始: %s", p.Run)
	case alarm.Dismissed:
		return c.t("dismissed by %s", "却下: %s", p.By)
	}
	return c.t("expired", "期限切れ")
}

func (c *command) proposalText(p api.Proposal) string {
	text := p.Summary.In(string(c.lang))
	if why := p.Trouble.In(string(c.lang)); why != "" {
		text += c.t(" -- %s", "（%s）", why)
	}
	return text
}

func (c *command) proposalStart() *cobra.Command {
	var reason, confirm string
	cmd := &cobra.Command{
		Use: "start ID", Short: c.t("Start what an alarm proposes; the real thing asks for its name", "提案された対応を開始する (本番は名前の入力で確認)"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, by, err := c.clientAs()
			if err != nil {
				return err
			}
			defer client.Close()
			p, err := c.oneProposal(cmd.Context(), client, args[0])
			if err != nil {
				return err
			}
			hash := ""
			if p.Kind == run.Response && p.State == alarm.Open && p.Scenario != "" {
				if err := c.mayConfirm(p.Scenario, confirm); err != nil {
					return err
				}
				if confirm == "" {
					a, err := c.whatWillHappen(cmd.Context(), p.Scenario)
					if err != nil {
						return c.unstarted(cmd.Context(), err, "")
					}
					hash = a.PlanHash
					if err := c.typed(cmd.Context(), p.Scenario); err != nil {
						return err
					}
				}
			}
			begun, err := client.StartProposal(cmd.Context(), p.ID, api.ProposalRequest{By: by, Reason: reason, PlanHash: hash})
			if err != nil {
				return c.unstarted(cmd.Context(), err, c.t("`muster drill list --open` shows it if it did. Starting the proposal once more starts nothing twice",
					"`muster drill list --open` で確認してください。提案の開始をもう一度操作しても、二重に開始されません"))
			}
			if c.json() {
				return c.printJSON(begun)
			}
			c.beside(p.Kind, begun)
			fmt.Fprintln(c.Out, begun.Run)
			c.say("watch it with `muster drill watch %s`", "`muster drill watch %s` で監視できます", begun.Run)
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why, beside what the alarm says", "理由 (警報の内容に加えて記録される)"))
	cmd.Flags().StringVar(&confirm, "confirm", "", c.t("the scenario's name, in place of typing it", "入力による確認の代わりに指定するシナリオ名"))
	return cmd
}

func (c *command) proposalDismiss() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "dismiss ID", Short: c.t("Close a proposal without starting anything", "何も開始せずに提案を却下する"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return c.needs("--reason")
			}
			client, by, err := c.clientAs()
			if err != nil {
				return err
			}
			defer client.Close()
			p, err := client.DismissProposal(cmd.Context(), args[0], api.ProposalRequest{By: by, Reason: reason})
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(p)
			}
			c.say("dismissed %s at %s", "%s を却下しました（%s）", p.ID, i18n.Clock(p.EndedAt, c.zone(cmd.Context(), client)))
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why; it is kept", "理由 (記録される)"))
	return cmd
}

// oneProposal finds a proposal by its ID; what is wrong with it the server says when it is acted on.
func (c *command) oneProposal(ctx context.Context, client *api.Client, id string) (api.Proposal, error) {
	list, err := client.Proposals(ctx, "")
	if err != nil {
		return api.Proposal{}, err
	}
	for _, p := range list {
		if p.ID == id {
			return p, nil
		}
	}
	return api.Proposal{ID: id}, nil
}
