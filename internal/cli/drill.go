package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/watch"
	"github.com/muster-dr/muster/workflows"
)

func (c *command) drill() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "drill",
		Short: c.t("Start, watch and steer drills (and steer responses)", "訓練の開始・監視・操作 (本番対応の監視・一時停止・中止も含む)"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.drillStart(), c.drillList(), c.drillShow(), c.drillWatch(),
		c.control("abort", c.t("Stop before the next effect; undo follows", "次の操作の前に中止し、取り消しを行う"), true, (*api.Client).Abort),
		c.control("pause", c.t("Hold before the next step", "次のステップの前で一時停止する"), true, (*api.Client).Pause),
		c.control("resume", c.t("Go on after a pause", "一時停止を解除する"), false, (*api.Client).Resume),
		c.drillRelease(), c.drillPeople(), c.drillCallOut())
	return cmd
}

func (c *command) drillStart() *cobra.Command {
	var depth, reason, request string
	var wait bool
	cmd := &cobra.Command{
		Use:   "start SCENARIO",
		Short: c.t("Start a drill, or join the one that runs", "訓練を開始する (実施中なら合流する)"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.checkDepth(run.Depth(depth)); err != nil {
				return err
			}
			return c.start(cmd.Context(), api.StartRequest{Scenario: args[0], Kind: run.Drill, Depth: run.Depth(depth), Reason: reason, RequestID: request}, wait)
		},
	}
	f := cmd.Flags()
	f.StringVar(&depth, "depth", "", c.t("tabletop, walkthrough, isolated or live (default: the scenario's)", "深さ: tabletop, walkthrough, isolated, live (既定はシナリオの指定)"))
	f.StringVar(&reason, "reason", "", c.t("why", "理由"))
	f.StringVar(&request, "request-id", "", c.t("unique per request: asking again with the same one never starts twice", "要求ごとの一意な値。同じ値で再実行しても二重に開始しない"))
	f.BoolVar(&wait, "wait", false, c.t("watch until the end and exit by the verdict", "終了まで監視し、判定に応じた終了コードで終わる"))
	return cmd
}

