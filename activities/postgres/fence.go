package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
)

// Fence is the parameters of postgres.fence.
type Fence struct {
	Server Target `json:"server" kind:"postgres" help:"Server that must take no more writes." ja:"書き込みを止めるサーバー" example:"tokyo"`
}

// Fenced is its result.
type Fenced struct {
	Server string    `json:"server" help:"The server that is fenced." ja:"フェンスしたサーバー"`
	Was    string    `json:"was" help:"What it was found as: primary, standby, frozen, hung or down." ja:"発見時の状態。primary、standby、frozen、hung、down"`
	Method string    `json:"method" help:"How it was ended: stopped, killed or none." ja:"止め方。stopped、killed、none"`
	At     time.Time `json:"at" help:"From when it provably took no writes, on the worker's clock." ja:"書き込みがないことを確認した時刻（ワーカーの時計）"`
}

// fenceNote is the marker of a fence. Beside it, standby.signal in the data directory
// makes every start of the server, whoever starts it, a read-only one.
type fenceNote struct {
	Run   string    `json:"run"`
	Step  string    `json:"step"`
	Token int64     `json:"token"`
	At    time.Time `json:"at"`
	// For is set by a switchover: the server that takes over.
	For string `json:"for,omitempty"`
	// Standby is that it was one before it was fenced, and stays one.
	Standby bool    `json:"standby,omitempty"`
	Result  *Fenced `json:"result,omitempty"`
}

const fenceFile = "muster-fence.json"

// fenceOf returns the server's fence; nil when it has none.
func fenceOf(i *pgcluster.Instance) (*fenceNote, error) {
	var f fenceNote
	if err := kept(i, fenceFile, &f); err != nil {
		return nil, err
	}
	if f.At.IsZero() {
		return nil, nil
	}
	return &f, nil
}

// fencedAt is the fence of a server that runs, behind c; nil when it has none, or when our
// user may not read its files: beside its configuration file the server itself sees it, on
// whatever host it is.
func fencedAt(ctx context.Context, c *pglink.Conn) (*fenceNote, error) {
	var text *string
	err := ask(ctx, c, `SELECT pg_read_file(regexp_replace(current_setting('config_file'), '[^/]*$', '') || $1, 0, 65536, true)`, []any{fenceFile}, &text)
	switch {
	case pglink.Code(err) == "42501": // it is no server of muster's
		return nil, nil
	case err != nil || text == nil:
		return nil, err
	}
	var f fenceNote
	if err := json.Unmarshal([]byte(*text), &f); err != nil {
		return nil, err
	}
	return &f, nil
}

// notFenced refuses a server that has a fence: whoever put it there wanted it to take no
// writes.
func notFenced(ctx context.Context, c *pglink.Conn, t Target) error {
	var f *fenceNote
	i, here, err := pglink.Instance(t)
	if here && err == nil && i.Config != "" {
		f, err = fenceOf(i)
	}
	if f == nil && err == nil {
		f, err = fencedAt(ctx, c)
	}
	if err != nil {
		return activities.Saying(err, "ask %s whether it is fenced: %v", "%s がフェンスされているか確認できない：%v", t.Name, err)
	}
	if f == nil {
		return nil
	}
	return activities.RefusedBoth("server %s was fenced by run %s at %s and must take no writes: take the fence off in that run (postgres.unfence), or bring it back as a standby (postgres.rejoin). If that run is over, its primary is lost and no other copy has what %[1]s lacks, remove %[4]s beside its configuration file (%[5]s), on its host, and repeat the step",
		"サーバー %s は実施 %s により %s にフェンスされており、書き込みを再開させられない。その実施で postgres.unfence によりフェンスを外すか、postgres.rejoin でスタンバイとして復帰させる。その実施が終わっており、プライマリが失われ、ほかのどの複製にも %[1]s にないデータがないことが確かな場合は、そのホストで設定ファイル（%[5]s）と同じフォルダーの %[4]s を削除し、ステップを再実行する",
		t.Name, f.Run, f.At.Format(time.RFC3339), fenceFile, configOf(ctx, c, i))
}

