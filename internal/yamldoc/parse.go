package yamldoc

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	"go.yaml.in/yaml/v4/plugin/loaderlimits"

	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
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
		log.Add(top, "the file is larger than 1 MiB; split it, one system's runbooks a file", "ファイルが 1 MiB を超えています。システムごとに手順書のファイルを分けるなど、分割してください")
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
		log.Add(top, "the file holds more than %d values; split it", "ファイルに %d 個を超える値があります。分割してください", maxMarks)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithV4Defaults(),
		yaml.WithPlugin(loaderlimits.New(loaderlimits.DepthValue(maxDepth))))
	if err != nil {
		log.Add(top, "%v", "%v", err)
		return nil
	}
	var doc yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		log.Add(top, "the file is empty; begin with kind: Estate, Runbook, Scenario or Programme", "ファイルが空です。kind: Estate、Runbook、Scenario、Programme のいずれかから書き始めてください")
		return nil
	case err != nil:
		syntax(file, err, log)
		return nil
	}
	var more yaml.Node
	switch err := loader.Load(&more); {
	case err == nil:
		log.Add(Place{file, more.Line, max(more.Column, 1)}, "a second document; write one document a file, without ---", "2つ目の文書があります。1つのファイルには1つの文書だけを、--- を使わずに書いてください")
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
		log.Add(place(file, root), "the file holds %s; write fields, such as kind: Runbook", "ファイルの内容が%sです。kind: Runbook のような項目を書いてください", Describe(root))
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
				log.Add(at, "*%s repeats a value from elsewhere; write the value itself, so that a plan reads on its own", "*%s は別の場所の値の参照です。計画はそれだけで読めるように、値そのものを書いてください", n.Value)
			}
			return
		case n.Anchor != "":
			if anchors++; anchors == 1 {
				log.Add(at, "&%s names a value to be repeated; remove it: every value is written where it is used", "&%s は値に参照用の名前を付ける記法です。削除し、使う場所ごとに値を書いてください", n.Anchor)
			}
		case n.Style&yaml.TaggedStyle != 0:
			log.Add(at, "the tag %s is not used in plan files; remove it", "計画ファイルではタグ %s を使いません。削除してください", n.ShortTag())
		}
		if n.Kind == yaml.ScalarNode {
			for _, r := range n.Value {
				if why := forbidden(r); why != (plan.Text{}) {
					log.Add(at, "the text holds U+%04X, %s; remove it", "文字列に U+%04X（%s）が含まれています。削除してください", r, why)
					break
				}
			}
		}
		if n.Kind == yaml.MappingNode {
			seen := map[string]*yaml.Node{}
			for i := 0; i+1 < len(n.Content); i += 2 {
				k := n.Content[i]
				if k.Kind != yaml.ScalarNode {
					log.Add(place(file, k), "a field's name is %s; it must be a word", "項目名が%sです。項目名は文字列で書いてください", Describe(k))
					continue
				}
				if first, ok := seen[k.Value]; ok {
					log.Add(place(file, k), "%s is given twice, first in line %d; keep one", "%s が重複しています（最初は %d 行目）。1つにしてください", k.Value, first.Line)
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
var wayOut = []struct {
	part string
	say  plan.Text
}{
	{"exceeded max depth", plan.Say("values nest deeper than %d; plan files need about ten", "値の入れ子が %d 段を超えています。計画ファイルは10段程度で書けます", maxDepth)},
	{"character that cannot start", plan.Text{EN: "a character that can't begin a value; put text that begins with a tab, @, ` or % in quotes, and indent with spaces", JA: "値の先頭に使えない文字です。タブ、@、`、% で始まる文字列は引用符で囲み、字下げには空白を使ってください"}},
	{"mapping values are not allowed", plan.Text{EN: "a colon where no field can begin; check the indentation, or put text with \": \" in quotes", JA: "項目を始められない位置にコロンがあります。字下げを確認するか、\": \" を含む文字列を引用符で囲んでください"}},
	{"unexpected end of stream", plan.Text{EN: "the text in quotes is never closed", JA: "引用符が閉じられていません"}},
	{"did not find expected ',' or ']'", plan.Text{EN: "the list is not closed; add \"]\", or a comma between values", JA: "リストが閉じられていません。\"]\" か、値の間のカンマを補ってください"}},
	{"did not find expected ',' or '}'", plan.Text{EN: "the map is not closed; add \"}\", or a comma between fields", JA: "マップが閉じられていません。\"}\" か、項目の間のカンマを補ってください"}},
	{"did not find expected key", plan.Text{EN: "a field was expected here; check the indentation", JA: "ここには項目が必要です。字下げを確認してください"}},
	{"could not find expected ':'", plan.Text{EN: "a colon is missing after the field's name", JA: "項目名の後にコロンがありません"}},
	{"did not find expected '-' indicator", plan.Text{EN: "a \"- \" was expected here; check the indentation of the list", JA: "ここには \"- \" が必要です。リストの字下げを確認してください"}},
	{"unknown anchor", plan.Text{EN: "*NAME repeats a value that is nowhere named; write the value itself", JA: "*NAME の参照先がありません。値そのものを書いてください"}},
	{"found a tab", plan.Text{EN: "a tab can't indent; use spaces", JA: "字下げにタブは使えません。空白を使ってください"}},
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
			text += " (" + e.ContextMsg + ")"
		}
	}
	say := plan.Text{EN: text}
	for _, w := range wayOut {
		if strings.Contains(text, w.part) {
			say = w.say
			break
		}
	}
	log.Add(at, "this is not valid YAML: %s", "YAMLの文法の誤りです: %s", say)
}

// Describe says in words what a node is.
func Describe(n *yaml.Node) plan.Text {
	switch n.Kind {
	case yaml.MappingNode:
		return plan.Text{EN: "a map", JA: "マップ"}
	case yaml.SequenceNode:
		return plan.Text{EN: "a list", JA: "リスト"}
	}
	switch n.ShortTag() {
	case "!!null":
		return plan.Text{EN: "nothing", JA: "空の値"}
	case "!!bool":
		return plan.Say("%s, which is read as true or false", "真偽値と解釈される %s ", n.Value)
	case "!!int", "!!float":
		return plan.Say("%s, which is read as a number", "数値と解釈される %s ", n.Value)
	case "!!timestamp":
		return plan.Say("%s, which is read as a date", "日付と解釈される %s ", n.Value)
	}
	return plan.Say("%q", "%q", Short(n.Value))
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
func Meant(word string, known []string) plan.Text {
	if near := Near(word, known); near != (plan.Text{}) {
		return near
	}
	known = slices.Compact(slices.Clone(known))
	switch {
	case len(known) == 0:
		return plan.Text{EN: "; there is none", JA: "（登録なし）"}
	case len(known) > 15:
		return plan.Text{}
	}
	return plan.Say("; there is %s", "。使えるもの: %s", strings.Join(known, ", "))
}

// Near is Meant without the list of what there is.
func Near(word string, known []string) plan.Text {
	if len(word) > 64 {
		return plan.Text{}
	}
	near := nearest.Word(word, known)
	if near == "" {
		return plan.Text{}
	}
	return plan.Say("; did you mean %q?", "。%q の間違いではありませんか", near)
}

func place(file string, n *yaml.Node) Place { return Place{file, n.Line, max(n.Column, 1)} }
