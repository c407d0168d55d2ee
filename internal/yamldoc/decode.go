package yamldoc

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/plan"
)

// Decoder fills structs from the nodes of one file. Tags of a struct's fields: json
// (the name), help (English), ja (the help in Japanese, of fields that must be there), default (makes the field optional; "" is "absent"), enum
// ("a,b,c"), is ("name": a name as we write them), min and max (of a whole number), item (for
// lists: what an entry is called in messages), single (for lists: one entry may stand
// without the list), rest (a list of Entry[Raw] that takes all other fields).
// A field of type Place takes the place of the whole map.
type Decoder struct {
	File string
	Log  *Log
}

// At is where a node stands.
func (d *Decoder) At(n *yaml.Node) Place { return place(d.File, n) }

type tags struct {
	name, help, ja, def, item string
	enum                      []string
	is                        string
	min, max                  *int
	optional                  bool
	single, rest              bool
	index                     int
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]*([_-][a-z0-9]+)*$`)

const maxName = 63

// IsName reports whether s is a name as plan files write them.
func IsName(s string) bool { return len(s) <= maxName && nameForm.MatchString(s) }

// fits checks what the tags say about a scalar's value.
func (t tags) fits(v string) error {
	if len(t.enum) > 0 && !slices.Contains(t.enum, v) {
		return plan.Wrong("%q is none of %s%s", "%q は指定できません。選択肢: %s%s", Short(v), strings.Join(t.enum, ", "), Near(v, t.enum))
	}
	if t.is == "name" && !IsName(v) {
		return plan.Wrong("%q is not a name; use lower-case letters, digits and single hyphens, at most %d, such as orders-failover", "%q は名前として使えません。英小文字、数字、ハイフン（連続不可）で、%d 文字以内で書いてください（例: orders-failover）", Short(v), maxName)
	}
	if n, err := strconv.Atoi(v); err == nil {
		if t.min != nil && n < *t.min {
			return plan.Wrong("%d is too small; the least is %d", "%d は小さすぎます。%d 以上にしてください", n, *t.min)
		}
		if t.max != nil && n > *t.max {
			return plan.Wrong("%d is too large; the most is %d", "%d は大きすぎます。%d 以下にしてください", n, *t.max)
		}
	}
	return nil
}

var declared sync.Map // reflect.Type → []tags

func tagsOf(t reflect.Type) []tags {
	if v, ok := declared.Load(t); ok {
		return v.([]tags)
	}
	var out []tags
	for i := range t.NumField() {
		f := t.Field(i)
		name := f.Tag.Get("json")
		if f.Type == reflect.TypeFor[Place]() && name == "" {
			continue
		}
		if name == "" {
			panic(fmt.Sprintf("%s.%s has no json name", t, f.Name))
		}
		g := tags{name: name, help: f.Tag.Get("help"), ja: f.Tag.Get("ja"), item: f.Tag.Get("item"), is: f.Tag.Get("is"),
			single: f.Tag.Get("single") != "", rest: f.Tag.Get("rest") != "", index: i}
		if g.help == "" {
			panic(fmt.Sprintf("%s.%s has no help", t, f.Name))
		}
		g.def, g.optional = f.Tag.Lookup("default")
		if g.ja == "" && !g.optional && !g.rest {
			panic(fmt.Sprintf("%s.%s must be given and has no help in Japanese", t, f.Name))
		}
		if e := f.Tag.Get("enum"); e != "" {
			g.enum = strings.Split(e, ",")
		}
		for _, b := range []struct {
			key string
			to  **int
		}{{"min", &g.min}, {"max", &g.max}} {
			if s, ok := f.Tag.Lookup(b.key); ok {
				n, err := strconv.Atoi(s)
				if err != nil {
					panic(fmt.Sprintf("%s.%s: %s is no number", t, f.Name, b.key))
				}
				*b.to = &n
			}
		}
		out = append(out, g)
	}
	declared.Store(t, out)
	return out
}

// Decode fills out, a pointer to a struct, from a map. where is what the map is called
// in messages. It reports whether the node was a map.
func (d *Decoder) Decode(where string, n *yaml.Node, out any) bool {
	return d.fields(where, n, reflect.ValueOf(out).Elem())
}

func (d *Decoder) fields(where string, n *yaml.Node, out reflect.Value) bool {
	prefix := where
	if prefix != "" {
		prefix += ": "
	}
	if n.Kind != yaml.MappingNode {
		d.Log.Add(d.At(n), "%swrite fields, not %s", "%sここには項目を書きます（%sは書けません）", prefix, Describe(n))
		return false
	}
	if p := out.FieldByName("Place"); p.IsValid() && p.Type() == reflect.TypeFor[Place]() {
		p.Set(reflect.ValueOf(d.At(n)))
	}
	decl := tagsOf(out.Type())
	given := map[string]bool{}
	var rest *reflect.Value
	for _, t := range decl {
		if t.rest {
			f := out.Field(t.index)
			rest = &f
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		at := slices.IndexFunc(decl, func(t tags) bool { return !t.rest && t.name == k.Value })
		if at >= 0 {
			given[k.Value] = true
			d.value(prefix+k.Value, v, out.Field(decl[at].index), decl[at])
			continue
		}
		if rest != nil {
			e := Entry[Raw]{Key: Value[string]{V: k.Value, Place: d.At(k), Set: true}, Value: Raw{Node: apart(v), Place: d.At(v)}}
			rest.Set(reflect.Append(*rest, reflect.ValueOf(e)))
			continue
		}
		d.Log.Add(d.At(k), "%sunknown field %q%s", "%s%q という項目はありません%s", prefix, Short(k.Value), Meant(k.Value, names(decl)))
	}
	for _, t := range decl {
		if t.rest || given[t.name] {
			continue
		}
		if !t.optional {
			d.Log.Add(d.At(n), "%s%s is missing: %s", "%s%s がありません（%s）", prefix, t.name, plan.Text{EN: lowerFirst(t.help), JA: t.ja})
		}
		if l, ok := out.Field(t.index).Addr().Interface().(leaf); ok {
			l.preset(t)
		} else if f := out.Field(t.index); f.Kind() == reflect.Struct {
			presets(f)
		}
	}
	return true
}

// presets gives an absent block the defaults of its fields.
func presets(out reflect.Value) {
	for _, t := range tagsOf(out.Type()) {
		f := out.Field(t.index)
		if l, ok := f.Addr().Interface().(leaf); ok {
			l.preset(t)
		} else if f.Kind() == reflect.Struct {
			presets(f)
		}
	}
}

func (d *Decoder) value(where string, n *yaml.Node, out reflect.Value, t tags) {
	if l, ok := out.Addr().Interface().(leaf); ok {
		l.read(d, where, n, t)
		return
	}
	switch out.Kind() {
	case reflect.Pointer:
		p := reflect.New(out.Type().Elem())
		d.value(where, n, p.Elem(), t)
		out.Set(p)
	case reflect.Struct:
		d.fields(where, n, out)
	case reflect.Slice:
		if isDict(out.Type()) {
			d.dict(where, n, out, t)
			return
		}
		d.list(where, n, out, t)
	default:
		panic(fmt.Sprintf("%s: a file can't hold %s", where, out.Type()))
	}
}

func (d *Decoder) list(where string, n *yaml.Node, out reflect.Value, t tags) {
	items := n.Content
	if n.Kind != yaml.SequenceNode {
		alone := n.Kind == yaml.MappingNode || n.Kind == yaml.ScalarNode && isLeaf(out.Type().Elem())
		if !t.single || !alone {
			what := plan.Text{EN: "a list", JA: "リスト"}
			if t.single && isLeaf(out.Type().Elem()) {
				what = plan.Text{EN: "one value, or a list of such", JA: "値1つ、またはそのリスト"}
			} else if t.single {
				what = plan.Text{EN: "fields such as {uses: ...}, or a list of such", JA: "{uses: ...} のような項目、またはそのリスト"}
			}
			d.Log.Add(d.At(n), "%s: write %s, not %s", "%s: ここには%sを書きます（%sは書けません）", where, what, Describe(n))
			return
		}
		items = []*yaml.Node{n}
	}
	out.Set(reflect.MakeSlice(out.Type(), len(items), len(items)))
	outer := strings.TrimSuffix(where, t.name)
	for i, item := range items {
		label := fmt.Sprintf("%s[%d]", where, i)
		if n.Kind != yaml.SequenceNode {
			label = where
		}
		if t.item != "" {
			label = outer + t.item + " " + called(item, i)
		}
		if f := out.Index(i); n.Kind == yaml.ScalarNode && f.Kind() == reflect.Struct {
			if alone := f.FieldByName("Alone"); alone.IsValid() {
				alone.SetBool(true)
			}
		}
		d.value(label, item, out.Index(i), tags{name: t.name, help: t.help, enum: t.enum, is: t.is, min: t.min, max: t.max})
	}
}

func isLeaf(t reflect.Type) bool {
	_, ok := reflect.New(t).Interface().(leaf)
	return ok
}

// called is how messages name an entry of a list: by its id or name, else by number.
func called(n *yaml.Node, i int) string {
	if n.Kind == yaml.MappingNode {
		for _, key := range []string{"id", "name"} {
			for k := 0; k+1 < len(n.Content); k += 2 {
				if n.Content[k].Value == key && n.Content[k+1].Kind == yaml.ScalarNode && n.Content[k+1].Value != "" {
					return Short(n.Content[k+1].Value)
				}
			}
		}
	}
	return strconv.Itoa(i + 1)
}

func isDict(t reflect.Type) bool {
	e := t.Elem()
	return e.Kind() == reflect.Struct && e.NumField() == 2 && e.Field(0).Name == "Key" && e.Field(0).Type == reflect.TypeFor[Value[string]]()
}

func (d *Decoder) dict(where string, n *yaml.Node, out reflect.Value, t tags) {
	if n.Kind != yaml.MappingNode {
		d.Log.Add(d.At(n), "%s: write names with values, not %s", "%s: ここには名前と値の組を書きます（%sは書けません）", where, Describe(n))
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		e := reflect.New(out.Type().Elem()).Elem()
		e.Field(0).Addr().Interface().(leaf).read(d, where, n.Content[i], tags{is: "name"})
		d.value(where+": "+Short(n.Content[i].Value), n.Content[i+1], e.Field(1), tags{enum: t.enum, min: t.min, max: t.max})
		out.Set(reflect.Append(out, e))
	}
}

func names(decl []tags) []string {
	var out []string
	for _, t := range decl {
		if !t.rest {
			out = append(out, t.name)
		}
	}
	return out
}

func lowerFirst(s string) string {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && !(s[1] >= 'A' && s[1] <= 'Z') {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}
