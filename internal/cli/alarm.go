package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/i18n"
)

func (c *command) alarm() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "alarm",
		Short: c.t("What wakes it: sources, what they sent lately, and a test of what a message would do", "発動の契機となる警報: 発信元・最近の受信・試験"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.alarmList(), c.alarmTest())
	return cmd
}

func (c *command) alarmList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: c.t("List sources, and what became of the messages that came lately", "発信元と、最近受信したメッセージの扱いを表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.ListAlarms(cmd.Context())
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(list)
			}
			if len(list.Sources) == 0 {
				c.say("no source is set; name one under alarms: in muster.yaml", "発信元が設定されていません。muster.yamlのalarms: に設定してください")
				return nil
			}
			var rows [][]string
			for _, s := range list.Sources {
				rows = append(rows, []string{s.Name, string(s.Kind)})
			}
			table(c.Out, []string{c.t("SOURCE", "発信元"), c.t("KIND", "種別")}, rows)
			fmt.Fprintln(c.Out)
			if len(list.Messages) == 0 {
				c.say("no message has come since the server began; try one with `muster alarm test`", "サーバーの起動後に受信したメッセージはありません。`muster alarm test` で試せます")
				return nil
			}
			zone := c.zone(cmd.Context(), client)
			rows = nil
			for _, m := range list.Messages {
				what := m.Summary.In(string(c.lang))
				if why := m.Why.In(string(c.lang)); why != "" {
					what += c.t(" -- %s", "（%s）", why)
				}
				rows = append(rows, []string{i18n.Moment(m.At, zone), m.Source, c.outcome(m.Outcome), strings.Join(m.Proposals, " "), what})
			}
			table(c.Out, []string{c.t("CAME", "受信"), c.t("SOURCE", "発信元"), c.t("BECAME", "扱い"), c.t("PROPOSAL", "提案"), c.t("WHAT", "内容")}, rows)
			return nil
		},
	}
}

func (c *command) outcome(o alarm.Outcome) string {
	switch o {
	case alarm.Proposed:
		return c.t("proposed", "提案")
	case alarm.Starting:
		return c.t("starts", "開始")
	case alarm.Noted:
		return c.t("noted", "続報")
	case alarm.Seen:
		return c.t("seen before", "受信済み")
	case alarm.Outdated:
		return c.t("outdated", "旧報")
	case alarm.Withdrawn:
		return c.t("withdrawn", "取消")
	case alarm.Ignored:
		return c.t("ignored", "対象外")
	}
	return string(o)
}

func (c *command) alarmTest() *cobra.Command {
	var in alarm.Test
	var file string
	cmd := &cobra.Command{
		Use:   "test [SOURCE]",
		Short: c.t("Send a training message through the own door and show what it would do; nothing starts", "訓練のメッセージを自身の受付に送り、どう扱われるかを表示する (何も開始しない)"),
		Long: c.t(`Makes a training message (訓練) as SOURCE would send it, signs it with the source's secret, sends it
through the server's own door for alarms and shows which rules match, and why the others do not.
Nothing is proposed and nothing starts. With --file it is a message of yours: what it says of
itself counts, and still nothing comes of it.
Exit code 3 when no rule would do anything, were the message real.`,
			`SOURCEが送る形式の訓練メッセージを作り、その発信元の鍵で署名し、サーバー自身の受付に送って、どの規則に
一致するか、一致しない理由は何かを表示します。提案も開始も行いません。--file を付けると指定したメッセージで
試します。
本番のメッセージであったとしてもどの規則も働かない場合、終了コード3で終わります。`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Source = first(args, "")
			if file != "" {
				b, err := os.ReadFile(file)
				if err != nil {
					return mistake(err, "")
				}
				in.Message = string(b)
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			out, err := client.TestAlarm(cmd.Context(), in)
			if err != nil {
				return err
			}
			if c.json() {
				if err := c.printJSON(out); err != nil {
					return err
				}
			} else {
				c.showTrial(out)
			}
			for _, r := range out.Rules {
				if r.Real != alarm.Ignored {
					return nil
				}
			}
			return shown(exitMissed)
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "file", "", c.t("a message as the source sends it", "発信元が送るメッセージのファイル"))
	f.StringVar(&in.Intensity, "intensity", "", c.t("of the telegram that is made, as in 6-lower (default: that of the first rule)", "作成する電文の震度。例: 6-lower (既定は最初の規則の震度)"))
	f.StringVar(&in.Area, "area", "", c.t("name or code of its area (default: that of the first rule)", "作成する電文の地域の名称またはコード (既定は最初の規則の地域)"))
	f.StringToStringVar(&in.Labels, "label", nil, c.t("label of the alert that is made, as in site=tokyo; may be repeated", "作成するアラートのラベル。例: site=tokyo (複数指定可)"))
	return cmd
}

func (c *command) showTrial(t alarm.Trial) {
	lang := string(c.lang)
	kind := c.t("a real message", "本番のメッセージ")
	if t.Made {
		kind = c.t("a message made for this test", "試験用に作成したメッセージ")
	}
	if t.Training {
		kind = c.t("a TRAINING message", "【訓練】のメッセージ")
	}
	fmt.Fprintf(c.Out, "%s (%s): %s\n", t.Source, t.Kind, kind)
	fmt.Fprintf(c.Out, "  %s\n", c.t("read as: %s", "内容: %s", t.Summary.In(lang)))
	if t.Door {
		fmt.Fprintf(c.Out, "  %s\n", c.t("door: taken; signature and time are in order", "受付: 受理（署名・時刻とも正常）"))
	} else {
		fmt.Fprintf(c.Out, "  %s\n", c.t("door: none; the source is a feed that muster asks", "受付: なし（musterが取得するフィード）"))
	}
	for _, r := range t.Rules {
		fmt.Fprintf(c.Out, "  %s  %s\n", r.Scenario, r.Place)
		line := func(label string, o alarm.Outcome, why string) {
			mark := "✗"
			if o != alarm.Ignored {
				mark = "✓"
			}
			fmt.Fprintf(c.Out, "    %s %s: %s\n", mark, label, c.t("%s -- %s", "%s（%s）", c.would(o), why))
		}
		if t.Training {
			line(c.t("this message", "このメッセージ"), r.Does, r.Why.In(lang))
		}
		line(c.t("if it were real", "本番なら"), r.Real, r.RealWhy.In(lang))
	}
	fmt.Fprintf(c.Out, "%s\n", c.t("result: %s", "結果: %s", c.would(t.Outcome)))
	if why := t.Why.In(lang); why != "" && len(t.Rules) == 0 {
		fmt.Fprintf(c.Out, "  %s\n", why)
	}
	c.say("Nothing was proposed and nothing was started.", "提案も開始も行っていません。")
}

func (c *command) would(o alarm.Outcome) string {
	switch o {
	case alarm.Starting:
		return c.t("starts it", "自動で開始する")
	case alarm.Proposed:
		return c.t("proposes it to people", "人に提案する")
	}
	return c.t("nothing", "何もしない")
}
