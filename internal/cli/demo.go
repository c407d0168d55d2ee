package cli

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/demo"
)

func (c *command) demo() *cobra.Command {
	var interactive bool
	var dir string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: c.t("A whole drill on two PostgreSQL servers of its own, in one folder", "専用のPostgreSQL 2台で訓練全体を実演する"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir == "" {
				dir = os.Getenv("MUSTER_DATA")
			}
			return demo.Run(cmd.Context(), demo.Options{Dir: dir, Interactive: interactive, Lang: c.lang, Out: c.Out, Talk: c.Err,
				Screen: screen(c.Err), Color: colored(c.Err)})
		},
	}
	cmd.Flags().BoolVar(&interactive, "interactive", false, c.t("leave it up for people to play all roles", "起動したままにし、全役割を手で操作する"))
	cmd.Flags().StringVar(&dir, "dir", "", c.t("folder of the demo (default $MUSTER_DATA, else .muster-demo)", "デモのフォルダー (既定は$MUSTER_DATA、なければ.muster-demo)"))
	return cmd
}
