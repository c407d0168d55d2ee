package etcd

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Wait is the parameters of etcd.wait_healthy.
type Wait struct {
	Cluster Target       `json:"cluster" kind:"etcd" example:"config" help:"Which cluster." ja:"対象のクラスター"`
	Need    string       `json:"need" help:"Who must be well: a majority of the voters, or all members, learners included." ja:"正常であるべき範囲。投票メンバーの過半数（majority）、またはラーナーを含む全メンバー（all）" default:"all" enum:"majority,all"`
	Behind  int          `json:"max_behind" help:"Raft entries that a member may have left to apply." ja:"未適用のまま許容するRaftエントリーの数" default:"100"`
	Within  run.Duration `json:"wait" help:"How long it may take." ja:"待つ時間" default:"1m"`
}

// Healthy is its result.
type Healthy struct {
	State
	WaitedS float64 `json:"waited_s" help:"Seconds until then." ja:"条件を満たすまでの秒数"`
}

func waitHealthy(ctx context.Context, p Wait) (Healthy, error) {
	began := time.Now()
	var out Healthy
	var seen bool
	// A look has its own limits: one that was cut short would tell nothing.
	err := activities.UntilWhole(ctx, p.Within.Std(), every, func(ctx context.Context) error {
		now, err := p.look(ctx)
		if now.ClusterID != "" {
			out.State, seen = now, true
		}
		return err
	})
	out.WaitedS = time.Since(began).Seconds()
	switch {
	case err == nil:
		return out, nil
	case ctx.Err() != nil:
		return out, ctx.Err()
	case seen && !typed(err):
		return out, activities.FindingBoth("%s is not healthy after %s: %v", "%s は %s経過しても正常でない：%v", p.Cluster.Name, p.Within, err)
	}
	return out, err // nobody answered: nothing can be told of the cluster
}

// readWithin is short: etcd 3.4 never answers a read that it took while it had no leader.
const readWithin = 2 * time.Second

// look is nil for a cluster that is as it should be.
func (p Wait) look(ctx context.Context) (State, error) {
	all, shut, err := open(ctx, p.Cluster)
	if err != nil {
		return State{}, err
	}
	defer shut()
	// Followers name a dead leader until they miss it: a read proves the majority, and
	// what they say after it counts.
	unread := p.read(ctx, all)
	ask(ctx, p.Cluster, slices.DeleteFunc(slices.Clone(all), func(e *endpoint) bool { return e.status == nil }))
	s, told := stateOf(ctx, p.Cluster, all)
	switch why := p.wrong(s); {
	case told != nil:
		return State{}, told
	case unread != nil:
		return s, unread
	case why.EN != "":
		return s, errors.New(why.Both())
	}
	return s, nil
}

// read is nil when a member, or every one that has to, answers a read that takes a majority.
func (p Wait) read(ctx context.Context, all []*endpoint) error {
	err := errors.New(activities.Lacking("no voter answers", "応答する投票メンバーがいない").Both())
	for _, e := range all {
		if e.status == nil || e.status.IsLearner {
			continue
		}
		if _, err = e.read(ctx, p.Cluster, readWithin); (err == nil) == (p.Need == "majority") {
			break // one is enough; of all, one that fails
		}
	}
	return err
}

// wrong says what the members' own words lack.
func (p Wait) wrong(s State) plan.Text {
	switch {
	case s.Leader == "":
		return activities.Lacking("no leader that a majority follows (%d of %d voters answer)", "過半数が追従するリーダーがいない（応答した投票メンバーは %d/%d）", s.Answering, s.Voters)
	case len(s.Alarms) > 0:
		return activities.Lacking("it complains of %s", "アラームが出ている：%s", strings.Join(s.Alarms, "; "))
	}
	for _, m := range s.Members {
		switch {
		case m.Answers && m.Behind > int64(p.Behind):
			return activities.Lacking("%s is %d entries behind", "%s は %d エントリー遅れている", m.Name, m.Behind)
		case p.Need == "majority":
		case !m.Answers:
			return activities.Lacking("no answer from %s", "%s から応答がない", s.silent())
		case !m.Learner && (m.Follows != s.Leader || m.Term != s.Term):
			return activities.Lacking("%s follows %q in term %d, and the majority %s in term %d", "%s は %q に追従し（term %d）、過半数は %s に追従している（term %d）", m.Name, m.Follows, m.Term, s.Leader, s.Term)
		}
	}
	return plan.Text{}
}
