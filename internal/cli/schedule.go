package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

func (c *command) schedule() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule",
		Short: c.t("Drills that start by themselves: put into effect, list, next starts, pause", "訓練の自動開始の適用・一覧・次回・一時停止"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.scheduleApply(), c.scheduleList(), c.scheduleNext(), c.schedulePause(true), c.schedulePause(false))
	return cmd
}

func (c *command) scheduleApply() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use: "apply", Short: c.t("Put the schedules of the programme into effect; says what changes", "訓練計画の予定を適用し、変更点を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("plans") {
				return mistake(fmt.Errorf("%s", c.t("schedule apply takes no --plans: the server puts the programme of its own plan files into effect", "schedule apply では --plans を指定できません。サーバー自身の計画ファイルにある訓練計画が適用されます")),
					c.t("Leave it out, after the files are where the server reads them; `muster validate DIR` checks others", "サーバーの計画フォルダーにファイルを置いたうえで、--plans なしで実行してください。別のファイルの検査は `muster validate DIR` でできます"))
			}
			client, by, err := c.clientAs()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.ApplySchedules(cmd.Context(), api.ScheduleRequest{By: by, DryRun: dry})
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(list)
			}
			changed := 0
			signs := map[string]string{"add": "+", "change": "~", "remove": "-", "keep": " "}
			for _, x := range list {
				if x.What != "keep" {
					changed++
				}
				line := signs[x.What] + " " + x.Schedule
				if x.Paused {
					line += c.t(" (paused)", "（一時停止中）")
				}
				for i, d := range x.Differs {
					sep := "  "
					if i > 0 {
						sep = "\n      "
					}
					line += sep + d.In(string(c.lang))
				}
				fmt.Fprintln(c.Out, line)
			}
			if dry {
				c.say("%d of %d would change; nothing was done", "%[2]d 件中 %[1]d 件が変更対象です。まだ何も変更していません", changed, len(list))
			} else {
				c.say("%d of %d changed; `muster schedule next` shows the next starts", "%[2]d 件中 %[1]d 件を変更しました。`muster schedule next` で次回の開始を確認できます", changed, len(list))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, c.t("only say what would change", "変更せずに差分だけを表示する"))
	return cmd
}

func (c *command) scheduleList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: c.t("The schedules, as the files and the engine have them", "予定の一覧と適用状況を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.Schedules(cmd.Context())
			if err != nil {
				return err
			}
			c.zone(cmd.Context(), client)
			if c.json() {
				return c.printJSON(list)
			}
			var rows [][]string
			for _, v := range list {
				rows = append(rows, []string{v.Schedule, c.scheduleState(v), c.startAt(v.Next), v.Scenario, v.When.In(string(c.lang))})
			}
			table(c.Out, []string{c.t("SCHEDULE", "予定"), c.t("STATE", "状態"), c.t("NEXT", "次回"), c.t("SCENARIO", "シナリオ"), c.t("WHEN", "時期")}, rows)
			for _, v := range list {
				if !v.Drawn.IsZero() {
					c.say("%s: the drawn start is %s; nobody else is told", "%s：抽選された開始時刻は %s です。あなた以外には表示されません", v.Schedule, v.Drawn.In(c.in).Format("2006-01-02 15:04:05 MST"))
				}
			}
			return nil
		},
	}
}

func (c *command) scheduleState(v api.ScheduleView) string {
	switch v.State {
	case "in_effect":
		return c.t("in effect", "適用中")
	case "paused":
		return c.t("paused (%s)", "一時停止中（%s）", v.Note)
	case "differs":
		return c.t("the file differs: apply it", "ファイルと相違（要適用）")
	case "not_in_file":
		return c.t("not in the file any more: apply it", "ファイルから削除済み（要適用）")
	}
	return c.t("not applied", "未適用")
}

// startAt is a start, or the window of a blind one.
func (c *command) startAt(s *programme.Start) string {
	if s == nil {
		return "-"
	}
	zone := c.in
	at := s.At.In(zone).Format("2006-01-02 15:04 MST")
	if s.Blind {
		return s.At.In(zone).Format("2006-01-02") + c.t(" to ", "〜") + s.Until.In(zone).Format("2006-01-02")
	}
	if s.Never {
		return c.t("never within a year", "1年以内になし")
	}
	return at
}

