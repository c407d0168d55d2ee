package overview

import (
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sheet"
)

// Kept is how it stands with the evidence of the year's runs, as of now.
type Kept struct {
	Log         string     `json:"log"`
	Fingerprint string     `json:"fingerprint"`
	Entries     uint64     `json:"entries"`
	Runs        int        `json:"runs"` // of the year
	Sealed      int        `json:"sealed"`
	CheckedAt   *time.Time `json:"checked_at,omitempty"`
	Altered     []string   `json:"altered,omitempty"`
	// RowsCheckedAt is when what the report rests on of sealed runs was last held against their records; Rows is what
	// was found altered then, and made anew. Of Removed runs the record was removed after its time.
	RowsCheckedAt *time.Time  `json:"rows_checked_at,omitempty"`
	Rows          []plan.Text `json:"rows,omitempty"`
	Removed       int         `json:"removed,omitempty"`
	// Authority stamps the log; "" is nobody so far. Stamped entries were there at StampedAt.
	Authority string     `json:"authority,omitempty"`
	StampedAt *time.Time `json:"stamped_at,omitempty"`
	Stamped   uint64     `json:"stamped"`
	// SealedStamped are runs of the year whose first seal a time stamp covers.
	SealedStamped int `json:"sealed_stamped"`
}

// evidenceSection says what an auditor can rely on, and how to make sure of it.
func (y Year) evidenceSection() sheet.Section {
	k := y.Evidence
	if k == nil {
		return sheet.Section{}
	}
	s := sheet.Section{ID: "evidence", Title: sheet.Say("Evidence", "証拠"), Lead: []plan.Text{
		sheet.Say("As of today, %d of the %d runs that ended in the year are sealed in the evidence log %s (%d entries, public key %s).", "本日現在、年度内に終了した訓練・対応%[2]d件のうち%[1]d件を証拠台帳 %[3]s（%[4]d件、公開鍵 %[5]s）に封印済み。", k.Sealed, k.Runs, k.Log, k.Entries, k.Fingerprint)}}
	if k.StampedAt != nil {
		s.Lead = append(s.Lead, sheet.Say("The newest time stamp is of %s, by %s: the first %d entries of the log, and with them the seals of %d of these runs, were there by then, by the clock of somebody who did not seal them. It does not say that what was recorded is true.",
			"最新のタイムスタンプは%s（%s）。台帳の先頭%d件、すなわち上記のうち%d件の封印がその時点までに存在したことを、封印した者とは別の時計で示す。記録の内容が真実であることまでは示さない。", y.day(*k.StampedAt), k.Authority, k.Stamped, k.SealedStamped))
	} else {
		s.Lead = append(s.Lead, sheet.Say("The log has no time stamp of an outside authority: when something was sealed rests on the server's own clock.", "台帳に時刻認証局のタイムスタンプはない。封印の時刻はサーバー自身の時計による。"))
	}
	switch {
	case len(k.Altered) > 0:
		s.Lead = append(s.Lead, sheet.Say("ALTERED OR DAMAGED since it was sealed: %s.", "封印後に改変または破損：%s。", strings.Join(k.Altered, ", ")))
	case k.CheckedAt != nil:
		s.Lead = append(s.Lead, sheet.Say("All that is sealed was last held against the log and the record on %s: nothing was altered.", "%sに、封印済みの全件を台帳・記録と照合し、改変のないことを確認。", y.day(*k.CheckedAt)))
	}
	s.Lead = append(s.Lead, y.rowsHeld()...)
	s.Lead = append(s.Lead, sheet.Say("To make sure of it without this server: `muster verify RUN.zip --key KEY.pub --tsa-ca TSA-CA.pem` for a run; `muster verify OLD.zip --key KEY.pub --later LOG.zip` with a file that was kept at the last audit shows that nothing was removed or rewritten since. README.txt in each bundle says how to do it with openssl.",
		"このサーバーによらない確認方法：実施ごとに `muster verify RUN.zip --key KEY.pub --tsa-ca TSA-CA.pem`。前回の監査で保管したファイルを使う `muster verify OLD.zip --key KEY.pub --later LOG.zip` は、その後の削除・改変がないことを示す。openssl による手順は各バンドルの README.txt を参照。"))
	return s
}

// rowsHeld says what of the report itself was held against the sealed record, since no seal covers what is made of it.
func (y Year) rowsHeld() (out []plan.Text) {
	k := y.Evidence
	switch {
	case k.RowsCheckedAt == nil:
		out = append(out, sheet.Say("What this report is made of, what each run came to and the findings, is kept beside the record, and was not held against it yet.",
			"本書の基となる実施ごとの結果と指摘事項は、記録とは別に保管するデータであり、記録との照合は未実施。"))
	case len(k.Rows) > 0:
		out = append(out, sheet.Say("ALTERED beside the record, found on %s and made anew from it:", "記録から作成したデータの改変を検出（%s、記録から再作成済み）：", y.day(*k.RowsCheckedAt)))
		out = append(out, k.Rows...)
	default:
		out = append(out, sheet.Say("What this report is made of, what each sealed run came to, its line in the lists and the findings, was last held against the sealed record on %s: it is what the record gives, and the plan was in force by the first due day on record.",
			"本書の基となる封印済みの実施ごとの結果、一覧の記載、指摘事項は、%sに封印済みの記録から求めた内容と照合し、一致を確認。計画の適用開始が、記録にある最初の予定日より遅くないことも確認。", y.day(*k.RowsCheckedAt)))
	}
	if k.Removed > 0 {
		out = append(out, sheet.Say("Of %d of these runs the record was removed after its time: what they came to can be held against the copies of their evidence alone.", "うち%d件は保存期間の満了により記録を削除済み。その結果は、別に保管した証拠の複製とのみ照合できる。", k.Removed))
	}
	return append(out, sheet.Say("No seal covers the yearly plan, its goals and since when people have been in the estate: they are as they stand today.",
		"年間計画、その目標、要員の登録日・役割の割当日は封印の対象外で、本日現在の内容による。"))
}
