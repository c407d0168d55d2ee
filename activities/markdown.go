package activities

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/run"
)

// Markdown is docs/actions.md: every action and target kind of r, from what they
// declare.
func Markdown(r *Registry) []byte {
	var b bytes.Buffer
	fmt.Fprint(&b, `# Actions

Every kind of step that a runbook, an inject or an undo may use. This file is made from the program
(`+"`make generate`"+`); `+"`muster actions`"+` prints the same, and `+"`muster schema`"+` gives the JSON Schemas for editors.

- **Effect** is what an action may do to the world: `+"`observe`"+` looks only; `+"`isolated`"+` changes things only in places made for
  the drill; `+"`disrupt`"+` interrupts or moves service and can be undone; `+"`destroy`"+` loses data or cannot be undone. A drill at depth
  `+"`isolated`"+` runs the first two, `+"`live`"+` and `+"`real`"+` run all, `+"`tabletop`"+` and `+"`walkthrough`"+` run none.
- **Look**: an action with a look sees by itself whether its goal holds already. It looks before it acts, and a look settles an
  attempt whose answer was lost. Without one, a person has to say what happened.
- **Repeated**: the engine repeats an attempt that could not tell. An action that changes something is tried once under one
  effect key, whatever happens; only a proven "not done" opens the next try.
- Durations are written `+"`30s`, `5m`, `2h30m`, `1d`"+`, sizes `+"`16MB`"+`, secrets `+"`secret://env/NAME`"+` or `+"`secret://file/path`"+`, or one for
  drills and one for the real thing, `+"`{drill: secret://..., real: secret://...}`"+`. Any other value
  may be an expression such as `+"`${{ steps.promote.timeline }}`"+`.

`)
	family := ""
	for _, a := range r.Actions() {
		if f := Family(a.ID); f != family {
			family = f
			fmt.Fprintf(&b, "- **%s**:", f)
		} else {
			b.WriteString(" ·")
		}
		fmt.Fprintf(&b, " [%s](#%s)", a.ID, anchor(a.ID))
		if next := after(r, a.ID); Family(next) != family {
			b.WriteString("\n")
		}
	}
	if kinds := r.TargetKinds(); len(kinds) > 0 {
		b.WriteString("- [Targets](#targets)\n")
	}
	family = ""
	for _, a := range r.Actions() {
		if f := Family(a.ID); f != family {
			family = f
			fmt.Fprintf(&b, "\n## %s\n", f)
		}
		describe(&b, a)
	}
	if kinds := r.TargetKinds(); len(kinds) > 0 {
		b.WriteString("\n## Targets\n\nWhat actions act on, as the estate describes it under `targets`.\n")
		for _, k := range kinds {
			fmt.Fprintf(&b, "\n### Target kind %s\n\n%s\n\n", k.Kind, k.Summary)
			table(&b, "Field", k.Fields, true)
		}
	}
	return b.Bytes()
}

func after(r *Registry, id string) string {
	actions := r.Actions()
	for i, a := range actions {
		if a.ID == id && i+1 < len(actions) {
			return actions[i+1].ID
		}
	}
	return ""
}

func anchor(id string) string { return strings.ReplaceAll(id, ".", "") }

func describe(b *bytes.Buffer, a Action) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n\n%s\n\n%s\n", a.ID, a.Doc.Summary, a.Doc.SummaryJA, strings.Join(traits(a), " · "))
	if len(a.Fields) > 0 {
		b.WriteString("\n")
		table(b, "Parameter", a.Fields, true)
	}
	if len(a.Output) > 0 {
		b.WriteString("\n")
		table(b, "Output", a.Output, false)
	}
	if !a.Doc.Probe {
		fmt.Fprintf(b, "\n```yaml\n%s```\n", example(a))
	}
}

