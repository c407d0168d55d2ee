package evidence

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/muster-dr/muster/internal/plan"
)

// Time stamps lie in a bundle below stamps/SIZE.
const (
	DirStamps    = "stamps/"
	stampedText  = "checkpoint"
	stampRequest = "request.tsq"
	stampAnswer  = "answer.tsr"
)

// Put puts a stamp among the files of a bundle.
func (s Stamp) Put(files map[string][]byte) {
	dir := fmt.Sprintf("%s%d/", DirStamps, s.Size)
	files[dir+stampedText], files[dir+stampRequest], files[dir+stampAnswer] = s.Checkpoint, s.Request, s.Answer
}

// signedLog is a log as far as a file shows it: what was signed, and what proves its beginnings.
type signedLog struct {
	cp      Checkpoint
	proofs  Proofs
	history *history
}

// stamps checks the time stamps of a file: each on its own, and that what it stamped is the beginning
// of the log that the file's checkpoint signs. The later file's count as well: a bundle that was
// made at once has none yet.
func (v *verification) stamps(files map[string][]byte, l signedLog, take func(string) ([]byte, bool)) {
	sizes := map[uint64]bool{}
	for name := range files {
		of, is := strings.CutPrefix(name, DirStamps)
		if n, _, _ := strings.Cut(of, "/"); is {
			if size, err := strconv.ParseUint(n, 10, 64); err == nil && strconv.FormatUint(size, 10) == n {
				sizes[size] = true
			}
		}
	}
	in := slices.Sorted(maps.Keys(sizes))
	var roots map[uint64][]byte
	if l.history != nil {
		roots, _ = l.history.roots(in...) // the log is hashed once; a root that is not there is no stamp's
	}
	for _, size := range in {
		dir := fmt.Sprintf("%s%d/", DirStamps, size)
		text, ok1 := take(dir + stampedText)
		request, ok2 := take(dir + stampRequest)
		answer, ok3 := take(dir + stampAnswer)
		if !ok1 || !ok2 || !ok3 || slices.ContainsFunc(v.Stamps, func(s Stamped) bool { return s.Size == size }) {
			continue
		}
		if wrong := l.beginning(size, text, roots); wrong != nil {
			said := plan.SaidBy(wrong)
			v.found(Finding{Code: CodeStamp, File: dir + stampedText}, "%[1]s: %[2]s.", "%[1]s: %[3]s。", dir+stampedText, said.EN, said.JA)
			continue
		}
		s, err := OpenStamp(Stamp{Size: size, Checkpoint: text, Request: request, Answer: answer}, v.opts.Authorities)
		if err != nil {
			said := plan.SaidBy(err)
			v.found(Finding{Code: CodeStamp, File: dir + stampAnswer}, "%[1]s: the time stamp does not count: %[2]s.", "%[1]s: タイムスタンプを認められません: %[3]s。", dir+stampAnswer, said.EN, said.JA)
			continue
		}
		if now := v.opts.Now; !now.IsZero() && now.After(s.CertificateEnds) {
			v.note("The certificate of %s has ended since (%s). The stamp was made before; how long such stamps are accepted, the authority and your auditor say.", "%s の証明書は、その後 %s に有効期限を迎えています。タイムスタンプは期限内のものです。有効と扱える期間は、時刻認証局と監査人に確認してください。", s.Authority, s.CertificateEnds.Format(time.DateOnly))
		}
		v.Stamps = append(v.Stamps, s)
	}
}

