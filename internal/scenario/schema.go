package scenario

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/params"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/runbook"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Kinds lists the kinds of plan files.
func Kinds() []string { return slices.Clone(kinds) }

// Schema is the JSON Schema (2020-12) of a kind of file, for editors: from the
// declarations by which files are read, with the actions and targets of a catalog. What
// they mean is told in lang.
func Schema(kind string, catalog Catalog, lang string) ([]byte, error) {
	s := &schema{catalog: catalog, defs: object{}, lang: lang}
	var root object
	switch kind {
	case "Estate":
		root = yamldoc.Schema[estate.File](lang)
		s.estate(root)
	case "Runbook":
		root = yamldoc.Schema[runbook.File](lang)
		s.runbook(root)
	case "Scenario":
		root = yamldoc.Schema[File](lang)
		s.inject(root)
		s.absent(root)
		schedule(field(root, "schedule"))
	case "Programme":
		root = yamldoc.Schema[programme.File](lang)
		schedule(field(root, "rows", "[]", "schedule"))
	default:
		return nil, plan.Wrong("there is no kind %q; there are %s", "%q という種類はありません。使えるもの: %s", kind, strings.Join(Kinds(), ", "))
	}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "muster " + kind
	root["$defs"] = s.defs
	b, err := json.MarshalIndent(root, "", "  ")
	return append(b, '\n'), err
}

type object = map[string]any

type schema struct {
	catalog Catalog
	defs    object
	lang    string
}

// field goes down to a field of an object, or to the entries of a list.
func field(o object, names ...string) object {
	for _, n := range names {
		if n == "[]" {
			o = o["items"].(object)
			continue
		}
		o = o["properties"].(object)[n].(object)
	}
	return o
}

func (s *schema) estate(root object) {
	s.uses(field(root, "systems", "[]", "functions", "[]", "probe"), false, func(a activities.Action) bool { return a.Doc.Probe })
	s.uses(field(root, "systems", "[]", "single_writer"), false, func(a activities.Action) bool {
		return !a.Doc.Probe && !a.Doc.Human && !a.Doc.Effect.Once()
	})
	target := field(root, "targets", "[]")
	var kinds []string
	var rules []any
	for _, k := range s.catalog.TargetKinds() {
		kinds = append(kinds, k.Kind)
		then := params.Schema(k.Fields, false, s.lang)
		delete(then, "additionalProperties") // the fields of every target stand beside them
		rules = append(rules, object{"if": object{"properties": object{"kind": object{"const": k.Kind}}, "required": []string{"kind"}}, "then": then})
	}
	field(target, "kind")["enum"] = kinds
	target["allOf"] = rules
	target["unevaluatedProperties"] = false
}

func (s *schema) runbook(root object) {
	step := field(root, "steps", "[]")
	field(step, "if")["type"] = []string{"string", "boolean"}
	s.uses(step, true, func(a activities.Action) bool { return !a.Doc.Probe })
	s.undo(step)
}

func (s *schema) inject(root object) {
	inject := field(root, "injects", "[]")
	s.uses(inject, true, machine)
	s.undo(inject)
}

func machine(a activities.Action) bool { return !a.Doc.Probe && !a.Doc.Human }

// undo may be one action or a list of them.
func (s *schema) undo(o object) {
	forms := field(o, "undo")["anyOf"].([]any)
	s.uses(forms[0].(object), true, machine)
	s.uses(forms[1].(object)["items"].(object), true, machine)
}

// uses binds the parameters in with to the action in uses.
func (s *schema) uses(o object, expressions bool, fits func(activities.Action) bool) {
	ids := []string{}
	var rules []any
	for _, a := range s.catalog.Actions() {
		if !fits(a) {
			continue
		}
		ids = append(ids, a.ID)
		if _, ok := s.defs[a.ID]; !ok {
			def := params.Schema(a.Fields, expressions, s.lang)
			def["title"], def["description"] = a.ID, plan.Text{EN: a.Doc.Summary, JA: a.Doc.SummaryJA}.In(s.lang)
			s.defs[a.ID] = def
		}
		then := object{"properties": object{"with": object{"$ref": "#/$defs/" + a.ID}}}
		for _, f := range a.Fields {
			if f.Required {
				then["required"] = []string{"with"}
			}
		}
		rules = append(rules, object{"if": object{"properties": object{"uses": object{"const": a.ID}}, "required": []string{"uses"}}, "then": then})
	}
	field(o, "uses")["enum"] = ids
	o["allOf"] = rules
}

// schedule says what week and day may be: a number, or last.
func schedule(o object) {
	nth := func(most int) object {
		return object{"anyOf": []any{object{"type": "integer", "minimum": 1, "maximum": most}, object{"const": "last"}}}
	}
	for _, way := range []string{"yearly", "quarterly", "monthly"} {
		for name, most := range map[string]int{"week": 4, "day": 31} {
			at := field(o, way, name)
			at["anyOf"] = nth(most)["anyOf"]
		}
	}
}

// absent describes who is taken out of a drill: people by ID, or a draw.
func (s *schema) absent(root object) {
	draw := yamldoc.Schema[Draw](s.lang)
	item := object{"anyOf": []any{object{"type": "string"}, draw}}
	at := field(root, "absent")
	at["anyOf"] = []any{item, object{"type": "array", "items": item}}
}
