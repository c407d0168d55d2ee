package matrix_test

import (
	"bytes"

	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/matrix"
)

const root = "../.."

// Every row is there, and names tests that are.
func TestEveryRowNamesTestsThatExist(t *testing.T) {
	rows := matrix.Rows()
	if len(rows) != 77 {
		t.Errorf("%d rows, want 77", len(rows))
	}
	known := map[string]map[string]bool{}
	for i, r := range rows {
		if r.N != i+1 || matrix.Groups[r.Group] == "" || r.Fault == "" || r.Holds == "" {
			t.Errorf("row %d in place %d: %+v", r.N, i+1, r)
		}
		if len(r.Proofs) == 0 && r.Lacks == "" {
			t.Errorf("row %d has neither a test nor a reason", r.N)
		}
		var seen []matrix.Proof
		for _, p := range r.Proofs {
			if known[p.Package] == nil {
				known[p.Package] = testsOf(t, p.Package)
			}
			for _, part := range strings.Split(p.Test, "/") {
				if !known[p.Package][part] {
					t.Errorf("row %d: %s has no test %s", r.N, p.Package, part)
				}
			}
			if slices.Contains(seen, p) {
				t.Errorf("row %d names %s twice", r.N, p)
			}
			seen = append(seen, p)
		}
	}
}

// A test is long, or needs root, wherever it is named.
func TestProofsAreTheSameInEveryRow(t *testing.T) {
	of := map[string]matrix.Proof{}
	for _, r := range matrix.Rows() {
		for _, p := range r.Proofs {
			if was, ok := of[p.String()]; ok && was != p {
				t.Errorf("row %d: %s is %+v here and %+v elsewhere", r.N, p, p, was)
			}
			of[p.String()] = p
		}
	}
}

// Each row has a defect that breaks it: one change that can still be made, for a proof of the row.
func TestPlantsCanBeMade(t *testing.T) {
	for _, r := range matrix.Rows() {
		p := r.Plant
		if p == nil {
			t.Errorf("row %d: no defect is planted for it, so nothing shows that its tests can fail", r.N)
			continue
		}
		b, err := os.ReadFile(filepath.Join(root, p.File))
		if err != nil {
			t.Errorf("row %d: %v", r.N, err)
			continue
		}
		if n := bytes.Count(b, []byte(p.Old)); n != 1 || p.Old == p.New || p.Breaks == "" {
			t.Errorf("row %d: %s holds what the plant changes %d times, want once: %q", r.N, p.File, n, p.Old)
		}
		if !slices.Contains(r.Proofs, p.By) {
			t.Errorf("row %d: %s, which should notice, is no proof of it", r.N, p.By)
		}
		if strings.HasSuffix(p.File, "_test.go") {
			t.Errorf("row %d: a defect of a test shows nothing", r.N)
		}
	}
}

// testsOf are the test functions of a package, and every text in its test files, among
// which are the names of parts.
func testsOf(t *testing.T, pkg string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Errorf("%s has no tests (%v)", pkg, err)
	}
	out := map[string]bool{}
	for _, f := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.FuncDecl:
				if x.Recv == nil && strings.HasPrefix(x.Name.Name, "Test") {
					out[x.Name.Name] = true
				}
			case *ast.BasicLit:
				if x.Kind == token.STRING {
					out[strings.Trim(x.Value, "`\"")] = true
				}
			}
			return true
		})
	}
	return out
}

// The runner itself is able to fail: a test that fails, is skipped, does not exist or does
// not end makes its row fail, and only one that passed holds it.
func TestARowHoldsOnlyByTestsThatPassed(t *testing.T) {
	dir := t.TempDir()
	save := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	save("go.mod", "module example.com/m\n\ngo 1.26\n")
	if err := os.MkdirAll(filepath.Join(dir, "broken"), 0o755); err != nil {
		t.Fatal(err)
	}
	save("broken/broken_test.go", "package broken\n\nfunc TestIt( {\n")
	save("m_test.go", `package m

import "testing"

func TestPasses(t *testing.T) { t.Run("one", func(*testing.T) {}); t.Run("two", func(t *testing.T) {}) }
func TestFails(t *testing.T) { t.Run("good", func(*testing.T) {}); t.Run("bad", func(t *testing.T) { t.Error("two writers") }) }
func TestSkipped(t *testing.T) { t.Skip("no root here") }
func TestZPanics(t *testing.T) { panic("at once") }
`)
	proof := func(pkg, test string) []matrix.Proof { return []matrix.Proof{{Package: pkg, Test: test}} }
	rows := []matrix.Row{
		{N: 1, Proofs: proof(".", "TestPasses")}, {N: 2, Proofs: proof(".", "TestPasses/two")}, {N: 3, Proofs: proof(".", "TestFails")},
		{N: 4, Proofs: proof(".", "TestFails/good")}, {N: 5, Proofs: proof(".", "TestFails/bad")}, {N: 6, Proofs: proof(".", "TestSkipped")},
		{N: 7, Proofs: proof(".", "TestNowhere")}, {N: 8, Proofs: proof(".", "TestPasses/three")}, {N: 9, Proofs: proof(".", "TestZPanics")},
		{N: 10, Proofs: proof("broken", "TestIt")}, {N: 11, Lacks: "two machines"},
		{N: 12, Proofs: append(proof(".", "TestPasses"), proof(".", "TestFails")...)},
		{N: 13, Proofs: []matrix.Proof{{Package: ".", Test: "TestFails", Long: true}}},
	}
	talk := &bytes.Buffer{}
	verdicts, err := matrix.Run(t.Context(), dir, rows, matrix.Quick, 5*time.Minute, talk)
	if err != nil {
		t.Fatal(err)
	}
	results, failed := matrix.Results(rows, matrix.Quick, verdicts)
	want := []string{"held", "held", "FAILED", "held", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED", "FAILED", "not run", "FAILED", "not run"}
	for i, r := range results {
		if r.Said != want[i] {
			t.Errorf("row %d: %s, want %s (%v)", r.N, r.Said, want[i], r.Bad)
		}
	}
	if failed != 8 {
		t.Errorf("%d rows failed, want 8", failed)
	}
	var table bytes.Buffer
	matrix.Table(&table, results)
	for _, words := range []string{". TestSkipped: skipped", ". TestNowhere: no such test", "broken TestIt: no such test", "13 rows: 3 held, 8 failed, 2 not run"} {
		if !strings.Contains(table.String(), words) {
			t.Errorf("the table does not say %q:\n%s", words, table.String())
		}
	}
	if v := verdicts[rows[4].Proofs[0]]; !strings.Contains(v.Said, "two writers") {
		t.Errorf("what the test said is lost: %q", v.Said)
	}
	// What was to be run and was not has failed.
	if _, failed := matrix.Results(rows[:1], matrix.Quick, nil); failed != 1 {
		t.Error("a row that nobody ran holds")
	}

}