// beginning makes sure that a stamped checkpoint is one of this log: a beginning of what is signed
// now. Its own signature may be by a key of before; the proof stands in for it. roots are those of the
// history, where there is one.
func (l signedLog) beginning(size uint64, text []byte, roots map[uint64][]byte) error {
	var c log.Checkpoint
	if _, err := c.Unmarshal(text); err != nil {
		return plan.Wrong("it is no checkpoint: %v", "チェックポイントではありません: %v", err)
	}
	if c.Origin != l.cp.Origin || c.Size != size || size > l.cp.Size {
		return plan.Wrong("it is the checkpoint of %d entries of the log %q, not of %d of %q", "台帳 %[2]q の %[1]d 件時点のチェックポイントで、%[4]q の %[3]d 件時点のものではありません", c.Size, c.Origin, size, l.cp.Origin)
	}
	apart := plan.Wrong("the log is no continuation of what was stamped: it was rewritten, or the stamp is another log's", "台帳が、タイムスタンプの付いた時点の続きではありません。台帳が書き換えられたか、別の台帳のタイムスタンプです")
	if l.history != nil && size >= l.history.begin() {
		if root, ok := roots[size]; !ok || !bytes.Equal(root, c.Hash) {
			return apart
		}
		return nil
	}
	for _, s := range l.proofs.Stamps {
		if s.Size != size {
			continue
		}
		if proof.VerifyConsistency(rfc6962.DefaultHasher, size, l.cp.Size, s.Path, c.Hash, l.cp.Root) != nil {
			return apart
		}
		return nil
	}
	return plan.Wrong("no proof shows that it is a beginning of the log", "この台帳の過去の状態であることの証明がありません")
}

// covered says which stamp is the earliest over the seal of each part, and how long after it came.
func (v *verification) covered(parts []*Manifest, entries map[uint64]Entry) {
	if len(v.Stamps) == 0 && len(v.opts.Authorities) == 0 {
		return
	}
	if len(v.Stamps) > 0 && len(v.opts.Authorities) == 0 {
		v.note("Nothing shows whose the time stamps are: give the authority's certificate with --tsa-ca.", "タイムスタンプが誰のものか証明できません。--tsa-ca で時刻認証局の証明書を指定してください。")
	}
	// Where one was rejected, that has been said.
	forged := slices.ContainsFunc(v.Findings, func(f Finding) bool { return f.Code == CodeStamp })
	if len(parts) == 0 && len(v.Stamps) == 0 && !forged {
		v.note("There is no time stamp in this file.", "このファイルにはタイムスタンプがありません。")
	}
	for _, m := range parts {
		at, sealed := v.sealAt(m, entries)
		var by *Stamped
		for i := range v.Stamps {
			if s := &v.Stamps[i]; sealed && s.Size > at && (by == nil || s.Size < by.Size) {
				by = s
			}
		}
		if by == nil {
			v.Unstamped = append(v.Unstamped, m.Part)
			if forged {
				continue
			}
			v.note("No time stamp covers part %d: it was sealed after the newest, or the bundle was made before it came. Export it again.", "第 %d 部を対象とするタイムスタンプがありません。最新のタイムスタンプより後に封印されたか、取得前に書き出されたバンドルです。改めて書き出してください。", m.Part)
			continue
		}
		gap := by.At.Sub(m.SealedAt)
		if gap < -ClockTolerance {
			v.found(Finding{Code: CodeStamp, File: fmt.Sprintf("%s%d/%s", DirStamps, by.Size, stampAnswer)}, "The time stamp over part %d says %s, and the part says that it was sealed at %s, after that: one of the two clocks was wrong.", "第 %d 部のタイムスタンプの時刻 %s が、封印時刻 %s より前です。いずれかの時計が誤っていました。",
				m.Part, by.At.Format(time.RFC3339), m.SealedAt.UTC().Format(time.RFC3339))
		}
		by.Parts, by.GapS = append(by.Parts, m.Part), max(0, gap.Seconds())
	}
}

// sealAt is the entry that seals a part.
func (v *verification) sealAt(m *Manifest, entries map[uint64]Entry) (uint64, bool) {
	for _, i := range slices.Sorted(maps.Keys(entries)) {
		if e := entries[i]; e.Kind == EntrySealed && e.Run == m.Run && e.Part == m.Part {
			return i, true
		}
	}
	return 0, false
}
