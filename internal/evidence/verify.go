package evidence

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/muster-dr/muster/internal/run"
)

// Options of a verification.
type Options struct {
	// Keys are the public keys that the checkpoint may be signed with. Without any, the
	// bundle's own is taken, and the result says that nothing shows whose it is.
	Keys []string
	// Since is an older checkpoint of the same log; nil is none.
	Since []byte
	// Later is a later state of the same log: a bundle, a file of the log, or a checkpoint; nil is none.
	Later []byte
	// Authorities are those whose time stamps count. Without any, the result says that nothing
	// shows whose the time stamps are.
	Authorities []*x509.Certificate
	// Now is for saying which certificates have ended since; zero says nothing of it.
	Now time.Time
	// Version is that of the muster that checks.
	Version string
}

type verification struct {
	Result
	files map[string][]byte
	bad   map[string]bool // files whose content is known to be altered
	used  map[string]bool // files that something speaks of
	opts  Options

	signedLog
}

// Verify checks a bundle. It reaches nothing but what it is given. Whatever is in the
// bundle, the result says it; there is no error.
func Verify(bundle []byte, o Options) Result {
	v := &verification{bad: map[string]bool{}, used: map[string]bool{}, opts: o}
	v.KeyGiven, v.CheckedBy = len(o.Keys) > 0, o.Version
	v.Findings, v.Notes, v.Systems = []Finding{}, []Note{}, []System{}
	v.verify(bundle)
	v.Sound = len(v.Findings) == 0 && v.Computed != ComputedNot
	return v.Result
}

func (v *verification) verify(bundle []byte) {
	files, damaged, err := Read(bundle)
	if no := new(unsafeError); errors.As(err, &no) {
		v.found(Finding{Code: CodeContainer}, "The bundle can't be opened safely: %s.", "バンドルを安全に開けません: %s。", no.en)
		v.Findings[len(v.Findings)-1].JA = fmt.Sprintf("バンドルを安全に開けません: %s。", no.ja)
		return
	}
	if !intact(bundle) {
		v.found(Finding{Code: CodeContainer}, "The file is not, to the byte, as muster wrote it: it was damaged on its way or packed again.", "ファイルがmusterの書き出した内容と一致しません。転送中に壊れたか、作り直されています。")
	}
	v.files = files
	for _, name := range slices.Sorted(maps.Keys(damaged)) {
		v.bad[name] = true
		v.found(Finding{Code: CodeFile, File: name}, "%s: it can't be unpacked whole: %v.", "%s: 正しく展開できません: %v。", name, damaged[name])
	}
	entries := v.log()
	if entries == nil {
		return
	}
	if _, there := files[FileLog]; there {
		v.whole()
		v.stamps(files, v.signedLog, v.take)
		v.later(entries)
		v.covered(nil, entries)
		v.extras()
		return
	}
	v.stamps(files, v.signedLog, v.take)
	v.later(entries)
	var events []run.Event
	var last *Manifest
	gaps := map[string]bool{}
	var parts []*Manifest
	var upTo []int // events up to each part
	for part := 1; ; part++ {
		m := v.manifest(part, entries, last)
		if m == nil {
			break
		}
		for _, f := range m.Files {
			v.file(Dir(part), f)
		}
		events = append(events, v.events(m)...)
		for _, g := range m.Gaps {
			gaps[g] = true
		}
		v.Parts, last = part, m
		if part == 1 {
			v.Run, v.Scenario, v.SealedBy = m.Run, m.Scenario, m.Muster
			title := m.Title
			v.Title = &title
			v.planned(m, events)
		}
		parts, upTo = append(parts, m), append(upTo, len(events))
	}
	if last == nil {
		return
	}
	v.Events = len(events)
	v.covered(parts, entries)
	v.laterParts(entries)
	v.personal(parts)
	v.sequence(events, gaps)
	p := v.plan(parts[0])
	// Each part is held against the events up to it: whoever opens a bundle reads the first.
	for i, m := range parts {
		v.report(p, events[:upTo[i]], m)
	}
	v.extras()
}

