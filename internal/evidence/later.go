package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Continued is what a later state of the log shows.
type Continued struct {
	Size uint64 `json:"size"` // entries of the later log, of which this one's are the first
	Key  string `json:"key"`  // that signed it
}

// later holds the bundle's log against a later state of it: a later bundle, a file of the log, or a bare
// checkpoint. That shows whether anything of what was there was removed or rewritten in between.
func (v *verification) later(entries map[uint64]Entry) {
	if v.opts.Later == nil {
		return
	}
	files := map[string][]byte{FileCheckpoint: v.opts.Later}
	if bytes.HasPrefix(v.opts.Later, []byte("PK")) {
		unpacked, _, err := Read(v.opts.Later)
		if no := new(unsafeError); errors.As(err, &no) {
			v.found(Finding{Code: CodeLater}, "The later file can't be opened safely: %[1]s.", "後のファイルを安全に開けません: %[2]s。", no.en, no.ja)
			return
		}
		files = unpacked
	}
	keys := v.opts.Keys
	if len(keys) == 0 {
		keys = []string{v.cp.Key}
	}
	cp, err := OpenCheckpoint(files[FileCheckpoint], keys)
	switch {
	case errors.Is(err, errForeign):
		v.found(Finding{Code: CodeLater}, "The later checkpoint is signed with another key. After a change of keys, give all of them with --key (`muster evidence key --all`); else it is of another log, or forged.", "後のチェックポイントには別の鍵の署名があります。鍵を交換した場合は --key に全ての公開鍵（`muster evidence key --all`）を指定してください。そうでなければ、別の台帳のものか、偽造です。")
		return
	case err != nil:
		v.found(Finding{Code: CodeLater}, "The later checkpoint can't be relied on: %v.", "後のチェックポイントを確認できません: %v。", err)
		return
	case cp.Origin != v.cp.Origin:
		v.found(Finding{Code: CodeLater}, "The later file is of the log %s, this one is of %s.", "後のファイルは台帳 %s のもので、こちらは %s のものです。", cp.Origin, v.cp.Origin)
		return
	case cp.Size < v.cp.Size:
		v.found(Finding{Code: CodeLater}, "The log had %d entries here and has %d in the later file: entries were taken out, or the two files were exchanged.", "こちらで %d 件ある台帳が、後のファイルでは %d 件しかありません。エントリーが失われたか、二つのファイルが逆です。", v.cp.Size, cp.Size)
		return
	}
	var proofs Proofs
	if b := files[FileProofs]; b != nil {
		if err := json.Unmarshal(b, &proofs); err != nil {
			v.found(Finding{Code: CodeLater, File: FileProofs}, "The later file's %s can't be read: %v.", "後のファイルの %s を読み取れません: %v。", FileProofs, err)
			return
		}
	}
	l := signedLog{cp: cp, proofs: proofs}
	if v.continues(&l, files[FileLog], entries) {
		v.Continued = &Continued{Size: cp.Size, Key: cp.Key}
		if cp.Size > v.cp.Size {
			v.stamps(files, l, func(name string) ([]byte, bool) { b, ok := files[name]; return b, ok })
		}
	}
}

