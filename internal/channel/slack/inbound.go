package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
)

// mostWork is how many things people asked for are done at a time behind their
// acknowledgement. Who comes then is told to try again.
const mostWork = 100

// workWithin bounds how long one of them takes.
const workWithin = 60 * time.Second

// behind does what was asked for after it was acknowledged: Slack waits 3 s at most.
func (c *Channel) behind(do func(ctx context.Context)) bool {
	select {
	case c.work <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() { <-c.work }()
		ctx, cancel := context.WithTimeout(context.Background(), workWithin)
		defer cancel()
		do(ctx)
	}()
	return true
}

// mostTurnedAway bounds how many are told at a time that it is too much at once.
const mostTurnedAway = 500

// turnAway tells whoever pressed a button that it has to be pressed again. Slack shows nothing of
// what a click is acknowledged with.
func (c *Channel) turnAway(cb slackgo.InteractionCallback) {
	l, who := c.o.Lang, ""
	if e, err := c.o.Estate(); err == nil && e != nil {
		id, contact := bySlack(e, cb.User.ID)
		l, who = contact.Language(l), id
	}
	select {
	case c.turned <- struct{}{}:
	default:
		c.o.Log.Warn("slack: somebody pressed a button while too much was under way, and could not be told to press it again", "person", who)
		return
	}
	go func() {
		defer func() { <-c.turned }()
		ctx, cancel := context.WithTimeout(context.Background(), workWithin)
		defer cancel()
		c.tell(ctx, cb, l, l.T("Too much at once: press it again in a moment.", "処理が集中しています。少し待って再度押してください。"))
	}()
}

// Idle waits until all that was asked for is done.
func (c *Channel) Idle(ctx context.Context) {
	for n := range mostWork {
		select {
		case c.work <- struct{}{}:
		case <-ctx.Done():
			for range n {
				<-c.work
			}
			return
		}
	}
	for range mostWork {
		<-c.work
	}
}

// door is where acts go in.
func (c *Channel) door(l i18n.Lang) *api.Client { return api.InProcess(c.o.Door, string(l)) }

// ephemeral is an answer that only who asked can see.
type ephemeral struct {
	ResponseType    string          `json:"response_type,omitempty"`
	ReplaceOriginal bool            `json:"replace_original"`
	Text            string          `json:"text"`
	Blocks          []slackgo.Block `json:"blocks,omitempty"`
}

func onlyYou(text string, blocks ...slackgo.Block) ephemeral {
	return ephemeral{ResponseType: "ephemeral", Text: text, Blocks: blocks}
}

// reply answers through a response URL, which is Slack's: no other is followed.
func (c *Channel) reply(ctx context.Context, to string, body ephemeral) {
	if !c.slacks(to) {
		return
	}
	b, err := json.Marshal(body)
	if err != nil {
		return
	}
	for try := range 3 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(b))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := c.http.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 4096))
			_ = res.Body.Close()
			if res.StatusCode < 300 || res.StatusCode >= 400 && res.StatusCode < 500 && res.StatusCode != http.StatusTooManyRequests {
				return
			}
		}
		if c.o.Clock.Wait(ctx, time.Second<<try) != nil {
			return
		}
	}
	c.o.Log.Warn("slack: somebody could not be told what came of their act; the act itself is in the record")
}

// slacks reports whether a URL belongs to the Slack that the settings name.
func (c *Channel) slacks(u string) bool {
	base := strings.TrimSuffix(c.o.API, "api/")
	return strings.HasPrefix(u, base) || strings.HasPrefix(u, "https://hooks.slack.com/")
}

// inWords is an error as a person reads it.
func inWords(err error, l i18n.Lang) string {
	p, no := new(api.Problem), refused("")
	switch {
	case errors.As(err, &no):
		return string(no)
	case errors.As(err, &p):
		return p.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return l.T("It took too long. Whether it was taken is in the run's record; doing it again does no harm.", "時間内に完了しませんでした。受け付けられたかどうかは実施の記録で確認できます。再度操作しても問題ありません。")
	}
	return l.T("It did not work: %v", "処理できませんでした：%v", err)
}

