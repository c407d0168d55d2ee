package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Move is the parameters of etcd.move_leader.
type Move struct {
	Cluster Target       `json:"cluster" kind:"etcd" example:"config" help:"Which cluster." ja:"対象のクラスター"`
	To      string       `json:"to" help:"Name of the member that is to lead. Only an undo may leave it out: the one that led before its step then leads again." ja:"リーダーにするメンバーの名前。省略できるのは取り消しだけで、そのステップの前のリーダーに戻す" default:"" example:"tokyo"`
	Behind  int          `json:"max_behind" help:"Refuse when it has more Raft entries left to apply." ja:"未適用のRaftエントリーがこれより多ければ拒否する" default:"100"`
	Within  run.Duration `json:"wait" help:"How long it may take until every member agrees." ja:"全メンバーが一致するまで待つ時間" default:"15s"`
}

// Moved is its result.
type Moved struct {
	Before string `json:"before" help:"The member that led; an undo moves leadership back there." ja:"変更前のリーダー。取り消しではこのメンバーに戻す"`
	Leader string `json:"leader" help:"The member that leads now, as every voter says." ja:"全投票メンバーが一致して答えた現在のリーダー"`
	Term   int64  `json:"term" help:"The term in which it does." ja:"現在のリーダーの任期（term）"`
}

// back has an undo that names no member go back to the one that led before.
func (p Move) back(ctx context.Context) (Move, error) {
	var was Moved
	if p.To != "" {
		return p, nil
	}
	if _, err := activities.Undone(ctx, &was); err != nil {
		return p, err
	}
	if p.To = was.Before; p.To == "" {
		return p, activities.RefusedBoth("to: name the member of %s that is to lead; only the undo of a step that moved its leader knows where it was", "to：%s のリーダーにするメンバーを指定する。元のメンバーが分かるのは、リーダーを移したステップの取り消しだけである", p.Cluster.Name)
	}
	return p, nil
}

func moveLeader(ctx context.Context, p Move) (Moved, error) {
	p, err := p.back(ctx)
	if err != nil {
		return Moved{}, nothing(err)
	}
	all, shut, err := open(ctx, p.Cluster)
	if err != nil {
		return Moved{}, nothing(err)
	}
	defer shut()
	s, err := stateOf(ctx, p.Cluster, all)
	if err != nil {
		return Moved{}, nothing(err)
	}
	if why := p.wrong(s); why.EN != "" {
		return Moved{}, activities.Refused("%s", why.Both())
	}
	to, _ := s.member(p.To)
	leader, _ := s.member(s.Leader)
	if err := activities.Keep(ctx, Moved{Before: s.Leader}); err != nil {
		return Moved{}, err
	}
	for _, e := range all {
		if e.url != leader.Endpoint {
			continue
		}
		within, cancel := context.WithTimeout(ctx, p.Within.Std())
		defer cancel()
		_, err = e.client.MoveLeader(within, to.id())
	}
	switch e := rpctypes.Error(err); {
	case errors.Is(e, rpctypes.ErrPermissionDenied), errors.Is(e, rpctypes.ErrAuthFailed), errors.Is(e, rpctypes.ErrNotLeader), errors.Is(e, rpctypes.ErrBadLeaderTransferee):
		return Moved{}, activities.RefusedBoth("%s does not move its leader: %v", "%s がリーダーを移さない：%v", p.Cluster.Name, err)
	}
	// Whatever the call answered, the members say who leads.
	out := Moved{Before: s.Leader, Leader: p.To}
	seen := activities.Until(ctx, p.Within.Std(), every, func(ctx context.Context) error {
		now, err := status(ctx, Status{p.Cluster})
		if err != nil {
			return err
		}
		out.Term = now.Term
		return p.agreed(now)
	})
	switch {
	case seen == nil:
		return out, nil
	case ctx.Err() != nil:
		return Moved{}, ctx.Err()
	case err != nil:
		return Moved{}, fmt.Errorf("%s: %w; and after %s: %w", p.Cluster.Name, err, p.Within, seen)
	}
	return Moved{}, activities.FindingBoth("%s: after %s: %v", "%s：%s経過後：%v", p.Cluster.Name, p.Within, seen)
}

