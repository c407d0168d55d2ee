package params

import (
	"encoding/json"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Schema describes fields as a JSON Schema of an object. Where expressions may stand,
// a text with ${{ ... }} is allowed for every value that is no target or secret.
func Schema(fields []activities.Field, expressions bool) map[string]any {
	props := map[string]any{}
	required := []string{}
	for _, f := range fields {
		s := fieldSchema(f, expressions)
		if f.Help != "" {
			s["description"] = f.Help
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

func fieldSchema(f activities.Field, expressions bool) map[string]any {
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
			s["title"] = "a target of kind " + f.Kind
		}
		return s
	case activities.SecretOf:
		ref := map[string]any{"type": "string", "pattern": secretForm.String()}
		return map[string]any{"anyOf": []any{ref, map[string]any{"type": "object", "additionalProperties": false, "required": []string{"drill", "real"},
			"properties": map[string]any{"drill": ref, "real": ref}}}}
	case activities.List:
		s["type"], s["items"] = "array", fieldSchema(*f.Elem, expressions)
	case activities.Map:
		s["type"], s["additionalProperties"] = "object", fieldSchema(*f.Elem, expressions)
	case activities.Object:
		s = Schema(f.Fields, expressions)
	}
	if !expressions || f.Type == activities.Any || f.Type == activities.String && len(f.Enum) == 0 {
		return s
	}
	return map[string]any{"anyOf": []any{s, map[string]any{"type": "string", "pattern": `\$\{\{.*\}\}`}}}
}
