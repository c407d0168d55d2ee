package book

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// hand makes the commands that do by hand what a step's action does: for when muster is gone.
// They are pasted as they stand by somebody who has not slept, so:
//   - What looks comes before what acts, and says when to go on.
//   - What belongs together is one chain of &&: a shell reads all of it before it begins, and
//     ends it at the first thing that fails.
//   - Each block says at which host it is typed.
//   - They hold no secret: programs ask for those, or are given a file.
//
// Where no safe sequence is known, none is given, and what a person has to look at is said.
type hand struct {
	e    plan.Estate
	l    i18n.Lang
	site string // of the step
	with map[string]any
	why  string // no command can be given; "" for the usual reason
}

// byHand is what an operator types in place of a step, or says that nothing can be given.
func byHand(st plan.Step, e plan.Estate, l i18n.Lang) []string {
	if st.Human != nil {
		return nil
	}
	h := hand{e: e, l: l, site: st.Site}
	_ = json.Unmarshal([]byte(plan.WithoutSecrets(st.With)), &h.with)
	lines := h.commands(st.Uses)
	if len(lines) == 0 {
		if h.why == "" {
			h.why = l.T("do what is said above with the product's own means", "上の内容を製品の手順で行う")
		}
		return []string{l.T("# by hand: no command can be given for %s; %s", "# 手作業：%s に当たるコマンドは示せない。%s", st.Uses, h.why)}
	}
	head := l.T("# by hand, without muster: one block at a time, each to the end of its chain (&&); passwords are asked for", "# 手作業（musterなし）：1ブロックずつ、&& でつながる行をまとめて貼り付ける。パスワードは入力を求められる")
	if strings.Contains(strings.Join(lines, "\n"), "${{") {
		head += l.T(" (put in first what ${{ ... }} stands for)", "（${{ ... }} の箇所は値に書き換えてから）")
	}
	return append([]string{head}, strings.Split(strings.Join(lines, "\n"), "\n")...)
}

func (h *hand) commands(uses string) []string {
	family, verb, _ := strings.Cut(uses, ".")
	for _, param := range []string{"others", "servers"} {
		if len(h.targets(param)) != len(h.list(param)) {
			return h.none("%s above names servers that the estate does not have: look which they are, and that none of them takes writes", "上の %s に構成台帳にないサーバーがある。それがどれか、書き込みを受け付けていないかを確認する", param)
		}
	}
	switch family {
	case "postgres":
		return h.postgres(verb)
	case "sql":
		return h.sql(verb)
	case "redis":
		return h.redis(verb)
	case "mysql":
		return h.mysql(verb)
	case "dns":
		return h.dns(verb)
	case "systemd":
		return h.systemd(verb)
	case "kubernetes":
		return h.kubernetes(verb)
	case "etcd":
		return h.etcd(verb)
	case "process":
		return h.process(verb)
	case "exec", "ssh":
		return h.program(uses)
	}
	return h.net(uses)
}

// none says why no command can be given, and what a person must look at.
func (h *hand) none(en, ja string, args ...any) []string {
	h.why = h.l.T(en, ja, args...)
	return nil
}

// unnamed is what a target lacks for commands to be given.
func (h *hand) unnamed(what string) []string {
	return h.none("the estate does not say %s: whoever runs that server has to do it with its own means, and show that it is done", "構成台帳に %s の記載がない。サーバーの管理者に依頼し、完了を確認する", what)
}

// say is a line for people.
func (h *hand) say(en, ja string, args ...any) string { return "# " + h.l.T(en, ja, args...) }

// goOn stands between what looks and what acts.
func (h *hand) goOn(en, ja string, args ...any) string {
	return h.say("== go on only when "+en, "== 次の場合だけ先へ進む："+ja, args...)
}

// on says that what follows is typed at a target's own host.
func (h *hand) on(t target) string {
	return h.say("on %s (%s), %s", "%s（%s）のホスト %s で実行", t.name, h.place(t.site), or(t.text("machine"), or(t.text("host"), "?")))
}

// here says that what follows is typed at the machine of the step's site worker.
func (h *hand) here() string {
	return h.say("on the site worker's machine (%s)", "拠点ワーカーのマシン（%s）で実行", h.place(h.site))
}

// anywhere says that what follows is typed wherever the targets are reached from.
func (h *hand) anywhere(ts ...target) string {
	var names []string
	for _, t := range ts {
		names = append(names, h.l.T("%s (%s)", "%s（%s）", t.name, h.place(t.site)))
	}
	return h.say("on any machine that reaches %s", "%sに接続できるマシンで実行", strings.Join(names, h.l.T(", ", "、")))
}

func (h *hand) place(site string) string {
	for _, s := range h.e.Sites {
		if s.Name == site {
			return or(s.Title.In(string(h.l)), s.Name)
		}
	}
	return or(site, "?")
}

// chain makes one command of several: each is run only when those before it succeeded.
func chain(lines ...string) []string {
	lines = slices.DeleteFunc(lines, func(s string) bool { return s == "" })
	for i := range lines[:max(len(lines)-1, 0)] {
		lines[i] += " &&"
	}
	return lines
}

func block(parts ...any) []string {
	var out []string
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			if p != "" {
				out = append(out, p)
			}
		case []string:
			out = append(out, p...)
		}
	}
	return out
}
