package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) checkin() *cobra.Command {
	var id, safety, note, family, where, phone, comes string
	var can, cannot, online bool
	cmd := &cobra.Command{
		Use:   "checkin [PERSON]",
		Short: c.t("Answer the safety check, for yourself or for PERSON", "安否を回答する (自分またはPERSONについて)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && !cmd.Flags().Changed("safety") { // nobody is safe because a word was left out
				if by, err := c.person(); err != nil {
					return err
				} else if args[0] != by {
					return c.needs("--safety")
				}
			}
			s, err := oneOf(c, "--safety", strings.ReplaceAll(safety, "-", "_"), run.Safe, run.LightlyHurt, run.BadlyHurt, run.Injured, run.Well, run.InIsolation, run.Unwell)
			if err != nil {
				return err
			}
			var f run.Family
			if family != "" {
				if f, err = oneOf(c, "--family", family, run.Families()...); err != nil {
					return err
				}
			}
			fit := (can || online || s.Comes()) && !cannot
			if comes != "" && !fit {
				return mistake(fmt.Errorf("%s", c.t("--comes says when somebody will be there, and the rest says that they can't come", "--comes は到着の見込みですが、ほかの指定では参集できないことになります")),
					c.t("add --can-come (or --online), or leave --comes out", "--can-come（または --online）を付けるか、--comes を外してください"))
			}
			var of string
			at, err := c.expected(cmd.Context(), id, comes)
			if err != nil {
				return err
			}
			err = c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				of = first(args, by)
				return client.CheckIn(ctx, id, workflows.CheckIn{Person: of, By: by, Safety: s, CanCome: fit, Online: online, ComesAt: at,
					Family: f, Whereabouts: where, Phone: phone, Note: note})
			})
			if err == nil && !c.json() {
				c.saidToBe(of, s, fit)
			}
			return err
		},
	}
	f := cmd.Flags()
	f.StringVar(&safety, "safety", string(run.Safe), c.t("safe, lightly-hurt or badly-hurt; in a pandemic well, isolated or unwell; needed for somebody else", "safe (無事), lightly-hurt (軽傷), badly-hurt (重傷)。感染症では well (体調良好), isolated (自宅待機), unwell (体調不良)。本人以外については必須"))
	f.BoolVar(&can, "can-come", false, c.t("can come to the muster though hurt", "負傷していても参集できる"))
	f.BoolVar(&cannot, "cannot-come", false, c.t("can't come to the muster", "参集できない"))
	f.BoolVar(&online, "online", false, c.t("can take part online", "オンラインで参加できる"))
	f.StringVar(&comes, "comes", "", c.t("when you expect to be there: 2h, 14:30 in the estate's zone, or an RFC 3339 time", "到着見込み: 2h、14:30 (構成台帳のタイムゾーン)、またはRFC 3339の時刻"))
	f.StringVar(&family, "family", "", c.t("safe, hurt, unknown or none; private", "家族の状況: safe (無事), hurt (負傷), unknown (未確認), none (なし)。非公開"))
	f.StringVar(&where, "where", "", c.t("where you are; private", "現在地 (非公開)"))
	f.StringVar(&phone, "phone", "", c.t("where you can be reached now; private", "現在の連絡先 (非公開)"))
	f.StringVar(&note, "note", "", c.t("a remark; private", "備考 (非公開)"))
	c.runFlag(cmd, &id)
	return cmd
}

// saidToBe tells what a check-in recorded, so that a word that was left out is seen.
func (c *command) saidToBe(person string, s run.Safety, comes bool) {
	come := c.t("can't come", "参集できない")
	if comes {
		come = c.t("can come", "参集できる")
	}
	c.say("recorded of %s: %s, %s; `muster checkin --safety ...` again corrects it", "%s の安否：%s、%s。訂正するには `muster checkin --safety ...` をもう一度実行します", person, c.lang.Safety(s), come)
}

// expected reads when somebody comes: a span from now, a time of day to come, or a time.
func (c *command) expected(ctx context.Context, id, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := c.moment("--comes", text, run.ReadComing, func() (*time.Location, error) { return c.zoneOfRun(ctx, id) })
	if err != nil {
		return nil, err
	}
	return &at, nil
}

