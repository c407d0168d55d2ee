package cli

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

func (c *command) activate() *cobra.Command {
	var reason, since, request, confirm string
	var yes, wait bool
	cmd := &cobra.Command{
		Use:   "activate SCENARIO",
		Short: c.t("THE REAL THING: start the response of a scenario", "【本番】対応を発動する"),
		Long: c.t(`Start the REAL response: people are called, and systems are moved once it is decided and
somebody besides you has approved it. Shows what will happen and asks to type the scenario's
name; where nobody can type, --confirm NAME takes its place.`,
			`本番の対応を発動します。要員を召集し、決定と (あなた以外の) 承認を経てシステムを切り替えます。
実施内容を表示し、確認のためシナリオ名の入力を求めます。入力できない環境では --confirm 名前 で確認します。`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return c.needs("--reason")
			}
			if since != "" {
				at, err := c.moment("--since", since, run.ReadPast, func() (*time.Location, error) { return c.zoneOfScenario(cmd.Context(), args[0]) })
				if err != nil {
					return err
				}
				since = at.Format(time.RFC3339)
			}
			if _, err := c.person(); err != nil {
				return err
			}
			if yes {
				confirm = args[0]
			}
			if err := c.mayConfirm(args[0], confirm); err != nil {
				return err
			}
			hash := ""
			if confirm == "" { // somebody reads before they type
				a, err := c.whatWillHappen(cmd.Context(), args[0])
				if err != nil {
					return c.unstarted(cmd.Context(), err, "")
				}
				if err := c.typed(cmd.Context(), args[0]); err != nil {
					return err
				}
				hash = a.PlanHash
			}
			return c.start(cmd.Context(), api.StartRequest{Scenario: args[0], Kind: run.Response, Reason: reason, Since: since, PlanHash: hash, RequestID: request}, wait)
		},
	}
	f := cmd.Flags()
	f.StringVar(&reason, "reason", "", c.t("why; needed, and it stands in the report", "理由 (必須。報告書に記載される)"))
	f.StringVar(&since, "since", "", c.t("when the event happened: 14:03 in the estate's zone, an RFC 3339 time, or 10m for ten minutes ago", "事象の発生時刻: 14:03 (構成台帳のタイムゾーン)、RFC 3339、または 10m (10分前)"))
	f.StringVar(&request, "request-id", "", c.t("unique per request: asking again with the same one never starts twice", "要求ごとの一意な値。同じ値で再実行しても二重に開始しない"))
	f.StringVar(&confirm, "confirm", "", c.t("the scenario's name, in place of typing it", "入力による確認の代わりに指定するシナリオ名"))
	f.BoolVar(&yes, "yes", false, c.t("don't ask to type the scenario's name", "シナリオ名の入力による確認を省く"))
	_ = f.MarkDeprecated("yes", c.t("write --confirm NAME, which can't hit the wrong scenario", "--confirm 名前 を使用してください。対象の取り違えを防げます"))
	f.BoolVar(&wait, "wait", false, c.t("watch until the end and exit by the verdict", "終了まで監視し、判定に応じた終了コードで終わる"))
	return cmd
}

// mayConfirm makes sure that a real run can't start by accident: its name is typed, or given.
func (c *command) mayConfirm(scenario, confirm string) error {
	if confirm != "" {
		if confirm == scenario {
			return nil
		}
		return &failure{exitRefused, fmt.Errorf("%s", c.t("--confirm %s does not name the scenario %s; nothing was started", "--confirm %s がシナリオ %s と一致しません。何も開始していません", confirm, scenario)), ""}
	}
	if f, ok := c.In.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return mistake(fmt.Errorf("%s", c.t("this starts the REAL response, and nobody is there to confirm it", "本番の発動には確認が必要ですが、端末がありません")),
			c.t("Run it in a terminal, or give --confirm %s", "端末で実行するか、--confirm %s を指定してください", scenario))
	}
	return nil
}

// whatWillHappen shows what the start of a scenario means.
func (c *command) whatWillHappen(ctx context.Context, scenario string) (api.Activation, error) {
	client, err := c.client()
	if err != nil {
		return api.Activation{}, err
	}
	defer client.Close()
	a, err := client.Activation(ctx, scenario)
	if err != nil {
		return a, err
	}
	for _, line := range c.activation(a) {
		fmt.Fprintln(c.Err, line)
	}
	return a, nil
}

