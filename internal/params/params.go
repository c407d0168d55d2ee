// Package params checks what a file gives an action or a target against their
// declaration, and turns it into the JSON that the plan freezes. Defaults are written
// out, so that a newer program runs an old plan with the old defaults.
package params

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Checker checks values of one file.
type Checker struct {
	*yamldoc.Decoder
	// Scope is what expressions can read; nil where none may stand, and Why says why.
	Scope *expr.Scope
	Why   plan.Text
	// Target finds a target's kind; nil where targets can't be named.
	Target func(name string) (kind string, ok bool)
	// Targets lists the names of a kind ("" is all), for hints.
	Targets func(kind string) []string
}

// Checked is what was read. It is whole only when the log holds no mistake of it.
type Checked struct {
	JSON    json.RawMessage // nil when there is nothing to give
	Targets []string        // names of targets, sorted
	Reads   []Read          // steps whose outputs expressions read
}

// Read is a step that an expression reads, and where.
type Read struct {
	Step string
	At   yamldoc.Place
}

// Fields checks a map against a declaration. A nil node is an empty map; at is then
// where messages point.
func (c *Checker) Fields(where string, n *yaml.Node, at yamldoc.Place, fields []activities.Field) Checked {
	r := &reader{Checker: c}
	var b bytes.Buffer
	r.object(&b, where, n, at, fields)
	return r.checked(b)
}

// Entries does the same for fields that stand beside others in one map.
func (c *Checker) Entries(where string, entries []yamldoc.Entry[yamldoc.Raw], at yamldoc.Place, fields []activities.Field) Checked {
	n := &yaml.Node{Kind: yaml.MappingNode, Line: at.Line, Column: at.Column}
	for _, e := range entries {
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: e.Key.V, Line: e.Key.Line, Column: e.Key.Column}, e.Value.Node)
	}
	return c.Fields(where, n, at, fields)
}

type reader struct {
	*Checker
	targets []string
	reads   []Read
}

func (r *reader) checked(b bytes.Buffer) Checked {
	slices.Sort(r.targets)
	out := Checked{Targets: slices.Compact(r.targets), Reads: r.reads}
	if b.Len() > 2 {
		out.JSON = b.Bytes()
	}
	return out
}

// object writes the fields in the order of their declaration.
func (r *reader) object(b *bytes.Buffer, where string, n *yaml.Node, at yamldoc.Place, fields []activities.Field) {
	given := map[string]*yaml.Node{}
	if n != nil {
		at = r.At(n)
		if n.Kind != yaml.MappingNode {
			r.Log.Add(at, "%s: write fields, not %s", "%s: ここには項目を書きます（%sは書けません）", where, yamldoc.Describe(n))
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			if !slices.ContainsFunc(fields, func(f activities.Field) bool { return f.Name == k.Value }) {
				r.Log.Add(r.At(k), "%s: unknown field %q%s", "%s: %q という項目はありません%s", where, yamldoc.Short(k.Value), yamldoc.Meant(k.Value, fieldNames(fields)))
				continue
			}
			given[k.Value] = n.Content[i+1]
		}
	}
	b.WriteByte('{')
	first := true
	for _, f := range fields {
		v, ok := given[f.Name]
		preset := presetOf(f)
		if !ok && preset == nil {
			if f.Required {
				r.Log.Add(at, "%s: %s is missing: %s", "%s: %s がありません（%s）", where, f.Name, plan.Text{EN: strings.TrimSuffix(lower(f.Help.EN), "."), JA: f.Help.JA})
			}
			continue
		}
		if !first {
			b.WriteByte(',')
		}
		first = false
		writeString(b, f.Name)
		b.WriteByte(':')
		if !ok {
			b.Write(preset)
			continue
		}
		r.value(b, where+": "+f.Name, v, f)
	}
	b.WriteByte('}')
}

// value writes one value. After a mistake it writes null: what is written is then
// never used.
func (r *reader) value(b *bytes.Buffer, where string, n *yaml.Node, f activities.Field) {
	if n.Kind == yaml.ScalarNode && expr.Has(n.Value) {
		r.expression(b, where, n, f)
		return
	}
	switch f.Type {
	case activities.Object:
		r.object(b, where, n, r.At(n), f.Fields)
		return
	case activities.List:
		r.list(b, where, n, f)
		return
	case activities.Map:
		if f.Gives != nil {
			r.given(b, where, n, f)
			return
		}
		r.mapping(b, where, n, f)
		return
	case activities.Any:
		r.any(b, where, n)
		return
	case activities.SecretOf:
		if n.Kind == yaml.MappingNode {
			r.secrets(b, where, n)
			return
		}
	}
	v, err := r.scalar(n, f)
	if s, ok := v.(string); ok && err == nil && len(f.Over) > 0 && s != "" {
		r.condition(where, n, s, f)
	}
	if err != nil {
		r.Log.Add(r.At(n), "%s: %v", "%s: %v", where, err)
		b.WriteString("null")
		return
	}
	writeJSON(b, v)
}

