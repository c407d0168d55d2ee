package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/nearest"
)

// heads puts what cobra writes around our own help into the reader's language.
func (c *command) heads(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		if f := cmd.Flags().Lookup("help"); f != nil {
			f.Usage = c.t("help for %s", "%s のヘルプを表示する", cmd.CommandPath())
		}
		switch {
		case cmd.Parent() == root && cmd.Name() == "help":
			cmd.Short = c.t("Help about any command", "コマンドのヘルプを表示する")
		case cmd.Parent() == root && cmd.Name() == "completion":
			cmd.Short = c.t("The autocompletion script for a shell", "シェルの補完スクリプトを出力する")
		case cmd.Parent() != nil && cmd.Parent().Parent() == root && cmd.Parent().Name() == "completion":
			cmd.Short = c.t("The autocompletion script for %s", "%s 用の補完スクリプトを出力する", cmd.Name())
		}
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
	if c.lang != i18n.JA {
		return
	}
	root.SetUsageTemplate(strings.NewReplacer(
		"Usage:", "使い方:", "Aliases:", "別名:", "Examples:", "例:", "Available Commands:", "コマンド:", "Additional Commands:", "その他のコマンド:",
		"Global Flags:", "共通のフラグ:", "Flags:", "フラグ:", "Additional help topics:", "その他のヘルプ:",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`, "各コマンドの詳細は `{{.CommandPath}} [command] --help` で確認できます。",
	).Replace(root.UsageTemplate()))
}

// wrongFlag says in the reader's language what pflag found wrong, and the way out.
func (c *command) wrongFlag(cmd *cobra.Command, err error) error {
	way := c.t("`%s --help` lists the flags", "`%s --help` でフラグの一覧を表示できます", cmd.CommandPath())
	var (
		unknown *pflag.NotExistError
		bare    *pflag.ValueRequiredError
		value   *pflag.InvalidValueError
		syntax  *pflag.InvalidSyntaxError
		text    string
	)
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		text = c.t("unknown shorthand flag: -%s", "-%s というフラグはありません", unknown.GetSpecifiedName()[:1])
	case errors.As(err, &unknown):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := nearest.Word(unknown.GetSpecifiedName(), names); near != "" {
			way = c.t("Did you mean --%s?", "--%s の間違いではありませんか。", near)
		}
		text = c.t("unknown flag: --%s", "--%s というフラグはありません", unknown.GetSpecifiedName())
	case errors.As(err, &bare):
		text = c.t("flag needs a value: --%s", "--%s には値が必要です", bare.GetFlag().Name)
	case errors.As(err, &value):
		kind := c.flagKind(value.GetFlag().Value.Type())
		text = c.t("--%s: %q is not %s", "--%s: %q は%sではありません", value.GetFlag().Name, value.GetValue(), kind)
	case errors.As(err, &syntax):
		text = c.t("bad flag syntax: %s", "フラグの書き方が正しくありません: %s", syntax.GetSpecifiedFlag())
	default:
		text = err.Error()
	}
	return mistake(fmt.Errorf("%s", text), way)
}

// flagKind says what a flag of a type takes.
func (c *command) flagKind(of string) string {
	switch of {
	case "int", "int32", "int64", "uint", "uint16", "uint64", "count":
		return c.t("a whole number", "整数")
	case "float32", "float64":
		return c.t("a number", "数値")
	case "bool":
		return c.t("true or false", "true または false ")
	case "duration":
		return c.t("a duration such as 90s, 15m or 2h", "時間（90s、15m、2h など）")
	}
	return c.t("a value it takes", "指定できる値")
}
