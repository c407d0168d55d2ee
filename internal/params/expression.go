package params

import (
	"bytes"
	"regexp"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// expression checks a value with ${{ ... }} in it and writes it as it stands; it is
// filled in when the step starts.
func (r *reader) expression(b *bytes.Buffer, where string, n *yaml.Node, f activities.Field) {
	writeString(b, n.Value)
	at := r.At(n)
	switch {
	case r.Scope == nil:
		r.Log.Add(at, "%s: no expression can stand here: %s", "%s: ここに式は書けません（%s）", where, r.Why)
		return
	case f.Type == activities.TargetOf:
		r.Log.Add(at, "%s: a target is named as it is: what a run may touch is known before it starts", "%s: 操作対象に式は使えません。名前をそのまま書いてください（何に触れうるかは、開始前に確定している必要があります）", where)
		return
	case f.Type == activities.SecretOf:
		r.Log.Add(at, "%s: a secret is a fixed reference; write secret://env/NAME or secret://file/path", "%s: 秘密情報に式は使えません。secret://env/NAME または secret://file/path の形の参照を書いてください", where)
		return
	}
	checked, whole, err := r.Scope.CheckString(n.Value)
	if err != nil {
		r.Log.Add(Inside(r.Decoder, n, expr.Place(err)), "%s: %v", "%s: %v", where, err)
		return
	}
	for _, id := range checked.Steps {
		r.reads = append(r.reads, Read{id, at})
	}
	if whole && !takes(f.Type, checked.Kind) {
		r.Log.Add(at, "%s: the expression gives %s, and %s is needed", "%s: 式の結果が%sです。ここには%sが必要です", where, an(checked.Kind), want(f.Type))
	} else if !whole && !takes(f.Type, expr.Text) {
		r.Log.Add(at, "%s: an expression inside a text gives a text, and %s is needed; let the expression stand alone", "%s: 文中に埋め込んだ式の結果は文字列になりますが、ここには%sが必要です。式だけを書いてください", where, want(f.Type))
	}
	if err := plainText(n.Value); err != nil {
		r.Log.Add(at, "%s: %v", "%s: %v", where, err)
	}
}

// judged are the shapes of what conditions are over, where they are known before the
// answer is there.
var judged = map[string]expr.Shape{
	"status": {Kind: expr.Whole}, "count": {Kind: expr.Whole}, "samples": {Kind: expr.Whole},
	"exit_code": {Kind: expr.Whole}, "stdout": {Kind: expr.Text}, "stderr": {Kind: expr.Text}, "lines": {Kind: expr.List, Elem: &expr.Shape{Kind: expr.Text}},
	"text": {Kind: expr.Text}, "headers": {Kind: expr.Map, Elem: &expr.Shape{Kind: expr.Text}},
	"rows": {Kind: expr.List, Elem: &expr.Shape{Kind: expr.Any}}, "values": {Kind: expr.List, Elem: &expr.Shape{Kind: expr.Any}},
}

// condition checks a condition over what an action will have seen.
func (r *reader) condition(where string, n *yaml.Node, src string, f activities.Field) {
	checked, err := facts(f.Over).Check(src)
	if err != nil {
		r.Log.Add(Inside(r.Decoder, n, expr.Place(err)), "%s: %v", "%s: %v", where, err)
		return
	}
	if !takes(activities.Bool, checked.Kind) {
		r.Log.Add(r.At(n), "%s: the condition gives %s; write one that is true or false, such as %s", "%s: 条件の結果が%sです。真偽値になる条件を書いてください（例: %s）", where, an(checked.Kind), lastWord(f))
	}
}

func facts(over []string) *expr.Scope {
	var names []expr.Field
	for _, name := range over {
		shape, known := judged[name]
		if !known {
			shape = expr.Shape{Kind: expr.Any}
		}
		names = append(names, expr.Field{Name: name, Shape: shape})
	}
	return expr.NewFacts(names)
}

// given checks expressions that give named results.
func (r *reader) given(b *bytes.Buffer, where string, n *yaml.Node, f activities.Field) {
	if n.Kind == yaml.MappingNode {
		scope := facts(f.Gives)
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			if v.Kind != yaml.ScalarNode {
				continue // mapping says it
			}
			name := where + ": " + yamldoc.Short(k.Value)
			if !resultName.MatchString(k.Value) {
				r.Log.Add(r.At(k), "%s: this can't be a result's name; write small letters, digits and _", "%s: 結果の名前として使えません。英小文字、数字、_ で書いてください", name)
			}
			if expr.Has(v.Value) {
				r.Log.Add(r.At(v), "%s: this is an expression as it stands; leave ${{ and }} out", "%s: ここはそのままで式になります。${{ と }} を外してください", name)
				b.WriteString("null")
				return
			}
			if _, err := scope.Check(v.Value); err != nil {
				r.Log.Add(Inside(r.Decoder, v, expr.Place(err)), "%s: %v", "%s: %v", name, err)
			}
		}
	}
	r.mapping(b, where, n, f)
}

