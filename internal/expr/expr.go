// Package expr evaluates the ${{ ... }} expressions and the if: guards of plan files.
// They are CEL: no loops without end, no clock, no time zones, no way out to the
// world, and a limit on what one evaluation may cost. The same input gives the same
// value on every machine, so that workflows may call it under replay.
package expr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/env"
	"cel.dev/cel-go/common/types"

	"github.com/muster-dr/muster/internal/plan"
)

const (
	// MaxLength bounds the characters of one expression.
	MaxLength = 4096
	// maxCost bounds the work of one evaluation, in CEL's units; a comparison is
	// about one, and a pass over a list one an element.
	maxCost = 100_000
)

// Error is a mistake in an expression. Offset counts bytes from the start of the text
// that was given, which may be a sentence with expressions in it.
type Error struct {
	Offset int
	Text   plan.Text
}

func (e *Error) Error() string   { return e.Text.EN }
func (e *Error) Said() plan.Text { return e.Text }

// language is CEL without timestamps: their functions read the machine's time zone
// data, which differs between machines.
var language = sync.OnceValues(func() (*cel.Env, error) {
	var clocks []*env.Function
	for _, f := range []string{"timestamp", "getFullYear", "getMonth", "getDayOfYear", "getDayOfMonth", "getDate",
		"getDayOfWeek", "getHours", "getMinutes", "getSeconds", "getMilliseconds"} {
		clocks = append(clocks, env.NewFunction(f))
	}
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	return cel.NewCustomEnv(
		cel.CustomTypeAdapter(ordered{registry}),
		cel.StdLib(cel.StdLibSubset(&env.LibrarySubset{ExcludeFunctions: clocks})),
		cel.EagerlyValidateDeclarations(false),
		cel.ParserExpressionSizeLimit(MaxLength),
		cel.ParserRecursionLimit(64),
		cel.ParserErrorRecoveryLimit(8),
		cel.ExpressionNodeLimit(2000),
		cel.CrossTypeNumericComparisons(true),
		cel.EnableIdentifierEscapeSyntax(),
	)
})

// Bool evaluates a guard. The variables are "steps" (outputs by step ID) and "run"
// (id, kind, depth); outputs may be decoded JSON or json.RawMessage.
func Bool(src string, vars map[string]any) (bool, error) {
	c, err := NewCondition(src)
	if err != nil {
		return false, err
	}
	return c.Holds(vars)
}

// Value evaluates an expression and returns what it gives as JSON.
func Value(src string, vars map[string]any) (json.RawMessage, error) {
	v, err := evaluate(src, vars)
	if err != nil {
		return nil, err
	}
	out, err := native(v)
	if err != nil {
		return nil, &Error{Text: plan.Say("%s: %v", "%s: %v", short(src), err)}
	}
	return encode(out)
}

// Values evaluates named expressions over the same variables.
func Values(srcs map[string]string, vars map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(srcs))
	for _, name := range slices.Sorted(maps.Keys(srcs)) {
		v, err := Value(srcs[name], vars)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		out[name] = v
	}
	return out, nil
}

// Condition is a guard that is evaluated again and again.
type Condition struct {
	src string
	prg cel.Program
}

// NewCondition finds mistakes in the grammar only; names and types show in Holds.
func NewCondition(src string) (*Condition, error) {
	prg, err := program(src)
	if err != nil {
		return nil, err
	}
	return &Condition{src, prg}, nil
}

// Holds evaluates the condition, as Bool does. It may be called from many goroutines.
func (c *Condition) Holds(vars map[string]any) (bool, error) {
	v, err := result(c.src, c.prg, vars)
	if err != nil {
		return false, err
	}
	b, ok := v.(types.Bool)
	if !ok {
		return false, &Error{Text: plan.Say("%q gives %s, not true or false", "%q の結果が真偽値ではなく %s です", short(c.src), v.Type().TypeName())}
	}
	return bool(b), nil
}

