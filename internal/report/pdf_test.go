package report_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/pdf"
	"github.com/muster-dr/muster/internal/report"
)

func TestTry(t *testing.T) {
	read := func(f string) []byte {
		b, err := os.ReadFile("/usr/share/fonts/truetype/bizud-gothic/" + f)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	fonts := pdf.Fonts{Regular: read("BIZUDPGothic-Regular.ttf"), Bold: read("BIZUDPGothic-Bold.ttf"), Mono: read("BIZUDGothic-Regular.ttf")}
	for _, s := range stories {
		for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
			var b bytes.Buffer
			missing, err := report.WritePDF(&b, build(t, s.tell(t)), l, fonts)
			if err != nil || len(missing) > 0 {
				t.Errorf("%v, missing %q", err, missing)
			}
			if err := os.WriteFile(filepath.Join("/tmp/scratch-rep", s.name+"."+string(l)+".pdf"), b.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