// log checks the checkpoint, its signature and every proof, and returns the entries that are
// proven; nil when nothing can be checked further.
func (v *verification) log() map[uint64]Entry {
	cpText, ok := v.take(FileCheckpoint)
	proofText, ok2 := v.take(FileProofs)
	keyText, _ := v.take(FileKey)
	if !ok || !ok2 {
		return nil
	}
	keys := v.opts.Keys
	if len(keys) == 0 {
		own, err := Keys(string(keyText))
		if err != nil {
			v.found(Finding{Code: CodeKey, File: FileKey}, "%s: %v.", "%s: 公開鍵として読めません（%v）。", FileKey, err)
			return nil
		}
		keys = own
	}
	cp, err := OpenCheckpoint(cpText, keys)
	switch {
	case errors.Is(err, errForeign) && len(v.opts.Keys) > 0:
		v.found(Finding{Code: CodeKey, File: FileCheckpoint}, "%s: it is not signed with the key that you gave (%s): the bundle is of another log, or forged.", "%s: 指定された公開鍵（%s）の署名がありません。別の証拠台帳のものか、偽造です。", FileCheckpoint, Fingerprint(keys[0]))
		return nil
	case err != nil:
		v.found(Finding{Code: CodeCheckpoint, File: FileCheckpoint}, "%s: its signature is not of this text: %v.", "%s: 署名が内容と一致しません: %v。", FileCheckpoint, err)
		return nil
	}
	v.Log, v.LogSize, v.Key, v.Fingerprint = cp.Origin, cp.Size, cp.Key, Fingerprint(cp.Key)
	if own := strings.TrimSpace(string(keyText)); own != "" && own != cp.Key && v.KeyGiven {
		v.found(Finding{Code: CodeKey, File: FileKey}, "%s: it is not the key that signed the checkpoint.", "%s: チェックポイントに署名した鍵ではありません。", FileKey)
	}
	var proofs Proofs
	if err := json.Unmarshal(proofText, &proofs); err != nil {
		v.found(Finding{Code: CodeProof, File: FileProofs}, "%s: it can't be read: %v.", "%s: 読み取れません: %v。", FileProofs, err)
		return nil
	}
	entries := map[uint64]Entry{}
	for _, p := range proofs.Entries {
		err := proof.VerifyInclusion(rfc6962.DefaultHasher, p.Index, cp.Size, rfc6962.DefaultHasher.HashLeaf([]byte(p.Entry)), p.Path, cp.Root)
		if err != nil {
			v.found(Finding{Code: CodeProof, File: FileProofs}, "%s: entry %d is not in the log that the checkpoint signs (%d entries): the entry, its proof or the checkpoint was exchanged.", "%s: エントリー %d は、署名されたチェックポイント（%d 件）の台帳に含まれていません。エントリー・証明・チェックポイントのいずれかが差し替えられています。", FileProofs, p.Index, cp.Size)
			continue
		}
		e, err := ParseEntry([]byte(p.Entry))
		if err != nil {
			v.found(Finding{Code: CodeEntry, File: FileProofs}, "%s: entry %d: %v.", "%s: エントリー %d: %v。", FileProofs, p.Index, err)
			continue
		}
		entries[p.Index] = e
	}
	v.Entries, v.cp, v.proofs = len(entries), cp, proofs
	if _, log := v.files[FileLog]; !log {
		v.since(cp, proofs.Since)
	}
	return entries
}

