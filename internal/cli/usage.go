package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/nearest"
)

// preset is what pflag appends to a flag's help.
var preset = regexp.MustCompile(`(?m) \(default (.*)\)$`)

// cobras has the commands that cobra brings refuse what they don't know, as ours do: by themselves
// they print a help and end as if all had been well.
func (c *command) cobras(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "completion":
			cmd.Args, cmd.RunE = cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
		case "help":
			cmd.Run, cmd.RunE = nil, func(_ *cobra.Command, args []string) error {
				of := root
				for _, a := range args {
					next := slices.IndexFunc(of.Commands(), func(sub *cobra.Command) bool { return sub.Name() == a || sub.HasAlias(a) })
					if next < 0 {
						return c.unknown(of, a)
					}
					of = of.Commands()[next]
				}
				of.InitDefaultHelpFlag()
				return of.Help()
			}
		}
	}
}

// unknown says that a command has none of that name, and which one was probably meant.
func (c *command) unknown(of *cobra.Command, name string) error {
	var names []string
	for _, sub := range of.Commands() {
		names = append(names, sub.Name())
	}
	way := c.t("`%s --help` lists the commands", "`%s --help` でコマンドの一覧を表示できます", of.CommandPath())
	if near := nearest.Word(name, names); near != "" {
		way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
	}
	return mistake(errors.New(c.t("unknown command %q of %s", "%[2]s に %[1]q というコマンドはありません", name, of.CommandPath())), way)
}

// heads puts what cobra writes around our own help into the reader's language.
func (c *command) heads(root *cobra.Command) {
	var each func(cmd *cobra.Command)
	each = func(cmd *cobra.Command) {
		cmd.InitDefaultHelpFlag()
		if f := cmd.Flags().Lookup("help"); f != nil {
			f.Usage = c.t("help for %s", "%s のヘルプを表示する", cmd.CommandPath())
		}
		switch {
		case cmd.Parent() == root && cmd.Name() == "help":
			cmd.Short = c.t("Help about any command", "コマンドのヘルプを表示する")
			if c.lang == i18n.JA {
				cmd.Long = "コマンドのヘルプを表示します。`muster help コマンド` のように指定してください。"
			}
		case cmd.Parent() == root && cmd.Name() == "completion":
			cmd.Short = c.t("The autocompletion script for a shell", "シェルの補完スクリプトを出力する")
			if c.lang == i18n.JA {
				cmd.Long = "指定したシェルの補完スクリプトを出力します。読み込み方は各コマンドのヘルプに書かれています。"
			}
		case cmd.Parent() != nil && cmd.Parent().Parent() == root && cmd.Parent().Name() == "completion":
			cmd.Short = c.t("The autocompletion script for %s", "%s 用の補完スクリプトを出力する", cmd.Name())
			if c.lang == i18n.JA {
				cmd.Long = completionsJA[cmd.Name()]
				if f := cmd.Flags().Lookup("no-descriptions"); f != nil {
					f.Usage = "候補の説明を付けない"
				}
			}
		}
		for _, sub := range cmd.Commands() {
			each(sub)
		}
	}
	each(root)
	if c.lang != i18n.JA {
		return
	}
	cobra.AddTemplateFunc("presetJA", func(s string) string { return preset.ReplaceAllString(s, " (既定 $1)") })
	root.SetUsageTemplate(strings.NewReplacer(
		".FlagUsages | trimTrailingWhitespaces", ".FlagUsages | presetJA | trimTrailingWhitespaces",
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

// completionsJA is what cobra's help of each shell says, for our Japanese one.
var completionsJA = map[string]string{
	"bash": `bash用の補完スクリプトを出力します。bash-completion パッケージが必要です。

今のシェルで使う:

	source <(muster completion bash)

次回以降のシェルで使う (Linux。一度だけ実行):

	muster completion bash > /etc/bash_completion.d/muster

反映するには、シェルを開き直してください。`,
	"fish": `fish用の補完スクリプトを出力します。

今のシェルで使う:

	muster completion fish | source

次回以降のシェルで使う (一度だけ実行):

	muster completion fish > ~/.config/fish/completions/muster.fish

反映するには、シェルを開き直してください。`,
	"zsh": `zsh用の補完スクリプトを出力します。補完が無効の場合は、先に一度だけ次を実行してください:

	echo "autoload -U compinit; compinit" >> ~/.zshrc

今のシェルで使う:

	source <(muster completion zsh)

次回以降のシェルで使う (Linux。一度だけ実行):

	muster completion zsh > "${fpath[1]}/_muster"

反映するには、シェルを開き直してください。`,
	"powershell": `PowerShell用の補完スクリプトを出力します。

今のシェルで使う:

	muster completion powershell | Out-String | Invoke-Expression

次回以降も使うには、出力をPowerShellのプロファイルに追加してください。`,
}
