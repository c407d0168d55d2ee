package expr

import (
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
)

// Kind is what a value is, as far as expressions are concerned. Durations and sizes
// are text ("30s", "16MB"); duration("30s") makes one that can be compared.
type Kind string

const (
	Text   Kind = "text"
	Whole  Kind = "whole number"
	Number Kind = "number" // JSON does not keep 3 and 3.0 apart: compare it, or convert it with double()
	Truth  Kind = "true or false"
	List   Kind = "list"
	Map    Kind = "map"
	Object Kind = "object"
	Any    Kind = "any value" // known only when the run is there
)

var kindWords = map[Kind]string{Text: "文字列", Whole: "整数", Number: "数値", Truth: "真偽値", List: "リスト", Map: "マップ",
	Object: "オブジェクト", Any: "任意の値"}

// Text names the kind.
func (k Kind) Text() plan.Text { return plan.Text{EN: string(k), JA: kindWords[k]} }

// Shape describes a value: Elem for lists and maps, Fields for objects.
type Shape struct {
	Kind   Kind
	Elem   *Shape
	Fields []Field
}

// Field is a named part of an object.
type Field struct {
	Name string
	Shape
}

// Checked is what the check of an expression found.
type Checked struct {
	Kind  Kind
	Steps []string // steps whose outputs it reads, sorted
	// Reads are the names it reads, alone and with the first two fields taken ("systems",
	// "systems.orders", "systems.orders.rto"), sorted.
	Reads []string
}

// Scope is what the expressions of one runbook can see. The zero value can't be used.
type Scope struct {
	steps []string
	facts []Field // nil: the variables are run and steps
	fresh sync.Once
	env   *cel.Env
	err   error
	shape *shapes
}

// NewScope declares the outputs of steps, each a Field whose Name is the step's ID.
func NewScope(steps []Field) *Scope {
	s := &Scope{shape: &shapes{objects: map[string][]Field{}}}
	for _, f := range steps {
		s.steps = append(s.steps, f.Name)
	}
	s.shape.objects["#run"] = []Field{{"id", Shape{Kind: Text}}, {"kind", Shape{Kind: Text}}, {"depth", Shape{Kind: Text}}, {"mark", Shape{Kind: Text}}}
	s.shape.objects["#steps"] = steps
	return s
}

// NewFacts declares variables of any name, for expressions over a record that is whole.
func NewFacts(vars []Field) *Scope {
	s := &Scope{facts: vars, shape: &shapes{objects: map[string][]Field{}}}
	s.shape.objects["#run"], s.shape.objects["#steps"] = nil, nil
	return s
}

// number is JSON's number at check time: it can be compared with whole numbers and
// fractions and converted, which is what works whichever of the two it turns out to be.
var number = cel.OpaqueType("number")

// checking is the language with the two variables, whose fields each scope declares.
var checking = sync.OnceValues(func() (*cel.Env, error) {
	base, err := comparing()
	if err != nil {
		return nil, err
	}
	return base.Extend(cel.Variable("run", cel.ObjectType("#run")), cel.Variable("steps", cel.ObjectType("#steps")))
})

// comparing is the language with JSON's numbers.
var comparing = sync.OnceValues(func() (*cel.Env, error) {
	base, err := language()
	if err != nil {
		return nil, err
	}
	opts := []cel.EnvOption{
		cel.Function("int", cel.Overload("number_to_int", []*cel.Type{number}, cel.IntType)),
		cel.Function("double", cel.Overload("number_to_double", []*cel.Type{number}, cel.DoubleType)),
		cel.Function("string", cel.Overload("number_to_string", []*cel.Type{number}, cel.StringType)),
	}
	for _, op := range []string{"_<_", "_<=_", "_>_", "_>=_"} {
		for _, t := range []*cel.Type{cel.IntType, cel.DoubleType} {
			opts = append(opts, cel.Function(op,
				cel.Overload("number"+op+t.String(), []*cel.Type{number, t}, cel.BoolType),
				cel.Overload(t.String()+op+"number", []*cel.Type{t, number}, cel.BoolType)))
		}
		opts = append(opts, cel.Function(op, cel.Overload("number"+op+"number", []*cel.Type{number, number}, cel.BoolType)))
	}
	return base.Extend(opts...)
})

