package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// reader is who reads, as far as blind drills are concerned: a person who has made sure of who
// they are. The console is nobody here: whoever holds the machine's token may be anybody, and
// the files themselves are what they can read.
func reader(ctx context.Context) string {
	a, ok := identity.From(ctx)
	if !ok || a.Console || a.Limit != nil {
		return ""
	}
	return a.Person
}

// withheld is the problem of reading what a blind drill will bring; nil for who may.
func (s *Server) withheld(ctx context.Context, p plan.Plan) error {
	if p.Scenario.MaySee(reader(ctx), false) {
		return nil
	}
	return isWithheld(ctx, p.Scenario.Name)
}

func isWithheld(ctx context.Context, what string) error {
	l := lang(ctx)
	return problem(http.StatusForbidden, CodeRefused, l.T("%s is a blind drill: it is withheld until it is over.", "%s は非提示型訓練のため、終了まで内容を閲覧できません。", what),
		l.T("Its facilitators may read it, with a personal token", "facilitators に指定された人は、個人トークンで閲覧できます"))
}

// kindBlindID is a document that holds what a run of a blind scenario is called.
const kindBlindID = "blind-id"

// drawnID is what the run is called in place of an ID that names its scenario: drawn once and kept,
// so that everybody who starts the same run names the same one. Nothing can be counted from it,
// not even which blind drills are of one scenario.
func (s *Server) drawnID(ctx context.Context, id string) (string, error) {
	for {
		var drawn struct {
			Run string `json:"run"`
		}
		d, err := s.Store.Document(ctx, kindBlindID, id)
		if errors.Is(err, journal.ErrNotFound) {
			drawn.Run = "blind-" + strings.ToLower(rand.Text()[:10])
			d, err = s.Store.PutDocument(ctx, journal.Document{Kind: kindBlindID, ID: id, Body: run.Encode(drawn)})
		}
		if errors.Is(err, journal.ErrChanged) {
			continue // drawn by somebody else this very moment
		}
		if err == nil {
			err = json.Unmarshal(d.Body, &drawn)
		}
		return drawn.Run, err
	}
}

// dueFor are occasions in a list of runs as whoever asks may read them: without the scenario before the
// drill is over, where that is withheld from them (see recordsFor).
func (s *Server) dueFor(ctx context.Context, list []journal.Summary) ([]journal.Summary, error) {
	records, err := s.occasions(ctx, false)
	if err != nil {
		return nil, err
	}
	running, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return nil, err
	}
	told := map[string]bool{} // whose scenario is no secret any more, or never was
	for _, r := range records {
		over := r.State.Ended() && !slices.ContainsFunc(running, func(x journal.Summary) bool { return x.Run == r.Run.Run })
		told[r.ID] = over || !r.Due.Blind && s.seesNow(ctx, r.Due.Scenario)
	}
	if records, err = s.recordsFor(ctx, records); err != nil {
		return nil, err
	}
	for _, r := range records { // its planner reads all of a blind one
		told[r.ID] = told[r.ID] || r.Due.Blind && r.Due.Scenario != ""
	}
	list = slices.Clone(list)
	for i := range list {
		if !told[list[i].Run] {
			list[i].Scenario = ""
		}
	}
	return list, nil
}

// scenarioless is a run's summary as whoever asks may read it: of a blind drill that is withheld from
// them without the scenario's name and without the plan's hash, which an earlier run may share. A run whose plan can't be read is withheld.
func (s *Server) scenarioless(ctx context.Context, sum journal.Summary) journal.Summary {
	if sum.Kind != run.Drill || over(sum) {
		return sum
	}
	p, ok := s.recent.get(sum.PlanHash)
	if !ok {
		var err error
		if p, err = s.Store.Plan(ctx, sum.PlanHash); err != nil {
			sum.Scenario, sum.PlanHash = "", ""
			return sum
		}
		s.recent.put(p)
	}
	if !s.sees(ctx, sum, p) {
		sum.Scenario, sum.PlanHash = "", ""
	}
	return sum
}

// over reports whether what a blind drill brings need not be withheld any more. A check ends long
// before the drill whose plan it looks at.
func over(sum journal.Summary) bool { return sum.Kind != run.Readiness && sum.State.Ended() }

// sees reports whether whoever asks may read the whole of a run: its plan and what it does.
func (s *Server) sees(ctx context.Context, sum journal.Summary, p plan.Plan) bool {
	if !p.Scenario.MaySee(reader(ctx), over(sum)) {
		return false
	}
	// A check for the real thing has a plan that is not blind, of a scenario that may be.
	return sum.Kind != run.Readiness || p.Scenario.Depth != run.Real || s.seesNow(ctx, sum.Scenario)
}

// seesNow is sees for a scenario as the files have it now; while they can't be read nobody does.
func (s *Server) seesNow(ctx context.Context, name string) bool {
	list, err := s.Plans.Scenarios()
	return err == nil && !slices.ContainsFunc(list, func(sc Scenario) bool {
		return sc.Name == name && !(plan.Scenario{Blind: sc.Blind, Facilitators: sc.Facilitators}).MaySee(reader(ctx), false)
	})
}

