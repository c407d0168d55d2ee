package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Activation is what would happen if a scenario were activated now: what whoever starts the
// real thing reads before, on every screen the same.
type Activation struct {
	Scenario string     `json:"scenario"`
	Title    plan.Text  `json:"title"`
	Hazard   run.Hazard `json:"hazard"`
	PlanHash string     `json:"plan_hash" doc:"Give it back with the start: refused when the files have changed since."`
	Threat   bool       `json:"threat,omitempty" doc:"Nothing has stopped yet."`

	Systems   []ActivationSystem `json:"systems"`
	Untouched []string           `json:"untouched" doc:"Systems of other scenarios, which this one leaves alone."`
	SitesLost []string           `json:"sites_lost"`

	Called    int          `json:"called" doc:"How many people are called at once."`
	Roles     []RoleHeld   `json:"roles" doc:"Who is called, by role."`
	Place     plan.Text    `json:"muster_place,omitzero"`
	Phases    []run.Phase  `json:"phases"`
	DecidedBy string       `json:"decided_by" doc:"Role that decides on the recovery."`
	Within    run.Duration `json:"decision_within"`
	Rule      string       `json:"decision_rule" doc:"What decides after that time; wait is nothing but that role."`
	Approvals int          `json:"approvals" doc:"People besides the requester who must approve before a system is moved."`

	Joins  string   `json:"joins,omitempty" doc:"The response that runs already: starting joins it."`
	Over   string   `json:"over,omitempty" doc:"The response that has recovered what it could and not ended yet: the start will be refused, and says what ends it."`
	Drills []string `json:"drills,omitempty" doc:"Drills that run now."`
	Beside []string `json:"beside,omitempty" doc:"Those of them that are about the same systems."`
}

// ActivationSystem is what may be done to a system.
type ActivationSystem struct {
	Name     string         `json:"name"`
	Title    plan.Text      `json:"title"`
	Priority string         `json:"priority"`
	From     string         `json:"from"`
	To       string         `json:"to,omitempty"`
	RTO      *run.Duration  `json:"rto,omitempty"`
	Runbooks []string       `json:"runbooks"`
	Effects  map[string]int `json:"effects" doc:"Steps of those runbooks by effect: observe, isolated, disrupt, destroy; human for those of people."`
	Unproven bool           `json:"unproven" doc:"No probe would see it come back."`
	HeldBy   string         `json:"held_by,omitempty" doc:"The run that holds it now."`
	HeldKept bool           `json:"held_kept,omitempty" doc:"That run has ended and its clean-up is incomplete."`
	HeldWhy  string         `json:"held_why,omitempty" doc:"What is left to clean up."`
	// HeldOrphaned locks are a person's to release, as kept ones are.
	HeldOrphaned bool `json:"held_orphaned,omitempty" doc:"That run was ended in the engine and can't let go any more."`
	HeldAsksHome bool `json:"held_asks_home,omitempty" doc:"That run waits for the decision to return home or to stay; deciding to stay ends it."`
	// HeldConfirm is completion or closing.
	HeldConfirm run.Phase `json:"held_confirm,omitempty" doc:"That run has recovered what it could and waits for this phase to be confirmed."`
	DependsOn   []string  `json:"depends_on,omitempty"`
}

// Yields reports whether who holds a system is the last response of the scenario and only waits for records: it ends when the next
// one is asked for.
func (a Activation) Yields(s ActivationSystem) bool {
	return a.Over != "" && s.HeldBy == a.Over && s.HeldConfirm == run.Closing
}

// RoleName is what people call a role of it.
func (a Activation) RoleName(role string) plan.Text {
	for _, r := range a.Roles {
		if r.Role == role && r.Title != (plan.Text{}) {
			return r.Title
		}
	}
	return plan.Text{EN: role, JA: role}
}

// RoleHeld is how many people hold a role, and how many must be there.
type RoleHeld struct {
	Role   string    `json:"role"`
	Title  plan.Text `json:"title" doc:"What people call it."`
	People int       `json:"people"`
	Needed int       `json:"needed"`
}

func (s *Server) activationRoutes(api huma.API) {
	huma.Register(api, route("scenario-activation", http.MethodGet, "/scenarios/{name}/activation", "What would happen if the scenario were activated now.", 404, 422, 503),
		func(ctx context.Context, in *struct {
			Name string `path:"name"`
		}) (*answer[Activation], error) {
			out, err := s.activation(ctx, in.Name)
			if err != nil {
				return nil, err
			}
			return &answer[Activation]{out}, nil
		})
}