func (s *Scope) environment() (*cel.Env, error) {
	s.fresh.Do(func() {
		of := checking
		if s.facts != nil {
			of = comparing
		}
		base, err := of()
		if err != nil {
			s.err = err
			return
		}
		s.shape.Provider = base.CELTypeProvider()
		opts := []cel.EnvOption{cel.CustomTypeProvider(s.shape)}
		for _, f := range s.facts {
			opts = append(opts, cel.Variable(f.Name, s.shape.typeOf("#"+f.Name, f.Shape)))
		}
		s.env, s.err = base.Extend(opts...)
	})
	return s.env, s.err
}

// Check finds mistakes in one expression (without ${{ and }}) before anything runs: its
// grammar, names, and types. The error is an *Error.
func (s *Scope) Check(src string) (Checked, error) {
	env, err := s.environment()
	if err != nil {
		return Checked{}, err
	}
	parsed, issues := env.Parse(src)
	if issues.Err() != nil {
		return Checked{}, firstIssue(src, issues).Error
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return Checked{}, s.hint(firstIssue(src, issues))
	}
	out := Checked{Kind: kindOf(checked.OutputType())}
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		path := pathOf(e)
		if n := len(path); n == 0 || n > 3 {
			return
		}
		if read := strings.Join(path, "."); !slices.Contains(out.Reads, read) {
			out.Reads = append(out.Reads, read)
		}
		if e.Kind() != ast.SelectKind {
			return
		}
		sel := e.AsSelect()
		op := sel.Operand()
		if op.Kind() != ast.IdentKind {
			return
		}
		if op.AsIdent() == "steps" && !slices.Contains(out.Steps, sel.FieldName()) {
			out.Steps = append(out.Steps, sel.FieldName())
		}
	}))
	slices.Sort(out.Steps)
	slices.Sort(out.Reads)
	return out, nil
}

// pathOf is a name and the fields taken of it, one after the other; nil of anything else.
func pathOf(e ast.Expr) []string {
	switch e.Kind() {
	case ast.IdentKind:
		return []string{e.AsIdent()}
	case ast.SelectKind:
		if path := pathOf(e.AsSelect().Operand()); path != nil {
			return append(path, e.AsSelect().FieldName())
		}
	}
	return nil
}

// CheckString checks every expression of a string. Whole reports that the string is
// one expression, which then gives the string's value and Kind; otherwise it is Text.
func (s *Scope) CheckString(text string) (checked Checked, whole bool, err error) {
	parts, err := Split(text)
	if err != nil {
		return Checked{}, false, err
	}
	checked.Kind = Text
	for _, p := range parts {
		if !p.Expression {
			continue
		}
		c, err := s.Check(p.Text)
		if err != nil {
			return Checked{}, false, &Error{Offset: p.Offset + Place(err), Text: plan.SaidBy(err)}
		}
		if len(parts) == 1 {
			return c, true, nil
		}
		for _, id := range c.Steps {
			if !slices.Contains(checked.Steps, id) {
				checked.Steps = append(checked.Steps, id)
			}
		}
	}
	slices.Sort(checked.Steps)
	return checked, false, nil
}

// What CEL says of a name and of a field that are not there.
const (
	unknown   = "undeclared reference to "
	undefined = "undefined field "
)

