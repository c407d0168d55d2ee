package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// said names the calls that say a sentence in both languages, with the place of the English
// format among their arguments; the Japanese one follows it, then what both are filled with.
var said = map[string]int{"refuse": 0, "Wrong": 0, "Say": 0, "both": 0, "T": 0, "t": 0, "Lacking": 0, "FindingBoth": 0, "RefusedBoth": 0, "Saying": 1, "Caused": 1}

// mustSpeak are those of said by which mistakes and refusals reach people: they take no
// sentence that is put together elsewhere, and none that is the same in both languages.
var mustSpeak = []string{"Add", "refuse", "Wrong", "Caused"}

// onlyBoth are the packages whose every error is a mistake or a refusal that somebody reads.
var onlyBoth = []string{"workflows", "internal/yamldoc", "internal/params", "internal/estate", "internal/runbook", "internal/scenario",
	"internal/secret", "internal/authority", "internal/tracing", "internal/wholefile"}

// Somebody reads Japanese only, at three in the morning: a mistake or a refusal without it, or
// one that leaves out what the English says, is found here and not there.
func TestMistakesAndRefusalsAreInBothLanguages(t *testing.T) {
	root := filepath.Join("..", "..")
	files, seen := token.NewFileSet(), 0
	for _, dir := range []string{"activities", "internal", "workflows"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			pkg, _ := filepath.Rel(root, filepath.Dir(path))
			ast.Inspect(file, func(n ast.Node) bool {
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				wrong, sentence := judge(call, filepath.ToSlash(pkg))
				if sentence {
					seen++
				}
				if wrong != "" {
					t.Errorf("%s: %s", files.Position(call.Pos()), wrong)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 300 {
		t.Errorf("only %d mistakes and refusals were looked at", seen)
	}
}

// The check would notice.
func TestOneLanguageIsNoticed(t *testing.T) {
	for src, want := range map[string]string{
		`r.Log.Add(at, "%s: no role; give one", "%s: 役割がありません", where)`:          "",
		`r.Log.Add(at, "%s: no role; give one", "%s: no role; give one", where)`: "no Japanese",
		`r.Log.Add(at, "%s: no role; give one", where)`:                          "no literal",
		`log.Add(at, "%d of %s", "%[2]s 中 %[1]d", n, of)`:                        "",
		`log.Add(at, "%d of %s", "%s 中 %d", n, of)`:                              "other arguments",
		`refuse("step %s does not wait", "ステップは待っていません", step)`:                  "other arguments",
		`plan.Wrong("it is %s already", "すでに %s です", a, b)`:                      "2 arguments",
		`plan.Wrong("%s: %v", "%s: %v", where, err)`:                             "",
		`errors.New("the run has ended")`:                                        "English alone",
		`fmt.Errorf("%s is paused", run)`:                                        "English alone",
		`plan.Caused(err, "%s can't be read", "%s を読めません", path)`:                "",
		`plan.Caused(err, "%s can't be read", "%s can't be read", path)`:         "no Japanese",
		`v.t("%d runs", "実施 %s 件", n)`:                                           "other arguments",
		`errs.Add(1)`:                                                            "",
	} {
		e, err := parser.ParseExpr(src)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := judge(e.(*ast.CallExpr), "workflows"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", src, got, want)
		}
	}
}

// judge says what is wrong with how a call speaks, and whether it is a mistake or a refusal.
func judge(call *ast.CallExpr, pkg string) (wrong string, sentence bool) {
	name, of := called(call)
	if name == "New" && of == "errors" || name == "Errorf" && of == "fmt" {
		if slices.Contains(onlyBoth, pkg) {
			return "said in English alone: in workflows use refuse, elsewhere plan.Wrong", true
		}
		return "", false
	}
	at, ok := said[name]
	switch {
	case strings.EqualFold(of, "log") && name == "Add":
		at, ok = 1, true
	case name == "Wrong":
		ok = of == "plan"
	case name == "Caused":
		at, ok = 1, of == "plan"
	case name == "refuse":
		ok = of == "" && pkg == "workflows"
	}
	if !ok || len(call.Args) < at+2 {
		return "", false
	}
	strict := slices.Contains(mustSpeak, name)
	en, isText := literal(call.Args[at])
	ja, isTextToo := literal(call.Args[at+1])
	if !isText || !isTextToo {
		if strict && pkg+"."+name != "workflows.Wrong" { // refuse itself hands its formats on
			return "no literal for English and another for Japanese", true
		}
		return "", false
	}
	filled, filledJA := arguments(en), arguments(ja)
	if n := len(call.Args) - at - 2; strict && !call.Ellipsis.IsValid() && len(filled) != n {
		return fmt.Sprintf("%q takes %d, and there are %d arguments", en, len(filled), n), strict
	}
	if fmt.Sprint(filled) != fmt.Sprint(filledJA) && words.MatchString(verb.ReplaceAllString(en, "")) {
		return fmt.Sprintf("%q has other arguments (%v) than %q (%v)", ja, filledJA, en, filled), strict
	}
	if strict && words.MatchString(keys.ReplaceAllString(verb.ReplaceAllString(en, ""), "")) && !strings.ContainsFunc(ja, japanese) {
		return fmt.Sprintf("no Japanese for %q", en), true
	}
	return "", strict
}

var (
	verb  = regexp.MustCompile(`%[-+# 0-9.]*(\[(\d+)\])?[0-9.]*([a-zA-Z%])`)
	keys  = regexp.MustCompile(`[a-z_]+:`) // of the file, the same in any language
	words = regexp.MustCompile(`[a-z]{2,}`)
)

// arguments are the verbs of a format by the argument that they show.
func arguments(format string) map[int]string {
	out, next := map[int]string{}, 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[3] == "%" {
			continue
		}
		if m[2] != "" {
			next, _ = strconv.Atoi(m[2])
		}
		out[next] = strings.Replace(m[3], "q", "s", 1) // either language quotes in its own way
		next++
	}
	return out
}

// called is the name of what is called, and the last name before it.
func called(call *ast.CallExpr) (name, of string) {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name, ""
	case *ast.SelectorExpr:
		switch x := f.X.(type) {
		case *ast.Ident:
			of = x.Name
		case *ast.SelectorExpr:
			of = x.Sel.Name
		}
		return f.Sel.Name, of
	}
	return "", ""
}

func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.BinaryExpr:
		a, ok := literal(e.X)
		b, too := literal(e.Y)
		return a + b, ok && too && e.Op == token.ADD
	}
	return "", false
}

func japanese(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) }
