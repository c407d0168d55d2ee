package api

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// recheck is how often a waiting reader looks again, for events that another server wrote and that
// nothing told of.
const recheck = 2 * time.Second

// maxWait bounds a long poll.
const maxWait = 25 * time.Second

// answer wraps what huma writes as the body.
type answer[T any] struct{ Body T }

func route(id, method, path, summary string, errors ...int) huma.Operation {
	return huma.Operation{OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary,
		Errors: errors, MaxBodyBytes: bodyLimit}
}

func (s *Server) readRoutes(api huma.API) {
	health := route("health", http.MethodGet, "/health", "Whether the server can do its work; needs no token, and says more with one.")
	health.Security = []map[string][]string{}
	huma.Register(api, health, func(ctx context.Context, _ *struct{}) (*answer[Health], error) {
		return &answer[Health]{s.health(ctx)}, nil
	})

	huma.Register(api, route("list-scenarios", http.MethodGet, "/scenarios", "The scenarios of the plans directory.", 422),
		func(ctx context.Context, _ *struct{}) (*answer[[]Scenario], error) {
			list, err := s.Plans.Scenarios()
			if err != nil {
				return nil, s.mistakes(ctx, err)
			}
			for i := range list {
				list[i] = listed(ctx, list[i])
			}
			return &answer[[]Scenario]{list}, nil
		})

	huma.Register(api, route("scenario-plan", http.MethodGet, "/scenarios/{name}/plan", "What a run of the scenario would use.", 404, 422),
		func(ctx context.Context, in *struct {
			Name  string    `path:"name"`
			Depth run.Depth `query:"depth" enum:"tabletop,walkthrough,isolated,live,real" doc:"The scenario's own when left out."`
		}) (*answer[plan.Plan], error) {
			drill, err := s.compile(ctx, in.Name, "")
			if err == nil && in.Depth != run.Real { // the real thing is never held up by it
				err = s.withheld(ctx, drill)
			}
			if err != nil {
				return nil, err
			}
			p, err := s.compile(ctx, in.Name, in.Depth)
			if err != nil {
				return nil, err
			}
			if !drill.Scenario.MaySee(reader(ctx), false) {
				p = p.Withheld()
			}
			return &answer[plan.Plan]{p}, nil
		})

	huma.Register(api, route("list-runs", http.MethodGet, "/runs", "Runs, newest first."),
		func(ctx context.Context, in *struct {
			Scenario string   `query:"scenario"`
			Kind     run.Kind `query:"kind" enum:"drill,response,check,occasion" doc:"Drills and responses when left out."`
			Open     bool     `query:"open" doc:"Only runs that have not ended."`
			Limit    int      `query:"limit" minimum:"0" maximum:"1000" default:"100"`
		}) (*answer[[]journal.Summary], error) {
			f := journal.Filter{Scenario: in.Scenario, Kind: in.Kind, Open: in.Open, Limit: in.Limit}
			if in.Kind == run.Readiness || in.Scenario != "" {
				f.Limit = 0 // some of them are left out
			}
			list, err := s.Store.Runs(ctx, f)
			switch {
			case err != nil:
			case in.Kind == run.Readiness:
				list, err = s.checksFor(ctx, list, in.Limit)
			case in.Kind == run.Occasion:
				list, err = s.dueFor(ctx, list)
			}
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			shown := []journal.Summary{}
			for _, sum := range list {
				if in.Limit > 0 && len(shown) == in.Limit {
					break
				}
				if sum = s.scenarioless(ctx, sum); in.Scenario == "" || sum.Scenario == in.Scenario {
					shown = append(shown, sum)
				}
			}
			return &answer[[]journal.Summary]{shown}, nil
		})

	huma.Register(api, route("get-run", http.MethodGet, "/runs/{run}", "A run and where it stands.", 404), s.getRun)
	huma.Register(api, route("run-plan", http.MethodGet, "/runs/{run}/plan", "The frozen plan that the run uses.", 403, 404),
		func(ctx context.Context, in *OfRun) (*answer[plan.Plan], error) {
			sum, p, err := s.known(ctx, in.Run)
			if err == nil {
				err = s.mayRead(ctx, in.Run)
			}
			if err != nil {
				return nil, err
			}
			if !s.sees(ctx, sum, p) {
				p = p.OfBlindRun()
			}
			return &answer[plan.Plan]{p}, nil
		})
	huma.Register(api, route("run-events", http.MethodGet, "/runs/{run}/events", "The run's journal after a position; waits for the next event when asked to.", 403, 404, 429), s.getEvents)
	huma.Register(api, route("run-report", http.MethodGet, "/runs/{run}/report", "The run's report; of an open run, so far. What individuals said is for who may see it.", 403, 404), s.getReport)

	huma.Register(api, route("list-actions", http.MethodGet, "/actions", "What steps can do."),
		func(context.Context, *struct{}) (*answer[[]Action], error) {
			out := make([]Action, 0, len(s.Actions))
			for _, a := range s.Actions {
				out = append(out, Describe(a))
			}
			return &answer[[]Action]{out}, nil
		})
}

