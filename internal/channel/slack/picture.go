package slack

import (
	"strings"

	slackgo "github.com/slack-go/slack"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// runText is the run in one line.
func (s *showing) runText(o progress.Overview) string {
	l := s.c.o.Lang
	mark := run.MarkEN
	if l == i18n.JA {
		mark = run.MarkJA
	}
	return run.Marked(o.Kind, mark, l.T("%s: %s", "%s：%s", o.Title.In(string(l)), l.Standing(o.State, o.Aborting)))
}

// runBlocks are the run's message: state, clock, who is waited for. It holds totals, and of
// nobody whether they are well.
func (s *showing) runBlocks(o progress.Overview) []slackgo.Block {
	l := s.c.o.Lang
	var lines []string
	add := func(label, text string) {
		if text != "" {
			lines = append(lines, label+l.T(": ", "：")+text)
		}
	}
	kind := l.T("the real thing", "本番対応")
	if o.Kind != run.Response {
		kind = l.T("a drill", "訓練") + l.T(", ", "、") + l.Depth(o.Depth)
	}
	add(l.T("Kind", "種別"), kind)
	add(l.T("State", "状態"), l.Standing(o.State, o.Aborting))
	var phases []string
	for _, p := range o.Phases {
		if p.Progress == progress.Now {
			phases = append(phases, l.Phase(p.ID))
		}
	}
	add(l.T("Now", "段階"), strings.Join(phases, l.T(", ", "、")))
	for i, sys := range o.Systems {
		if i == 5 {
			lines = append(lines, l.T("and %d systems more", "ほか %d システム", len(o.Systems)-5))
			break
		}
		add(systemName(sys, l), clock(sys, l))
	}
	p := o.People
	if p.Called > 0 {
		add(l.T("People", "要員"), l.T("called %d, answered %d, no answer %d, arrived %d", "対象 %d、回答 %d、未回答 %d、参集 %d", p.Called, p.Called-p.Silent, p.Silent, p.Mustered))
	}
	out := append([]slackgo.Block{header(s.runText(o))}, paragraphs(strings.Join(lines, "\n"))...)
	if waits := s.waits(o, l); waits != "" {
		out = append(out, slackgo.NewSectionBlock(plainText(waits, mostSection), nil, nil))
	}
	if at := s.c.o.Addresses.Run(o.Run); at != "" {
		out = append(out, slackgo.NewActionBlock("run", link("open.run", l.T("Open the run", "実施状況を開く"), at)))
	}
	at := o.Run
	if o.PlanHash != "" { // withheld of a blind drill
		at += " · " + l.T("plan %s", "計画 %s", o.PlanHash[:min(8, len(o.PlanHash))])
	}
	return append(out, footer(at))
}

func systemName(s progress.System, l i18n.Lang) string {
	if t := s.Title.In(string(l)); t != "" {
		return t
	}
	return s.Name
}

// clock is a system's RTO clock, to the minute.
func clock(s progress.System, l i18n.Lang) string {
	used := float64(int(s.UsedS/60) * 60)
	switch {
	case s.EventAt == nil:
		return ""
	case s.RestoredAt != nil:
		return l.T("restored after %s", "%s で復旧", channel.Span(s.UsedS, l))
	case s.ObjectiveS == nil:
		return l.T("out for %s", "停止から %s", channel.Span(used, l))
	case s.UsedS > *s.ObjectiveS:
		return l.T("▲ RTO over by %s", "▲ RTO超過 %s", channel.Span(float64(int((s.UsedS-*s.ObjectiveS)/60)*60), l))
	}
	return l.T("%s of RTO %s used", "経過 %s／RTO %s", channel.Span(used, l), channel.Span(*s.ObjectiveS, l))
}

// waits says who is waited for, and what for.
func (s *showing) waits(o progress.Overview, l i18n.Lang) string {
	var out []string
	for _, w := range o.Waiting {
		var what string
		switch w.For {
		case progress.AwaitSafety:
			what = l.T("safety check: %d have not answered", "安否確認：未回答 %d 名", w.Need)
		case progress.AwaitArrival:
			what = l.T("muster: %d still needed", "参集：あと %d 名", w.Need)
		case progress.AwaitDecision:
			what = l.T("decision for %s: %s", "%s の判断：%s", systemIn(s.f.Plan, w.System, l), roleIn(s.f.Plan, w.Role, l))
		case progress.AwaitApproval:
			what = l.T("approval: %d still needed", "承認：あと %d 名", w.Need)
			if w.Phase == run.Failback {
				what = l.T("approval of the return home: %d still needed", "切戻しの承認：あと %d 名", w.Need)
			}
		case progress.AwaitActivation:
			what = l.T("confirmation of the activation by a second person", "発動の確認（開始者以外の人）")
		case progress.AwaitAck:
			what = l.T("messages to be acknowledged: by %d", "連絡の確認：未確認 %d 名", w.Need)
		case progress.AwaitStep:
			what = l.T("step %s: %s", "ステップ %s：%s", channel.StepName(s.f.Plan, w.System, w.Step, l), roleIn(s.f.Plan, w.Role, l))
		default:
			what = l.T("%s %s", "%s %s", l.Phase(w.Phase), w.System)
		}
		if out = append(out, "・"+strings.TrimSpace(what)); len(out) == 8 {
			break
		}
	}
	if len(out) == 0 {
		return ""
	}
	return l.T("Waits for", "対応待ち") + "\n" + strings.Join(out, "\n")
}
