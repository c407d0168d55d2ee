package activities

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Type is what a parameter holds, as authors write it in YAML.
type Type string

const (
	String   Type = "string"
	Int      Type = "int"
	Number   Type = "number"
	Bool     Type = "bool"
	Duration Type = "duration" // "30s"
	Size     Type = "size"     // "16MB"
	List     Type = "list"     // of Elem
	Map      Type = "map"      // of string to Elem
	Object   Type = "object"   // Fields
	TargetOf Type = "target"   // the name of a target of kind Kind
	SecretOf Type = "secret"   // secret://env/NAME or secret://file/path, or {drill: ..., real: ...} of these
	Any      Type = "any"      // any value
)

var types = map[Type]plan.Text{
	String: {EN: "text", JA: "文字列"}, Int: {EN: "whole number", JA: "整数"}, Number: {EN: "number", JA: "数値"}, Bool: {EN: "true or false", JA: "真偽値"},
	Duration: {EN: "duration", JA: "時間"}, Size: {EN: "size", JA: "大きさ"}, List: {EN: "list", JA: "リスト"}, Map: {EN: "map", JA: "名前と値の組"},
	Object: {EN: "object", JA: "オブジェクト"}, TargetOf: {EN: "target", JA: "操作対象"}, SecretOf: {EN: "secret", JA: "秘密情報"}, Any: {EN: "any value", JA: "任意の値"},
}

// Text is what people call the type, in docs and where a value is of another one.
func (t Type) Text() plan.Text {
	if said, ok := types[t]; ok {
		return said
	}
	return plan.Text{EN: string(t), JA: string(t)}
}

// Field is one parameter or output.
type Field struct {
	Name     string
	Help     plan.Text // tags help and ja
	Type     Type
	Required bool   // parameters: has no default
	Default  string // as written in YAML, lists and maps as JSON; "" may mean an empty value
	Example  string // as written in YAML, for docs; "" when none was given
	Enum     []string
	// Over makes a String a condition in CEL over these names. It is checked with the
	// files, before anything runs.
	Over []string
	// Gives makes a Map of text one of expressions in CEL over these names. They are
	// checked with the files, and give the output of the same name its types.
	Gives []string
	// Form is the form of a String, see Forms. It is checked with the files.
	Form   string
	Kind   string  // TargetOf: the kind of target
	Elem   *Field  // List and Map
	Fields []Field // Object
}

// Secret is a value that is given by reference in files and resolved on the site
// worker. It prints as "***"; Reveal gives the value.
type Secret struct{ value string }

func NewSecret(value string) Secret           { return Secret{value} }
func (s Secret) Reveal() string               { return s.value }
func (s Secret) String() string               { return "***" }
func (s Secret) GoString() string             { return "***" }
func (s Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }
func (s *Secret) UnmarshalText(b []byte) error {
	s.value = string(b)
	return nil
}

// Target is a reference to a target of the estate. In files it is the target's name;
// when an action runs, Spec holds the estate's entry, of the type S that the kind
// declared with DefineTarget.
type Target[S any] struct {
	Name string
	Site string
	Spec S

	worker string // the site at which the action runs
}

// Elsewhere reports whether the action runs at another site than the target's. A path,
// a process or a unit of this machine is then never the target's, however it is called:
// the sites of one system are built alike, down to their data directories. False for a
// target of no site.
func (t Target[S]) Elsewhere() bool { return t.Site != "" && t.worker != "" && t.Site != t.worker }

func (t Target[S]) MarshalText() ([]byte, error) { return []byte(t.Name), nil }
func (t *Target[S]) UnmarshalText(b []byte) error {
	t.Name = string(b)
	return nil
}

// targetRef is what the decoder fills after the names are read.
type targetRef interface {
	ref() (name *string, spec any)
	found(site, worker string)
}

func (t *Target[S]) ref() (*string, any)       { return &t.Name, &t.Spec }
func (t *Target[S]) found(site, worker string) { t.Site, t.worker = site, worker }

// TargetKind is a kind of thing that actions act on, with the fields of its entry in
// the estate.
type TargetKind struct {
	Kind    string
	Summary plan.Text
	Fields  []Field
	// Local kinds live on the machine of their own site's worker, and nowhere else: no
	// other site's worker may act on them.
	Local bool
	// Mistake is what is wrong with an entry whose fields are right one by one, with the
	// way out; zero is nothing. The struct's own method Mistake says it; nil without one.
	Mistake func(spec json.RawMessage) plan.Text

	paths func(json.RawMessage, []Field) []string
}