// continues reports whether the later log begins with this one.
func (v *verification) continues(l *signedLog, lines []byte, entries map[uint64]Entry) bool {
	cp, proofs := l.cp, l.proofs
	if lines != nil {
		h, err := newHistory(proofs.From, lines)
		if err != nil {
			v.found(Finding{Code: CodeLater, File: FileProofs}, "The later file's %s can't be read: %v.", "後のファイルの %s を読み取れません: %v。", FileProofs, err)
			return false
		}
		roots, err := h.roots(v.cp.Size, cp.Size)
		switch {
		case err != nil || !bytes.Equal(roots[cp.Size], cp.Root):
			v.found(Finding{Code: CodeLater, File: FileLog}, "The later file is not whole: its entries are not what its own checkpoint signs.", "後のファイルが不完全です。エントリーが自身のチェックポイントと一致しません。")
			return false
		case h.begin() > v.cp.Size:
			v.found(Finding{Code: CodeLater, File: FileLog}, "The later file begins with entry %d, and this log has %d: take the whole log (`muster evidence log`).", "後のファイルはエントリー %d からしか含まず、こちらの台帳は %d 件です。台帳全体（`muster evidence log`）を使ってください。", h.begin(), v.cp.Size)
			return false
		case bytes.Equal(roots[v.cp.Size], v.cp.Root):
			l.history = h
			return true
		}
		v.rewritten(h, entries)
		return false
	}
	switch {
	case cp.Size == v.cp.Size && bytes.Equal(cp.Root, v.cp.Root):
		return true
	case cp.Size == v.cp.Size:
		v.found(Finding{Code: CodeLater}, "Two logs with %d entries each are signed with the same key and hold different things: the log was forked.", "同じ鍵で署名された、内容の異なる %d 件の台帳が二つあります。台帳が分岐しています。", cp.Size)
	case proofs.Since == nil || proofs.Since.Size != v.cp.Size:
		v.found(Finding{Code: CodeLater}, "The later file holds no proof from a log of %d entries: take the whole log (`muster evidence log`), or export it with --since and this file.", "後のファイルに %d 件時点からの整合性証明がありません。台帳全体（`muster evidence log`）を使うか、--since にこのファイルを指定して書き出してください。", v.cp.Size)
	case proof.VerifyConsistency(rfc6962.DefaultHasher, v.cp.Size, cp.Size, proofs.Since.Path, v.cp.Root, cp.Root) != nil:
		v.found(Finding{Code: CodeLater}, "The later log does not continue this one (%d entries): what was sealed before was removed or rewritten, or the log was forked.", "後の台帳は、こちら（%d 件）の続きではありません。封印済みの内容が削除または書き換えられたか、台帳が分岐しています。", v.cp.Size)
	default:
		return true
	}
	return false
}

// rewritten says what of the earlier log is no longer there, as far as this file knows it.
func (v *verification) rewritten(later *history, entries map[uint64]Entry) {
	known := map[uint64][]byte{}
	for _, p := range v.proofs.Entries {
		if _, proven := entries[p.Index]; proven {
			known[p.Index] = []byte(p.Entry)
		}
	}
	if v.history != nil {
		for i, b := range v.history.entries {
			known[v.history.begin()+uint64(i)] = b
		}
	}
	for _, i := range slices.Sorted(maps.Keys(known)) {
		now := later.entry(i)
		if now == nil || bytes.Equal(now, known[i]) {
			continue
		}
		what := v.entrySaid(known[i])
		switch {
		case bytes.Equal(now, known[i+1]):
			v.found(Finding{Code: CodeLater, File: FileLog, Line: int(i-later.begin()) + 1}, "Entry %d (%s) was taken out of the log since.", "エントリー %d（%s）が、その後台帳から削除されています。", i, what)
		case bytes.Equal(later.entry(i+1), known[i]):
			v.found(Finding{Code: CodeLater, File: FileLog, Line: int(i-later.begin()) + 1}, "An entry (%[2]s) was put into the log since, before entry %[1]d.", "エントリー %[1]d の前に、その後エントリー（%[2]s）が挿入されています。", i, v.entrySaid(now))
		default:
			v.found(Finding{Code: CodeLater, File: FileLog, Line: int(i-later.begin()) + 1}, "Entry %d (%s) was rewritten since: it now is %s.", "エントリー %d（%s）が、その後書き換えられています（現在は %s）。", i, what, v.entrySaid(now))
		}
		return
	}
	v.found(Finding{Code: CodeLater, File: FileLog}, "An entry among the first %d was removed or rewritten since; it is none of those that this file holds.", "先頭 %d 件のうち、このファイルに含まれないエントリーが、その後削除または書き換えられています。", v.cp.Size)
}

// entrySaid names an entry in few words.
func (v *verification) entrySaid(b []byte) string {
	e, err := ParseEntry(b)
	if err != nil {
		return "?"
	}
	if e.Run == "" {
		return string(e.Kind)
	}
	return string(e.Kind) + " " + e.Run
}
