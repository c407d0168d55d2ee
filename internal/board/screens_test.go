package board_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
)

var screens = flag.String("screens", "", "write pictures of all pages into this folder")

// found is what people have found and ordered by then, with a photo.
func found(t *testing.T, w *world) {
	t.Helper()
	a := api.InProcess(w.api, "ja")
	p, err := a.AddPhoto(identity.With(t.Context(), identity.Actor{Person: personID(6)}), drill, personID(6), snapshot(t))
	if err != nil {
		t.Fatal(err)
	}
	at := func(s int) time.Time { return begun.Add(time.Duration(s) * time.Second) }
	w.append(
		run.Event{Run: drill, Writer: "found", Seq: 1, At: at(455), Kind: run.SiteInspected, Site: "osaka", By: personID(6), Phase: run.SiteInspection, Reason: "3階の天井材が一部落下、立入禁止とした", Data: run.Encode(run.Inspection{Usable: true, Overall: run.Restricted,
			Items: []run.CheckedItem{{Item: "cracks", State: run.ItemOK}, {Item: "ceiling", State: run.Restricted}, {Item: "power", State: run.ItemOK}, {Item: "water", State: run.NotLookedAt}}, Inspectors: []string{"高橋 一郎"}, Photos: []string{p.ID}})},
		run.Event{Run: drill, Writer: "found", Seq: 2, At: at(520), Kind: run.DamageAssessed, System: "orders", By: personID(6), Phase: run.DamageAssessment, Reason: "サーバーラック2台が転倒", Data: run.Encode(run.Assessment{Damage: run.DamageDestroyed, Source: "person", Photos: []string{p.ID}, Repair: run.Duration(36 * time.Hour), Ground: "保守会社の回答"})},
		run.Event{Run: drill, Writer: "found", Seq: 3, At: at(540), Kind: run.DamageAssessed, System: "portal", By: personID(7), Phase: run.DamageAssessment, Reason: "外観に異常なし", Data: run.Encode(run.Assessment{Damage: run.DamageNone, Source: "person"})},
		run.Event{Run: drill, Writer: "found", Seq: 4, At: at(560), Kind: run.OrderGiven, By: personID(2), System: "orders", Data: run.Encode(run.Order{ID: "order-1", Purpose: run.ForContractor, Party: "carrier", What: "専用線の状況確認と技術者の派遣"})},
		run.Event{Run: drill, Writer: "found", Seq: 5, At: at(580), Kind: run.OrderFollowed, By: personID(2), Data: run.Encode(run.OrderState{ID: "order-1", State: run.OrderAccepted})},
		run.Event{Run: drill, Writer: "found", Seq: 6, At: at(600), Kind: run.CustodyMoved, By: personID(6), Data: run.Encode(run.Custody{ID: "custody-1", What: "バックアップ媒体 12番", From: "東京保管庫", To: "大阪データセンター", TakenBy: personID(6)})},
		run.Event{Run: drill, Writer: "found", Seq: 7, At: at(620), Kind: run.StrengthReported, By: personID(2), Data: run.Encode(run.Strength{Present: map[string]int{"operator": 10}})},
		run.Event{Run: drill, Writer: "found", Seq: 8, At: at(640), Kind: run.MessageFailed, Person: personID(18), Outcome: run.Failed, Data: run.Encode(run.Delivery{Of: "run/2", Matter: "call"})},
	)
}

// Every page shows itself to its readers in both languages, on a desk, a phone and a wall:
// nothing is wider than the screen, and no script or style was refused.
func TestPages(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.record("tokyo-loss-1", run.Drill)
	found(t, w)
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
		{"activate", "/activate?scenario=tokyo-loss", personID(0), false}, {"control", "/runs/tokyo-loss-1/control", personID(0), false}, {"damage", "/runs/tokyo-loss-1/damage", personID(0), false}, {"assess", "/runs/tokyo-loss-1/do/assess?of=orders", personID(6), false}, {"inspect", "/runs/tokyo-loss-1/do/inspect?of=osaka", personID(6), false},
		{"order", "/runs/tokyo-loss-1/do/order", personID(0), false}, {"custody", "/runs/tokyo-loss-1/do/custody", personID(0), false}, {"handover", "/runs/tokyo-loss-1/do/handover", personID(0), false},
		{"strength", "/runs/tokyo-loss-1/do/strength", personID(0), false}, {"notice", "/runs/tokyo-loss-1/do/notice", personID(0), false}, {"relocate", "/runs/tokyo-loss-1/do/relocate", personID(0), false}, {"link", "/l/" + link, "", false}, {"arrive", "/l/" + old, "", false},
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
				if strings.Contains(b.text(), "NaN") {
					t.Errorf("%s shows a clock without a time:\n%s", p.path, b.text())
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
