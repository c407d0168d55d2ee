package yamldoc

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Value is a value with its place. Set tells a value that was written from a default, and
// Alone one that stands where a list might.
type Value[T string | int | bool | run.Duration] struct {
	V T
	Place
	Set   bool
	Alone bool
}

// Text is a sentence for people: one string, or {en: ..., ja: ...}.
type Text struct {
	plan.Text
	Place
	Set bool
}

// Raw is a value that is read later, against the declaration of an action or target.
// Node is nil when the field is absent.
type Raw struct {
	Node *yaml.Node
	Place
}

// apart copies a value out of its file. One node that is kept would keep the memory of all that
// were read beside it: of 650 files, 30 MB for the sake of 2.
func apart(n *yaml.Node) *yaml.Node {
	nodes := 0
	var count func(*yaml.Node)
	count = func(n *yaml.Node) {
		nodes++
		for _, c := range n.Content {
			count(c)
		}
	}
	count(n)
	room := make([]yaml.Node, 0, nodes)
	var put func(*yaml.Node) *yaml.Node
	put = func(n *yaml.Node) *yaml.Node {
		room = append(room, *n)
		c := &room[len(room)-1]
		if len(n.Content) > 0 {
			c.Content = make([]*yaml.Node, len(n.Content))
			for i := range n.Content {
				c.Content[i] = put(n.Content[i])
			}
		}
		return c
	}
	return put(n)
}

// Entry is one entry of a Dict, in the order of the file.
type Entry[T any] struct {
	Key   Value[string]
	Value T
}

// Dict is a map whose keys are names the author chose.
type Dict[T any] []Entry[T]

// leaf is a value that reads itself from a node.
type leaf interface {
	read(d *Decoder, where string, n *yaml.Node, t tags)
	preset(t tags)
	schema(t tags, lang string) map[string]any
}

func (v *Value[T]) read(d *Decoder, where string, n *yaml.Node, t tags) {
	v.Place = d.At(n)
	var err error
	switch p := any(&v.V).(type) {
	case *string:
		*p, err = String(n)
	case *int:
		*p, err = Int(n)
	case *bool:
		*p, err = Bool(n)
	case *run.Duration:
		*p, err = Duration(n)
	}
	if err == nil {
		err = t.fits(fmt.Sprint(v.V))
	}
	if err != nil {
		d.Log.Add(v.Place, "%s: %v", "%s: %v", where, err)
		return
	}
	v.Set = true
}

func (v *Value[T]) preset(t tags) {
	if t.def == "" {
		return
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: t.def}
	var err error
	switch p := any(&v.V).(type) {
	case *string:
		*p = t.def
	case *int:
		*p, err = strconv.Atoi(t.def)
	case *bool:
		*p, err = strconv.ParseBool(t.def)
	case *run.Duration:
		*p, err = Duration(n)
	}
	if err != nil {
		panic(fmt.Sprintf("default %q of %s: %v", t.def, t.name, err))
	}
}

func (t *Text) read(d *Decoder, where string, n *yaml.Node, _ tags) {
	t.Place = d.At(n)
	t.Text, t.Set = ReadText(d, where, n), true
}

func (*Text) preset(tags) {}

// ReadText reads a sentence for people.
func ReadText(d *Decoder, where string, n *yaml.Node) plan.Text {
	if n.Kind != yaml.MappingNode {
		s, err := String(n)
		if err != nil {
			d.Log.Add(d.At(n), "%s: %v, or write {en: ..., ja: ...}", "%s: %v。または {en: ..., ja: ...} の形で書いてください", where, err)
		}
		return plan.Text{EN: s}
	}
	var both struct {
		EN Value[string] `json:"en" help:"In English." ja:"英語" default:""`
		JA Value[string] `json:"ja" help:"In Japanese." ja:"日本語" default:""`
	}
	d.Decode(where, n, &both)
	return plan.Text{EN: both.EN.V, JA: both.JA.V}
}

func (r *Raw) read(d *Decoder, _ string, n *yaml.Node, _ tags) { r.Node, r.Place = apart(n), d.At(n) }
func (*Raw) preset(tags)                                       {}

