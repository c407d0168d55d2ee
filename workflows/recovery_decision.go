package workflows

import (
	"errors"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// decideRecovery puts the recovery decision for each system to the role that decides,
// with the computed aid beside it (requirement B-DEC-02), and then has a real recovery
// approved by somebody other than its requester.
func (r *response) decideRecovery(ctx workflow.Context) (run.Outcome, string) {
	rule := r.plan.Scenario.Decision
	past := r.pastTimings(ctx)
	r.past = past
	// What is proposed may be what is carried out: simulated people and silence follow it.
	r.weighsIntact = workflow.GetVersion(ctx, "weighs-intact", workflow.DefaultVersion, 1) == 1
	if slices.ContainsFunc(r.systems, func(s *system) bool { return s.plan.Failover == "" && s.plan.InPlace == "" }) {
		r.standsDown = workflow.GetVersion(ctx, changeStandsDown, workflow.DefaultVersion, 1) == 1
	}
	asked, missed := workflow.Now(ctx), false
	for _, s := range r.systems {
		s.asked, s.askedAt = true, asked
		ask := r.aid(ctx, s, past)
		r.warnOfMiss(ctx, s, ask)
		missed = missed || ask.MissS != nil
		r.log.add(ctx, run.Event{Kind: run.DecisionAsked, Phase: run.RecoveryDecision, System: s.plan.Name, By: run.Engine,
			Reason: ask.Ground, Data: run.Encode(ask)})
		r.simulateAct(ctx, rule.By, "decide "+s.plan.Name, func(ctx workflow.Context, m *member) {
			if s.choice == "" {
				_, _ = r.decide(ctx, s, Decide{Choice: ask.Proposed, Reason: ask.Ground}, run.Simulated(m.plan.ID), asked)
			}
		})
	}
	if missed {
		r.reportSituation(ctx, triggerForecast, "")
	}
	decided := func() bool { return !slices.ContainsFunc(r.systems, func(s *system) bool { return s.choice == "" }) }
	left := rule.Within.Std()
	if after := deputyAfter(rule); after < left && workflow.GetVersion(ctx, changeDeputies, workflow.DefaultVersion, 1) == 1 {
		left -= after
		if ok, _ := workflow.AwaitWithTimeout(ctx, after, decided); !ok && ctx.Err() == nil {
			r.askDeputies(ctx, after)
		}
	}
	if rule.Rule == plan.RuleWait {
		_ = workflow.Await(ctx, decided)
	} else if ok, _ := workflow.AwaitWithTimeout(ctx, left, decided); !ok && ctx.Err() == nil {
		// Nobody's silence blocks the run: the plan's rule decides, and is named in
		// place of a person (requirement B-DEC-08).
		for _, s := range r.systems {
			if s.choice == "" {
				s.choice = r.aid(ctx, s, past).Proposed
				precaution := s.choice == run.Alternate && r.intact(s)
				r.log.add(ctx, run.Event{Kind: run.DecisionMade, Phase: run.RecoveryDecision, System: s.plan.Name, By: run.Engine,
					Reason: both("nobody decided within %s", "%s以内に判断がなかった", rule.Within),
					Data: run.Encode(run.Decision{Question: questionRecovery, Answer: s.choice, Rule: rule.Rule, Precaution: precaution,
						WaitedS: workflow.Now(ctx).Sub(asked).Seconds()})})
			}
		}
	}
	if ctx.Err() != nil {
		return run.Skipped, textAborted
	}
	return r.awaitApproval(ctx)
}

const (
	questionRecovery = "recovery"
	questionFailback = "failback"
)

// aid computes what the decision should know: time used and estimates against the RTO,
// with what they rest on (requirement B-DEC-02). It proposes; the person decides.
func (r *response) aid(ctx workflow.Context, s *system, past []plan.Timing) run.DecisionAsk {
	ask := run.DecisionAsk{Question: questionRecovery, Role: r.plan.Scenario.Decision.By,
		UsedS:     r.used(ctx, s),
		DeadlineS: r.plan.Scenario.Decision.Within.Seconds()}
	seconds := func(v float64) *float64 { return &v }
	if _, ok := r.plan.Runbook(s.plan.Failover); ok {
		ask.Choices = append(ask.Choices, run.Alternate)
		e := r.estimateOf(past, s.plan.Failover, 0, "")
		ask.AlternateS, ask.AlternateP95S, ask.AlternateGround = e.expected, e.p95, e.ground
	}
	if _, ok := r.plan.Runbook(s.plan.InPlace); ok {
		ask.Choices = append(ask.Choices, run.InPlace)
		e := r.estimateOf(past, s.plan.InPlace, s.plan.InPlaceEstimate, s.plan.InPlaceGround)
		if s.repair > 0 { // who has looked knows better than the plan
			e = estimate{expected: seconds(s.repair.Seconds()), ground: both("reported: %s", "報告：%s", plan.Apart(s.repairWhy))}
		}
		ask.InPlaceS, ask.InPlaceP95S, ask.InPlaceGround = e.expected, e.p95, e.ground
	}
	ask.Choices = append(ask.Choices, run.StandDown, run.NotPossible)
	if ask.Intact = r.intact(s); ask.Intact {
		ask.UsedS = 0 // only an interruption will count (requirement B-CLK-03)
	}
	if s.plan.Objective.RTO != nil {
		ask.ObjectiveS = seconds(s.plan.Objective.RTO.Seconds())
	}
	if ask.ObjectiveS != nil {
		left := *ask.ObjectiveS - ask.UsedS
		if ask.AlternateS != nil {
			ask.AlternateMet, ask.AlternateAtBest = r.chanceOf(ctx, s, s.plan.Failover, left)
		}
		if ask.InPlaceS != nil && s.repair == 0 { // past runs know nothing of this damage
			ask.InPlaceMet, ask.InPlaceAtBest = r.chanceOf(ctx, s, s.plan.InPlace, left)
		}
	}
	canAlternate, canInPlace := slices.Contains(ask.Choices, run.Alternate), slices.Contains(ask.Choices, run.InPlace)
	// Rule B-DEC-01: in place if that meets the RTO, else the alternate site. When neither
	// does, the faster of the two (B-DEC-03).
	fits := func(estimate *float64) bool {
		return ask.ObjectiveS != nil && estimate != nil && ask.UsedS+*estimate <= *ask.ObjectiveS
	}
	lost := slices.Contains(r.plan.Scenario.SitesLost, s.plan.Home)
	inTime, faster := fits(ask.InPlaceS), false
	if ask.ObjectiveS != nil && !ask.Intact && !inTime && !fits(ask.AlternateS) {
		best := ask.AlternateS
		if canInPlace && (!lost || r.weighsIntact && !canAlternate) && ask.InPlaceS != nil && (best == nil || *ask.InPlaceS < *best) {
			best, faster = ask.InPlaceS, canAlternate && best != nil
		}
		if best != nil {
			ask.MissS = seconds(ask.UsedS + *best - *ask.ObjectiveS)
		}
	}
	switch {
	case r.plan.Scenario.Trigger == plan.TriggerThreat && ask.Intact && canAlternate:
		ask.Proposed, ask.Ground = run.Alternate, both("a precaution: the home site is intact, and can still be left in order", "予防的な切り替え：本拠点は健全であり、今なら秩序立てて移行できる")
	case faster:
		ask.Proposed, ask.Ground = run.InPlace, both("neither way is forecast to meet the RTO; in place is the faster", "いずれの方法でも目標復旧時間に間に合わない見込みで、被災拠点での復旧のほうが早い")
	case canInPlace && inTime && !lost:
		ask.Proposed, ask.Ground = run.InPlace, both("recovery in place is forecast to meet the RTO", "被災拠点での復旧で目標復旧時間内に収まる見込み")
	case canAlternate:
		ask.Proposed, ask.Ground = run.Alternate, both("recovery in place is not forecast to meet the RTO", "被災拠点での復旧では目標復旧時間に間に合わない見込み")
		if lost {
			ask.Ground = both("the home site %s is lost", "本拠点 %s が使用不能", siteName(r.plan, s.plan.Home))
		}
	case canInPlace:
		ask.Proposed, ask.Ground = run.InPlace, both("the plan has no runbook for an alternate site", "代替拠点への切り替え手順が計画にない")
	case ask.Intact && r.standsDown:
		ask.Proposed, ask.Ground = run.StandDown, both("service is whole, and the plan has no runbook for this system", "サービスは正常稼働中であり、計画にこのシステムの復旧手順はない")
	default:
		ask.Proposed, ask.Ground = run.NotPossible, both("the plan has no runbook for this system", "このシステムの復旧手順が計画にない")
	}
	if ask.Intact && ask.Proposed == run.Alternate && r.plan.Scenario.Trigger != plan.TriggerThreat {
		ask.Ground = both("service is whole: switching would be a precaution, and only an interruption counts against the RTO", "サービスは正常稼働中のため、切り替えは予防措置となる（RTOには停止時間のみ算入）")
	}
	return ask
}

// used is how much of the RTO is gone. A threat uses up none of it, until service stops or
// damage is found.
func (r *response) used(ctx workflow.Context, s *system) float64 {
	began := s.occurred
	if began.IsZero() && s.awaited {
		return 0
	}
	if s.threatened {
		if r.intact(s) {
			return 0
		}
		for _, w := range r.watches {
			if w.probe.System == s.plan.Name && len(w.downs) > 0 && (began.Equal(s.occurred) || w.downs[0].At.Before(began)) {
				began = w.downs[0].At
			}
		}
	}
	return workflow.Now(ctx).Sub(began).Seconds()
}

// intact reports whether the system is whole as far as anybody knows: its probes see full
// service and have seen nothing else since the event, or nothing looks and there is only
// a threat; its home is not lost, and nobody has found damage. Runs that were decided
// before this was asked went by the time alone.
func (r *response) intact(s *system) bool {
	if !r.weighsIntact {
		return false
	}
	level, known := r.level(s.plan.Name)
	if known && level < 100 || !known && !s.threatened || s.damaged || slices.Contains(r.plan.Scenario.SitesLost, s.plan.Home) {
		return false
	}
	return !slices.ContainsFunc(r.watches, func(w *watch) bool { return w.probe.System == s.plan.Name && len(w.downs) > 0 })
}

func (r *response) mayDecide(ctx workflow.Context, d Decide) error {
	if err := errors.Join(r.mayAct(d.By, plan.MayDecide), r.late(ctx, d.At)); err != nil {
		return err
	}
	if ok, _ := r.decides(d.By); !ok {
		return refuse("the decision is for the role %s; %s does not hold it, nor stands in for somebody who does and is not there, or is hurt", "決定するのは役割 %s の人です。%s はその役割を担っておらず、不在または負傷・体調不良の人の代行者でもありません", r.plan.Scenario.Decision.By, d.By)
	}
	if d.Reason == "" {
		return refuse("a reason is needed: it stands in the report", "理由を記入してください（報告書に記載されます）")
	}
	if r.phase != run.Failback {
		if err := r.aborting(); err != nil {
			return err
		}
	}
	if d.System != "" {
		if err := r.nameable(d.System, ""); err != nil {
			return err
		}
	}
	open, decided := r.undecided(d.System), r.decidedOn(d.System)
	if err := r.afterAsked(open, decided, d); err != nil {
		return err
	}
	if len(open) == 0 {
		if up := r.underReview(d.System); len(up) > 0 {
			for _, s := range up {
				if err := r.mayReview(s, d); err != nil {
					return err
				}
			}
			return nil
		}
		switch {
		case len(decided) > 1:
			var names []string
			for _, s := range decided {
				names = append(names, s.plan.Name)
			}
			return refuse("no decision is being asked for; to revise one, say of which system: --system, one of %v", "現在、判断は求められていません。決定を見直す場合は、対象システムを --system で指定してください。対象：%v", names)
		case len(decided) == 1 && decided[0].homeAsked:
			return r.mayReviseHome(decided[0], d)
		case len(decided) == 1:
			if err := r.ownDraft(decided[0], d); err != nil {
				return err
			}
			return r.mayRevise(decided[0], d)
		}
		return refuse("no decision is being asked for; `muster drill show` says what the run waits for", "現在、判断は求められていません。何を待っているかは `muster drill show` で確認できます")
	}
	for _, s := range open {
		if !slices.Contains(r.choices(s), d.Choice) {
			return refuse("%q can't be chosen for %s; these can: %v", "%[2]s に %[1]q は選べません。選択肢：%[3]v", d.Choice, s.plan.Name, r.choices(s))
		}
		if s.homeAsked {
			continue
		}
		if err := errors.Join(r.ownDraft(s, d), r.mayHold(s, d.Choice, d.Policy)); err != nil {
			return err
		}
	}
	return nil
}

// afterAsked refuses a decision that is said to be older than its question. Seconds are what
// people give.
func (r *response) afterAsked(open, decided []*system, d Decide) error {
	t, err := time.Parse(time.RFC3339, d.At)
	if err != nil {
		return nil // none was given
	}
	if len(open) == 0 {
		open = decided // a revision
	}
	for _, s := range open {
		if asked := s.askedAt.Truncate(time.Second); t.Before(asked) {
			return refuse("%[2]s is before %[1]s was put to anybody, at %[3]s; a decision is dated when it was taken", "%[2]s は %[1]s の決定を求めた時刻（%[3]s）より前です。決定した時刻を指定してください",
				s.plan.Name, t.UTC().Format(time.RFC3339), asked.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// mayRevise: a decision may be taken back until the recovery begins
// (requirement B-DEC-10). The same again is a second click, no revision.
func (r *response) mayRevise(s *system, d Decide) error {
	switch {
	case s.choice == d.Choice:
		return refuse("%s is decided already: %s", "%s はすでに決定済みです：%s", s.plan.Name, s.choice)
	case r.phase != run.RecoveryDecision || r.approvalOver:
		return refuse("%s is decided already, %s, and the recovery has begun; `muster drill abort %s --reason ...` stops it, and what was done is undone", "%s の決定（%s）は確定し、復旧作業が始まっています。中止するには `muster drill abort %s --reason ...`（実施済みの操作は取り消されます）", s.plan.Name, s.choice, r.in.RunID)
	case !slices.Contains(r.choices(s), d.Choice):
		return refuse("%q can't be chosen for %s; these can: %v", "%[2]s に %[1]q は選べません。選択肢：%[3]v", d.Choice, s.plan.Name, r.choices(s))
	case s.decider != "" && s.decider != d.By && d.Instead != s.choice:
		// Of two people who decide at once one wins and the other is told; to take a
		// decision of somebody else back takes knowing it.
		return refuse("%s was decided meanwhile, by %s: %s; to revise that, say what yours takes the place of: --instead %s", "%s は %s が先に決定しました（%s）。それを改める場合は --instead %s を付けてください",
			s.plan.Name, s.decider, s.choice, s.choice)
	}
	return nil
}

// mayReviseHome: the return home, too, may be taken back until it begins.
func (r *response) mayReviseHome(s *system, d Decide) error {
	switch {
	case s.homeChoice == d.Choice:
		return refuse("%s is decided already: %s", "%s はすでに決定済みです：%s", s.plan.Name, s.homeChoice)
	case !r.homeOpen:
		return refuse("%[1]s is decided already, %[2]s, and the way home has begun; `muster drill pause %[3]s --reason ...` holds it, and `muster drill abort %[3]s --reason ...` stops it and undoes what it did",
			"%[1]s の決定（%[2]s）は確定し、切戻しが始まっています。一時停止するには `muster drill pause %[3]s --reason ...`、中止して実施済みの操作を取り消すには `muster drill abort %[3]s --reason ...` を使ってください", s.plan.Name, s.homeChoice, r.in.RunID)
	case !slices.Contains(r.choices(s), d.Choice):
		return refuse("%q can't be chosen for %s; these can: %v", "%[2]s に %[1]q は選べません。選択肢：%[3]v", d.Choice, s.plan.Name, r.choices(s))
	case s.homeDecider != "" && s.homeDecider != d.By && d.Instead != s.homeChoice:
		return refuse("%s was decided meanwhile, by %s: %s; to revise that, say what yours takes the place of: --instead %s", "%s は %s が先に決定しました（%s）。それを改める場合は --instead %s を付けてください",
			s.plan.Name, s.homeDecider, s.homeChoice, s.homeChoice)
	}
	return nil
}

// undecided lists the systems that wait for a decision, or the one named.
func (r *response) undecided(name string) []*system {
	var out []*system
	for _, s := range r.systems {
		waits := s.asked && s.choice == "" || s.homeAsked && s.homeChoice == ""
		if waits && (name == "" || name == s.plan.Name) {
			out = append(out, s)
		}
	}
	return out
}

// decidedOn lists the systems whose decision may be meant where none is asked for, or the one named.
func (r *response) decidedOn(name string) []*system {
	var out []*system
	for _, s := range r.systems {
		if taken := s.choice != "" || s.homeAsked; taken && (name == "" || name == s.plan.Name) {
			out = append(out, s)
		}
	}
	return out
}

func (r *response) choices(s *system) []run.Choice {
	if s.homeAsked {
		return []run.Choice{run.GoHome, run.Stay}
	}
	var out []run.Choice
	if s.plan.Failover != "" {
		out = append(out, run.Alternate)
	}
	if s.plan.InPlace != "" {
		out = append(out, run.InPlace)
	}
	return append(out, run.StandDown, run.NotPossible)
}

func (r *response) onDecide(ctx workflow.Context, d Decide) (Done, error) {
	// All at once, before anything waits: a decision that somebody else takes
	// meanwhile must not be overwritten.
	var seq int64
	revised := false
	open := r.undecided(d.System)
	if up := r.underReview(d.System); len(open) == 0 && len(up) > 0 {
		return r.onReview(ctx, up, d)
	}
	if len(open) == 0 { // a revision of one, as the validator has found
		open, revised = r.decidedOn(d.System), true
	}
	for _, s := range open {
		seq = r.settleChoice(ctx, s, d, d.By, s.askedAt)
	}
	if revised && r.approvalAsked && (!r.brokenGlass || r.revisable) && r.moving() {
		// Who approved the one way, or has its question before them, has not approved the other.
		r.askApproval(ctx, both("again: the decision was revised", "決定の見直しに伴う再承認"))
	}
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

func (r *response) decide(ctx workflow.Context, s *system, d Decide, by string, asked time.Time) (Done, error) {
	seq := r.settleChoice(ctx, s, d, by, asked)
	return Done{Seq: seq}, r.log.reach(ctx, seq)
}

// settleChoice takes a decision and queues its event.
func (r *response) settleChoice(ctx workflow.Context, s *system, d Decide, by string, asked time.Time) int64 {
	question, instead := questionRecovery, s.choice
	if s.homeAsked {
		question, instead = questionFailback, s.homeChoice
		s.homeChoice, s.homeDecider, s.homeVia, s.homeIssuers = d.Choice, d.By, d.Via, d.Issuers
	} else {
		s.choice, s.decider, s.deciderVia, s.deciderIssuers = d.Choice, run.Person(by), d.Via, d.Issuers
	}
	precaution := question == questionRecovery && d.Choice == run.Alternate && r.intact(s)
	_, deputy := r.decides(run.Person(by))
	taken := r.happened(ctx, d.At) // by word of mouth, and entered after
	if taken.IsZero() {
		taken = workflow.Now(ctx)
	}
	made := run.Decision{Question: question, Answer: d.Choice, Instead: instead, Precaution: precaution, Deputy: deputy, WaitedS: max(0, taken.Sub(asked).Seconds())}
	if question == questionRecovery {
		made.Policy, made.Drafter, made.AsDrafted = s.policy(d)
		s.asks = made.Requests
	}
	return r.log.add(ctx, run.Event{Kind: run.DecisionMade, Phase: r.phase, System: s.plan.Name, By: by, Via: d.Via, Reason: d.Reason, Happened: r.happened(ctx, d.At), Data: run.Encode(made)})
}
