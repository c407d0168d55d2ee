package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/scenario"
)

func (c *command) schema() *cobra.Command {
	return &cobra.Command{
		Use:       "schema {estate|runbook|scenario|programme}",
		Short:     c.t("JSON Schema of a kind of file, for editors", "ファイルの種類ごとのJSON Schemaを表示する"),
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"estate", "runbook", "scenario", "programme"},
		RunE: func(_ *cobra.Command, args []string) error {
			kinds := scenario.Kinds()
			kind := nearest.Word(args[0], kinds)
			if !strings.EqualFold(kind, args[0]) {
				way := strings.Join(kinds, ", ")
				if kind != "" {
					way = c.t("Did you mean %q?", "%q の間違いではありませんか。", strings.ToLower(kind))
				}
				return mistake(fmt.Errorf("%s", c.t("there is no kind of file %q", "ファイルの種類 %q はありません", args[0])), way)
			}
			b, err := scenario.Schema(kind, registry())
			if err != nil {
				return err
			}
			_, err = c.Out.Write(b)
			return err
		},
	}
}
