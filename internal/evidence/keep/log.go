package keep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"k8s.io/klog/v2"

	"github.com/muster-dr/muster/internal/evidence"
)

// What the log's library says goes to klog; what matters of it comes back as an error.
func init() { klog.SetSlogLogger(slog.New(slog.DiscardHandler)) }

// publishWithin is how long a signed checkpoint may take after an entry is in.
const publishWithin = 30 * time.Second

// ledger is the append-only log: Merkle tiles in plain files (C2SP tlog-tiles) under a
// signed checkpoint. One process writes it (Keeper holds a lock).
type ledger struct {
	dir string
	key key

	mu      sync.Mutex
	entries []evidence.Entry // all that the checkpoint signs
	leaves  [][]byte         // their bytes
	size    uint64
	root    []byte
	cp      []byte
}

// openLedger opens or begins the log, publishes what a killed process had left unpublished,
// and makes sure that what lies there is what was signed.
func openLedger(ctx context.Context, dir string, k key) (*ledger, error) {
	l := &ledger{dir: filepath.Join(dir, dirLog), key: k}
	if err := l.with(ctx, func(context.Context, *tessera.Appender) error { return nil }); err != nil {
		return nil, err
	}
	return l, l.read(ctx)
}

// with opens the log for writing as long as do takes, and returns when a signed checkpoint
// covers everything that is in.
func (l *ledger) with(ctx context.Context, do func(context.Context, *tessera.Appender) error) (err error) {
	if err := errors.Join(ctx.Err(), l.writable()); err != nil {
		return err
	}
	// What has begun is brought to its end, also when the server ends: the library's worker stops
	// with its context, and what it was asked for is then never answered.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), publishWithin)
	defer cancel()
	driver, err := posix.New(ctx, posix.Config{Path: l.dir})
	if err != nil {
		return err
	}
	opts := tessera.NewAppendOptions().WithCheckpointSigner(l.key.signer).WithBatching(256, 20*time.Millisecond).
		WithCheckpointInterval(100 * time.Millisecond).WithCheckpointRepublishInterval(0).WithGarbageCollectionInterval(0)
	a, shutdown, reader, err := tessera.NewAppender(ctx, driver, opts)
	if err != nil {
		return fmt.Errorf("evidence log %s: %w", l.dir, err)
	}
	if err := do(ctx, a); err != nil {
		return fmt.Errorf("evidence log %s: %w", l.dir, err)
	}
	if err := shutdown(ctx); err != nil {
		return fmt.Errorf("evidence log %s: no signed checkpoint: %w", l.dir, err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		in, err := reader.IntegratedSize(ctx)
		if err != nil {
			return fmt.Errorf("evidence log %s: %w", l.dir, err)
		}
		cp, err := os.ReadFile(filepath.Join(l.dir, layout.CheckpointPath))
		if err == nil {
			if c, err := evidence.OpenCheckpoint(cp, l.keys()); err == nil && c.Size >= in {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("evidence log %s: no signed checkpoint over %d entries: %w", l.dir, in, ctx.Err())
		case <-tick.C:
		}
	}
}

// writable finds out whether the log can be written before its library tries: that ends the
// process where it can't take its lock.
func (l *ledger) writable() error {
	state := filepath.Join(l.dir, ".state")
	if err := os.MkdirAll(state, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(state, "treeState.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// Room for the tiles and bundles of one more entry.
	probe := filepath.Join(state, "room")
	err = os.WriteFile(probe, make([]byte, 256<<10), 0o600)
	return errors.Join(err, os.Remove(probe))
}

func (l *ledger) keys() []string {
	all, err := publicKeys(filepath.Dir(l.dir))
	if err != nil {
		return []string{l.key.public}
	}
	return append(all, l.key.public)
}

// read takes up what was added since, and makes sure that its hashes are those of the
// checkpoint.
func (l *ledger) read(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, err := os.ReadFile(filepath.Join(l.dir, layout.CheckpointPath))
	if err != nil {
		return err
	}
	cp, err := evidence.OpenCheckpoint(b, l.keys())
	if err != nil {
		return fmt.Errorf("evidence log %s: the checkpoint: %w; it was altered, or its keys are of another log: put both back from one copy", l.dir, err)
	}
	f := client.FileFetcher{Root: l.dir}
	entries, leaves := l.entries[:len(l.entries):len(l.entries)], l.leaves[:len(l.leaves):len(l.leaves)]
	if cp.Size < uint64(len(entries)) {
		return fmt.Errorf("evidence log %s: it has %d entries and had %d: it was put back to an older state", l.dir, cp.Size, len(entries))
	}
	for bundle := uint64(len(entries)) / layout.EntryBundleWidth; bundle*layout.EntryBundleWidth < cp.Size; bundle++ {
		part, err := client.GetEntryBundle(ctx, f.ReadEntryBundle, bundle, cp.Size)
		if err != nil {
			return fmt.Errorf("evidence log %s: entries from %d: %w", l.dir, bundle*layout.EntryBundleWidth, err)
		}
		for i, data := range part.Entries {
			n := bundle*layout.EntryBundleWidth + uint64(i)
			if n < uint64(len(entries)) || n >= cp.Size {
				continue
			}
			e, err := evidence.ParseEntry(data)
			if err != nil {
				return fmt.Errorf("evidence log %s: entry %d: %w", l.dir, n, err)
			}
			entries, leaves = append(entries, e), append(leaves, bytes.Clone(data))
		}
	}
	root, err := rootOf(leaves)
	if err != nil {
		return err
	}
	if uint64(len(entries)) != cp.Size || !bytes.Equal(root, cp.Root) {
		return fmt.Errorf("evidence log %s: its %d entries are not what the checkpoint signs (%d): something was altered; keep a copy, and put the log back from one", l.dir, len(entries), cp.Size)
	}
	l.entries, l.leaves, l.size, l.root, l.cp = entries, leaves, cp.Size, cp.Root, b
	return nil
}

func rootOf(leaves [][]byte) ([]byte, error) {
	if len(leaves) == 0 {
		return rfc6962.DefaultHasher.EmptyRoot(), nil
	}
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil); err != nil {
			return nil, err
		}
	}
	return r.GetRootHash(nil)
}

// append adds entries and returns when a signed checkpoint covers them.
func (l *ledger) append(ctx context.Context, entries ...evidence.Entry) error {
	var bodies [][]byte
	for _, e := range entries {
		e.Format = evidence.Format
		b, err := json.Marshal(e)
		if err != nil {
			return err
		}
		bodies = append(bodies, b)
	}
	err := l.with(ctx, func(ctx context.Context, a *tessera.Appender) error {
		var waiting []tessera.IndexFuture
		for _, b := range bodies {
			waiting = append(waiting, a.Add(ctx, tessera.NewEntry(b)))
		}
		for _, w := range waiting {
			if err := answer(ctx, w); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	before := l.size
	if err := l.read(ctx); err != nil {
		return err
	}
	if before/layout.EntryBundleWidth != l.size/layout.EntryBundleWidth {
		l.tidy()
	}
	return nil
}

// answer waits for an entry to be in, no longer than ctx lasts: the library does not answer at
// all when it gave up.
func answer(ctx context.Context, in tessera.IndexFuture) error {
	done := make(chan error, 1)
	go func() {
		_, err := in()
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// tidy drops partial tiles whose full one is there: nobody reads them any more.
func (l *ledger) tidy() {
	_ = filepath.WalkDir(filepath.Join(l.dir, "tile"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || !strings.HasSuffix(path, ".p") {
			return nil
		}
		if _, err := os.Stat(strings.TrimSuffix(path, ".p")); err == nil {
			_ = os.RemoveAll(path)
		}
		return fs.SkipDir
	})
}

// all are the entries in order.
func (l *ledger) all() []evidence.Entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries[:len(l.entries):len(l.entries)]
}

// note says in the record store how far the log is.
func (l *ledger) note(n *logDoc) { n.Size, n.Root = l.size, l.root }

// bytes are those of every entry, as they were hashed, and the checkpoint over them.
func (l *ledger) bytes() (leaves [][]byte, checkpoint []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.leaves[:len(l.leaves):len(l.leaves)], l.cp
}

// provable makes sure that the hashes on disk prove each entry.
func (l *ledger) provable(ctx context.Context) error {
	b, err := client.NewProofBuilder(ctx, l.size, client.FileFetcher{Root: l.dir}.ReadTile)
	if err != nil {
		return fmt.Errorf("evidence log %s: %w", l.dir, err)
	}
	for i, leaf := range l.leaves {
		path, err := b.InclusionProof(ctx, uint64(i))
		if err == nil {
			err = proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), l.size, rfc6962.DefaultHasher.HashLeaf(leaf), path, l.root)
		}
		if err != nil {
			return fmt.Errorf("evidence log %s: its hashes do not prove entry %d: %w; put the log back from a copy", l.dir, i, err)
		}
	}
	return nil
}

// since proves that the log of an older size is the beginning of this one.
func (l *ledger) since(ctx context.Context, size uint64) (evidence.Since, error) {
	out, _, err := l.proofs(ctx, nil, size)
	if err != nil {
		return evidence.Since{}, err
	}
	return *out.Since, nil
}

// proofs are those of some entries under the checkpoint as it is now. since, when not 0, is
// the size of an older checkpoint.
func (l *ledger) proofs(ctx context.Context, of []uint64, since uint64) (evidence.Proofs, []byte, error) {
	l.mu.Lock()
	size, cp, leaves := l.size, l.cp, l.leaves
	l.mu.Unlock()
	var out evidence.Proofs
	b, err := client.NewProofBuilder(ctx, size, client.FileFetcher{Root: l.dir}.ReadTile)
	if err != nil {
		return out, nil, err
	}
	for _, i := range of {
		path, err := b.InclusionProof(ctx, i)
		if err != nil {
			return out, nil, fmt.Errorf("entry %d: %w", i, err)
		}
		out.Entries = append(out.Entries, evidence.Proof{Index: i, Entry: string(leaves[i]), Path: path})
	}
	if since > 0 {
		if since > size {
			return out, nil, fmt.Errorf("the log has %d entries, so there is no checkpoint of %d", size, since)
		}
		path, err := b.ConsistencyProof(ctx, since, size)
		if err != nil {
			return out, nil, err
		}
		out.Since = &evidence.Since{Size: since, Path: path}
	}
	return out, cp, nil
}
