package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
)

func (c *command) check() *cobra.Command {
	var last, real bool
	cmd := &cobra.Command{
		Use:   "check [SCENARIO ...]",
		Short: c.t("Could it be carried out now? Asks every site, changes nothing", "今すぐ実施できる状態かを全拠点に問い合わせて点検する (何も変更しない)"),
		Long: c.t(`Asks the workers of all sites whether each step, undo, inject and probe of the scenarios
could do its work now, and whether the people whom they need can be called. Nothing is
changed. The result is kept; --last shows the newest one without asking again.
Exit code 3 when something would keep a scenario from working.`,
			`シナリオの各ステップ、取り消し、状況付与、監視が今すぐ実施できるか、必要な人員に連絡できるかを、
全拠点のワーカーに問い合わせて点検します。何も変更しません。結果は記録されます。
--last は、改めて問い合わせずに直近の結果を表示します。
実施の妨げになる問題があれば終了コード3で終わります。`),
		RunE: func(cmd *cobra.Command, names []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			if len(names) == 0 {
				list, err := client.Scenarios(cmd.Context())
				if err != nil {
					return err
				}
				for _, s := range list {
					if s.Depth != run.Tabletop {
						names = append(names, s.Name)
					}
				}
			}
			if len(names) == 0 {
				c.say("nothing to check: the plan has table-top scenarios alone, in which nothing runs; `muster check SCENARIO` checks one all the same",
					"点検する対象がありません。計画は机上訓練のシナリオだけで、何も実行されません。`muster check SCENARIO` で個別に点検できます")
			}
			all := []api.Readiness{}
			zone := c.zone(cmd.Context(), client)
			for _, name := range names {
				var r api.Readiness
				if last {
					r, err = client.Readiness(cmd.Context(), name)
				} else {
					r, err = client.Check(cmd.Context(), name, api.CheckRequest{By: c.config.Person, Real: real})
				}
				if err != nil {
					return err
				}
				all = append(all, r)
				if !c.json() {
					c.printReadiness(r, zone)
				}
			}
			if c.json() {
				if err := c.printJSON(all); err != nil {
					return err
				}
			}
			for _, r := range all {
				if r.Checked == nil || !r.Checked.Ready {
					return shown(exitMissed)
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.BoolVar(&last, "last", false, c.t("show the newest result, ask nobody", "直近の結果を表示する (問い合わせない)"))
	f.BoolVar(&real, "real", false, c.t("with the rights and secrets of a real response", "本番対応の権限と秘密情報で点検する"))
	return cmd
}

// cause is what is wrong, with all that it keeps from working: one thing to mend is one.
type cause struct {
	text string
	of   []place
}

type place struct{ what, line string }

// shownPlaces bounds what is listed of one cause.
const shownPlaces = 5

func (x cause) print(c *command) {
	if len(x.of) == 1 {
		fmt.Fprintf(c.Out, "  ✗ %s: %s\n", x.of[0].what, x.text)
		if x.of[0].line != "" {
			fmt.Fprintf(c.Out, "      %s\n", x.of[0].line)
		}
		return
	}
	fmt.Fprintf(c.Out, "  ✗ %s\n", x.text)
	fmt.Fprintf(c.Out, "      %s\n", c.t("keeps %d things from working:", "%d項目に影響:", len(x.of)))
	for i, p := range x.of {
		if i == shownPlaces && len(x.of) > shownPlaces+1 {
			fmt.Fprintf(c.Out, "        %s\n", c.t("… and %d more; all are in --output json", "… ほか %d 項目。すべては --output json で表示", len(x.of)-i))
			return
		}
		fmt.Fprintf(c.Out, "        %s\n", strings.TrimSpace(p.what+"  "+p.line))
	}
}

func (c *command) printReadiness(r api.Readiness, zone *time.Location) {
	switch {
	case r.Checked == nil:
		fmt.Fprintf(c.Out, "%s: %s\n", r.Scenario, c.t("never checked; muster check %s", "未点検。muster check %s", r.Scenario))
	case r.Checked.Ready:
		fmt.Fprintf(c.Out, "%s: %s\n", r.Scenario, c.t("ready (%d things checked at %s)", "準備完了 (%[2]s に%[1]d項目を点検)", len(r.Checked.Items), i18n.Moment(*r.At, zone)))
	default:
		bad := 0
		for _, i := range r.Checked.Items {
			if len(i.Problems) > 0 {
				bad++
			}
		}
		fmt.Fprintf(c.Out, "%s: %s\n", r.Scenario, c.t("NOT READY: %d of %d things, checked at %s", "要対処: %[2]d項目中%[1]d項目 (%[3]s 点検)", bad, len(r.Checked.Items), i18n.Moment(*r.At, zone)))
	}
	if r.Stale {
		fmt.Fprintf(c.Out, "  %s\n", c.t("the plan has changed since this check", "この点検の後に計画が変更されています"))
	}
	var causes []cause
	if r.Checked != nil {
		for _, i := range r.Checked.Items {
			where := i.Where
			if i.System != "" && !strings.HasPrefix(where, i.System+"/") {
				where = i.System + "/" + where
			}
			if i.Site != "" {
				where += " @ " + i.Site
			}
			for _, p := range i.Problems {
				text := p.EN
				if c.lang == i18n.JA {
					text = p.JA
				}
				at := slices.IndexFunc(causes, func(x cause) bool { return x.text == text })
				if at < 0 {
					at, causes = len(causes), append(causes, cause{text: text})
				}
				causes[at].of = append(causes[at].of, place{i.What + " " + where, i.Line})
			}
			if i.Note != "" {
				fmt.Fprintf(c.Out, "  · %s %s: %s\n", i.What, where, i.Note)
			}
		}
	}
	for _, x := range causes {
		x.print(c)
	}
	if r.Proof.Proven {
		proven := c.t("proven by run %s", "実施 %s により立証済み", r.Proof.Run)
		if len(r.Proof.Simulated) > 0 {
			proven = c.t("%s (%s)", "%s（%s）", proven, proof.SimulatedText(r.Proof.Simulated).In(string(c.lang)))
		}
		fmt.Fprintf(c.Out, "  %s\n", proven)
		return
	}
	for _, why := range r.Proof.Reasons {
		fmt.Fprintf(c.Out, "  %s: %s\n", c.t("needs proof", "立証が必要"), why.In(string(c.lang)))
	}
}
