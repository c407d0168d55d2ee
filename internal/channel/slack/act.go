package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// click does what a button says, or opens the form that it needs.
func (c *Channel) click(ctx context.Context, cb slackgo.InteractionCallback, a *slackgo.BlockAction) {
	l := c.o.Lang
	p, err := c.whoFor(ctx, cb.User.ID, aboutThemselves(a.ActionID))
	if p.lang != "" {
		l = p.lang
	}
	var v value
	if err == nil && (json.Unmarshal([]byte(a.Value), &v) != nil || v.Run == "") {
		err = refused(l.T("This button is damaged; use the board or /muster tasks.", "このボタンは使用できません。ボードまたは /muster tasks をご利用ください。"))
	}
	if err != nil {
		c.tell(ctx, cb, l, inWords(err, l))
		return
	}
	v.Lang = l
	if err := c.mayHere(ctx, a.ActionID, v, l); err != nil {
		c.tell(ctx, cb, l, inWords(err, l))
		return
	}
	if form := formOf(a.ActionID, v, l); form != nil {
		client, err := c.client(ctx)
		if err == nil {
			_, err = client.OpenViewContext(ctx, cb.TriggerID, *form)
		}
		if err != nil {
			c.tell(ctx, cb, l, l.T("The form could not be opened: press the button again.", "入力画面を開けませんでした。もう一度押してください。"))
		}
		return
	}
	done, err := c.do(p.as(ctx), p, a.ActionID, v, answersOf(a.ActionID))
	if err != nil {
		c.tell(ctx, cb, l, inWords(err, l))
		return
	}
	switch {
	case cb.Container.Type == "view":
		c.showHome(ctx, cb.User.ID)
	case a.ActionID == "ack" && cb.ResponseURL != "":
		c.reply(ctx, cb.ResponseURL, ephemeral{ReplaceOriginal: true, Text: done, Blocks: read(cb.Message.Blocks.BlockSet, a.Value, done)})
	case strings.HasPrefix(a.ActionID, "checkin.") || a.ActionID == "arrive":
		c.reply(ctx, cb.ResponseURL, ephemeral{ReplaceOriginal: true, Text: done, Blocks: answered(cb.Message.Blocks.BlockSet, a.ActionID, v, done)})
	default: // the message itself changes when the record has it
		c.tell(ctx, cb, l, done)
	}
}

// mayHere refuses what must not be done by Slack alone: it leads to the board.
func (c *Channel) mayHere(ctx context.Context, action string, v value, l i18n.Lang) error {
	verb, _, _ := strings.Cut(action, ".")
	moves := verb == "decide" || verb == "approve" || verb == "activation" || verb == "refuse" || verb == "step" && !v.Human
	if c.o.ApproveReal || !moves {
		return nil
	}
	// What kind of run it is, the record says, not the button.
	list, err := c.o.Store.Runs(ctx, journal.Filter{Run: v.Run, Limit: 1})
	if err != nil {
		return err
	}
	if len(list) > 0 {
		v.Kind = list[0].Kind
	}
	if v.Kind != run.Response {
		return nil
	}
	return refused(l.T("A real response is decided and approved on the board: %s", "本番対応の決定と承認はボードで行ってください：%s", c.o.Addresses.Run(v.Run)))
}

// tell says something to whoever clicked, and to nobody else.
func (c *Channel) tell(ctx context.Context, cb slackgo.InteractionCallback, l i18n.Lang, text string) {
	if cb.ResponseURL != "" {
		c.reply(ctx, cb.ResponseURL, onlyYou(text))
		return
	}
	client, err := c.client(ctx)
	if err == nil {
		_, _ = client.OpenViewContext(ctx, cb.TriggerID, *said(l, text)) // the trigger may be spent
	}
}

// answersGiven are what a person said, by a tap or in a form.
type answersGiven struct {
	safety      run.Safety
	family      run.Family
	whereabouts string
	note        string
	canCome     bool
	online      bool // and only so
	reason      string
	typed       string
}

// answersOf is what a tap alone says: whoever is well can come, unless they say otherwise.
func answersOf(action string) answersGiven {
	switch said := strings.TrimPrefix(action, "checkin."); said {
	case "come", "away":
		return answersGiven{canCome: said == "come"}
	default:
		s := run.Safety(said)
		return answersGiven{safety: s, canCome: s.Comes()}
	}
}

