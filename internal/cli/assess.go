package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) assess() *cobra.Command {
	var id, component, damage, note, at, repair, ground string
	var pictures []string
	cmd := &cobra.Command{
		Use:   "assess [SYSTEM [COMPONENT]]",
		Short: c.t("Report damage to a system or a component; without SYSTEM, list what is known of them", "システムや構成要素の被害状況を報告する (指定なしで一覧を表示)"),
		Args:  cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.damageList(cmd.Context(), id)
			}
			if len(args) > 1 {
				component = args[1]
			}
			d, err := oneOf(c, "--damage", damage, run.DamageNone, run.DamageDegraded, run.DamageStopped, run.DamageDestroyed, run.DamageUnknown)
			if err != nil {
				return err
			}
			in := workflows.Assess{System: args[0], Component: component, Damage: d, Note: note, Ground: ground}
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			if repair != "" {
				if in.Repair, err = run.ParseDuration(repair); err != nil {
					return mistake(fmt.Errorf("--repair: %w", err), "")
				}
			}
			return c.actOn(cmd.Context(), id, func(ctx context.Context, client *api.Client, id, by string, p plan.Plan) (workflows.Done, error) {
				in.By = by
				if err := c.knownPart(p, in.System, in.Component); err != nil {
					return workflows.Done{}, err
				}
				if in.Photos, err = c.send(ctx, client, id, by, pictures); err != nil {
					return workflows.Done{}, err
				}
				return client.Assess(ctx, id, in)
			})
		},
	}
	cmd.Flags().StringVar(&damage, "damage", "", "none, degraded, stopped, destroyed, unknown")
	cmd.Flags().StringVar(&component, "component", "", c.t("a part of the system", "システムの構成要素"))
	cmd.Flags().StringVar(&note, "note", "", c.t("what was found", "確認した内容"))
	cmd.Flags().StringVar(&repair, "repair", "", c.t("how long recovery in place takes, as 4h", "被災拠点での復旧の見込み時間。例 4h"))
	cmd.Flags().StringVar(&ground, "ground", "", c.t("what that estimate rests on", "見込み時間の根拠"))
	c.photoFlag(cmd, &pictures)
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

// knownPart refuses a system, or a component of one, that the plan does not have.
func (c *command) knownPart(p plan.Plan, system, component string) error {
	var systems, parts []string
	for _, s := range p.Systems {
		systems = append(systems, s.Name)
		if s.Name == system {
			for _, part := range s.Components {
				parts = append(parts, part.Name)
			}
		}
	}
	if err := c.known(c.t("system of this run", "対象システム"), system, systems); err != nil {
		return err
	}
	if component == "" || len(parts) == 0 {
		return nil
	}
	return c.known(c.t("component of %s", "%s の構成要素", system), component, parts)
}

// actOn is act for commands that look into the run's plan first.
func (c *command) actOn(ctx context.Context, id string, call func(ctx context.Context, client *api.Client, id, by string, p plan.Plan) (workflows.Done, error)) error {
	return c.act(ctx, []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
		p, err := client.RunPlan(ctx, id)
		if err != nil {
			return workflows.Done{}, err
		}
		return call(ctx, client, id, by, p)
	})
}

// damageList shows what is known of each system and component, in the order of looking.
func (c *command) damageList(ctx context.Context, id string) error {
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
		return c.printList(r.Overview.Damage)
	}
	var rows [][]string
	for _, d := range r.Overview.Damage {
		said, by, seen, conflict := c.t("not looked at", "未確認"), "", "", ""
		if d.Human != nil {
			said, by = string(d.Human.Damage), d.Human.By
		}
		if d.Machine != nil {
			seen = string(d.Machine.Damage)
		}
		if d.Conflict {
			conflict = c.t("! they disagree", "！食い違い")
		}
		rows = append(rows, []string{d.System, d.Component, said, by, seen, conflict, d.Title.In(string(c.lang))})
	}
	table(c.Out, []string{c.t("SYSTEM", "システム"), c.t("COMPONENT", "構成要素"), c.t("REPORTED", "報告"), c.t("BY", "報告者"), c.t("PROBES", "プローブ"), "", c.t("TITLE", "名称")}, rows)
	return nil
}

func (c *command) prioritize() *cobra.Command {
	var id, reason string
	cmd := &cobra.Command{
		Use:   "prioritize SYSTEM[/COMPONENT]...",
		Short: c.t("Set the order in which damage is looked at", "被害を確認する順序を指示する"),
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.actOn(cmd.Context(), id, func(ctx context.Context, client *api.Client, id, by string, p plan.Plan) (workflows.Done, error) {
				for _, name := range args {
					system, component, _ := strings.Cut(name, "/")
					if err := c.knownPart(p, system, component); err != nil {
						return workflows.Done{}, err
					}
				}
				return client.Prioritize(ctx, id, workflows.Prioritize{By: by, Order: args, Reason: reason})
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why in this order", "この順序とした理由"))
	c.runFlag(cmd, &id)
	return cmd
}
