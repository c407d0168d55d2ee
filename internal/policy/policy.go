// Package policy is what a site worker refuses whatever a plan says. The file lies on the
// worker's own machine, written by those who answer for it; a plan can't widen it.
package policy

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path"
	"slices"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

type text = yamldoc.Value[string]

// File is a policy as it is written. Without allow everything is allowed that deny does
// not take away; with it only what one of its rules covers. Deny always wins.
type File struct {
	yamldoc.Place
	Kind  text   `json:"kind" help:"Policy." ja:"Policy と書く" enum:"Policy"`
	Allow []Rule `json:"allow" help:"What the worker may do; left out, everything." ja:"ワーカーが行ってよいこと。なければすべて" item:"rule" default:""`
	Deny  []Rule `json:"deny" help:"What it refuses even so." ja:"それでも拒否すること" item:"rule" default:""`
	// Secrets bounds the files behind secret://file/PATH apart from the paths of rules, which
	// are often writable or run.
	Secrets []text `json:"secrets" help:"Folders of this machine that secret files (secret://file/PATH) may come from; left out, a secret file is one of the paths that a call reads." ja:"秘密情報のファイル（secret://file/PATH）を置いてよい、このマシンのフォルダー。なければ、秘密情報のファイルは呼び出しが読み取るパスの1つとして扱う" default:""`
}

// Rule covers a call when everything that it names fits; what it leaves out fits anything.
type Rule struct {
	yamldoc.Place
	Actions []text `json:"actions" help:"Actions, as postgres.promote or postgres.*." ja:"アクション。postgres.promote や postgres.* など"`
	Targets []text `json:"targets" help:"Targets: allow covers a call that touches these only, deny one that touches any of them." ja:"操作対象。allow はこれらだけに触れる呼び出しを認め、deny は1つでも触れる呼び出しを拒否する" default:""`
	Effects []text `json:"effects" help:"Effects." ja:"影響の区分" enum:"observe,isolated,disrupt,destroy" default:""`
	Runs    []text `json:"runs" help:"Kinds of run." ja:"実施の種別" enum:"drill,response,check" default:""`
	Hosts   []text `json:"hosts" help:"Hosts that the call reaches, as a name, *.example.com, an address or a network, each with :port or for all ports: allow covers a call that reaches these only, deny one that reaches any of them." ja:"呼び出しの接続先ホスト。名前、*.example.com、アドレス、ネットワークのいずれかで、ポート指定（:ポート）がなければ全ポート。allow はこれらだけに接続する呼び出しを認め、deny は1つでも接続する呼び出しを拒否する" default:""`
	Paths   []text `json:"paths" help:"Files and folders with what is below, of this machine, that the call reads, writes or runs: allow and deny as for hosts." ja:"呼び出しが読み取り・書き込み・実行する、このマシンのファイルとフォルダー（配下を含む）。allow と deny の意味は hosts と同じ" default:""`
	Env     []text `json:"env" help:"Environment variables that the call gives to a program on this machine, as ORDERS_*; an allow rule with paths covers no others, since variables make programs load what no path names." ja:"呼び出しがこのマシンのプログラムに渡す環境変数。ORDERS_* など。paths のある allow では、ここにない変数は認めない（変数によって、パスに現れないものが読み込まれるため）" default:""`
	Queues  []text `json:"queues" help:"Task queues of the engine, as orders-*: allow and deny as for hosts." ja:"エンジンのタスクキュー。orders-* など。allow と deny の意味は hosts と同じ" default:""`
}

// Policy decides calls. The zero Policy allows everything.
type Policy struct {
	file File
	// lookup finds a name's addresses; tests give their own.
	lookup func(ctx context.Context, name string) ([]netip.Addr, error)
}

// Load reads a policy file. Every mistake is told with its place; a worker does not
// start on one.
func Load(name string, known []string) (*Policy, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the policy of this worker: %w", err)
	}
	log := &yamldoc.Log{}
	p := &Policy{lookup: addresses}
	if root := yamldoc.Parse(name, b, log); root != nil {
		d := &yamldoc.Decoder{File: name, Log: log}
		d.Decode("", root, &p.file)
		checkPaths("secrets", p.file.Secrets, log)
		for _, rule := range p.rules() {
			rule.check(log)
			for _, a := range rule.Actions {
				if !a.Set {
					continue
				}
				if !slices.ContainsFunc(known, func(id string) bool { ok, err := path.Match(a.V, id); return ok && err == nil }) {
					log.Add(a.Place, "actions: %q covers no action%s", "actions: %q に該当するアクションがありません%s", a.V, yamldoc.Meant(a.V, known))
				}
			}
		}
	}
	if m := log.Mistakes(); len(m) > 0 {
		return nil, m
	}
	return p, nil
}

