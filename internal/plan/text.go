package plan

import (
	"context"
	"fmt"
	"strings"
)

// Text is a sentence people read, in both languages. An empty one falls back on the other.
type Text struct {
	EN string `json:"en,omitempty"`
	JA string `json:"ja,omitempty"`
}

// In returns the text in lang ("ja" or "en"), or in the other language if empty.
func (t Text) In(lang string) string {
	if lang == "ja" && t.JA != "" || t.EN == "" {
		return t.JA
	}
	return t.EN
}

// Both returns the text in both languages, for messages whose reader is not known.
func (t Text) Both() string {
	if t.EN == "" || t.JA == "" || t.EN == t.JA {
		return t.In("en")
	}
	return t.EN + " / " + t.JA
}

// Say is a sentence in both languages; the arguments are the same for both, except those
// that speak both: a Text and what else has In, and an error that does (Wrong).
func Say(en, ja string, args ...any) Text {
	in := func(lang string) []any {
		out := make([]any, len(args))
		for i, a := range args {
			switch t := a.(type) {
			case interface{ In(lang string) string }:
				a = t.In(lang)
			case interface{ Said() Text }:
				a = t.Said().In(lang)
			case error:
				if t == context.DeadlineExceeded {
					a = outOfTime.In(lang)
				}
			}
			out[i] = a
		}
		return out
	}
	return Text{EN: fmt.Sprintf(en, in("en")...), JA: fmt.Sprintf(ja, in("ja")...)}
}

// outOfTime is what people read for the library's "context deadline exceeded".
var outOfTime = Text{EN: "no answer in time", JA: "時間内に応答がない"}

// Wrong is an error in both languages; the arguments are those of Say. As an error it is
// English; Said gives both to those who pass it on to people.
func Wrong(en, ja string, args ...any) error { return wrong(Say(en, ja, args...)) }

// Caused is Wrong with the error behind it, which is said after it and can be inspected.
func Caused(by error, en, ja string, args ...any) error { return caused{Say(en, ja, args...), by} }

type caused struct {
	text Text
	by   error
}

func (c caused) Error() string { return c.Said().EN }

func (c caused) Said() Text { return Say("%s: %s", "%s: %s", c.text, SaidBy(c.by)) }

func (c caused) Unwrap() error { return c.by }

type wrong Text

func (w wrong) Error() string { return w.EN }

func (w wrong) Said() Text { return Text(w) }

// SaidBy is an error in both languages, as far as it speaks both. Several that were joined
// are told one after the other.
func SaidBy(err error) Text {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []Text
		for _, one := range several.Unwrap() {
			all = append(all, SaidBy(one))
		}
		return Joined(all...)
	}
	if said, ok := err.(interface{ Said() Text }); ok {
		return said.Said()
	}
	if err == context.DeadlineExceeded {
		return outOfTime
	}
	return Apart(err.Error())
}

// Joined is several sentences as one.
func Joined(all ...Text) Text {
	var en, ja []string
	for _, t := range all {
		en, ja = append(en, t.In("en")), append(ja, t.In("ja"))
	}
	return Text{EN: strings.Join(en, "; "), JA: strings.Join(ja, "；")}
}

// Apart is the inverse of Both, as far as a text can be taken apart for certain; any
// other text stands for both languages.
func Apart(text string) Text {
	en, ja, two := strings.Cut(text, " / ")
	if !two || strings.Contains(ja, " / ") || !strings.ContainsFunc(ja, func(r rune) bool { return r >= 0x3040 }) {
		return Text{EN: text, JA: text}
	}
	return Text{EN: en, JA: ja}
}