func (c *command) arrive() *cobra.Command {
	var id, place string
	var online bool
	cmd := &cobra.Command{
		Use:   "arrive [PERSON]",
		Short: c.t("Say that you are, or that PERSON is, at the muster", "参集を報告する (自分またはPERSONについて)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				return client.Arrive(ctx, id, workflows.Arrive{Person: first(args, by), By: by, Place: place, Online: online})
			})
		},
	}
	cmd.Flags().StringVar(&place, "place", "", c.t("muster place (default: where you were called to)", "参集場所 (既定は召集で示された場所)"))
	cmd.Flags().BoolVar(&online, "online", false, c.t("at the first muster place that is online", "オンラインの参集場所に参加した"))
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) relocate() *cobra.Command {
	var id, reason string
	cmd := &cobra.Command{
		Use:   "relocate PLACE",
		Short: c.t("Name another muster place; for who leads or decides", "参集場所を変更する (作業責任者または決定者)"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return c.needs("--reason")
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				return client.Relocate(ctx, id, workflows.Relocate{By: by, Place: args[0], Reason: reason})
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why; everybody who is on the way is told", "理由 (移動中の全員に伝わる)"))
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) handover() *cobra.Command {
	var id, from, to, reason string
	cmd := &cobra.Command{
		Use:   "handover ROLE --to PERSON",
		Short: c.t("Hand a role over, as at the change of a shift", "役割を引き継ぐ (交代時など)"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return c.needs("--to")
			}
			return c.act(cmd.Context(), []string{id}, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				h := workflows.Handover{By: by, Role: args[0], From: from, To: to, Reason: reason}
				if h.From == "" {
					h.From = by
				}
				return client.Handover(ctx, id, h)
			})
		},
	}
	cmd.Flags().StringVar(&from, "from", "", c.t("who holds the role now (default: you)", "現在の担当者 (既定は自分)"))
	cmd.Flags().StringVar(&to, "to", "", c.t("who takes it over", "引き継ぐ人"))
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why", "理由"))
	c.runFlag(cmd, &id)
	return cmd
}

func (c *command) strength() *cobra.Command {
	var note string
	cmd := &cobra.Command{
		Use:   "strength [RUN]",
		Short: c.t("Report who is there; a second person's count confirms it", "参集状況を報告する (別の人の報告が確認になる)"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.act(cmd.Context(), args, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				return client.Strength(ctx, id, workflows.Strength{By: by, Note: note})
			})
		},
	}
	cmd.Flags().StringVar(&note, "note", "", c.t("a remark", "備考"))
	c.alsoRun(cmd, 0)
	return cmd
}

func (c *command) drillCallOut() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "callout",
		Short: c.t("Send a held call-out at once, or call it off", "保留中の召集を直ちに送信する、または取り消す"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	for _, a := range []struct {
		use, short string
		send       bool
	}{
		{"send", c.t("Call everybody now", "直ちに全員を召集する"), true},
		{"cancel", c.t("It is a false alarm: nobody is called, and the run ends", "誤報として取り消す (誰も召集せず、実施を終了する)"), false},
	} {
		var reason string
		sub := &cobra.Command{
			Use: a.use + " [RUN]", Short: a.short, Args: cobra.MaximumNArgs(1),
			RunE: func(cmd *cobra.Command, args []string) error {
				if !a.send && reason == "" {
					return c.needs("--reason")
				}
				return c.act(cmd.Context(), args, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
					return client.CallOut(ctx, id, workflows.CallOut{By: by, Send: a.send, Reason: reason})
				})
			},
		}
		sub.Flags().StringVar(&reason, "reason", "", c.t("why; it stands in the report", "理由 (報告書に記載される)"))
		c.alsoRun(sub, 0)
		cmd.AddCommand(sub)
	}
	return cmd
}