// do acts for a person. It returns what was done, in words with the time.
func (c *Channel) do(ctx context.Context, p person, action string, v value, a answersGiven) (string, error) {
	door, l := c.door(p.lang), p.lang
	at := c.o.Clock.Time()
	clock := at.In(c.zone()).Format("15:04:05 MST")
	verb, _, _ := strings.Cut(action, ".")
	var err error
	switch verb {
	case "checkin":
		_, err = door.CheckIn(ctx, v.Run, workflows.CheckIn{Person: p.id, By: p.id, Safety: a.safety, CanCome: a.canCome, Online: a.online, Family: a.family, Whereabouts: a.whereabouts, Note: a.note})
		come := l.T("can come", "参集可")
		switch {
		case a.online:
			come = l.T("online only", "オンラインのみ")
		case !a.canCome:
			come = l.T("can't come", "参集不可")
		}
		if a.safety != "" {
			come = l.Safety(a.safety) + l.T(", ", "、") + come
		}
		return l.T("Your answer of %s: %s", "%s に回答：%s", clock, come), err
	case "arrive":
		_, err = door.Arrive(ctx, v.Run, workflows.Arrive{Person: p.id, By: p.id})
		return l.T("You arrived: %s", "%s に参集を報告しました", clock), err
	case "ack":
		_, err = door.Ack(ctx, v.Run, workflows.Ack{Person: p.id, By: p.id, Message: v.Of})
		return l.T("You acknowledged this: %s", "%s に確認しました", clock), err
	case "decide":
		_, err = door.Decide(ctx, v.Run, workflows.Decide{System: v.System, By: p.id, Choice: v.Choice, Reason: a.reason})
		return l.T("You decided at %s: %s", "%s に決定：%s", clock, l.Choice(v.Choice)), err
	case "approve":
		_, err = door.Approve(ctx, v.Run, workflows.Approve{By: p.id, Reason: a.reason, Asked: v.Asked})
		return l.T("You approved at %s", "%s に承認しました", clock), err
	case "activation":
		_, err = door.Approve(ctx, v.Run, workflows.Approve{For: workflows.ApproveActivation, By: p.id, Reason: a.reason, Asked: v.Asked})
		return l.T("You confirmed the activation at %s", "%s に発動を確認しました", clock), err
	case "refuse":
		no := workflows.Refuse{By: p.id, Reason: a.reason, Asked: v.Asked}
		if action == "refuse.activation" {
			no.For = workflows.ApproveActivation
		}
		_, err = door.Refuse(ctx, v.Run, no)
		return l.T("You refused at %s; who asked is told why", "%s に却下しました。要請者に理由が伝えられます", clock), err
	case "step":
		done, err := door.Step(ctx, v.Run, v.Step, api.StepRequest{Act: v.Act, By: p.id, Reason: a.reason, System: v.System, Asked: v.Asked, Wait: v.Wait})
		if done.Unconfirmed {
			return l.T("At %s you asked for %s (%s). It does not stand yet: it does once another person does the same", "%s に「%s（%s）」を要請しました。まだ確定していません。別の人が同じ操作をすると確定します", clock, v.Step, channel.ActWord(v.Act, l)), err
		}
		return l.T("At %s: %s, %s", "%s に対応：%s（%s）", clock, v.Step, channel.ActWord(v.Act, l)), err
	case "start", "activate":
		return c.begin(ctx, p, v, a)
	}
	return "", refused(l.T("This button is not known here.", "このボタンには対応していません。"))
}

// begin starts a drill or, once its name is typed, the real thing.
func (c *Channel) begin(ctx context.Context, p person, v value, a answersGiven) (string, error) {
	l := p.lang
	started, err := c.door(l).Start(ctx, api.StartRequest{Scenario: v.Step, Kind: v.Kind, By: p.id, Reason: a.reason, PlanHash: v.Plan})
	if err != nil {
		return "", err
	}
	if started.Attached {
		return l.T("%s runs already, started by %s; you have joined it.", "%sはすでに実施中です（開始者：%s）。参加しました。", started.Run, started.StartedBy), nil
	}
	return l.T("%s has begun.", "%s を開始しました。", started.Run), nil
}

func (c *Channel) zone() *time.Location {
	if e, err := c.o.Estate(); err == nil && e != nil {
		if z, err := time.LoadLocation(e.Zone); err == nil {
			return z
		}
	}
	return time.UTC
}

