package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) inspect() *cobra.Command {
	var id, note, at, began string
	var usable, restricted, unusable bool
	var items, with, pictures []string
	cmd := &cobra.Command{
		Use:   "inspect [SITE]",
		Short: c.t("Report whether a site's building can be used; without SITE, list sites and their checklists", "拠点の建物の使用可否を報告する (指定なしで拠点と点検項目を表示)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.siteList(cmd.Context(), id)
			}
			in := workflows.Inspect{Site: args[0], Usable: usable || restricted, Note: note, Inspectors: with}
			for word, said := range map[run.Usability]bool{run.Usable: usable, run.Restricted: restricted, run.Unusable: unusable} {
				if said && in.Overall != "" {
					return mistake(fmt.Errorf("%s", c.t("say one of --usable, --restricted and --unusable", "--usable・--restricted・--unusable のいずれか一つを指定してください")), "")
				}
				if said {
					in.Overall = word
				}
			}
			if in.Overall == "" {
				return mistake(fmt.Errorf("%s", c.t("say one of --usable, --restricted and --unusable", "--usable・--restricted・--unusable のいずれか一つを指定してください")), "")
			}
			for _, item := range items {
				name, rest, _ := strings.Cut(item, "=")
				word, why, _ := strings.Cut(rest, ":")
				state, err := oneOf(c, "--check "+name, word, run.ItemOK, run.Restricted, run.Unusable, run.NotLookedAt)
				if err != nil {
					return err
				}
				in.Items = append(in.Items, run.CheckedItem{Item: name, State: state, Note: why})
			}
			var err error
			if in.At, err = c.when(cmd.Context(), id, at); err != nil {
				return err
			}
			if in.Began, err = c.when(cmd.Context(), id, began); err != nil {
				return err
			}
			return c.actOn(cmd.Context(), id, func(ctx context.Context, client *api.Client, id, by string, p plan.Plan) (workflows.Done, error) {
				in.By = by
				if err := c.knownChecks(p, in); err != nil {
					return workflows.Done{}, err
				}
				if in.Photos, err = c.send(ctx, client, id, by, pictures); err != nil {
					return workflows.Done{}, err
				}
				return client.Inspect(ctx, id, in)
			})
		},
	}
	cmd.Flags().BoolVar(&usable, "usable", false, c.t("people can work there", "使用できる"))
	cmd.Flags().BoolVar(&restricted, "restricted", false, c.t("people can work there with care, or in part", "制限付きで使用できる"))
	cmd.Flags().BoolVar(&unusable, "unusable", false, c.t("nobody may work there", "使用できない"))
	cmd.Flags().StringArrayVar(&items, "check", nil, c.t("an item of the checklist, as power=ok or water=unusable:REMARK", "点検項目の結果。例 power=ok、water=unusable:備考"))
	cmd.Flags().StringSliceVar(&with, "with", nil, c.t("who inspected with you, as the building manager", "同行した点検者 (ビル管理者など)"))
	cmd.Flags().StringVar(&note, "note", "", c.t("what was found", "確認した内容"))
	cmd.Flags().StringVar(&began, "began", "", c.t("when the inspection began", "点検の開始時刻"))
	c.photoFlag(cmd, &pictures)
	c.atFlag(cmd, &at)
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) knownChecks(p plan.Plan, in workflows.Inspect) error {
	var sites, checks []string
	for _, s := range p.Estate.Sites {
		sites = append(sites, s.Name)
		if s.Name == in.Site {
			for _, x := range s.Checklist() {
				checks = append(checks, x.Name)
			}
		}
	}
	if err := c.known(c.t("site", "拠点"), in.Site, sites); err != nil {
		return err
	}
	for _, x := range in.Items {
		if err := c.known(c.t("item of the checklist of %s", "%s の点検項目", in.Site), x.Item, checks); err != nil {
			return err
		}
	}
	return nil
}

// siteList shows the sites with what is known of them, and what is to be looked at.
func (c *command) siteList(ctx context.Context, id string) error {
	client, id, err := c.clientAndLastRun(ctx, []string{id})
	if err != nil {
		return err
	}
	defer client.Close()
	p, err := client.RunPlan(ctx, id)
	if err != nil {
		return err
	}
	r, err := client.Run(ctx, id)
	if err != nil {
		return err
	}
	if c.json() {
		return c.printList(r.Overview.Inspections)
	}
	var rows [][]string
	for _, s := range p.Estate.Sites {
		row := []string{s.Name, c.t("not inspected", "未点検"), ""}
		for _, in := range r.Overview.Inspections {
			if in.Site == s.Name {
				row[1], row[2] = string(in.Overall), in.By
			}
		}
		var checks []string
		for _, x := range s.Checklist() {
			checks = append(checks, x.Name)
		}
		rows = append(rows, append(row, strings.Join(checks, ", ")))
	}
	table(c.Out, []string{c.t("SITE", "拠点"), c.t("STATE", "状態"), c.t("BY", "点検者"), c.t("CHECKLIST (--check)", "点検項目 (--check)")}, rows)
	return nil
}

func (c *command) photoFlag(cmd *cobra.Command, to *[]string) {
	cmd.Flags().StringArrayVar(to, "photo", nil, c.t("a picture (JPEG, PNG or WebP, 5 MB at most); may be repeated", "写真のファイル (JPEG・PNG・WebP、5 MB まで。複数指定可)"))
}

// send uploads pictures and returns their IDs. All are read before any is sent.
func (c *command) send(ctx context.Context, client *api.Client, id, by string, files []string) ([]string, error) {
	var bodies [][]byte
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, mistake(fmt.Errorf("--photo: %w", err), "")
		}
		bodies = append(bodies, b)
	}
	var ids []string
	for i, b := range bodies {
		pic, err := client.AddPhoto(ctx, id, by, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files[i], err)
		}
		if !slices.Contains(ids, pic.ID) {
			ids = append(ids, pic.ID)
		}
	}
	return ids, nil
}
