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
	"regexp"
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
	On    string `json:"on"`             // day
	Said  string `json:"said,omitempty"` // by the test, which held in the same tree without the defect
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
func Record(root string, r Row, t Trial, now time.Time) error {
	all := map[int]Showing{}
	b, err := os.ReadFile(filepath.Join(root, RecordFile))
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		return err
	}
	delete(all, r.N)
	if t.Noticed {
		all[r.N] = Showing{Plant: r.Plant.Digest(), By: r.Plant.By.String(), On: now.UTC().Format(time.DateOnly), Said: t.Said}
	}
	if b, err = json.MarshalIndent(all, "", "  "); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, RecordFile), append(b, '\n'), 0o644)
}

// Trial is what became of a planted defect.
type Trial struct {
	Noticed bool
	Said    string // the test's first words on it
}

// PlantAll plants the defects of the rows, one at a time, into a copy of the tree, and runs
// the proof that must notice. Before that all of those proofs run in the copy as it is: one
// that does not hold there would tell nothing, and its rows are not tried. The answer has the
// rows that were tried; what could not be tried is in the error. tried hears of each as it ends.
func PlantAll(ctx context.Context, root string, rows []Row, within time.Duration, w io.Writer, tried func(Row, Trial) error) (map[int]Trial, error) {
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
	without, err := withoutDefects(ctx, tree, rows, w)
	if err != nil {
		return nil, err
	}
	trials := map[int]Trial{}
	var broken []error
	cannot := func(n int, err error) {
		fmt.Fprintf(w, "%3d  %v\n", n, err)
		broken = append(broken, fmt.Errorf("row %d: %w", n, err))
	}
	for _, r := range rows {
		if r.Plant == nil {
			continue
		}
		if ctx.Err() != nil {
			cannot(r.N, fmt.Errorf("not tried within %s", within))
			continue
		}
		if v := without[r.Plant.By]; v.Outcome != Held {
			cannot(r.N, fmt.Errorf("not tried: %s, without any defect: %s", r.Plant.By, v.Outcome))
			fmt.Fprintln(w, indent(v.End()))
			continue
		}
		began := time.Now()
		v, err := plantOne(ctx, tree, *r.Plant)
		switch {
		case ctx.Err() != nil: // a test that was broken off shows nothing
			cannot(r.N, fmt.Errorf("not ended within %s", within))
			continue
		case err != nil:
			cannot(r.N, fmt.Errorf("not planted: %w", err))
			continue
		}
		trial := Trial{Said: newWords(v.Said, without[r.Plant.By].Said)}
		trial.Noticed = trial.Said != "" && v.Outcome == Failed && !died.MatchString(v.Said)
		trials[r.N] = trial
		if err := tried(r, trial); err != nil {
			return trials, err
		}
		if !trial.Noticed {
			fmt.Fprintf(w, "%3d  UNNOTICED (%s) by %s, %.0f s: %s\n%s\n", r.N, v.Outcome, r.Plant.By, time.Since(began).Seconds(), r.Plant.Breaks, indent(v.End()))
			continue
		}
		fmt.Fprintf(w, "%3d  noticed by %s, %.0f s: %s\n%s\n", r.N, r.Plant.By, time.Since(began).Seconds(), r.Plant.Breaks, indent(trial.Said))
	}
	return trials, errors.Join(broken...)
}

// withoutDefects runs what is to notice the rows' defects where there is none.
func withoutDefects(ctx context.Context, tree string, rows []Row, w io.Writer) (map[Proof]Verdict, error) {
	var sound []Row
	for _, r := range rows {
		if r.Plant != nil {
			sound = append(sound, Row{N: r.N, Proofs: []Proof{r.Plant.By}})
		}
	}
	verdicts, err := Run(ctx, tree, sound, All, 30*time.Minute, w)
	if err != nil {
		return nil, fmt.Errorf("without a defect: %w", err)
	}
	return verdicts, nil
}

var (
	words = regexp.MustCompile(`(?m)^\s+(\w+\.go:\d+): (.*\S.*)$`) // as testing prints them
	// A test that hangs, dies or can't be built tells nothing of what the defect breaks.
	died = regexp.MustCompile(`(?m)^(panic: |fatal error: |signal: |SIG[A-Z]+: )`)
)

// maxWords bounds what is recorded of a test's words, in bytes.
const maxWords = 200

// newWords are the first that a test says at a place where it said nothing when all was well:
// there it may have logged what it measured. On one line.
func newWords(said, well string) string {
	known := map[string]bool{}
	for _, m := range words.FindAllStringSubmatch(well, -1) {
		known[m[1]] = true
	}
	for _, m := range words.FindAllStringSubmatch(said, -1) {
		if known[m[1]] {
			continue
		}
		line := m[1] + ": " + strings.Join(strings.Fields(m[2]), " ")
		if len(line) > maxWords {
			line = strings.ToValidUTF8(line[:maxWords], "") + "…"
		}
		return line
	}
	return ""
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
