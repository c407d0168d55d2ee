package app

import (
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/internal/gateway"
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
// earlier certificate of the site is worth nothing from then on.
func CertifySite(o Options, site, to string, valid time.Duration) (SiteCertificate, error) {
	l := o.Lang
	a, err := gateway.OpenAuthority(o.Config.GatewayDir())
	if err != nil {
		return SiteCertificate{}, &Trouble{What: l.T("no certificate was made", "証明書を作成できませんでした"), Err: spoken{l, err}}
	}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return SiteCertificate{}, fileTrouble(l, to, err)
	}
	issued, err := a.Issue(site, valid)
	if err != nil {
		return SiteCertificate{}, &Trouble{What: l.T("no certificate was made", "証明書を作成できませんでした"), Err: spoken{l, err}}
	}
	out := SiteCertificate{Site: site, CA: filepath.Join(to, "gateway-ca.pem"), Cert: filepath.Join(to, site+".pem"), Key: filepath.Join(to, site+"-key.pem"), NotAfter: issued.NotAfter}
	for file, text := range map[string][]byte{out.CA: issued.CA, out.Cert: issued.Certificate, out.Key: issued.Key} {
		if err := wholefile.Write(file, text, 0o600); err != nil {
			return SiteCertificate{}, fileTrouble(l, file, err)
		}
	}
	return out, nil
}
