package yamldoc

import (
	"reflect"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Patterns by which JSON Schemas describe spans and sizes.
const (
	DurationPattern = `^([0-9]+d)?(([0-9]+(\.[0-9]+)?)(ns|us|µs|ms|s|m|h))*$`
	SizePattern     = `^[0-9]+(B|kB|KB|MB|GB|TB)$`
)

// Schema describes T as JSON Schema (2020-12), in lang, from the tags by which it is read.
func Schema[T any](lang string) map[string]any { return objectSchema(reflect.TypeFor[T](), lang) }

func objectSchema(t reflect.Type, lang string) map[string]any {
	props := map[string]any{}
	required := []string{}
	closed := true
	for _, f := range tagsOf(t) {
		if f.rest {
			closed = false
			continue
		}
		s := typeSchema(t.Field(f.index).Type, f, lang)
		s["description"] = plan.Text{EN: f.help, JA: f.ja}.In(lang)
		if !f.optional {
			required = append(required, f.name)
		}
		props[f.name] = s
	}
	out := map[string]any{"type": "object", "properties": props}
	if closed {
		out["additionalProperties"] = false
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func typeSchema(t reflect.Type, g tags, lang string) map[string]any {
	if l, ok := reflect.New(t).Interface().(leaf); ok {
		return l.schema(g, lang)
	}
	elem := tags{name: g.name, help: g.help, enum: g.enum, is: g.is, min: g.min, max: g.max}
	switch t.Kind() {
	case reflect.Pointer:
		return typeSchema(t.Elem(), g, lang)
	case reflect.Slice:
		if isDict(t) {
			elem.is = ""
			return map[string]any{"type": "object", "additionalProperties": typeSchema(t.Elem().Field(1).Type, elem, lang),
				"propertyNames": map[string]any{"pattern": nameForm.String()}}
		}
		list := map[string]any{"type": "array", "items": typeSchema(t.Elem(), elem, lang)}
		if g.single {
			return map[string]any{"anyOf": []any{typeSchema(t.Elem(), elem, lang), list}}
		}
		return list
	}
	return objectSchema(t, lang)
}

func (v *Value[T]) schema(t tags, _ string) map[string]any {
	out := map[string]any{}
	switch any(v.V).(type) {
	case string:
		out["type"] = "string"
	case int:
		out["type"] = "integer"
	case bool:
		out["type"] = "boolean"
	case run.Duration:
		out["type"], out["pattern"] = "string", DurationPattern
	}
	if len(t.enum) > 0 {
		out["enum"] = t.enum
	}
	if t.is == "name" {
		out["pattern"], out["maxLength"] = nameForm.String(), maxName
	}
	if t.min != nil {
		out["minimum"] = *t.min
	}
	if t.max != nil {
		out["maximum"] = *t.max
	}
	if t.def != "" {
		var d Value[T]
		d.preset(t)
		out["default"] = d.V
	}
	return out
}

func (*Text) schema(_ tags, lang string) map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "string"},
		map[string]any{"type": "object", "additionalProperties": false, "properties": map[string]any{
			"en": map[string]any{"type": "string", "description": plan.Text{EN: "In English.", JA: "英語の文"}.In(lang)},
			"ja": map[string]any{"type": "string", "description": plan.Text{EN: "In Japanese.", JA: "日本語の文"}.In(lang)},
		}},
	}}
}

func (*Raw) schema(tags, string) map[string]any { return map[string]any{} }