// since checks that an older checkpoint is a beginning of this one's log.
func (v *verification) since(cp Checkpoint, s *Since) {
	if v.opts.Since == nil {
		return
	}
	keys := v.opts.Keys
	if len(keys) == 0 {
		keys = []string{cp.Key}
	}
	old, err := OpenCheckpoint(v.opts.Since, keys)
	if err != nil {
		v.found(Finding{Code: CodeSince}, "The older checkpoint can't be relied on: %v.", "以前のチェックポイントを確認できません: %v。", err)
		return
	}
	switch {
	case old.Origin != cp.Origin:
		v.found(Finding{Code: CodeSince}, "The older checkpoint is of the log %s, the bundle's is of %s.", "以前のチェックポイントは台帳 %s のもので、バンドルは %s のものです。", old.Origin, cp.Origin)
	case old.Size > cp.Size:
		v.found(Finding{Code: CodeSince}, "The log had %d entries at the older checkpoint and has %d at the bundle's: entries were taken out, or the bundle is the older one.", "以前のチェックポイントで %d 件あった台帳が %d 件しかありません。エントリーが失われたか、バンドルの方が古いものです。", old.Size, cp.Size)
	case old.Size == cp.Size && bytes.Equal(old.Root, cp.Root):
		v.Since = &old.Size
	case v.history != nil && old.Size >= v.history.begin():
		if roots, err := v.history.roots(old.Size); err != nil || !bytes.Equal(roots[old.Size], old.Root) {
			v.found(Finding{Code: CodeSince, File: FileLog}, "The log does not continue that of the older checkpoint (%d entries): what was sealed before was altered.", "台帳は以前のチェックポイント（%d 件）の続きではありません。過去に封印された内容が改変されています。", old.Size)
			return
		}
		v.Since = &old.Size
	case s == nil || s.Size != old.Size:
		v.found(Finding{Code: CodeSince, File: FileProofs}, "The bundle holds no proof from a log of %d entries: export it with --since and that checkpoint.", "バンドルに %d 件時点からの整合性証明がありません。--since でそのチェックポイントを指定して書き出してください。", old.Size)
	default:
		if err := proof.VerifyConsistency(rfc6962.DefaultHasher, old.Size, cp.Size, s.Path, old.Root, cp.Root); err != nil {
			v.found(Finding{Code: CodeSince, File: FileProofs}, "The log of the bundle does not continue that of the older checkpoint (%d entries): what was sealed before was altered.", "バンドルの台帳は以前のチェックポイント（%d 件）の続きではありません。過去に封印された内容が改変されています。", old.Size)
			return
		}
		v.Since = &old.Size
	}
}

// manifest finds the manifest of a part and makes sure that it is the one that was sealed.
// nil ends the parts.
func (v *verification) manifest(part int, entries map[uint64]Entry, before *Manifest) *Manifest {
	name := Dir(part) + FileManifest
	b, there := v.files[name]
	if !there {
		if part == 1 {
			v.take(name)
			return nil
		}
		return nil // what follows from that is later's to say
	}
	v.used[name] = true
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil || m.Format != Format {
		v.found(Finding{Code: CodeManifest, File: name}, "%s: it can't be read as a manifest (%v, format %q).", "%s: マニフェストとして読めません（%v、形式 %q）。", name, err, m.Format)
		return nil
	}
	sum, sealed, others := Sum(b), false, []string{}
	for _, i := range slices.Sorted(maps.Keys(entries)) {
		e := entries[i]
		switch {
		case e.Kind != EntrySealed:
		case e.Run != m.Run:
			others = append(others, fmt.Sprintf("%d: %s", i, e.Run))
		case e.Part == part && e.Manifest == sum:
			sealed = true
		case e.Part == part:
			v.found(Finding{Code: CodeManifest, File: name}, "%s: it is not the manifest that was sealed: entry %d of the log names another digest (%.12s, not %.12s).", "%s: 封印されたマニフェストではありません。台帳のエントリー %d のダイジェストと異なります（%.12s、実際は %.12s）。", name, i, e.Manifest, sum)
			return v.checkable(m, part)
		}
	}
	if !sealed {
		if len(others) > 0 {
			v.found(Finding{Code: CodeEntry, File: FileProofs}, "%s: the entry is of another run (%s); none seals part %d of %s.", "%s: エントリーは別の実施のものです（%s）。%[4]s の第 %[3]d 部を封印したものがありません。", FileProofs, strings.Join(others, ", "), part, m.Run)
		} else {
			v.found(Finding{Code: CodeEntry, File: FileProofs}, "%s: no proven entry of the log seals part %d of %s.", "%s: %[3]s の第 %[2]d 部を封印した、証明済みのエントリーがありません。", FileProofs, part, m.Run)
		}
	}
	if before != nil && m.Run != before.Run {
		v.found(Finding{Code: CodeManifest, File: name}, "%s: it is of run %s, and the bundle is of %s.", "%s: %s のもので、バンドルの実施 %s と異なります。", name, m.Run, before.Run)
		return nil
	}
	if before != nil && m.Previous != Sum(v.files[Dir(part-1)+FileManifest]) {
		v.found(Finding{Code: CodeManifest, File: name}, "%s: it does not follow the part before it.", "%s: 直前の部に続くものではありません。", name)
	}
	return v.checkable(m, part)
}