// checksFor leaves out of a list the checks of scenarios that whoever asks may not see.
func (s *Server) checksFor(ctx context.Context, list []journal.Summary, limit int) ([]journal.Summary, error) {
	seen := map[string]bool{}
	out := []journal.Summary{}
	for _, sum := range list {
		may, known := seen[sum.PlanHash]
		if !known {
			p, err := s.Store.Plan(ctx, sum.PlanHash)
			if err != nil && !errors.Is(err, journal.ErrNotFound) {
				return nil, err
			}
			may = err == nil && s.sees(ctx, sum, p)
			seen[sum.PlanHash] = may
		}
		if may {
			out = append(out, sum)
		}
		if limit > 0 && len(out) == limit {
			break
		}
	}
	return out, nil
}

// tellable is what whoever asks may read of a run's events: before it is over, of a blind drill neither
// what it does to make things happen nor which scenario it is of.
func (s *Server) tellable(ctx context.Context, sum journal.Summary) (func([]journal.Entry) []journal.Entry, error) {
	all := func(list []journal.Entry) []journal.Entry { return list }
	if sum.Kind == run.Response || over(sum) {
		return all, nil
	}
	_, p, err := s.known(ctx, sum.Run)
	if err != nil {
		return nil, err
	}
	if s.sees(ctx, sum, p) {
		return all, nil
	}
	return func(list []journal.Entry) []journal.Entry {
		out := []journal.Entry{}
		for _, x := range list {
			e := &x.Event
			if e.Kind == run.InjectReleased || e.Kind == run.ReadinessChecked || p.Injects(e.Runbook, e.Step) {
				continue
			}
			if e.Kind == run.RunStarted {
				var d run.Started
				if json.Unmarshal(e.Data, &d) != nil {
					continue
				}
				d.Scenario, d.PlanHash, d.Rows = "", "", nil
				e.Data = run.Encode(d)
			}
			out = append(out, x)
		}
		return out
	}, nil
}

// listed is a scenario as whoever asks may see it.
func listed(ctx context.Context, sc Scenario) Scenario {
	if !(plan.Scenario{Blind: sc.Blind, Facilitators: sc.Facilitators}).MaySee(reader(ctx), false) {
		sc.Title, sc.Systems, sc.Hazard = plan.WithheldTitle(), []string{}, ""
	}
	return sc
}

// programmeFor is the yearly plan as whoever asks may see it: of a row whose drill is blind, when it
// is due and who takes part, not what it will bring. Its planner and its facilitators read all of it.
// withheld names the rows of which it tells that; their scenarios are still named (see nameless).
func (s *Server) programmeFor(ctx context.Context, p programme.Programme) (_ programme.Programme, withheld []string) {
	who := reader(ctx)
	list, err := s.Plans.Scenarios()
	p.Rows = slices.Clone(p.Rows)
	for i := range p.Rows {
		r := &p.Rows[i]
		sc := plan.Scenario{Blind: r.Spec != nil && r.Spec.Blind != nil || err != nil && r.Scenario != ""}
		if at := slices.IndexFunc(list, func(x Scenario) bool { return x.Name == r.Scenario }); at >= 0 {
			sc.Blind, sc.Facilitators = sc.Blind || list[at].Blind, list[at].Facilitators
		}
		if who != "" && who == r.Planner || sc.MaySee(who, false) {
			continue
		}
		if r.Title == r.Content { // a row without a title is called by its content
			r.Title = plan.WithheldTitle()
		}
		r.Content, r.Remarks = plan.WithheldTitle(), plan.Text{}
		r.Systems, r.Goals, r.Assumptions = nil, nil, nil
		withheld = append(withheld, r.ID)
		if r.Spec != nil {
			spec := *r.Spec
			spec.Title, spec.Systems = r.Title, nil
			r.Spec = &spec
		}
	}
	return p, withheld
}

// nameless is the plan without the scenarios of rows that are withheld.
func nameless(p programme.Programme, withheld []string) programme.Programme {
	for i := range p.Rows { // programmeFor has made them its own
		if r := &p.Rows[i]; slices.Contains(withheld, r.ID) {
			r.Scenario = ""
			if r.Spec != nil {
				r.Spec.Scenario = ""
			}
		}
	}
	return p
}

// recordsFor are records of occasions as whoever asks may see them. That a blind drill was due
// today and is held up tells that it is near: its planner alone hears of that before it is over.
func (s *Server) recordsFor(ctx context.Context, list []programme.Record) ([]programme.Record, error) {
	open, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return nil, err
	}
	under := func(id string) bool {
		return slices.ContainsFunc(open, func(r journal.Summary) bool { return r.Run == id })
	}
	who := reader(ctx)
	for i, r := range list {
		// Of a blind scenario it tells no name either, though its day is no secret: one that was held by hand,
		// or applied before the scenario became blind. Of a run that is over everybody may read all.
		over := r.State.Ended() && !under(r.Run.Run)
		if over && (r.Due.Blind || r.Run.Run != "") || !r.Due.Blind && s.seesNow(ctx, r.Due.Scenario) {
			continue
		}
		if p, err := s.programme(ctx); err == nil && who != "" {
			if row, ok := p.Row(r.Due.Schedule); ok && row.Planner == who {
				continue
			}
		}
		list[i].Due.Scenario = ""
		if r.State.Ended() { // its start is no secret any more
			continue
		}
		list[i].Postponed = nil
		if n := len(r.Draws); n > 1 { // how often it was drawn tells the same
			list[i].Draws = r.Draws[:1]
		}
	}
	return list, nil
}
