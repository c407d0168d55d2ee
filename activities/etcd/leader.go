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
	Cluster Target       `json:"cluster" kind:"etcd" example:"config" help:"Which cluster."`
	To      string       `json:"to" help:"Name of the member that is to lead. Only an undo may leave it out: the one that led before its step then leads again." default:"" example:"tokyo"`
	Behind  int          `json:"max_behind" help:"Refuse when it has more Raft entries left to apply." default:"100"`
	Within  run.Duration `json:"wait" help:"How long it may take until every member agrees." default:"15s"`
}

// Moved is its result.
type Moved struct {
	Before string `json:"before" help:"The member that led; an undo moves leadership back there."`
	Leader string `json:"leader" help:"The member that leads now, as every voter says."`
	Term   int64  `json:"term" help:"The term in which it does."`
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
		return p, activities.RefusedBoth("to: name the member of %s that is to lead; only the undo of a step that moved its leader knows where it was", "to：%s のリーダーにするメンバーを指定する。元のメンバーが分かるのは、リーダーを移した手順の取り消しだけである", p.Cluster.Name)
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
	if why := p.wrong(s); why != "" {
		return Moved{}, activities.Refused("%s", why)
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
		return Moved{}, activities.Refused("%s does not move its leader: %v", p.Cluster.Name, err)
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
	return Moved{}, activities.Finding("%s: after %s: %v", p.Cluster.Name, p.Within, seen)
}

// nothing refuses what could not be seen before anything was begun.
func nothing(err error) error {
	if typed(err) {
		return err
	}
	return activities.Refused("nothing was begun: %v", err)
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
func (p Move) wrong(s State) string {
	to, ok := s.member(p.To)
	name := p.Cluster.Name
	leader, _ := s.member(s.Leader)
	switch {
	case !ok:
		return fmt.Sprintf("%s has no member %q; it has %s", name, p.To, s.names())
	case to.Learner:
		return fmt.Sprintf("%s of %s only learns and can't lead: promote it first", p.To, name)
	case s.Answering < s.Voters:
		return fmt.Sprintf("%s does not answer: a leader is moved only while every member of %s is there", s.silent(), name)
	case s.Leader == "" || s.Agreeing < s.Voters:
		return fmt.Sprintf("the members of %s do not agree on a leader: wait for one with etcd.wait_healthy", name)
	case to.Behind > int64(p.Behind):
		return fmt.Sprintf("%s is %d entries behind, and may be %d: wait with etcd.wait_healthy", p.To, to.Behind, p.Behind)
	case leader.Endpoint == "":
		return fmt.Sprintf("the leader %s is reached by none of the estate's endpoints", s.Leader)
	}
	return ""
}

// agreed is nil when every voter follows the new leader.
func (p Move) agreed(s State) error {
	switch {
	case s.Leader == "":
		return errors.New("no leader has a majority")
	case s.Leader != p.To:
		return fmt.Errorf("%s leads, not %s", s.Leader, p.To)
	case s.Agreeing < s.Voters:
		return fmt.Errorf("%d of %d voters follow %s", s.Agreeing, s.Voters, p.To)
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
		_, err := activities.Kept(ctx, &was)
		return activities.Seen{Sight: plan.Holds, Detail: p.To + " leads, as every voter says", Output: Moved{Before: was.Before, Leader: p.To, Term: s.Term}}, err
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
	if why := p.wrong(s); why != "" {
		return nil, activities.Refused("%s", why)
	}
	return nil, nil
}
