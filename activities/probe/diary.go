package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// diary is the log of a probe on this machine: a line a sample, in files
// <dir>/<run>/<probe>.<n>.jsonl, a new file each time a process begins to look. What
// is written outlives the process, so that killing it loses no sample.
//
// A line is [began, ended, fate, seq, error, level] in microseconds since 1970, with what
// would be 0 or empty at the end left out; or {"count": ...}, the markers as counted; or
// {"baseline": ...}, the capacity in normal operation; or {"hole": true}, behind which a
// sample counts as the first.
type diary struct {
	mu sync.Mutex
	f  *os.File
	// torn is set while lines could not be written: on a full disk, say.
	torn bool
}

type counted struct {
	// Hole stands where lines are missing: what was seen then died with the process.
	Hole     bool          `json:"hole,omitempty"`
	Count    *run.Markers  `json:"count,omitempty"`
	Baseline *run.Baseline `json:"baseline,omitempty"`
}

// openDiary reads what earlier processes wrote, in order, and begins a new file. With
// an empty dir nothing is kept.
func openDiary(dir, runID, probe string, each func(s sample, first bool), other func(counted)) (*diary, error) {
	if dir == "" {
		return &diary{}, nil
	}
	home := filepath.Join(dir, url.PathEscape(runID))
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, fmt.Errorf("probe's log: %w", err)
	}
	name := url.PathEscape(probe)
	entries, err := os.ReadDir(home)
	if err != nil {
		return nil, fmt.Errorf("probe's log: %w", err)
	}
	var numbers []int
	for _, e := range entries {
		rest, ours := strings.CutPrefix(e.Name(), name+".")
		rest, log := strings.CutSuffix(rest, ".jsonl")
		if n, err := strconv.Atoi(rest); ours && log && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	next := 1
	for _, n := range numbers {
		next = n + 1
		if err := readDiary(filepath.Join(home, fmt.Sprintf("%s.%d.jsonl", name, n)), each, other); err != nil {
			return nil, err
		}
	}
	f, err := os.OpenFile(filepath.Join(home, fmt.Sprintf("%s.%d.jsonl", name, next)), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("probe's log: %w", err)
	}
	return &diary{f: f}, nil
}

// keepDiaries is how long the logs of a run that nobody looks for any more are kept.
const keepDiaries = 30 * 24 * time.Hour

// sweepDiaries removes the logs of runs that ended long ago.
func sweepDiaries(dir string, now time.Time) error {
	if dir == "" {
		return nil
	}
	runs, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, r := range runs {
		logs, lerr := filepath.Glob(filepath.Join(dir, r.Name(), "*.jsonl"))
		if lerr != nil || len(logs) == 0 {
			continue // not ours
		}
		old := true
		for _, l := range logs {
			st, serr := os.Stat(l)
			old = old && serr == nil && now.Sub(st.ModTime()) > keepDiaries
		}
		if old {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, r.Name())))
		}
	}
	return err
}

// readDiary leaves out a line that was cut off by the writer's death.
func readDiary(path string, each func(s sample, first bool), other func(counted)) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("probe's log: %w", err)
	}
	defer f.Close()
	r := bufio.NewReader(f)
	first := true
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("probe's log %s: %w", path, err)
		}
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] == '{' {
			var c counted
			if json.Unmarshal(line, &c) == nil {
				first = first || c.Hole
				other(c)
			}
			continue
		}
		if s, ok := parseSample(line); ok {
			each(s, first)
			first = false
		}
	}
}

func parseSample(line []byte) (s sample, fine bool) {
	var parts []json.RawMessage
	if json.Unmarshal(line, &parts) != nil || len(parts) < 3 {
		return s, false
	}
	var began, ended int64
	into := []any{&began, &ended, &s.Fate, &s.Seq, &s.Error, &s.Level}
	for n, p := range parts {
		if n < len(into) && json.Unmarshal(p, into[n]) != nil {
			return s, false
		}
	}
	s.Began, s.Ended = time.UnixMicro(began).UTC(), time.UnixMicro(ended).UTC()
	return s, true
}

func (d *diary) write(s sample) error {
	if d.f == nil {
		return nil
	}
	parts := []any{s.Began.UnixMicro(), s.Ended.UnixMicro(), s.Fate, s.Seq, s.Error, s.Level}
	switch {
	case s.Level != 0:
	case s.Error != "":
		parts = parts[:5]
	case s.Seq != 0:
		parts = parts[:4]
	default:
		parts = parts[:3]
	}
	return d.line(parts)
}

func (d *diary) writeOther(c counted) error {
	if d.f == nil {
		return nil
	}
	return d.line(c)
}

func (d *diary) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.torn {
		b = append([]byte("\n{\"hole\":true}\n"), b...)
	}
	_, err = d.f.Write(append(b, '\n'))
	d.torn = err != nil
	return err
}

func (d *diary) close() {
	if d.f != nil {
		d.f.Close()
	}
}
