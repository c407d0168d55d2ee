package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
)

// A new certificate shuts the earlier one out only once it lies where it was to be written, with its key.
func TestACertificateThatCanNotBeWrittenShutsNobodyOut(t *testing.T) {
	o := Options{Lang: i18n.JA}
	o.Config.Data = t.TempDir()
	certify := func(to string) (SiteCertificate, error) { return CertifySite(o, "tokyo", to, time.Hour) }
	let := func() string {
		b, err := os.ReadFile(filepath.Join(o.Config.GatewayDir(), "sites", "tokyo.pem"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if _, err := certify(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	earlier := let()
	for _, name := range []string{"gateway-ca.pem", "tokyo-key.pem", "tokyo.pem"} {
		stick := t.TempDir()
		if err := os.Mkdir(filepath.Join(stick, name), 0o700); err != nil { // stands in the way
			t.Fatal(err)
		}
		_, err := certify(stick)
		if trouble := new(Trouble); !errors.As(err, &trouble) || !strings.Contains(trouble.What, "以前の証明書があれば、引き続き有効です") || !strings.Contains(trouble.WayOut, stick) {
			t.Errorf("%s can't be written: %v", name, err)
		}
		if let() != earlier {
			t.Errorf("%s can't be written, and the site's earlier certificate is shut out", name)
			earlier = let()
		}
	}
	got, err := certify(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(got.Cert); err != nil || string(b) != let() || let() == earlier {
		t.Errorf("the new one, written whole, does not count: %v", err)
	}
}