// activation is an activation in sentences.
func (c *command) activation(a api.Activation) []string {
	lang := string(c.lang)
	out := []string{c.t("REAL: %s (%s), plan %.12s", "【本番】%s（%s） 計画 %.12s", a.Title.In(lang), a.Scenario, a.PlanHash)}
	add := func(en, ja string, args ...any) { out = append(out, "  "+c.t(en, ja, args...)) }
	if a.Joins != "" {
		add("It runs already: you will join %s", "すでに実施中のため、%s に合流します", a.Joins)
	}
	if a.Over != "" {
		add("Run %[1]s of it has not ended yet, and takes no new event: unless only its records are left, the start will be refused until it has. muster drill show %[1]s says what it waits for",
			"前の実施 %[1]s がまだ終了しておらず、新たな事象は受け付けません。残りが記録物の整理だけの場合を除き、終了するまで開始は拒否されます。何を待っているかは muster drill show %[1]s で確認できます", a.Over)
	}
	var roles []string
	for _, r := range a.Roles {
		text := fmt.Sprintf("%s %d", a.RoleName(r.Role).In(lang), r.People)
		if r.Needed > 0 {
			text = c.t("%s %d (%d needed)", "%s %d（必要 %d）", a.RoleName(r.Role).In(lang), r.People, r.Needed)
		}
		roles = append(roles, text)
	}
	add("Called at once: %d people: %s", "直ちに召集する要員: %d 名（%s）", a.Called, strings.Join(roles, c.t(", ", "、")))
	if place := a.Place.In(lang); place != "" {
		add("Muster place: %s", "参集場所: %s", place)
	}
	for _, s := range a.Systems {
		to := s.From
		if s.To != "" {
			to += " → " + s.To
		}
		rto := c.t("no RTO", "RTOなし")
		if s.RTO != nil {
			rto = "RTO " + s.RTO.String()
		}
		var effects []string
		for _, e := range []string{"human", string(run.Observe), string(run.Isolated), string(run.Disrupt), string(run.Destroy)} {
			if n := s.Effects[e]; n > 0 {
				word := c.lang.Effect(run.Effect(e))
				if e == "human" {
					word = c.t("human", "人による作業")
				}
				effects = append(effects, fmt.Sprintf("%s %d", word, n))
			}
		}
		add("System %s (%s), %s, %s; may run: %s; steps by effect: %s", "システム %s（%s） %s %s 実行し得る手順書: %s 影響別のステップ: %s",
			s.Name, s.Title.In(lang), to, rto, strings.Join(s.Runbooks, ", "), strings.Join(effects, c.t(", ", "、")))
		if s.HeldBy != "" && !a.Yields(s) {
			if s.HeldKept || s.HeldOrphaned {
				var left plan.Text // an orphaned one says nothing
				if why := plan.Apart(s.HeldWhy); s.HeldWhy != "" {
					left = plan.Say(" Left to do: %s.", "未完了の内容：%s。", why)
				}
				add("  LOCKED by run %[1]s, which has ended.%[3]s The start will be refused. Put %[2]s right, then: muster drill release %[2]s --reason ...",
					"  終了した実施 %[1]s がロックしたままです。%[3]s開始は拒否されます。%[2]s を正常な状態に戻してから解除してください: muster drill release %[2]s --reason ...", s.HeldBy, s.Name, left.In(lang))
			} else if s.HeldAsksHome {
				add("  HELD by run %[1]s, which waits for the decision to return home or to stay at the alternate site: the start will be refused until it lets go. To stay ends it: muster decide stay --run %[1]s --reason ...",
					"  実施 %[1]s がロックしています（本拠点へ切戻すか、代替拠点で継続するかの決定待ち）。解除されるまで開始は拒否されます。「代替拠点で継続」と決定すれば終了します: muster decide stay --run %[1]s --reason ...", s.HeldBy)
			} else if s.HeldConfirm != "" {
				how := string(s.HeldConfirm)
				if s.HeldConfirm == run.Closing {
					how += " --note ..."
				}
				add("  HELD by run %[1]s, which has recovered what it could: the start will be refused until it lets go. It waits for: muster confirm %[2]s --run %[1]s",
					"  実施 %[1]s がロックしています（復旧は終了済み）。解除されるまで開始は拒否されます。待っている操作: muster confirm %[2]s --run %[1]s", s.HeldBy, how)
			} else {
				add("  HELD by run %s: the start will be refused until it lets go", "  実施 %s がロックしています。解除されるまで開始は拒否されます", s.HeldBy)
			}
		}
		if s.Unproven {
			add("  no probe looks at it: its return will not be proven", "  観測するプローブがないため、復旧は立証されません")
		}
	}
	if len(a.Untouched) > 0 {
		add("Not touched: %s", "対象外のシステム: %s", strings.Join(a.Untouched, ", "))
	}
	for _, d := range a.Drills {
		if slices.Contains(a.Beside, d) {
			add("DRILL %[1]s is going on on the same systems: stop it first, `muster drill abort %[1]s --reason ...`", "同じシステムを対象に訓練 %[1]s が実施中です。先に中止してください: `muster drill abort %[1]s --reason ...`", d)
			continue
		}
		add("Drill %s runs now, on other systems", "訓練 %s が実施中です（対象は別のシステム）", d)
	}
	decides := a.RoleName(a.DecidedBy).In(lang)
	if a.Rule == plan.RuleWait {
		add("No system is moved before %s decides and %d besides you approve", "システムの切り替えは、%s の決定と、あなた以外の %d 名の承認の後に行います", decides, a.Approvals)
	} else {
		add("No system is moved before %s decides (after %s without a decision the plan's rule does) and %d besides you approve", "システムの切り替えは、%s の決定（%s以内に決定がなければ、計画の規則による自動決定）と、あなた以外の %d 名の承認の後に行います",
			decides, c.lang.Span(a.Within.Seconds()), a.Approvals)
	}
	return out
}

func (c *command) typed(ctx context.Context, scenario string) error {
	fmt.Fprint(c.Err, c.t("This is REAL, not a drill. Type the scenario's name (%s) to start: ", "これは訓練ではなく本番です。発動するにはシナリオ名 (%s) を入力してください: ", scenario))
	line, err := typing(ctx, func() (string, error) { return bufio.NewReader(c.In).ReadString('\n') })
	if err != nil && line == "" {
		fmt.Fprintln(c.Err)
	}
	if ctx.Err() != nil {
		return c.unstarted(ctx, ctx.Err(), "")
	}
	if strings.TrimSpace(line) != scenario {
		return &failure{exitRefused, fmt.Errorf("%s", c.t("not confirmed; nothing was started", "確認できませんでした。何も開始していません")), ""}
	}
	return nil
}