// OfRun is the part of a request that names a run; huma reads exported types only.
type OfRun struct {
	Run string `path:"run" doc:"The run's ID."`
}

// health is whether the server can do its work; a stranger is told that alone, since versions
// and causes help who looks for a way in.
func (s *Server) health(ctx context.Context) Health {
	if a, known := identity.From(ctx); !known || a.Limit != nil {
		engine, store := s.Well(ctx)
		return Health{OK: engine == nil && store == nil}
	}
	h := Health{OK: true, Version: s.Version, Plans: s.PlansDir, Engine: "ok", Store: "ok"}
	engine, store := s.well(ctx, 0)
	if engine != nil {
		h.OK, h.Engine = false, spoken(ctx, engine)
	}
	if store != nil {
		h.OK, h.Store = false, spoken(ctx, store)
	}
	if s.Channels != nil {
		h.Channels = s.Channels()
	}
	if s.Evidence != nil {
		h.Evidence, h.Places = s.sealing(ctx)
		h.Timestamps = s.stamping(ctx)
	}
	return h
}

// spoken is an error in the reader's language where it has one.
func spoken(ctx context.Context, err error) string {
	var both interface{ Said() plan.Text }
	if errors.As(err, &both) {
		return both.Said().In(string(lang(ctx)))
	}
	return err.Error()
}

// How Health.Evidence begins where something of evidence is the matter while others are sealed; the rest says what.
const (
	EvidenceAltered      = "altered or damaged: "
	EvidenceRows         = "made anew from the record: "
	EvidenceSomeUnsealed = "not all can be sealed: "
	EvidenceHoldsUnknown = "legal holds to be confirmed: "
	EvidenceClock        = "the clock is in doubt since: "
)

// sealing says how it stands with evidence, and with each place that copies go to.
func (s *Server) sealing(ctx context.Context) (string, map[string]string) {
	st, places := s.Evidence.Status(), map[string]string{}
	for _, p := range st.Places {
		places[p.Place] = cmp.Or(p.Trouble, "ok")
	}
	if st.Elsewhere != "" {
		return "elsewhere", places
	}
	if wrong := st.Altered(string(lang(ctx))); len(wrong) > 0 && st.Trouble == "" {
		if len(st.NotAsSealed()) > 0 {
			return EvidenceAltered + strings.Join(wrong, ", "), places
		}
		return EvidenceRows + strings.Join(wrong, "; "), places
	}
	if st.RunTrouble != "" && st.Trouble == "" {
		return EvidenceSomeUnsealed + st.RunTrouble, places
	}
	if st.HoldsUnknown && st.Trouble == "" {
		return EvidenceHoldsUnknown + holdsUnknown(lang(ctx)), places
	}
	if st.ClockDoubted != nil && st.Trouble == "" {
		return EvidenceClock + st.ClockDoubted.UTC().Format(time.RFC3339), places
	}
	return cmp.Or(st.Trouble, "ok"), places
}

// stamping says whether what is sealed gets its time stamps; "" where nobody is asked for any.
func (s *Server) stamping(ctx context.Context) string {
	st := s.Evidence.Status()
	switch {
	case st.Stamps == nil || st.Elsewhere != "":
		return ""
	case st.Stamps.Trouble != nil:
		return st.Stamps.Trouble.In(string(lang(ctx)))
	}
	return "ok"
}

// engineAnswers tells an engine that is away from one that is slow: asked before every
// change, so that "not reachable" means that nothing was sent.
func (s *Server) engineAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := s.Engine.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}

// known is a run's summary and plan, or the problem of a run that is not there.
func (s *Server) known(ctx context.Context, id string) (journal.Summary, plan.Plan, error) {
	sum, err := s.summary(ctx, id)
	if err != nil {
		return journal.Summary{}, plan.Plan{}, err
	}
	if sum.RemovedAt != nil {
		return journal.Summary{}, plan.Plan{}, s.evidenceProblem(ctx, id, keep.ErrRemoved)
	}
	p, ok := s.recent.get(sum.PlanHash)
	if !ok {
		if p, err = s.Store.Plan(ctx, sum.PlanHash); err != nil {
			return journal.Summary{}, plan.Plan{}, s.storeProblem(ctx, err)
		}
		s.recent.put(p)
	}
	return sum, p, nil
}

