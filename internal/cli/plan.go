package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/watch"
)

func (c *command) plan() *cobra.Command {
	var depth string
	cmd := &cobra.Command{
		Use:   "plan SCENARIO",
		Short: c.t("What a run would do: steps, effects, people, critical path, forecast against the RTO", "実施内容を表示する (ステップ、影響、要員、所要時間の見込み)"),
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := c.compile(args[0], run.Depth(depth))
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(p)
			}
			c.printPlan(p)
			return nil
		},
	}
	cmd.Flags().StringVar(&depth, "depth", "", c.t("tabletop, walkthrough, isolated, live or real (default: the scenario's)", "深さ (既定はscenarioの指定)"))
	return cmd
}

// compile makes a plan from the files here, without a server.
func (c *command) compile(name string, depth run.Depth) (plan.Plan, error) {
	if err := c.checkDepth(depth); err != nil {
		return plan.Plan{}, err
	}
	b, mistakes := scenario.Load(c.config.Plans, registry())
	if len(mistakes) > 0 {
		return plan.Plan{}, mistakes
	}
	var names []string
	for _, s := range b.Scenarios() {
		names = append(names, s.Name)
	}
	if !slices.Contains(names, name) {
		way := c.t("%s has: %s", "%s にあるもの: %s", c.config.Plans, strings.Join(names, ", "))
		if near := nearest.Word(name, names); near != "" {
			way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
		} else if len(names) == 0 {
			way = c.t("%s holds no scenario; name the directory with --plans", "%s にscenarioがありません。--plans で指定してください", c.config.Plans)
		}
		return plan.Plan{}, mistake(fmt.Errorf("%s", c.t("there is no scenario %q", "scenario %q はありません", name)), way)
	}
	return b.Compile(name, depth)
}

func (c *command) checkDepth(d run.Depth) error {
	if d == "" || slices.Contains(run.Depths(), d) {
		return nil
	}
	var names []string
	for _, k := range run.Depths() {
		names = append(names, string(k))
	}
	way := strings.Join(names, ", ")
	if near := nearest.Word(string(d), names); near != "" {
		way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
	}
	return mistake(fmt.Errorf("%s", c.t("there is no depth %q", "深さ %q はありません", d)), way)
}

func (c *command) printPlan(p plan.Plan) {
	out := func(format string, args ...any) { fmt.Fprintf(c.Out, format+"\n", args...) }
	s := p.Scenario
	out("%s  %s", s.Name, s.Title.In(string(c.lang)))
	out("  %s", c.t("depth %s · hazard %s · plan %.12s", "深さ %s · ハザード %s · 計画 %.12s", c.lang.Depth(s.Depth), s.Hazard, p.Hash))
	if s.Simulate != nil {
		out("  %s", c.t("people are SIMULATED: their part is not measured", "人の応答は模擬です (実測値には含まれません)"))
	}
	out("")

	var rows [][]string
	for _, sys := range p.Systems {
		way := sys.Home
		if sys.Alternate != "" {
			way += " → " + sys.Alternate
		}
		rows = append(rows, []string{"  " + sys.Name, sys.Priority, way, duration(sys.Objective.RTO), duration(sys.Objective.RPO), stages(sys.Objective.RLO)})
	}
	table(c.Out, []string{"  " + c.t("SYSTEM", "システム"), c.t("BAND", "優先度"), c.t("WAY", "切替先"), "RTO", "RPO", "RLO"}, rows)
	out("")

	var names []string
	for _, ph := range s.Phases {
		names = append(names, c.lang.Phase(ph))
	}
	out("%s", c.t("PHASES", "段階"))
	for _, line := range wrap(strings.Join(names, " → "), 90) {
		out("  %s", line)
	}
	var quorum []string
	for _, q := range s.Quorum {
		quorum = append(quorum, fmt.Sprintf("%s %d", q.Role, q.Count))
	}
	if len(quorum) > 0 {
		out("  %s", c.t("quorum: %s", "参集必要人数: %s", strings.Join(quorum, ", ")))
	}
	if s.Decision.By != "" {
		out("  %s", c.t("decision: by %s within %s, then the rule %s", "判断: %s、期限 %s、以後は規則 %s", s.Decision.By, s.Decision.Within, s.Decision.Rule))
	}
	out("  %s", c.t("approvals besides the requester: %d · failback: %s", "要求者以外の承認: %d 名 · フェイルバック: %s", s.Approvals, s.Failback))
	out("")

	if len(s.Injects) > 0 {
		out("%s", c.t("INJECTS (what the drill breaks)", "状況付与"))
		rows = nil
		for _, in := range s.Injects {
			rows = append(rows, []string{"  +" + in.After.String(), in.ID, in.Uses, c.effect(in.Effect), in.Site, undo(in)})
		}
		table(c.Out, nil, rows)
		out("")
	}
	for _, sys := range p.Systems {
		c.printRunbook(p, sys, sys.Failover, c.t("failover", "フェイルオーバー"), true)
		c.printRunbook(p, sys, sys.InPlace, c.t("recovery in place", "現地復旧"), true)
		c.printRunbook(p, sys, sys.Failback, c.t("failback", "フェイルバック"), false)
	}
	out("%s", c.t("TOUCHES", "操作対象"))
	for _, t := range p.Estate.Targets {
		out("  %s  %s  %s", t.Name, t.Kind, t.Site)
	}
	if len(p.Estate.Targets) == 0 {
		out("  %s", c.t("no target of the estate", "なし"))
	}
}