// Interpolate replaces the ${{ ... }} in every string of a JSON value. A string that
// is one expression takes the expression's value and type; inside a longer string the
// value becomes text. Keys of objects are left alone, and a value without expressions
// is returned as it is.
func Interpolate(raw json.RawMessage, vars map[string]any) (json.RawMessage, error) {
	if !bytes.Contains(raw, []byte(opening)) {
		return raw, nil
	}
	v, err := decode(raw)
	if err != nil {
		return nil, err
	}
	if v, err = fillIn(v, vars); err != nil {
		return nil, err
	}
	return encode(v)
}

func fillIn(v any, vars map[string]any) (any, error) {
	switch v := v.(type) {
	case string:
		return fillString(v, vars)
	case []any:
		for i := range v {
			e, err := fillIn(v[i], vars)
			if err != nil {
				return nil, err
			}
			v[i] = e
		}
		return v, nil
	case map[string]any:
		// The first mistake by name, so that the same input gives the same error.
		for _, k := range sortedKeys(v) {
			e, err := fillIn(v[k], vars)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			v[k] = e
		}
		return v, nil
	}
	return v, nil
}

func fillString(s string, vars map[string]any) (any, error) {
	parts, err := Split(s)
	if err != nil {
		return nil, err
	}
	if len(parts) == 1 && parts[0].Expression {
		v, err := evaluate(parts[0].Text, vars)
		if err != nil {
			return nil, err
		}
		return native(v)
	}
	var out bytes.Buffer
	for _, p := range parts {
		if !p.Expression {
			out.WriteString(p.Text)
			continue
		}
		v, err := evaluate(p.Text, vars)
		if err != nil {
			return nil, err
		}
		if err := writeText(&out, v); err != nil {
			return nil, fmt.Errorf("%s: %w", short(p.Text), err)
		}
	}
	return out.String(), nil
}

func program(src string) (cel.Program, error) {
	e, err := language()
	if err != nil {
		return nil, err
	}
	ast, issues := e.Parse(src)
	if issues.Err() != nil {
		return nil, firstIssue(src, issues).Error
	}
	prg, err := e.Program(ast, cel.CostLimit(maxCost), cel.CustomDecoratorV2(orderLiterals), cel.MemoryLimit(16<<20))
	if err != nil {
		return nil, &Error{Text: plan.Say("%s: %v", "%s: %v", short(src), err)}
	}
	return prg, nil
}

func evaluate(src string, vars map[string]any) (value, error) {
	prg, err := program(src)
	if err != nil {
		return nil, err
	}
	return result(src, prg, vars)
}

func result(src string, prg cel.Program, vars map[string]any) (value, error) {
	in, err := normalise(vars)
	if err != nil {
		return nil, err
	}
	v, _, err := prg.Eval(in)
	if err != nil {
		return nil, &Error{Text: plan.Say("%s: %v", "%s: %v", short(src), err)}
	}
	return v, nil
}

// issue is a mistake that CEL found, with CEL's own words for it.
type issue struct {
	*Error
	message string
}

// firstIssue is the first mistake CEL found, with its place as an offset in bytes.
func firstIssue(src string, issues *cel.Issues) issue {
	errs := issues.Errors()
	if len(errs) == 0 {
		return issue{&Error{Text: plan.Say("%v", "式の誤りです（%v）", issues.Err())}, ""}
	}
	first := errs[0]
	for _, e := range errs[1:] {
		if l, f := e.Location, first.Location; l.Line() < f.Line() || l.Line() == f.Line() && l.Column() < f.Column() {
			first = e
		}
	}
	return issue{&Error{Offset: offset(src, first.Location.Line(), first.Location.Column()), Text: plain(first.Message)}, first.Message}
}

// offset turns CEL's place (lines from 1, columns in characters from 0) into bytes.
func offset(src string, line, column int) int {
	l, c := 1, 0
	for i, r := range src {
		if l == line && c >= column {
			return i
		}
		if r == '\n' {
			l, c = l+1, 0
			continue
		}
		c++
	}
	return len(src)
}

func short(src string) string {
	if r := []rune(src); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return src
}

// Place returns where in the text an error lies, 0 when it does not say.
func Place(err error) int {
	if e := new(Error); errors.As(err, &e) {
		return e.Offset
	}
	return 0
}
