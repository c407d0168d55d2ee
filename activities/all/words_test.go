package all_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// oneLanguage is how many findings and refusals of a family are still in English alone.
// It only shrinks: activities.FindingBoth and RefusedBoth say both.
var oneLanguage = map[string]int{"etcd": 40, "mysql": 84, "pgbackup": 32, "postgres": 51, "redis": 67, "systemd": 20, "temporal": 12}

// Who reads why a step failed may read Japanese only.
func TestFindingsAndRefusalsAreInBothLanguages(t *testing.T) {
	got, first := map[string]int{}, map[string]token.Position{}
	files := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		family := filepath.Base(filepath.Dir(path))
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && inEnglishAlone(call) {
				if got[family]++; got[family] == 1 {
					first[family] = files.Position(call.Pos())
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for family, n := range got {
		if n > oneLanguage[family] {
			t.Errorf("%s has %d findings and refusals in English alone, and %d are known: say them with FindingBoth or RefusedBoth (the first is at %s)", family, n, oneLanguage[family], first[family])
		}
	}
	for family, known := range oneLanguage {
		if n := got[family]; n < known {
			t.Errorf("%s has %d findings and refusals in English alone: lower its number in oneLanguage from %d", family, n, known)
		}
	}
}

var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-z]`)

// inEnglishAlone reports whether a call is Finding or Refused with words of its own.
func inEnglishAlone(call *ast.CallExpr) bool {
	name := ""
	switch f := call.Fun.(type) {
	case *ast.Ident:
		name = f.Name
	case *ast.SelectorExpr:
		name = f.Sel.Name
	}
	if name != "Finding" && name != "Refused" || len(call.Args) == 0 {
		return false
	}
	format, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return false
	}
	words, err := strconv.Unquote(format.Value)
	return err == nil && strings.ContainsFunc(verb.ReplaceAllString(words, ""), func(r rune) bool { return r >= 'a' && r <= 'z' })
}