func (c *command) drillPeople() *cobra.Command {
	var f api.PeopleFilter
	var runID string
	cmd := &cobra.Command{
		Use:   "people [RUN]",
		Short: c.t("Show who was called, how they are and who is there", "召集対象者の安否と参集の状況を表示する"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if runID != "" {
				if len(args) > 0 && args[0] != runID {
					return mistake(fmt.Errorf("%s", c.t("RUN and --run name two runs", "RUN と --run の指定が異なります")), c.t("Leave one out", "どちらか一方を指定してください"))
				}
				args = []string{runID}
			}
			client, id, err := c.clientAndLastRun(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer client.Close()
			f.As = c.config.Person
			p, err := client.People(cmd.Context(), id, f)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(p)
			}
			c.zone(cmd.Context(), client)
			c.showPeople(p)
			return nil
		},
	}
	c.runFlag(cmd, &runID)
	cmd.Flags().StringVar(&f.Section, "section", "", c.t("only this department", "この部署のみ"))
	cmd.Flags().StringVar(&f.Role, "role", "", c.t("only holders of this role", "この役割の人のみ"))
	cmd.Flags().StringVar(&f.State, "state", "", c.t("only who is silent, answered, arrived, absent, not_called, hurt or cannot_come", "状態: silent (未回答), answered (回答済), arrived (参集), absent (不在設定), not_called (対象外), hurt (負傷), cannot_come (参集不可)"))
	return cmd
}

func (c *command) showPeople(p api.People) {
	head := []string{"", c.t("CALLED", "対象"), c.t("ANSWERED", "回答"), c.t("SAFE", "無事"), c.t("LIGHT", "軽傷"), c.t("BAD", "重傷"), c.t("SILENT", "未回答"), c.t("CAN COME", "参集可"), c.t("ARRIVED", "参集")}
	row := func(name string, t api.Totals) []string {
		out := []string{name}
		for _, n := range []int{t.People, t.Answered, t.Safe, t.LightlyHurt, t.BadlyHurt, t.Silent, t.CanCome, t.Arrived} {
			out = append(out, fmt.Sprint(n))
		}
		return out
	}
	rows := [][]string{row(c.t("all", "全体"), p.Totals)}
	for _, s := range p.Sections {
		if s.Section != "" {
			rows = append(rows, row(s.Section, s.Totals))
		}
	}
	for _, r := range p.Roles {
		name := r.Role
		if r.Need > 0 {
			name = c.t("%s (%d of %d there)", "%s (%d/%d名)", r.Role, r.Present, r.Need)
		}
		rows = append(rows, row(name, r.Totals))
	}
	table(c.Out, head, rows)
	fmt.Fprintln(c.Out)
	var people [][]string
	for _, m := range p.People {
		state, where := c.t(strings.ReplaceAll(m.State, "_", " "), stateJA[m.State]), ""
		if m.Last != nil {
			state = c.lang.Safety(m.Last.Safety)
			if !m.Last.CanCome {
				state += c.t(", can't come", "・参集不可")
			}
			if m.Last.By != m.ID && !run.IsSimulated(m.Last.By) {
				state += c.t(", entered by %s", "・%sが代理入力", m.Last.By)
			}
		}
		if m.Unreached {
			state += c.t("; could not be reached by any channel", "・どの連絡手段でも届いていない")
		}
		switch {
		case m.Left:
			where = c.t("had to go; came to %s at %s", "離脱（%s に %s 参集）", m.Place, c.clock(m.ArrivedAt))
		case m.ArrivedAt != nil:
			where = c.t("%s since %s", "%s（%s から）", m.Place, c.clock(m.ArrivedAt))
		case m.Last != nil && m.Last.ComesAt != nil:
			where = c.t("expected %s", "%s 到着見込み", i18n.Moment(*m.Last.ComesAt, c.in))
		}
		private := ""
		if x := m.Private; x != nil {
			var parts []string
			if x.Family != "" {
				parts = append(parts, c.lang.Family(x.Family))
			}
			for _, text := range []string{x.Whereabouts, x.Phone, x.Note} {
				if text != "" {
					parts = append(parts, strings.Join(strings.Fields(text), " "))
				}
			}
			private = strings.Join(parts, " / ")
		}
		people = append(people, []string{m.ID, m.Name.In(string(c.lang)), strings.Join(m.Roles, ","), state, where, private})
	}
	table(c.Out, []string{c.t("PERSON", "要員ID"), c.t("NAME", "氏名"), c.t("ROLES", "役割"), c.t("STATE", "状態"), c.t("WHERE", "場所"), c.t("PRIVATE", "非公開")}, people)
}

var stateJA = map[string]string{"absent": "不在設定", "not_called": "対象外", "silent": "未回答", "answered": "回答済", "arrived": "参集"}
