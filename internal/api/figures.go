package api

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/metrics"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// What follows is for metrics: figures with names of systems, sites and scenarios, never of people or
// runs.

// Attained is what the newest runs that judged each property of each system found, of those that the files hold.
func (s *Server) Attained(ctx context.Context) ([]metrics.Attained, error) {
	if err := s.keepEnded(ctx); err != nil {
		return nil, err
	}
	files, known := s.filesNow()
	of := map[string]map[outcome.Property]*judged{}
	var order []string
	for _, p := range outcome.Properties() {
		for _, v := range metrics.Verdicts() {
			list, err := outcome.LastJudgedAs(ctx, s.Store, p, v)
			if err != nil {
				return nil, err
			}
			for _, one := range list {
				if known && !holds(files, one.ID, p) {
					continue
				}
				if of[one.ID] == nil {
					of[one.ID], order = map[outcome.Property]*judged{}, append(order, one.ID)
				}
				if of[one.ID][p] == nil {
					of[one.ID][p] = &judged{}
				}
				of[one.ID][p].hear(one, v)
			}
		}
	}
	missed := map[string]map[outcome.Property]bool{}
	if known {
		list, err := proof.Systems(ctx, s.Store, files, s.now())
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			missed[x.System] = map[outcome.Property]bool{}
			for _, p := range x.Properties {
				missed[x.System][p.Property] = p.State == proof.Missed
			}
		}
	}
	slices.Sort(order)
	var out []metrics.Attained
	for _, system := range order {
		for _, p := range outcome.Properties() {
			if j := of[system][p]; j != nil {
				out = append(out, metrics.Attained{System: system, Property: p, Verdict: j.verdict(missed[system][p]), Figures: figures(j.measured, p)})
			}
		}
	}
	return out, nil
}

// holds reports whether the files set an objective for a property of a system.
func holds(files proof.Files, system string, p outcome.Property) bool {
	return slices.ContainsFunc(files.Systems, func(x plan.System) bool { return x.Name == system && proof.Set(x, p) })
}

// judged is the newest run that met or missed a property, and when one last could not prove it.
type judged struct {
	measured outcome.SystemAt
	as       run.Verdict
	unproven time.Time
}

func (j *judged) hear(one outcome.SystemAt, v run.Verdict) {
	switch {
	case v == run.NotProven:
		j.unproven = one.EndedAt
	case one.EndedAt.After(j.measured.EndedAt):
		j.measured, j.as = one, v
	}
}

// verdict is the newest one; but a miss stands until it was made good, as the freshness of proofs has it.
func (j *judged) verdict(stands bool) run.Verdict {
	if stands {
		return run.Missed
	}
	if j.as == run.Missed || !j.unproven.After(j.measured.EndedAt) {
		return j.as
	}
	return run.NotProven
}

func figures(s outcome.SystemAt, p outcome.Property) []metrics.Figure {
	one := func(kind string, f outcome.Figure) metrics.Figure {
		return metrics.Figure{Kind: kind, ObjectiveS: f.ObjectiveS, ActualS: f.ActualS}
	}
	var out []metrics.Figure
	switch p {
	case outcome.RTO:
		out = append(out, one("rto", s.RTO))
	case outcome.RPO:
		out = append(out, one("rpo", s.RPO))
	case outcome.RLO:
		for _, st := range s.RLO {
			f := one("rlo", st.Figure)
			f.Level = st.Level
			out = append(out, f)
		}
	case outcome.Restore:
		if s.Restore != nil {
			out = append(out, one("restore", *s.Restore))
		}
		if s.RestorePoint != nil {
			out = append(out, one("restore_point", *s.RestorePoint))
		}
	case outcome.Failback:
		out = append(out, metrics.Figure{Kind: "failback_outage", ActualS: s.OutageS})
	}
	return out
}

