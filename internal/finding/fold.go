package finding

import (
	"cmp"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// foldVersion counts the shapes of fold; a kept one of another version is made anew.
const foldVersion = 4

// fold is the state of all findings after some outcomes and acts.
type fold struct {
	Version int `json:"version"`
	// Outcomes and Acts are up to where the store was read.
	Outcomes int64     `json:"outcomes"`
	Acts     int64     `json:"acts"`
	Last     time.Time `json:"last"` // the newest of what was folded: anything before it comes too late
	LastRun  string    `json:"last_run"`
	// Findings by place.
	Findings map[string]*entry `json:"findings"`

	byID map[string]string            // place by ID
	open map[string]map[string]*entry // what a run may close, by system and place; "" is of none
}

// entry is a finding with what the fold needs besides.
type entry struct {
	Finding
	Rank      int  `json:"rank"`                // of the deepest run that found it since it was opened
	Simulated bool `json:"simulated,omitempty"` // only ever found where the engine acted for people
	PassedAt  int  `json:"passed_rank"`         // of the run that closed it
	Assigned  bool `json:"assigned,omitempty"`  // somebody named the owner or the date
}

func newFold() *fold {
	return &fold{Version: foldVersion, Findings: map[string]*entry{}, byID: map[string]string{}, open: map[string]map[string]*entry{}}
}

// index makes again what is not kept.
func (f *fold) index() {
	f.byID, f.open = map[string]string{}, map[string]map[string]*entry{}
	for place, e := range f.Findings {
		f.byID[e.ID] = place
		if e.ClosedAt == nil {
			f.opened(e)
		}
	}
}

func (f *fold) opened(e *entry) {
	if !e.Judged {
		return // no run closes it
	}
	_, scope := split(e.Place)
	if f.open[scope] == nil {
		f.open[scope] = map[string]*entry{}
	}
	f.open[scope][e.Place] = e
}

func (f *fold) closed(e *entry) {
	_, scope := split(e.Place)
	delete(f.open[scope], e.Place)
}

// late reports whether something belongs before what was folded already. Of one moment acts come first, as they
// were done.
func (f *fold) late(at time.Time, runID string) bool {
	return at.Before(f.Last) || at.Equal(f.Last) && f.LastRun != "" && runID <= f.LastRun
}

// outcome folds what a run came to.
func (f *fold) outcome(o outcome.Outcome) {
	f.Last, f.LastRun = o.EndedAt, o.Run
	found := map[string]bool{}
	for _, x := range o.Findings {
		proof := o.Shows(x.Place)
		if proof.Shown != outcome.Failed || found[x.Place] {
			continue
		}
		found[x.Place] = true
		f.found(o, x, proof)
	}
	scopes := []string{""}
	for _, s := range o.Systems {
		scopes = append(scopes, s.ID)
	}
	for _, scope := range scopes {
		for place, e := range f.open[scope] {
			if found[place] || !o.EndedAt.After(e.SeenAt) {
				continue
			}
			about, system := split(place)
			if !anyDepth(about) && rank(o.Depth) < e.Rank {
				continue
			}
			if proof := o.Shows(place); proof.Shown == outcome.Passed && (!proof.Simulated || e.Simulated) && e.metIn(o.Against(system)) {
				f.close(e, Change{What: WasClosed, At: o.EndedAt, Run: o.Run}, rank(o.Depth))
			}
		}
	}
}

// found opens a finding, opens it again, or notes that it was seen once more.
func (f *fold) found(o outcome.Outcome, x outcome.Finding, proof outcome.Proof) {
	about, system := split(x.Place)
	depth := rank(o.Depth)
	if anyDepth(about) {
		depth = 0
	}
	e := f.Findings[x.Place]
	switch {
	case e == nil:
		e = &entry{Finding: Finding{ID: f.idOf(x.Place), Place: x.Place, Kind: x.Kind, System: x.System, Step: x.Step, Owner: x.Owner, Due: x.Due,
			Judged: judged(x.Place)}, Simulated: true}
		if e.Glass() != "" {
			e.Due = "" // by the calendar; reports of before name a date
		}
		f.Findings[x.Place] = e
		f.begin(e, Change{What: WasOpened, At: o.EndedAt, Run: o.Run})
	case e.ClosedAt != nil && x.Verdict == run.NotProven && depth < e.PassedAt:
		return // a shallower run that could not prove what a deeper one has proven says nothing against it
	case e.ClosedAt != nil:
		e.Reopened++
		e.Rank, e.Simulated, e.Due, e.Against = 0, true, x.Due, nil
		e.Owner = cmp.Or(e.Owner, x.Owner)
		f.begin(e, Change{What: WasReopened, At: o.EndedAt, Run: o.Run})
	}
	e.Title, e.Detail, e.SeenAt, e.SeenIn = x.Title, x.Detail, o.EndedAt, o.Run
	e.Simulated = e.Simulated && proof.Simulated
	if against := o.Against(system); about == "objective" && !slices.ContainsFunc(e.Against, func(a outcome.Against) bool { return a.Scenario == against.Scenario }) {
		e.Against = append(e.Against, against)
	}
	if depth >= e.Rank {
		e.Rank = depth
		if e.Needs = ""; !anyDepth(about) {
			e.Needs = o.Depth
		}
	}
}

// metIn takes what a run has met off what is to be met, and reports whether nothing is left.
func (e *entry) metIn(a outcome.Against) bool {
	e.Against = slices.DeleteFunc(e.Against, a.AsHardAs)
	return len(e.Against) == 0
}

func (f *fold) idOf(place string) string {
	id := IDOf(place)
	f.byID[id] = place
	return id
}

func (f *fold) begin(e *entry, c Change) {
	e.OpenedAt, e.ClosedAt, e.ClosedIn = c.At, nil, ""
	e.History = append(e.History, c)
	f.opened(e)
}

func (f *fold) close(e *entry, c Change, depth int) {
	at := c.At
	e.ClosedAt, e.ClosedIn, e.PassedAt = &at, c.Run, depth
	e.History = append(e.History, c)
	f.closed(e)
}

// act folds what somebody did. What makes no sense any more, such as a waiver of what is closed
// meanwhile, is kept in the history and changes nothing else.
func (f *fold) act(ev run.Event) {
	var d run.FindingAct
	if ev.Decode(&d) != nil {
		return // the record's own check tells of damage
	}
	if !ev.At.Before(f.Last) {
		f.Last, f.LastRun = ev.At, ""
	}
	c := Change{At: ev.At, By: ev.By, Via: ev.Via, Reason: ev.Reason}
	if ev.Kind == run.FindingAdded {
		f.added(ev, d, c)
		return
	}
	e := f.Findings[f.byID[d.ID]]
	if e == nil {
		return
	}
	switch ev.Kind {
	case run.FindingAssigned:
		c.What, c.Detail = WasAssigned, cmp.Or(d.Owner, e.Owner)+" "+cmp.Or(d.Due, e.Due)
		e.Owner, e.Due, e.Assigned = cmp.Or(d.Owner, e.Owner), cmp.Or(d.Due, e.Due), true
	case run.FindingLinked:
		c.What, c.Detail = WasLinked, d.Link
		e.Link = d.Link
	case run.FindingWaived:
		c.What, c.Detail = WasWaived, d.Until
		if e.ClosedAt == nil {
			e.Waiver = &Waiver{By: ev.By, At: ev.At, Reason: ev.Reason, Until: d.Until}
		}
	case run.FindingConfirmed:
		depth := rank(run.Live)
		c.What, c.Run = WasConfirmed, d.Proof
		switch {
		case d.Gone: // nothing was proven of it
			c.What, depth = WasGone, 0
		case d.Proof == "" && e.Glass() != "":
			c.What = WasReviewed
		}
		if e.ClosedAt == nil {
			f.close(e, c, depth)
			return
		}
	default:
		return
	}
	e.History = append(e.History, c)
}

func (f *fold) added(ev run.Event, d run.FindingAct, c Change) {
	c.What = WasOpened
	if e := f.Findings[d.Place]; e != nil {
		if e.ClosedAt != nil {
			c.What = WasReopened
			e.Reopened++
			f.begin(e, c)
		} else {
			e.History = append(e.History, c)
		}
		return
	}
	e := &entry{Finding: Finding{ID: f.idOf(d.Place), Place: d.Place, Kind: d.Kind, System: ev.System, Step: ev.Step, Title: plan.Apart(d.Title),
		Detail: plan.Apart(ev.Reason), AddedBy: ev.By, Owner: d.Owner, Due: d.Due, Link: d.Link, Judged: judged(d.Place), SeenAt: ev.At, Needs: d.Depth}, Rank: max(0, rank(d.Depth))}
	f.Findings[d.Place] = e
	f.begin(e, c)
}

// list is every finding as it stands, the newest opened first.
func (f *fold) list() []Finding {
	out := make([]Finding, 0, len(f.Findings))
	for _, e := range f.Findings {
		out = append(out, e.Finding)
	}
	slices.SortFunc(out, func(a, b Finding) int { return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(a.Place, b.Place)) })
	return out
}
