package matrix

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// RecordFile keeps which planted defects were noticed, below the module's root.
const RecordFile = "internal/matrix/planted.json"

//go:embed planted.json
var recorded []byte

// Showing is a planted defect that was noticed.
type Showing struct {
	Plant string `json:"plant"` // its digest
	By    string `json:"by"`
	On    string `json:"on"` // day
}

// Shown is what was recorded, by row. What is of another plant than the row has now does
// not count, which Document looks at.
func Shown() map[int]Showing {
	out := map[int]Showing{}
	if err := json.Unmarshal(recorded, &out); err != nil {
		panic(RecordFile + ": " + err.Error())
	}
	return out
}

// Record keeps that a row's planted defect was noticed, or takes out that it ever was.
func Record(root string, r Row, noticed bool, now time.Time) error {
	all := map[int]Showing{}
	b, err := os.ReadFile(filepath.Join(root, RecordFile))
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		return err
	}
	delete(all, r.N)
	if noticed {
		all[r.N] = Showing{Plant: r.Plant.Digest(), By: r.Plant.By.String(), On: now.UTC().Format(time.DateOnly)}
	}
	if b, err = json.MarshalIndent(all, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, RecordFile), append(b, '\n'), 0o644)
}

// PlantAll plants the defects of the rows, one at a time, into a copy of the tree, and runs
// the proof that must notice. The answer has the rows that were tried; what could not be
// planted is in the error. tried hears of each as it ends.
func PlantAll(ctx context.Context, root string, rows []Row, within time.Duration, w io.Writer, tried func(Row, bool) error) (map[int]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tree, err := os.MkdirTemp("", "muster-planted-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tree)
	if err := os.Chmod(tree, 0o755); err != nil { // servers' own users go through it
		return nil, err
	}
	if err := copyTree(root, tree); err != nil {
		return nil, err
	}
	noticed := map[int]bool{}
	var broken []error
	for _, r := range rows {
		if r.Plant == nil {
			continue
		}
		if ctx.Err() != nil {
			fmt.Fprintf(w, "%3d  not tried within %s\n", r.N, within)
			continue
		}
		began := time.Now()
		v, err := plantOne(ctx, tree, *r.Plant)
		if ctx.Err() != nil { // a test that was broken off shows nothing
			fmt.Fprintf(w, "%3d  not ended within %s\n", r.N, within)
			continue
		}
		if err != nil {
			fmt.Fprintf(w, "%3d  not planted: %v\n", r.N, err)
			broken = append(broken, fmt.Errorf("row %d: %w", r.N, err))
			continue
		}
		noticed[r.N] = v.Outcome == Failed || v.Outcome == Unended
		if err := tried(r, noticed[r.N]); err != nil {
			return noticed, err
		}
		word := "noticed"
		if !noticed[r.N] {
			word = "UNNOTICED (" + string(v.Outcome) + ")"
		}
		fmt.Fprintf(w, "%3d  %s by %s, %.0f s: %s\n", r.N, word, r.Plant.By, time.Since(began).Seconds(), r.Plant.Breaks)
		if !noticed[r.N] {
			fmt.Fprintln(w, indent(v.Said))
		} else {
			fmt.Fprintln(w, indent(firstLines(v.Said, 3)))
		}
	}
	return noticed, errors.Join(broken...)
}

// plantOne changes the file, runs the proof and puts the file back.
func plantOne(ctx context.Context, tree string, p Plant) (Verdict, error) {
	file := filepath.Join(tree, p.File)
	good, err := os.ReadFile(file)
	if err != nil {
		return Verdict{}, err
	}
	if n := strings.Count(string(good), p.Old); n != 1 {
		return Verdict{}, fmt.Errorf("%s holds what is to be changed %d times, want once", p.File, n)
	}
	defer func() { _ = os.WriteFile(file, good, 0o644) }()
	if err := os.WriteFile(file, []byte(strings.Replace(string(good), p.Old, p.New, 1)), 0o644); err != nil {
		return Verdict{}, err
	}
	// A defect that does not compile would be noticed by every test.
	vet := exec.CommandContext(ctx, "go", "build", "./"+filepath.Dir(p.File))
	vet.Dir = tree
	if out, err := vet.CombinedOutput(); err != nil {
		return Verdict{}, fmt.Errorf("the planted defect does not compile: %w\n%s", err, out)
	}
	verdicts, err := runPackage(ctx, tree, p.By.Package, []Proof{p.By}, 4*time.Minute, "-vet=off")
	return verdicts[p.By], err
}

// copyTree copies what the tests need: all but what git and the caches keep. Programs are
// linked: those that a test starts are the tree's own, without the defect.
func copyTree(from, to string) error {
	from, err := filepath.Abs(from)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || rel == "." {
			return err
		}
		switch {
		case rel == ".git", rel == ".cache", rel == ".muster-demo":
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case rel == "bin":
			if err := os.Symlink(path, filepath.Join(to, rel)); err != nil {
				return err
			}
			return filepath.SkipDir
		case d.IsDir():
			return os.Mkdir(filepath.Join(to, rel), 0o755)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, info.Mode().Perm())
	})
}

func firstLines(s string, n int) string {
	var out []string
	for line := range strings.Lines(s) {
		// What says where and why; the frame around it says nothing.
		if strings.Contains(line, "_test.go:") && len(out) < n {
			out = append(out, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(out, "\n")
}

func indent(s string) string {
	if s == "" {
		return ""
	}
	return "     " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n     ")
}

// numbers are rows as words.
func numbers(ns []int) string {
	var out []string
	for _, n := range ns {
		out = append(out, strconv.Itoa(n))
	}
	return strings.Join(out, ", ")
}
