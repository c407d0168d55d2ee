package yamldoc

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/muster-dr/muster/internal/nearest"
)

const (
	// MaxSize bounds a file.
	MaxSize = 1 << 20
	// maxDepth bounds how deep values nest; plan files need about ten.
	maxDepth = 64
	// maxMarks bounds the marks that begin a value. A node costs some hundred bytes
	// of memory, so the size alone does not bound what a file may take.
	maxMarks = 120_000
)

// Parse reads one file, which must hold one document with a mapping. It returns nil
// when the file can't be read as YAML; why is then in log.
func Parse(file string, data []byte, log *Log) *yaml.Node {
	top := Place{file, 1, 1}
	if len(data) > MaxSize {
		log.Add(top, "the file is larger than 1 MiB; split it, one system's runbooks a file")
		return nil
	}
	if !checkCharacters(file, data, log) {
		return nil
	}
	marks := 0
	for _, c := range data {
		switch c {
		case '\n', ',', '[', '{', ':', '-', '?':
			marks++
		}
	}
	if marks > maxMarks {
		log.Add(top, "the file holds more than %d values; split it", maxMarks)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithV4Defaults(),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		log.Add(top, "%v", err)
		return nil
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		log.Add(top, "the file is empty; begin with kind: Estate, Runbook or Scenario")
		return nil
	case err != nil:
		syntax(file, err, log)
		return nil
	}
	var more yaml.Node
	switch err := loader.Load(&more); {
	case err == nil:
		log.Add(Place{file, more.Line, max(more.Column, 1)}, "a second document; write one document a file, without ---")
		return nil
	case !errors.Is(err, io.EOF):
		syntax(file, err, log)
		return nil
	}
	root := &doc
	if root.Kind == yaml.DocumentNode && len(root.Content) == 1 {
		root = root.Content[0]
	}
	if root.Kind != yaml.MappingNode {
		log.Add(place(file, root), "the file holds %s; write fields, such as kind: Runbook", Describe(root))
		return nil
	}
	if !sound(file, root, log) {
		return nil
	}
	return root
}

// sound refuses what YAML allows and plan files don't: tags, anchors, keys twice or
// that are not text, and forbidden characters written as escapes.
func sound(file string, n *yaml.Node, log *Log) bool {
	before := log.Len()
	anchors, aliases := 0, 0
	var walk func(*yaml.Node)
	walk = func(n *yaml.Node) {
		at := place(file, n)
		switch {
		case n.Kind == yaml.AliasNode:
			if aliases++; aliases == 1 {
				log.Add(at, "*%s repeats a value from elsewhere; write the value itself, so that a plan reads on its own", n.Value)
			}
			return
		case n.Anchor != "":
			if anchors++; anchors == 1 {
				log.Add(at, "&%s names a value to be repeated; remove it: every value is written where it is used", n.Anchor)
			}
		case n.Style&yaml.TaggedStyle != 0:
			log.Add(at, "the tag %s is not used in plan files; remove it", n.ShortTag())
		}
		if n.Kind == yaml.ScalarNode {
			for _, r := range n.Value {
				if why := forbidden(r); why != "" {
					log.Add(at, "the text holds U+%04X, %s; remove it", r, why)
					break
				}
			}
		}
		if n.Kind == yaml.MappingNode {
			seen := map[string]*yaml.Node{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				k := n.Content[i]
				if k.Kind != yaml.ScalarNode {
					log.Add(place(file, k), "a field's name is %s; it must be a word", Describe(k))
					continue
				}
				if first, ok := seen[k.Value]; ok {
					log.Add(place(file, k), "%s is given twice, first in line %d; keep one", k.Value, first.Line)
				}
				seen[k.Value] = k
			}
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	walk(n)
	return log.Len() == before
}

// wayOut gives our words for a part of the parser's message; the first that fits counts.
var wayOut = [][2]string{
	{"exceeded max depth", fmt.Sprintf("values nest deeper than %d; plan files need about ten", maxDepth)},
	{"character that cannot start", "a character that can't begin a value; put text that begins with a tab, @, ` or % in quotes, and indent with spaces"},
	{"mapping values are not allowed", "a colon where no field can begin; check the indentation, or put text with \": \" in quotes"},
	{"unexpected end of stream", "the text in quotes is never closed"},
	{"did not find expected ',' or ']'", "the list is not closed; add \"]\", or a comma between values"},
	{"did not find expected ',' or '}'", "the map is not closed; add \"}\", or a comma between fields"},
	{"did not find expected key", "a field was expected here; check the indentation"},
	{"could not find expected ':'", "a colon is missing after the field's name"},
	{"did not find expected '-' indicator", "a \"- \" was expected here; check the indentation of the list"},
	{"unknown anchor", "*NAME repeats a value that is nowhere named; write the value itself"},
	{"found a tab", "a tab can't indent; use spaces"},
}

// syntax notes what the YAML parser refused, in words that say what to do.
func syntax(file string, err error, log *Log) {
	at := Place{file, 1, 1}
	text := err.Error()
	if e := new(yaml.LoadError); errors.As(err, &e) {
		text = e.Message
		if e.Mark.Line > 0 {
			at.Line, at.Column = e.Mark.Line, max(e.Mark.Column, 1)
		}
		if strings.Contains(text, "end of stream") && e.ContextMark.Line > 0 {
			at.Line, at.Column = e.ContextMark.Line, max(e.ContextMark.Column, 1)
		}
		if e.ContextMsg != "" {
			text = fmt.Sprintf("%s (%s)", text, e.ContextMsg)
		}
	}
	for _, w := range wayOut {
		if strings.Contains(text, w[0]) {
			text = w[1]
			break
		}
	}
	log.Add(at, "this is not valid YAML: %s", text)
}

// Describe says in words what a node is.
func Describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return n.Value + ", which is read as true or false"
	case "!!int", "!!float":
		return n.Value + ", which is read as a number"
	case "!!timestamp":
		return n.Value + ", which is read as a date"
	}
	return fmt.Sprintf("%q", Short(n.Value))
}

// Short cuts a text so that it can be quoted in a message.
func Short(s string) string {
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// Meant is the end of a message about an unknown word: what was probably meant, or
// what there is.
func Meant(word string, known []string) string {
	if len(word) <= 64 {
		if near := nearest.Word(word, known); near != "" {
			return fmt.Sprintf("; did you mean %q?", near)
		}
	}
	known = slices.Compact(slices.Clone(known))
	switch {
	case len(known) == 0:
		return "; there is none"
	case len(known) > 15:
		return ""
	}
	return "; there is " + strings.Join(known, ", ")
}

func place(file string, n *yaml.Node) Place { return Place{file, n.Line, max(n.Column, 1)} }
