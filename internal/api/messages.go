// Package api is muster's HTTP API: the server that the command line, the board and
// other programs talk to, and the typed client of it. The server publishes its OpenAPI
// description at /api/openapi.json; the types in this file are what it describes.
package api

import (
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// StartRequest starts a run, or joins the one of the same scenario that is open.
type StartRequest struct {
	Scenario string   `json:"scenario" minLength:"1" doc:"Name of the scenario."`
	Kind     run.Kind `json:"kind" enum:"drill,response" doc:"A response is the real thing."`
	// Depth is "" for the scenario's own. A response is always real; a drill never.
	Depth  run.Depth `json:"depth,omitempty" enum:"tabletop,walkthrough,isolated,live,real" doc:"How far it reaches; the scenario's own when left out."`
	By     string    `json:"by,omitempty" doc:"Who starts it: an ID of the estate; whoever asks when left out."`
	Reason string    `json:"reason,omitempty" doc:"Why. Required for a response."`
	Since  string    `json:"since,omitempty" doc:"When the event happened, RFC 3339; left out when nobody knows."`
	// PlanHash is that of the plan the caller has looked at; "" is whatever the files say now.
	PlanHash string `json:"plan_hash,omitempty" doc:"Of the plan you have looked at: refused when the files have changed since."`
	// RequestID names this request: the same again gets the same answer.
	RequestID string `json:"request_id,omitempty" doc:"Unique per request; asking again with the same one never starts twice."`
}

// Started answers a start.
type Started struct {
	Run       string `json:"run" doc:"The run's ID."`
	Attached  bool   `json:"attached" doc:"The run was there already and you have joined it."`
	StartedBy string `json:"started_by" doc:"Who started it."`
	// Beside is for a warning: which of the two is a message of?
	Beside []string `json:"beside,omitempty" doc:"Open runs about the same systems of the other kind: drills beside a response, responses beside a drill."`
}

// Scenario is one scenario of the plans directory.
type Scenario struct {
	Name    string     `json:"name"`
	Title   plan.Text  `json:"title"`
	Hazard  run.Hazard `json:"hazard"`
	Depth   run.Depth  `json:"depth"`
	Systems []string   `json:"systems"`
	Blind   bool       `json:"blind,omitempty" doc:"Its content is withheld from those who take part."`
	// Facilitators may read a blind one; who they are is nobody else's business.
	Facilitators []string `json:"-"`
}

// Run is a run with where it stands.
type Run struct {
	Summary  journal.Summary   `json:"summary"`
	Overview progress.Overview `json:"overview"`
}

// Entry is an event with its position in the record.
type Entry = journal.Entry

// Events is a stretch of a run's journal.
type Events struct {
	Entries []Entry   `json:"entries"`
	Next    int64     `json:"next" doc:"Give this as after= to go on."`
	Ended   bool      `json:"ended" doc:"The run has ended and nothing follows."`
	Now     time.Time `json:"now" doc:"The server's clock."`
}

// StepRequest is a person's act on a step that waits.
type StepRequest struct {
	Act    run.Act `json:"act" enum:"done,retry,skip,refuse" doc:"refuse is a second person's no to what somebody asked to force; the step waits on."`
	By     string  `json:"by,omitempty" doc:"Who: an ID of the estate; whoever asks when left out."`
	Reason string  `json:"reason,omitempty" doc:"Required to skip, and to mark a machine's step as done."`
	System string  `json:"system,omitempty" doc:"Needed when several systems have such a step."`
	// BreakGlass forces it alone where a second person would have to confirm it.
	BreakGlass bool `json:"break_glass,omitempty" doc:"Force it without a second person: everybody is told, and it is reviewed."`
	// Asked is the request to force it that is confirmed or refused.
	Asked int64 `json:"asked,omitempty" doc:"Number of the request that is confirmed or refused, as in forced of what the run waits for."`
	// Wait is what the step was seen to wait for.
	Wait int64 `json:"wait,omitempty" doc:"Number of the wait that is answered, as in what the run waits for; refused when the step waits for something else by now."`
}

// System is who holds a system.
type System struct {
	System string `json:"system"`
	Held   bool   `json:"held"`
	Run    string `json:"run,omitempty" doc:"The run that holds it."`
	Kept   bool   `json:"kept" doc:"The run has ended and left it: clean-up is incomplete."`
	Reason string `json:"reason,omitempty"`
	// Orphaned locks are a person's to release, as kept ones are.
	Orphaned bool `json:"orphaned,omitempty" doc:"The run was ended in the engine and can't let go any more."`
}

// Health is whether the server can do its work.
type Health struct {
	OK bool `json:"ok"`
	// What follows is for those who are known; it is left out for strangers.
	Version string `json:"version,omitempty"`
	Plans   string `json:"plans,omitempty" doc:"The folder of its plan files, on the server's machine."`
	Engine  string `json:"engine,omitempty" doc:"ok, or what is wrong."`
	Store   string `json:"store,omitempty" doc:"ok, or what is wrong."`
	Vault   string `json:"vault,omitempty" doc:"While it starts, where settings are secrets of a vault: ok, or why that can't be used."`
	// Channels are the ways to people: runs wait for none of them, so OK does not depend on them.
	Channels map[string]string `json:"channels,omitempty" doc:"Each way to people: ok, or what is wrong with it."`
	// Evidence is what becomes of runs after their end: no run waits for it.
	Evidence string `json:"evidence,omitempty" doc:"ok, or why runs that ended are not sealed."`
	// Timestamps says whether the outside authority answers, where one is set up.
	Timestamps string            `json:"timestamps,omitempty" doc:"ok, or why the evidence log gets no time stamp."`
	Places     map[string]string `json:"places,omitempty" doc:"Each other place that evidence is copied to: ok, or why it does not get there."`
}

// Action describes an action as `muster actions` shows it.
type Action struct {
	ID         string     `json:"id"`
	Family     string     `json:"family"`
	Summary    plan.Text  `json:"summary"`
	Effect     run.Effect `json:"effect"`
	Repeatable bool       `json:"repeatable" doc:"The engine may repeat an attempt by itself."`
	CanLook    bool       `json:"can_look" doc:"It can say whether its goal holds."`
	Undo       string     `json:"undo,omitempty" doc:"The action that usually puts back what this one changed."`
	After      string     `json:"after,omitempty" doc:"The action that must have been done to another target before it."`
	Human      bool       `json:"human,omitempty"`
	Probe      bool       `json:"probe,omitempty"`
	Fields     []Field    `json:"fields"`
	Output     []Field    `json:"output,omitempty"`
}

// Field is a parameter of an action, or a value it returns.
type Field struct {
	Name     string   `json:"name"`
	Type     string   `json:"type"`
	Help     string   `json:"help,omitempty"`
	HelpJA   string   `json:"help_ja,omitempty" doc:"The same in Japanese."`
	Required bool     `json:"required,omitempty"`
	Default  string   `json:"default,omitempty"`
	Enum     []string `json:"enum,omitempty"`
	Kind     string   `json:"kind,omitempty" doc:"Of a target: its kind."`
	Of       *Field   `json:"of,omitempty" doc:"Of a list or map: what it holds."`
	Fields   []Field  `json:"fields,omitempty"`
}

// Describe turns an action into its description.
func Describe(a activities.Action) Action {
	return Action{
		ID: a.ID, Family: activities.Family(a.ID),
		Summary: plan.Text{EN: a.Doc.Summary, JA: a.Doc.SummaryJA}, Effect: a.Doc.Effect,
		Repeatable: a.Doc.Repeatable, CanLook: a.CanLook(), Undo: a.Doc.Undo, After: a.Doc.After,
		Human: a.Doc.Human, Probe: a.Doc.Probe,
		Fields: describeFields(a.Fields), Output: describeFields(a.Output),
	}
}

func describeFields(fields []activities.Field) []Field {
	out := make([]Field, 0, len(fields))
	for _, f := range fields {
		out = append(out, describeField(f))
	}
	return out
}

func describeField(f activities.Field) Field {
	d := Field{Name: f.Name, Type: string(f.Type), Help: f.Help.EN, HelpJA: f.Help.JA, Required: f.Required, Default: f.Default,
		Enum: f.Enum, Kind: f.Kind}
	if f.Elem != nil {
		of := describeField(*f.Elem)
		d.Of = &of
	}
	if len(f.Fields) > 0 {
		d.Fields = describeFields(f.Fields)
	}
	return d
}
