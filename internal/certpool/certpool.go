// Package certpool reads the authorities that another side's certificate may come from.
package certpool

import (
	"crypto/x509"
	"os"

	"github.com/muster-dr/muster/internal/plan"
)

// Read reads a file of certificates in PEM form. One without any is an error: nobody would be
// believed.
func Read(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, plan.Wrong("%s holds no certificate in PEM form", "%s：PEM形式の証明書なし", path)
	}
	return pool, nil
}
