package systemd

import (
	"context"
	"errors"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Until is what a unit must have been seen to do before it counts as active.
type Until struct {
	Steady run.Duration `json:"steady" help:"How long it must stay active without a break, as one and the same start of it." ja:"同じ1回の起動のまま、途切れず稼働し続けるべき時間" default:"2s"`
	Within run.Duration `json:"within" help:"How long that may take together." ja:"全体で待つ時間" default:"2m"`
	Exited bool         `json:"exited" help:"Whether a service counts that is active without a process (active, exited), as those do that only set something up." ja:"プロセスのない稼働状態（active, exited）を認めるか。設定だけを行うサービスが該当する" default:"false"`
}

// Start is the parameters of systemd.start.
type Start struct {
	Unit       Target   `json:"unit" kind:"unit" example:"orders-unit" help:"Unit to start." ja:"起動するユニット"`
	Dependants []string `json:"dependants" help:"Units that are started after it, by their full names. An undo of systemd.stop or systemd.mask starts what that took down, named or not." ja:"続けて起動するユニット（完全な名前）。systemd.stop や systemd.mask の取り消しでは、ここになくても、そのとき停止したものを起動する" default:"" example:"[orders-web.service]"`
	Until
}

func (p Start) target() Target { return p.Unit }

var start = activities.Define("systemd.start", activities.Doc{
	Summary:   "Start a unit, and see that it stays active.",
	SummaryJA: "ユニットを起動し、active のまま安定していることを確かめる。",
	Effect:    run.Disrupt,
	Undo:      "systemd.stop",
}, on(begin), activities.Look(on(func(ctx context.Context, m *manager, s State, p Start) (activities.Seen, error) {
	seen, err := m.sight(ctx, s, p.Until)
	if err != nil || seen.Sight != plan.Holds {
		return seen, err
	}
	more, err := p.toRaise(ctx)
	if err != nil {
		return activities.Seen{}, err
	}
	if less, err := m.raised(ctx, more, p.Until); err != nil || less.Sight != "" {
		return less, err
	}
	return seen, nil
})), activities.Ready(on(func(ctx context.Context, m *manager, s State, p Start) ([]plan.Text, error) {
	return m.lacking(s, p.Exited), nil
})))

func begin(ctx context.Context, m *manager, s State, p Start) (State, error) {
	if lacking := m.lacking(s, p.Exited); lacking != nil {
		return State{}, activities.Refused("%s", lacking[0].Both())
	}
	if err := fullNames(p.Dependants); err != nil {
		return State{}, err
	}
	more, err := p.toRaise(ctx)
	if err != nil {
		return State{}, nothing(err)
	}
	m.hold(ctx, s)
	// "fail": a job that would contradict another's is not taken.
	if _, err := ask(ctx, m, activities.Lacking("the start of %s", "%s の起動", s.id), func(ctx context.Context) (int, error) {
		return m.conn.StartUnitContext(ctx, s.id, "fail", nil)
	}); err != nil {
		return State{}, err
	}
	s, err = m.untilActive(ctx, p.Until, ordered)
	if err == nil {
		err = m.raise(ctx, more, p.Until)
	}
	return s, late(err)
}

// hold has systemd remember how the unit ends until the connection does; else it forgets
// one that ended well at once. What may not hold may start all the same.
func (m *manager) hold(ctx context.Context, s State) { _ = m.call(ctx, "RefUnit", s.id) }

// lacking is what would keep a unit from being started, and from being seen to be.
func (m *manager) lacking(s State, exited bool) []plan.Text {
	switch {
	case s.Load == "not-found":
		return []plan.Text{activities.Lacking("there is no unit %s here: correct the target %s, or install it", "ユニット %s がありません。操作対象 %s を修正するか、ユニットを導入してください", s.id, m.t.Name)}
	case s.Load == "masked":
		return []plan.Text{activities.Lacking("%s is masked, and nothing can start it: use systemd.unmask", "%s はマスクされているため起動できません。systemd.unmask で解除してください", s.id)}
	case s.Load != "loaded":
		return []plan.Text{activities.Lacking("%s can't be loaded (%s): see systemctl status", "%s を読み込めません（%s）。systemctl status で確認してください", s.id, s.Load)}
	case s.kind == "oneshot" && !s.remains:
		return []plan.Text{activities.Lacking("%s does its work once and is never active (Type=oneshot), so a start of it can't be seen: run it with exec.run and a look of its own, or give it RemainAfterExit=yes",
			"%s は一度実行して終わるユニット（Type=oneshot）で active にならず、起動を確かめられません。exec.run で look を付けて実行するか、RemainAfterExit=yes を設定してください", s.id)}
	case s.kind == "oneshot" && !exited:
		return []plan.Text{activities.Lacking("%s is active without a process once its work is done (RemainAfterExit=yes); say exited: true if that is meant, else name the unit that runs the program",
			"%s は処理を終えるとプロセスなしで active になります（RemainAfterExit=yes）。それでよければ exited: true を指定し、そうでなければ実際にプログラムを動かすユニットを指定してください", s.id)}
	}
	return nil
}

// sight says whether the unit is active as it should be. One that has only just become so
// may be falling over again and again.
func (m *manager) sight(ctx context.Context, s State, p Until) (activities.Seen, error) {
	is := activities.Lacking("%s is %s", "%s の状態は %s", s.id, s)
	detail := is.Both()
	switch {
	case !s.settled():
		return activities.Seen{Sight: plan.CannotTell, Detail: detail}, nil
	case s.down():
		return activities.Seen{Sight: plan.HoldsNot, Detail: detail}, nil
	case s.Sub == "exited" && !p.Exited:
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%s: it is active without a process", "%s：プロセスなしで active である", is).Both()}, nil
	case time.Since(s.Since) < p.Steady.Std():
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%s, and not yet for %s", "%s だが、まだ %s継続していない", is, p.Steady.Std()).Both()}, nil
	}
	var err error
	s.BackBy, err = m.backBy(ctx, s)
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s since %s", "%s（%s から）", is, s.Since.Format(time.RFC3339)).Both(), Output: s}, err
}

// standing says what a unit that is down means to who waits for it.
type standing int

const (
	ordered standing = iota // a start of it was ordered and has ended
	patient                 // somebody may yet start it
)

// untilActive watches the unit until it has stayed active long enough. other is an
// invocation that does not count.
func (m *manager) untilActive(ctx context.Context, p Until, down standing, other ...string) (State, error) {
	var (
		s     State
		since time.Time
		as    string    // the invocation seen since
		fell  plan.Text // how the unit fell short
	)
	err := activities.UntilWhole(ctx, p.Within.Std(), every, func(ctx context.Context) (err error) {
		if s, err = m.state(ctx); err != nil {
			since = time.Time{}
			return err
		}
		ok := s.settled() && s.Active == "active" && (len(other) == 0 || s.Invocation != other[0])
		switch {
		case s.settled() && s.down() && down == ordered:
			fell = activities.Lacking("%s was started and is %s", "%s を起動したが、状態は %s である", s.id, s)
			return nil
		case ok && s.Sub == "exited" && !p.Exited:
			fell = activities.Lacking("%s is active without a process (active, exited): what it should run may have ended unseen; name the unit that runs it, or say exited: true", "%s はプロセスなしで active（active, exited）である。動かすはずのプログラムが気付かれずに終わった可能性がある。実際に動かすユニットを指定するか、exited: true を指定する", s.id)
			return nil
		case !ok:
			since = time.Time{}
		case since.IsZero() || as != s.Invocation:
			since, as = time.Now(), s.Invocation
		}
		if !since.IsZero() && time.Since(since) >= p.Steady.Std() {
			return nil
		}
		return errUnsteady
	})
	if ctx.Err() != nil {
		return s, ctx.Err()
	}
	if errors.Is(err, errUnsteady) {
		fell = activities.Lacking("%s was not active for %s without a break within %s: it is %s, started again %d times by Restart=", "%s は %s継続して active にならなかった（制限時間 %s）。状態は %s、Restart= による再起動は %d 回", s.id, p.Steady.Std(), p.Within.Std(), s, s.Restarts)
	} else if err != nil {
		return s, err // systemd went silent: nobody can tell
	}
	if fell.EN != "" {
		return s, activities.FindingBoth("%s%s", "%s%s", fell, m.lastWords(ctx, s))
	}
	s.BackBy, err = m.backBy(ctx, s)
	return s, err
}

var errUnsteady = errors.New("not yet")