// String reads a text. A plain word that YAML or one of its versions takes for
// something else is refused: 010 would be 8, and 14:00 would be 840.
func String(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", plan.Wrong("write a text, not %s", "文字列を書いてください（%sは書けません）", Describe(n))
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return n.Value, nil
	}
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		return "", plan.Wrong("a text is missing; write one, in quotes if it is meant to be empty", "文字列がありません。意図して空にする場合は引用符を書いてください")
	case tag != "!!str" && tag != "":
		return "", plan.Wrong("%s; put it in quotes: %q", "%sです。文字列なら引用符で囲んでください: %q", Describe(n), n.Value)
	case clockLike.MatchString(n.Value):
		return "", plan.Wrong("%s, which some YAML readers take for a number of minutes; put it in quotes: %q", "%s は、YAMLの処理系によっては分の数値と解釈されます。引用符で囲んでください: %q", n.Value, n.Value)
	}
	return n.Value, nil
}

var (
	clockLike = regexp.MustCompile(`^[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?$`)
	whole     = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	fraction  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

func plainScalar(n *yaml.Node, want plan.Text) (string, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return "", plan.Wrong("write %s, not %s", "%sを書いてください（%sは書けません）", want, Describe(n))
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return "", plan.Wrong("%q is a text; write %s without quotes", "%q は文字列です。%sを引用符なしで書いてください", Short(n.Value), want)
	}
	return n.Value, nil
}

// Int reads a whole number in plain digits.
func Int(n *yaml.Node) (int, error) {
	s, err := plainScalar(n, plan.Text{EN: "a whole number", JA: "整数"})
	if err != nil {
		return 0, err
	}
	if !whole.MatchString(s) {
		if strings.TrimLeft(s, "0123456789_") == "" && len(s) > 1 && s[0] == '0' {
			return 0, plan.Wrong("%s begins with 0, which some readers take for octal; write it without", "%s は 0 で始まり、処理系によっては8進数と解釈されます。先頭の 0 を外してください", Short(s))
		}
		return 0, plan.Wrong("%q is not a whole number such as 3", "%q は整数ではありません。3 のように書いてください", Short(s))
	}
	v, err := strconv.Atoi(s)
	if err != nil {
		return 0, plan.Wrong("%s is too large", "%s は大きすぎます", Short(s))
	}
	return v, nil
}

// Number reads a number, whole or not.
func Number(n *yaml.Node) (float64, error) {
	s, err := plainScalar(n, plan.Text{EN: "a number", JA: "数値"})
	if err != nil {
		return 0, err
	}
	if !fraction.MatchString(s) {
		return 0, plan.Wrong("%q is not a number such as 0.5", "%q は数値ではありません。0.5 のように書いてください", Short(s))
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, plan.Wrong("%s is too large", "%s は大きすぎます", Short(s))
	}
	return v, nil
}

// Bool reads true or false. yes, no, on and off are refused: YAML's versions disagree
// about them.
func Bool(n *yaml.Node) (bool, error) {
	s, err := plainScalar(n, plan.Text{EN: "true or false", JA: "true か false "})
	if err != nil {
		return false, err
	}
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, plan.Wrong("%q is neither true nor false; write one of the two", "%q は真偽値ではありません。true か false を書いてください", Short(s))
}

// Duration reads a span such as 30s.
func Duration(n *yaml.Node) (run.Duration, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return 0, plan.Wrong("write a duration such as 30s, not %s", "30s のような時間を書いてください（%sは書けません）", Describe(n))
	}
	if whole.MatchString(n.Value) {
		return 0, plan.Wrong("%s has no unit; write %ss, %sm or %sh", "%s に単位がありません。%ss、%sm、%sh のように書いてください", Short(n.Value), n.Value, n.Value, n.Value)
	}
	d, err := run.ParseDuration(n.Value)
	if err != nil {
		err = plan.Wrong("%s", "%s", plan.Text{EN: err.Error(), JA: fmt.Sprintf("%q は時間として使えません。30s、5m、2h30m、1d のように書いてください", Short(n.Value))})
	}
	return d, err
}

// Size reads a size such as 16MB.
func Size(n *yaml.Node) (run.Bytes, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return 0, plan.Wrong("write a size such as 16MB, not %s", "16MB のような容量を書いてください（%sは書けません）", Describe(n))
	}
	if whole.MatchString(n.Value) {
		return 0, plan.Wrong("%s has no unit; write %sB, %skB or %sMB", "%s に単位がありません。%sB、%skB、%sMB のように書いてください", Short(n.Value), n.Value, n.Value, n.Value)
	}
	size, err := run.ParseBytes(n.Value)
	if err != nil {
		err = plan.Wrong("%s", "%s", plan.Text{EN: err.Error(), JA: fmt.Sprintf("%q は容量として使えません。16MB のように書いてください", Short(n.Value))})
	}
	return size, err
}
