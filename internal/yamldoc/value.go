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
	schema(t tags) map[string]any
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
		d.Log.Add(v.Place, "%s: %v", where, err)
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
			d.Log.Add(d.At(n), "%s: %v, or write {en: ..., ja: ...}", where, err)
		}
		return plan.Text{EN: s}
	}
	var both struct {
		EN Value[string] `json:"en" help:"In English." default:""`
		JA Value[string] `json:"ja" help:"In Japanese." default:""`
	}
	d.Decode(where, n, &both)
	return plan.Text{EN: both.EN.V, JA: both.JA.V}
}

func (r *Raw) read(d *Decoder, _ string, n *yaml.Node, _ tags) { r.Node, r.Place = n, d.At(n) }
func (*Raw) preset(tags)                                       {}

// String reads a text. A plain word that YAML or one of its versions takes for
// something else is refused: 010 would be 8, and 14:00 would be 840.
func String(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode {
		return "", fmt.Errorf("write a text, not %s", Describe(n))
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return n.Value, nil
	}
	switch tag := n.ShortTag(); {
	case tag == "!!null":
		return "", fmt.Errorf("a text is missing; write one, in quotes if it is meant to be empty")
	case tag != "!!str" && tag != "":
		return "", fmt.Errorf("%s; put it in quotes: %q", Describe(n), n.Value)
	case clockLike.MatchString(n.Value):
		return "", fmt.Errorf("%s, which some YAML readers take for a number of minutes; put it in quotes: %q", n.Value, n.Value)
	}
	return n.Value, nil
}

var (
	clockLike = regexp.MustCompile(`^[-+]?[0-9]+(:[0-5]?[0-9])+(\.[0-9]*)?$`)
	whole     = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	fraction  = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)
)

func plainScalar(n *yaml.Node, want string) (string, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return "", fmt.Errorf("write %s, not %s", want, Describe(n))
	}
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return "", fmt.Errorf("%q is a text; write %s without quotes", Short(n.Value), want)
	}
	return n.Value, nil
}

// Int reads a whole number in plain digits.
func Int(n *yaml.Node) (int, error) {
	s, err := plainScalar(n, "a whole number")
	if err != nil {
		return 0, err
	}
	if !whole.MatchString(s) {
		if strings.TrimLeft(s, "0123456789_") == "" && len(s) > 1 && s[0] == '0' {
			return 0, fmt.Errorf("%s begins with 0, which some readers take for octal; write it without", Short(s))
		}
		return 0, fmt.Errorf("%q is not a whole number such as 3", Short(s))
	}
	v, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", Short(s))
	}
	return v, nil
}

// Number reads a number, whole or not.
func Number(n *yaml.Node) (float64, error) {
	s, err := plainScalar(n, "a number")
	if err != nil {
		return 0, err
	}
	if !fraction.MatchString(s) {
		return 0, fmt.Errorf("%q is not a number such as 0.5", Short(s))
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, fmt.Errorf("%s is too large", Short(s))
	}
	return v, nil
}

// Bool reads true or false. yes, no, on and off are refused: YAML's versions disagree
// about them.
func Bool(n *yaml.Node) (bool, error) {
	s, err := plainScalar(n, "true or false")
	if err != nil {
		return false, err
	}
	switch s {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is neither true nor false; write one of the two", Short(s))
}

// Duration reads a span such as 30s.
func Duration(n *yaml.Node) (run.Duration, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return 0, fmt.Errorf("write a duration such as 30s, not %s", Describe(n))
	}
	if whole.MatchString(n.Value) {
		return 0, fmt.Errorf("%s has no unit; write %ss, %sm or %sh", Short(n.Value), n.Value, n.Value, n.Value)
	}
	return run.ParseDuration(n.Value)
}

// Size reads a size such as 16MB.
func Size(n *yaml.Node) (run.Bytes, error) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return 0, fmt.Errorf("write a size such as 16MB, not %s", Describe(n))
	}
	if whole.MatchString(n.Value) {
		return 0, fmt.Errorf("%s has no unit; write %sB, %skB or %sMB", Short(n.Value), n.Value, n.Value, n.Value)
	}
	return run.ParseBytes(n.Value)
}
