package slack

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	slackgo "github.com/slack-go/slack"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// obey does what a command says.
func (c *Channel) obey(ctx context.Context, p person, cmd slackgo.SlashCommand, words []string) (ephemeral, error) {
	l := p.lang
	switch words[0] {
	case "status":
		text, err := c.status(ctx, p, words[1:])
		return onlyYou(text, paragraphs(text)...), err
	case "tasks":
		blocks, err := c.tasks(ctx, p)
		return onlyYou(l.T("Your tasks", "自分の作業"), blocks...), err
	case "checkin", "arrive":
		action, rest := words[0], words[1:]
		if action == "checkin" {
			said := map[string]string{"safe": "safe", "light": "lightly_hurt", "bad": "badly_hurt", "come": "come", "away": "away", "well": "well", "unwell": "unwell"}
			if len(rest) == 0 || said[rest[0]] == "" {
				return ephemeral{}, refused(l.T("Say how you are: /muster checkin safe, light (lightly hurt) or bad (badly hurt); come or away where nobody is hurt.", "/muster checkin に続けて safe（無事）、light（軽傷）、bad（重傷）のいずれかを入力してください。参集の可否だけの場合は come（可）または away（不可）です。"))
			}
			action, rest = "checkin."+said[rest[0]], rest[1:]
		}
		id, err := c.which(ctx, p, rest)
		if err != nil {
			return ephemeral{}, err
		}
		done, err := c.do(ctx, p, action, value{Run: id, Lang: l}, answersOf(action))
		return onlyYou(done), err
	case "drill":
		if len(words) != 3 || words[1] != "start" {
			return ephemeral{}, unknownCommand(l, words)
		}
		return ephemeral{}, c.propose(ctx, p, cmd.TriggerID, words[2], run.Drill)
	case "activate":
		if len(words) != 2 {
			return ephemeral{}, unknownCommand(l, words)
		}
		return ephemeral{}, c.propose(ctx, p, cmd.TriggerID, words[1], run.Response)
	}
	return ephemeral{}, unknownCommand(l, words)
}

// which is the run that somebody means: the one that is open, when there is only one.
func (c *Channel) which(ctx context.Context, p person, words []string) (string, error) {
	if len(words) > 0 {
		return words[0], nil
	}
	open, err := c.door(p.lang).Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return "", err
	}
	switch len(open) {
	case 0:
		return "", refused(p.lang.T("Nothing runs now.", "現在、実施中のものはありません。"))
	case 1:
		return open[0].Run, nil
	}
	var names []string
	for _, r := range open {
		names = append(names, r.Run)
	}
	return "", refused(p.lang.T("Say which run: %s", "どの実施かを指定してください：%s", strings.Join(names, ", ")))
}

func (c *Channel) status(ctx context.Context, p person, words []string) (string, error) {
	l, door := p.lang, c.door(p.lang)
	if len(words) == 0 {
		open, err := door.Runs(ctx, journal.Filter{Open: true, Limit: 20})
		if err != nil {
			return "", err
		}
		if len(open) == 0 {
			return l.T("Nothing runs now.", "現在、実施中のものはありません。"), nil
		}
		if len(open) > 1 {
			var lines []string
			for _, r := range open {
				lines = append(lines, fmt.Sprintf("%s %s: %s, %s", marked(r.Kind, l), r.Run, l.Standing(r.State, r.Aborting), l.Phase(r.Phase)))
			}
			return strings.Join(lines, "\n"), nil
		}
		words = []string{open[0].Run}
	}
	r, err := door.Run(ctx, words[0])
	if err != nil {
		return "", err
	}
	o := r.Overview
	lines := []string{fmt.Sprintf("%s %s: %s, %s", marked(o.Kind, l), o.Title.In(string(l)), l.Standing(o.State, o.Aborting), r.Summary.Run)}
	for _, s := range o.Systems {
		if text := clock(s, l); text != "" {
			lines = append(lines, systemName(s, l)+l.T(": ", "：")+text)
		}
	}
	lines = append(lines, l.T("People: called %d, no answer %d, arrived %d", "要員：対象 %d、未回答 %d、参集 %d", o.People.Called, o.People.Silent, o.People.Mustered))
	pl := c.names(ctx, p, r)
	for _, w := range o.Waiting {
		lines = append(lines, "・"+waitingFor(w, pl, l))
	}
	if at := c.o.Addresses.Run(r.Summary.Run); at != "" {
		lines = append(lines, at)
	}
	return strings.Join(lines, "\n"), nil
}