// summary is a run's line in the list, or the problem of a run that is not there.
func (s *Server) summary(ctx context.Context, id string) (journal.Summary, error) {
	list, err := s.Store.Runs(ctx, journal.Filter{Run: id, Limit: 1})
	if err != nil {
		return journal.Summary{}, s.storeProblem(ctx, err)
	}
	if len(list) == 0 {
		return journal.Summary{}, s.unknownRun(ctx, id)
	}
	if list[0].Kind == run.Occasion {
		l := lang(ctx)
		return journal.Summary{}, problem(http.StatusNotFound, CodeUnknownRun, l.T("%s is an occasion of a schedule, and no run.", "%s は訓練予定の記録で、実施（run）ではありません。", id),
			l.T("`muster coverage` shows what came of it", "`muster coverage` で経過を確認できます"))
	}
	return list[0], nil
}

// recentPlans are those of the runs that people look at now: to read a large one and
// hold it against its hash takes longer than the rest of an answer. Nobody changes them.
type recentPlans struct {
	mu    sync.Mutex
	plans []plan.Plan // the newest first
}

const recentlyUsed = 4

func (r *recentPlans) get(hash string) (plan.Plan, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.plans {
		if p.Hash == hash {
			return p, true
		}
	}
	return plan.Plan{}, false
}

func (r *recentPlans) put(p plan.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plans = append([]plan.Plan{p}, r.plans[:min(len(r.plans), recentlyUsed-1)]...)
}

func (s *Server) unknownRun(ctx context.Context, id string) error {
	l := lang(ctx)
	way := l.T("`muster drill list` shows all runs", "`muster drill list` で一覧を表示できます")
	if list, err := s.Store.Runs(ctx, journal.Filter{Limit: 200}); err == nil {
		var names []string
		for _, r := range list {
			names = append(names, r.Run)
		}
		if near := nearest.Word(id, names); near != "" {
			way = l.T("Did you mean %q? ", "%q の間違いではありませんか。", near) + way
		}
	}
	return problem(http.StatusNotFound, CodeUnknownRun, l.T("There is no run %q.", "実施 %q はありません。", id), way)
}

func (s *Server) getRun(ctx context.Context, in *OfRun) (*answer[Run], error) {
	sum, p, err := s.known(ctx, in.Run)
	if err != nil {
		return nil, err
	}
	t, err := s.follow(ctx, in.Run, p)
	if err != nil {
		return nil, err
	}
	o := t.Overview(s.now())
	if !s.sees(ctx, sum, p) {
		o, sum.Scenario, sum.PlanHash = o.Withheld(p), "", ""
	}
	return &answer[Run]{Run{Summary: sum, Overview: o}}, nil
}

