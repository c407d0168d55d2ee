// Package haproxy is the family of actions on a running HAProxy, through its runtime API:
// servers of a backend are put into service, drained or taken out, and what the balancer
// itself says of them afterwards is what counts. The change lives in the process: it is
// gone when HAProxy is restarted, so write it into the configuration as well.
package haproxy

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Balancer is a target of kind "haproxy".
type Balancer struct {
	Socket string `json:"socket" reach:"host" help:"Its runtime API: a path such as /run/haproxy/admin.sock, or host:port; level admin." ja:"ランタイムAPI。/run/haproxy/admin.sock などのパスか、ホスト:ポート（admin 権限）" example:"/run/haproxy/admin.sock"`
}

// Target is a parameter that names one.
type Target = activities.Target[Balancer]

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Balancer]("haproxy", plan.Text{EN: "A running HAProxy whose runtime API the site worker reaches.", JA: "稼働中で、拠点ワーカーからランタイムAPIに接続できるHAProxy。"})}
}

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("haproxy.set_state", activities.Doc{
			Summary:   "Put a server of a backend into service, drain it, or take it out for maintenance.",
			SummaryJA: "バックエンドのサーバーを稼働・ドレイン・メンテナンスのいずれかの状態にする。",
			Effect:    run.Disrupt, Undo: "haproxy.set_state", Settle: time.Second,
		}, set, activities.Look(look), activities.Ready(func(ctx context.Context, p Set) ([]plan.Text, error) {
			_, err := p.state(ctx)
			return nil, err
		})),
		activities.Define("haproxy.wait_up", activities.Doc{
			Summary:    "Wait until the balancer's own checks see a server up.",
			SummaryJA:  "ロードバランサー自身のヘルスチェックでサーバーが正常になるまで待つ。",
			Effect:     run.Observe,
			Repeatable: true,
		}, waitUp, activities.Ready(func(ctx context.Context, p Wait) ([]plan.Text, error) {
			_, err := p.state(ctx)
			return nil, err
		})),
	}
}

const (
	answerWithin = 5 * time.Second
	every        = 100 * time.Millisecond
	answerCap    = 8 << 20 // bytes: thousands of servers
)

// Server names one server of a backend.
type Server struct {
	Balancer Target `json:"balancer" kind:"haproxy" example:"edge" help:"The HAProxy." ja:"対象のHAProxy"`
	Backend  string `json:"backend" help:"Name of the backend." ja:"バックエンドの名前" example:"orders"`
	Server   string `json:"server" help:"Name of the server in it." ja:"その中のサーバーの名前" example:"osaka1"`
}

// State is a server as the balancer shows it.
type State struct {
	Admin    string `json:"admin" help:"ready, drain or maint: what it was set to." ja:"ready、drain、maint のいずれか。設定された状態"`
	Status   string `json:"status" help:"The balancer's word for it: UP, DOWN, MAINT, DRAIN, no check, ..." ja:"ロードバランサーの表示。UP、DOWN、MAINT、DRAIN、no check など"`
	Sessions int    `json:"sessions" help:"Sessions that it serves now." ja:"処理中のセッション数"`
}

// Set is the parameters of haproxy.set_state.
type Set struct {
	Server
	State  string       `json:"state" help:"ready serves, drain only keeps its sessions, maint serves nobody." ja:"ready は受け付け、drain は既存セッションのみ、maint は停止" enum:"ready,drain,maint"`
	Drain  run.Duration `json:"empty_within" help:"With drain or maint: how long its last sessions may take to end; 0s does not wait for them." ja:"drain または maint のとき、残るセッションの終了を待つ時間。0s なら待たない" default:"0s"`
	Within run.Duration `json:"wait" help:"How long the balancer may take to show the state." ja:"その状態になるまで待つ時間" default:"10s"`
}

// Done is its result.
type Done struct {
	Before State `json:"before" help:"What it was; an undo sets its admin state." ja:"変更前の状態。取り消しではこの設定に戻す"`
	After  State `json:"after" help:"What the balancer shows now." ja:"現在のロードバランサーの表示"`
}

var name = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

