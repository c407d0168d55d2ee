package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// TypeCheck is the readiness check of one scenario; ID: CheckID.
const TypeCheck = "Check"

// CheckID lets one check of a scenario run at a time; who asks meanwhile joins it.
func CheckID(scenario string) string { return "check/" + scenario }

// CheckInput asks whether a plan could be carried out now.
type CheckInput struct {
	RunID string    `json:"run"` // under which the result is journalled
	Plan  plan.Plan `json:"plan"`
	By    string    `json:"by"` // a person, or run.Engine on schedule
	// Kind decides whose rights and secrets are tried: a drill's or the real ones.
	Kind run.Kind `json:"kind"`
}

// question is one thing to be asked of a site worker.
type question struct {
	call plan.Call
	item run.Item
	site string
}

// Check asks every site worker whether it could do each step, undo, inject and probe of
// the plan now, and looks whether the people whom the plan needs can be reached. It
// changes nothing. What it found is journalled as a run of kind check and returned.
func Check(ctx workflow.Context, in CheckInput) (run.Checked, error) {
	log := openJournal(ctx, in.RunID, "run", false)
	p := in.Plan
	log.add(ctx, run.Event{Kind: run.RunStarted, By: in.By, Data: run.Encode(run.Started{
		Kind: run.Readiness, Depth: p.Scenario.Depth, Scenario: p.Scenario.Name, Hazard: p.Scenario.Hazard, PlanHash: p.Hash})})

	asked := questions(p, in)
	if workflow.GetVersion(ctx, "workers-themselves", workflow.DefaultVersion, 1) == 1 {
		asked = append(workers(asked), asked...)
	}
	out := run.Checked{Items: peopleReady(p, workflow.Now(ctx))}
	answers := make([]run.Item, len(asked))
	left, going := len(asked), 0
	for i, q := range asked {
		workflow.GoNamed(ctx, q.item.Where, func(ctx workflow.Context) {
			defer func() { left--; going-- }()
			_ = workflow.Await(ctx, func() bool { return going < checkAtOnce })
			going++
			answers[i] = ask(ctx, q)
		})
	}
	if err := workflow.Await(ctx, func() bool { return left == 0 }); err != nil {
		return out, err
	}
	out.Items = append(out.Items, answers...)
	out.Ready = !slices.ContainsFunc(out.Items, func(i run.Item) bool { return len(i.Problems) > 0 })

	log.add(ctx, run.Event{Kind: run.ReadinessChecked, By: run.Engine, Data: run.Encode(out)})
	state := run.Ready
	if !out.Ready {
		state = run.NotReady
	}
	log.add(ctx, run.Event{Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: state})})
	log.close(ctx)
	return out, nil
}

// checkAtOnce bounds what is asked at once: a check must not be a load on what it checks.
const checkAtOnce = 50

func ask(ctx workflow.Context, q question) run.Item {
	var ready plan.Ready
	var asked workflow.Future
	if q.call.Uses == "" {
		asked = workflow.ExecuteActivity(checking(ctx, q.site), plan.ActivityWorker)
	} else {
		asked = workflow.ExecuteActivity(checking(ctx, q.site), q.call.Uses+plan.ReadySuffix, q.call)
	}
	err := asked.Get(ctx, &ready)
	item := q.item
	switch {
	case isAbsent(err):
		item.Problems = []run.Problem{{
			EN: fmt.Sprintf("no worker of site %s answers; start it there: muster worker --site %s", q.site, q.site),
			JA: fmt.Sprintf("拠点 %s のワーカーが応答しません。現地で muster worker --site %s を起動してください", q.site, q.site)}}
	case err != nil:
		why := plan.Apart(inWords(err))
		item.Problems = []run.Problem{{EN: "it could not be checked: " + why.EN, JA: "点検できませんでした: " + why.JA}}
	}
	for _, problem := range ready.Problems {
		item.Problems = append(item.Problems, run.Problem{EN: problem.In("en"), JA: problem.In("ja")})
	}
	item.Note = ready.Note
	return item
}

// workers are the questions to the workers themselves, one for each site that is asked
// anything.
func workers(asked []question) []question {
	var out []question
	for _, q := range asked {
		if !slices.ContainsFunc(out, func(w question) bool { return w.site == q.site }) {
			out = append(out, question{site: q.site, item: run.Item{What: "worker", Where: q.site, Site: q.site}})
		}
	}
	return out
}

