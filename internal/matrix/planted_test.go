package matrix_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/matrix"
)

// A defect counts as noticed only by what its row's test says of it: not when the test holds,
// fails without it as well, dies, hangs, does not exist or can't be built. The tree itself is left as it is, and one defect is gone
// before the next is planted.
func TestADefectIsNoticedByItsTestAlone(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.26\n",
		"m.go":   "package m\n\n// Sum adds up.\nfunc Sum(a, b int) int { return a + b }\n\n// Less compares.\nfunc Less(a, b int) bool { return a < b }\n",
		"m_test.go": `package m

import (
	"os"
	"testing"
)

func TestSum(t *testing.T) { t.Log("measured")
	if Sum(2, 2) != 4 || Sum(2, 0) != 2 { t.Error("two and two") } }
func TestLess(t *testing.T) { if !Less(1, 2) { t.Error("one and two") } }
func TestBroken(t *testing.T) { t.Error("as ever") }
func TestDies(t *testing.T) { if Sum(2, 2) != 4 { t.Log("here"); panic("no sum") } }
func TestLeaves(t *testing.T) { if Sum(2, 2) != 4 { t.Log("here"); os.Exit(3) } }
func TestSaysNothing(t *testing.T) { t.Log("here"); if Sum(2, 2) != 4 { t.Fail() } }
func TestBuilt(t *testing.T) { var f func(int, int) int = Sum; _ = f }
`,
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	plant := func(old, new, test string) *matrix.Plant {
		return &matrix.Plant{Breaks: test, File: "m.go", Old: old, New: new, By: matrix.Proof{Package: ".", Test: test}}
	}
	rows := []matrix.Row{
		{N: 1, Plant: plant("a + b", "a - b", "TestSum")},
		{N: 2, Plant: plant("a < b", "a <= b", "TestLess")},
		{N: 3, Plant: plant("a < b", "a >= b", "TestSum")},
		{N: 4, Plant: plant("a + b", "a + c", "TestSum")},
		{N: 5, Plant: plant("a * b", "a - b", "TestSum")},
		{N: 6, Plant: plant("a + b", "a - b", "TestNowhere")},
		{N: 7},
		{N: 8, Plant: plant("a < b", "a > b", "TestLess")},
		{N: 9, Plant: plant("a + b", "a - b", "TestBroken")},
		{N: 10, Plant: plant("a + b", "a - b", "TestDies")},
		{N: 11, Plant: plant("a + b", "a - b", "TestLeaves")},
		{N: 12, Plant: plant("a + b", "a - b", "TestSaysNothing")},
		{N: 13, Plant: plant("b int) int", "b int64) int64", "TestBuilt")},
	}
	heard := map[int]matrix.Trial{}
	var said bytes.Buffer
	trials, err := matrix.PlantAll(t.Context(), dir, rows, 5*time.Minute, &said, func(r matrix.Row, of matrix.Trial) error {
		heard[r.N] = of
		return nil
	})
	want := map[int]bool{1: true, 2: false, 3: false, 8: true, 10: false, 11: false, 12: false, 13: false}
	for n := 1; n <= len(rows); n++ {
		got, tried := trials[n]
		wanted, should := want[n]
		if tried != should || got.Noticed != wanted || heard[n] != got {
			t.Errorf("row %d: tried %v, %+v; want %v, %v\n%s", n, tried, got, should, wanted, said.String())
		}
	}
	if of := trials[1]; !strings.HasSuffix(of.Said, ": two and two") {
		t.Errorf("what the test said is lost: %+v", of)
	}
	for _, words := range []string{"row 4: not planted: the planted defect does not compile", "row 5: not planted: m.go holds what is to be changed 0 times",
		"row 6: not tried: . TestNowhere, without any defect: no such test", "row 9: not tried: . TestBroken, without any defect: failed"} {
		if err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("what could not be tried does not say %q: %v", words, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "m.go")); err != nil || string(b) != files["m.go"] {
		t.Errorf("the tree itself was changed: %s, %v", b, err)
	}
}