func traits(a Action) []string {
	switch {
	case a.Doc.Human:
		return []string{"Done by a person; `as` names the role"}
	case a.Doc.Probe:
		return []string{"A probe: it stands under a system's functions and looks for as long as the run lasts"}
	}
	out := []string{fmt.Sprintf("Effect: `%s`", a.Doc.Effect)}
	if a.Doc.Declares != "" {
		out[0] += fmt.Sprintf(", unless the step's `%s` says otherwise", a.Doc.Declares)
	}
	switch {
	case a.Doc.Repeatable:
		out = append(out, "Repeated: yes")
	case a.Doc.Effect == run.Observe:
		out = append(out, "Repeated: no")
	case a.CanLook():
		out = append(out, "Look: yes")
	default:
		out = append(out, "Look: no")
	}
	if a.Doc.After != "" {
		out = append(out, fmt.Sprintf("Only after: [%s](#%s) of another target", a.Doc.After, anchor(a.Doc.After)))
	}
	if a.Doc.Undo != "" {
		out = append(out, fmt.Sprintf("Usual undo: [%s](#%s)", a.Doc.Undo, anchor(a.Doc.Undo)))
	}
	return out
}

func table(b *bytes.Buffer, title string, fields []Field, params bool) {
	if params {
		fmt.Fprintf(b, "| %s | Type | Default | Meaning |\n|---|---|---|---|\n", title)
	} else {
		fmt.Fprintf(b, "| %s | Type | Meaning |\n|---|---|---|\n", title)
	}
	rows(b, "", fields, params)
}

func rows(b *bytes.Buffer, prefix string, fields []Field, params bool) {
	for _, f := range fields {
		fmt.Fprintf(b, "| `%s%s` | %s |", prefix, f.Name, typeName(f))
		if params {
			switch {
			case f.Required:
				b.WriteString(" **required** |")
			case f.Default == "":
				b.WriteString(" |")
			default:
				fmt.Fprintf(b, " `%s` |", cell(f.Default))
			}
		}
		fmt.Fprintf(b, " %s |\n", cell(f.Help))
		inner := f
		for inner.Elem != nil {
			inner = *inner.Elem
		}
		if len(inner.Fields) > 0 {
			rows(b, prefix+f.Name+".", inner.Fields, params)
		}
	}
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func typeName(f Field) string {
	switch f.Type {
	case List:
		return "list of " + typeName(*f.Elem)
	case Map:
		if f.Gives != nil {
			return "map to expression"
		}
		return "map to " + typeName(*f.Elem)
	case TargetOf:
		if f.Kind == "" {
			return "target"
		}
		return f.Kind + " target"
	case Any:
		return "any value"
	case Int:
		return "whole number"
	case Bool:
		return "true or false"
	case String:
		if len(f.Enum) > 0 {
			return "one of `" + strings.Join(f.Enum, "`, `") + "`"
		}
		return "text"
	}
	return string(f.Type)
}

// example is a step as it stands in a runbook: the parameters that must be given, and
// those that have an example.
func example(a Action) string {
	var b strings.Builder
	fmt.Fprintf(&b, "- id: %s\n", strings.ReplaceAll(strings.TrimPrefix(a.ID, Family(a.ID)+"."), "_", "-"))
	if !a.Doc.Human {
		b.WriteString("  at: osaka\n")
	}
	fmt.Fprintf(&b, "  uses: %s\n", a.ID)
	if a.Doc.Human {
		b.WriteString("  as: operator\n")
	}
	var with []string
	site := "osaka" // the first target named; the next is the other side
	for _, f := range a.Fields {
		if !f.Required && f.Example == "" {
			continue
		}
		value := sample(f)
		if f.Type == TargetOf && f.Example == "" {
			value, site = site, "tokyo"
		}
		with = append(with, fmt.Sprintf("    %s: %s\n", f.Name, value))
	}
	if len(with) > 0 {
		b.WriteString("  with:\n" + strings.Join(with, ""))
	}
	return b.String()
}

func sample(f Field) string {
	if f.Example != "" {
		return f.Example
	}
	if f.Default != "" {
		return f.Default
	}
	if len(f.Enum) > 0 {
		return f.Enum[0]
	}
	switch f.Type {
	case Int, Number:
		return "1"
	case Bool:
		return "true"
	case Duration:
		return "30s"
	case Size:
		return "16MB"
	case TargetOf:
		return "osaka"
	case SecretOf:
		return "secret://env/NAME"
	case List:
		if f.Elem.Type == TargetOf {
			return "[tokyo, osaka]"
		}
		return "[" + sample(*f.Elem) + "]"
	case Map, Object:
		return "{}"
	}
	return "orders"
}
