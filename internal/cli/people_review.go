package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/lookout"
)

func (c *command) peopleReview() *cobra.Command {
	return &cobra.Command{
		Use:   "review [YYYY-MM]",
		Short: c.t("The list for the monthly access review: who came, what was refused and found, what changed", "月次のアクセスレビュー用の一覧を表示する (利用者、拒否と検知、変更)"),
		Long: c.t(`The list for the monthly access review, of the last whole month unless one is named: who came and from
where, what was refused, the security alarms, which tokens were issued, revoked or not used, and who was
disabled. With -o csv it is the table of people alone. It takes the right to audit.`,
			`月次のアクセスレビュー用の一覧です (月を省略すると前月)。誰がどこから利用したか、拒否された操作、
セキュリティ警報、トークンの発行・取り消し・未使用、利用停止を表示します。-o csv では要員の表だけを
出力します。auditの権限が必要です。`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			c.zone(cmd.Context(), client)
			m, err := client.AccessMonth(cmd.Context(), first(args, ""))
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(m)
			}
			return c.printMonth(m)
		},
	}
}

func (c *command) printMonth(m lookout.Month) error {
	var people [][]string
	for _, p := range m.People {
		people = append(people, []string{p.Person, fmt.Sprint(p.Came), fmt.Sprint(p.Read), fmt.Sprint(p.Refused), fmt.Sprint(p.BreakGlass), c.stamp(p.Last), strings.Join(p.Networks, " ")})
	}
	head := []string{"person", "came", "read", "refused", "break_glass", "last", "from"}
	if c.output == "csv" {
		return c.list(head, people)
	}
	in := c.in
	if in == nil {
		in = time.UTC
	}
	title := func(en, ja string, args ...any) { fmt.Fprintf(c.Out, "\n%s\n", c.t(en, ja, args...)) }
	fmt.Fprintln(c.Out, c.t("Access review of %s", "%s のアクセスレビュー", m.From.In(in).Format("2006-01")))
	title("Who came", "利用者")
	if err := c.list(head, people); err != nil {
		return err
	}
	fmt.Fprintln(c.Out, c.t("%d refusals of nobody known, from %d address(es)", "不明な相手の拒否 %d 件（接続元 %d 件）", m.Strangers, m.Addresses))
	lines := func(entries []lookout.MonthEntry) error {
		if len(entries) == 0 {
			_, err := fmt.Fprintln(c.Out, c.t("none", "なし"))
			return err
		}
		var rows [][]string
		for _, e := range entries {
			rows = append(rows, []string{c.stamp(e.At), e.Person, e.What, e.From})
		}
		return c.list([]string{"at", "person", "act", "from"}, rows)
	}
	title("Security alarms", "セキュリティ警報")
	var ways []string            // of each kind once
	for i, a := range m.Alarms { // in words
		kind, about, _ := strings.Cut(a.What, ": ")
		if r, ok := lookout.RuleOf(lookout.Kind(kind)); ok {
			title := r.Title.In(string(c.lang))
			m.Alarms[i].What = title + " (" + about + ")"
			if way := c.t("%s: %s", "%s：%s", title, r.Way.In(string(c.lang))); !slices.Contains(ways, way) {
				ways = append(ways, way)
			}
		}
	}
	if err := lines(m.Alarms); err != nil {
		return err
	}
	if len(ways) > 0 {
		title("What to do about them", "警報への対処")
		for _, way := range ways {
			fmt.Fprintln(c.Out, "- "+way)
		}
		fmt.Fprintln(c.Out, c.t("More: docs/alerts.md#mustersecurityalarm", "詳細: docs/alerts.ja.md#mustersecurityalarm"))
	}
	title("What was given, taken or changed", "権限と構成の変更")
	if err := lines(m.Changes); err != nil {
		return err
	}
	title("Tokens that would open and were not used: revoke those that nobody needs", "有効で未使用のトークン（不要なものは取り消してください）")
	if len(m.Unused) == 0 {
		_, err := fmt.Fprintln(c.Out, c.t("none", "なし"))
		return err
	}
	return c.printTokens(m.Unused)
}
