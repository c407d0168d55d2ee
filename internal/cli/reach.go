package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) reach() *cobra.Command {
	var id, channel, outcome, person, note, at string
	cmd := &cobra.Command{
		Use:   "reach [PARTY]",
		Short: c.t("Enter that a party was called, and what came of it; without PARTY, list them", "連絡先への連絡とその結果を記録する (指定なしで一覧を表示)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.listed(cmd.Context(), id, func(o progress.Overview) any { return o.Parties }, c.partyTable)
			}
			what, err := oneOf(c, "--outcome", outcome, run.ContactReached, run.ContactLeft, run.ContactSilent, run.ContactDead)
			if err != nil {
				return err
			}
			if channel == "" {
				return mistake(fmt.Errorf("%s", c.t("say by which means: --by telephone", "連絡手段を --by で指定してください (例: --by 電話)")), "")
			}
			in := workflows.Reach{Party: args[0], Channel: channel, Outcome: what, Person: person, Note: note}
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			return c.actOn(cmd.Context(), id, func(ctx context.Context, client *api.Client, id, by string, p plan.Plan) (workflows.Done, error) {
				in.By = by
				var names []string
				for _, x := range p.Estate.Parties {
					names = append(names, x.Name)
				}
				if err := c.known(c.t("party", "連絡先"), in.Party, names); err != nil {
					return workflows.Done{}, err
				}
				return client.Reach(ctx, id, in)
			})
		},
	}
	cmd.Flags().StringVar(&channel, "by", "", c.t("the means: telephone, mail, on foot ...", "連絡手段 (電話、メール、伝令など)"))
	cmd.Flags().StringVar(&outcome, "outcome", "", "reached, left_message, no_answer, line_dead")
	cmd.Flags().StringVar(&person, "person", "", c.t("who was reached there", "先方の応対者"))
	cmd.Flags().StringVar(&note, "note", "", c.t("what was said", "連絡の内容"))
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

// listed shows a part of a run's overview, of the one in progress or the last.
func (c *command) listed(ctx context.Context, id string, of func(progress.Overview) any, show func(progress.Overview)) error {
	client, id, err := c.clientAndLastRun(ctx, []string{id})
	if err != nil {
		return err
	}
	defer client.Close()
	r, err := client.Run(ctx, id)
	if err != nil {
		return err
	}
	if c.json() {
		return c.printList(of(r.Overview))
	}
	c.zone(ctx, client)
	show(r.Overview)
	return nil
}

func (c *command) partyTable(o progress.Overview) {
	var rows [][]string
	for _, p := range o.Parties {
		word := c.t("not tried", "未連絡")
		if p.Tries > 0 {
			word = c.lang.Contact(p.Outcome)
		}
		rows = append(rows, []string{p.Name, word, c.clock(p.ReachedAt), p.Contact, p.Title.In(string(c.lang))})
	}
	table(c.Out, []string{c.t("PARTY", "連絡先"), c.t("LAST TRY", "直近の結果"), c.t("REACHED", "連絡成立"), c.t("CONTACT", "番号"), c.t("TITLE", "名称")}, rows)
}

// clock is a time of day in the zone that was asked for last, or nothing.
func (c *command) clock(t *time.Time) string {
	if t == nil {
		return ""
	}
	return i18n.Clock(*t, c.in)
}
