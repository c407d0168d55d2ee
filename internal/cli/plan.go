package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/forecast"
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
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := c.bundleWith(args[0], run.Depth(depth))
			if err != nil {
				return err
			}
			p, err := b.Compile(args[0], run.Depth(depth))
			if err != nil {
				return err
			}
			o := outline.Of(p)
			past, why := c.past(cmd.Context(), args[0])
			chances := forecast.Of(p, past)
			o.Chances, o.NoPast = &chances, why
			if c.json() {
				return c.printJSON(o)
			}
			return outline.Text(c.Out, o, namesOf(b, p), c.lang)
		},
	}
	cmd.Flags().StringVar(&depth, "depth", "", c.t("tabletop, walkthrough, isolated, live or real (default: the scenario's)", "深さ (既定はシナリオの指定)"))
	return cmd
}

// pastWithin bounds the asking for past runs: a plan is looked at without a server too.
const pastWithin = 5 * time.Second

// past reads past runs of a scenario from the server, or says why the forecast does without.
func (c *command) past(ctx context.Context, name string) (forecast.Past, *plan.Text) {
	without := func(err error) *plan.Text {
		if away := new(api.Unreachable); errors.As(err, &away) {
			said := plan.Say("past runs are not counted, since no server answers at %s", "過去の実績は含みません（サーバー %s に接続できないため）", c.config.ServerURL())
			return &said
		}
		said := plan.Say("past runs are not counted, since the server at %s did not give them: %v", "過去の実績は含みません。サーバー（%s）から取得できませんでした: %v", c.config.ServerURL(), err)
		return &said
	}
	client, err := c.client()
	if err != nil {
		return forecast.Past{}, without(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, pastWithin)
	defer cancel()
	past, err := client.Past(ctx, name)
	if err != nil {
		return forecast.Past{}, without(err)
	}
	return past, nil
}

// namesOf are what people call the roles, sites and actions of a plan.
func namesOf(b *scenario.Bundle, p plan.Plan) outline.Names {
	n := outline.Names{Roles: b.RoleTitles(), Sites: map[string]plan.Text{}, Actions: map[string]plan.Text{}}
	for _, s := range p.Estate.Sites {
		n.Sites[s.Name] = s.Title
	}
	for _, a := range registry().Actions() {
		n.Actions[a.ID] = plan.Text{EN: a.Doc.Summary, JA: a.Doc.SummaryJA}
	}
	return n
}

// bundleWith reads the files here, which have to have that scenario, without a server.
func (c *command) bundleWith(name string, depth run.Depth) (*scenario.Bundle, error) {
	if err := c.checkDepth(depth); err != nil {
		return nil, err
	}
	b, mistakes := scenario.Load(c.config.Plans, registry())
	if len(mistakes) > 0 {
		return nil, mistakes
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
			way = c.t("%s holds no scenario; name the directory with --plans", "%s にシナリオがありません。--plans で指定してください", c.config.Plans)
		}
		return nil, mistake(fmt.Errorf("%s", c.t("there is no scenario %q", "シナリオ %q はありません", name)), way)
	}
	return b, nil
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