func (r *reader) scalar(n *yaml.Node, f activities.Field) (any, error) {
	switch f.Type {
	case activities.Int:
		return yamldoc.Int(n)
	case activities.Number:
		return yamldoc.Number(n)
	case activities.Bool:
		return yamldoc.Bool(n)
	case activities.Duration:
		return yamldoc.Duration(n)
	case activities.Size:
		return yamldoc.Size(n)
	case activities.TargetOf:
		s, err := yamldoc.String(n)
		if err != nil {
			return nil, err
		}
		return s, r.target(s, f.Kind)
	case activities.SecretOf:
		s, err := yamldoc.String(n)
		if err != nil {
			return nil, plan.Wrong("a secret is given by reference; write secret://env/NAME or secret://file/path, or {drill: ..., real: ...} of these", "秘密情報は参照で指定します。secret://env/NAME か secret://file/path、またはそれらを使った {drill: ..., real: ...} を書いてください")
		}
		return s, secretRef(s)
	}
	s, err := yamldoc.String(n)
	if err != nil {
		return nil, err
	}
	if len(f.Enum) > 0 && !slices.Contains(f.Enum, s) {
		return nil, plan.Wrong("%q is not one of its values%s", "%q は指定できる値ではありません%s", yamldoc.Short(s), yamldoc.Meant(s, f.Enum))
	}
	if check := activities.Forms[f.Form]; check != nil && s != "" {
		if err := check(s); err != nil {
			return nil, err
		}
	}
	return s, plainText(s)
}

// ofKinds are the two references of a secret that is another in drills than in the real
// thing.
var ofKinds = []activities.Field{
	{Name: "drill", Help: plan.Text{EN: "Reference for drills.", JA: "訓練用の参照"}, Type: activities.SecretOf, Required: true},
	{Name: "real", Help: plan.Text{EN: "Reference for the real thing.", JA: "本番用の参照"}, Type: activities.SecretOf, Required: true},
}

// secrets writes such a secret.
func (r *reader) secrets(b *bytes.Buffer, where string, n *yaml.Node) {
	given := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := n.Content[i+1]
		if v.Kind == yaml.MappingNode {
			r.Log.Add(r.At(v), "%s: %s: write one reference", "%s: %s: 参照を1つだけ書いてください", where, yamldoc.Short(n.Content[i].Value))
			b.WriteString("null")
			return
		}
		given[n.Content[i].Value] = v.Value
	}
	if drill, real := given["drill"], given["real"]; drill != "" && drill == real {
		r.Log.Add(r.At(n), "%s: drill and real are the same secret; give drills one of their own, or write the reference alone", "%s: drill と real が同じ秘密情報です。訓練専用のものを用意するか、参照を1つだけ書いてください", where)
	}
	r.object(b, where, n, r.At(n), ofKinds)
}

var (
	secretForm = regexp.MustCompile(`^secret://(env/[A-Za-z_][A-Za-z0-9_]*|file/.*[^/]|systemd/[A-Za-z0-9._@:-]+|vault/[^/#\s]+/[^#\s]*[^/#\s]#[^#\s]+|` +
		`(aws/[A-Za-z0-9/_+=.@!:-]+|gcp/[a-z0-9.:-]+/[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)?|azure/[A-Za-z0-9.-]+/[A-Za-z0-9-]+)(#[^#\s]+)?)$`)
	// loggedIn finds a password inside an address, as in postgres://user:word@host.
	loggedIn = regexp.MustCompile(`[a-zA-Z][a-zA-Z0-9+.-]*://[^/@\s:]*:[^/@\s]+@`)
)

// secretRef never repeats what was written: it may be the secret itself.
func secretRef(s string) error {
	switch {
	case secretForm.MatchString(s):
		return nil
	case strings.HasPrefix(s, "secret://"):
		return plan.Wrong("the reference is none of secret://env/NAME, secret://file/path, secret://systemd/NAME, secret://vault/MOUNT/PATH#FIELD, secret://aws/NAME#FIELD, secret://gcp/PROJECT/SECRET#FIELD and secret://azure/VAULT/SECRET#FIELD", "参照の形が正しくありません。secret://env/NAME、secret://file/path、secret://systemd/NAME、secret://vault/MOUNT/PATH#FIELD、secret://aws/NAME#FIELD、secret://gcp/PROJECT/SECRET#FIELD、secret://azure/VAULT/SECRET#FIELD のいずれかで書いてください")
	}
	return plan.Wrong("a secret may not stand in a file; put it into the site worker's environment or a file there, and write secret://env/NAME or secret://file/path", "計画ファイルに秘密情報を書くことはできません。拠点ワーカーの環境変数かそのマシン上のファイルに置き、secret://env/NAME か secret://file/path を書いてください")
}

func plainText(s string) error {
	if strings.Contains(s, "secret://") {
		return plan.Wrong("a secret can't be used here: the value would be written down; only fields for secrets take references", "ここでは秘密情報を使えません（値が記録に残ってしまいます）。参照を書けるのは秘密情報用の項目だけです")
	}
	if loggedIn.MatchString(s) {
		return plan.Wrong("the address holds a password; take it out, and give it in the field for the secret", "アドレスにパスワードが含まれています。取り除き、秘密情報用の項目で指定してください")
	}
	return nil
}

