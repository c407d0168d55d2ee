package app

import (
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/wholefile"
)

// SiteCertificate is what SiteCertificate wrote.
type SiteCertificate struct {
	Site     string    `json:"site"`
	CA       string    `json:"ca_file"`
	Cert     string    `json:"cert_file"`
	Key      string    `json:"key_file"`
	NotAfter time.Time `json:"not_after"`
}

// CertifySite makes the certificate with which a site's worker comes through this
// machine's gateway, and writes it with its key and the gateway's CA into a folder. An
// earlier certificate of the site is worth nothing once all of that is written, and not before.
func CertifySite(o Options, site, to string, valid time.Duration) (SiteCertificate, error) {
	l := o.Lang
	a, err := gateway.OpenAuthority(o.Config.GatewayDir())
	if err != nil {
		return SiteCertificate{}, &Trouble{What: l.T("no certificate was made", "証明書を作成できませんでした"), Err: spoken{l, err}}
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return SiteCertificate{}, fileTrouble(l, to, err)
	}
	made, err := a.Make(site, valid)
	if err != nil {
		return SiteCertificate{}, &Trouble{What: l.T("no certificate was made", "証明書を作成できませんでした"), Err: spoken{l, err}}
	}
	out := SiteCertificate{Site: site, CA: filepath.Join(to, "gateway-ca.pem"), Cert: filepath.Join(to, site+".pem"), Key: filepath.Join(to, site+"-key.pem"), NotAfter: made.NotAfter}
	for _, f := range []struct {
		path string
		text []byte
	}{{out.CA, made.CA}, {out.Key, made.Key}, {out.Cert, made.Certificate}} {
		if err := wholefile.Write(f.path, f.text, 0o600); err != nil {
			return SiteCertificate{}, notCertified(l, site, to, err)
		}
	}
	if err := a.Admit(site, made); err != nil {
		return SiteCertificate{}, notCertified(l, site, to, err)
	}
	return out, nil
}

func notCertified(l i18n.Lang, site, to string, err error) error {
	return &Trouble{What: l.T("no new certificate counts for site %s: an earlier one does, as before", "拠点 %s の新しい証明書を発行できませんでした。以前の証明書があれば、引き続き有効です", site), Err: spoken{l, err},
		WayOut: l.T("What was written to %s opens nothing: free some space or correct its rights, and repeat the command", "%s に書き込まれたものは使えません。空き容量や権限を確認し、コマンドを再度実行してください", to)}
}
