package app

import (
	"log/slog"
	"slices"
	"strings"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/scenario"
)

// security looks whom security alarms would be told.
func (e *examination) security() {
	title := e.t("security alarms", "セキュリティ警報")
	estate, _ := scenario.Inventory(e.c.Plans, all.Registry(all.Options{}))
	if estate == nil {
		return // plans says so
	}
	for _, name := range e.c.Security.Tell {
		_, person := estate.Person(name)
		if !person && len(estate.InRole(name)) == 0 {
			e.add("security", title, Bad, e.t("security.tell names %q, which is nobody's role and no person of the estate", "security.tellの %q は、構成台帳の要員でも、誰かが持つ役割でもありません", name),
				e.t("Name roles or people as the estate does", "構成台帳の役割名または要員のIDで指定してください"))
			return
		}
	}
	lately := ""
	if e.raised != nil {
		lately = e.t("; alarms of the last 24 h: %d", "、直近24時間の警報: %d 件", *e.raised)
	}
	o := e.options()
	o.Log = slog.New(slog.DiscardHandler)
	channels, err := Channels(o, ChannelDeps{})
	if err != nil {
		channels = nil // the channels' own line says why
	}
	for _, c := range channels {
		if closer, ok := c.(interface{ Close() }); ok {
			defer closer.Close()
		}
	}
	g := &guards{lang: e.l}
	var told, unreached []string
	for _, p := range inCharge(estate, e.c.Security.Tell) {
		told = append(told, p.ID)
		m := g.message(lookout.Alarm{}, lookout.Rule{}, p, estate)
		if !slices.ContainsFunc(channels, func(c channel.Channel) bool { return c.Reaches(m) }) {
			unreached = append(unreached, p.ID)
		}
	}
	slices.Sort(told)
	slices.Sort(unreached)
	read := e.t("until then they stand in the access log only: muster people log, muster people review", "それまで警報はアクセス記録にだけ残ります: muster people log、muster people review")
	switch {
	case len(told) == 0:
		e.add("security", title, Odd, e.t("nobody would be told", "伝える相手がいません"), e.t("Name roles or people as security.tell", "security.tellに役割または要員を指定してください"))
	case err == nil && len(channels) == 0:
		e.add("security", title, Odd, e.t("nobody is reached: no channel is set up (to be told: %s)", "誰にも届きません。通知手段が未設定です（通知先: %s）", strings.Join(told, ", "))+lately,
			e.t("Set mail.host, slack.token or webhook.url in muster.yaml", "muster.yamlで mail.host、slack.token、webhook.url のいずれかを設定してください")+"\n"+read)
	case err == nil && len(unreached) == len(told):
		e.add("security", title, Odd, e.t("nobody is reached: no channel has a way to %s", "誰にも届きません。どの通知手段にも宛先がありません（通知先: %s）", strings.Join(told, ", "))+lately,
			e.t("Give them mail, slack or contact in the estate; the webhook also needs webhook.contacts", "構成台帳でその人に mail、slack、contact のいずれかを設定してください。Webhookは webhook.contacts も必要です")+"\n"+read)
	case err == nil && len(unreached) > 0:
		e.add("security", title, Odd, e.t("told: %s; no channel has a way to: %s", "通知先: %s、宛先がない人: %s", strings.Join(told, ", "), strings.Join(unreached, ", "))+lately,
			e.t("Give them mail, slack or contact in the estate, or name others as security.tell", "構成台帳でその人に mail、slack、contact のいずれかを設定するか、security.tellで別の人を指定してください"))
	default:
		e.add("security", title, Good, e.t("told: %s", "通知先: %s", strings.Join(told, ", "))+lately, "")
	}
}
