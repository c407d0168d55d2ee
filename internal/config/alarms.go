package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/plan"
)

// alarmsKey is the one setting that is a list.
const alarmsKey = "alarms"

// Alarm is a source of alarms: who may send what, and how its messages are read. What they
// wake stands in the scenarios.
type Alarm struct {
	Place   string // file:line
	Name    string
	Kind    string
	Secrets []string // references
	Verify  string
	Feed    string
	Every   time.Duration
	MaxAge  time.Duration
	When    string
	Summary string
	Dedup   string
	// Scenario names the scenario that is proposed, by an expression.
	Scenario string
	Exercise string
	Over     string
}

// AlarmKey documents one field of an alarm source.
type AlarmKey struct{ Name, Help, HelpJA string }

// AlarmKeys lists them.
func AlarmKeys() []AlarmKey {
	return []AlarmKey{
		{"name", "name of the source; its sender posts to /alarms/NAME", "送信元の名前。送信先は /alarms/NAME"},
		{"kind", "jma, alertmanager, pagerduty or webhook", "jma, alertmanager, pagerduty, webhook のいずれか"},
		{"secret", "what its sender shows or signs with, as secret://env/NAME or secret://file/PATH; a list while one takes the other's place", "送信元の署名またはトークンに使う秘密情報。secret://env/NAME か secret://file/PATH で書く。切り替え中は複数を並べる"},
		{"verify", "bearer, signature, hub or pagerduty; the kind's own way when left out", "検証方式。bearer, signature, hub, pagerduty のいずれか。省略時は種別ごとの既定"},
		{"feed", "Atom feed of telegrams that is asked for new ones", "電文を取りに行くAtomフィードのURL"},
		{"every", "how often the feed is asked, 1m or more", "フィードを確認する間隔 (1m以上)"},
		{"max_age", "how old a message may be and still wake somebody", "受け付けるメッセージの古さの上限"},
		{"when", "CEL over body: whether a message is an alarm at all", "bodyに対するCEL。警報として扱う条件"},
		{"summary", "CEL over body: the sentence people read", "bodyに対するCEL。人が読む要約"},
		{"dedup", "CEL over body: what makes two messages one event", "bodyに対するCEL。同一事象とみなす値"},
		{"scenario", "CEL over body: name of the scenario to propose", "bodyに対するCEL。提案するシナリオの名前"},
		{"exercise", "CEL over body: whether it is the sender's drill", "bodyに対するCEL。送信元の訓練かどうか"},
		{"over", "CEL over body: whether it says that the event is over", "bodyに対するCEL。事象の解消を伝えるものかどうか"},
	}
}

var alarmName = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)

// readAlarms reads the list, with the place of every mistake.
func readAlarms(file string, list *yaml.Node, bad *Mistakes) []Alarm {
	at := func(n *yaml.Node, en, ja string, args ...any) {
		bad.add("%s:%d:%d: %s: %s", "%s:%d:%d: %s: %s", file, n.Line, n.Column, alarmsKey, plan.Say(en, ja, args...))
	}
	if list.Kind != yaml.SequenceNode {
		at(list, "is a list, an entry for each source, as in - {name: jma, kind: jma, secret: secret://env/JMA_SECRET}",
			"警報の発信元ごとに1件ずつ並べたリストで書いてください。例: - {name: jma, kind: jma, secret: secret://env/JMA_SECRET}")
		return nil
	}
	var out []Alarm
	for _, entry := range list.Content {
		if entry.Kind != yaml.MappingNode {
			at(entry, "an entry is written as {name: ..., kind: ...}", "各項目は {name: ..., kind: ...} の形で書いてください")
			continue
		}
		a := Alarm{Place: fmt.Sprintf("%s:%d", file, entry.Line)}
		texts := map[string]*string{"name": &a.Name, "kind": &a.Kind, "verify": &a.Verify, "feed": &a.Feed, "when": &a.When, "summary": &a.Summary,
			"dedup": &a.Dedup, "scenario": &a.Scenario, "exercise": &a.Exercise, "over": &a.Over}
		spans := map[string]*time.Duration{"every": &a.Every, "max_age": &a.MaxAge}
		pairs := once(file, alarmsKey+": ", entry, bad)
		for i := 0; i+1 < len(pairs); i += 2 {
			key, value := pairs[i], pairs[i+1]
			switch {
			case key.Value == "secret" && value.Kind == yaml.SequenceNode:
				for _, v := range value.Content {
					a.Secrets = append(a.Secrets, v.Value)
				}
			case value.Kind != yaml.ScalarNode:
				at(value, "%s is one value", "%s に書けるのは値ひとつです", key.Value)
			case key.Value == "secret":
				a.Secrets = []string{value.Value}
			case texts[key.Value] != nil:
				*texts[key.Value] = value.Value
			case spans[key.Value] != nil:
				d, err := time.ParseDuration(value.Value)
				if err != nil || d < 0 {
					at(value, "%s: %q is no span such as 5m", "%s: %q は 5m のような期間ではありません", key.Value, value.Value)
				}
				*spans[key.Value] = d
			default:
				var names []string
				for _, k := range AlarmKeys() {
					names = append(names, k.Name)
				}
				at(key, "unknown field %q%s", "不明な項目 %q%s", key.Value, meant(key.Value, names))
			}
		}
		a.check(func(en, ja string, args ...any) { at(entry, en, ja, args...) })
		out = append(out, a)
	}
	return out
}

func (a Alarm) check(say func(en, ja string, args ...any)) {
	if !alarmName.MatchString(a.Name) {
		say("name: %q is no name; write small letters, figures and -", "name: %q は名前に使えません。英小文字、数字、- で書いてください", a.Name)
	}
	if !slices.Contains([]string{"jma", "alertmanager", "pagerduty", "webhook"}, a.Kind) {
		say("%s: kind: %q is none of jma, alertmanager, pagerduty, webhook", "%s: kind: %q は使えません。使えるもの: jma, alertmanager, pagerduty, webhook", a.Name, a.Kind)
	}
	if !slices.Contains([]string{"", "bearer", "signature", "hub", "pagerduty"}, a.Verify) {
		say("%s: verify: %q is none of bearer, signature, hub, pagerduty", "%s: verify: %q は使えません。使えるもの: bearer, signature, hub, pagerduty", a.Name, a.Verify)
	}
	for _, s := range a.Secrets {
		if !strings.HasPrefix(s, "secret://") {
			say("%s: secret: is written as a reference, secret://env/NAME or secret://file/PATH, so that no secret stands in a file of settings", "%s: secret: secret://env/NAME か secret://file/PATH の参照で書いてください（設定ファイルに秘密情報を残さないため）", a.Name)
		}
	}
	if a.Feed != "" {
		if u, err := url.Parse(a.Feed); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
			say("%s: feed: is no address such as https://www.data.jma.go.jp/developer/xml/feed/eqvol.xml", "%s: feed: https://www.data.jma.go.jp/developer/xml/feed/eqvol.xml のようなアドレスではありません", a.Name)
		}
		if clear(a.Feed) {
			say("%s: feed: is http, so that anybody on the way can write telegrams of their own; write https", "%s: feed: httpのため、経路上で電文を偽造されるおそれがあります。httpsで書いてください", a.Name)
		}
		if a.Every != 0 && a.Every < time.Minute {
			say("%s: every: %s is too often for whoever publishes the feed; write 1m or more", "%s: every: %s は配信元に対して間隔が短すぎます。1m 以上にしてください", a.Name, a.Every)
		}
	}
}