func (p *Policy) rules() []*Rule {
	var out []*Rule
	for _, list := range [][]Rule{p.file.Allow, p.file.Deny} {
		for i := range list {
			out = append(out, &list[i])
		}
	}
	return out
}

// Permit says whether a call may be, and else which rule forbids it and where. While it
// is not known what the call reaches, rules about that deny nothing and allow what else
// fits; it is asked again.
func (p *Policy) Permit(ctx context.Context, a activities.Ask) error {
	find := &finder{lookup: p.lookup}
	if len(p.file.Secrets) > 0 && a.Reach != nil {
		for _, file := range a.Reach.Secrets {
			if !below(p.file.Secrets, resolved(file)) {
				return no("this worker's policy lets no secret come from %s (%s)", "このワーカーのポリシーは %s の秘密情報を許可していない（%s）", file, p.file.Secrets[0].Place)
			}
		}
	}
	for _, r := range p.file.Deny {
		if !r.covers(a) || len(r.Targets) > 0 && !slices.ContainsFunc(a.Targets, func(t string) bool { return holds(r.Targets, t) }) {
			continue
		}
		if len(r.Hosts)+len(r.Paths)+len(r.Env)+len(r.Queues) == 0 {
			return no("this worker's policy denies %s (%s)", "このワーカーのポリシーは %s を拒否する（%s）", a.Action, r.Place)
		}
		if what, err := r.touched(ctx, find, a.Reach); err != nil {
			return no("this worker's policy may deny %s, and it can't be told: %v (%s)", "このワーカーのポリシーが %s を拒否する可能性があり、判断できない：%v（%s）", a.Action, err, r.Place)
		} else if what != nothing {
			return no("this worker's policy denies %s on %s (%s)", "このワーカーのポリシーは %s による %s の利用を拒否する（%s）", a.Action, what, r.Place)
		}
	}
	if p.file.Allow == nil {
		return nil
	}
	beyond := nothing
	for _, r := range p.file.Allow {
		if !r.covers(a) || len(r.Targets) > 0 && slices.ContainsFunc(a.Targets, func(t string) bool { return !holds(r.Targets, t) }) {
			continue
		}
		what := r.beyond(ctx, find, a.Reach, len(p.file.Secrets) > 0)
		if what == nothing {
			return nil
		}
		beyond = what
	}
	if beyond != nothing {
		return no("no rule of this worker's policy allows %s to reach %s (%s)", "このワーカーのポリシーには、%s による %s の利用を許可する規則がない（%s）", a.Action, beyond, p.file.File)
	}
	return no("no rule of this worker's policy allows %s on %v (%s)", "このワーカーのポリシーには、%s（対象 %v）を許可する規則がない（%s）", a.Action, a.Targets, p.file.File)
}

// refusal is a no in both languages.
type refusal plan.Text

func (r refusal) Error() string   { return plan.Text(r).Both() }
func (r refusal) Said() plan.Text { return plan.Text(r) }

func no(en, ja string, args ...any) error { return refusal(activities.Lacking(en, ja, args...)) }

// nothing is what a rule finds when it finds nothing.
var nothing plan.Text

// covers leaves out the targets and what is reached, which allow and deny read differently.
func (r Rule) covers(a activities.Ask) bool {
	return fits(r.Actions, a.Action) &&
		(len(r.Effects) == 0 || holds(r.Effects, string(a.Effect))) && (len(r.Runs) == 0 || holds(r.Runs, string(a.Kind)))
}

// fits reports whether one of the patterns fits a name.
func fits(patterns []text, name string) bool {
	return slices.ContainsFunc(patterns, func(t text) bool { ok, _ := path.Match(t.V, name); return ok })
}

func holds(list []text, v string) bool {
	return slices.ContainsFunc(list, func(t text) bool { return t.V == v })
}
