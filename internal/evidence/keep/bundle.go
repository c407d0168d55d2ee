package keep

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
)

// ErrNotSealed: nothing of the run is sealed yet.
var ErrNotSealed = errors.New("not sealed yet")

// ErrRemoved: the run's record was removed after its time.
var ErrRemoved = errors.New("its record was removed after its time")

// BundleOptions say what goes into a bundle.
type BundleOptions struct {
	// Since is the size of an older checkpoint, from which a proof of consistency goes along;
	// 0 is none.
	Since uint64
	// Personal data goes along, what there still is of it, with what opens its digests.
	Personal bool
}

// Bundle makes the bundle of a run: the same bytes as long as the log says the same.
func (k *Keeper) Bundle(ctx context.Context, runID string, o BundleOptions) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return nil, err
	}
	return k.bundle(ctx, runID, o)
}

// bundle is Bundle; k.mu is held and the log is open.
func (k *Keeper) bundle(ctx context.Context, runID string, o BundleOptions) ([]byte, error) {
	s, known := k.index.runs[runID]
	if known && s.removed {
		return nil, ErrRemoved
	}
	if !known || len(s.parts) == 0 {
		return nil, ErrNotSealed
	}
	files := map[string][]byte{evidence.FileKey: []byte(k.log.key.public + "\n")}
	for part := range s.parts {
		sealed, err := k.sealed(runID, part+1, s.parts[part])
		if err != nil {
			return nil, err
		}
		for name, b := range sealed {
			files[evidence.Dir(part+1)+name] = b
		}
	}
	proofs, cp, err := k.log.proofs(ctx, s.entries, o.Since)
	if err != nil {
		return nil, err
	}
	if proofs.Stamps, err = k.stampsOver(ctx, s, files); err != nil {
		return nil, err
	}
	if files[evidence.FileProofs], err = json.Marshal(proofs); err != nil {
		return nil, err
	}
	files[evidence.FileCheckpoint] = cp
	if o.Personal {
		if err := k.personal(ctx, runID, len(s.parts), files); err != nil {
			return nil, err
		}
	}
	return evidence.Write(files)
}

// stampsOver adds the earliest time stamp over the seal of each part, where there is one by now.
func (k *Keeper) stampsOver(ctx context.Context, s *standing, files map[string][]byte) ([]evidence.Since, error) {
	var out []evidence.Since
	done := map[uint64]bool{}
	all := k.log.all()
	for _, i := range s.entries {
		if all[i].Kind != evidence.EntrySealed {
			continue
		}
		e := k.index.stampOver(i)
		if e == nil || done[e.Size] {
			continue
		}
		done[e.Size] = true
		stamp, err := k.readStamp(*e)
		if err != nil {
			k.o.Log.Error("a time stamp stays out of a bundle", "run", all[i].Run, "err", err)
			continue
		}
		proof, err := k.log.since(ctx, e.Size)
		if err != nil {
			return nil, err
		}
		stamp.Put(files)
		out = append(out, proof)
	}
	return out, nil
}

// LostError says that what was sealed of a run can't be read here any more, or is something else.
type LostError struct {
	Run, Path string
	Err       error
}

func (e *LostError) Error() string {
	if of := new(fs.PathError); errors.As(e.Err, &of) {
		return fmt.Sprintf("what was sealed of run %s is gone from this server: %v; take it from a copy at another place", e.Run, e.Err)
	}
	return fmt.Sprintf("%s: %v: it was altered or damaged; take the run's bundle from a copy at another place", e.Path, e.Err)
}

func (e *LostError) Unwrap() error { return e.Err }

// sealed reads a part and makes sure that it is what the log says.
func (k *Keeper) sealed(runID string, part int, manifest string) (map[string][]byte, error) {
	path := k.archive(runID, part)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, &LostError{Run: runID, Path: path, Err: err}
	}
	files, damaged, err := evidence.Read(b)
	if err == nil && (len(damaged) > 0 || evidence.Sum(files[evidence.FileManifest]) != manifest) {
		err = errors.New("it is not what the log says")
	}
	if err != nil {
		return nil, &LostError{Run: runID, Path: path, Err: err}
	}
	return files, nil
}

// personal adds personal data that was not erased.
func (k *Keeper) personal(ctx context.Context, runID string, parts int, files map[string][]byte) error {
	if k.o.Personal == nil {
		return nil
	}
	entries, err := k.o.Store.Events(ctx, runID, 0, 0)
	if err != nil {
		return err
	}
	events := make([]run.Event, 0, len(entries))
	for _, e := range entries {
		events = append(events, e.Event)
	}
	items, err := k.o.Personal(ctx, runID, events)
	if err != nil {
		return err
	}
	salts := evidence.Salts{}
	for part := 1; part <= parts; part++ {
		of, err := k.readSalts(runID, part)
		if err != nil {
			return err
		}
		for name, salt := range of {
			salts[name] = salt
		}
	}
	with := evidence.Salts{}
	for _, it := range items {
		if salt, ok := salts[it.Name]; ok {
			with[it.Name], files[evidence.DirPrivate+it.Name] = salt, it.Bytes
		}
	}
	if len(with) == 0 {
		return nil
	}
	files[evidence.FileSalts], err = json.Marshal(with)
	return err
}

func (k *Keeper) readSalts(runID string, part int) (evidence.Salts, error) {
	b, err := os.ReadFile(k.salts(runID, part))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var s evidence.Salts
	return s, json.Unmarshal(b, &s)
}

// Checkpoint is the log's newest signed checkpoint.
func (k *Keeper) Checkpoint(ctx context.Context) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return nil, err
	}
	return k.log.cp, nil
}

// Entries lists the log, or what it says of one run.
func (k *Keeper) Entries(ctx context.Context, runID string) ([]Listed, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return nil, err
	}
	out := []Listed{}
	for i, e := range k.log.all() {
		if runID == "" || e.Run == runID {
			out = append(out, Listed{uint64(i), e})
		}
	}
	return out, nil
}

// Listed is an entry with its place in the log.
type Listed struct {
	Index uint64 `json:"index"`
	evidence.Entry
}