func (c *command) start(ctx context.Context, s api.StartRequest, wait bool) error {
	var err error
	if s.By, err = c.person(); err != nil {
		return err
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	if s.RequestID == "" {
		s.RequestID = api.NewRequestID()
	}
	begun, err := client.Start(ctx, s)
	away, unknown := new(api.Unreachable), new(api.Problem)
	if errors.As(err, &away) && away.Unknown || errors.As(err, &unknown) && unknown.Code == api.CodeUnknownOutcome {
		c.say("whether it started is unknown; ask again with --request-id %s", "開始されたかどうかは不明です。--request-id %s を付けて再実行してください", s.RequestID)
	}
	if err != nil {
		return c.unstarted(ctx, err, c.t("`muster drill list --open` shows it if it did. Asking again with --request-id %s starts nothing twice",
			"`muster drill list --open` で確認してください。--request-id %s を付けて再実行すれば、二重に開始されません", s.RequestID))
	}
	if begun.Attached {
		c.joined(ctx, client, s, begun)
	}
	c.beside(s.Kind, begun)
	switch {
	case c.json() && !wait:
		return c.printJSON(begun)
	case !wait:
		fmt.Fprintln(c.Out, begun.Run)
		c.say("watch it with `muster drill watch %s`", "`muster drill watch %s` で監視できます", begun.Run)
		return nil
	}
	return c.follow(ctx, client, begun.Run)
}

// beside warns of what is going on on the same systems: people must not take the one for
// the other. What is real goes first.
func (c *command) beside(kind run.Kind, begun api.Started) {
	for _, other := range begun.Beside {
		if kind == run.Response {
			c.say("WARNING: drill %[1]s is going on on the same systems. This is REAL and goes first; stop the drill: `muster drill abort %[1]s --reason ...`",
				"警告: 同じシステムを対象に訓練 %[1]s が実施中です。本番を優先し、訓練を中止してください: `muster drill abort %[1]s --reason ...`", other)
			continue
		}
		c.say("WARNING: the REAL response %s is under way on the same systems, and people may take the one for the other. Unless both are meant, stop the drill: `muster drill abort %s --reason ...`",
			"警告: 同じシステムを対象に本番の対応 %s が進行中であり、訓練と混同されるおそれがあります。意図したものでなければ訓練を中止してください: `muster drill abort %s --reason ...`", other, begun.Run)
	}
}

// joined says what run somebody is in who wanted to start one: it may go less far, or
// further, than they asked for.
func (c *command) joined(ctx context.Context, client *api.Client, asked api.StartRequest, begun api.Started) {
	open, err := client.Runs(ctx, journal.Filter{Scenario: asked.Scenario, Open: true})
	at := slices.IndexFunc(open, func(r journal.Summary) bool { return r.Run == begun.Run })
	by := begun.StartedBy
	if p, err := client.RunPlan(ctx, begun.Run); err == nil {
		by = watch.Name(c.lang, p, by)
	}
	if err != nil || at < 0 {
		c.say("you joined run %s, started by %s", "%[2]s が開始した %[1]s に合流しました", begun.Run, by)
		return
	}
	depth := open[at].Depth
	c.say("you joined run %s, started by %s: depth %s", "%[2]s が開始した %[1]s（深さ %[3]s）に合流しました", begun.Run, by, c.lang.Depth(depth))
	if asked.Depth != "" && asked.Depth != depth {
		c.say("NOT the depth %s that you asked for; start again when it has ended, or after `muster drill abort %s --reason ...`",
			"指定した深さ %s ではありません。終了後、または `muster drill abort %s --reason ...` の後に開始し直してください", c.lang.Depth(asked.Depth), begun.Run)
	}
}

func (c *command) drillList() *cobra.Command {
	var open bool
	var scenario string
	var limit int
	cmd := &cobra.Command{
		Use: "list", Short: c.t("List runs: real ones that are under way, then the newest first", "実施の一覧を表示する (進行中の本番対応、以下新しい順)"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			list, err := client.Runs(cmd.Context(), journal.Filter{Open: open, Scenario: scenario, Limit: limit})
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(list)
			}
			if len(list) == 0 && (open || scenario != "") {
				c.say("none of these; `muster drill list` shows all", "該当する実施はありません。`muster drill list` で一覧を表示できます")
				return nil
			}
			if len(list) == 0 {
				c.say("no runs; `muster drill start SCENARIO` starts one", "実施はまだありません。`muster drill start SCENARIO` で開始できます")
				return nil
			}
			zone := c.zone(cmd.Context(), client)
			// What is real and under way stands first, whatever was rehearsed since.
			slices.SortStableFunc(list, func(a, b journal.Summary) int {
				urgent := func(r journal.Summary) int {
					if r.Kind == run.Response && !r.State.Ended() {
						return 0
					}
					return 1
				}
				return urgent(a) - urgent(b)
			})
			var rows [][]string
			for _, r := range list {
				took := time.Since(r.StartedAt)
				if r.EndedAt != nil {
					took = r.EndedAt.Sub(r.StartedAt)
				}
				phase := ""
				if !r.State.Ended() {
					phase = c.lang.Phase(r.Phase)
				}
				rows = append(rows, []string{r.Run, c.lang.Kind(r.Kind), c.lang.Depth(r.Depth), c.lang.Standing(r.State, r.Aborting), phase,
					i18n.Moment(r.StartedAt, zone), c.lang.Span(took.Truncate(time.Second).Seconds()), r.By})
			}
			table(c.Out, []string{c.t("RUN", "実施"), c.t("KIND", "種別"), c.t("DEPTH", "深さ"), c.t("STATE", "状態"), c.t("PHASE", "段階"),
				c.t("STARTED", "開始"), c.t("TOOK", "所要"), c.t("BY", "開始者")}, rows)
			return nil
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, c.t("only runs in progress", "実施中のもののみ"))
	cmd.Flags().StringVar(&scenario, "scenario", "", c.t("only runs of this scenario", "このシナリオのものだけ"))
	cmd.Flags().IntVar(&limit, "limit", 100, c.t("at most so many", "最大件数"))
	return cmd
}

func (c *command) drillShow() *cobra.Command {
	return &cobra.Command{
		Use: "show [RUN]", Short: c.t("Show where a run stands", "実施の現況を表示する"), Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, id, err := c.clientAndLastRun(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer client.Close()
			r, err := client.Run(cmd.Context(), id)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(r)
			}
			p, err := client.RunPlan(cmd.Context(), id)
			zone := watch.ZoneOf(p)
			if refused := new(api.Problem); errors.As(err, &refused) && refused.Status == http.StatusForbidden {
				err, zone = nil, c.zone(cmd.Context(), client)
				c.say("the plan is for those with a part in the run: without it people stand by their IDs, and steps by theirs", "計画を閲覧できるのは実施の関係者だけです。計画がないため、人とステップはIDで表示します")
			}
			if err != nil {
				return err
			}
			width := 100
			if size := screen(c.Out); size != nil {
				width, _ = size()
			}
			f := watch.Frame{Style: watch.Style{Color: colored(c.Out), Width: max(60, width)}, Lang: c.lang, Plan: p, Zone: zone, As: c.mustSay()}
			for _, line := range f.Lines(r.Overview) {
				fmt.Fprintln(c.Out, line)
			}
			return nil
		},
	}
}