// questions lists what the plan will ask of site workers, each thing once.
func questions(p plan.Plan, in CheckInput) []question {
	var out []question
	known := map[string]bool{}
	add := func(system, runbook, where, uses, site, line string, effect run.Effect, with []byte, targets []string) {
		key := fmt.Sprint(uses, "\x00", site, "\x00", string(with))
		if site == "" || known[key] {
			return
		}
		known[key] = true
		out = append(out, question{site: site,
			item: run.Item{What: uses, Where: where, System: system, Site: site, Line: line},
			call: plan.Call{Run: in.RunID, Kind: in.Kind, Depth: p.Scenario.Depth, System: system, Runbook: runbook, Step: where,
				Uses: uses, Effect: effect, Generation: 1, With: with, Targets: p.Estate.TargetsNamed(targets)}})
	}
	step := func(system, runbook string, s plan.Step) {
		if s.Human == nil {
			add(system, runbook, s.ID, s.Uses, s.Site, s.Line, s.Effect, s.With, s.Targets)
		}
		for i, u := range s.Undo {
			add(system, runbook, fmt.Sprintf("%s.undo%d", s.ID, i+1), u.Uses, u.Site, s.Line, u.Effect, u.With, u.Targets)
		}
	}
	if in.Kind == run.Drill {
		for _, s := range p.Scenario.Injects {
			step(s.Starts, "", s)
		}
	}
	for _, s := range p.Systems {
		for _, probe := range s.Probes {
			add(s.Name, "", probe.Name, probe.Uses, probe.Vantage, "", run.Observe, probe.With, probe.Targets)
		}
		if s.SingleWriter != nil {
			step(s.Name, "", *s.SingleWriter)
		}
	}
	for _, book := range p.Runbooks {
		for _, s := range book.Steps {
			step(book.System, book.Name, s)
		}
	}
	return out
}

// peopleReady looks whether those whom the plan will call can be called.
func peopleReady(p plan.Plan, now time.Time) []run.Item {
	var items []run.Item
	for _, person := range p.Estate.People {
		item := run.Item{What: "person", Where: person.ID}
		if !person.Reachable && person.Contact == "" {
			item.Problems = append(item.Problems, run.Problem{
				EN: "no contact is known; give contact:, mail: or slack: in the estate",
				JA: "連絡先が登録されていません。構成台帳のcontact、mail、slackのいずれかに記入してください"})
		}
		items = append(items, item)
	}
	for _, need := range p.Scenario.Quorum {
		item := run.Item{What: "role", Where: need.Role}
		holders := p.Estate.InRole(need.Role)
		if len(holders) == need.Count && !slices.ContainsFunc(holders, func(h plan.Person) bool { return len(h.Deputies) > 0 }) {
			item.Note = both("all %d are needed and none has a deputy", "%d名全員が必要で、代行者がいません", need.Count)
		}
		items = append(items, item)
	}
	for _, party := range p.Estate.Parties {
		item := run.Item{What: "party", Where: party.Name}
		if party.Contact == "" {
			item.Problems = append(item.Problems, run.Problem{
				EN: "no contact is known; give contact:, mail: or slack: in the estate",
				JA: "連絡先が登録されていません。構成台帳のcontact、mail、slackのいずれかに記入してください"})
		}
		item.Note = doubt(party, now)
		items = append(items, item)
	}
	return items
}

// confirmedFor is how long an entry of the contact list counts as right (requirement A-CON-05).
const confirmedFor = 366 * 24 * time.Hour

// doubt is what makes an entry of the contact list a risk; "" when nothing does.
func doubt(p plan.Party, now time.Time) string {
	var out []plan.Text
	if p.Single {
		out = append(out, plan.Say("one individual only: add the emergency desk (desk) or a deputy", "特定の個人の連絡先のみです。緊急窓口（desk）または代行者（deputy）を登録してください"))
	}
	if at, err := time.Parse(time.DateOnly, p.Confirmed); err == nil && now.Sub(at) > confirmedFor {
		out = append(out, plan.Say("last confirmed on %s, more than a year ago", "最終確認日 %s から1年以上経過しています", p.Confirmed))
	}
	if len(out) == 0 {
		return ""
	}
	return plan.Joined(out...).Both()
}
