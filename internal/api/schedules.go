package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/api/serviceerror"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
)

// ScheduleRequest is an act on schedules.
type ScheduleRequest struct {
	By     string `json:"by,omitempty" doc:"Who: the planner, or somebody with the chief's or the manager's role; whoever asks when left out."`
	DryRun bool   `json:"dry_run,omitempty" doc:"Only say what would change."`
	Note   string `json:"note,omitempty" doc:"Why it is paused or goes on. Required to pause."`
}

// ScheduleChange is what apply does to one schedule.
type ScheduleChange struct {
	Schedule string      `json:"schedule"`
	What     string      `json:"what" enum:"add,change,remove,keep"`
	Differs  []plan.Text `json:"differs,omitempty" doc:"For a change, each part; for an addition, when it is due."`
	Paused   bool        `json:"paused,omitempty" doc:"It is paused, and stays so."`
}

// ScheduleView is a schedule as the files and the engine have it.
type ScheduleView struct {
	Schedule string           `json:"schedule"`
	Scenario string           `json:"scenario"`
	When     plan.Text        `json:"when"`
	State    string           `json:"state" enum:"in_effect,paused,not_applied,differs,not_in_file"`
	Note     string           `json:"note,omitempty" doc:"Who paused it, and why."`
	Since    time.Time        `json:"paused_at,omitzero" doc:"When it was paused."`
	Blind    bool             `json:"blind,omitempty"`
	Planner  string           `json:"planner"`
	Next     *programme.Start `json:"next,omitempty" doc:"Of one that is in effect."`
	Drawn    time.Time        `json:"drawn,omitzero" doc:"The drawn start of a blind drill; told to its planner alone."`
}

func (s *Server) scheduleRoutes(api huma.API) {
	huma.Register(api, route("list-schedules", http.MethodGet, "/schedules", "The schedules, as the files and the engine have them.", 422, 503),
		func(ctx context.Context, _ *struct{}) (*answer[[]ScheduleView], error) {
			list, err := s.schedules(ctx)
			if err != nil {
				return nil, err
			}
			return &answer[[]ScheduleView]{list}, nil
		})
	huma.Register(api, route("next-starts", http.MethodGet, "/schedules/next", "The next starts of all schedules in effect, with what moves them.", 422, 503),
		func(ctx context.Context, in *struct {
			Count int `query:"count" minimum:"1" maximum:"100" default:"10"`
		}) (*answer[[]programme.Start], error) {
			list, err := s.nextStarts(ctx, in.Count)
			if err != nil {
				return nil, err
			}
			return &answer[[]programme.Start]{list}, nil
		})
	huma.Register(api, route("apply-schedules", http.MethodPost, "/schedules/apply", "Put the schedules of the programme into effect, and take out those that it does not have any more.", 403, 404, 422, 503),
		func(ctx context.Context, in *struct{ Body ScheduleRequest }) (*answer[[]ScheduleChange], error) {
			list, err := s.applySchedules(ctx, in.Body)
			if err != nil {
				return nil, err
			}
			return &answer[[]ScheduleChange]{list}, nil
		})
	for _, act := range []string{"pause", "resume"} {
		huma.Register(api, route(act+"-schedule", http.MethodPost, "/schedules/{schedule}/"+act, "Hold a schedule, or let it go on; both with a note.", 403, 404, 422, 503),
			func(ctx context.Context, in *OfSchedule) (*answer[ScheduleView], error) {
				return s.pauseSchedule(ctx, in, act == "pause")
			})
	}
}

// OfSchedule is an act on one schedule; huma reads exported types only.
type OfSchedule struct {
	Schedule string `path:"schedule" doc:"Its name, which is that of its row."`
	Body     ScheduleRequest
}

// inEngine asks the engine for muster's schedules. The engine's list comes a moment late, so
// those of the programme are asked for by name.
func (s *Server) inEngine(ctx context.Context, p *programme.Programme) (map[string]applied, error) {
	if err := s.engineAnswers(ctx); err != nil {
		return nil, s.engineAway(ctx, err)
	}
	have, err := s.appliedSchedules(ctx)
	if err != nil {
		return nil, s.scheduleProblem(ctx, err)
	}
	if p == nil {
		return have, nil
	}
	for _, spec := range p.Specs() {
		if _, ok := have[spec.Schedule]; ok {
			continue
		}
		a, err := s.scheduleState(ctx, spec.Schedule)
		switch gone := new(serviceerror.NotFound); {
		case err == nil:
			have[spec.Schedule] = a
		case !errors.As(err, &gone):
			return nil, s.scheduleProblem(ctx, err)
		}
	}
	return have, nil
}

func (s *Server) scheduleProblem(ctx context.Context, err error) error {
	if away := new(serviceerror.Unavailable); errors.As(err, &away) {
		return s.engineAway(ctx, err)
	}
	return problem(http.StatusInternalServerError, CodeInternal, err.Error(), "")
}

