package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) order() *cobra.Command {
	var id, what, purpose, system, site, at string
	cmd := &cobra.Command{
		Use:   "order [TO]",
		Short: c.t("Ask a party, a person or a role to do something; without TO, list the orders", "委託先・要員・役割に作業を指示・依頼する (指定なしで一覧を表示)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.listed(cmd.Context(), id, func(o progress.Overview) any { return o.Orders }, c.orderTable)
			}
			if what == "" {
				return c.needs("--what")
			}
			in := workflows.Order{To: args[0], What: what, System: system, Site: site}
			var err error
			if purpose != "" {
				if in.Purpose, err = oneOf(c, "--for", purpose, run.ForContractor, run.ForContainment, run.ForRecovery, run.ForStandby); err != nil {
					return err
				}
			}
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.actOn(cmd.Context(), id, func(ctx context.Context, client *api.Client, id, by string, p plan.Plan) (workflows.Done, error) {
				in.By = by
				var names []string
				for _, x := range p.Estate.Parties {
					names = append(names, x.Name)
				}
				for _, x := range p.Estate.People {
					names = append(names, x.ID)
					names = append(names, x.Roles...)
				}
				if err := c.known(c.t("party, person or role", "連絡先・要員・役割"), in.To, unique(names)); err != nil {
					return workflows.Done{}, err
				}
				return client.Order(ctx, id, in)
			})
		},
	}
	cmd.Flags().StringVar(&what, "what", "", c.t("what is to be done", "指示・依頼の内容"))
	cmd.Flags().StringVar(&purpose, "for", "", "contractor, containment, recovery, standby")
	cmd.Flags().StringVar(&system, "system", "", c.t("the system it is about", "対象システム"))
	cmd.Flags().StringVar(&site, "site", "", c.t("the site it is about", "対象拠点"))
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) orderTable(o progress.Overview) {
	var rows [][]string
	for _, x := range o.Orders {
		asked := x.AskedAt
		rows = append(rows, []string{x.ID, x.Party + x.Person + x.Role, c.lang.Progress(x.State), c.clock(&asked), c.clock(x.AcceptedAt), c.clock(x.ArrivedAt), c.clock(x.EndedAt), x.What})
	}
	table(c.Out, []string{c.t("ORDER", "番号"), c.t("TO", "相手"), c.t("STATE", "状態"), c.t("ASKED", "依頼"), c.t("ACCEPTED", "受諾"), c.t("ARRIVED", "到着"), c.t("ENDED", "終了"), c.t("WHAT", "内容")}, rows)
}

func (c *command) followUp() *cobra.Command {
	var id, person, note, at string
	cmd := &cobra.Command{
		Use:   "follow-up ORDER {accepted|declined|arrived|done|withdrawn}",
		Short: c.t("Say how far an order has come: accepted, arrived, done ...", "指示・依頼の進み具合 (受諾・到着・完了など) を記録する"),
		Args:  cobra.RangeArgs(0, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			switch len(args) {
			case 0:
				return c.listed(cmd.Context(), id, func(o progress.Overview) any { return o.Orders }, c.orderTable)
			case 1:
				args = append(args, "")
			}
			state, err := oneOf(c, args[0], args[1], run.OrderAccepted, run.OrderDeclined, run.OrderArrived, run.OrderDone, run.OrderWithdrawn)
			if err != nil {
				return err
			}
			in := workflows.FollowUp{Order: args[0], State: state, Person: person, Note: note}
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				in.By = by
				return client.FollowUp(ctx, id, in)
			})
		},
	}
	cmd.Flags().StringVar(&person, "person", "", c.t("who accepted or came", "受諾・到着した人"))
	cmd.Flags().StringVar(&note, "note", "", c.t("a remark", "備考"))
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

// unique drops repeated words and keeps the order.
func unique(words []string) []string {
	seen, out := map[string]bool{}, []string{}
	for _, w := range words {
		if !seen[w] {
			seen[w] = true
			out = append(out, w)
		}
	}
	return out
}

func (c *command) custody() *cobra.Command {
	var id string
	cmd := &cobra.Command{
		Use:   "custody",
		Short: c.t("The custody register: media and other things taken to safety", "媒体等の搬送記録 (持ち出しと受領)"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.listed(cmd.Context(), id, func(o progress.Overview) any { return o.Custody }, func(o progress.Overview) {
				var rows [][]string
				for _, x := range o.Custody {
					at := x.At
					rows = append(rows, []string{x.ID, x.What, x.From, x.To, x.TakenBy, c.clock(&at), x.ReceivedBy, c.clock(x.ReceivedAt)})
				}
				table(c.Out, []string{c.t("LINE", "番号"), c.t("WHAT", "対象"), c.t("FROM", "搬出元"), c.t("TO", "搬出先"), c.t("TAKEN BY", "搬送者"), c.t("AT", "搬出"), c.t("RECEIVED BY", "受領者"), c.t("AT", "受領")}, rows)
			})
		},
	}
	c.runFlag(cmd, &id)
	cmd.AddCommand(c.custodyTake(), c.custodyReceive())
	return cmd
}

func (c *command) custodyTake() *cobra.Command {
	var id, at string
	var in workflows.Take
	cmd := &cobra.Command{
		Use:   "take WHAT --from PLACE --to PLACE",
		Short: c.t("Enter that something leaves its place", "持ち出しを記録する"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if in.From == "" || in.To == "" {
				return mistake(fmt.Errorf("%s", c.t("say from where and to where: --from PLACE --to PLACE", "--from (搬出元) と --to (搬出先) を指定してください")), "")
			}
			in.What = args[0]
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				in.By = by
				return client.Take(ctx, id, in)
			})
		},
	}
	cmd.Flags().StringVar(&in.From, "from", "", c.t("where it was", "搬出元"))
	cmd.Flags().StringVar(&in.To, "to", "", c.t("where it goes", "搬出先"))
	cmd.Flags().StringVar(&in.TakenBy, "taken-by", "", c.t("who carries it (default: you)", "搬送者 (既定は自分)"))
	cmd.Flags().StringVar(&in.ReceivedBy, "received-by", "", c.t("who has received it, when it is there already", "受領者 (すでに受領済みの場合)"))
	cmd.Flags().StringVar(&in.Note, "note", "", c.t("a remark", "備考"))
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) custodyReceive() *cobra.Command {
	var id, at string
	var in workflows.Receive
	cmd := &cobra.Command{
		Use:   "receive LINE",
		Short: c.t("Enter that it has arrived", "受領を記録する"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			in.Custody = args[0]
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				in.By = by
				return client.Receive(ctx, id, in)
			})
		},
	}
	cmd.Flags().StringVar(&in.ReceivedBy, "received-by", "", c.t("who has received it (default: you)", "受領者 (既定は自分)"))
	cmd.Flags().StringVar(&in.Note, "note", "", c.t("a remark", "備考"))
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}
