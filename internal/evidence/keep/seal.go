package keep

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// mostAttached bounds the long outputs of one part, so that a bundle can be handed on.
const mostAttached = 256 << 20

// seal seals what of a run is not sealed yet, and reports whether there was anything. k.mu is
// held and the log is open. What is sealed is on disk before its entry is in the log, and its
// entry decides: a process that is killed in between does it again.
func (k *Keeper) seal(ctx context.Context, sum journal.Summary) (bool, error) {
	s := k.index.of(sum.Run)
	if s.removed {
		return false, nil
	}
	entries, err := k.o.Store.Events(ctx, sum.Run, 0, 0)
	if err != nil {
		return false, k.ofRun(ctx, sum.Run, err)
	}
	var all, added []run.Event
	through, newest := s.through, s.through == 0
	for _, e := range entries {
		all, newest = append(all, e.Event), newest || e.Position == s.through
		if e.Position > s.through {
			added, through = append(added, e.Event), max(through, e.Position)
		}
	}
	if !newest {
		return false, &runError{sum.Run, errPutBack}
	}
	if len(added) == 0 {
		return false, nil
	}
	m, files, salts, err := k.gather(ctx, sum, len(s.parts)+1, all, added)
	if err != nil {
		return false, k.ofRun(ctx, sum.Run, err)
	}
	if n := len(s.parts); n > 0 {
		m.Previous = s.parts[n-1]
	}
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return false, err
	}
	manifest = append(manifest, '\n')
	files[evidence.FileManifest] = manifest
	archive, err := evidence.Write(files)
	if err != nil {
		return false, k.ofRun(ctx, sum.Run, err)
	}
	if err := k.putSalts(sum.Run, m.Part, salts); err != nil {
		return false, plain(err)
	}
	if err := writeFile(k.archive(sum.Run, m.Part), archive, 0o600); err != nil {
		return false, plain(err)
	}
	err = k.append(ctx, evidence.Entry{Kind: evidence.EntrySealed, At: m.SealedAt, Run: sum.Run, Part: m.Part, Manifest: evidence.Sum(manifest), Class: m.Class, Through: through})
	if err != nil {
		return false, err
	}
	k.told.Lock()
	k.status.SealedAt = &m.SealedAt
	k.status.Waiting = slices.DeleteFunc(slices.Clone(k.status.Waiting), func(id string) bool { return id == sum.Run })
	k.told.Unlock()
	k.o.Log.Info("sealed", "run", sum.Run, "part", m.Part, "events", m.Events, "entry", k.log.size-1)
	return true, nil
}

// archive is where a part's sealed files lie.
func (k *Keeper) archive(runID string, part int) string {
	return filepath.Join(k.o.Dir, dirSealed, fmt.Sprintf("%s.%d.zip", safeName(runID), part))
}

func (k *Keeper) salts(runID string, part int) string {
	return filepath.Join(k.o.Dir, dirSalts, fmt.Sprintf("%s.%d.json", safeName(runID), part))
}

func (k *Keeper) putSalts(runID string, part int, salts evidence.Salts) error {
	if len(salts) == 0 {
		return nil
	}
	b, err := json.Marshal(salts)
	if err != nil {
		return err
	}
	return writeFile(k.salts(runID, part), b, 0o600)
}

// gather puts together what a part consists of. Personal data gets a salted digest and stays
// where it is.
func (k *Keeper) gather(ctx context.Context, sum journal.Summary, part int, all, added []run.Event) (evidence.Manifest, map[string][]byte, evidence.Salts, error) {
	m := evidence.Manifest{Format: evidence.Format, Run: sum.Run, Part: part, Kind: sum.Kind, Scenario: sum.Scenario, PlanHash: sum.PlanHash,
		Class: classOf(sum), Muster: k.o.Version, SealedAt: k.now(), Events: len(added), Gaps: evidence.Gaps(all)}
	files := map[string][]byte{}
	lines, sums, err := evidence.Lines(added)
	if err != nil {
		return m, nil, nil, err
	}
	files[evidence.FileEvents], files[evidence.FileSums] = lines, sums
	if part == 1 {
		files[evidence.FileReadme] = []byte(evidence.Readme)
	}
	if !planless(sum) {
		if err := k.tellOf(ctx, &m, files, all); err != nil {
			return m, nil, nil, err
		}
	}
	if err := k.attach(&m, files, lines); err != nil {
		return m, nil, nil, err
	}
	for name, b := range files {
		class := m.Class
		if name == evidence.FileReadme {
			class = evidence.ClassC
		}
		m.Files = append(m.Files, evidence.NewFile(name, b, class))
	}
	slices.SortFunc(m.Files, func(a, b evidence.File) int { return strings.Compare(a.Path, b.Path) })
	salts := evidence.Salts{}
	if k.o.Personal != nil {
		items, err := k.o.Personal(ctx, sum.Run, added)
		if err != nil {
			return m, nil, nil, err
		}
		sealed := k.sealedApart(sum.Run, items)
		for _, it := range items {
			if sealed[it.Name] {
				continue
			}
			salt := make([]byte, 32)
			if _, err := rand.Read(salt); err != nil {
				return m, nil, nil, err
			}
			salts[it.Name] = salt
			m.Apart = append(m.Apart, evidence.Apart{Kind: it.Kind, Name: it.Name, Salted: evidence.SaltedSum(salt, it.Bytes)})
		}
		slices.SortFunc(m.Apart, func(a, b evidence.Apart) int { return strings.Compare(a.Name, b.Name) })
	}
	return m, files, salts, nil
}