func set(ctx context.Context, p Set) (Done, error) {
	before, err := p.state(ctx)
	if err != nil {
		return Done{}, err
	}
	if before, err = p.before(ctx, before); err != nil {
		return Done{}, err
	}
	answer, err := p.Balancer.Spec.tell(ctx, fmt.Sprintf("set server %s/%s state %s", p.Backend, p.Server.Server, p.State))
	if err != nil {
		return Done{}, err
	}
	if text := strings.TrimSpace(answer); text != "" { // it answers only when it refuses
		return Done{}, activities.RefusedBoth("%s refuses: %s; the socket needs level admin", "%s が拒否した：%s。ソケットには level admin が必要", p.Balancer.Name, text)
	}
	out := Done{Before: before}
	out.After, err = p.until(ctx, p.Within.Std(), plan.Text{EN: "to show " + p.State, JA: "表示 " + p.State}, func(s State) (bool, error) { return s.Admin == p.State, nil })
	if err == nil && p.Drain > 0 && p.State != "ready" {
		out.After, err = p.until(ctx, p.Drain.Std(), plan.Text{EN: "to end its last sessions", JA: "セッションなし"}, func(s State) (bool, error) {
			if s.Admin != p.State { // a HAProxy that was reloaded starts from its configuration, without a session
				return false, activities.FindingBoth("%s was set to %s and is %s again, before its last sessions were seen to end: somebody else set it, or HAProxy was reloaded and its configuration says so", "%s は %s に設定したが、残るセッションの終了を確認する前に %s に戻っている：ほかの誰かが変更したか、HAProxy が再読み込みされて設定ファイルの状態に戻った",
					p.Backend+"/"+p.Server.Server, p.State, s.Admin)
			}
			return s.Sessions == 0, nil
		})
	}
	return out, err
}

// before is what the server was before the step: what it is now, unless an attempt of the step
// has made it so. The site's ledger keeps it, since an undo sets it when the answer is lost too.
func (p Set) before(ctx context.Context, now State) (State, error) {
	if now.Admin == p.State {
		was := now
		if kept, err := activities.Kept(ctx, &was); err != nil || kept {
			return was, err
		}
	}
	return now, activities.Keep(ctx, now)
}

func look(ctx context.Context, p Set) (activities.Seen, error) {
	s, err := p.state(ctx)
	if err != nil {
		return activities.Seen{}, err
	}
	detail := activities.Lacking("%s/%s is set to %s (%s)", "%s/%s の設定は %s（%s）", p.Backend, p.Server.Server, s.Admin, s.Status)
	if s.Admin != p.State {
		return activities.Seen{Sight: plan.HoldsNot, Detail: detail.Both()}, nil
	}
	if p.Drain > 0 && p.State != "ready" && s.Sessions > 0 {
		return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("%s, with %d sessions", "%s、セッション %d", detail, s.Sessions).Both()}, nil
	}
	before := s // it was so already, unless an attempt of this step made it
	_, err = activities.Kept(ctx, &before)
	return activities.Seen{Sight: plan.Holds, Detail: detail.Both(), Output: Done{Before: before, After: s}}, err
}

// Wait is the parameters of haproxy.wait_up.
type Wait struct {
	Server
	Within run.Duration `json:"wait" help:"How long it may take." ja:"待つ時間" default:"1m"`
}

func waitUp(ctx context.Context, p Wait) (State, error) {
	return p.until(ctx, p.Within.Std(), plan.Text{EN: "to be up", JA: "稼働状態"}, func(s State) (bool, error) { return s.Status == "UP" || s.Status == "no check", nil })
}

// errNotYet says that what is waited for is not so yet.
var errNotYet = errors.New("not yet")

// until looks until ok, and says at the end what it saw instead: no look is begun after within, and the last one has its own
// time. An error of ok ends it.
func (s Server) until(ctx context.Context, within time.Duration, goal plan.Text, ok func(State) (bool, error)) (now State, err error) {
	var over error
	err = activities.UntilWhole(ctx, within, every, func(ctx context.Context) (err error) {
		if now, err = s.state(ctx); err != nil {
			return err
		}
		var done bool
		if done, over = ok(now); done || over != nil {
			return nil
		}
		return errNotYet
	})
	switch {
	case over != nil:
		return now, over
	case err == nil: // seen, whatever has ended since
		return now, nil
	case ctx.Err() != nil:
		return now, ctx.Err()
	case errors.Is(err, errNotYet):
		return now, activities.FindingBoth("%s took more than %s %s: it shows %s, %s, %d sessions", "%s は %s以内に %s にならなかった：表示は %s、%s、セッション %d", s.Backend+"/"+s.Server, within, goal, now.Admin, now.Status, now.Sessions)
	}
	return now, err
}

