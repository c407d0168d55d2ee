package app

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/keep"
)

// evidence says whether what ends is sealed, and whether it gets to the other places.
func (e *examination) evidence(serves *api.Health) {
	title := e.t("evidence", "証拠")
	inUse, _, err := keep.PublicKey(e.c.EvidenceDir())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.add("evidence", title, Good, e.t("no log yet; the server begins one when it starts", "台帳はまだありません。サーバーの起動時に作成します"), "")
	case errors.Is(err, os.ErrPermission), err != nil:
		e.add("evidence", title, Odd, e.t("its public key can't be read: %v", "公開鍵を読めません: %v", err), "")
	case serves == nil || serves.Evidence == "ok":
		e.add("evidence", title, Good, e.t("key %s", "公開鍵 %s", evidence.Fingerprint(inUse)), "")
	case serves.Evidence == "elsewhere":
		e.add("evidence", title, Good, e.t("kept by another server of this record store", "同じ記録を使う別のサーバーが保管しています"), "")
	case strings.HasPrefix(serves.Evidence, api.EvidenceAltered):
		e.add("evidence", title, Bad, e.t("%s is not what was sealed", "%s の記録が封印時と異なります", strings.TrimPrefix(serves.Evidence, api.EvidenceAltered)),
			e.t("Keep a copy of the data directory before anything else; the server's log says what differs. Bundles at other places are whole: `muster verify` them", "まずデータディレクトリの写しを保全してください。相違の内容はサーバーのログにあります。別の保管先のバンドルは `muster verify` で検証できます"))
	case strings.HasPrefix(serves.Evidence, api.EvidenceRows):
		e.add("evidence", title, Bad, e.t("was not what the sealed record gives, and was made anew from it: %s", "封印済みの記録から求めた内容と異なっていたため、記録から作り直しました: %s", strings.TrimPrefix(serves.Evidence, api.EvidenceRows)),
			e.t("Somebody else wrote to the record store: find out who could since the last daily check. Make anew what was printed or handed over meanwhile, such as the yearly report. This is told until the next daily check", "muster 以外から記録の保存先に書き込まれています。前回の日次照合以降に書き込めた人を確認してください。その間に印刷・提出した年次報告などは作り直してください。この表示は次の日次照合まで続きます"))
	case strings.HasPrefix(serves.Evidence, api.EvidenceSomeUnsealed):
		e.add("evidence", title, Bad, e.t("can't be sealed, while others are: %s", "ほかは封印していますが、次のものは封印できません: %s", strings.TrimPrefix(serves.Evidence, api.EvidenceSomeUnsealed)),
			e.t("What the record store has lost of them, as a plan, or was altered in it, a copy of the store still has: put that back, and they are sealed by themselves; `muster evidence list` says which wait", "計画など、失われた内容や改変された内容は、記録の保存先の複製に残っています。複製から戻せば自動で封印されます。未封印の実施は `muster evidence list` で確認できます"))
	case strings.HasPrefix(serves.Evidence, api.EvidenceHoldsUnknown):
		e.add("evidence", title, Bad, e.t("nothing is erased or removed: a lost server had its legal holds in its own log alone", "失われたサーバーが法的保全を自身の台帳だけに残していたため、何も消去・削除しません"),
			e.t("Hold again what was held (`muster evidence hold RUN --reason ...`), then: `muster evidence confirm-holds --reason ...`", "保全していたものを改めて保全し（`muster evidence hold 実施 --reason ...`）、`muster evidence confirm-holds --reason ...` を実行してください"))
	case strings.HasPrefix(serves.Evidence, api.EvidenceClock):
		e.add("evidence", title, Odd, e.t("nothing is erased or removed for its time since %s: the clock may be ahead, as no server had seen it for two days, or it leapt", "2日間どのサーバーも時計を確認していないか、時計が先に飛んだため、%s から、期限による消去・削除をしていません", strings.TrimPrefix(serves.Evidence, api.EvidenceClock)),
			e.t("See that the machine's clock is right, and leave the server running: after 24 hours in all, with no two days between, it goes on by itself", "マシンの時計が正しいことを確認し、サーバーを稼働させておいてください。停止が2日を超えることなく、稼働が合計24時間になれば、自動で再開します"))
	default:
		e.add("evidence", title, Bad, e.t("runs that ended can't be sealed: %s", "終了した実施を封印できません: %s", serves.Evidence),
			e.t("Their outcome stands, and they are sealed by themselves as soon as it works again; `muster evidence list` says which wait", "実施の結果には影響しません。復旧次第、自動で封印されます。未封印の実施は `muster evidence list` で確認できます"))
	}
	if serves == nil {
		return
	}
	if title := e.t("time stamps of evidence", "証拠のタイムスタンプ"); serves.Timestamps == "ok" {
		e.add("evidence_timestamps", title, Good, e.t("the authority answers", "時刻認証局から取得できています"), "")
	} else if serves.Timestamps != "" {
		e.add("evidence_timestamps", title, Bad, serves.Timestamps, e.t("Runs are sealed all the same. It is asked again by itself, at least every 15 minutes, and the stamp shows how late it came; `muster evidence list` says since when it waits", "封印は通常どおり行われます。15分以内の間隔で自動的に再試行し、遅れはタイムスタンプに表示されます。待機の開始時刻は `muster evidence list` で確認できます"))
	}
	for _, place := range slices.Sorted(maps.Keys(serves.Places)) {
		title := e.t("copies of evidence at %s", "証拠の複製 (%s)", place)
		if trouble := serves.Places[place]; trouble != "ok" {
			e.add("evidence_copy", title, Bad, trouble, e.t("It is tried again by itself, at least every 15 minutes; nothing is removed before it has arrived", "15分以内の間隔で自動的に再試行します。届くまで元の記録は削除しません"))
			continue
		}
		e.add("evidence_copy", title, Good, e.t("all has arrived and was read back", "すべて届き、読み戻して照合済み"), "")
	}
}