// checkable is a manifest whose files can be looked at; one that is not of its place is none.
func (v *verification) checkable(m Manifest, part int) *Manifest {
	if m.Part != part {
		v.found(Finding{Code: CodeManifest, File: Dir(part) + FileManifest}, "%s: it says that it is part %d.", "%s: 第 %d 部と書かれています。", Dir(part)+FileManifest, m.Part)
		return nil
	}
	for _, f := range m.Files {
		if !fs.ValidPath(f.Path) {
			v.found(Finding{Code: CodeManifest, File: Dir(part) + FileManifest}, "%s: it names the file %q.", "%s: 不正なファイル名 %q が書かれています。", Dir(part)+FileManifest, f.Path)
			return nil
		}
	}
	return &m
}

// take returns a file that has to be there.
func (v *verification) take(name string) ([]byte, bool) {
	b, ok := v.files[name]
	v.used[name] = true
	if !ok {
		v.found(Finding{Code: CodeMissing, File: name}, "%s is missing.", "%s がありません。", name)
	}
	return b, ok
}

// file compares a file with what was sealed, and finds the first block that differs.
func (v *verification) file(dir string, f File) {
	name := dir + f.Path
	b, ok := v.take(name)
	if !ok {
		return
	}
	v.Files++
	if Sum(b) == f.SHA256 {
		return
	}
	v.bad[name] = true
	// Events are looked at one by one: their place is a line.
	if f.Path == FileEvents {
		return
	}
	from, to := differs(b, f)
	v.found(Finding{Code: CodeFile, File: name, From: &from, To: &to}, "%s: bytes %d to %d are not what was sealed (line %d on; %d bytes now, %d sealed).", "%s: %d〜%dバイト目が封印時と異なります（%d行目以降。現在 %d バイト、封印時 %d バイト）。", name, from, to, 1+bytes.Count(b[:min(from, int64(len(b)))], []byte("\n")), len(b), f.Bytes)
}

// differs is the first block that is not as sealed.
func differs(b []byte, f File) (from, to int64) {
	for i, want := range f.Blocks {
		at := i * BlockSize
		if at >= len(b) {
			return int64(len(b)), f.Bytes - 1
		}
		if Sum(b[at:min(len(b), at+BlockSize)])[:head] != want {
			return int64(at), int64(min(len(b), at+BlockSize)) - 1
		}
	}
	return min(max(f.Bytes, 0), int64(len(b))), max(f.Bytes, int64(len(b))) - 1
}

// extras are files that nothing speaks of: they could be taken for sealed ones.
func (v *verification) extras() {
	for _, name := range slices.Sorted(maps.Keys(v.files)) {
		if !v.used[name] {
			v.found(Finding{Code: CodeExtra, File: name}, "%s: it is in the bundle and was not sealed.", "%s: 封印されていないファイルが含まれています。", name)
		}
	}
}

// RootText is a root hash as people compare it.
func RootText(root []byte) string { return base64.StdEncoding.EncodeToString(root) }