// waitOf is what the metrics say of a wait. Who closes the records has the plan's time for it: until that
// is over it is one of their remarks, which nobody is woken for.
func waitOf(kind run.Kind, w progress.Waiting, now time.Time) metrics.Wait {
	out := metrics.Wait{Kind: kind, For: w.For, Since: w.Since}
	if w.For == progress.AwaitConfirm && w.Phase == run.Closing && (w.Due == nil || now.Before(*w.Due)) {
		out.For = progress.AwaitRemark
	}
	return out
}

// followed is an open run as far as its journal goes.
func (s *Server) followed(ctx context.Context, id string) (seen, plan.Plan, error) {
	_, p, err := s.known(ctx, id)
	if err != nil {
		return seen{}, p, err
	}
	t, err := s.follow(ctx, id, p)
	return t, p, err
}

// OpenNow is what open runs wait for people to do, and what their probes see.
func (s *Server) OpenNow(ctx context.Context) (metrics.Open, time.Time, error) {
	now := s.now()
	list, err := s.Store.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return metrics.Open{}, now, err
	}
	var out metrics.Open
	for _, sum := range list {
		t, p, err := s.followed(ctx, sum.Run)
		if ctx.Err() != nil {
			return out, now, ctx.Err()
		}
		if err != nil { // one that can't be read must not hide what the others wait for
			out.Unreadable++
			if _, said := s.unreadable.LoadOrStore(sum.Run, true); !said {
				s.Log.Warn("an open run can't be read, and is missing in the metrics", "run", sum.Run, "err", err)
			}
			continue
		}
		s.unreadable.Delete(sum.Run)
		o := t.Overview(now)
		for _, w := range o.Waiting {
			out.Waits = append(out.Waits, waitOf(sum.Kind, w, now))
		}
		if p.Scenario.Blind && !over(sum) { // which systems it takes is nobody's to know
			continue
		}
		for _, sys := range o.Systems {
			for _, f := range sys.Functions {
				if f.Up != nil && !slices.ContainsFunc(out.Functions, func(x metrics.Function) bool { return x.System == sys.Name && x.Function == f.Name }) {
					out.Functions = append(out.Functions, metrics.Function{System: sys.Name, Function: f.Name, Up: *f.Up, Level: f.Level})
				}
			}
		}
	}
	return out, now, nil
}

// asksFor is for how long after its last poll a worker is taken to be there: a poll waits a minute.
const asksFor = 2 * time.Minute

// lastSeen remembers when each site's workers last asked for work: the engine forgets after some minutes.
type lastSeen struct {
	mu sync.Mutex
	at map[string]time.Time
}

func (l *lastSeen) hear(site string, at time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.at == nil {
		l.at = map[string]time.Time{}
	}
	if at.After(l.at[site]) {
		l.at[site] = at
	}
	return l.at[site]
}

// SiteWorkers says of every site of the estate how many workers ask for its work.
func (s *Server) SiteWorkers(ctx context.Context) ([]metrics.Site, error) {
	e, err := s.Estate(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]metrics.Site, len(e.Sites))
	for i, site := range e.Sites {
		pollers, err := s.pollers(ctx, plan.SiteQueue(site.Name), enums.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil {
			return nil, err
		}
		out[i] = metrics.Site{Site: site.Name}
		seen := time.Time{}
		for _, p := range pollers {
			at := p.GetLastAccessTime().AsTime()
			if time.Since(at) < asksFor {
				out[i].Workers++
			}
			if at.After(seen) {
				seen = at
			}
		}
		out[i].LastSeen = s.lastSeen.hear(site.Name, seen)
	}
	return out, nil
}