// answered is the call with what was said in place of its buttons, and a way to say more.
func answered(was []slackgo.Block, action string, v value, done string) []slackgo.Block {
	var out []slackgo.Block
	for _, b := range was {
		switch b := b.(type) {
		case *slackgo.ActionBlock:
			continue
		case *slackgo.SectionBlock:
			if b.BlockID == "answer" && strings.HasPrefix(action, "checkin.") || b.BlockID == "arrival" && action == "arrive" {
				continue
			}
		case *slackgo.ContextBlock:
			continue
		}
		out = append(out, b)
	}
	id := "answer"
	if action == "arrive" {
		id = "arrival"
	}
	out = append(out, slackgo.NewSectionBlock(plainText("✔ "+done, mostSection), nil, nil, slackgo.SectionBlockOptionBlockID(id)))
	l := v.Lang
	more := []slackgo.BlockElement{button("checkin.more", l.T("Say more, or change it", "詳しく回答・訂正"), v, "")}
	if action != "arrive" {
		more = append(more, button("arrive", l.T("I have arrived", "参集しました"), v, slackgo.StylePrimary))
	}
	return append(out, slackgo.NewActionBlock("acts", more...), footer(v.Run))
}

// read is a message without the button by which it was acknowledged, and with when. What else
// the message holds stays: it may be a list of tasks.
func read(was []slackgo.Block, value, done string) []slackgo.Block {
	var out []slackgo.Block
	for _, b := range was {
		acts, ok := b.(*slackgo.ActionBlock)
		if !ok || acts.Elements == nil {
			out = append(out, b)
			continue
		}
		pressed := false
		acts.Elements.ElementSet = slices.DeleteFunc(acts.Elements.ElementSet, func(e slackgo.BlockElement) bool {
			x, ok := e.(*slackgo.ButtonBlockElement)
			mine := ok && x.ActionID == "ack" && x.Value == value
			pressed = pressed || mine
			return mine
		})
		if pressed {
			out = append(out, slackgo.NewSectionBlock(plainText("✔ "+done, mostSection), nil, nil))
		}
		if len(acts.Elements.ElementSet) > 0 {
			out = append(out, acts)
		}
	}
	return out
}

// submitted does what a form says, and shows in the form what came of it.
func (c *Channel) submitted(ctx context.Context, cb slackgo.InteractionCallback, v value) {
	l := c.o.Lang
	p, err := c.whoFor(ctx, cb.User.ID, aboutThemselves(cb.View.CallbackID))
	if p.lang != "" {
		l = p.lang
	}
	done := ""
	if err == nil {
		err = c.mayHere(ctx, cb.View.CallbackID, v, l)
	}
	if err == nil {
		done, err = c.do(p.as(ctx), p, cb.View.CallbackID, v, given(cb))
	}
	if err != nil {
		done = inWords(err, l)
	}
	client, err := c.client(ctx)
	if err == nil {
		_, err = client.UpdateViewContext(ctx, *said(l, done), "", "", cb.View.ID)
	}
	if err != nil && ctx.Err() == nil {
		// The form may be closed by now; the answer then comes as a message.
		if client, cerr := c.client(ctx); cerr == nil {
			_, _, _ = client.PostMessageContext(ctx, cb.User.ID, slackgo.MsgOptionText(done, true))
		}
	}
}

// given reads a form.
func given(cb slackgo.InteractionCallback) answersGiven {
	var a answersGiven
	if cb.View.State == nil {
		return a
	}
	field := func(name string) slackgo.BlockAction { return cb.View.State.Values[name][name] }
	a.reason, a.typed = strings.TrimSpace(field("reason").Value), strings.TrimSpace(field("typed").Value)
	come := field("come").SelectedOption.Value
	a.safety, a.canCome, a.online = run.Safety(field("safety").SelectedOption.Value), come == "yes" || come == "online", come == "online"
	a.family = run.Family(field("family").SelectedOption.Value)
	a.whereabouts, a.note = strings.TrimSpace(field("where").Value), strings.TrimSpace(field("note").Value)
	return a
}

// mistakes are what is wrong in a form, by its fields.
func mistakes(cb slackgo.InteractionCallback, v value, l i18n.Lang) map[string]string {
	a := given(cb)
	if cb.View.CallbackID == "activate" && a.typed != v.Step {
		return map[string]string{"typed": l.T("Type %s, letter by letter. Nothing was started.", "「%s」と正確に入力してください。何も開始していません。", v.Step)}
	}
	if len(a.reason) > 0 || !needsReason(cb.View.CallbackID) {
		return nil
	}
	return map[string]string{"reason": l.T("A reason is needed: it stands in the report.", "理由を入力してください。報告書に記載されます。")}
}

