package workflows

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Remark is what was hard, in a person's words (B-STP-13). It can be handed in at any time; when
// records are put in order, it also says that the person has nothing more to add.
type Remark struct {
	By     string `json:"by"`
	Via    string `json:"via,omitempty"`
	Person string `json:"person,omitempty"` // whose it is, when somebody else enters it
	Text   string `json:"text,omitempty"`
	About  string `json:"about,omitempty"` // a phase or a step
	// Nothing says that nothing was hard, which is an answer too.
	Nothing bool   `json:"nothing,omitempty"`
	Final   bool   `json:"final,omitempty"`
	At      string `json:"at,omitempty"`
}

func (r *response) mayRemark(ctx workflow.Context, m Remark) error {
	if err := errors.Join(r.running(m.By), r.late(ctx, m.At)); err != nil {
		return err
	}
	// Everybody says what was hard for themselves.
	if m.Person != "" && m.Person != m.By {
		if err := r.mayEnter(m.By, m.Person); err != nil {
			return err
		}
	}
	if (m.Text == "") != m.Nothing {
		return refuse("say what was hard, or that nothing was", "難しかった点を記入するか、「特になし」としてください")
	}
	if m.About != "" && !r.hasPart(m.About) {
		return refuse("%q is no phase and no step of this run", "%q という段階・ステップはありません", m.About)
	}
	return nil
}

// hasPart reports whether a phase or step is called so.
func (r *response) hasPart(name string) bool {
	if slices.Contains(run.Phases(run.Disaster), run.Phase(name)) || slices.ContainsFunc(r.plan.Scenario.Injects, func(s plan.Step) bool { return s.ID == name }) {
		return true
	}
	return slices.ContainsFunc(r.plan.Runbooks, func(b plan.Runbook) bool {
		return slices.ContainsFunc(b.Steps, func(s plan.Step) bool { return s.ID == name })
	})
}

func (r *response) onRemark(ctx workflow.Context, m Remark) (Done, error) {
	if m.Person == "" {
		m.Person = m.By
	}
	final := m.Final || r.phase == run.Closing
	if final {
		r.signed[m.Person] = true
	}
	return r.log.record(ctx, run.Event{Kind: run.RecordHandedIn, Phase: r.phase, Person: m.Person, By: m.By, Via: m.Via, Reason: m.Text, Happened: r.happened(ctx, m.At),
		Data: run.Encode(run.Record{About: m.About, Nothing: m.Nothing, Final: final})})
}

// participants are those whose record is asked for: who acted, and who was called with a role that
// the quorum, the draft or the decision asks for.
func (r *response) participants() []string {
	roles := []string{r.plan.Scenario.Decision.By, r.plan.Scenario.Decision.Draft}
	for _, q := range r.plan.Scenario.Quorum {
		roles = append(roles, q.Role)
	}
	var out []string
	for _, m := range r.people {
		holds := m.called && slices.ContainsFunc(m.plan.Roles, func(role string) bool { return slices.Contains(roles, role) })
		if holds || r.log.acted[m.plan.ID] {
			out = append(out, m.plan.ID)
		}
	}
	return out
}

// askRecords asks everybody who took part what was hard.
func (r *response) askRecords(ctx workflow.Context) {
	if workflow.GetVersion(ctx, changeRecords, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	if r.toSign = r.participants(); len(r.toSign) == 0 {
		return
	}
	r.log.add(ctx, run.Event{Kind: run.RecordsAsked, Phase: run.Closing, By: run.Engine, Data: run.Encode(run.Asked{People: r.toSign})})
	r.tell(ctx, r.toSign, "The work is over. Say what was hard, or that nothing was: `muster remark`.",
		"対応が終了しました。難しかった点を記入してください（特になければ「特になし」）：`muster remark`")
}

// untilRecorded waits until everybody has handed in their record, somebody closes it, somebody wants the next response, or
// the time is over. The report names who has not.
func (r *response) untilRecorded(ctx workflow.Context) (cut string) {
	complete := func() bool {
		return len(r.toSign) > 0 && !slices.ContainsFunc(r.toSign, func(id string) bool { return !r.signed[id] })
	}
	ended := func() bool { return r.confirmed[run.Closing] || r.abort != nil || complete() }
	_, _ = workflow.AwaitWithTimeout(ctx, r.plan.Scenario.Safety.Task.Std(), func() bool { return ended() || r.wantedBy != "" })
	if r.wantedBy != "" && !ended() {
		cut = both("%s asked for the next response, so the records were not waited for", "%s が次の対応の開始を求めたため、記録物の提出を待たずに終了", r.named(r.wantedBy))
	}
	return cut
}
