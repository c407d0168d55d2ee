package book

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// exactly is what a step runs or asks for, line by line: a program with its arguments as a
// shell takes them, else the parameters. Where secrets lie is left out: a book lies around.
func exactly(s plan.Step, e plan.Estate) []string {
	var lines []string
	if s.Human == nil {
		lines = append(lines, parameters(s.Uses, s.With)...)
	}
	for _, t := range e.TargetsNamed(s.Targets) {
		lines = append(lines, "# "+t.Name+" = "+t.Kind+" @ "+t.Site+where(t))
	}
	return lines
}

// where is how a target is reached, as far as its kind says so in a field of a usual name.
func where(t plan.Target) string {
	var spec map[string]any
	if json.Unmarshal(t.Spec, &spec) != nil {
		return ""
	}
	out := ""
	for _, name := range []string{"host", "address", "addr", "url", "endpoint", "endpoints", "socket", "port", "database", "data", "data_dir", "unit", "path", "folder"} {
		switch v := spec[name].(type) {
		case string:
			if v != "" && !strings.HasPrefix(v, "secret://") {
				out += " " + name + "=" + v
			}
		case float64:
			if v != 0 {
				out += fmt.Sprintf(" %s=%g", name, v)
			}
		case []any:
			out += " " + name + "=" + fmt.Sprint(v...)
		}
	}
	return out
}

func parameters(action string, with json.RawMessage) []string {
	var m map[string]any
	d := json.NewDecoder(strings.NewReader(plan.WithoutSecrets(with)))
	d.UseNumber()
	if len(with) == 0 || d.Decode(&m) != nil {
		return []string{action}
	}
	var lines []string
	if argv, ok := m["argv"].([]any); ok {
		words := make([]string, len(argv))
		for i, a := range argv {
			words[i] = quote(fmt.Sprint(a))
		}
		lines = append(lines, "$ "+strings.Join(words, " "))
		delete(m, "argv")
	} else {
		lines = append(lines, action)
	}
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		if text := value(m[n]); text != "" {
			for i, l := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
				if i == 0 {
					lines = append(lines, "  "+n+": "+l)
				} else {
					lines = append(lines, "    "+l)
				}
			}
		}
	}
	return lines
}

// value is a parameter as people read it; what says nothing is left out.
func value(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v == "none" {
			return ""
		}
		return v
	case json.Number:
		if v == "0" {
			return ""
		}
	case bool:
		if !v {
			return ""
		}
	case []any:
		if len(v) == 0 {
			return ""
		}
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return ""
	}
	return strings.TrimSpace(b.String())
}

// quote writes an argument as a POSIX shell takes it.
func quote(s string) string {
	if s != "" && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@,+%", r))
	}) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