// configOf is the configuration file of a server, as far as it is known from here.
func configOf(ctx context.Context, c *pglink.Conn, i *pgcluster.Instance) string {
	if i != nil && i.Config != "" {
		return i.Config
	}
	var path string
	if err := ask(ctx, c, "SELECT current_setting('config_file')", nil, &path); err != nil {
		return "postgresql.conf"
	}
	return path
}

func fence(ctx context.Context, p Fence) (Fenced, error) {
	i, err := managed(p.Server)
	if err != nil {
		return fenceElsewhere(ctx, p.Server, err)
	}
	out := Fenced{Server: p.Server.Name, Method: "none"}
	if out.Was, err = condition(ctx, i, p.Server); err != nil {
		return Fenced{}, err
	}
	// First what holds after a restart, then the server itself: the other way round,
	// whatever watches over it could start it again in between.
	if _, err := raise(ctx, i, out.Was, ""); err != nil {
		return Fenced{}, err
	}
	stays, promoted := out.Was == "down", false
	if out.Was == "standby" {
		v, rising, err := standing(ctx, p.Server)
		promoted = err == nil && (rising || !v.Recovery)
		stays = err == nil && !promoted
	}
	if !stays {
		if out.Method, err = bringDown(ctx, i, p.Server); err != nil {
			return Fenced{}, activities.Saying(err, "fence %s: %v", "%s のフェンス：%v", p.Server.Name, err)
		}
		if err := i.SignalStandby(); err != nil { // a promotion that ended meanwhile took it away
			return Fenced{}, err
		}
	}
	if err := fenceHolds(ctx, i, p.Server); err != nil {
		return Fenced{}, err
	}
	out.At = micro(time.Now())
	f, err := fenceOf(i)
	if err == nil && f != nil {
		f.Result, f.Standby = &out, f.Standby && !promoted
		err = keep(i, fenceFile, f)
	}
	return out, err
}

// raise writes the fence's marker and makes every later start read-only. A higher
// token's marker stays. It says what the server comes back as: one that runs as a primary, or whose signal a promotion has taken
// away, is no standby, whatever an earlier fence says.
func raise(ctx context.Context, i *pgcluster.Instance, was, to string) (*fenceNote, error) {
	call := activities.CallFrom(ctx)
	f := &fenceNote{Run: call.Run, Step: call.Step, Token: call.Token, At: micro(time.Now()), For: to}
	old, err := fenceOf(i)
	if err != nil {
		return nil, err
	}
	if old != nil && old.Token > call.Token {
		return nil, activities.RefusedBoth("server %s was fenced under a later token (%d, run %s); this run's token %d is out of date",
			"サーバー %s はより新しいトークン（%d、実施 %s）でフェンスされている。この実施のトークン %d は古い", i.Name, old.Token, old.Run, call.Token)
	}
	signalled, err := i.StandbySignalled()
	if err != nil {
		return nil, err
	}
	f.Standby = was != "primary" && signalled && (old == nil || old.Standby)
	if err := keep(i, fenceFile, f); err != nil {
		return nil, err
	}
	return f, i.SignalStandby()
}

