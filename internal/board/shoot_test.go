package board_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// shoot shows a page in both languages on a desk and a phone: it is no wider than the screen.
// With -screens it is kept as a picture.
func (w *world) shoot(t *testing.T, person string, paths map[string]string) {
	t.Helper()
	if t.Failed() {
		return // a page that is not right is not waited for
	}
	token := w.token(person)
	for _, lang := range []string{"en", "ja"} {
		b := open(t, w.url, lang)
		b.signIn(token)
		for name, path := range paths {
			for size, px := range map[string][2]int64{"desk": {1440, 900}, "phone": {390, 844}} {
				b.size(px[0], px[1], size == "phone")
				b.to(path)
				if wide := value[int64](b, "document.documentElement.scrollWidth"); wide > px[0] {
					t.Errorf("%s in %s on a %s is %d pixels wide, the screen %d", name, lang, size, wide, px[0])
				}
				if *screens == "" {
					continue
				}
				png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(*screens, name+"-"+size+"-"+lang+".png"), png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.close()
	}
}