func (c *command) scheduleNext() *cobra.Command {
	var n int
	cmd := &cobra.Command{
		Use: "next", Short: c.t("The next starts, and what moves them", "次回以降の開始と繰り越しの理由を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.NextStarts(cmd.Context(), n)
			if err != nil {
				return err
			}
			c.zone(cmd.Context(), client)
			if c.json() {
				return c.printJSON(list)
			}
			if len(list) == 0 {
				all, err := client.Schedules(cmd.Context())
				if err != nil {
					return err
				}
				if paused := c.pausedSchedules(all); len(paused) > 0 {
					c.say("nothing starts by itself:\n%s", "自動で開始する予定はありません。\n%s", strings.Join(paused, "\n"))
					return nil
				}
				c.say("no schedule is in effect; `muster schedule apply` puts those of the programme into effect", "適用中の予定はありません。`muster schedule apply` で適用できます")
				return nil
			}
			var rows [][]string
			for _, s := range list {
				var why []string
				for _, m := range s.Shifts {
					why = append(why, m.Why.In(string(c.lang)))
				}
				if s.Blind {
					why = append(why, c.t("drawn within", "期間内で抽選"))
				}
				rows = append(rows, []string{c.startAt(&s), s.Schedule, strings.Join(why, c.t("; ", "；"))})
			}
			table(c.Out, []string{c.t("START", "開始"), c.t("SCHEDULE", "予定"), c.t("WHY", "備考")}, rows)
			return nil
		},
	}
	cmd.Flags().IntVarP(&n, "count", "n", 10, c.t("how many", "件数"))
	return cmd
}

// pausedSchedules says of each schedule that is paused since when, by whom and why, and what ends it.
func (c *command) pausedSchedules(list []api.ScheduleView) []string {
	var out []string
	for _, v := range list {
		if v.State != "paused" {
			continue
		}
		since := ""
		if !v.Since.IsZero() {
			since = c.t(" since %s", "（%sから）", v.Since.In(c.in).Format("2006-01-02 15:04 MST"))
		}
		out = append(out, c.t("%[1]s is paused%[2]s (%[3]s); `muster schedule resume %[1]s` lets it go on", "%[1]s は一時停止中%[2]s（%[3]s）。`muster schedule resume %[1]s` で再開できます", v.Schedule, since, v.Note))
	}
	return out
}

func (c *command) schedulePause(pause bool) *cobra.Command {
	var note string
	cmd := &cobra.Command{Use: "resume SCHEDULE", Short: c.t("Let a paused schedule go on", "一時停止中の予定を再開する"), Args: cobra.ExactArgs(1)}
	if pause {
		cmd.Use, cmd.Short = "pause SCHEDULE", c.t("Hold a schedule; what is due meanwhile is postponed", "予定を一時停止する (その間の訓練は延期)")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if pause && strings.TrimSpace(note) == "" {
			return c.needs("--note")
		}
		client, by, err := c.clientAs()
		if err != nil {
			return err
		}
		defer client.Close()
		v, err := client.PauseSchedule(cmd.Context(), args[0], pause, api.ScheduleRequest{By: by, Note: note})
		if err != nil {
			return err
		}
		c.zone(cmd.Context(), client)
		if c.json() {
			return c.printJSON(v)
		}
		if pause {
			c.say("%s is paused: %s", "%s を一時停止しました（%s）", v.Schedule, note)
		} else {
			c.say("%s goes on; next: %s", "%s を再開しました。次回：%s", v.Schedule, c.startAt(v.Next))
		}
		return nil
	}
	cmd.Flags().StringVar(&note, "note", "", c.t("why; it is shown and kept", "理由 (表示・記録される)"))
	return cmd
}

func (c *command) coverage() *cobra.Command {
	var year int
	cmd := &cobra.Command{
		Use: "coverage", Short: c.t("The year's drills: held, planned, postponed, overdue", "年間訓練計画の実施状況を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			cov, err := client.Coverage(cmd.Context(), year)
			if err != nil {
				return err
			}
			c.zone(cmd.Context(), client)
			if c.json() {
				return c.printJSON(cov)
			}
			var rows [][]string
			counts, late, unproven := map[programme.Status]int{}, 0, 0
			for _, i := range cov.Items {
				counts[i.Status]++
				if i.Late {
					late++
				}
				if i.Unproven {
					unproven++
				}
				rows = append(rows, []string{i.From.In(c.in).Format(time.DateOnly), i.Row, c.status(i), c.became(i)})
			}
			table(c.Out, []string{c.t("DUE", "予定日"), c.t("ROW", "行"), c.t("STATE", "状態"), c.t("WHAT CAME OF IT", "経過")}, rows)
			c.say("%s to %s: %d held, %d overdue, %d postponed, %d to come", "%s〜%s：実施済み %d、期限超過 %d、延期中 %d、今後 %d",
				cov.From.In(c.in).Format(time.DateOnly), cov.Until.In(c.in).AddDate(0, 0, -1).Format(time.DateOnly), counts[programme.HeldThen], counts[programme.Overdue], counts[programme.Waiting],
				counts[programme.Planned]+counts[programme.UnderWay]+counts[programme.Arriving])
			if n := counts[programme.NotOwed]; n > 0 {
				c.say("%d are not owed: due before the programme was in force, or for somebody who left in time", "%d 件は対象外（適用開始前の予定、または期限前に対象から外れた人の分）", n)
			}
			if late > 0 {
				c.say("%d of those held were held after their time was over", "実施済みのうち %d 件は期限を過ぎてからの実施", late)
			}
			if unproven > 0 {
				c.say("%d of those held are not proven: on record only though a run could show it, or with simulated people", "実施済みのうち %d 件は未立証（シナリオがあるのに記録のみ、または人が模擬）", unproven)
			}
			return nil
		},
	}
	cmd.Flags().IntVar(&year, "year", 0, c.t("year in which the programme's year begins (default: the present one)", "年度の開始年 (既定は今年度)"))
	cmd.AddCommand(c.coverageHeld(), c.coverageWithdraw(), c.coverageGoals(), c.coverageJudge())
	return cmd
}

