// Package notify is the family of actions that tell people something.
package notify

import (
	"context"
	"fmt"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/run"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{send} }

// Send is the parameters of notify.send.
type Send struct {
	To   []string `json:"to" help:"Roles or people who are told." ja:"知らせる役割または要員" example:"[service-desk]"`
	Text any      `json:"text" help:"What they are told: one text, or {en: ..., ja: ...}. A drill's mark is put in front." ja:"伝える内容。文字列1つか {en: ..., ja: ...}。訓練では先頭に訓練表示が付く" example:"{en: Orders are taken from Osaka, ja: 受注は大阪で続けています}"`
}

// Sent is what was said.
type Sent struct {
	To      []string `json:"to" help:"Who was told." ja:"知らせた相手"`
	Channel string   `json:"channel" help:"How: the run's journal and the site worker's log." ja:"手段。実施の記録と拠点ワーカーのログ"`
	TextEN  string   `json:"text_en,omitempty" help:"The English text with its mark, when one was given." ja:"表示を付けた英語の文。指定された場合のみ"`
	TextJA  string   `json:"text_ja,omitempty" help:"The Japanese text with its mark, when one was given." ja:"表示を付けた日本語の文。指定された場合のみ"`
	Text    string   `json:"text" help:"The text as it was sent: both languages when both were given." ja:"送った文。両方が指定された場合は両言語"`
}

var send = activities.Define("notify.send", activities.Doc{
	Summary:   "Tell roles or people something: it stands in the journal and in the site worker's log.",
	SummaryJA: "役割または個人に連絡する。内容はジャーナルと拠点ワーカーのログに残る。",
	Effect:    run.Observe,
}, func(ctx context.Context, p Send) (Sent, error) {
	if len(p.To) == 0 {
		return Sent{}, activities.RefusedBoth("to names nobody", "to に宛先がない")
	}
	en, ja, err := languages(p.Text)
	if err != nil {
		return Sent{}, activities.RefusedBoth("text: %v", "text：%v", err)
	}
	call := activities.CallFrom(ctx)
	out := Sent{To: p.To, Channel: "journal", TextEN: run.Marked(call.Kind, run.MarkEN, en), TextJA: run.Marked(call.Kind, run.MarkJA, ja)}
	out.Text = strings.TrimPrefix(out.TextJA+"\n"+out.TextEN, "\n")
	out.Text = strings.TrimSuffix(out.Text, "\n")
	activities.Log(ctx).Info("message", "to", strings.Join(p.To, ", "), "text", out.Text)
	return out, nil
})

// languages takes a text apart. A text in one language only is put down by its script.
func languages(text any) (en, ja string, err error) {
	switch text := text.(type) {
	case string:
		if strings.TrimSpace(text) == "" {
			return "", "", fmt.Errorf("it is empty")
		}
		if japanese(text) {
			return "", text, nil
		}
		return text, "", nil
	case map[string]any:
		for k, v := range text {
			s, ok := v.(string)
			switch {
			case !ok:
				return "", "", fmt.Errorf("%s is no text", k)
			case k == "en":
				en = s
			case k == "ja":
				ja = s
			default:
				return "", "", fmt.Errorf("there is no language %q here; there are en and ja", k)
			}
		}
		if strings.TrimSpace(en+ja) == "" {
			return "", "", fmt.Errorf("it is empty")
		}
		return en, ja, nil
	}
	return "", "", fmt.Errorf("it is neither a text nor {en: ..., ja: ...}")
}

func japanese(s string) bool {
	for _, r := range s {
		if r >= 0x3040 && r <= 0x30ff || r >= 0x4e00 && r <= 0x9fff {
			return true
		}
	}
	return false
}