func (s *Server) getEvents(ctx context.Context, in *struct {
	OfRun
	After int64 `query:"after" minimum:"0" doc:"Position after which to begin."`
	Wait  int   `query:"wait" minimum:"0" maximum:"25" doc:"Seconds to wait for the next event when there is none."`
	Limit int   `query:"limit" minimum:"1" maximum:"5000" default:"1000"`
}) (*answer[Events], error) {
	sum, err := s.summary(ctx, in.Run)
	if err != nil {
		return nil, err
	}
	if err := s.mayRead(ctx, in.Run); err != nil {
		return nil, err
	}
	s.Identity.ReadRecord(ctx, in.Run)
	told, err := s.tellable(ctx, sum)
	if err != nil {
		return nil, err
	}
	out := Events{Entries: []journal.Entry{}, Next: in.After}
	until := time.NewTimer(min(time.Duration(in.Wait)*time.Second, maxWait))
	defer until.Stop()
	again := time.NewTicker(recheck)
	defer again.Stop()
	waits := in.Wait > 0 && !sum.State.Ended()
	if waits {
		leave, err := s.waits.enter(ctx)
		if err != nil {
			return nil, err
		}
		defer leave()
	}
	for {
		var arrived <-chan struct{}
		if waits { // before reading: what arrives meanwhile is not missed
			arrived = s.Store.Arrived(in.Run)
		}
		list, err := s.Store.Events(ctx, in.Run, in.After, in.Limit)
		if err != nil {
			return nil, s.storeProblem(ctx, err)
		}
		if len(list) > 0 {
			out.Entries, out.Next = list, list[len(list)-1].Position
			break
		}
		if !waits {
			break
		}
		select {
		case <-arrived:
			if err := s.Identity.Still(ctx); identity.ReasonOf(err) != "" {
				return nil, s.refusal(ctx, err)
			}
			continue
		case <-again.C:
			// Whoever was disabled or signed out meanwhile reads no more.
			if err := s.Identity.Still(ctx); identity.ReasonOf(err) != "" {
				return nil, s.refusal(ctx, err)
			}
			continue
		case <-until.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		break
	}
	if n := len(out.Entries); n > 0 && n < in.Limit {
		out.Ended = endsRun(out.Entries)
	}
	out.Ended = out.Ended || sum.State.Ended() && len(out.Entries) < in.Limit
	out.Entries = told(out.Entries)
	out.Now = s.Now().UTC()
	return &answer[Events]{out}, nil
}

func endsRun(entries []journal.Entry) bool {
	for _, e := range entries {
		if e.Event.Kind == run.RunEnded {
			return true
		}
	}
	return false
}

// reported are the events that a run's report is made of: its own, and what people wrote after it.
func (s *Server) reported(ctx context.Context, runID string) ([]run.Event, error) {
	entries, err := s.Store.Events(ctx, runID, 0, 0)
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	events := make([]run.Event, 0, len(entries))
	for _, e := range entries {
		events = append(events, e.Event)
	}
	written, err := s.writtenEvents(ctx)
	if err != nil {
		return nil, err
	}
	return append(events, written...), nil
}

// reportOutput is a body of whatever type the format has.
type reportOutput struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

func (s *Server) getReport(ctx context.Context, in *struct {
	OfRun
	Format string `query:"format" enum:"text,json,markdown,html,csv,pdf,record" default:"json"`
	Lang   string `query:"lang" enum:"en,ja" doc:"The language of the request when left out."`
}) (*reportOutput, error) {
	sum, err := s.summary(ctx, in.Run)
	if err != nil {
		return nil, err
	}
	p, err := s.Store.Plan(ctx, sum.PlanHash) // as it is in the store now: a report rests on it
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	if !s.sees(ctx, sum, p) {
		return nil, isWithheld(ctx, in.Run)
	}
	events, err := s.reported(ctx, in.Run)
	if err != nil {
		return nil, err
	}
	earlier, err := outcome.Earlier(ctx, s.Store, sum.Scenario, cmp.Or(sum.EndedAt, &sum.StartedAt))
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	if in.Lang == "" {
		in.Lang = string(lang(ctx))
	}
	var b bytes.Buffer
	if err := s.render(ctx, &b, in.Run, p, events, earlier, in.Format, in.Lang); err != nil {
		if p := new(Problem); errors.As(err, &p) {
			return nil, err
		}
		return nil, unset(err)
	}
	s.Identity.ReadRecord(ctx, in.Run)
	return &reportOutput{ContentType: reportTypes[in.Format], Policy: policyOf(b.Bytes()), Body: b.Bytes()}, nil
}

// compile makes the plan of a scenario from the files as they are now.
func (s *Server) compile(ctx context.Context, name string, depth run.Depth) (plan.Plan, error) {
	p, broken := s.Plans.Compile(name, depth)
	if broken == nil {
		return p, nil
	}
	list, err := s.Plans.Scenarios()
	if err != nil {
		return plan.Plan{}, s.mistakes(ctx, err)
	}
	var names []string
	for _, sc := range list {
		if sc.Name == name {
			return plan.Plan{}, s.mistakes(ctx, broken)
		}
		names = append(names, sc.Name)
	}
	l := lang(ctx)
	way := l.T("The plans directory has: %s", "計画フォルダーにあるもの: %s", strings.Join(names, ", "))
	if near := nearest.Word(name, names); near != "" {
		way = l.T("Did you mean %q?", "%q の間違いではありませんか。", near)
	} else if len(names) == 0 {
		way = l.T("The plans directory holds no scenario; start the server with --plans DIR", "計画フォルダーにシナリオがありません。サーバーの --plans DIR を確認してください")
	}
	return plan.Plan{}, problem(http.StatusNotFound, CodeUnknownScenario, l.T("There is no scenario %q.", "シナリオ %q はありません。", name), way)
}

func (s *Server) mistakes(ctx context.Context, err error) error {
	l := lang(ctx)
	p := problem(http.StatusUnprocessableEntity, CodeMistakes,
		l.T("The plan files have mistakes; nothing was started.", "計画ファイルに誤りがあります。何も開始していません。"),
		l.T("Correct them; `muster validate` checks them without starting anything", "修正してください。`muster validate` で開始せずに確認できます"))
	p.Lines = strings.Split(strings.TrimRight(plan.SaidBy(err).In(string(l)), "\n"), "\n")
	return p
}

func (s *Server) storeProblem(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	l := lang(ctx)
	return problem(http.StatusServiceUnavailable, CodeStore,
		l.T("The record store can't be used: %v", "記録の保存先を利用できません: %v", err),
		l.T("`muster doctor` on the server's machine says more; runs in progress wait and go on by themselves once it is back",
			"サーバー上で `muster doctor` を実行してください。進行中の実施は待機し、復帰後に自動で続行します"))
}
