package evidence

import (
	"bytes"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

// FileLog holds the log itself, an entry a line to the byte as it was hashed: in a file of the
// whole log, or of its newest part, which begins with Proofs.From.
const FileLog = "log.jsonl"

// history is a log from one of its entries on: enough for its root at every size from there.
type history struct {
	from    *compact.Range
	entries [][]byte
}

// newHistory reads one; from nil is the whole log.
func newHistory(from *Since, lines []byte) (*history, error) {
	f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	h := &history{}
	if len(lines) > 0 {
		h.entries = bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n"))
	}
	if from == nil {
		from = &Since{}
	}
	var err error
	if h.from, err = f.NewRange(0, from.Size, from.Path); err != nil {
		return nil, fmt.Errorf("hashes of the first %d entries: %w", from.Size, err)
	}
	return h, nil
}

func (h *history) begin() uint64 { return h.from.End() }
func (h *history) size() uint64  { return h.from.End() + uint64(len(h.entries)) }

// entry is the bytes of an entry; nil where it lies before the beginning or after the end.
func (h *history) entry(i uint64) []byte {
	if h == nil || i < h.begin() || i >= h.size() {
		return nil
	}
	return h.entries[i-h.begin()]
}

// roots are the root hashes at each of the sizes that it reaches.
func (h *history) roots(sizes ...uint64) (map[uint64][]byte, error) {
	f := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	r, err := f.NewRange(0, h.from.End(), h.from.Hashes())
	if err != nil {
		return nil, err
	}
	wanted, out := map[uint64]bool{}, map[uint64][]byte{}
	for _, s := range sizes {
		wanted[s] = true
	}
	for i := 0; ; i++ {
		if wanted[r.End()] {
			root := rfc6962.DefaultHasher.EmptyRoot()
			if r.End() > 0 {
				if root, err = r.GetRootHash(nil); err != nil {
					return nil, err
				}
			}
			out[r.End()] = root
		}
		if i == len(h.entries) {
			return out, nil
		}
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(h.entries[i]), nil); err != nil {
			return nil, err
		}
	}
}

// Frontier are the hashes with which a file of the log's newest part begins: those of the
// complete subtrees of everything before.
func Frontier(leaves [][]byte) (*Since, error) {
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil); err != nil {
			return nil, err
		}
	}
	return &Since{Size: r.End(), Path: r.Hashes()}, nil
}

// whole checks a file of the log: every entry of it, against what the checkpoint signs.
func (v *verification) whole() {
	v.Whole, v.used[FileReadme] = true, true
	lines, _ := v.take(FileLog)
	h, err := newHistory(v.proofs.From, lines)
	if err != nil {
		v.found(Finding{Code: CodeProof, File: FileProofs}, "%s: %v.", "%s: 読み取れません: %v。", FileProofs, err)
		return
	}
	for i, b := range h.entries {
		if _, err := ParseEntry(b); err != nil {
			v.found(Finding{Code: CodeEntry, File: FileLog, Line: i + 1}, "%s, line %d: entry %d: %v.", "%s %d行目: エントリー %d: %v。", FileLog, i+1, h.begin()+uint64(i), err)
		}
	}
	roots, err := h.roots(v.cp.Size)
	if err != nil || h.size() != v.cp.Size || !bytes.Equal(roots[v.cp.Size], v.cp.Root) {
		v.found(Finding{Code: CodeLog, File: FileLog}, "%s: its %d entries are not what the checkpoint signs (%d): an entry was altered, taken out or put in.", "%s: %d 件のエントリーが、署名されたチェックポイント（%d 件）と一致しません。エントリーが改変・削除・追加されています。", FileLog, h.size(), v.cp.Size)
		return
	}
	v.history, v.Entries = h, len(h.entries)
	v.since(v.cp, nil)
}
