package evidence_test

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/muster-dr/muster/internal/evidence"
)

// What was packed before leaves no trace: the same files are the same bytes, in whatever company.
func TestTheSameFilesAreTheSameBytes(t *testing.T) {
	long := bytes.Repeat([]byte("the line was cut at 03:12 "), 40_000)
	write := func(files map[string][]byte) []byte {
		t.Helper()
		b, err := evidence.Write(files)
		if err != nil {
			t.Fatal(err)
		}
		got, damaged, err := evidence.Read(b)
		if err != nil || len(damaged) > 0 || len(got) != len(files) {
			t.Fatalf("read again: %d files of %d, damaged %v, %v", len(got), len(files), damaged, err)
		}
		for name, want := range files {
			if !bytes.Equal(got[name], want) {
				t.Fatalf("%s came back as something else", name)
			}
		}
		return b
	}
	one := map[string][]byte{"z": []byte("the line was cut"), "none": {}}
	first := write(one)
	write(map[string][]byte{"a": long, "b": long[7:]})
	if again := write(one); !bytes.Equal(again, first) {
		t.Error("the same files were written as other bytes after others")
	}
}

// A server seals a record for each run and due day: what it needs for one is not to grow by almost a
// megabyte with every file in it.
func TestManySmallFilesArePackedInLittleMemory(t *testing.T) {
	files := map[string][]byte{}
	for n := range 50 {
		files[fmt.Sprintf("file-%02d", n)] = []byte("a few bytes")
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := evidence.Write(files); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 8 {
		t.Errorf("%d MB for 50 files of a few bytes, want one packer's few", took)
	}
}
