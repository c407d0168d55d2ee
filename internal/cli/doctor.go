package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
)

func (c *command) doctor() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: c.t("Check what muster needs here, and say what to do", "動作に必要なものを点検し、対処方法を示す"),
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks := app.Examine(cmd.Context(), c.lang, c.config)
			return c.checked(checks, exitFault)
		},
	}
	c.settings(cmd.Flags(), "site", "listen", "store", "store_password", "engine", "temporal.")
	return cmd
}

// upgradeCheck is run by the new program while the old one is still up.
func (c *command) upgradeCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "upgrade-check",
		Short: c.t("Check, with the new program, that it can take over what the old one runs", "新しいプログラムが現在の環境を引き継げるか点検する"),
		Long: c.t("Run it with the new program while the old one is still up. It changes nothing. The history of every run under way is replayed with\nthe new program: one that would stand still is named, and the exit code is 5.",
			"旧版が稼働している間に、新しいプログラムで実行してください。何も変更しません。進行中の訓練・対応の履歴を新しい\nプログラムで再生し、進まなくなるものがあればその名前を示し、終了コード5で終わります。"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.checked(app.ExamineUpgrade(cmd.Context(), c.lang, c.config, Version()), exitRefused)
		},
	}
	c.settings(cmd.Flags(), "listen", "store", "engine", "temporal.")
	return cmd
}

// checked prints what was found; what is bad ends with code.
func (c *command) checked(checks []app.Check, code int) error {
	bad := slices.ContainsFunc(checks, func(k app.Check) bool { return k.Result == app.Bad })
	if c.json() {
		if err := c.printJSON(map[string]any{"ok": !bad, "checks": checks}); err != nil {
			return err
		}
	} else {
		c.printChecks(checks)
	}
	if bad {
		return shown(code)
	}
	return nil
}

func (c *command) printChecks(checks []app.Check) {
	bad, odd := 0, 0
	for _, k := range grouped(checks) {
		word := "ok  "
		switch k.Result {
		case app.Bad:
			word = c.t("BAD ", "異常")
			bad++
		case app.Odd:
			word = c.t("note", "注意")
			odd++
		case app.Good:
			word = c.t("ok  ", "正常")
		}
		fmt.Fprintf(c.Out, "%s  %s: %s\n", word, k.Title, k.Found)
		if k.WayOut != "" && k.Result != app.Good {
			fmt.Fprintf(c.Out, "      %s\n", strings.ReplaceAll(k.WayOut, "\n", "\n      "))
		}
	}
	switch {
	case bad > 0:
		c.say("muster: %d thing(s) to mend", "muster: 対処が必要な項目 %d 件", bad)
	case odd > 0:
		c.say("muster: nothing is broken; %d thing(s) to know", "muster: 異常なし。注意事項 %d 件", odd)
	default:
		c.say("muster: all is well", "muster: すべて正常です")
	}
}

// grouped tells what several checks found in the same words once, with all that it concerns:
// one thing to mend is one. What is well stands for itself.
func grouped(checks []app.Check) []app.Check {
	var out []app.Check
	for _, k := range checks {
		at := slices.IndexFunc(out, func(x app.Check) bool { return k.Result != app.Good && x.Result == k.Result && x.Found == k.Found })
		if at < 0 {
			out = append(out, k)
			continue
		}
		out[at].Title += ", " + k.Title
		if !strings.Contains(out[at].WayOut, k.WayOut) {
			out[at].WayOut += "\n" + k.WayOut
		}
	}
	return out
}
