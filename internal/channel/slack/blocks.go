package slack

import (
	"encoding/json"
	"fmt"
	"strings"

	slackgo "github.com/slack-go/slack"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/run"
)

// Slack's limits, in characters.
const (
	mostHeader  = 150
	mostSection = 2800 // of 3,000
	mostButton  = 75
	mostValue   = 2000
	mostConfirm = 300
	mostInAll   = 6000 // of a measured 13,200, in which the buttons count too
)

// value is what a button carries.
type value struct {
	Run    string     `json:"r"`
	System string     `json:"s,omitempty"`
	Step   string     `json:"t,omitempty"`
	Writer string     `json:"w,omitempty"`
	Choice run.Choice `json:"c,omitempty"`
	Act    run.Act    `json:"a,omitempty"`
	Human  bool       `json:"h,omitempty"` // a step that people do: no reason is needed
	Of     string     `json:"o,omitempty"` // a message to be acknowledged
	Asked  int64      `json:"q,omitempty"` // number of the question that is answered
	Wait   int64      `json:"u,omitempty"` // number of the wait of a step that is settled
	Plan   string     `json:"p,omitempty"` // hash of the plan that a form showed
	Lang   i18n.Lang  `json:"l,omitempty"`
	Kind   run.Kind   `json:"k,omitempty"`
	Hazard run.Hazard `json:"z,omitempty"`
}

func (v value) text() string {
	b, err := json.Marshal(v)
	if err != nil || len(b) > mostValue {
		return "{}"
	}
	return string(b)
}

// readable leaves out what no screen shows.
func readable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

