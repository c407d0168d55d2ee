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

// A defect counts as noticed only by the failure of its row's test: not when the test holds,
// does not exist or can't be built. The tree itself is left as it is, and one defect is gone
// before the next is planted.
func TestADefectIsNoticedByItsTestAlone(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"go.mod": "module example.com/m\n\ngo 1.26\n",
		"m.go":   "package m\n\n// Sum adds up.\nfunc Sum(a, b int) int { return a + b }\n\n// Less compares.\nfunc Less(a, b int) bool { return a < b }\n",
		"m_test.go": `package m

import "testing"

func TestSum(t *testing.T) { if Sum(2, 2) != 4 || Sum(2, 0) != 2 { t.Error("two and two") } }
func TestLess(t *testing.T) { if !Less(1, 2) { t.Error("one and two") } }
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
	}
	heard := map[int]bool{}
	var said bytes.Buffer
	noticed, err := matrix.PlantAll(t.Context(), dir, rows, 5*time.Minute, &said, func(r matrix.Row, ok bool) error {
		heard[r.N] = ok
		return nil
	})
	want := map[int]bool{1: true, 2: false, 3: false, 6: false, 8: true}
	for n := 1; n <= len(rows); n++ {
		ok, tried := noticed[n]
		wanted, should := want[n]
		if tried != should || ok != wanted || heard[n] != ok {
			t.Errorf("row %d: tried %v, noticed %v; want %v, %v\n%s", n, tried, ok, should, wanted, said.String())
		}
	}
	if err == nil || !strings.Contains(err.Error(), "row 4: the planted defect does not compile") || !strings.Contains(err.Error(), "row 5: m.go holds what is to be changed 0 times") {
		t.Errorf("what could not be planted: %v", err)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "m.go")); err != nil || string(b) != files["m.go"] {
		t.Errorf("the tree itself was changed: %s, %v", b, err)
	}
}
