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

// Who reads why a step failed may read Japanese only.
func TestFindingsAndRefusalsAreInBothLanguages(t *testing.T) {
	files := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && inEnglishAlone(call) {
				t.Errorf("%s: what was found or refused is said in English alone: say it with FindingBoth or RefusedBoth", files.Position(call.Pos()))
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
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
