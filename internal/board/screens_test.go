package board_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
)

var screens = flag.String("screens", "", "write pictures of all pages into this folder")

// Every page shows itself to its readers in both languages, on a desk, a phone and a wall:
// nothing is wider than the screen, and no script or style was refused.
func TestPages(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.record("tokyo-loss-1", run.Drill)
	link, err := w.ids.Link(t.Context(), "tokyo-loss-1", personID(8), identity.ForCheckIn, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	old, err := w.ids.Link(t.Context(), "tokyo-loss-1", personID(8), identity.ForArrival, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ids.RevokeLinks(t.Context(), identity.Links{Run: "no-such-run"}, "sato"); err != nil {
		t.Fatal(err)
	}
	pages := []struct {
		name, path, as string
		wall           bool
	}{
		{"login", "/login", "", false}, {"now", "/", personID(0), false}, {"run", "/runs/tokyo-loss-1", personID(0), false}, {"tasks", "/tasks", personID(0), false},
		{"step", "/tasks", personID(6), false}, {"safety", "/tasks", personID(8), false}, {"people", "/runs/tokyo-loss-1/people", personID(0), false}, {"systems", "/systems", personID(0), false},
		{"scenarios", "/scenarios", personID(0), false}, {"scenario", "/scenarios/tokyo-loss", personID(0), false}, {"history", "/history", personID(0), false}, {"roster", "/people", personID(0), false},
		{"activate", "/activate?scenario=tokyo-loss", personID(0), false}, {"control", "/runs/tokyo-loss-1/control", personID(0), false}, {"link", "/l/" + link, "", false}, {"arrive", "/l/" + old, "", false},
		{"badlink", "/l/forged", "", false}, {"wall", "/runs/tokyo-loss-1?wall", personID(0), true}, {"wallnow", "/?wall", personID(0), true},
	}
	tokens := map[string]string{"": ""}
	for _, p := range pages {
		if _, ok := tokens[p.as]; !ok {
			tokens[p.as] = w.token(p.as)
		}
	}
	for _, lang := range []string{"en", "ja"} {
		signed := map[string]*tab{}
		for _, p := range pages {
			b, ok := signed[p.as]
			if !ok {
				b = open(t, w.url, lang)
				signed[p.as] = b
				if p.as != "" {
					b.signIn(tokens[p.as])
				}
			}
			sizes := map[string][2]int64{"desk": {1440, 900}, "phone": {390, 844}}
			if p.wall {
				sizes = map[string][2]int64{"wall": {1920, 1080}}
			}
			for size, px := range sizes {
				b.size(px[0], px[1], size == "phone")
				b.to(p.path)
				if wide := value[int64](b, "document.documentElement.scrollWidth"); wide > px[0] {
					t.Errorf("%s in %s on a %s is %d pixels wide, the screen %d", p.name, lang, size, wide, px[0])
				}
				if words := value[string](b, "document.documentElement.lang"); words != lang {
					t.Errorf("%s is in %q, asked for %s", p.path, words, lang)
				}
				if *screens == "" {
					continue
				}
				if data := call(b, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatPng}).Data; size != "phone" {
					if err := os.WriteFile(filepath.Join(*screens, p.name+"-"+size+"-"+lang+"-view.png"), data, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(*screens, p.name+"-"+size+"-"+lang+".png"), png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
