package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// polite is how a sentence that turns somebody away ends, or an enumeration or a command that such a sentence leads to.
var polite = regexp.MustCompile(`(です|ます|ません|ました|でした|ください|ましょう|%(\[\d+\])?[sdvq]|[)）」` + "`" + `])[。]?$`)

// plain is a sentence within a refusal that ends otherwise.
var plain = regexp.MustCompile(`(である|ではない|できない|いない|がない|した|する|こと|使う|待つ|ある|付ける)(。|$)`)

// Whoever is turned away is spoken to in one manner, in Japanese too: です・ます.
func TestRefusalsArePoliteInJapanese(t *testing.T) {
	files, seen := token.NewFileSet(), 0
	dir := filepath.Join("..", "..", "workflows")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, filepath.Join(dir, e.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) < 2 {
				return true
			}
			if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "refuse" {
				return true
			}
			lit, ok := call.Args[1].(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, _ := strconv.Unquote(lit.Value)
			seen++
			if !isPolite(text) {
				t.Errorf("%s: not です・ます: %s", files.Position(lit.Pos()), text)
			}
			return true
		})
	}
	if seen < 100 {
		t.Errorf("only %d refusals were looked at", seen)
	}
}

func isPolite(text string) bool { return polite.MatchString(text) && !plain.MatchString(text) }

// The check would notice.
func TestAPlainRefusalIsNoticed(t *testing.T) {
	for text, want := range map[string]bool{
		"承認済みです。これ以上は待っていません": true, "別の人が承認してください": true, "権限がありません。権限を持つ役割：%s": true, "現在の段階：%s": true,
		"却下するものがない": false, "確認し直すこと": false, "すでに却下した。改めて承認してください": false, "別の人が必要": false, "理由を付けて --break-glass を使う": false,
	} {
		if isPolite(text) != want {
			t.Errorf("%s: polite %v, want %v", text, !want, want)
		}
	}
}