// condition says what a managed server is before it is fenced.
func condition(ctx context.Context, i *pgcluster.Instance, t Target) (string, error) {
	procs, err := i.Processes()
	if err != nil {
		return "", err
	}
	if len(procs) == 0 {
		return "down", nil
	}
	for _, p := range procs {
		if p.Frozen {
			return "frozen", nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	v, err := visit(ctx, t)
	if err != nil {
		return "hung", nil //nolint:nilerr // it runs and does not answer: that is what it is
	}
	return v.role(), nil
}

// bringDown ends a server: cleanly within its stop timeout, so that what it can still
// ship reaches the standby, and by force when it is frozen or does not obey.
func bringDown(ctx context.Context, i *pgcluster.Instance, t Target) (string, error) {
	pm, alive, err := i.Postmaster()
	if err != nil {
		return "", err
	}
	if alive && !pm.Frozen {
		soon, cancel := context.WithTimeout(ctx, pglink.StopTimeout(t.Spec))
		err := i.Stop(soon, pgcluster.Fast)
		cancel()
		if err == nil {
			return "stopped", nil
		}
		if ctx.Err() != nil {
			return "", err
		}
	}
	hard, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if _, err := i.Kill(hard); err != nil {
		return "", err
	}
	return "killed", nil
}

// fenceHolds proves the fence, or says what is missing.
func fenceHolds(ctx context.Context, i *pgcluster.Instance, t Target) error {
	f, err := fenceOf(i)
	if err != nil {
		return err
	}
	if f == nil {
		return activities.FindingBoth("server %s has no fence marker", "サーバー %s にフェンスの印がない", t.Name)
	}
	if signalled, err := i.StandbySignalled(); err != nil {
		return err
	} else if !signalled {
		return activities.FindingBoth("server %s has a fence marker but no standby.signal in %s: it would start as a primary",
			"サーバー %s にフェンスの印はあるが、%s に standby.signal がない。起動するとプライマリになる", t.Name, i.Data)
	}
	procs, err := i.Processes()
	if err != nil || len(procs) == 0 {
		return err
	}
	v, rising, err := standing(ctx, t)
	if err != nil {
		return activities.Saying(err, "server %s runs and does not say whether it takes writes: %v", "サーバー %s は稼働しているが、書き込みを受け付けるか確認できない：%v", t.Name, err)
	}
	if rising {
		return activities.FindingBoth("server %s is being promoted in spite of its fence", "サーバー %s はフェンスされているのに昇格中である", t.Name)
	}
	if !v.Recovery {
		return activities.FindingBoth("server %s runs as a primary in spite of its fence",
			"サーバー %s はフェンスされているのにプライマリとして稼働している", t.Name)
	}
	return nil
}

// fenceElsewhere is for a server whose processes and files are out of reach: it can
// only be observed, and nothing short of proof passes.
func fenceElsewhere(ctx context.Context, t Target, why error) (Fenced, error) {
	v, err := visit(ctx, t)
	switch {
	case err != nil:
		return Fenced{}, activities.Saying(err, "whether %s takes writes can't be proven from here: %v (%s)", "%s が書き込みを受け付けないことをここからは証明できない：%v（%s）", t.Name, err, plan.Apart(text(why)))
	case v.Recovery && !v.Pending:
		return Fenced{}, activities.FindingBoth("server %s is read-only now, but nothing keeps it so after a restart: %s",
			"サーバー %s は現在読み取り専用だが、再起動後もそうである保証がない：%s", t.Name, plan.Apart(text(why)))
	}
	return Fenced{}, activities.FindingBoth("server %s takes writes and can't be fenced from here: %s",
		"サーバー %s は書き込みを受け付けており、ここからはフェンスできない：%s", t.Name, plan.Apart(text(why)))
}

func text(err error) string {
	var m interface{ Message() string }
	if errors.As(err, &m) {
		return m.Message()
	}
	return err.Error()
}

func lookFenced(ctx context.Context, p Fence) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil { // the action itself says what can be seen from here
		return activities.Seen{Sight: plan.HoldsNot, Detail: text(err)}, nil //nolint:nilerr // nothing was or can be done from here
	}
	f, err := fenceOf(i)
	if err != nil {
		return activities.Seen{}, err
	}
	call := activities.CallFrom(ctx)
	if f == nil || f.Run != call.Run {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not fenced by this run", "%s はこの実施によってフェンスされていない", p.Server.Name).Both()}, nil
	}
	if err := fenceHolds(ctx, i, p.Server); err != nil {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: text(err)}, nil //nolint:nilerr // fencing again is safe and is what helps
	}
	out := Fenced{Server: p.Server.Name, Was: "down", Method: "none", At: micro(time.Now())}
	if f.Result != nil {
		out = *f.Result
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is fenced by this run", "%s はこの実施によってフェンスされている", p.Server.Name).Both(), Output: out}, nil
}