func (s *Server) activation(ctx context.Context, name string) (Activation, error) {
	p, err := s.compile(ctx, name, run.Real)
	if err != nil {
		return Activation{}, err
	}
	// The real thing is never held up by it; what a blind drill would bring is not told all the same.
	if drill, err := s.compile(ctx, name, ""); err == nil && !drill.Scenario.MaySee(reader(ctx), false) {
		p = p.Withheld()
	}
	out := summarise(p)
	// The files of other scenarios may have mistakes; what they would leave alone is a courtesy.
	if list, err := s.Plans.Scenarios(); err == nil {
		for _, sc := range list {
			for _, system := range sc.Systems {
				ours := slices.ContainsFunc(p.Systems, func(x plan.System) bool { return x.Name == system })
				if !ours && !slices.Contains(out.Untouched, system) {
					out.Untouched = append(out.Untouched, system)
				}
			}
		}
		slices.Sort(out.Untouched)
	}
	open, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return Activation{}, s.storeProblem(ctx, err)
	}
	for _, r := range open {
		switch {
		case r.Kind == run.Drill:
			out.Drills = append(out.Drills, r.Run)
		case r.Kind == run.Response && r.Scenario == name && (r.Phase.AfterRecovery() || r.Aborting):
			out.Over = r.Run
		case r.Kind == run.Response && r.Scenario == name:
			out.Joins = r.Run
		}
	}
	if len(out.Drills) > 0 {
		if out.Beside, err = s.beside(ctx, p, run.Response); err != nil {
			// A warning; a drill whose plan can't be read does not hold up the real thing.
			s.Log.Warn("what goes on beside a response can't be told", "scenario", name, "err", err)
		}
	}
	for i := range out.Systems {
		h, err := s.holder(ctx, out.Systems[i].Name)
		if err != nil {
			return Activation{}, err
		}
		at := &out.Systems[i]
		at.HeldBy, at.HeldKept, at.HeldWhy = h.Run, h.Kept, h.Reason
		if at.HeldOrphaned, err = s.orphaned(ctx, h); err != nil {
			return Activation{}, err
		}
		if h.Run != "" && !h.Kept && !at.HeldOrphaned {
			x := s.leftOf(ctx, h.Run)
			at.HeldAsksHome, at.HeldConfirm = x.home, x.confirm
		}
	}
	return out, nil
}

// summarise says what a plan would do.
func summarise(p plan.Plan) Activation {
	sc := p.Scenario
	out := Activation{Scenario: sc.Name, Title: sc.Title, Hazard: sc.Hazard, PlanHash: p.Hash, Threat: sc.Trigger == plan.TriggerThreat,
		SitesLost: sc.SitesLost, Phases: sc.Phases, DecidedBy: sc.Decision.By, Within: sc.Decision.Within, Rule: sc.Decision.Rule, Approvals: max(sc.Approvals, 1),
		Systems: []ActivationSystem{}, Untouched: []string{}, Roles: []RoleHeld{}}
	for _, pl := range p.Estate.Places {
		if pl.Name == sc.Place {
			out.Place = pl.Title
		}
	}
	for _, person := range p.Estate.People {
		if len(person.Roles) > 0 {
			out.Called++
		}
		for _, role := range person.Roles {
			at := slices.IndexFunc(out.Roles, func(r RoleHeld) bool { return r.Role == role })
			if at < 0 {
				out.Roles = append(out.Roles, RoleHeld{Role: role, Title: p.Estate.RoleName(role)})
				at = len(out.Roles) - 1
			}
			out.Roles[at].People++
		}
	}
	for _, q := range sc.Quorum {
		for i := range out.Roles {
			if out.Roles[i].Role == q.Role {
				out.Roles[i].Needed = q.Count
			}
		}
	}
	slices.SortFunc(out.Roles, func(a, b RoleHeld) int { return strings.Compare(a.Role, b.Role) })
	for _, sys := range p.Systems {
		a := ActivationSystem{Name: sys.Name, Title: sys.Title, Priority: sys.Priority, From: sys.Home, To: sys.Alternate, RTO: sys.Objective.RTO,
			DependsOn: sys.DependsOn, Unproven: len(sys.Probes) == 0, Runbooks: []string{}, Effects: map[string]int{}}
		for _, name := range []string{sys.Failover, sys.InPlace, sys.Failback, sys.Restore} {
			at := slices.IndexFunc(p.Runbooks, func(r plan.Runbook) bool { return r.Name == name && name != "" })
			if at < 0 {
				continue
			}
			a.Runbooks = append(a.Runbooks, name)
			for _, st := range p.Runbooks[at].Steps {
				if st.Human != nil {
					a.Effects["human"]++
				} else {
					a.Effects[string(st.Effect)]++
				}
			}
		}
		out.Systems = append(out.Systems, a)
	}
	return out
}

// Activation says what would happen if a scenario were activated now.
func (c *Client) Activation(ctx context.Context, scenario string) (Activation, error) {
	return get[Activation](ctx, c, "/scenarios/"+url.PathEscape(scenario)+"/activation", nil)
}
