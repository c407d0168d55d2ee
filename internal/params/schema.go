package params

import (
	"encoding/json"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Schema describes fields as a JSON Schema of an object, in lang. Where expressions may
// stand, a text with ${{ ... }} is allowed for every value that is no target or secret.
func Schema(fields []activities.Field, expressions bool, lang string) map[string]any {
	props := map[string]any{}
	required := []string{}
	for _, f := range fields {
		s := fieldSchema(f, expressions, lang)
		if help := f.Help.In(lang); help != "" {
			s["description"] = help
		}
		if p := presetOf(f); p != nil {
			var v any
			if json.Unmarshal(p, &v) == nil {
				s["default"] = v
			}
		}
		if f.Required {
			required = append(required, f.Name)
		}
		props[f.Name] = s
	}
	out := map[string]any{"type": "object", "properties": props, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

func fieldSchema(f activities.Field, expressions bool, lang string) map[string]any {
	s := map[string]any{}
	switch f.Type {
	case activities.String:
		s["type"] = "string"
		if len(f.Enum) > 0 {
			s["enum"] = f.Enum
		}
	case activities.Int:
		s["type"] = "integer"
	case activities.Number:
		s["type"] = "number"
	case activities.Bool:
		s["type"] = "boolean"
	case activities.Duration:
		s["type"], s["pattern"] = "string", yamldoc.DurationPattern
	case activities.Size:
		s["type"], s["pattern"] = "string", yamldoc.SizePattern
	case activities.TargetOf:
		s["type"] = "string"
		if f.Kind != "" {
			s["title"] = plan.Say("a target of kind %s", "種類 %s の操作対象", f.Kind).In(lang)
		}
		return s
	case activities.SecretOf:
		ref := map[string]any{"type": "string", "pattern": secretForm.String()}
		return map[string]any{"anyOf": []any{ref, map[string]any{"type": "object", "additionalProperties": false, "required": []string{"drill", "real"},
			"properties": map[string]any{"drill": ref, "real": ref}}}}
	case activities.List:
		s["type"], s["items"] = "array", fieldSchema(*f.Elem, expressions, lang)
	case activities.Map:
		s["type"], s["additionalProperties"] = "object", fieldSchema(*f.Elem, expressions, lang)
	case activities.Object:
		s = Schema(f.Fields, expressions, lang)
	}
	if !expressions || f.Type == activities.Any || f.Type == activities.String && len(f.Enum) == 0 {
		return s
	}
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "string", "pattern": `\$\{\{.*\}\}`}}}
}
