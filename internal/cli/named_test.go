package cli

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
)

var (
	// Between back quotes, as all of them stand in sentences; a word that a sentence fills in is 1.
	namedCommand = regexp.MustCompile("`(?:bin/)?muster ([^`]+)`")
	filledIn     = regexp.MustCompile(`%(\[\d+\])?[a-z]|"[^"]*"|\b[A-Z]+\b`)
	anotherWay   = regexp.MustCompile(`\|[a-z|]+`) // done|retry
	lacking      = regexp.MustCompile(`--[a-z-]+ is needed`)
)

// namedCommands are the commands between back quotes in what muster says and in its pages, each with a place.
func namedCommands(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	note := func(text, at string) {
		for _, m := range namedCommand.FindAllStringSubmatch(text, -1) {
			found[m[1]] = at
		}
	}
	for _, dir := range []string{"activities", "cmd", "docs", "internal", "workflows"} {
		err := filepath.WalkDir(filepath.Join("..", "..", dir), func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go"):
				return err
			case strings.HasSuffix(path, ".md"):
				b, err := os.ReadFile(path)
				note(string(b), path)
				return err
			case !strings.HasSuffix(path, ".go"):
				return nil
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if text, err := strconv.Unquote(l.Value); err == nil {
						note(text, files.Position(l.Pos()).String())
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
	return found
}

// Whoever is told a command types it as it stands, at three in the morning: it is one, takes what it is given, and lacks nothing.
// A bare name, as in `muster remark`, may leave out arguments, and no flag without which the command refuses.
func TestCommandsThatSentencesNameRunAsWritten(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // a call that comes this far was right
		w.WriteHeader(http.StatusForbidden)
		_ = json.NewEncoder(w).Encode(api.Problem{Status: http.StatusForbidden, Code: api.CodeRefused, Detail: "no"})
	}))
	t.Cleanup(srv.Close)
	named := namedCommands(t)
	if len(named) < 150 {
		t.Errorf("only %d commands were found", len(named))
	}
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_SERVER", srv.URL)
	t.Setenv("MUSTER_TOKEN", "the-token-of-the-test")
	t.Setenv("MUSTER_PERSON", "sato")
	t.Setenv("MUSTER_LANG", "en")
	for text, at := range named {
		if text == "drill %s %s --reason ..." { // which one, its caller says
			continue
		}
		args := strings.Fields(anotherWay.ReplaceAllString(filledIn.ReplaceAllString(text, "1"), ""))
		cmd, rest, err := (&command{lang: i18n.EN}).root().Find(args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil && len(rest) > 0 {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s: `muster %s`: %v", at, text, err)
			continue
		}
		for cmd.Parent().HasParent() {
			cmd = cmd.Parent()
		}
		if cmd.GroupID != "act" && cmd.GroupID != "people" { // may start a process, or write files
			continue
		}
		if code, _, talk := muster(t, args...); code == exitMistake && lacking.MatchString(talk) {
			t.Errorf("%s: `muster %s`: %s", at, text, talk)
		}
	}
}