func marked(k run.Kind, l i18n.Lang) string {
	if k == run.Response {
		return l.T("REAL", "【本番】")
	}
	return l.T(run.MarkEN, run.MarkJA)
}

// names is the plan of a run where what waits has a role or a step to be called by name. One
// that can't be read leaves their IDs.
func (c *Channel) names(ctx context.Context, p person, r api.Run) plan.Plan {
	if !slices.ContainsFunc(r.Overview.Waiting, func(w progress.Waiting) bool { return w.For == progress.AwaitDecision || w.For == progress.AwaitStep }) {
		return plan.Plan{}
	}
	pl, _ := c.door(p.lang).RunPlan(ctx, r.Summary.Run)
	return pl
}

// systemIn is what people call a system of a plan.
func systemIn(pl plan.Plan, name string, l i18n.Lang) string {
	s, _ := pl.System(name)
	return cmp.Or(s.Title.In(string(l)), name)
}

func roleIn(pl plan.Plan, role string, l i18n.Lang) string {
	return pl.Estate.RoleName(role).In(string(l))
}

func waitingFor(w progress.Waiting, pl plan.Plan, l i18n.Lang) string {
	what := plan.Apart(w.Text).In(string(l))
	switch w.For {
	case progress.AwaitSafety:
		return l.T("safety check", "安否確認")
	case progress.AwaitArrival:
		return l.T("arrival at the muster", "参集")
	case progress.AwaitDecision:
		return l.T("decision for %s (%s)", "%s の判断（%s）", systemIn(pl, w.System, l), roleIn(pl, w.Role, l))
	case progress.AwaitApproval:
		if w.Phase == run.Failback {
			return l.T("approval of the return home: %d still needed", "切戻しの承認（あと %d 名）", w.Need)
		}
		return l.T("approval: %d still needed", "承認（あと %d 名）", w.Need)
	case progress.AwaitActivation:
		return l.T("confirmation of the activation: on the board, or muster approve --activation", "発動の確認（ボードまたは muster approve --activation）")
	case progress.AwaitAck:
		return l.T("to acknowledge: %s", "連絡の確認：%s", strings.TrimSpace(strings.TrimPrefix(what, run.Mark)))
	case progress.AwaitStep:
		return l.T("step %s, %s: %s", "ステップ %s・担当 %s：%s", channel.StepName(pl, w.System, w.Step, l), roleIn(pl, w.Role, l), what)
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s%s %s", l.Phase(w.Phase), w.System, w.Site, what))
}

// tasks are what waits for a person in all open runs, with buttons.
func (c *Channel) tasks(ctx context.Context, p person) ([]slackgo.Block, error) {
	l, door := p.lang, c.door(p.lang)
	open, err := door.Runs(ctx, journal.Filter{Open: true, Limit: 10})
	if err != nil {
		return nil, err
	}
	var out []slackgo.Block
	for _, sum := range open {
		r, err := door.Run(ctx, sum.Run)
		if err != nil {
			// One run that can't be read takes no other one's tasks away; a record store that is away does.
			if _, away := door.Runs(ctx, journal.Filter{Open: true, Limit: 1}); away != nil {
				return nil, err
			}
			out = append(out, paragraphs(marked(sum.Kind, l)+" "+l.T("What waits in %s can't be read: %s", "実施 %s の作業を読み取れません：%s", sum.Run, inWords(err, l)))...)
			continue
		}
		out = append(out, c.tasksOf(p, r, c.names(ctx, p, r), len(out))...)
		if len(out) > 30 {
			break
		}
	}
	if len(out) == 0 {
		return paragraphs(l.T("Nothing waits for you.", "あなたの作業はありません。")), nil
	}
	return out, nil
}

// tasksOf goes by who is named: the plan does not know of a role that has changed hands.
func (c *Channel) tasksOf(p person, r api.Run, pl plan.Plan, from int) []slackgo.Block {
	l := p.lang
	var out []slackgo.Block
	for i, w := range r.Overview.Waiting {
		if !slices.Contains(w.People, p.id) || len(out) > 12 {
			continue
		}
		v := value{Run: r.Summary.Run, System: w.System, Step: w.Step, Lang: l, Kind: r.Summary.Kind, Human: w.Kind == run.WaitHuman || w.Kind == run.WaitAck}
		out = append(out, slackgo.NewSectionBlock(plainText(fmt.Sprintf("%s %s\n%s", marked(r.Summary.Kind, l), r.Overview.Title.In(string(l)), waitingFor(w, pl, l)), 500), nil, nil))
		if buttons := c.waitingButtons(w, v, r.Overview.Hazard); len(buttons) > 0 {
			out = append(out, slackgo.NewActionBlock(fmt.Sprintf("task%d-%d", from, i), buttons...))
		}
	}
	return out
}

func (c *Channel) waitingButtons(w progress.Waiting, v value, h run.Hazard) []slackgo.BlockElement {
	l := v.Lang
	page := func() []slackgo.BlockElement {
		if at := c.o.Addresses.Run(v.Run); at != "" {
			return []slackgo.BlockElement{link("open.run", l.T("Open the run", "実施状況を開く"), at)}
		}
		return nil
	}
	e := run.Event{Phase: w.Phase, System: w.System, Step: w.Step}
	m := channel.Message{Run: v.Run, Kind: v.Kind, Hazard: h, Lang: l}
	switch w.For {
	case progress.AwaitSafety:
		return answers(h, v)
	case progress.AwaitArrival:
		return []slackgo.BlockElement{button("arrive", l.T("I have arrived", "参集しました"), v, slackgo.StylePrimary)}
	case progress.AwaitAck:
		v.Of = w.Message
		return []slackgo.BlockElement{button("ack", l.T("I have read this", "確認しました"), v, slackgo.StylePrimary)}
	case progress.AwaitDecision:
		var ask run.DecisionAsk
		for _, choice := range w.Acts {
			ask.Choices = append(ask.Choices, run.Choice(choice))
		}
		e.Data, m.Matter = run.Encode(ask), channel.Decision
	case progress.AwaitApproval:
		e.Seq, m.Matter = w.Asked, channel.Approval
	case progress.AwaitStep:
		wait := run.Wait{Kind: w.Kind}
		for _, act := range w.Acts {
			wait.Acts = append(wait.Acts, run.Act(act))
		}
		e.Seq, e.Data, m.Matter = w.Wait, run.Encode(wait), channel.Task
	default:
		return page()
	}
	m.Event = e
	return c.buttons(m)
}

// propose shows what a scenario would do, with the button that starts it. The real thing
// has its name typed.
func (c *Channel) propose(ctx context.Context, p person, trigger, scenario string, kind run.Kind) error {
	l := p.lang
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	shown, err := client.OpenViewContext(ctx, trigger, *said(l, l.T("Reading the plan …", "計画を読み込んでいます…")))
	if err != nil {
		return refused(l.T("The form could not be opened: send the command again.", "入力画面を開けませんでした。コマンドを再度送信してください。"))
	}
	depth := run.Depth("")
	if kind == run.Response {
		depth = run.Real
	}
	pl, err := c.door(l).Plan(ctx, scenario, depth)
	form := proposal
	if err != nil {
		form = func(plan.Plan, run.Kind, i18n.Lang) *slackgo.ModalViewRequest { return said(l, inWords(err, l)) }
	}
	_, err = client.UpdateViewContext(ctx, *form(pl, kind, l), "", "", shown.ID)
	return err
}

func proposal(pl plan.Plan, kind run.Kind, l i18n.Lang) *slackgo.ModalViewRequest {
	v := value{Run: "-", Step: pl.Scenario.Name, Plan: pl.Hash, Kind: kind, Lang: l}
	var systems []string
	steps := 0
	for _, s := range pl.Systems {
		systems = append(systems, cmp.Or(s.Title.In(string(l)), s.Name))
	}
	for _, rb := range pl.Runbooks {
		steps += len(rb.Steps)
	}
	title, action, submit := l.T("Start a drill", "訓練を開始"), "start", l.T("Start", "開始する")
	warn := l.T("A drill of depth %s. People are told that it is one.", "深さ：%s。通知には訓練であることが表示されます。", l.Depth(pl.Scenario.Depth))
	if kind == run.Response {
		title, action, submit = l.T("THE REAL THING", "【本番】発動"), "activate", l.T("Activate", "発動する")
		warn = l.T("This is REAL, not a drill. People are called at once; systems move after a decision and another person's approval.", "これは訓練ではなく本番です。要員を直ちに召集します。システムの切り替えは、決定と別の人の承認を経て行います。")
	}
	text := strings.Join([]string{pl.Scenario.Title.In(string(l)), warn,
		l.T("Systems: %s", "対象システム：%s", strings.Join(systems, l.T(", ", "、"))),
		l.T("People called: %d; steps in runbooks: %d; plan %s", "召集 %d 名、手順 %d ステップ、計画 %s", len(pl.Estate.People), steps, pl.Hash[:8])}, "\n")
	form := &slackgo.ModalViewRequest{Type: slackgo.VTModal, CallbackID: action, PrivateMetadata: v.text(), Title: plainText(title, 24), Submit: plainText(submit, 24), Close: plainText(l.T("Cancel", "キャンセル"), 24)}
	blocks := paragraphs(text)
	if kind == run.Response {
		blocks = append(blocks, textInput("reason", l.T("Reason", "理由"), 500), textInput("typed", l.T("Type the scenario's name to confirm: %s", "確認のためシナリオ名を入力：%s", pl.Scenario.Name), 100))
	}
	form.Blocks = slackgo.Blocks{BlockSet: blocks}
	return form
}

// showHome publishes a person's tasks as the app's home tab.
func (c *Channel) showHome(ctx context.Context, user string) {
	client, err := c.client(ctx)
	if err != nil {
		return
	}
	p, err := c.who(ctx, user)
	var blocks []slackgo.Block
	l := c.o.Lang
	if err == nil {
		l = p.lang
		blocks, err = c.tasks(p.as(ctx), p)
	}
	if err != nil {
		blocks = paragraphs(inWords(err, l))
	}
	blocks = append([]slackgo.Block{header(l.T("Your tasks", "自分の作業"))}, blocks...)
	if at := c.o.Addresses.Tasks(); at != "" {
		blocks = append(blocks, slackgo.NewActionBlock("home", link("open.tasks", l.T("Open the board", "ボードを開く"), at)))
	}
	if len(blocks) > 50 {
		blocks = blocks[:50]
	}
	if _, err := client.PublishViewContext(ctx, slackgo.PublishViewContextRequest{UserID: user, View: slackgo.HomeTabViewRequest{Type: slackgo.VTHomeTab, Blocks: slackgo.Blocks{BlockSet: blocks}}}); err != nil && ctx.Err() == nil {
		c.o.Log.Warn("slack: a home tab could not be shown", "err", c.judge(err))
	}
}
