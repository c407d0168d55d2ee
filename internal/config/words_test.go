package config

import (
	"errors"
	"fmt"
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

// What is wrong in the settings is said in Japanese, too, with the same places and words of the file.
func TestMistakesAreSaidInJapanese(t *testing.T) {
	file := write(t, `dtaa: x
listen: nowhere
lang: fr
log: loud
data: ""
check_every: 1s
hosts: "https://x"
mail: {user: someone, port: 99999999}
slack: {channel: ops}
webhook: {url: "http://192.0.2.1/x", contacts: true, allow: x}
identity: {idle: 1s, longest: 9999h, log_kept: 1h, oidc: {client_id: x, client_secret: hunter2}}
evidence: {keep_a: 1h, audit: soon, copy_to: "s3://x", timestamps: "tsa, http://muster:hunter2@192.0.2.1/, http://192.0.2.1/", timestamps_every: 1s, timestamps_password: hunter2, timestamps_policy: mine}
gateway: {names: x}
temporal: {address: nowhere, tls: {cert_file: a}}
alarms:
  - {name: "A B", kind: x, verify: y, secret: hunter2, feed: "http://192.0.2.1/", every: 1s, nmae: z}
  - x
lang: ja
`)
	_, err := Load(Source{File: file})
	var bad Mistakes
	if !errors.As(err, &bad) || len(bad) < 25 {
		t.Fatalf("%d mistakes: %v", len(bad), err)
	}
	japanese := regexp.MustCompile(`[ぁ-んァ-ン一-龠]`)
	for i, ja := range bad.Lines("ja") {
		en := bad.Lines("en")[i]
		both := strings.Contains(en, " lang: ") // who asks for a third language is told in both
		if !japanese.MatchString(ja) || japanese.MatchString(en) != both || strings.Contains(ja+en, "%!") || strings.Contains(ja+en, "hunter2") {
			t.Errorf("%q in Japanese: %q", en, ja)
		}
		if place, _, _ := strings.Cut(strings.TrimPrefix(en, file), " "); !strings.HasPrefix(ja, file+strings.TrimSuffix(place, ":")) {
			t.Errorf("%q has another place than %q", ja, en)
		}
	}
	if _, err := Load(Source{File: filepath.Join(t.TempDir(), "gone.yaml")}); !errors.As(err, &bad) || !strings.Contains(bad.Lines("ja")[0], "読み込めません") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// Whatever a check says, it says in both languages with the same arguments.
func TestEveryCheckSpeaksBothLanguages(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	verb := regexp.MustCompile(`%(\[\d+\])?[a-z]`)
	seen := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			var said []string
			for _, a := range call.Args {
				if lit, ok := a.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if s, err := strconv.Unquote(lit.Value); err == nil && strings.ContainsFunc(s, func(r rune) bool { return r == ' ' || r >= 0x3040 }) {
						said = append(said, s)
					}
				}
			}
			if fn := fmt.Sprint(call.Fun); fn != "say" && fn != "at" {
				return true
			}
			seen++
			if len(said) == 1 && !strings.ContainsFunc(said[0], func(r rune) bool { return r >= 0x3040 }) {
				t.Errorf("%s: said in one language: %q", set.Position(call.Pos()), said)
			}
			if len(said) == 2 && len(verb.FindAllString(said[0], -1)) != len(verb.FindAllString(said[1], -1)) {
				t.Errorf("%s: other arguments: %q", set.Position(call.Pos()), said)
			}
			return true
		})
	}
	if seen < 40 {
		t.Errorf("only %d were looked at", seen)
	}
}