// pollers are the workers that the engine remembers to have asked a queue for work, an entry each.
func (s *Server) pollers(ctx context.Context, queue string, kind enums.TaskQueueType) ([]*taskqueue.PollerInfo, error) {
	d, err := s.Engine.WorkflowService().DescribeTaskQueue(ctx, &workflowservice.DescribeTaskQueueRequest{
		Namespace: cmp.Or(s.Namespace, client.DefaultNamespace), TaskQueue: &taskqueue.TaskQueue{Name: queue, Kind: enums.TASK_QUEUE_KIND_NORMAL}, TaskQueueType: kind})
	if err != nil {
		return nil, err
	}
	var out []*taskqueue.PollerInfo
	for _, p := range d.GetPollers() {
		if !slices.ContainsFunc(out, func(x *taskqueue.PollerInfo) bool { return x.GetIdentity() == p.GetIdentity() }) {
			out = append(out, p)
		}
	}
	return out, nil
}

// LeftToPeople says of every system of the estate, and of every other one that is held, whether a run ended and left
// its clean-up to people.
func (s *Server) LeftToPeople(ctx context.Context) (map[string]bool, error) {
	systems, err := s.heldInEngine(ctx)
	if err != nil {
		return nil, err
	}
	files, _ := s.filesNow()
	for _, system := range files.Systems { // the engine's list may lag
		systems = append(systems, system.Name)
	}
	out := map[string]bool{}
	for _, system := range systems {
		if _, asked := out[system]; asked {
			continue
		}
		h, err := s.lockHolder(ctx, system)
		if err != nil {
			return nil, err
		}
		out[system] = h.Kept
	}
	return out, nil
}

// heldInEngine lists the systems whose switch lock the engine has, whether or not the files still name them.
func (s *Server) heldInEngine(ctx context.Context) (out []string, err error) {
	for next := []byte(nil); ; {
		page, err := s.Engine.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
			Query: "WorkflowType = '" + workflows.TypeSwitch + "' AND ExecutionStatus = 'Running'", PageSize: 200, NextPageToken: next})
		if err != nil {
			return nil, err
		}
		for _, w := range page.GetExecutions() {
			if system, ok := strings.CutPrefix(w.GetExecution().GetWorkflowId(), workflows.SwitchID("")); ok {
				out = append(out, system)
			}
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			return out, nil
		}
	}
}

// lockHolder is holder for who asks of many systems: it does not ask each time whether the engine is there.
func (s *Server) lockHolder(ctx context.Context, system string) (h workflows.Holder, err error) {
	id := workflows.SwitchID(system)
	if closed, err := s.closed(ctx, id); err != nil || closed {
		return h, err
	}
	value, err := s.Engine.QueryWorkflow(ctx, id, "", workflows.QueryHolder)
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		return h, nil
	}
	if err == nil {
		err = value.Get(&h)
	}
	return h, err
}

// Checked is the newest readiness check of each scenario that is not blind: of those that are, nothing
// may tell that they are near.
func (s *Server) Checked(ctx context.Context) ([]metrics.Ready, error) {
	list, err := s.Plans.Scenarios()
	if err != nil {
		return nil, err
	}
	var out []metrics.Ready
	for _, sc := range list {
		if sc.Blind {
			continue
		}
		checks, err := s.Store.Runs(ctx, journal.Filter{Scenario: sc.Name, Kind: run.Readiness, Limit: 5})
		if err != nil {
			return nil, err
		}
		for _, c := range checks {
			if c.EndedAt == nil {
				continue
			}
			found, err := s.checked(ctx, c.Run)
			if err != nil {
				return nil, err
			}
			if found != nil {
				out = append(out, metrics.Ready{Scenario: sc.Name, Ready: found.Ready, At: *c.EndedAt})
				break
			}
		}
	}
	return out, nil
}

// checked is what a readiness check found; nil when its record does not say.
func (s *Server) checked(ctx context.Context, id string) (out *run.Checked, err error) {
	entries, err := s.Store.Events(ctx, id, 0, 0)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Event.Kind == run.ReadinessChecked {
			out = new(run.Checked)
			if err := e.Event.Decode(out); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// EngineAnswers reports whether the engine answers, and how long it took.
func (s *Server) EngineAnswers(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	err := s.engineAnswers(ctx)
	return time.Since(began), err
}
