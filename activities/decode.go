package activities

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// fill decodes a step's parameters into a parameter struct: expressions first, then
// defaults, a strict check, the targets' entries and last the secrets. Every mistake
// is named at once and comes back as Refused.
func (s *Site) fill(ctx context.Context, kind run.Kind, into any, fields []Field, with json.RawMessage, vars map[string]any, targets []plan.Target) error {
	if len(bytes.TrimSpace(with)) == 0 {
		with = json.RawMessage("{}")
	}
	if vars == nil {
		vars = map[string]any{}
	}
	with, err := expr.Interpolate(with, vars)
	if err != nil {
		return RefusedBoth("parameters: %v", "パラメーター：%v", err)
	}
	if err := decodeStrictly(kind, with, fields, into, "with"); err != nil {
		return err
	}
	f := filling{Site: s, ctx: ctx, kind: kind, targets: targets}
	f.visit(reflect.ValueOf(into).Elem(), "", "with")
	if len(f.mistakes) > 0 {
		return Refused("%s", plan.Joined(f.mistakes...).Both())
	}
	return nil
}

// decodeStrictly fills into from a JSON object: defaults for what is absent or null,
// and no name, type or value that the fields do not declare. Of a secret with two
// references only the one for this kind of run comes through.
func decodeStrictly(kind run.Kind, raw json.RawMessage, fields []Field, into any, path string) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var given any
	if err := d.Decode(&given); err != nil {
		return Refused("%s: %v", path, err)
	}
	c := &checking{kind: kind}
	checked := c.object(path, fields, given)
	if len(c.mistakes) > 0 {
		return Refused("%s", plan.Joined(c.mistakes...).Both())
	}
	b, err := json.Marshal(checked)
	if err != nil {
		return Refused("%s: %v", path, err)
	}
	d = json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return Refused("%s: %v", path, err)
	}
	return nil
}

// checking collects mistakes while it puts defaults in.
type checking struct {
	kind     run.Kind
	mistakes []plan.Text
}

func (c *checking) add(en, ja string, args ...any) {
	c.mistakes = append(c.mistakes, Lacking(en, ja, args...))
}

func (c *checking) object(path string, fields []Field, given any) map[string]any {
	in, ok := given.(map[string]any)
	if given == nil { // an action or a probe that needs none
		in, ok = map[string]any{}, true
	}
	if !ok {
		c.add("%s is %s, not a list of names and values", "%s は%sであり、名前と値の組ではない", path, kindOf(given))
		return nil
	}
	out := make(map[string]any, len(fields))
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
		v := in[f.Name]
		if v == nil {
			if f.Required {
				c.add("%s.%s is missing: %s", "%s.%s がない：%s", path, f.Name, f.Help)
				continue
			}
			if v = f.defaultValue(); v == nil {
				continue
			}
		}
		out[f.Name] = c.value(path+"."+f.Name, f, v)
	}
	for _, name := range sortedKeys(in) {
		if slices.Contains(names, name) {
			continue
		}
		var hint plan.Text
		if near := nearest.Word(name, names); near != "" {
			hint = plan.Say("; did you mean %q?", "（%q の誤りか）", near)
		}
		c.add("%s has no %q%s", "%s に %q という項目はない%s", path, name, hint)
	}
	return out
}

func (c *checking) value(path string, f Field, v any) any {
	switch f.Type {
	case Any:
		return v
	case Object:
		return c.object(path, f.Fields, v)
	case List:
		list, ok := v.([]any)
		if !ok {
			c.add("%s is %s, not a list", "%s は%sであり、一覧ではない", path, kindOf(v))
			return nil
		}
		for i := range list {
			list[i] = c.value(fmt.Sprintf("%s[%d]", path, i), *f.Elem, list[i])
		}
		return list
	case Map:
		m, ok := v.(map[string]any)
		if !ok {
			c.add("%s is %s, not a list of names and values", "%s は%sであり、名前と値の組ではない", path, kindOf(v))
			return nil
		}
		for _, k := range sortedKeys(m) {
			m[k] = c.value(path+"."+k, *f.Elem, m[k])
		}
		return m
	case Bool:
		if _, ok := v.(bool); !ok {
			c.add("%s is %s, not true or false", "%s は%sであり、true／false ではない", path, kindOf(v))
		}
		return v
	case Int:
		n, ok := v.(json.Number)
		if ok {
			_, err := n.Int64()
			ok = err == nil
		}
		if !ok {
			c.add("%s is %s, not a whole number", "%s は%sであり、整数ではない", path, kindOf(v))
		}
		return v
	case Number:
		if _, ok := v.(json.Number); !ok {
			c.add("%s is %s, not a number", "%s は%sであり、数値ではない", path, kindOf(v))
		}
		return v
	case SecretOf:
		return c.text(path, f, c.secret(path, v))
	case String, Duration, Size, TargetOf:
		return c.text(path, f, v)
	}
	c.add("%s has the unknown type %q", "%s の型 %q は未知である", path, f.Type)
	return nil
}

// secret picks the reference for this kind of run, so that a drill never gets to see the
// real one, nor a response a drill's.
func (c *checking) secret(path string, v any) any {
	both, ok := v.(map[string]any)
	if !ok {
		return v
	}
	side := map[run.Kind]string{run.Drill: "drill", run.Response: "real"}[c.kind]
	ref, ok := both[side]
	if !ok {
		c.add("%s: there is no secret for a %s here", "%s：この実施（%s）用の秘密情報がない", path, cmp.Or(string(c.kind), "run of no kind"))
		return ""
	}
	return ref
}

func (c *checking) text(path string, f Field, v any) any {
	text, ok := v.(string)
	if !ok {
		c.add("%s is %s, not text", "%s は%sであり、文字列ではない", path, kindOf(v))
		return v
	}
	var err error
	switch f.Type {
	case Duration:
		_, err = run.ParseDuration(text)
	case Size:
		_, err = run.ParseBytes(text)
	}
	if err != nil {
		c.add("%s: %v", "%s：%v", path, err)
	}
	if len(f.Enum) > 0 && !slices.Contains(f.Enum, text) {
		c.add("%s is %q; it may be %s", "%s は %q だが、指定できるのは %s", path, text, strings.Join(f.Enum, ", "))
	}
	return v
}

// defaultValue is the field's default as decoded JSON; nil is the type's zero value.
func (f Field) defaultValue() any {
	if f.Default == "" {
		return nil
	}
	switch f.Type {
	case String, Duration, Size, TargetOf, SecretOf:
		return f.Default
	}
	d := json.NewDecoder(strings.NewReader(f.Default))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return f.Default
	}
	return v
}

func kindOf(v any) plan.Text {
	switch v := v.(type) {
	case nil:
		return plan.Text{EN: "empty", JA: "空"}
	case string:
		return plan.Text{EN: "text", JA: "文字列"}
	case bool:
		return plan.Text{EN: fmt.Sprint(v), JA: fmt.Sprint(v)}
	case json.Number:
		return plan.Say("the number %s", "数値 %s ", v.String())
	case []any:
		return plan.Text{EN: "a list", JA: "一覧"}
	}
	return plan.Text{EN: "a list of names and values", JA: "名前と値の組"}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
