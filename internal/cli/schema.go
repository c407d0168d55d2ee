package cli

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/scenario"
)

func (c *command) schema() *cobra.Command {
	return &cobra.Command{
		Use:       "schema {estate|runbook|scenario|programme|record}",
		Short:     c.t("JSON Schema of a kind of file, for editors", "ファイルの種類ごとのJSON Schemaを表示する"),
		Args:      cobra.ExactArgs(1),
		ValidArgs: []string{"estate", "runbook", "scenario", "programme", "record"},
		RunE: func(_ *cobra.Command, args []string) error {
			if strings.EqualFold(args[0], "record") {
				return c.recordSchema()
			}
			kinds := scenario.Kinds()
			kind := nearest.Word(args[0], kinds)
			if !strings.EqualFold(kind, args[0]) {
				way := strings.Join(kinds, ", ")
				if kind != "" {
					way = c.t("Did you mean %q?", "%q の間違いではありませんか。", strings.ToLower(kind))
				}
				return mistake(fmt.Errorf("%s", c.t("there is no kind of file %q", "ファイルの種類 %q はありません", args[0])), way)
			}
			b, err := scenario.Schema(kind, registry(), string(c.lang))
			if err != nil {
				return err
			}
			_, err = c.Out.Write(b)
			return err
		},
	}
}

// recordSchema writes the schema of a run's record for programs.
func (c *command) recordSchema() error {
	defs := huma.NewMapRegistry("#/$defs/", huma.DefaultSchemaNamer)
	root := defs.Schema(reflect.TypeFor[report.DrillRecord](), true, "DrillRecord")
	enc := json.NewEncoder(c.Out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(map[string]any{"$schema": "https://json-schema.org/draft/2020-12/schema", "title": report.RecordFormat, "$ref": root.Ref, "$defs": defs.Map()})
}
