package scenario

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Files that would take a machine down are refused before they are read in full
// (faults.md, row 62).
func TestPoisonedFiles(t *testing.T) {
	head := "kind: Runbook\nname: other\nsystem: orders\nsteps:\n"
	var steps, wide, reads strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&steps, "  - {id: s%d, uses: db.status, with: {server: tokyo-db}}\n", i)
	}
	reads.WriteString(head + "  - {id: s0, uses: db.status, with: {server: tokyo-db}}\n")
	for i := range 1990 {
		fmt.Fprintf(&reads, "  - {id: s%d, uses: db.status, with: {server: tokyo-db}, if: steps.s0.role == 'x'}\n", i+1)
	}
	reads.WriteString("  - {id: end, uses: db.statuss}\n")
	wide.WriteString(head + "  - {id: a, needs: [")
	for range 150_000 {
		wide.WriteString("a,")
	}
	for name, c := range map[string]struct{ file, want string }{
		"brackets":          {strings.Repeat("[", 100_000), "nest deeper"},
		"more brackets":     {strings.Repeat("[", 200_000), "values; split it"},
		"maps":              {strings.Repeat("{a: ", 100_000), "values; split it"},
		"dashes":            {strings.Repeat("- ", 100_000), "nest deeper"},
		"keys":              {strings.Repeat("? ", 100_000), "nest deeper"},
		"10 MB":             {head + strings.Repeat("# padding\n", 1<<20), "larger than 1 MiB"},
		"10000 steps":       {head + steps.String(), "the most for one runbook is 2000"},
		"long chain":        {reads.String(), `did you mean "db.status"`},
		"wide":              {wide.String(), "values; split it"},
		"long word":         {head + "  - {id: a, uses: " + strings.Repeat("x", 1<<19) + "}\n", "unknown action"},
		"long key":          {head + "  - {" + strings.Repeat("y", 1<<19) + ": a}\n", "unknown field"},
		"expression":        {head + "  - {id: a, uses: exec.run, with: {command: [\"${{ " + strings.Repeat("(", 2000) + "\"]}}\n", "never closed"},
		"nested expression": {head + "  - {id: a, uses: exec.run, if: \"" + strings.Repeat("(", 2000) + "true" + strings.Repeat(")", 2000) + "\", with: {command: [x]}}\n", "step a: if:"},
		"many mistakes":     {head + strings.Repeat("  - {idd: a}\n", 5000), "more than 200 mistakes"},
	} {
		t.Run(name, func(t *testing.T) {
			files := base(t)
			files["poison.yaml"] = []byte(c.file)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			b, mistakes := LoadSources(catalog(), files)
			runtime.ReadMemStats(&after)
			if b != nil || !strings.Contains(mistakes.Error(), c.want) {
				t.Errorf("mistakes do not say %q: %.500s", c.want, mistakes.Error())
			}
			if used := (after.TotalAlloc - before.TotalAlloc) >> 20; used > 200 {
				t.Errorf("reading it took %d MB", used)
			}
			for _, m := range mistakes {
				if len(m.Text) > 2000 {
					t.Errorf("a mistake has %d bytes", len(m.Text))
				}
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(paths) == 0 {
		f.Fatal(paths, err)
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	actions := catalog()
	good := base(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		files := Sources{"fuzzed.yaml": data}
		for name, b := range good {
			if !(name == "estate.yaml" && bytes.Contains(data, []byte("Estate"))) {
				files[name] = b
			}
		}
		b, mistakes := LoadSources(actions, files)
		if (b == nil) != (len(mistakes) > 0) {
			t.Fatalf("bundle %v with mistakes %v", b, mistakes)
		}
		for _, m := range mistakes {
			if m.Text == "" || m.File == "" {
				t.Errorf("a mistake without place or text: %+v", m)
			}
		}
		if b == nil {
			return
		}
		for _, s := range b.Scenarios() {
			p, err := b.Compile(s.Name, "")
			if err != nil || !p.Intact() {
				t.Errorf("a bundle without mistakes does not compile: %v", err)
			}
		}
	})
}
