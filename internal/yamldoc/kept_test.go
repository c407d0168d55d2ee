package yamldoc

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// A server keeps what it has read of hundreds of files. A parameter that is kept may not keep the
// memory of everything that stood around it.
func TestAParameterThatIsKeptLeavesItsFileBehind(t *testing.T) {
	type step struct {
		ID   Value[string]   `json:"id" help:"Its name." ja:"名前"`
		At   []Value[string] `json:"at" help:"Sites." ja:"拠点"`
		With Raw             `json:"with" help:"A parameter." ja:"パラメーター"`
	}
	type file struct {
		Steps []step `json:"steps" help:"Steps." ja:"ステップ"`
	}
	var text strings.Builder
	text.WriteString("steps:\n")
	for n := range 50 {
		fmt.Fprintf(&text, "  - {id: step-%d, at: [a, b, c, d, e, f, g, h, i, j, k, l], with: [orders, db%d]}\n", n, n)
	}
	inUse := func() int {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapInuse)
	}
	before := inUse()
	kept := make([]Raw, 0, 50*200)
	func() {
		log := &Log{}
		d := Decoder{File: "a.yaml", Log: log}
		roots := make([]*yaml.Node, 200)
		for n := range roots { // all are parsed before any is read, as a folder is
			roots[n] = Parse("a.yaml", []byte(text.String()), log)
		}
		for _, root := range roots {
			var f file
			d.Decode("", root, &f)
			for _, s := range f.Steps {
				kept = append(kept, s.With)
			}
		}
		if got := kept[57].Node.Content; log.Len() > 0 || len(kept) != cap(kept) || len(got) != 2 || got[1].Value != "db7" || d.At(got[1]).Line != 9 {
			t.Fatalf("%v, %d kept, %+v", log.Mistakes(), len(kept), got)
		}
	}()
	grown := inUse() - before
	// Each is 3 nodes of 200 bytes, two strings and its entry.
	if most := len(kept) * 1500; grown > most {
		t.Errorf("%d bytes are kept for a parameter, want %d at the most", grown/len(kept), most/len(kept))
	}
	runtime.KeepAlive(kept)
}
