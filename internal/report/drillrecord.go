package report

import (
	"encoding/json"
	"io"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// RecordFormat names the shape of DrillRecord, and the rules by which it is made.
const RecordFormat = "muster-record/2"

// recordFormat1 is that of records that were sealed before; they are made again by its rules.
const recordFormat1 = "muster-record/1"

// DrillRecord is a run with the fields that standards ask of a drill's record, for programs. Every field that is
// not omitted when empty is required; null is what the record does not hold, and Unknown names it, so
// that nobody takes silence for a no.
type DrillRecord struct {
	Format    string       `json:"format"`
	Identity  RecordID     `json:"identity"`
	Purpose   RecordAim    `json:"purpose"`
	Authority RecordRight  `json:"authority"`
	People    RecordPeople `json:"people"`
	Times     []RecordTime `json:"times"`
	Measures  []RecordGoal `json:"measures"`
	Steps     []Step       `json:"steps"`
	Undone    []Step       `json:"undone"`
	Events    RecordEvents `json:"events"`
	Findings  []Finding    `json:"findings"`
	After     RecordAfter  `json:"after"`
	Assurance RecordProof  `json:"assurance"`
	Unknown   []string     `json:"unknown"`
}

// RecordID says what was run.
type RecordID struct {
	Run          string      `json:"run"`
	Kind         run.Kind    `json:"kind"`
	Form         string      `json:"form" enum:"tabletop,walkthrough,functional,full_scale,real"`
	Depth        run.Depth   `json:"depth"`
	Drill        bool        `json:"drill"`
	Organisation string      `json:"organisation"`
	Scenario     string      `json:"scenario"`
	Title        plan.Text   `json:"title"`
	PlanHash     string      `json:"plan_hash"` // over scenario, runbooks, estate: all versions at once
	Runbooks     []string    `json:"runbooks"`
	State        run.State   `json:"state"`
	Verdict      run.Verdict `json:"verdict"`
	Why          []Reason    `json:"why"`
}

// RecordAim says what it was for.
type RecordAim struct {
	Objectives   []RecordCriterion `json:"objectives"` // fixed before the start, in the plan
	Systems      []string          `json:"systems"`
	Sites        []string          `json:"sites"`
	Hazard       run.Hazard        `json:"hazard"`
	Trigger      string            `json:"trigger"`
	Assumptions  Basis             `json:"assumptions"`
	Requirements []string          `json:"requirements"`
}

// RecordCriterion is an objective with what makes it met.
type RecordCriterion struct {
	Of      string      `json:"of"` // a system, or a pass criterion
	What    string      `json:"what"`
	Target  string      `json:"target"`
	Verdict run.Verdict `json:"verdict"`
}

// RecordRight says who allowed it.
type RecordRight struct {
	Requester  string       `json:"requester"`
	Reason     string       `json:"reason"`
	Approvals  []Approval   `json:"approvals"`
	BreakGlass []BreakGlass `json:"break_glass"`
	Announced  *bool        `json:"announced"`
}

// RecordPeople says who took part.
type RecordPeople struct {
	Simulated bool            `json:"simulated"`
	Called    int             `json:"called"`
	Answered  int             `json:"answered"`
	Mustered  int             `json:"mustered"`
	Share     *float64        `json:"participation"`
	Strength  []Strength      `json:"strength"`
	Absent    []AbsentPerson  `json:"absent"`
	List      []PersonRecord  `json:"list"`
	Quorum    *float64        `json:"quorum_s"`
	Decisions []RecordDecided `json:"decision_times"`
}

// RecordDecided is how long a decision took.
type RecordDecided struct {
	System string  `json:"system"`
	By     string  `json:"by"`
	S      float64 `json:"s"`
}

// RecordTime is a moment; System is "" for the run itself. Source is whose clock it is.
type RecordTime struct {
	What   string     `json:"what" enum:"event,detected,declared,decision_asked,decided,ordered,write_service_back,phase_started,phase_ended,failback_started,failback_ended,closed"`
	System string     `json:"system,omitempty"`
	Phase  run.Phase  `json:"phase,omitempty"`
	At     *time.Time `json:"at"` // UTC; null: it was not seen
	Zone   string     `json:"zone"`
	Source string     `json:"source"`
}

// RecordGoal is target and measured figure of a system with the way it was measured.
type RecordGoal struct {
	System    string      `json:"system"`
	Measure   string      `json:"measure" enum:"rto,rpo,rlo,restore,restore_point,failback"`
	Level     *int        `json:"level,omitempty"`
	TargetS   *float64    `json:"target_s"`
	ActualS   *float64    `json:"actual_s"`
	AtMost    bool        `json:"at_most,omitempty"`
	LostCount *int64      `json:"lost_transactions,omitempty"`
	Verdict   run.Verdict `json:"verdict"`
	Method    string      `json:"method"`
	Why       []Reason    `json:"why"`
}

// RecordEvents is what was said and decided.
type RecordEvents struct {
	Injects     []string     `json:"injects"`
	Decisions   []Decision   `json:"decisions"`
	Assessments []Assessment `json:"assessments"`
	Inspections []Inspection `json:"inspections"`
	Notes       []Note       `json:"notes"`
}

// RecordAfter is what came of it.
type RecordAfter struct {
	Restored *bool   `json:"environment_restored"` // null: nothing says so
	Written  []Entry `json:"written"`
	Closed   bool    `json:"closed"` // nobody can write into the report any more
}

// RecordProof is what the record rests on.
type RecordProof struct {
	PlanIntact    bool     `json:"plan_intact"`
	JournalDigest string   `json:"journal_digest"`
	Events        int      `json:"events"`
	Writers       []Writer `json:"writers"`
	Probes        []Probe  `json:"probes"`
	Class         string   `json:"class" enum:"A,B,C"`
	Verify        string   `json:"verify"`
}

// notHeld is what standards ask and muster's record has no place for.
var notHeld = []string{"authority.safety_officer", "authority.change_ticket", "purpose.bia_reference", "purpose.out_of_scope", "measures.mtpd", "after.cost", "after.survey", "assurance.distribution"}

// RecordOf makes the record of a run from its plan and report.
func RecordOf(p plan.Plan, r Report) DrillRecord { return recordAs(RecordFormat, p, r) }

func recordAs(format string, p plan.Plan, r Report) DrillRecord {
	out := DrillRecord{Format: format, Steps: r.Steps, Undone: r.Undone, Findings: r.Findings, Times: []RecordTime{}, Measures: []RecordGoal{}, Unknown: slices.Clone(notHeld)}
	out.Identity = RecordID{Run: r.Run.ID, Kind: r.Run.Kind, Form: form(p, r), Depth: r.Run.Depth, Drill: r.Run.Kind == run.Drill, Organisation: r.Run.Estate, Scenario: r.Run.Scenario, Title: r.Run.Title,
		PlanHash: r.Run.PlanHash, Runbooks: []string{}, State: r.Run.State, Verdict: r.Run.Verdict, Why: notNull(r.Run.Why)}
	for _, s := range r.Steps {
		if s.Runbook != "" && !slices.Contains(out.Identity.Runbooks, s.Runbook) {
			out.Identity.Runbooks = append(out.Identity.Runbooks, s.Runbook)
		}
	}
	out.Purpose = RecordAim{Objectives: []RecordCriterion{}, Systems: []string{}, Sites: notNull(p.Scenario.SitesLost), Hazard: r.Run.Hazard, Trigger: p.Scenario.Trigger, Assumptions: r.Basis, Requirements: []string{}}
	if r.Case != nil {
		out.Purpose.Requirements = notNull(r.Case.Requirements)
		for _, c := range r.Case.Pass {
			out.Purpose.Objectives = append(out.Purpose.Objectives, RecordCriterion{Of: c.ID, What: c.Text.In("en"), Target: c.Expect, Verdict: c.Verdict})
		}
	}
	announced := !p.Scenario.Blind
	out.Authority = RecordRight{Requester: r.Run.StartedBy, Reason: r.Run.Reason, Approvals: r.Approvals, BreakGlass: notNull(r.BreakGlass), Announced: &announced}
	out.People = RecordPeople{Simulated: r.People.Simulated, Called: r.People.Called, Answered: r.People.Answered, Mustered: r.People.Mustered, Strength: notNull(r.People.Need), Absent: notNull(r.People.Absent), List: notNull(r.People.List), Quorum: r.People.QuorumS, Decisions: []RecordDecided{}}
	if share := r.People.Participation(); share != nil {
		rounded := round(*share)
		out.People.Share = &rounded
	}
	for _, x := range r.Decisions {
		out.People.Decisions = append(out.People.Decisions, RecordDecided{x.System, x.By, x.WaitedS})
	}
	out.times(r)
	for _, s := range r.Systems {
		out.Purpose.Systems = append(out.Purpose.Systems, s.ID)
		out.goals(s)
	}
	out.Events = RecordEvents{Injects: r.Basis.Injects, Decisions: r.Decisions, Assessments: r.Assessments, Inspections: r.Inspections, Notes: r.Notes}
	out.After = RecordAfter{Written: notNull(r.Written), Closed: slices.ContainsFunc(r.Written, func(e Entry) bool { return e.Item == run.WrittenClose })}
	out.After.Restored = restored(r)
	if format == recordFormat1 {
		out.asBefore(r)
	}
	if out.After.Restored == nil {
		out.Unknown = append(out.Unknown, "after.environment_restored")
	}
	class := "B"
	if r.Run.Kind == run.Response {
		class = "A"
	}
	out.Assurance = RecordProof{PlanIntact: r.Evidence.PlanIntact, JournalDigest: r.Evidence.JournalDigest, Events: r.Evidence.Events, Writers: r.Evidence.Writers, Probes: r.Probes, Class: class,
		Verify: "muster evidence export " + r.Run.ID + "; muster verify BUNDLE"}
	slices.Sort(out.Unknown)
	return out
}

func (out *DrillRecord) times(r Report) {
	at := func(what, system, source string, t *time.Time) {
		out.Times = append(out.Times, RecordTime{What: what, System: system, At: t, Zone: r.Run.Zone, Source: source})
	}
	at("declared", "", "engine", &r.Run.StartedAt)
	for _, s := range r.Systems {
		if out.Format == recordFormat1 {
			at("detected", s.ID, "probe", s.RTO.DetectedAt)
		} else {
			at("event", s.ID, s.RTO.EventSource, s.RTO.EventAt)
			at("detected", s.ID, s.RTO.detectedBy, s.RTO.DetectedAt)
		}
		at("decision_asked", s.ID, "engine", s.RTO.AskedAt)
		at("decided", s.ID, "engine", s.RTO.DecidedAt)
		at("ordered", s.ID, "engine", s.RTO.OrderedAt)
		at("write_service_back", s.ID, "probe", s.RTO.RestoredAt)
		at("failback_started", s.ID, "engine", s.Failback.StartedAt)
		at("failback_ended", s.ID, "engine", s.Failback.EndedAt)
	}
	for _, ph := range r.Phases {
		out.Times = append(out.Times, RecordTime{What: "phase_started", Phase: ph.ID, At: &ph.StartedAt, Zone: r.Run.Zone, Source: "engine"},
			RecordTime{What: "phase_ended", Phase: ph.ID, At: ph.EndedAt, Zone: r.Run.Zone, Source: "engine"})
	}
	at("closed", "", "engine", r.Run.EndedAt)
}

func (out *DrillRecord) goals(s System) {
	add := func(g RecordGoal, target *float64) {
		g.System, g.TargetS, g.Why = s.ID, target, notNull(g.Why)
		out.Measures = append(out.Measures, g)
		if target != nil {
			out.Purpose.Objectives = append(out.Purpose.Objectives, RecordCriterion{Of: s.ID, What: g.Measure, Target: (time.Duration(*target * float64(time.Second))).String(), Verdict: g.Verdict})
		}
	}
	if t := s.Restore; t != nil {
		add(RecordGoal{Measure: "restore", ActualS: t.ActualS, Verdict: t.Verdict, Why: t.Why, Method: "from the order to the end of the verification of the restored copy"}, t.ObjectiveS)
		add(RecordGoal{Measure: "restore_point", ActualS: t.BehindS, Verdict: t.PointVerdict, Why: t.PointWhy, Method: "age of the newest row that came back, seen from the point asked for"}, t.PointObjectiveS)
		return
	}
	add(RecordGoal{Measure: "rto", ActualS: s.RTO.ActualS, AtMost: s.RTO.AtMost, Verdict: s.RTO.Verdict, Why: s.RTO.Why, Method: "from the event to the first success, seen from outside, of service that held"}, s.RTO.ObjectiveS)
	add(RecordGoal{Measure: "rpo", ActualS: s.RPO.ActualS, LostCount: s.RPO.LostMarkers, Verdict: s.RPO.Verdict, Why: s.RPO.Why, Method: "acknowledged markers written by a probe and read back afterwards"}, s.RPO.ObjectiveS)
	for _, st := range s.RLO.Stages {
		level, within := st.Level, st.WithinS
		add(RecordGoal{Measure: "rlo", Level: &level, ActualS: st.ActualS, Verdict: st.Verdict, Why: st.Why, Method: "share of functions, by weight, that probes saw served"}, &within)
	}
	add(RecordGoal{Measure: "failback", ActualS: s.Failback.ActualS, Verdict: s.Failback.Verdict, Why: s.Failback.Why, Method: "from the beginning of the way home to its end, service seen to hold"}, nil)
}

// notNull is the list, never null.
func notNull[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// WriteRecord writes the record as JSON.
func WriteRecord(w io.Writer, p plan.Plan, r Report) error {
	return WriteRecordAs(RecordFormat, w, p, r)
}

// WriteRecordAs is WriteRecord in the format of a record that was sealed, so that both can be compared.
func WriteRecordAs(format string, w io.Writer, p plan.Plan, r Report) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(recordAs(format, p, r))
}
