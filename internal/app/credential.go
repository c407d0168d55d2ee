package app

import (
	"crypto/tls"
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// The coming end of a certificate is told of, and from then on it is in the way.
const (
	endsSoon  = 30 * 24 * time.Hour
	endsWorse = 7 * 24 * time.Hour
)

// ownCertificate refuses to start a worker with a certificate that no gateway would take
// from it: better said here than found in the gateway's log.
func ownCertificate(l i18n.Lang, c config.Config, now time.Time) error {
	file := c.Temporal.TLS.CertFile
	if file == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(file, c.Temporal.TLS.KeyFile)
	if err != nil {
		return &Trouble{Mistake: true, What: "temporal.tls", Err: spoken{l, err}}
	}
	renew := l.T("Make a new one on the machine of `muster up`: muster site certificate %s", "`muster up` のマシンで新しい証明書を作成してください: muster site certificate %s", c.Site)
	switch site, ok := gateway.Site(pair.Leaf); {
	case now.After(pair.Leaf.NotAfter):
		return &Trouble{Mistake: true, WayOut: renew,
			What: l.T("the certificate of this worker, %s, ended on %s", "このワーカーの証明書 %s は %s に期限が切れています", file, pair.Leaf.NotAfter.Local().Format(time.DateOnly))}
	case ok && site != c.Site:
		return &Trouble{Mistake: true, WayOut: l.T("Start the worker with --site %s, or give it the certificate of %s", "--site %s で起動するか、拠点 %s の証明書を指定してください", site, c.Site),
			What: l.T("%s is the certificate of site %s, and opens nothing to a worker of %s", "%s は拠点 %s の証明書のため、拠点 %s のワーカーには使えません", file, site, c.Site)}
	}
	return nil
}

// turnedAway says in words why the engine's side, or this one, ended the handshake; nil
// when that was not it. None of it mends by waiting.
func turnedAway(l i18n.Lang, address string, err error) error {
	for _, c := range []struct{ trace, what, way string }{
		{"remote error: tls: expired certificate",
			l.T("%s does not take our certificate: it is over, by the clock there", "%s に証明書を拒否されました: 先方の時刻では期限切れです", address),
			l.T("Compare the clocks, or give it a new one (muster site certificate SITE)", "時刻を確認するか、新しい証明書を指定してください (muster site certificate 拠点)")},
		{"remote error: tls: unknown certificate authority",
			l.T("%s does not take our certificate: another authority made it", "%s に証明書を拒否されました: 別の認証局が発行したものです", address),
			l.T("Make one on the machine that answers there: muster site certificate SITE", "接続先のマシンで作成し直してください: muster site certificate 拠点")},
		{"remote error: tls: bad certificate",
			l.T("%s does not take our certificate: a newer one has replaced it, or the site was shut out", "%s に証明書を拒否されました: 新しい証明書に置き換えられたか、拠点が締め出されています", address),
			l.T("Give this worker the newest one, or make another: muster site certificate SITE", "最新の証明書を指定するか、作成し直してください: muster site certificate 拠点")},
		{"remote error: tls: certificate required",
			l.T("%s asks for a certificate, and none was given", "%s への接続には証明書が必要ですが、指定されていません", address),
			l.T("Give temporal.tls.cert_file and key_file, as `muster site certificate` printed them", "`muster site certificate` が出力した temporal.tls.cert_file と key_file を指定してください")},
		{"x509: ",
			l.T("what answers at %s is not what temporal.tls.ca_file vouches for", "%s で応答した相手は temporal.tls.ca_file で確認できません", address),
			l.T("Somebody else answers there, or the CA file is another gateway's: compare it with the one on that machine", "別の相手が応答しているか、CAファイルが別のゲートウェイのものです。接続先のマシンのものと照合してください")},
	} {
		if strings.Contains(err.Error(), c.trace) {
			return &Trouble{Mistake: true, What: c.what, WayOut: c.way, Err: err}
		}
	}
	return nil
}

// certificateReady tells a readiness check of the coming end of a worker's certificate.
func certificateReady(c config.Config, now func() time.Time) func() plan.Ready {
	file := c.Temporal.TLS.CertFile
	if file == "" {
		return nil
	}
	return func() (out plan.Ready) {
		pair, err := tls.LoadX509KeyPair(file, c.Temporal.TLS.KeyFile)
		if err != nil {
			out.Problems = append(out.Problems, activities.Lacking("the worker's certificate can't be read: %v; without it the worker can't come back", "ワーカーの証明書を読み込めません: %v。このままでは再接続できません", err))
			return out
		}
		left := pair.Leaf.NotAfter.Sub(now())
		ends := pair.Leaf.NotAfter.Local().Format(time.DateOnly)
		way := fmt.Sprintf("muster site certificate %s", c.Site)
		switch text := activities.Lacking("the worker's certificate %s ends on %s; make a new one: %s", "ワーカーの証明書 %s は %s に期限が切れます。新しい証明書を作成してください: %s", file, ends, way); {
		case left < endsWorse:
			out.Problems = append(out.Problems, text)
		case left < endsSoon:
			out.Note = text.Both()
		}
		return out
	}
}
