package book

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// target is what a command acts on, as the estate describes it.
type target struct {
	name, site string
	with       map[string]any
}

// target is the one that a parameter names.
func (h *hand) target(param string) (target, bool) { return h.named(h.text(param)) }

func (h *hand) named(name string) (target, bool) {
	at := slices.IndexFunc(h.e.Targets, func(t plan.Target) bool { return t.Name == name && name != "" })
	if at < 0 {
		return target{}, false
	}
	t := target{name: name, site: h.e.Targets[at].Site}
	return t, json.Unmarshal(h.e.Targets[at].Spec, &t.with) == nil && t.with != nil
}

// targets are those that a parameter names, as far as the estate has them.
func (h *hand) targets(param string) []target {
	var out []target
	for _, name := range h.list(param) {
		if t, ok := h.named(name); ok {
			out = append(out, t)
		}
	}
	return out
}

// only is the first of those parameters that the step has.
func (h *hand) only(params ...string) string {
	for _, p := range params {
		if h.text(p) != "" {
			return p
		}
	}
	return ""
}

func (h *hand) text(name string) string   { return textOf(h.with[name]) }
func (h *hand) list(name string) []string { return listOf(h.with[name]) }

// text is a field; a secret reads as nothing.
func (t target) text(name string) string {
	if t.secret(name) {
		return ""
	}
	return textOf(t.with[name])
}

func (t target) list(name string) []string { return listOf(t.with[name]) }

func (t target) secret(name string) bool {
	switch v := t.with[name].(type) {
	case string:
		return strings.HasPrefix(v, "secret://")
	case map[string]any: // one for drills, one for the real thing
		return true
	}
	return false
}

func textOf(v any) string {
	switch v := v.(type) {
	case nil, map[string]any, []any:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

func listOf(v any) []string {
	list, _ := v.([]any)
	out := make([]string, 0, len(list))
	for _, x := range list {
		out = append(out, textOf(x))
	}
	return out
}

// words writes an argument list as a POSIX shell takes it.
func words(argv []string) string {
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = quote(a)
	}
	return strings.Join(out, " ")
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// splitPort takes host:port apart; package net has no place in what needs no network.
func splitPort(address string) (host, port string, err error) {
	at := strings.LastIndexByte(address, ':')
	if at < 0 {
		return "", "", fmt.Errorf("%q names no port", address)
	}
	return strings.Trim(address[:at], "[]"), address[at+1:], nil
}
