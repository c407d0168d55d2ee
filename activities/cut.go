package activities

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/muster-dr/muster/internal/plan"
)

// maxOutput bounds what one action's output takes in a history, in bytes of JSON. An
// engine refuses much longer ones, and then the effect would count as not answered.
const maxOutput = 64 << 10

// budgets are how much of each long text's head and tail stays, tried in order until
// the whole output fits.
var budgets = []struct{ head, tail int }{{32 << 10, 16 << 10}, {8 << 10, 4 << 10}, {2 << 10, 1 << 10}, {512, 256}}

// Cut says what was left out of an output, in its field "cut".
type Cut struct {
	Field    string `json:"field"`              // path of the text in the output, "" for all of it
	Bytes    int    `json:"bytes"`              // length of the whole
	SHA256   string `json:"sha256"`             // of the whole
	Evidence string `json:"evidence,omitempty"` // where the whole is kept
}

// capped returns out, or what of it fits: long texts keep their head and tail, lists
// and objects that are too long as a whole are left out. The whole goes to the
// evidence store. out holds no secrets any more.
func (s *Site) capped(ctx context.Context, call plan.Call, out json.RawMessage) json.RawMessage {
	if len(out) <= maxOutput {
		return out
	}
	d := json.NewDecoder(bytes.NewReader(out))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil
	}
	keep := func(field string, whole []byte) Cut {
		sum := sha256.Sum256(whole)
		c := Cut{Field: field, Bytes: len(whole), SHA256: hex.EncodeToString(sum[:])}
		if s.Evidence == nil {
			return c
		}
		name := path.Join(call.Run, call.Runbook, fmt.Sprintf("%s-%d", call.Step, call.Generation), strings.ReplaceAll(field, "/", "_"))
		if field == "" {
			name += ".json"
		} else {
			name += ".txt"
		}
		var err error
		if c.Evidence, err = s.Evidence(ctx, name, whole); err != nil {
			Log(ctx).Error("a long output could not be kept", "field", field, "err", err)
		}
		return c
	}
	object, ok := v.(map[string]any)
	if !ok {
		object = map[string]any{"value": v}
	}
	for _, b := range budgets {
		t := trimming{head: b.head, tail: b.tail}
		short := t.value("", object)
		if size(short)+len(t.long)*300 > maxOutput {
			continue
		}
		cuts := make([]Cut, len(t.long))
		for i, l := range t.long {
			cuts[i] = keep(l.field, []byte(l.text))
		}
		short.(map[string]any)["cut"] = cuts
		if b, err := json.Marshal(short); err == nil && len(b) <= maxOutput {
			return b
		}
	}
	// Not the texts are long, the output has too many parts: its small fields stay.
	small := map[string]any{}
	for _, k := range sortedKeys(object) {
		if size(object[k]) <= 1<<10 && size(small) < maxOutput/4 {
			small[k] = object[k]
		}
	}
	small["cut"] = []Cut{keep("", out)}
	b, err := json.Marshal(small)
	if err != nil {
		return nil
	}
	return b
}

func size(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return 0
	}
	return len(b)
}

// trimming copies a value with long texts cut, and remembers them.
type trimming struct {
	head, tail int
	long       []longText
}

type longText struct{ field, text string }

func (t *trimming) value(field string, v any) any {
	switch v := v.(type) {
	case string:
		if len(v) <= t.head+t.tail+100 {
			return v
		}
		t.long = append(t.long, longText{field, v})
		head, tail := headOf(v, t.head), tailOf(v, t.tail)
		return fmt.Sprintf("%s\n… %d bytes left out …\n%s", head, len(v)-len(head)-len(tail), tail)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = t.value(fmt.Sprintf("%s[%d]", field, i), v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for _, k := range sortedKeys(v) {
			name := k
			if field != "" {
				name = field + "." + k
			}
			out[k] = t.value(name, v[k])
		}
		return out
	}
	return v
}

// headOf and tailOf return at most n bytes of s, without cutting a character.
func headOf(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func tailOf(s string, n int) string {
	if len(s) <= n {
		return s
	}
	from := len(s) - n
	for from < len(s) && !utf8.RuneStart(s[from]) {
		from++
	}
	return s[from:]
}
