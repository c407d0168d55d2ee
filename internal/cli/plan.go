package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/outline"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
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
			o := outline.Of(p)
			if c.json() {
				return c.printJSON(o)
			}
			return outline.Text(c.Out, o, c.lang)
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
