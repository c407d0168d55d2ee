package keep

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/evidence"
)

// dirMerged holds what came back from break-glass bundles, as it came.
const dirMerged = "merged"

// Keys are the public keys that the log has had, oldest first.
func (k *Keeper) Keys(ctx context.Context) ([]string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return nil, err
	}
	return publicKeys(k.o.Dir)
}

// Sign enters something into the log and signs a statement with the log's key: whoever has it knows that the log knows of it.
func (k *Keeper) Sign(ctx context.Context, statement string, e evidence.Entry) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return nil, err
	}
	e.At = k.now()
	if err := k.append(ctx, e); err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: statement}, k.log.key.signer)
}

// Enter enters something into the log.
func (k *Keeper) Enter(ctx context.Context, e evidence.Entry) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return err
	}
	e.At = k.now()
	return k.append(ctx, e)
}

// Whole is the log with every entry's bytes under its newest checkpoint, and the bundle of each run that it seals: nothing is sealed in
// between, so that each is as the log says.
func (k *Keeper) Whole(ctx context.Context) (checkpoint []byte, entries [][]byte, runs map[string][]byte, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.open(ctx); err != nil {
		return nil, nil, nil, err
	}
	runs = map[string][]byte{}
	for id, s := range k.index.runs {
		if len(s.parts) == 0 || s.removed {
			continue
		}
		if runs[id], err = k.bundle(ctx, id, BundleOptions{}); err != nil {
			return nil, nil, nil, fmt.Errorf("%s: %w", id, err)
		}
	}
	entries, checkpoint = k.log.bytes()
	return checkpoint, entries, runs, nil
}

// KeepMerged keeps what came back from a bundle as it came, before it counts.
func (k *Keeper) KeepMerged(name string, b []byte) error {
	dir := filepath.Join(k.o.Dir, dirMerged)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return plain(err)
	}
	return plain(writeFile(filepath.Join(dir, safeName(name)), b, 0o600))
}