// interact takes a click or a submitted form, and acknowledges it at once.
func (c *Channel) interact(cb slackgo.InteractionCallback) any {
	if cb.TriggerID != "" && !c.seen.first("trigger "+cb.TriggerID, c.o.Clock.Time()) {
		return nil
	}
	switch cb.Type {
	case slackgo.InteractionTypeBlockActions:
		if len(cb.ActionCallback.BlockActions) == 0 {
			return nil
		}
		a := cb.ActionCallback.BlockActions[0]
		if strings.HasPrefix(a.ActionID, "open.") { // a link
			return nil
		}
		if !c.behind(func(ctx context.Context) { c.click(ctx, cb, a) }) {
			c.turnAway(cb)
		}
	case slackgo.InteractionTypeViewSubmission:
		var v value
		_ = json.Unmarshal([]byte(cb.View.PrivateMetadata), &v)
		l := c.o.Lang
		if v.Lang != "" {
			l = v.Lang
		}
		if wrong := mistakes(cb, v, l); len(wrong) > 0 {
			return slackgo.NewErrorsViewSubmissionResponse(wrong)
		}
		if !c.behind(func(ctx context.Context) { c.submitted(ctx, cb, v) }) {
			return slackgo.NewUpdateViewSubmissionResponse(said(l, l.T("Too much at once. Close this and try again in a moment.", "処理が集中しています。閉じて、少し待って再度お試しください。")))
		}
		return slackgo.NewUpdateViewSubmissionResponse(said(l, l.T("Working …", "処理しています…")))
	}
	return nil
}

// said is a modal that only says something.
func said(l i18n.Lang, text string) *slackgo.ModalViewRequest {
	return &slackgo.ModalViewRequest{Type: slackgo.VTModal, Title: plainText("muster", 24), Close: plainText(l.T("Close", "閉じる"), 24),
		Blocks: slackgo.Blocks{BlockSet: paragraphs(text)}}
}

// event takes an event of the events API.
func (c *Channel) event(id string, e slackevents.EventsAPIEvent) {
	if id != "" && !c.seen.first("event "+id, c.o.Clock.Time()) {
		return
	}
	if opened, ok := e.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent); ok && opened.Tab != "messages" {
		c.behind(func(ctx context.Context) { c.showHome(ctx, opened.User) })
	}
}

// command takes "/muster ...". What it says comes through the response URL; only help is
// said at once.
func (c *Channel) command(cmd slackgo.SlashCommand) any {
	if cmd.TriggerID != "" && !c.seen.first("trigger "+cmd.TriggerID, c.o.Clock.Time()) {
		return nil
	}
	words := fields(cmd.Text)
	if len(words) == 0 || words[0] == "help" {
		return onlyYou(help(c.o.Lang))
	}
	if !c.behind(func(ctx context.Context) {
		p, err := c.whoFor(ctx, cmd.UserID, words[0] == "checkin" || words[0] == "arrive")
		var out ephemeral
		if err == nil {
			out, err = c.obey(p.as(ctx), p, cmd, words)
		}
		l := c.o.Lang
		if p.lang != "" {
			l = p.lang
		}
		if err != nil {
			out = onlyYou(inWords(err, l))
		}
		if out.Text != "" {
			c.reply(ctx, cmd.ResponseURL, out)
		}
	}) {
		return onlyYou(c.o.Lang.T("Too much at once: try again in a moment.", "処理が集中しています。少し待って再度お試しください。"))
	}
	return nil
}

func help(l i18n.Lang) string {
	return l.T(`/muster status [RUN] – where runs stand
/muster tasks – what waits for you
/muster checkin safe|light|bad [RUN] – say whether you are safe
/muster arrive [RUN] – say that you have arrived
/muster drill start SCENARIO – start a drill
/muster activate SCENARIO – THE REAL THING
/muster help – this`, `/muster status [RUN] – 実施状況を表示
/muster tasks – 自分の作業を表示
/muster checkin safe|light|bad [RUN] – 安否を報告（safe 無事、light 軽傷、bad 重傷）
/muster arrive [RUN] – 参集を報告
/muster drill start SCENARIO – 訓練を開始
/muster activate SCENARIO – 【本番】対応を発動
/muster help – この説明`)
}

func unknownCommand(l i18n.Lang, words []string) error {
	return refused(fmt.Sprintf("%s\n%s", l.T("There is no /muster %s.", "/muster %s というコマンドはありません。", strings.Join(words, " ")), help(l)))
}
