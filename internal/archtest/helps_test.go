package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// What a parameter, an output or a key of a plan file means is its tag help, and in Japanese
// the tag ja beside it: `muster actions`, docs/actions.ja.md, the schemas and the mistakes say it.
func TestHelpIsInBothLanguages(t *testing.T) {
	root := filepath.Join("..", "..")
	files, seen := token.NewFileSet(), 0
	for _, dir := range []string{"activities", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				f, ok := n.(*ast.Field)
				if !ok || f.Tag == nil {
					return true
				}
				text, err := strconv.Unquote(f.Tag.Value)
				if err != nil {
					t.Fatal(err)
				}
				tag := reflect.StructTag(text)
				if tag.Get("help") == "" {
					return true
				}
				seen++
				if wrong := judgeHelp(tag); wrong != "" {
					t.Errorf("%s: the help of %s: %s", files.Position(f.Pos()), strings.Split(tag.Get("json"), ",")[0], wrong)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 1000 {
		t.Errorf("only %d helps were looked at", seen)
	}
}

// asWritten is what a help quotes of files and programs: names with an underscore or of variables,
// expressions, spans and sizes, figures. It is the same in any language.
var asWritten = regexp.MustCompile(`\$\{\{.*?\}\}|[a-z]+://[a-z]+|[A-Za-z]+(_[A-Za-z*]+)+|[A-Z]{4,}|[A-Z]+=|[0-9]+[A-Za-z]*`)

// judgeHelp says what is wrong with how a field's tags tell what it means; "" is nothing.
func judgeHelp(tag reflect.StructTag) string {
	en, ja := tag.Get("help"), tag.Get("ja")
	switch {
	case ja == "":
		return `nothing in Japanese; write the tag ja:"..." beside it`
	case !strings.ContainsFunc(ja, japanese):
		return "no Japanese in " + ja
	case strings.HasSuffix(ja, "。"):
		return "the Japanese one stands in brackets and tables; leave its last 。 away"
	}
	missing := asWritten.FindAllString(en, -1)
	missing = slices.DeleteFunc(missing, func(s string) bool { return strings.Contains(ja, s) })
	if len(missing) > 0 {
		return ja + " leaves out " + strings.Join(missing, ", ")
	}
	return ""
}

// The check would notice.
func TestHelpInOneLanguageIsNoticed(t *testing.T) {
	for tag, want := range map[string]string{
		`json:"wait" help:"How long it may take." ja:"待つ時間"`:                         "",
		`json:"wait" help:"How long it may take."`:                                   "nothing in Japanese",
		`json:"wait" help:"How long it may take." ja:"How long it may take"`:         "no Japanese",
		`json:"wait" help:"How long it may take." ja:"待つ時間です。"`:                      "last 。",
		`json:"lag_bytes" help:"At least this when lag_known is false." ja:"この量以上"`:  "leaves out lag_known",
		`json:"max_age" help:"An older one is a finding; 0s is any age." ja:"古さの上限"`: "leaves out 0s",
		`json:"key" help:"Its key: ${{ steps.a.b }}." ja:"鍵（${{ steps.a.b }} と書く）"`:  "",
	} {
		if got := judgeHelp(reflect.StructTag(tag)); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", tag, got, want)
		}
	}
}