func (c *command) drillWatch() *cobra.Command {
	return &cobra.Command{
		Use:   "watch [RUN]",
		Short: c.t("Watch a run live; exits by its verdict", "実施を監視し、判定に応じた終了コードで終わる"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, id, err := c.clientAndRun(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer client.Close()
			return c.follow(cmd.Context(), client, id)
		},
	}
}

// follow watches a run to its end and sets the exit code by its verdict.
func (c *command) follow(ctx context.Context, client *api.Client, id string) error {
	last, err := watch.Run(ctx, client, id, watch.Options{Out: c.Out, Lang: c.lang, Screen: screen(c.Out), Color: colored(c.Out), JSON: c.json(), As: c.mustSay()})
	if err != nil {
		if ctx.Err() != nil {
			c.say("you stopped watching; run %s goes on", "監視を終了しました。%s は継続しています", id)
		}
		return err
	}
	if last.State == run.Refused {
		c.say("%s", "%s", watch.Verdict(c.lang, last))
		return shown(exitRefused)
	}
	b, err := client.Report(ctx, id, "json", string(c.lang))
	if err != nil {
		return err
	}
	var report struct {
		Run struct {
			Verdict run.Verdict `json:"verdict"`
		} `json:"run"`
	}
	if err := json.Unmarshal(b, &report); err != nil {
		return err
	}
	c.say("%s  verdict: %s (`muster report %s`)", "%s  判定: %s (`muster report %s`)", watch.Verdict(c.lang, last), c.lang.Verdict(report.Run.Verdict), id)
	if code := verdictCode(report.Run.Verdict); code != exitMet {
		return shown(code)
	}
	return nil
}

type controlCall func(*api.Client, context.Context, string, workflows.Control) (workflows.Done, error)

func (c *command) control(name, short string, reasoned bool, call controlCall) *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: name + " [RUN]", Short: short, Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reasoned && reason == "" {
				return c.needs("--reason")
			}
			if reasoned && (len(args) == 0 || args[0] == "") {
				id, err := c.onlyDrill(cmd.Context(), name)
				if err != nil {
					return err
				}
				args = []string{id}
			}
			return c.act(cmd.Context(), args, func(ctx context.Context, client *api.Client, id, by string) (workflows.Done, error) {
				return call(client, ctx, id, workflows.Control{By: by, Reason: reason})
			})
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why; it stands in the report", "理由 (報告書に記載される)"))
	c.alsoRun(cmd, 0)
	if reasoned {
		cmd.Flags().Lookup("run").Usage = c.t("the run (default: the drill in progress; a response has to be named)", "実施 (既定は実施中の訓練。本番の対応は必ず名前で指定する)")
	}
	return cmd
}

func (c *command) drillRelease() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use:   "release SYSTEM",
		Short: c.t("Free a system whose clean-up was incomplete and has been finished by hand", "後始末を手作業で終えたシステムのロックを解除する"),
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return c.needs("--reason")
			}
			client, by, err := c.clientAs()
			if err != nil {
				return err
			}
			defer client.Close()
			done, err := client.Release(cmd.Context(), args[0], workflows.Control{By: by, Reason: reason})
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(done)
			}
			c.say("the lock of %s is released; why stands in the access log (`muster people log`)", "%s のロックを解除しました。理由はアクセス記録に残りました（`muster people log`）", args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("what was done to clean up", "実施した後始末の内容"))
	return cmd
}

// needs is the mistake of a flag that was not given: its way out is what the flag's help says.
func (c *command) needs(flag string) error {
	way := ""
	if c.running != nil {
		if f := c.running.Flags().Lookup(strings.TrimPrefix(flag, "--")); f != nil {
			_, use := pflag.UnquoteUsage(f)
			way = flag + ": " + use
		}
	}
	return mistake(fmt.Errorf("%s", c.t("%s is needed", "%s が必要です", flag)), way)
}