// optionalProgramme is the yearly plan, nil where there is none.
func (s *Server) optionalProgramme(ctx context.Context) (*programme.Programme, error) {
	p, err := s.programme(ctx)
	if none := new(Problem); errors.As(err, &none) && none.Code == CodeNotFound {
		return nil, nil
	}
	return p, err
}

func (s *Server) schedules(ctx context.Context) ([]ScheduleView, error) {
	p, err := s.optionalProgramme(ctx)
	if err != nil {
		return nil, err
	}
	have, err := s.inEngine(ctx, p)
	if err != nil {
		return nil, err
	}
	out := []ScheduleView{}
	named := map[string]bool{}
	if p != nil {
		for _, spec := range p.Specs() {
			named[spec.Schedule] = true
			a, ok := have[spec.Schedule]
			v := s.view(ctx, spec, a, ok)
			if ok && len(programme.Differ(a.Spec, spec)) > 0 {
				v.State = "differs"
			}
			out = append(out, v)
		}
	}
	for name, a := range have {
		if !named[name] {
			v := s.view(ctx, a.Spec, a, true)
			v.State = "not_in_file"
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b ScheduleView) int { return strings.Compare(a.Schedule, b.Schedule) })
	return out, nil
}

// ScheduleStates are the states of a ScheduleView.
func ScheduleStates() []string {
	return []string{"in_effect", "paused", "not_applied", "differs", "not_in_file"}
}

// SchedulesByState counts them, for metrics.
func (s *Server) SchedulesByState(ctx context.Context) (map[string]int, error) {
	list, err := s.schedules(ctx)
	n := map[string]int{}
	for _, v := range list {
		n[v.State]++
	}
	return n, err
}

func (s *Server) view(ctx context.Context, spec programme.Spec, a applied, in bool) ScheduleView {
	v := ScheduleView{Schedule: spec.Schedule, Scenario: spec.Scenario, When: programme.When(spec.Rule), State: "not_applied", Blind: spec.Blind != nil, Planner: spec.Planner}
	if v.Blind && spec.Planner != reader(ctx) && !s.seesNow(ctx, spec.Scenario) {
		v.Scenario = ""
	}
	if !in {
		return v
	}
	v.State, v.Note = "in_effect", a.Note
	if a.Paused {
		v.State, v.Since = "paused", a.Since
	}
	if next := a.Spec.Next(s.now(), 1); len(next) > 0 {
		v.Next = &next[0]
	}
	if v.Blind {
		v.Drawn = s.drawnFor(ctx, a.Spec)
	}
	return v
}

// drawnFor is the drawn start of a schedule's open occasion, if whoever asks may know it. This
// is the only place that tells it.
func (s *Server) drawnFor(ctx context.Context, spec programme.Spec) time.Time {
	if who, ok := identity.From(ctx); !ok || who.Console || who.Limit != nil || who.Person == "" || who.Person != spec.Planner {
		return time.Time{}
	}
	list, err := s.occasions(ctx, true)
	if err != nil {
		return time.Time{}
	}
	for _, r := range list {
		if n := len(r.Draws); r.Due.Schedule == spec.Schedule && n > 0 && r.Draws[n-1].Opened == nil {
			d, err := Occasions{Server: s}.drawn(ctx, plan.OccasionAsk{ID: r.ID, Try: r.Draws[n-1].Draw})
			if err != nil {
				return time.Time{}
			}
			at, _ := time.Parse(time.RFC3339, d.Time)
			return at
		}
	}
	return time.Time{}
}

func (s *Server) nextStarts(ctx context.Context, n int) ([]programme.Start, error) {
	p, err := s.optionalProgramme(ctx)
	if err != nil {
		return nil, err
	}
	have, err := s.inEngine(ctx, p)
	if err != nil {
		return nil, err
	}
	out := []programme.Start{}
	for _, a := range have {
		if !a.Paused {
			out = append(out, a.Spec.Next(s.now(), n)...)
		}
	}
	slices.SortFunc(out, func(a, b programme.Start) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return strings.Compare(a.Schedule, b.Schedule)
	})
	return out[:min(n, len(out))], nil
}