// hint adds what was probably meant to a name or field that is not there.
func (s *Scope) hint(found issue) error {
	e := found.Error
	if name, ok := strings.CutPrefix(found.message, unknown); ok && s.facts != nil {
		name = bare(name)
		var names []string
		for _, f := range s.facts {
			names = append(names, f.Name)
		}
		e.Text = plan.Say("there is no %q; there are %s", "%q はありません。使えるもの: %s", name, strings.Join(names, ", "))
		if near := nearest.Word(name, names); near != "" {
			e.Text = plan.Say("there is no %q; did you mean %q?", "%q はありません。%q の間違いではありませんか", name, near)
		}
		return e
	}
	name, ok := strings.CutPrefix(found.message, undefined)
	if !ok {
		return e
	}
	name = strings.Trim(name, "'")
	e.Offset++ // from the dot to the name
	if s.shape.missing == "#steps" {
		e.Text = plan.Say("there is no step %q", "ステップ %q はありません", name)
	} else {
		owner := strings.TrimPrefix(s.shape.missing, "#")
		if s.facts == nil {
			owner = strings.TrimPrefix(owner, "steps.")
		}
		e.Text = plan.Say("%s has no %q", "%s に %q はありません", owner, name)
	}
	var names []string
	for _, f := range s.shape.objects[s.shape.missing] {
		names = append(names, f.Name)
	}
	var more plan.Text
	switch near := nearest.Word(name, names); {
	case near != "":
		more = plan.Say("; did you mean %q?", "。%q の間違いではありませんか", near)
	case len(names) == 0 && s.shape.missing == "#steps":
		more = plan.Text{EN: "; no step ran before", JA: "。先に実行されるステップがありません"}
	case len(names) == 0:
		more = plan.Text{EN: "; it has no output", JA: "。出力がありません"}
	case len(names) > 12:
		more = plan.Say("; there are %s, …", "。使えるもの: %s ほか", strings.Join(names[:12], ", "))
	default:
		more = plan.Say("; there are %s", "。使えるもの: %s", strings.Join(names, ", "))
	}
	e.Text = plan.Say("%s%s", "%s%s", e.Text, more)
	return e
}

func kindOf(t *cel.Type) Kind {
	switch t.Kind() {
	case types.StringKind, types.DurationKind:
		return Text
	case types.IntKind, types.UintKind:
		return Whole
	case types.DoubleKind:
		return Number
	case types.BoolKind:
		return Truth
	case types.ListKind:
		return List
	case types.MapKind:
		return Map
	case types.StructKind:
		return Object
	case types.OpaqueKind:
		return Number
	}
	return Any
}

// shapes gives CEL the fields of steps and run. Objects inside objects are named by
// their path behind a "#", which no expression can spell: CEL takes a.b for a type
// where a type has that name. missing is the object in which a field was looked for and not found last.
type shapes struct {
	types.Provider
	objects map[string][]Field
	missing string
}

func (s *shapes) FindStructType(name string) (*types.Type, bool) {
	if _, ok := s.objects[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return s.Provider.FindStructType(name)
}

func (s *shapes) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := s.objects[name]
	if !ok {
		return s.Provider.FindStructFieldNames(name)
	}
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out, true
}

func (s *shapes) FindStructFieldType(owner, field string) (*types.FieldType, bool) {
	fields, ok := s.objects[owner]
	if !ok {
		return s.Provider.FindStructFieldType(owner, field)
	}
	for _, f := range fields {
		if f.Name == field {
			return &types.FieldType{Type: s.typeOf(owner+"."+field, f.Shape)}, true
		}
	}
	s.missing = owner
	return nil, false
}

func (s *shapes) typeOf(path string, sh Shape) *types.Type {
	switch sh.Kind {
	case Text:
		return types.StringType
	case Whole:
		return types.IntType
	case Number:
		return number
	case Truth:
		return types.BoolType
	case List, Map:
		elem := types.DynType
		if sh.Elem != nil {
			elem = s.typeOf(path+"[]", *sh.Elem)
		}
		if sh.Kind == List {
			return types.NewListType(elem)
		}
		return types.NewMapType(types.StringType, elem)
	case Object:
		s.objects[path] = sh.Fields
		return types.NewObjectType(path)
	}
	return types.DynType
}