var resultName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Narrowed is the shape of a step's output, where the step's own expressions say more of
// it than its action does.
func Narrowed(fields, output []activities.Field, with *yaml.Node) expr.Shape {
	shape := Shape(output)
	for _, f := range fields {
		if f.Gives == nil {
			continue
		}
		out := expr.Shape{Kind: expr.Object}
		if n := entryOf(with, f.Name); n != nil && n.Kind == yaml.MappingNode {
			scope := facts(f.Gives)
			for i := 0; i+1 < len(n.Content); i += 2 {
				kind := expr.Any
				if c, err := scope.Check(n.Content[i+1].Value); err == nil && c.Kind != expr.Object {
					kind = c.Kind
				}
				out.Fields = append(out.Fields, expr.Field{Name: n.Content[i].Value, Shape: expr.Shape{Kind: kind}})
			}
		}
		for i := range shape.Fields {
			if shape.Fields[i].Name == f.Name {
				shape.Fields[i].Shape = out
			}
		}
	}
	return shape
}

func entryOf(n *yaml.Node, name string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func lastWord(f activities.Field) string {
	if f.Example != "" {
		return f.Example
	}
	return f.Over[0] + " == 200"
}

// Inside is the place of a byte inside a scalar. Only scalars that stand in the file
// as they are, on one line, allow it; for others it is their start.
func Inside(d *yamldoc.Decoder, n *yaml.Node, offset int) yamldoc.Place {
	at := d.At(n)
	if offset > len(n.Value) || n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 {
		return at
	}
	for i, c := range n.Value {
		if i >= offset {
			break
		}
		if c == '\n' || c == '"' && n.Style&yaml.DoubleQuotedStyle != 0 || c == '\\' || c == '\'' && n.Style&yaml.SingleQuotedStyle != 0 {
			return at
		}
		at.Column++
	}
	if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
		at.Column++
	}
	return at
}

// takes reports whether a parameter of type t can hold a value of kind k.
func takes(t activities.Type, k expr.Kind) bool {
	if k == expr.Any || t == activities.Any {
		return true
	}
	switch t {
	case activities.String, activities.Duration, activities.Size:
		return k == expr.Text
	case activities.Int:
		return k == expr.Whole
	case activities.Number:
		return k == expr.Whole || k == expr.Number
	case activities.Bool:
		return k == expr.Truth
	case activities.List:
		return k == expr.List
	case activities.Map, activities.Object:
		return k == expr.Map || k == expr.Object
	}
	return false
}

// want is a type as what was wanted.
func want(t activities.Type) plan.Text {
	w := t.Text()
	switch t {
	case activities.Bool, activities.Any:
		return w
	case activities.Object:
		w.EN = "an " + w.EN
	case activities.Duration:
		return plan.Text{EN: "a " + w.EN + " such as 30s", JA: "30s のような" + w.JA}
	case activities.Size:
		return plan.Text{EN: "a " + w.EN + " such as 16MB", JA: "16MB のような" + w.JA}
	default:
		w.EN = "a " + w.EN
	}
	return w
}

func an(k expr.Kind) plan.Text {
	t := k.Text()
	switch k {
	case expr.Truth, expr.Any:
	case expr.Object:
		t.EN = "an object"
	default:
		t.EN = "a " + t.EN
	}
	return t
}

// Shape is how expressions see a declared output.
func Shape(fields []activities.Field) expr.Shape {
	out := expr.Shape{Kind: expr.Object}
	for _, f := range fields {
		out.Fields = append(out.Fields, expr.Field{Name: f.Name, Shape: shape(f)})
	}
	return out
}

func shape(f activities.Field) expr.Shape {
	switch f.Type {
	case activities.String, activities.Duration, activities.Size, activities.TargetOf, activities.SecretOf:
		return expr.Shape{Kind: expr.Text}
	case activities.Int:
		return expr.Shape{Kind: expr.Whole}
	case activities.Number:
		return expr.Shape{Kind: expr.Number}
	case activities.Bool:
		return expr.Shape{Kind: expr.Truth}
	case activities.Object:
		return Shape(f.Fields)
	case activities.List, activities.Map:
		s := expr.Shape{Kind: expr.List}
		if f.Type == activities.Map {
			s.Kind = expr.Map
		}
		if f.Elem != nil {
			e := shape(*f.Elem)
			s.Elem = &e
		}
		return s
	}
	return expr.Shape{Kind: expr.Any}
}