func (c *command) printRunbook(p plan.Plan, sys plan.System, name, purpose string, forecast bool) {
	rb, ok := p.Runbook(name)
	if !ok {
		return
	}
	fmt.Fprintln(c.Out, c.t("RUNBOOK %s: %s of %s", "手順書 %s (%s、対象 %s)", rb.Name, purpose, sys.Name))
	critical := longest(rb.Steps)
	var rows [][]string
	for _, st := range rb.Steps {
		who := st.Site
		if st.Human != nil {
			who = st.Human.Role
		}
		mark := "  "
		if critical[st.ID] {
			mark = "* "
		}
		budget := "-"
		if st.Budget > 0 {
			budget = st.Budget.String()
		}
		after := strings.Join(st.Needs, ", ")
		if st.If != "" {
			after += c.t(" if %s", " 条件 %s", st.If)
		}
		rows = append(rows, []string{mark + st.ID, st.Uses, c.effect(st.Effect), who, budget, st.Timeout.String(), undo(st), after})
	}
	table(c.Out, []string{"  " + c.t("STEP", "ステップ"), c.t("ACTION", "アクション"), c.t("EFFECT", "影響"), c.t("WHERE/WHO", "拠点/役割"),
		c.t("BUDGET", "目安"), c.t("TIMEOUT", "上限"), c.t("UNDO", "取り消し"), c.t("AFTER", "先行")}, rows)
	if need, ok := plan.LongestBudget(rb.Steps); ok {
		line := c.t("forecast: %s along * (machine time by budgets; people's time comes on top)", "見込み: * の経路で %s (機械の目安時間。人の時間は別)", need)
		if forecast && sys.Objective.RTO != nil {
			line += c.t(", RTO %s", "、RTO %s", *sys.Objective.RTO)
			if need > *sys.Objective.RTO {
				line += c.t(": DOES NOT FIT", ": 収まりません")
			}
		}
		fmt.Fprintln(c.Out, "  "+line)
	} else {
		fmt.Fprintln(c.Out, "  "+c.t("no forecast: no step has a budget", "見込みなし: 目安時間のあるステップがありません"))
	}
	fmt.Fprintln(c.Out)
}

// effect is upper case for what disrupts or destroys.
func (c *command) effect(e run.Effect) string {
	if e == run.Disrupt || e == run.Destroy {
		return strings.ToUpper(c.lang.Effect(e))
	}
	return c.lang.Effect(e)
}

func undo(s plan.Step) string {
	var out []string
	for _, u := range s.Undo {
		out = append(out, u.Uses)
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

func duration(d *run.Duration) string {
	if d == nil {
		return "-"
	}
	return d.String()
}

func stages(list []plan.Stage) string {
	var out []string
	for _, s := range list {
		out = append(out, fmt.Sprintf("%d %% / %s", s.Level, s.Within))
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

// longest marks the steps along the chain of needs with the largest sum of budgets.
func longest(steps []plan.Step) map[string]bool {
	byID := map[string]plan.Step{}
	for _, s := range steps {
		byID[s.ID] = s
	}
	sum, via := map[string]run.Duration{}, map[string]string{}
	var reach func(id string) run.Duration
	reach = func(id string) run.Duration {
		if d, ok := sum[id]; ok {
			return d
		}
		s := byID[id]
		sum[id] = s.Budget // a plan has no cycles; a broken one must not hang
		var most run.Duration
		for _, n := range s.Needs {
			if d := reach(n); via[id] == "" || d > most {
				most, via[id] = d, n
			}
		}
		sum[id] = most + s.Budget
		return sum[id]
	}
	end, most := "", run.Duration(-1)
	for _, s := range steps {
		if d := reach(s.ID); d > most {
			end, most = s.ID, d
		}
	}
	marked := map[string]bool{}
	if most > 0 {
		for id := end; id != "" && !marked[id]; id = via[id] {
			marked[id] = true
		}
	}
	return marked
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.SplitAfter(text, "→ ") {
		if line != "" && watch.Cells(line)+watch.Cells(word) > width {
			lines = append(lines, strings.TrimRight(line, " "))
			line = ""
		}
		line += word
	}
	return append(lines, line)
}
