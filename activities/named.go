package activities

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
)

// Paths are the files, folders and programs on the worker's machine that a step's parameters name by a path of their own. What an expression
// gives is known in a run only, and is not among them; nor is a program that is found by its name, and what nobody wrote.
func (a Action) Paths(with json.RawMessage) []string {
	if a.paths == nil {
		return nil
	}
	return a.paths(with, a.Fields)
}

// Paths are those that an entry of the kind names.
func (k TargetKind) Paths(spec json.RawMessage) []string {
	if k.paths == nil {
		return nil
	}
	return k.paths(spec, k.Fields)
}

// namedPaths reads them from what was written for a P.
func namedPaths[P any](raw json.RawMessage, fields []Field) []string {
	var given map[string]any
	if json.Unmarshal(raw, &given) != nil {
		return nil
	}
	for _, f := range fields {
		if given[f.Name] == f.Default { // plans have defaults written out
			delete(given, f.Name)
		}
	}
	w := asWritten{last: map[string]bool{}}
	settled, err := json.Marshal(w.settled(given))
	if err != nil {
		return nil
	}
	var p P
	_ = json.Unmarshal(settled, &p) // what is wrong was told when the files were read; the rest is in p
	reach := reachOf(p)
	out := slices.DeleteFunc(slices.Clone(reach.Paths), func(path string) bool { return !w.last[filepath.Base(path)] })
	for _, words := range w.lists { // a program's arguments: a script that a shell is given is a file too
		if slices.Contains(reach.Paths, ProgramFile(words[0], "")) {
			out = append(out, slices.DeleteFunc(words[1:], func(word string) bool { return !filepath.IsAbs(word) })...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// asWritten is what stands in a value as it was written.
type asWritten struct {
	last  map[string]bool // parts of paths
	lists [][]string      // of words
}

// settled is a value without what expressions in it will give.
func (w *asWritten) settled(v any) any {
	switch v := v.(type) {
	case string:
		if strings.Contains(v, "${{") {
			return nil
		}
		if strings.Contains(v, "/") {
			w.last[filepath.Base(v)] = true
		}
	case []any:
		var words []string
		for i := range v {
			v[i] = w.settled(v[i])
			if word, ok := v[i].(string); ok {
				words = append(words, word)
			}
		}
		if len(words) > 0 && v[0] == words[0] {
			w.lists = append(w.lists, words)
		}
	case map[string]any:
		for k := range v {
			v[k] = w.settled(v[k])
		}
	}
	return v
}
