package app

import (
	"crypto/tls"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
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
	site, ok := gateway.Site(pair.Leaf)
	switch {
	case now.After(pair.Leaf.NotAfter):
		return &Trouble{Mistake: true, WayOut: renewal(ok, c.Site).In(string(l)),
			What: l.T("the certificate of this worker, %s, ended on %s", "このワーカーの証明書 %s は %s に期限が切れています", file, pair.Leaf.NotAfter.Local().Format(time.DateOnly))}
	case ok && site != c.Site:
		return &Trouble{Mistake: true, WayOut: l.T("Start the worker with --site %s, or give it the certificate of %s", "--site %s で起動するか、拠点 %s の証明書を指定してください", site, c.Site),
			What: l.T("%s is the certificate of site %s, and opens nothing to a worker of %s", "%s は拠点 %s の証明書のため、拠点 %s のワーカーには使えません", file, site, c.Site)}
	}
	return nil
}

// renewal is the way to a new certificate: from the gateway that issued this one, or, with an engine of one's own, from where its
// authority is kept.
func renewal(ofGateway bool, site string) plan.Text {
	if ofGateway {
		return plan.Say("Make a new one on the machine of `muster up`: muster site certificate %s", "`muster up` のマシンで新しい証明書を作成してください: muster site certificate %s", site)
	}
	return plan.Say("Have a new one made where its authority is kept, and bring it here: `muster certificates` for those that it made, in the folder %s; read without a restart", "認証局を保管している場所で新しい証明書を作成し、このマシンに配置してください。`muster certificates` で作成した証明書なら、同じコマンドで作られるフォルダー %s にあります", site)
}

// ofGateway reports whether the certificate that this process shows came from a gateway of `muster up`.
func ofGateway(conf *tls.Config) bool {
	if conf == nil || conf.GetClientCertificate == nil {
		return false
	}
	pair, err := conf.GetClientCertificate(&tls.CertificateRequestInfo{})
	if err != nil || pair.Leaf == nil {
		return false
	}
	_, is := gateway.Site(pair.Leaf)
	return is
}

// turnedAway says in words why the engine's side, or this one, ended the handshake; nil
// when that was not it, or mends by waiting.
func turnedAway(l i18n.Lang, to engine.Connection, err error) error {
	address := to.Address
	if strings.Contains(err.Error(), "x509: ") && strings.Contains(err.Error(), " is before ") {
		return nil // made while a clock was ahead; whoever serves it makes another, or its time begins
	}
	gateways := ofGateway(to.TLS)
	whose := l.T("SITE", "拠点")
	if !gateways {
		whose = l.T("of this process", "（このプロセスのもの）")
	}
	renew := renewal(gateways, whose).In(string(l))
	for _, c := range []struct{ trace, what, way string }{
		{"remote error: tls: expired certificate",
			l.T("%s does not take our certificate: it is over, by the clock there", "%s に証明書を拒否されました: 先方の時刻では期限切れです", address),
			l.T("Compare the clocks. %s", "時刻を確認してください。%s", renew)},
		{"remote error: tls: unknown certificate authority",
			l.T("%s does not take our certificate: another authority made it", "%s に証明書を拒否されました: 別の認証局が発行したものです", address),
			renew},
		{"remote error: tls: bad certificate",
			l.T("%s does not take our certificate: a newer one has replaced it, or the site was shut out", "%s に証明書を拒否されました: 新しい証明書に置き換えられたか、拠点が締め出されています", address),
			l.T("Give this worker the newest one. %s", "最新の証明書を指定してください。%s", renew)},
		{"remote error: tls: certificate required",
			l.T("%s asks for a certificate, and none was given", "%s への接続には証明書が必要ですが、指定されていません", address),
			l.T("Give temporal.tls.cert_file and key_file: what `muster site certificate` printed for a gateway of `muster up`, or `muster certificates` made for an engine of your own", "temporal.tls.cert_file と key_file を指定してください。`muster up` のゲートウェイなら `muster site certificate` が出力したもの、自前のエンジンなら `muster certificates` で作成したものです")},
		{"x509: ",
			l.T("what answers at %s is not what temporal.tls.ca_file vouches for", "%s で応答した相手は temporal.tls.ca_file で確認できません", address),
			l.T("Somebody else answers there, its certificate has ended, or the CA file is another one's: compare it with the one on that machine", "別の相手が応答しているか、先方の証明書が期限切れか、CAファイルが別のものです。接続先のマシンのものと照合してください")},
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
		_, ok := gateway.Site(pair.Leaf)
		switch text := activities.Lacking("the worker's certificate %s ends on %s. %s", "ワーカーの証明書 %s は %s に期限が切れます。%s", file, ends, renewal(ok, c.Site)); {
		case left < endsWorse:
			out.Problems = append(out.Problems, text)
		case left < endsSoon:
			out.Note = text.Both()
		}
		return out
	}
}
