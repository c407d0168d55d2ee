package keep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/muster-dr/muster/internal/evidence"
)

// ErrShorter: the log has no such entry.
var ErrShorter = errors.New("the log is shorter")

// Log makes a file of the log itself: every entry of it from one on, its checkpoint and its time stamps.
// Whoever has any earlier bundle or file of the log finds out with it whether anything was
// removed or rewritten since.
func (k *Keeper) Log(ctx context.Context, from uint64) ([]byte, error) {
	k.mu.Lock()
	if err := k.open(ctx); err != nil {
		k.mu.Unlock()
		return nil, err
	}
	leaves, cp := k.log.bytes()
	key, stamps := k.log.key.public, slices.Clone(k.index.stamps)
	k.mu.Unlock()
	// What is in the log stays as it is: runs are sealed while the stamps are read and checked.
	if from > uint64(len(leaves)) {
		return nil, fmt.Errorf("%w: it has %d entries, so none from %d on", ErrShorter, len(leaves), from)
	}
	proofs := evidence.Proofs{Entries: []evidence.Proof{}}
	if from > 0 {
		var err error
		if proofs.From, err = evidence.Frontier(leaves[:from]); err != nil {
			return nil, err
		}
	}
	files := map[string][]byte{evidence.FileKey: []byte(key + "\n"), evidence.FileCheckpoint: cp, evidence.FileReadme: []byte(evidence.Readme),
		evidence.FileLog: append(bytes.Join(leaves[from:], []byte("\n")), '\n')}
	if from == uint64(len(leaves)) {
		files[evidence.FileLog] = []byte{}
	}
	for _, e := range stamps {
		if e.Size <= from {
			continue
		}
		s, err := k.readStamp(e)
		if err != nil {
			k.o.Log.Error("a time stamp stays out of a file of the log", "err", err)
			continue
		}
		s.Put(files)
	}
	b, err := json.Marshal(proofs)
	if err != nil {
		return nil, err
	}
	files[evidence.FileProofs] = b
	return evidence.Write(files)
}
