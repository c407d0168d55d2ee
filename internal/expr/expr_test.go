package expr

import (
	"encoding/json"
	"strings"
	"testing"
)

var vars = map[string]any{
	"steps": map[string]any{
		"promote": json.RawMessage(`{"timeline":2,"lag":"16kB","ratio":3,"up":true,"peers":["a","b"]}`),
		"status":  map[string]any{"timeline": float64(7), "note": "x<y"},
	},
	"run": map[string]any{"id": "r1", "kind": "drill", "depth": "live"},
}

func TestInterpolate(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1, "b":"plain"}`:                                      `{"a":1, "b":"plain"}`,
		`{"t":"${{ steps.promote.timeline }}"}`:                     `{"t":2}`,
		`{"t":"${{ steps.status.timeline + 1 }}"}`:                  `{"t":8}`,
		`"timeline ${{ steps.promote.timeline }} of ${{ run.id }}"`: `"timeline 2 of r1"`,
		`["${{ steps.promote.peers }}", "${{steps.promote.up}}"]`:   `[["a","b"],true]`,
		`"${{ {\"a\": {\"b\": 1}} }}"`:                              `{"a":{"b":1}}`,
		`"${{ \"}}\" + '${{' }}"`:                                   `"}}${{"`,
		`"${{ steps.status.note }}"`:                                `"x<y"`,
		`"peers: ${{ steps.promote.peers }}"`:                       `"peers: [\"a\",\"b\"]"`,
		`"${{ double(steps.promote.ratio) / 2.0 }}"`:                `1.5`,
		`"${{ duration('90s') > duration('1m') }}"`:                 `true`,
		`9007199254740993`:                                          `9007199254740993`,
		`["${{ run.id }}", 9007199254740993]`:                       `["r1",9007199254740993]`,
	} {
		got, err := Interpolate(json.RawMessage(in), vars)
		if err != nil || string(got) != want {
			t.Errorf("Interpolate(%s) = %s, %v, want %s", in, got, err, want)
		}
	}
}

func TestInterpolateSaysWhatIsWrong(t *testing.T) {
	for in, want := range map[string]string{
		`"${{ steps.promote.timeline "`:              "never closed",
		`"${{  }}"`:                                  "empty",
		`{"x":["${{ steps.gone.timeline }}"]}`:       "x: ",
		`"a ${{ null }}"`:                            "null",
		`"${{ 1.0/0.0 }}"`:                           "finite",
		`"${{ timestamp('2026-01-01T00:00:00Z') }}"`: "timestamp",
	} {
		got, err := Interpolate(json.RawMessage(in), vars)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Interpolate(%s) = %s, %v, want an error with %q", in, got, err, want)
		}
	}
}

func TestBool(t *testing.T) {
	for src, want := range map[string]bool{
		`steps.promote.timeline > 1 && run.depth == "live"`: true,
		`has(steps.gone)`:                         false,
		`steps.promote.ratio < 3.5`:               true,
		`steps.promote.peers.exists(p, p == "c")`: false,
	} {
		if got, err := Bool(src, vars); err != nil || got != want {
			t.Errorf("Bool(%s) = %v, %v, want %v", src, got, err, want)
		}
	}
	if _, err := Bool("run.id", vars); err == nil {
		t.Error("a text passed as a guard")
	}
}

// A workflow may evaluate an expression again at every replay.
func TestMapsHaveAnOrder(t *testing.T) {
	many := map[string]any{}
	for i := range 26 {
		many[string(rune('a'+i))] = i
	}
	in := map[string]any{"steps": map[string]any{"s": map[string]any{"m": many}}}
	for src, want := range map[string]string{
		`"${{ steps.s.m.map(k, k) }}"`:                 `["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q","r","s","t","u","v","w","x","y","z"]`,
		`"${{ {3: 1, 1: 1, 2: 1}.map(k, k) }}"`:        `[1,2,3]`,
		`"${{ {'x': {'b': 1, 'a': 2}}.x.map(k, k) }}"`: `["a","b"]`,
	} {
		for range 20 {
			got, err := Interpolate(json.RawMessage(src), in)
			if err != nil || string(got) != want {
				t.Fatalf("%s = %s, %v, want %s", src, got, err, want)
			}
		}
	}
}

// A guard comes from a file: it must not be able to occupy a workflow worker.
func TestCostIsBounded(t *testing.T) {
	list := "[" + strings.Repeat("1,", 200) + "1]"
	src := list + ".all(a, " + list + ".all(b, " + list + ".all(c, a == b || c > 0)))"
	if _, err := Bool(src, vars); err == nil {
		t.Error("an expression over 8,000,000 combinations was evaluated")
	}
	if _, err := Bool(strings.Repeat("(", 3000)+"true"+strings.Repeat(")", 3000), vars); err == nil {
		t.Error("3,000 nested brackets were accepted")
	}
	if _, err := Bool(strings.Repeat("true && ", 1000)+"true", vars); err == nil {
		t.Error("an expression of 8,004 characters was accepted")
	}
}

func scope() *Scope {
	return NewScope([]Field{
		{"promote", Shape{Kind: Object, Fields: []Field{
			{"timeline", Shape{Kind: Whole}}, {"lag", Shape{Kind: Text}}, {"ratio", Shape{Kind: Number}}, {"up", Shape{Kind: Truth}},
			{"peers", Shape{Kind: List, Elem: &Shape{Kind: Object, Fields: []Field{{"name", Shape{Kind: Text}}}}}},
			{"extra", Shape{Kind: Any}},
		}}},
		{"wait-lag", Shape{Kind: Object}},
	})
}

func TestCheck(t *testing.T) {
	s := scope()
	for src, want := range map[string]Kind{
		`steps.promote.timeline + 1`:                      Whole,
		`steps.promote.ratio > 0.5`:                       Truth,
		`steps.promote.ratio >= 1`:                        Truth,
		`double(steps.promote.ratio) * 2.0`:               Number,
		`steps.promote.peers[0].name`:                     Text,
		`steps.promote.peers.map(p, p.name)`:              List,
		`steps.promote.extra.whatever`:                    Any,
		`duration(steps.promote.lag) < duration("5s")`:    Truth,
		`has(steps.promote.lag) ? steps.promote.lag : ""`: Text,
		`run.kind == "drill"`:                             Truth,
		"has(steps.`wait-lag`)":                           Truth,
	} {
		if got, err := s.Check(src); err != nil || got.Kind != want {
			t.Errorf("Check(%s) = %v, %v, want %s", src, got.Kind, err, want)
		}
	}
	c, err := s.Check("steps.promote.up && has(steps.`wait-lag`) && [1].all(x, steps.promote.timeline > x)")
	if err != nil || strings.Join(c.Steps, " ") != "promote wait-lag" {
		t.Errorf("steps read = %v, %v", c.Steps, err)
	}
}

func TestCheckPlacesTheMistake(t *testing.T) {
	s := scope()
	for src, want := range map[string]struct {
		at   int
		text string
	}{
		`steps.promote.timelin > 1`:         {14, `promote has no "timelin"; did you mean "timeline"?`},
		`steps.promot.timeline > 1`:         {6, `there is no step "promot"; did you mean "promote"?`},
		`true && now() > 1`:                 {11, `there is no now`},
		`"日本" + 1`:                          {9, `+ can't be applied to (string, int)`},
		`steps.promote.ratio * 2.0`:         {20, "double()"},
		`run.depth == 3`:                    {10, "can't be applied"},
		`timestamp("2026-01-01T00:00:00Z")`: {9, "there is no timestamp"},
		`steps.promote.peers[0].nam`:        {23, `did you mean "name"?`},
		`steps.promote.up &&`:               {19, "ends where something must still follow"},
		`(steps.promote.up`:                 {17, "')' is missing here"},
		`steps.promote.up steps`:            {17, "is over before 'steps'"},
		`== true`:                           {0, "'==' has no place here"},
	} {
		_, err := s.Check(src)
		if err == nil || !strings.Contains(err.Error(), want.text) || Place(err) != want.at {
			t.Errorf("Check(%s) = %v at %d, want %q at %d", src, err, Place(err), want.text, want.at)
		}
	}
	_, _, err := s.CheckString("timeline ${{ steps.promote.timelin }}")
	if Place(err) != 27 {
		t.Errorf("the mistake in the sentence is at %d, want 27: %v", Place(err), err)
	}
}

func FuzzExpression(f *testing.F) {
	for _, s := range []string{"steps.promote.timeline + 1", "a ${{ run.id }} b", "${{ {'a': {'b': 1}} }}", "[1].all(x, x > 0)", "`"} {
		f.Add(s)
	}
	s := scope()
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) > MaxLength {
			return
		}
		if _, _, err := s.CheckString(src); err != nil && (Place(err) < 0 || Place(err) > len(src)) {
			t.Errorf("mistake at %d of %d bytes: %v", Place(err), len(src), err)
		}
		Bool(src, vars)
		raw, _ := json.Marshal(src)
		if out, err := Interpolate(raw, vars); err == nil && !json.Valid(out) {
			t.Errorf("Interpolate(%s) = %s, which is no JSON", raw, out)
		}
	})
}