func cut(s string, most int) string {
	s = readable(s)
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// plainText is text in which nothing is a link, a mention or a format.
func plainText(s string, most int) *slackgo.TextBlockObject {
	if s = cut(s, most); strings.TrimSpace(s) == "" {
		s = "–"
	}
	no := false
	return &slackgo.TextBlockObject{Type: slackgo.PlainTextType, Text: s, Emoji: &no}
}

func header(s string) slackgo.Block { return slackgo.NewHeaderBlock(plainText(s, mostHeader)) }

// paragraphs are as many sections as a text needs, within the limits.
func paragraphs(s string) []slackgo.Block {
	r, out := []rune(readable(s)), []slackgo.Block{}
	if len(r) > mostInAll {
		r = append(r[:mostInAll-1], '…')
	}
	for len(r) > 0 {
		n := min(len(r), mostSection)
		out = append(out, slackgo.NewSectionBlock(plainText(string(r[:n]), mostSection), nil, nil))
		r = r[n:]
	}
	return out
}

func footer(s string) slackgo.Block { return slackgo.NewContextBlock("", plainText(s, 1900)) }

func button(action, label string, v value, style slackgo.Style) *slackgo.ButtonBlockElement {
	b := slackgo.NewButtonBlockElement(action, v.text(), plainText(label, mostButton))
	if style != "" {
		b = b.WithStyle(style)
	}
	return b
}

func link(action, label, url string) *slackgo.ButtonBlockElement {
	b := slackgo.NewButtonBlockElement(action, "", plainText(label, mostButton))
	b.URL = url
	return b
}

// sure asks before a click counts.
func sure(l i18n.Lang, k run.Kind, what string) *slackgo.ConfirmationBlockObject {
	title := l.T("A drill", "訓練")
	if k == run.Response {
		title = l.T("The real thing", "本番対応")
	}
	return slackgo.NewConfirmationBlockObject(plainText(title, 100), plainText(what, mostConfirm), plainText(l.T("Yes", "実行する"), 30), plainText(l.T("No", "やめる"), 30))
}

// content is a message as it is posted. The text stands for the blocks where those are not
// shown: in notifications and for screen readers.
func (c *Channel) content(m channel.Message) []slackgo.MsgOption {
	return []slackgo.MsgOption{slackgo.MsgOptionText(m.Subject, true), slackgo.MsgOptionBlocks(c.blocks(m, "")...), slackgo.MsgOptionDisableLinkUnfurl()}
}

// blocks are a message with its buttons, or with what became of the matter in their place.
func (c *Channel) blocks(m channel.Message, settled string) []slackgo.Block {
	out := append([]slackgo.Block{header(m.Subject)}, paragraphs(m.Text)...)
	if settled != "" {
		out = append(out, slackgo.NewSectionBlock(plainText("✔ "+settled, mostSection), nil, nil))
	} else if buttons := c.buttons(m); len(buttons) > 0 {
		out = append(out, slackgo.NewActionBlock("acts", buttons...))
	}
	return append(out, footer(m.Run))
}

// buttons are what can be done about a message in Slack.
func (c *Channel) buttons(m channel.Message) []slackgo.BlockElement {
	l, e := m.Lang, m.Event
	v := value{Run: m.Run, System: e.System, Lang: l, Kind: m.Kind, Hazard: m.Hazard}
	page := func() []slackgo.BlockElement {
		if at := c.o.Addresses.Run(m.Run); at != "" && m.Matter != channel.Test {
			return []slackgo.BlockElement{link("open.run", l.T("Open the run", "実施状況を開く"), at)}
		}
		return nil
	}
	if m.Acks() {
		v.Of = e.Name()
		return append([]slackgo.BlockElement{button("ack", l.T("I have read this", "確認しました"), v, slackgo.StylePrimary)}, page()...)
	}
	aside := m.Kind == run.Response && !c.o.ApproveReal // Slack alone moves nothing real
	switch m.Matter {
	case channel.Call, channel.Reminder:
		return append(answers(m.Hazard, v), button("arrive", l.T("I have arrived", "参集しました"), v, ""))
	case channel.Decision:
		if aside {
			return page()
		}
		var ask run.DecisionAsk
		_ = e.Decode(&ask)
		var out []slackgo.BlockElement
		for _, choice := range ask.Choices {
			v.Choice = choice
			style := slackgo.Style("")
			if choice == ask.Proposed {
				style = slackgo.StylePrimary
			}
			b := button("decide."+string(choice), l.Choice(choice), v, style)
			b.Confirm = sure(l, m.Kind, l.T("Decide: %s", "「%s」に決定します。", l.Choice(choice)))
			out = append(out, b)
		}
		return append(out, page()...)
	case channel.Approval:
		if aside {
			return page()
		}
		v.Asked = e.Seq
		b := button("approve", l.T("Approve", "承認する"), v, slackgo.StylePrimary)
		b.Confirm = sure(l, m.Kind, l.T("The recovery may then begin.", "承認がそろうと復旧作業が始まります。"))
		if e.Phase == run.Failback {
			b = button("approve", l.T("Approve the return home", "切戻しを承認する"), v, slackgo.StylePrimary)
			b.Confirm = sure(l, m.Kind, l.T("Systems then move back to their home site, with a short interruption.", "承認がそろうと本拠点への切戻しが始まります。短時間の停止を伴います。"))
		}
		if e.Kind == run.ActivationAsked {
			b = button("activation", l.T("Confirm the activation", "発動を確認する"), v, slackgo.StylePrimary)
			b.Confirm = sure(l, m.Kind, l.T("Systems may then be changed.", "確認すると、システムの変更が可能になります。"))
		}
		no := button("refuse", l.T("Refuse", "却下する"), v, slackgo.StyleDanger)
		if e.Kind == run.ActivationAsked {
			no = button("refuse.activation", l.T("Refuse", "却下する"), v, slackgo.StyleDanger)
		}
		no.Confirm = sure(l, m.Kind, l.T("Nothing is moved, and who asked is told why: the reason is asked next.", "切り替えは行われません。次の画面で理由を入力すると、要請者に伝えられます。"))
		return append([]slackgo.BlockElement{b, no}, page()...)
	case channel.Task:
		var w run.Wait
		_ = e.Decode(&w)
		v.Step, v.Writer = e.Step, e.Writer
		v.Human = w.Kind == run.WaitHuman || w.Kind == run.WaitAck
		if e.Kind != run.ForceAsked {
			v.Wait = e.Seq
		}
		if e.Kind == run.ForceAsked {
			var a run.StepAct
			_ = e.Decode(&a)
			w.Acts, v.Asked = []run.Act{a.Act, run.ActRefuse}, e.Seq // the same act by another person, or a no
		}
		if aside && !v.Human {
			return page()
		}
		var out []slackgo.BlockElement
		for _, act := range w.Acts {
			v.Act = act
			style := slackgo.Style("")
			switch {
			case act == run.ActSkip, act == run.ActRefuse:
				style = slackgo.StyleDanger
			case act == run.ActDone && v.Human:
				style = slackgo.StylePrimary
			}
			b := button("step."+string(act), channel.ActWord(act, l), v, style)
			b.Confirm = sure(l, m.Kind, l.T("Step %s: %s", "ステップ %s：%s", e.Step, channel.ActWord(act, l)))
			out = append(out, b)
		}
		return append(out, page()...)
	}
	return page()
}

// answers are the first tap of the safety check: one is enough, and more may be said after.
func answers(h run.Hazard, v value) []slackgo.BlockElement {
	l := v.Lang
	v.Hazard = h
	asked := run.QuestionsOf(h).Safety
	if len(asked) == 0 {
		return []slackgo.BlockElement{
			button("checkin.come", l.T("I can come", "参集できます"), v, slackgo.StylePrimary),
			button("checkin.away", l.T("I can't come", "参集できません"), v, "")}
	}
	var out []slackgo.BlockElement
	for _, s := range asked {
		out = append(out, button("checkin."+string(s), sign(s)+" "+l.Safety(s), v, map[bool]slackgo.Style{true: slackgo.StylePrimary, false: ""}[s == asked[0]]))
	}
	return out
}

// sign stands beside the word, for those who can't tell colours apart.
func sign(s run.Safety) string {
	switch {
	case s == run.LightlyHurt, s == run.InIsolation:
		return "▲"
	case s.Hurt():
		return "✚"
	}
	return "✓"
}

// matterKey names a question with buttons until it is settled. One that is asked again is
// another one, with a message of its own.
func matterKey(e run.Event) string {
	switch e.Kind {
	case run.DecisionAsked, run.ApprovalAsked, run.ActivationAsked, run.StepWaiting, run.ForceAsked:
		return fmt.Sprintf("%s #%s/%d", channel.Topic(e), e.Writer, e.Seq)
	}
	return ""
}
