package api_test

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence/example"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/run"
)

// A name that is not in the estate makes no bundle and merges nothing, whoever types it: the one that was meant is offered.
func TestNobodyMakesOrMergesABundle(t *testing.T) {
	main := newPost(t, nil, nil)
	l := laptop(t, main, nil)
	id := l.ended("tokyo-loss-1", nil)
	file := l.exported()
	keys, err := l.keeper.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for who, says := range map[string]string{"satoh": `Did you mean "sato"?`, "nobody": "sato, tanaka"} {
		_, err := main.MakeBundle(t.Context(), api.NewBundle{By: who, ID: "bzzzzzzzzz", Key: keys[0], Manifest: strings.Repeat("a", 64)})
		if !refused(err, http.StatusUnprocessableEntity, says) {
			t.Errorf("a bundle by %s: %v", who, err)
		}
		if _, err := main.MergeBundle(t.Context(), file, who, "drill"); !refused(err, http.StatusUnprocessableEntity, says) {
			t.Errorf("a merge by %s: %v", who, err)
		}
	}
	if b, err := main.Bundles(t.Context()); err != nil || len(b.Bundles) != 1 || len(b.Bundles[0].Merges) != 0 {
		t.Errorf("noted: %+v %v", b, err)
	}
	if list, err := main.store.Events(t.Context(), id, 0, 0); err != nil || len(list) != 0 || len(main.entered()) != 0 {
		t.Errorf("%d events were written, %v", len(list), err)
	}
}

// A run whose record is removed on the laptop after its time keeps no other one there: it is named, as the laptop's log has it.
func TestARunThatWasRemovedOnTheLaptopHoldsUpNoOther(t *testing.T) {
	main := newPost(t, nil, nil)
	now, up := time.Now(), time.Hour
	var k *keep.Keeper
	l := laptop(t, main, func(_ *api.Server, o *keep.Options) {
		o.Retain, o.Now = keep.Retention{B: keep.Shortest}, func() time.Time { return now }
		o.Up = func() time.Duration { return up }
	})
	k = l.keeper
	gone := l.ended("tokyo-loss-1", nil)
	if err := k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(3 * 365 * 24 * time.Hour)
	for range 2 { // a clock that leaps is gone by after a day
		if err := k.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		now, up = now.Add(25*time.Hour), up+25*time.Hour
	}
	id := l.ended("tokyo-loss-2", nil)
	file := l.exported()
	held, err := breakglass.Holds(file)
	if err != nil || !slices.Equal(held.Runs, []string{id}) || !slices.Equal(held.Removed, []string{gone}) || held.Records == 0 || held.First == nil || !held.First.Before(*held.Last) {
		t.Errorf("it holds %+v, %v", held, err)
	}
	m, err := main.MergeBundle(t.Context(), file, "sato", "drill")
	if err != nil || !slices.Equal(m.Merged, []string{id}) || !slices.Equal(m.Removed, []string{gone}) {
		t.Errorf("merged: %+v %v", m, err)
	}
}

// What was sealed and is gone from the laptop's disk is named, with what to do; the record store is not blamed.
func TestWhatIsGoneFromTheLaptopIsNamed(t *testing.T) {
	main, dir := newPost(t, nil, nil), ""
	l := laptop(t, main, func(_ *api.Server, o *keep.Options) { dir = o.Dir })
	id := l.ended("tokyo-loss-1", nil)
	l.exported()
	if err := os.Remove(filepath.Join(dir, "sealed", id+".1.zip")); err != nil {
		t.Fatal(err)
	}
	if _, err := l.ExportBundle(t.Context()); !refused(err, http.StatusServiceUnavailable, "What was sealed of "+id+" is gone") || !refused(err, http.StatusServiceUnavailable, "Put the file back") {
		t.Errorf("%v", err)
	}
}

// A bundle counts once its file is in place, and one that was taken into use says so although no run of it has ended.
func TestABundleCountsOnceItIsInPlaceOrInUse(t *testing.T) {
	main := newPost(t, nil, nil)
	l := newPost(t, &run.Bundled{ID: bundleID, At: example.Begin, By: "sato", Reason: "Tokyo is gone"}, nil)
	keys, err := l.keeper.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	listed := func(id string) api.Bundle {
		t.Helper()
		list, err := main.Bundles(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range list.Bundles {
			if b.ID == id {
				return b
			}
		}
		t.Fatalf("%s is not in %+v", id, list)
		return api.Bundle{}
	}
	for _, id := range []string{bundleID, "bzzzzzzzzz"} {
		if _, err := main.MakeBundle(t.Context(), api.NewBundle{By: "sato", ID: id, Key: keys[0], Manifest: strings.Repeat("a", 64), Confirms: true}); err != nil || !listed(id).Begun {
			t.Fatalf("begun: %+v %v", listed(id), err)
		}
	}
	if err := main.PlaceBundle(t.Context(), "bzzzzzzzzz", "nobody"); !refused(err, http.StatusUnprocessableEntity, "sato, tanaka") || !listed("bzzzzzzzzz").Begun {
		t.Errorf("placed by nobody: %v", err)
	}
	if err := main.PlaceBundle(t.Context(), "byyyyyyyyy", "sato"); !refused(err, http.StatusNotFound, "byyyyyyyyy") {
		t.Errorf("one that was not begun: %v", err)
	}
	for range 2 {
		if err := main.PlaceBundle(t.Context(), "bzzzzzzzzz", "sato"); err != nil || listed("bzzzzzzzzz").Begun {
			t.Errorf("placed: %v", err)
		}
	}
	for range 2 {
		m, err := main.MergeBundle(t.Context(), l.exported(), "sato", "drill")
		if b := listed(bundleID); err != nil || len(m.Merged) != 0 || b.Begun || b.Use == nil || b.Use.By != "sato" || b.Use.Reason != "Tokyo is gone" || !b.Use.At.Equal(example.Begin) {
			t.Errorf("in use: %+v %+v %v", m, b, err)
		}
	}
	if _, err := main.MergeBundle(t.Context(), nil, "sato", "drill"); !refused(err, http.StatusUnprocessableEntity, "muster bundle export FILE") {
		t.Errorf("an empty file: %v", err)
	}
}
