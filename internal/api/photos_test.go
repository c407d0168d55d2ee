package api_test

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// picture is a JPEG of noise, of about so many kilobytes.
func picture(t *testing.T, kb int, shade uint8) []byte {
	t.Helper()
	side := 24
	for side*side < kb<<10 {
		side += 8
	}
	img, noise := image.NewRGBA(image.Rect(0, 0, side, side)), rand.New(rand.NewPCG(1, uint64(shade)))
	for i := range img.Pix {
		img.Pix[i] = uint8(noise.Uint32())
	}
	img.Set(0, 0, color.RGBA{shade, 0, 0, 255})
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPhotosGoWithReports(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	ctx := t.Context()
	big := picture(t, 2000, 1)
	if len(big) < 1<<20 {
		t.Fatalf("the test's picture has %d bytes; it must be above the limit of other requests", len(big))
	}
	pic, err := w.AddPhoto(ctx, id, "tanaka", big)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := w.AddPhoto(ctx, id, "tanaka", big); err != nil || again.ID != pic.ID {
		t.Errorf("the same picture again: %+v, %v; want the one that is there", again, err)
	}
	if _, err := w.Assess(ctx, id, workflows.Assess{System: "orders", By: "tanaka", Damage: run.DamageStopped, Photos: []string{pic.ID}}); err != nil {
		t.Error(err)
	}
	if r, err := w.Run(ctx, id); err != nil || len(r.Overview.Damage) == 0 || len(r.Overview.Damage[0].Human.Photos) != 1 {
		t.Errorf("overview: %+v %v", r.Overview.Damage, err)
	}
	if kept, err := w.Picture(ctx, id, pic.ID); err != nil || len(kept) != pic.Bytes {
		t.Errorf("the picture comes back with %d bytes of %d: %v", len(kept), pic.Bytes, err)
	}
	if list, err := api.KeptPhotos(ctx, w.store, id); err != nil || len(list) != 1 {
		t.Errorf("in the store: %+v %v", list, err)
	}
	if b, err := api.KeptPicture(ctx, w.store, id, pic.ID); err != nil || len(b) != pic.Bytes {
		t.Errorf("from the store: %d bytes, %v", len(b), err)
	}
	w.tamper(id, pic.ID)
	if _, err := api.KeptPicture(ctx, w.store, id, pic.ID); err == nil || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("a picture that was exchanged in the store was taken for the one that was kept: %v", err)
	}
	if _, err := w.Picture(ctx, id, pic.ID); err == nil {
		t.Error("it is even shown")
	}
	if _, err := w.Assess(ctx, id, workflows.Assess{System: "orders", By: "tanaka", Damage: run.DamageStopped, Photos: []string{strings.Repeat("0", 64)}}); err == nil {
		t.Error("a report with a picture that was never sent was taken")
	}
	if _, err := w.AddPhoto(ctx, id, "mallory", big); err == nil {
		t.Error("a picture of a stranger was taken")
	}
	if _, err := w.AddPhoto(ctx, id, "tanaka", []byte("<svg onload=alert(1)>")); err == nil || !strings.Contains(err.Error(), "no JPEG") {
		t.Errorf("a page was taken for a picture: %v", err)
	}
	w.abort(id)
	if _, err := w.AddPhoto(ctx, id, "tanaka", picture(t, 4, 2)); err == nil {
		t.Error("a picture was taken after the run's end")
	}
	if list, err := w.Photos(ctx, id); err != nil || len(list) != 1 {
		t.Errorf("after the end the picture is gone: %v", err)
	}
}

// tamper exchanges a picture in the store.
func (w *world) tamper(id, photo string) {
	w.t.Helper()
	d, err := w.store.Document(w.t.Context(), "photo", id+"/"+photo)
	if err != nil {
		w.t.Fatal(err)
	}
	d.Body = []byte(`{"id":"` + photo + `","type":"image/jpeg","picture":"bm90IGl0"}`)
	if _, err := w.store.PutDocument(w.t.Context(), d); err != nil {
		w.t.Fatal(err)
	}
}

// A form of 10 MB is refused with a clear word, whether it says its size or not, and nothing of
// it is kept.
func TestTooLargeAFormIsRefused(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	for _, path := range []string{"/photos?by=tanaka", "/assess"} {
		for _, told := range []bool{true, false} {
			var body io.Reader = bytes.NewReader(make([]byte, 10<<20))
			if !told {
				body = io.MultiReader(body)
			}
			req, err := http.NewRequestWithContext(t.Context(), "POST", w.url+"/api/v1/runs/"+id+path, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			req.Header.Set("Content-Type", "application/json")
			req.Header.Set("Accept-Language", "ja")
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			b, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if res.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(b), "何も保存していません") {
				t.Errorf("%s (says its size: %v): %d %s", path, told, res.StatusCode, b)
			}
		}
	}
	if list, err := w.Photos(t.Context(), id); err != nil || len(list) != 0 {
		t.Errorf("kept: %+v %v", list, err)
	}
}

// The number of pictures of a run is bounded, also when they come at once.
func TestPhotosOfARunAreBounded(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	together(6, func(i int) {
		if _, err := w.AddPhoto(t.Context(), id, "tanaka", picture(t, 1, uint8(i))); err != nil {
			t.Error(err)
		}
	})
	if list, err := w.Photos(t.Context(), id); err != nil || len(list) != 6 {
		t.Errorf("%d of 6 pictures are there: %v", len(list), err)
	}
	for i := 6; i < 100; i++ {
		if _, err := w.AddPhoto(t.Context(), id, "tanaka", picture(t, 1, uint8(i))); err != nil {
			t.Fatalf("picture %d: %v", i, err)
		}
	}
	if _, err := w.AddPhoto(t.Context(), id, "tanaka", picture(t, 1, 200)); err == nil || !strings.Contains(err.Error(), "which is the most") {
		t.Errorf("picture 101: %v", err)
	}
}

// Who came by a signed link, or is not of the run, does not see its pictures, and nobody sends
// one as somebody else.
func TestPhotosAreForThoseOfTheRun(t *testing.T) {
	w := newWorld(t)
	id := w.start(drill("sato")).Run
	pic, err := w.AddPhoto(t.Context(), id, "tanaka", picture(t, 1, 1))
	if err != nil {
		t.Fatal(err)
	}
	in := w.inProcess()
	as := func(a identity.Actor) context.Context { return identity.With(t.Context(), a) }
	for name, a := range map[string]identity.Actor{"stranger": {Person: "mallory"}, "link": {Person: "tanaka", Limit: &identity.Limit{Run: id, Purpose: identity.ForCheckIn}}} {
		if _, err := in.Picture(as(a), id, pic.ID); err == nil {
			t.Errorf("%s sees a picture", name)
		}
	}
	if _, err := in.Picture(as(identity.Actor{Person: "suzuki"}), id, pic.ID); err != nil {
		t.Errorf("one of the run does not see it: %v", err)
	}
	if got, err := in.AddPhoto(as(identity.Actor{Person: "suzuki"}), id, "sato", picture(t, 1, 2)); err != nil || got.By != "suzuki" {
		t.Errorf("sent as %q by suzuki: %v", got.By, err)
	}
}
