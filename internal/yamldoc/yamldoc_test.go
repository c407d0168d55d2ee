package yamldoc

import (
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/run"
)

type thing struct {
	Place
	Name  Value[string]       `json:"name" help:"Its name." ja:"名前" is:"name"`
	Count Value[int]          `json:"count" help:"How many." min:"1" max:"9" default:"3"`
	Wait  Value[run.Duration] `json:"wait" help:"How long." default:"1m"`
	On    Value[bool]         `json:"on" help:"Whether." default:"true"`
	Title Text                `json:"title" help:"As people call it." default:""`
	Parts []part              `json:"parts" help:"What it is made of." item:"part" single:"y" default:""`
	Sizes Dict[Value[int]]    `json:"sizes" help:"By name." min:"1" max:"9" default:""`
}

type part struct {
	Place
	ID   Value[string] `json:"id" help:"Its ID." ja:"ID"`
	Rest Dict[Raw]     `json:"-" help:"Anything else." rest:"y"`
}

func read(t *testing.T, text string) (thing, Mistakes) {
	t.Helper()
	var log Log
	var out thing
	d := &Decoder{File: "f.yaml", Log: &log}
	if n := Parse("f.yaml", []byte(text), &log); n != nil {
		d.Decode("", n, &out)
	}
	return out, log.Mistakes()
}

func TestValuesKnowTheirPlace(t *testing.T) {
	got, m := read(t, "name: x-1\nparts: {id: a, color: red}\ntitle: {ja: 名前}\nsizes: {big: 2, small: 1}\n")
	if len(m) > 0 {
		t.Fatal(m)
	}
	if got.Name.Place.String() != "f.yaml:1:7" || !got.Name.Set {
		t.Errorf("name at %s", got.Name.Place)
	}
	if got.Count.V != 3 || got.Count.Set || got.Wait.V.String() != "1m" || !got.On.V {
		t.Errorf("defaults: %+v", got)
	}
	if len(got.Parts) != 1 || got.Parts[0].Rest[0].Key.V != "color" || got.Parts[0].Place.String() != "f.yaml:2:8" {
		t.Errorf("parts: %+v", got.Parts)
	}
	if got.Title.In("en") != "名前" {
		t.Errorf("title: %+v", got.Title)
	}
	if len(got.Sizes) != 2 || got.Sizes[0].Key.V != "big" || got.Sizes[1].Value.V != 1 {
		t.Errorf("sizes: %+v", got.Sizes)
	}
}

func TestEveryMistakeIsTold(t *testing.T) {
	_, m := read(t, "nam: x\ncount: 0x10\nwait: 5\non: yes\nparts: [{id: 12:30}, {}, red]\nsizes: {big: 2, Small: 77}\n")
	want := []string{
		`f.yaml:1:1: name is missing: its name`,
		`f.yaml:1:1: unknown field "nam"; did you mean "name"?`,
		`f.yaml:2:8: count: "0x10" is not a whole number such as 3`,
		`f.yaml:3:7: wait: 5 has no unit; write 5s, 5m or 5h`,
		`f.yaml:4:5: on: "yes" is neither true nor false; write one of the two`,
		`f.yaml:5:14: part 12:30: id: 12:30, which some YAML readers take for a number of minutes; put it in quotes: "12:30"`,
		`f.yaml:5:22: part 2: id is missing: its ID`,
		`f.yaml:5:26: part 3: write fields, not "red"`,
		`f.yaml:6:17: sizes: "Small" is not a name; use lower-case letters, digits and single hyphens, at most 63, such as orders-failover`,
		`f.yaml:6:24: sizes: Small: 77 is too large; the most is 9`,
	}
	got := strings.Split(m.Error(), "\n")
	for i, w := range want {
		if i >= len(got) || got[i] != w {
			t.Errorf("mistake %d:\n%s\nwant\n%s", i, at(got, i), w)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%s", len(got), len(want), m)
	}
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

func TestScalars(t *testing.T) {
	node := func(s string) *yaml.Node {
		var n yaml.Node
		if err := yaml.Load([]byte(s), &n); err != nil {
			t.Fatal(err)
		}
		return n.Content[0]
	}
	for s, ok := range map[string]bool{"word": true, `"010"`: true, "010": false, "1e3": false, "14:00": false, `"14:00"`: true, "2026-01-01": false,
		"true": false, "~": false, "'~'": true, "16MB": true, "[a]": false, "0x1f": false, "1.2.3": true, "a:b": true} {
		if _, err := String(node(s)); (err == nil) != ok {
			t.Errorf("String(%s): %v, want taken = %v", s, err, ok)
		}
	}
	for s, ok := range map[string]bool{"0": true, "-3": true, "12": true, "012": false, "1_000": false, "0o7": false, `"1"`: false, "1.0": false, "99999999999999999999": false} {
		if _, err := Int(node(s)); (err == nil) != ok {
			t.Errorf("Int(%s): %v, want taken = %v", s, err, ok)
		}
	}
	for s, ok := range map[string]bool{"0.5": true, "-1": true, "1e3": true, ".5": false, ".inf": false, ".nan": false, "1e999": false} {
		if _, err := Number(node(s)); (err == nil) != ok {
			t.Errorf("Number(%s): %v, want taken = %v", s, err, ok)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"name: x", "parts: [{id: a}]", "a: &a [*a]", "? [x]\n: y", "name: \"\\u202e\"", "---\n---\n", "\ufeffname: x", "name: |\n  a\n b", "name: x\r\ncount: 1\r\n", "\r---"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, m := read(t, s)
		lines := strings.Count(s, "\n") + 2
		for _, one := range m {
			if one.Line > lines || one.Text == "" {
				t.Errorf("%+v in %q", one, s)
			}
		}
	})
}