func (r *reader) target(name, kind string) error {
	if r.Target == nil {
		return plan.Wrong("a target can't be named here", "ここでは操作対象を指定できません")
	}
	found, ok := r.Target(name)
	if !ok {
		return plan.Wrong("the estate has no target %q%s", "構成台帳に操作対象 %q はありません%s", yamldoc.Short(name), yamldoc.Meant(name, r.Targets(kind)))
	}
	if kind != "" && found != kind {
		return plan.Wrong("%s is a %s target; this needs one of kind %s%s", "%s は種類 %s の操作対象です。ここには種類 %s のものが必要です%s", name, found, kind, yamldoc.Meant(name, r.Targets(kind)))
	}
	r.targets = append(r.targets, name)
	return nil
}

func (r *reader) list(b *bytes.Buffer, where string, n *yaml.Node, f activities.Field) {
	if n.Kind != yaml.SequenceNode {
		what := plan.Text{EN: "a list", JA: "リスト"}
		if n.Kind == yaml.ScalarNode && strings.Contains(n.Value, " ") {
			what = plan.Text{EN: "a list, one word or argument an entry (nothing here goes through a shell)", JA: "語や引数を1つずつ並べたリスト（シェルは介しません）"}
		}
		r.Log.Add(r.At(n), "%s: write %s, not %s", "%s: ここには%sを書きます（%sは書けません）", where, what, yamldoc.Describe(n))
		b.WriteString("null")
		return
	}
	b.WriteByte('[')
	for i, item := range n.Content {
		if i > 0 {
			b.WriteByte(',')
		}
		elem := *f.Elem
		if elem.Kind == "" {
			elem.Kind = f.Kind
		}
		if elem.Enum == nil {
			elem.Enum = f.Enum
		}
		r.value(b, fmt.Sprintf("%s[%d]", where, i), item, elem)
	}
	b.WriteByte(']')
}

func (r *reader) mapping(b *bytes.Buffer, where string, n *yaml.Node, f activities.Field) {
	if n.Kind != yaml.MappingNode {
		r.Log.Add(r.At(n), "%s: write names with values, not %s", "%s: ここには名前と値の組を書きます（%sは書けません）", where, yamldoc.Describe(n))
		b.WriteString("null")
		return
	}
	b.WriteByte('{')
	for i, k := range sortedPairs(n) {
		if i > 0 {
			b.WriteByte(',')
		}
		writeString(b, k.key.Value)
		b.WriteByte(':')
		r.value(b, where+": "+yamldoc.Short(k.key.Value), k.value, *f.Elem)
	}
	b.WriteByte('}')
}

type pair struct{ key, value *yaml.Node }

// sortedPairs puts a map whose order means nothing into the one order that gives the
// same plan for the same content.
func sortedPairs(n *yaml.Node) []pair {
	var out []pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		out = append(out, pair{n.Content[i], n.Content[i+1]})
	}
	slices.SortStableFunc(out, func(a, b pair) int { return strings.Compare(a.key.Value, b.key.Value) })
	return out
}

// any writes a value as YAML means it; its texts may hold expressions.
func (r *reader) any(b *bytes.Buffer, where string, n *yaml.Node) {
	anything := &activities.Field{Type: activities.Any}
	switch n.Kind {
	case yaml.SequenceNode:
		r.list(b, where, n, activities.Field{Elem: anything})
		return
	case yaml.MappingNode:
		r.mapping(b, where, n, activities.Field{Elem: anything})
		return
	}
	var v any
	var err error
	switch n.ShortTag() {
	case "!!null":
		v = nil
	case "!!bool":
		v, err = yamldoc.Bool(n)
	case "!!int":
		v, err = yamldoc.Int(n)
	case "!!float":
		v, err = yamldoc.Number(n)
	default:
		var s string
		if s, err = yamldoc.String(n); err == nil {
			v, err = s, plainText(s)
		}
	}
	if err != nil {
		r.Log.Add(r.At(n), "%s: %v", "%s: %v", where, err)
	}
	writeJSON(b, v)
}

func fieldNames(fields []activities.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

// presetOf is a field's default as JSON, nil when it has none.
func presetOf(f activities.Field) json.RawMessage {
	if f.Default == "" {
		return nil
	}
	switch f.Type {
	case activities.Int, activities.Number, activities.Bool, activities.List, activities.Map, activities.Object, activities.Any:
		if json.Valid([]byte(f.Default)) {
			return json.RawMessage(f.Default)
		}
	}
	var b bytes.Buffer
	writeString(&b, f.Default)
	return b.Bytes()
}

func lower(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && !(s[1] >= 'A' && s[1] <= 'Z') {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

func writeString(b *bytes.Buffer, s string) { writeJSON(b, s) }

func writeJSON(b *bytes.Buffer, v any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		b.WriteString("null")
		return
	}
	b.Truncate(b.Len() - 1) // the encoder's line end
}