func needsReason(action string) bool {
	verb, _, _ := strings.Cut(action, ".")
	return verb == "decide" || verb == "refuse" || verb == "step" || verb == "activate"
}

// formOf is the form that an act needs; nil when a click is enough.
func formOf(action string, v value, l i18n.Lang) *slackgo.ModalViewRequest {
	form := &slackgo.ModalViewRequest{Type: slackgo.VTModal, CallbackID: action, PrivateMetadata: v.text(), Title: plainText("muster", 24),
		Submit: plainText(l.T("Send", "送信"), 24), Close: plainText(l.T("Cancel", "キャンセル"), 24)}
	var blocks []slackgo.Block
	mark := l.T("A drill", "訓練")
	if v.Kind == run.Response {
		mark = l.T("THE REAL THING", "本番対応")
	}
	switch verb, _, _ := strings.Cut(action, "."); {
	case action == "checkin.more":
		blocks = append(blocks, moreQuestions(v.Hazard, l)...)
	case verb == "decide":
		blocks = append(blocks, paragraphs(fmt.Sprintf("%s: %s → %s", mark, v.System, l.Choice(v.Choice)))...)
		blocks = append(blocks, textInput("reason", l.T("Reason", "理由"), 500))
	case verb == "refuse":
		blocks = append(blocks, paragraphs(mark+": "+l.T("refuse what waits for an approval", "承認・確認を却下する"))...)
		blocks = append(blocks, textInput("reason", l.T("Reason", "理由"), 500))
	case verb == "step" && (!v.Human || v.Act != run.ActDone):
		blocks = append(blocks, paragraphs(fmt.Sprintf("%s: %s → %s", mark, v.Step, channel.ActWord(v.Act, l)))...)
		blocks = append(blocks, textInput("reason", l.T("Reason", "理由"), 500))
	default:
		return nil
	}
	form.Blocks = slackgo.Blocks{BlockSet: blocks}
	return form
}

// moreQuestions are what the safety check asks besides the first tap.
func moreQuestions(h run.Hazard, l i18n.Lang) []slackgo.Block {
	var out []slackgo.Block
	asked := run.QuestionsOf(h)
	var safety, family [][2]string
	for _, s := range asked.Safety {
		safety = append(safety, [2]string{string(s), sign(s) + " " + l.Safety(s)})
	}
	for _, f := range asked.Family {
		family = append(family, [2]string{string(f), l.Family(f)})
	}
	if len(safety) > 0 {
		out = append(out, choice("safety", l.T("How are you?", "ご自身の安否"), safety))
	}
	out = append(out, choice("come", l.T("Can you come?", "参集できますか"), [][2]string{{"yes", l.T("Yes", "できる")}, {"online", l.T("Online only", "オンラインのみ")}, {"no", l.T("No", "できない")}}))
	if len(family) > 0 {
		out = append(out, optional(choice("family", l.T("Your family (kept apart from the record)", "ご家族の安否（記録とは別に保管）"), family)))
	}
	if asked.Whereabouts {
		out = append(out, optional(textInput("where", l.T("Where you are (kept apart from the record)", "現在地（記録とは別に保管）"), 200)))
	}
	return append(out, optional(textInput("note", l.T("Remark (kept apart from the record)", "連絡事項（記録とは別に保管）"), 500)))
}

func textInput(name, label string, most int) *slackgo.InputBlock {
	e := slackgo.NewPlainTextInputBlockElement(nil, name)
	e.MaxLength, e.Multiline = most, most > 100
	return slackgo.NewInputBlock(name, plainText(label, 2000), nil, e)
}

func optional(b *slackgo.InputBlock) *slackgo.InputBlock {
	b.Optional = true
	return b
}

func choice(name, label string, options [][2]string) *slackgo.InputBlock {
	var list []*slackgo.OptionBlockObject
	for _, o := range options {
		list = append(list, slackgo.NewOptionBlockObject(o[0], plainText(o[1], 75), nil))
	}
	return slackgo.NewInputBlock(name, plainText(label, 2000), nil, slackgo.NewRadioButtonsBlockElement(name, list...))
}
