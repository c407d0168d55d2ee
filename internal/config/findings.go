package config

import (
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/tracker"
)

// Findings is where findings are followed besides muster.
type Findings struct {
	// Tracker is the address that opens a new issue, with {title} and others in it; "" is none.
	Tracker string `mapstructure:"tracker"`
	// Webhook is told of findings that are opened, waived and closed, signed with webhook.secret; "" is none.
	Webhook string `mapstructure:"webhook"`
}

func findingKeys() []Key {
	return []Key{
		{"findings.tracker", "", "address that opens a new issue of a finding in your tracker, with {title}, {body}, {id}, {system}, {kind}, {owner}, {due} for its own; empty is none", "指摘事項から課題を起票するためのURL。{title} {body} {id} {system} {kind} {owner} {due} が置き換わる。空なら使わない"},
		{"findings.webhook", "", "URL that is told, as signed JSON, of findings that open, come back, are waived and are closed; webhook.secret, webhook.allow and webhook.ca_file hold for it; empty is none", "指摘事項の発生・再発・容認・解消を署名付きJSONで送るURL。webhook.secret、webhook.allow、webhook.ca_file が適用される。空なら送らない"},
	}
}

// checkFindings judges where findings are followed.
func (c Config) checkFindings(say wrong) {
	if err := tracker.Template(c.Findings.Tracker).Check(); err != nil {
		say("findings.tracker", "%s", "%s", plan.SaidBy(err))
	}
	if c.Findings.Webhook != "" && c.Webhook.Secret == "" {
		say("webhook.secret", "is needed with findings.webhook: the other side can't tell who sent it without a signature", "findings.webhook を使う場合は必須です。署名がないと、受信側が送信元を確認できません")
	}
}