func (c *command) status(i programme.Item) string {
	switch i.Status {
	case programme.HeldThen:
		if i.Late {
			return c.t("HELD LATE", "遅れて実施")
		}
		return c.t("held", "実施済み")
	case programme.Overdue:
		return c.t("OVERDUE", "期限超過")
	case programme.Waiting:
		return c.t("postponed", "延期中")
	case programme.UnderWay:
		return c.t("under way", "実施中")
	case programme.Arriving:
		return c.t("due", "要実施")
	case programme.NotOwed:
		return c.t("not owed", "対象外")
	}
	return c.t("planned", "予定")
}

func (c *command) became(i programme.Item) string {
	var out []string
	switch {
	case i.Role != "":
		out = append(out, c.t("for %s, new as %s", "対象：%s（新しい役割：%s）", i.Person, i.Role))
	case i.Person != "":
		out = append(out, c.t("for %s", "対象：%s", i.Person))
	}
	switch i.Status {
	case programme.HeldThen:
		what := c.t("on %s", "%s に実施", i.HeldOn.In(c.in).Format(time.DateOnly))
		if i.Run != "" {
			what += c.t(" by %s", "（%s）", i.Run)
		} else {
			what += c.t(", recorded by %s on %s: %s", "（%s が%sに記録：%s）", i.By, i.RecordedAt.In(c.in).Format(time.DateOnly), i.Reason)
		}
		out = append(out, what)
		if i.Simulated {
			out = append(out, c.t("people simulated", "人は模擬"))
		}
	case programme.UnderWay:
		out = append(out, i.Run)
	case programme.Waiting:
		if !i.Until.IsZero() {
			out = append(out, c.t("to %s", "%s に延期", i.Until.In(c.in).Format("2006-01-02 15:04")))
		}
	case programme.Arriving, programme.Planned:
		if !i.To.IsZero() && i.Person != "" {
			out = append(out, c.t("until %s", "期限：%s", i.To.In(c.in).Format(time.DateOnly)))
		}
	}
	for _, w := range i.Why {
		out = append(out, w.In(string(c.lang)))
	}
	return strings.Join(out, c.t("; ", "；"))
}

func (c *command) coverageGoals() *cobra.Command {
	return &cobra.Command{
		Use: "goals ROW RUN", Short: c.t("Whether a run met the goals that its row had set beforehand", "行にあらかじめ定めた目標を実施が達成したか表示する"), Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.Goals(cmd.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(list)
			}
			if len(list) == 0 {
				c.say("row %s has no goals", "行 %s に目標はありません", args[0])
				return nil
			}
			zone := c.zone(cmd.Context(), client)
			var rows [][]string
			for _, g := range list {
				why := g.Why.In(string(c.lang))
				if j := g.Judged; j != nil {
					why = c.t("judged by %s on %s: %s", "%s が %s に判定: %s", j.By, j.At.In(zone).Format(time.DateOnly), j.Text)
				}
				what := []string{g.Text.In(string(c.lang)), why, g.Remark.In(string(c.lang))}
				rows = append(rows, []string{g.ID, c.lang.Verdict(g.Verdict), strings.Join(slices.DeleteFunc(what, func(s string) bool { return s == "" }), "  ")})
			}
			table(c.Out, []string{c.t("GOAL", "目標"), c.t("VERDICT", "判定"), c.t("WHAT", "内容")}, rows)
			return nil
		},
	}
}

func (c *command) coverageJudge() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "judge ROW RUN GOAL met|missed", Short: c.t("Judge a goal of a row that no record can: for who has the role in its judged_by", "記録から判定できない目標を判定する（judged_by の役割を持つ人が行う）"), Args: cobra.ExactArgs(4),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return c.needs("--reason")
			}
			client, by, err := c.clientAs()
			if err != nil {
				return err
			}
			defer client.Close()
			w, err := client.Write(cmd.Context(), api.WriteRequest{By: by, About: args[1], Item: run.GoalItem(args[0], args[2]), Verdict: run.Verdict(args[3]), Text: reason})
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(w)
			}
			c.say("judged: %s", "判定しました: %s", c.lang.Verdict(run.Verdict(args[3])))
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("what the judgement rests on", "判定の根拠"))
	return cmd
}
