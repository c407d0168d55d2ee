package journal

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// sameJSON reports whether two documents say the same, as another version of muster may
// write it.
func sameJSON(a, b string) bool {
	both, ok := decoded(a, b)
	return ok && reflect.DeepEqual(both[0], both[1])
}

// sameSaid reports whether two events are one that is only told in other words. A task of a workflow that is done again, since
// the server died after the store had its events and before the engine knew, makes them anew: by then perhaps by a release
// whose sentences are others. Nothing is done over, so that the stored words stand. All else is the same to the letter, the
// moment above all, which no other task has.
func sameSaid(kept, body string) bool {
	both, ok := decoded(kept, body)
	if !ok {
		return false
	}
	events := [2]map[string]any{}
	for i, d := range both {
		if events[i], ok = d.(map[string]any); !ok {
			return false
		}
		delete(events[i], "reason") // words, or none by one of the releases
	}
	return sameBut(events[0], events[1])
}

func decoded(a, b string) (both [2]any, ok bool) {
	for i, text := range []string{a, b} {
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if d.Decode(&both[i]) != nil {
			return both, false
		}
	}
	return both, true
}

// sameBut compares all but sentences.
func sameBut(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, there := b[k]; !there || !sameBut(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameBut)
	case string:
		b, ok := b.(string)
		return ok && (a == b || sentence(a) && sentence(b))
	}
	return reflect.DeepEqual(a, b)
}

// sentence reports whether a text is for people: names and what a program reads have no spaces and are in ASCII.
func sentence(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r > unicode.MaxASCII })
}
