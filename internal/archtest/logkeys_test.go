package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// speaks names what a log is called in the code.
var speaks = regexp.MustCompile(`(?i)^(log|logger|slog|getlogger)$`)

// receiver is the last name of what a method is called on; of a log with more keys the log's.
func receiver(e ast.Expr) string {
	switch x := e.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	case *ast.CallExpr:
		if s, ok := x.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "With" {
			return receiver(s.X)
		}
		return receiver(x.Fun)
	}
	return ""
}

// keysOf are the keys that a call logs with; none when it is no such call. What is no literal is "?".
func keysOf(call *ast.CallExpr) (keys []string, logs bool) {
	s, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !speaks.MatchString(receiver(s.X)) {
		return nil, false
	}
	first := 1 // after the message
	switch s.Sel.Name {
	case "With":
		first = 0
	case "Debug", "Info", "Warn", "Error":
	default:
		return nil, false
	}
	for i := first; i < len(call.Args); i += 2 {
		key := "?"
		if lit, ok := call.Args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			key, _ = strconv.Unquote(lit.Value)
		}
		keys = append(keys, key)
	}
	return keys, true
}

// Everything is logged under keys of the one list, each is used, and docs/logs.md says what each holds.
func TestLogsHaveTheKeysOfTheList(t *testing.T) {
	root := filepath.Join("..", "..")
	used, calls := map[string]bool{}, 0
	for _, dir := range []string{"activities", "cmd", "internal", "workflows"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				keys, logs := keysOf(call)
				if logs {
					calls++
				}
				for _, k := range keys {
					if used[k] = true; LogKeys[k] == "" {
						t.Errorf("%s: logs under the key %q, which is not in LogKeys: take the one for it there, or enter it", files.Position(call.Pos()), k)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if calls < 100 {
		t.Errorf("%d calls of a log were found only: the test looks past them", calls)
	}
	docs, err := os.ReadFile(filepath.Join(root, "docs", "logs.md"))
	if err != nil {
		t.Fatal(err)
	}
	for k, holds := range LogKeys {
		if !used[k] {
			t.Errorf("nothing is logged under %q: take it out of LogKeys", k)
		}
		if row := "| `" + k + "` | " + holds + " |"; !strings.Contains(string(docs), row+"\n") {
			t.Errorf("docs/logs.md has no row %q", row)
		}
	}
}