// DefineTarget declares a kind of target from the struct of its entry.
func DefineTarget[S any](kind string, summary plan.Text) TargetKind {
	k := TargetKind{Kind: kind, Summary: summary, Fields: fieldsOf[S]("target "+kind, true), paths: namedPaths[S]}
	if _, ok := any(*new(S)).(interface{ Mistake() plan.Text }); ok {
		k.Mistake = func(spec json.RawMessage) plan.Text {
			var s S
			if json.Unmarshal(spec, &s) != nil {
				return plan.Text{} // the fields' own mistakes are told already
			}
			return any(s).(interface{ Mistake() plan.Text }).Mistake()
		}
	}
	return k
}

// OnTheMachine makes the kind Local.
func (k TargetKind) OnTheMachine() TargetKind {
	k.Local = true
	return k
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func fieldsOf[P any](owner string, params bool) []Field {
	return structFields(owner, reflect.TypeFor[P](), params)
}

func structFields(owner string, t reflect.Type, params bool) []Field {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("%s: %s is not a struct", owner, t))
	}
	var out []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() {
			continue
		}
		if sf.Anonymous { // its fields stand among ours, as in JSON
			out = append(out, structFields(owner, sf.Type, params)...)
			continue
		}
		name := jsonName(sf)
		if name == "" || name == "-" {
			panic(fmt.Sprintf("%s: field %s has no json name", owner, sf.Name))
		}
		f := Field{Name: name, Help: plan.Text{EN: sf.Tag.Get("help"), JA: sf.Tag.Get("ja")}, Example: sf.Tag.Get("example")}
		if f.Help.EN == "" {
			panic(fmt.Sprintf("%s: field %s has no help", owner, sf.Name))
		}
		if params {
			f.Default, f.Required = sf.Tag.Get("default"), false
			if _, ok := sf.Tag.Lookup("default"); !ok {
				f.Required = true
			}
		}
		if e := sf.Tag.Get("enum"); e != "" {
			f.Enum = strings.Split(e, ",")
		}
		if reach := sf.Tag.Get("reach"); reach != "" && !slices.Contains(reachTags, reach) {
			panic(fmt.Sprintf("%s: field %s reaches %q; it may be %s", owner, sf.Name, reach, strings.Join(reachTags, ", ")))
		}
		if f.Form = sf.Tag.Get("form"); f.Form != "" && Forms[f.Form] == nil {
			panic(fmt.Sprintf("%s: field %s has the form %q, which is none", owner, sf.Name, f.Form))
		}
		if o := sf.Tag.Get("over"); o != "" {
			f.Over = strings.Split(o, ",")
		}
		if g := sf.Tag.Get("gives"); g != "" {
			f.Gives = strings.Split(g, ",")
		}
		fill(&f, owner+"."+name, sf.Type, params)
		if f.Gives != nil && (f.Type != Map || f.Elem.Type != String) {
			panic(fmt.Sprintf("%s: field %s gives expressions and is no map of text", owner, sf.Name))
		}
		target := &f
		if f.Type == List {
			target = f.Elem
		}
		if target.Type == TargetOf {
			if target.Kind = sf.Tag.Get("kind"); target.Kind == "" {
				panic(fmt.Sprintf("%s: target field %s has no kind", owner, sf.Name))
			}
		}
		out = append(out, f)
	}
	return out
}

func fill(f *Field, owner string, t reflect.Type, params bool) {
	switch t {
	case reflect.TypeFor[run.Duration]():
		f.Type = Duration
		return
	case reflect.TypeFor[run.Bytes]():
		f.Type = Size
		return
	case reflect.TypeFor[Secret]():
		f.Type = SecretOf
		return
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[targetRef]()) {
		f.Type = TargetOf
		return
	}
	switch t.Kind() {
	case reflect.String:
		f.Type = String
	case reflect.Int, reflect.Int64, reflect.Uint32, reflect.Int32:
		f.Type = Int
	case reflect.Float64:
		f.Type = Number
	case reflect.Bool:
		f.Type = Bool
	case reflect.Pointer:
		fill(f, owner, t.Elem(), params)
	case reflect.Slice:
		f.Type, f.Elem = List, &Field{}
		if t.Elem().Kind() == reflect.Uint8 { // json.RawMessage
			f.Type, f.Elem = Any, nil
			return
		}
		fill(f.Elem, owner, t.Elem(), params)
	case reflect.Map:
		f.Type, f.Elem = Map, &Field{}
		fill(f.Elem, owner, t.Elem(), params)
	case reflect.Interface:
		f.Type = Any
	case reflect.Struct:
		if t.String() == "time.Time" {
			f.Type = String
			return
		}
		f.Type, f.Fields = Object, structFields(owner, t, params)
	default:
		panic(fmt.Sprintf("%s: type %s can't be a parameter", owner, t))
	}
}