// sealedApart are those items that an earlier part has sealed as they are: once is enough, and a
// second salt would take the place of the first. What can't be read is sealed again.
func (k *Keeper) sealedApart(runID string, items []Item) map[string]bool {
	out := map[string]bool{}
	if len(items) == 0 {
		return out
	}
	of := map[string]string{}
	salts := evidence.Salts{}
	for i, sum := range k.index.of(runID).parts {
		files, err := k.sealed(runID, i+1, sum)
		if err != nil {
			return nil
		}
		var m evidence.Manifest
		if err := json.Unmarshal(files[evidence.FileManifest], &m); err != nil {
			return nil
		}
		with, err := k.readSalts(runID, i+1)
		if err != nil {
			return nil
		}
		for _, a := range m.Apart {
			of[a.Name], salts[a.Name] = a.Salted, with[a.Name]
		}
	}
	for _, it := range items {
		out[it.Name] = len(salts[it.Name]) > 0 && evidence.SaltedSum(salts[it.Name], it.Bytes) == of[it.Name]
	}
	return out
}

// tellOf adds the plan of a run and its report.
func (k *Keeper) tellOf(ctx context.Context, m *evidence.Manifest, files map[string][]byte, all []run.Event) error {
	p, err := k.o.Store.Plan(ctx, m.PlanHash)
	if err != nil {
		return err
	}
	m.Title = p.Scenario.Title
	if m.Part == 1 {
		if files[evidence.FilePlan], err = json.Marshal(p); err != nil {
			return err
		}
	}
	r, err := report.Build(p, all)
	if err != nil {
		// What can't be reported on is sealed all the more: as it is, and it says so.
		m.NoReport = err.Error()
		k.o.Log.Warn("no report could be made of a run that is sealed", "run", m.Run, "err", err)
		return nil
	}
	for name, format := range map[string]report.Format{evidence.FileReport: report.JSON, evidence.FileHTML: report.HTML} {
		var b bytes.Buffer
		if err := report.Render(&b, r, format, ""); err != nil {
			return err
		}
		files[name] = b.Bytes()
	}
	var b bytes.Buffer
	if err := report.WriteRecord(&b, p, r); err != nil {
		return err
	}
	files[evidence.FileRecord] = b.Bytes()
	return nil
}

var attached = regexp.MustCompile(`"evidence:([0-9a-f]{64})"`)

// attach adds the long outputs that the events name. Those of other machines stay there: the
// event has their digest.
func (k *Keeper) attach(m *evidence.Manifest, files map[string][]byte, lines []byte) error {
	total := 0
	for _, found := range attached.FindAllSubmatch(lines, -1) {
		name := string(found[1])
		if _, there := files[evidence.DirAttachments+name]; there || slices.Contains(m.Elsewhere, name) {
			continue
		}
		path := filepath.Join(k.o.Attachments, name[:2], name)
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			m.Elsewhere = append(m.Elsewhere, name)
			continue
		case err != nil:
			return err
		case total+int(info.Size()) > mostAttached:
			m.Elsewhere = append(m.Elsewhere, name)
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		total += len(b)
		files[evidence.DirAttachments+name] = b
	}
	return nil
}

// safeName is a run's ID as a file's name.
func safeName(runID string) string { return url.PathEscape(runID) }

// Seal seals what of an ended run is not sealed yet, without waiting for it to be quiet:
// somebody wants to have it now.
func (k *Keeper) Seal(ctx context.Context, sum journal.Summary) error {
	if !k.sealable(sum) {
		return ErrNotSealed
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	_, err := k.seal(ctx, sum)
	return err
}
