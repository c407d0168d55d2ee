package outcome

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Difference is a value that is kept otherwise than the record gives it, both as JSON; "" is none.
type Difference struct{ Path, Kept, Made string }

// Differences lists where two things differ as JSON, by path. Members of a list go by their id where they have one.
func Differences(kept, made any) ([]Difference, error) {
	k, err := plainly(kept)
	if err != nil {
		return nil, err
	}
	m, err := plainly(made)
	if err != nil {
		return nil, err
	}
	return differ(nil, "", k, m), nil
}

// plainly is a value as JSON has it, with its numbers as they are written.
func plainly(v any) (out any, err error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	err = d.Decode(&out)
	return out, err
}

func differ(out []Difference, path string, kept, made any) []Difference {
	k, isMap := members(kept)
	m, other := members(made)
	if !isMap || !other {
		if a, b := words(kept), words(made); a != b {
			out = append(out, Difference{path, a, b})
		}
		return out
	}
	names := slices.AppendSeq(slices.Collect(maps.Keys(k)), maps.Keys(m))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		at := name
		if path != "" {
			at = path + "." + name
		}
		out = differ(out, at, k[name], m[name])
	}
	return out
}

// members are those of an object or a list; nothing has none, and reads as an empty one.
func members(v any) (map[string]any, bool) {
	switch v := v.(type) {
	case map[string]any:
		return v, true
	case []any:
		out := map[string]any{}
		for i, one := range v {
			name := fmt.Sprint(i)
			if of, ok := one.(map[string]any); ok {
				if id, ok := of["id"].(string); ok && out[id] == nil {
					name = id
				}
			}
			out[name] = one
		}
		return out, true
	}
	return nil, false
}

func words(v any) string {
	if v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

const (
	mostSaid  = 3 // of the differences of one thing
	longest   = 60
	noValueEN = "nothing"
	noValueJA = "なし"
)

// Say says what of a thing differs.
func Say(what plan.Text, list []Difference) plan.Text {
	var en, ja string
	for i, d := range list {
		if i == mostSaid {
			en += fmt.Sprintf(", and %d more", len(list)-i)
			ja += fmt.Sprintf("、ほか%d件", len(list)-i)
			break
		}
		if i > 0 {
			en, ja = en+", ", ja+"、"
		}
		or := func(v, none string) string {
			if v == "" {
				return none
			}
			return run.OneLine(v, longest)
		}
		en += fmt.Sprintf("%s was %s, by the record %s", d.Path, or(d.Kept, noValueEN), or(d.Made, noValueEN))
		ja += fmt.Sprintf("%s が %s（記録からは %s）", d.Path, or(d.Kept, noValueJA), or(d.Made, noValueJA))
	}
	return plan.Text{EN: what.EN + ": " + en, JA: what.JA + "：" + ja}
}