// state asks the balancer. A backend or server that it does not have is refused.
func (s Server) state(ctx context.Context) (State, error) {
	for _, n := range []string{s.Backend, s.Server} {
		if !name.MatchString(n) { // it would end the command and begin another
			return State{}, activities.RefusedBoth("%q is no name of a backend or server", "%q はバックエンド名・サーバー名として使えない", n)
		}
	}
	// In this order: sessions of a process that has just been started anew come with the state that it has.
	statistics, err := s.Balancer.Spec.tell(ctx, "show stat")
	if err != nil {
		return State{}, err
	}
	answer, err := s.Balancer.Spec.tell(ctx, "show servers state "+s.Backend)
	if err != nil {
		return State{}, err
	}
	out := State{}
	for line := range strings.Lines(answer) {
		f := strings.Fields(line)
		if len(f) < 7 || f[1] != s.Backend || f[3] != s.Server {
			continue
		}
		admin, err := strconv.ParseUint(f[6], 10, 32)
		if err != nil {
			return State{}, fmt.Errorf("%s shows the state %q, which is no number", s.Balancer.Name, f[6])
		}
		const forcedMaint, forcedDrain = 0x01, 0x08 // management.txt, show servers state
		switch {
		case admin&forcedMaint != 0:
			out.Admin = "maint"
		case admin&forcedDrain != 0:
			out.Admin = "drain"
		default:
			out.Admin = "ready"
		}
	}
	if out.Admin == "" {
		return State{}, activities.RefusedBoth("%s has no server %s in backend %s: %s", "%s にサーバー %s（バックエンド %s）がない：%s", s.Balancer.Name, s.Server, s.Backend, strings.TrimSpace(firstLine(answer)))
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(statistics), "# "))).ReadAll()
	if err != nil || len(rows) == 0 {
		return State{}, fmt.Errorf("%s: its statistics can't be read: %w", s.Balancer.Name, err)
	}
	column := map[string]int{}
	for i, c := range rows[0] {
		column[c] = i
	}
	for _, r := range rows[1:] {
		if r[column["pxname"]] != s.Backend || r[column["svname"]] != s.Server {
			continue
		}
		out.Status = r[column["status"]]
		if out.Sessions, err = strconv.Atoi(r[column["scur"]]); err != nil {
			return State{}, plan.Wrong("%s: its statistics say %q for the sessions of %s/%s, which is no number", "%s：統計のセッション数（%[3]s/%[4]s）が数値でない：%[2]q", s.Balancer.Name, r[column["scur"]], s.Backend, s.Server)
		}
		return out, nil
	}
	return State{}, plan.Wrong("%s shows the state of %s/%s, and no statistics of it, so that its sessions can't be told", "%s は %s/%s の状態を示すが、統計がなく、セッション数を判断できない", s.Balancer.Name, s.Backend, s.Server)
}

func firstLine(s string) string { l, _, _ := strings.Cut(s, "\n"); return l }

// tell sends one command and reads the answer; the balancer ends the connection after it.
func (b Balancer) tell(ctx context.Context, command string) (string, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if ctx.Err() != nil { // nobody was asked
		return "", fmt.Errorf("HAProxy's runtime API at %s: %w", b.Socket, ctx.Err())
	}
	answer, err := b.ask(ctx, command)
	switch {
	case err == nil:
		return answer, nil
	case ctx.Err() == context.Canceled:
		err = ctx.Err()
	case activities.CutOff(ctx):
		return "", plan.Wrong("HAProxy's runtime API at %s does not answer within %s", "HAProxy のランタイムAPI（%s）が %s以内に応答しない", i18n.Spoken(b.Socket, min(time.Since(began), answerWithin))...)
	}
	return "", fmt.Errorf("HAProxy's runtime API at %s: %w", b.Socket, err)
}

func (b Balancer) ask(ctx context.Context, command string) (string, error) {
	network := "tcp"
	if strings.HasPrefix(b.Socket, "/") {
		network = "unix"
	}
	c, err := (&net.Dialer{}).DialContext(ctx, network, b.Socket)
	if err != nil {
		return "", err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if _, err := io.WriteString(c, command+"\n"); err != nil {
		return "", err
	}
	answer, err := io.ReadAll(io.LimitReader(c, answerCap))
	return string(answer), err
}