// applySchedules makes the engine's schedules those of the file. What it does not change it
// does not touch: an occasion that is open goes on as it was applied.
func (s *Server) applySchedules(ctx context.Context, in ScheduleRequest) ([]ScheduleChange, error) {
	if err := sign(ctx, &in); err != nil {
		return nil, err
	}
	p, err := s.programme(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.maySchedule(ctx, p, p.Planner, in.By); err != nil {
		return nil, err
	}
	have, err := s.inEngine(ctx, p)
	if err != nil {
		return nil, err
	}
	out := []ScheduleChange{}
	want := map[string]bool{}
	for _, spec := range p.Specs() {
		want[spec.Schedule] = true
		a, ok := have[spec.Schedule]
		c := ScheduleChange{Schedule: spec.Schedule, What: "keep", Paused: a.Paused}
		switch differs := programme.Differ(a.Spec, spec); {
		case !ok:
			c.What, c.Differs = "add", []plan.Text{programme.When(spec.Rule)}
		case len(differs) > 0:
			c.What, c.Differs = "change", differs
		}
		out = append(out, c)
		if in.DryRun {
			continue
		}
		switch c.What {
		case "add":
			err = s.createSchedule(ctx, spec)
		case "change":
			err = s.updateSchedule(ctx, a, spec)
		default:
			err = nil
		}
		if err != nil {
			return nil, s.scheduleProblem(ctx, err)
		}
	}
	var gone []string
	for name, a := range have {
		if want[name] {
			continue
		}
		out = append(out, ScheduleChange{Schedule: name, What: "remove", Differs: []plan.Text{programme.When(a.Spec.Rule)}, Paused: a.Paused})
		if !in.DryRun {
			if err := s.deleteSchedule(ctx, name); err != nil {
				return nil, s.scheduleProblem(ctx, err)
			}
			gone = append(gone, name)
		}
	}
	slices.SortFunc(out, func(a, b ScheduleChange) int { return strings.Compare(a.Schedule, b.Schedule) })
	if len(gone) > 0 {
		if err := s.takenOut(ctx, gone); err != nil { // each finds it out by itself at its next try
			s.Log.Warn("the open due days of schedules that were taken out can't be told yet", "schedules", gone, "err", err)
		}
	}
	if !in.DryRun {
		for _, c := range out {
			if c.What != "keep" {
				s.noteSchedule(ctx, in.By, c.What+" schedule", c.Schedule)
			}
		}
	}
	return out, nil
}

// noteSchedule enters in the access log who changed what starts by itself.
func (s *Server) noteSchedule(ctx context.Context, by, act, name string) {
	if err := s.Store.Note(ctx, journal.Access{At: s.now().UTC(), Person: by, Via: via(ctx), Act: act, Object: name, Outcome: "ok"}); err != nil {
		s.Log.Warn("who changed a schedule is not in the access log", "by", by, "act", act, "schedule", name, "err", err)
	}
}

func (s *Server) pauseSchedule(ctx context.Context, in *OfSchedule, pause bool) (*answer[ScheduleView], error) {
	if err := sign(ctx, &in.Body); err != nil {
		return nil, err
	}
	l := lang(ctx)
	if pause && strings.TrimSpace(in.Body.Note) == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("To pause a schedule needs a note.", "予定を一時停止するには理由が必要です。"), l.T("Say why with --note", "--note で理由を示してください"))
	}
	p, err := s.programme(ctx)
	if err != nil {
		return nil, err
	}
	have, err := s.inEngine(ctx, p)
	if err != nil {
		return nil, err
	}
	a, ok := have[in.Schedule]
	if !ok {
		var names []string
		for name := range have {
			names = append(names, name)
		}
		slices.Sort(names)
		return nil, problem(http.StatusNotFound, CodeNotFound, l.T("No schedule %q is in effect.", "予定 %q は適用されていません。", in.Schedule),
			l.T("In effect are: %s. `muster schedule apply` puts those of the programme into effect", "適用中: %s。`muster schedule apply` で訓練計画の予定を適用できます", strings.Join(names, ", ")))
	}
	if err := s.maySchedule(ctx, p, a.Spec.Planner, in.Body.By); err != nil {
		return nil, err
	}
	note := strings.TrimSuffix(in.Body.By+": "+strings.TrimSpace(in.Body.Note), ": ")
	kept := "resumed by " + note
	if pause {
		kept = pausedBy + s.now().UTC().Format(time.RFC3339) + " " + note
	}
	if err := s.noteOn(ctx, a, kept); err != nil {
		return nil, s.scheduleProblem(ctx, err)
	}
	act := "resume schedule"
	if pause {
		act = "pause schedule"
	}
	s.noteSchedule(ctx, in.Body.By, act, in.Schedule)
	a.Paused, a.Note, a.Since = pause, note, time.Time{}
	if pause {
		a.Since = s.now().UTC()
	}
	return &answer[ScheduleView]{s.view(ctx, a.Spec, a, true)}, nil
}

// Schedules lists the schedules.
func (c *Client) Schedules(ctx context.Context) ([]ScheduleView, error) {
	return get[[]ScheduleView](ctx, c, "/schedules", nil)
}

// NextStarts lists the next starts of all schedules.
func (c *Client) NextStarts(ctx context.Context, n int) ([]programme.Start, error) {
	return get[[]programme.Start](ctx, c, "/schedules/next", url.Values{"count": {strconv.Itoa(n)}})
}

// ApplySchedules puts the schedules of the programme into effect.
func (c *Client) ApplySchedules(ctx context.Context, in ScheduleRequest) ([]ScheduleChange, error) {
	return act[[]ScheduleChange](ctx, c, "/schedules/apply", NewRequestID(), in)
}

// PauseSchedule holds a schedule, or lets it go on.
func (c *Client) PauseSchedule(ctx context.Context, name string, pause bool, in ScheduleRequest) (ScheduleView, error) {
	verb := "resume"
	if pause {
		verb = "pause"
	}
	return act[ScheduleView](ctx, c, "/schedules/"+url.PathEscape(name)+"/"+verb, NewRequestID(), in)
}
