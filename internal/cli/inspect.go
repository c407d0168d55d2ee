package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) inspect() *cobra.Command {
	var id, note string
	var usable, unusable bool
	cmd := &cobra.Command{
		Use:   "inspect SITE",
		Short: c.t("Report whether a site's building can be used", "拠点の建物の使用可否を報告する"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if usable == unusable {
				return mistake(fmt.Errorf("%s", c.t("say one of --usable and --unusable", "--usable か --unusable のどちらかを指定してください")), "")
			}
			return c.actOn(cmd.Context(), id, func(ctx context.Context, client *api.Client, id, by string, p plan.Plan) (workflows.Done, error) {
				return client.Inspect(ctx, id, workflows.Inspect{Site: args[0], By: by, Usable: usable, Note: note})
			})
		},
	}
	cmd.Flags().BoolVar(&usable, "usable", false, c.t("people can work there", "使用できる"))
	cmd.Flags().BoolVar(&unusable, "unusable", false, c.t("nobody may work there", "使用できない"))
	cmd.Flags().StringVar(&note, "note", "", c.t("what was found", "確認した内容"))
	c.runFlag(cmd, &id)
	return cmd
}
