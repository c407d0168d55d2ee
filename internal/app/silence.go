package app

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/channel"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// silent tells those in charge that a feed of alarms does not answer: until it does, people have to watch its source.
func (g *guards) silent(ctx context.Context, source string, since time.Time, again bool) error {
	channels := g.channels()
	if len(channels) == 0 {
		return nil // the log and the figures have it
	}
	e, err := g.estate()
	if e == nil {
		return err
	}
	return g.everybody(ctx, "alarm feed "+source, [][]plan.Person{inCharge(e, g.tell), inCharge(e, nil)}, channels, again, func(p plan.Person) channel.Message { return g.ofSilence(source, since, p, e) })
}

func (g *guards) ofSilence(source string, since time.Time, who plan.Person, e *inventory.Estate) channel.Message {
	contact := e.Contacts[who.ID]
	l := contact.Language(g.lang)
	feed := "alarm feed " + source
	return channel.Message{ID: fmt.Sprintf("%s/%d/%s", feed, since.Unix(), who.ID), Run: feed, Kind: run.Response, Matter: channel.Account,
		Person: who.ID, Name: who.Name.In(string(l)), Contact: contact, Lang: l, At: since,
		Subject: l.T("The alarm feed %s is silent", "【警報停止】配信元 %s から応答がありません", source),
		Text: l.T("The alarm feed %s has not answered since %s. What it would tell wakes nobody now.\n\nWatch its source by hand until it answers again. Whether this server reaches it (a proxy, a name, a certificate) say muster doctor and the server's log, which also says when it is back.",
			"警報の配信元 %s から、%s を最後に応答がありません。現在、この配信元の警報では誰も召集されません。\n\n応答が戻るまで、人が情報源を確認してください。サーバーから配信元に届くか（プロキシ、名前解決、証明書）は、muster doctor とサーバーのログで確認できます。復旧もログに記録されます。",
			source, i18n.Moment(since, i18n.Zone(e.Zone)))}
}