// nothing refuses what could not be seen before anything was begun.
func nothing(err error) error {
	if typed(err) {
		return err
	}
	return activities.RefusedBoth("nothing was begun: %v", "何も実行していない：%v", err)
}

// typed reports whether an error says of itself what it means.
func typed(err error) bool { return errors.As(err, new(*temporal.ApplicationError)) }

// words is an error's text without the type that the engine's library puts behind it.
func words(err error) string {
	if app := new(temporal.ApplicationError); errors.As(err, &app) {
		return app.Message()
	}
	return err.Error()
}

// wrong says why leadership may not be moved there now.
func (p Move) wrong(s State) plan.Text {
	to, ok := s.member(p.To)
	name := p.Cluster.Name
	leader, _ := s.member(s.Leader)
	switch {
	case !ok:
		return activities.Lacking("%s has no member %q; it has %s", "%s にメンバー %q はない。あるのは %s", name, p.To, s.names())
	case to.Learner:
		return activities.Lacking("%s of %s only learns and can't lead: promote it first", "%s（%s）は learner でリーダーになれない。先に昇格させる", p.To, name)
	case s.Answering < s.Voters:
		return activities.Lacking("%s does not answer: a leader is moved only while every member of %s is there", "%s が応答しない。リーダーを移すのは全メンバーが揃っているときだけである（%s）", s.silent(), name)
	case s.Leader == "" || s.Agreeing < s.Voters:
		return activities.Lacking("the members of %s do not agree on a leader: wait for one with etcd.wait_healthy", "%s のメンバー間でリーダーの認識が一致していない。etcd.wait_healthy で待つ", name)
	case to.Behind > int64(p.Behind):
		return activities.Lacking("%s is %d entries behind, and may be %d: wait with etcd.wait_healthy", "%s は %d エントリー遅れており、許容される %d を超えている。etcd.wait_healthy で待つ", p.To, to.Behind, p.Behind)
	case leader.Endpoint == "":
		return activities.Lacking("the leader %s is reached by none of the estate's endpoints", "リーダー %s に届くエンドポイントが構成台帳にない", s.Leader)
	}
	return plan.Text{}
}

// agreed is nil when every voter follows the new leader.
func (p Move) agreed(s State) error {
	switch {
	case s.Leader == "":
		return errors.New(activities.Lacking("no leader has a majority", "過半数が認めるリーダーがいない").Both())
	case s.Leader != p.To:
		return errors.New(activities.Lacking("%s leads, not %s", "リーダーは %s で、%s ではない", s.Leader, p.To).Both())
	case s.Agreeing < s.Voters:
		return errors.New(activities.Lacking("%d of %d voters follow %s", "投票メンバー %d/%d が %s に追従している", s.Agreeing, s.Voters, p.To).Both())
	}
	return nil
}

func lookLeader(ctx context.Context, p Move) (activities.Seen, error) {
	p, err := p.back(ctx)
	if err != nil {
		return activities.Seen{}, err
	}
	s, err := status(ctx, Status{p.Cluster})
	if err != nil {
		return activities.Seen{}, err
	}
	switch err := p.agreed(s); {
	case err == nil:
		was := Moved{Before: p.To} // it led already, unless an attempt of this step made it
		kept, err := activities.Kept(ctx, &was)
		if err == nil && !kept { // the step is done with this look, and its undo has to know
			err = activities.Keep(ctx, was)
		}
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s leads, as every voter says", "%s がリーダーである（全投票メンバーが一致）", p.To).Both(), Output: Moved{Before: was.Before, Leader: p.To, Term: s.Term}}, err
	case s.Leader == "" || s.Leader == p.To:
		return activities.Seen{Sight: plan.CannotTell, Detail: err.Error()}, nil
	default:
		return activities.Seen{Sight: plan.HoldsNot, Detail: err.Error()}, nil
	}
}

func readyMove(ctx context.Context, p Move) ([]plan.Text, error) {
	s, err := status(ctx, Status{p.Cluster})
	if err != nil {
		return nil, err
	}
	if p.To == "" { // an undo: which member will be told by its step
		return nil, nil
	}
	if why := p.wrong(s); why.EN != "" {
		return nil, activities.Refused("%s", why.Both())
	}
	return nil, nil
}
