package expr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

type value = ref.Val

// decode reads JSON with whole numbers as int64: CEL keeps whole numbers and fractions
// apart, and JSON does not.
func decode(raw []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return numbers(v), nil
}

func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return i
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return f
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

// normalise makes the variables plain values, whatever they came as: raw JSON, decoded
// JSON with float64 for whole numbers, or Go structs. Only what the caller gave at the
// outer two levels is copied.
func normalise(vars map[string]any) (map[string]any, error) {
	b, err := json.Marshal(vars)
	if err != nil {
		return nil, fmt.Errorf("variables of an expression: %w", err)
	}
	v, err := decode(b)
	if err != nil {
		return nil, fmt.Errorf("variables of an expression: %w", err)
	}
	m, _ := v.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	for _, k := range []string{"steps", "run"} {
		if m[k] == nil {
			m[k] = map[string]any{}
		}
	}
	return m, nil
}

// native turns a CEL value into what encoding/json writes.
func native(v value) (any, error) {
	switch v := v.(type) {
	case types.Null:
		return nil, nil
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		return uint64(v), nil
	case types.Double:
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			return nil, &Error{Text: plan.Text{EN: "the expression gives no finite number", JA: "式の結果が有限の数値ではありません"}}
		}
		return float64(v), nil
	case types.String:
		return string(v), nil
	case types.Duration:
		return run.Duration(v.Duration).String(), nil
	case traits.Mapper:
		out := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			name, ok := k.(types.String)
			if !ok {
				return nil, &Error{Text: plan.Text{EN: "the expression gives a map whose keys are not text", JA: "式の結果のマップに、文字列でないキーがあります"}}
			}
			e, err := native(v.Get(k))
			if err != nil {
				return nil, err
			}
			out[string(name)] = e
		}
		return out, nil
	case traits.Lister:
		out := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			e, err := native(it.Next())
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	}
	return nil, &Error{Text: plan.Say("the expression gives a %s, which no file can hold", "式の結果が、ファイルに書けない型（%s）です", v.Type().TypeName())}
}

// writeText writes a value as it stands inside a sentence.
func writeText(out *bytes.Buffer, v value) error {
	n, err := native(v)
	if err != nil {
		return err
	}
	switch n := n.(type) {
	case nil:
		return &Error{Text: plan.Text{EN: "the value is null and can't be part of a text", JA: "値が null のため、文中に埋め込めません"}}
	case string:
		out.WriteString(n)
		return nil
	}
	b, err := encode(n)
	if err != nil {
		return err
	}
	out.Write(b)
	return nil
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// How CEL's parser says that something is not there, and that something else should stand where it is: what it
// found, and what it expected, one token in quotes or a list in braces.
var (
	lacking   = regexp.MustCompile(`^missing (.*?) at '`)
	misplaced = regexp.MustCompile(`^(?:mismatched input|extraneous input|no viable alternative at input) '(.*?)'(?: expecting (.*))?$`)
)

// plain makes CEL's messages read like ours.
func plain(msg string) plan.Text {
	msg = strings.ReplaceAll(msg, " (in container '')", "")
	msg, syntax := strings.CutPrefix(msg, "Syntax error: ")
	if rest, ok := strings.CutPrefix(msg, "token recognition error at: "); ok {
		return plan.Say("%s can't be read here; an expression looks like steps.check.role == \"primary\"", "%s はここでは解釈できません。式は steps.check.role == \"primary\" のように書きます", rest)
	}
	if name, ok := strings.CutPrefix(msg, unknown); ok {
		return plan.Say("there is no %s; expressions can use steps.ID.field and run.id, run.kind, run.depth", "%s はありません。式で使えるのは steps.ID.項目 と run.id、run.kind、run.depth です", plan.Text{EN: strings.Trim(name, "'"), JA: bare(name)})
	}
	if rest, ok := strings.CutPrefix(msg, "found no matching overload for "); ok {
		op, args, _ := strings.Cut(rest, " applied to ")
		op = strings.ReplaceAll(strings.Trim(op, "'"), "_", "")
		return plan.Say("%s can't be applied to %s; convert with int(), double() or string()", "%s は %s に使えません。int()、double()、string() で変換してください", op, strings.Trim(args, "'"))
	}
	if m := lacking.FindStringSubmatch(msg); syntax && m != nil {
		return plan.Say("%s is missing here; add it", "ここに %s がありません。補ってください", m[1])
	}
	if m := misplaced.FindStringSubmatch(msg); syntax && m != nil {
		found, expected := m[1], m[2]
		switch {
		case found == "<EOF>":
			return plan.Say("the expression ends where something must still follow; write it to its end, as in a == 1 && b == \"x\"",
				"式が途中で終わっています。a == 1 && b == \"x\" のように最後まで書いてください")
		case expected == "<EOF>":
			return plan.Say("the expression is over before '%s'; join two conditions with && or ||, or remove it", "'%s' の手前で式が終わっています。条件をつなぐなら && か || を使い、不要なら削除してください", found)
		}
		return plan.Say("'%s' has no place here; an expression looks like a == 1 && b == \"x\"", "ここに '%s' は書けません。式は a == 1 && b == \"x\" のように書きます", found)
	}
	if syntax {
		return plan.Say("%s", "式の文法の誤りです（%s）", msg)
	}
	return plan.Say("%s", "式の誤りです（%s）", msg)
}

// bare is a name without the quotes and the guess that CEL puts around it.
func bare(name string) string {
	name = strings.TrimPrefix(name, "'")
	return name[:strings.IndexAny(name+"'", "';( ")]
}

// RunFacts is what expressions know as run. Its mark stands in front of what is said to
// people by other ways than muster's own; it is empty in a response.
func RunFacts(id string, kind run.Kind, depth run.Depth) map[string]any {
	mark := run.Mark
	if kind == run.Response {
		mark = ""
	}
	return map[string]any{"id": id, "kind": string(kind), "depth": string(depth), "mark": mark}
}
