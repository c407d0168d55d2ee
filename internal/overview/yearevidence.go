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
	s.Lead = append(s.Lead, sheet.Say("To make sure of it without this server: `muster verify RUN.zip --key KEY.pub --tsa-ca TSA-CA.pem` for a run; `muster verify OLD.zip --key KEY.pub --later LOG.zip` with a file that was kept at the last audit shows that nothing was removed or rewritten since. README.txt in each bundle says how to do it with openssl.",
		"このサーバーによらない確認方法：実施ごとに `muster verify RUN.zip --key KEY.pub --tsa-ca TSA-CA.pem`。前回の監査で保管したファイルを使う `muster verify OLD.zip --key KEY.pub --later LOG.zip` は、その後の削除・改変がないことを示す。openssl による手順は各バンドルの README.txt を参照。"))
	return s
}
