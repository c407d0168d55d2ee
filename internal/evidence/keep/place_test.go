package keep

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/tsatest"
)

// bucket is an S3-compatible server in this process.
func bucket(t *testing.T) (S3Options, *s3mem.Backend) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("muster"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	return S3Options{Endpoint: server.URL, Region: "ap-northeast-3", Bucket: "muster", Prefix: "osaka/evidence",
		Keys: func(context.Context) (string, string, error) { return "AKIDEXAMPLE", "hunter2hunter2", nil }}, backend
}

func s3(t *testing.T, o S3Options) *S3 {
	t.Helper()
	p, err := NewS3(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// What was sealed is brought to every place, read back there and noted in the log; it verifies
// from there, and is brought once.
func TestCopiesArriveAndAreProven(t *testing.T) {
	t.Parallel()
	o, _ := bucket(t)
	folder, store := Folder{t.TempDir()}, s3(t, o)
	w := newWorld(t, func(k *Options) { k.Places = []Place{folder, store} })
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	for range 2 {
		w.k.deliver(t.Context())
	}
	arrived := map[string]int{}
	list, err := w.k.Entries(t.Context(), "tokyo-loss-1")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Kind == evidence.EntryCopied {
			arrived[e.Place]++
		}
	}
	for _, p := range []Place{folder, store} {
		if arrived[p.Name()] != 1 {
			t.Errorf("%s: %d receipts", p.Name(), arrived[p.Name()])
		}
		b, err := p.Get(t.Context(), w.k.Status().Log+"/tokyo-loss-1.part-1.zip")
		if err != nil {
			t.Fatal(err)
		}
		if r := w.verify(b); !r.Sound {
			t.Errorf("%s: %+v", p.Name(), r.Findings)
		}
	}
	for _, s := range w.k.Status().Places {
		if s.Trouble != "" || s.Waiting != 0 || s.Arrived == nil {
			t.Errorf("%+v", s)
		}
	}
	if left, err := os.ReadDir(filepath.Join(w.o.Dir, dirOutbox)); err != nil || len(left) != 0 {
		t.Errorf("left in the outbox: %v, %v", left, err)
	}
}

// place is one whose ways can be broken.
type place struct {
	Place
	put    func() error
	refuse func(name string) error
	get    func(b []byte) []byte
}

func (p *place) Put(ctx context.Context, name string, b []byte) error {
	if p.put != nil {
		if err := p.put(); err != nil {
			return err
		}
	}
	if p.refuse != nil {
		if err := p.refuse(name); err != nil {
			return err
		}
	}
	return p.Place.Put(ctx, name, b)
}

func (p *place) Get(ctx context.Context, name string) ([]byte, error) {
	b, err := p.Place.Get(ctx, name)
	if p.get != nil {
		b = p.get(b)
	}
	return b, err
}

// A place that fails is tried again later and later, holds up no other, and is told of; what
// it gives back must be what was sent.
func TestACopyThatFailsIsTriedAgain(t *testing.T) {
	t.Parallel()
	var broken error = errors.New("connection refused")
	bad := &place{Place: Folder{t.TempDir()}}
	bad.put = func() error { return broken }
	good := Folder{t.TempDir()}
	w := newWorld(t, func(o *Options) { o.Places = []Place{bad, good} })
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.k.deliver(t.Context())
	st := w.k.Status().Places
	if !strings.Contains(st[0].Trouble, "connection refused") || st[0].Waiting != 1 || st[0].Next == nil || st[1].Trouble != "" || st[1].Arrived == nil {
		t.Fatalf("%+v", st)
	}
	first := st[0].Next.Sub(w.clock())
	w.pass(time.Second)
	broken = nil
	w.k.deliver(t.Context())
	if w.k.Status().Places[0].Arrived != nil {
		t.Error("tried again before its time")
	}
	broken = errors.New("connection refused")
	w.pass(time.Minute)
	w.k.deliver(t.Context())
	if again := w.k.Status().Places[0].Next.Sub(w.clock()); again <= first {
		t.Errorf("the pause went from %s to %s", first, again)
	}
	// It takes everything and gives something else back.
	broken = nil
	bad.get = func(b []byte) []byte { return append([]byte("x"), b...) }
	w.pass(time.Hour)
	w.k.deliver(t.Context())
	if s := w.k.Status().Places[0]; !strings.Contains(s.Trouble, "not what was sent") || s.Arrived != nil {
		t.Errorf("%+v", s)
	}
	bad.get = nil
	w.pass(time.Hour)
	w.k.deliver(t.Context())
	if s := w.k.Status().Places[0]; s.Trouble != "" || s.Arrived == nil || s.Waiting != 0 {
		t.Errorf("mended: %+v", s)
	}
}

// Something else under a bundle's name is never written over, and a folder whose mount is
// missing is not made on the own disk.
func TestWhatIsThereIsNotWrittenOver(t *testing.T) {
	t.Parallel()
	o, _ := bucket(t)
	for name, p := range map[string]Place{"folder": Folder{t.TempDir()}, "s3": s3(t, o)} {
		if err := p.Put(t.Context(), "a.zip", []byte("one")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := p.Put(t.Context(), "a.zip", []byte("one")); err != nil {
			t.Errorf("%s: the same again: %v", name, err)
		}
		if err := p.Put(t.Context(), "a.zip", []byte("two")); !errors.Is(err, ErrOther) {
			t.Errorf("%s: another: %v", name, err)
		}
		if b, err := p.Get(t.Context(), "a.zip"); err != nil || string(b) != "one" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "not-mounted")
	if err := (Folder{missing}).Put(t.Context(), "a.zip", []byte("one")); err == nil || !strings.Contains(err.Error(), "mounted") {
		t.Errorf("a missing mount: %v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, os.ErrNotExist) {
		t.Error("it was made")
	}
}

// What a store refuses is said in plain words, and no key is in it.
func TestAStoreThatRefusesIsToldInPlainWords(t *testing.T) {
	t.Parallel()
	o, _ := bucket(t)
	none := o
	none.Bucket = "elsewhere"
	gone := o
	gone.Endpoint = "http://127.0.0.1:1"
	for word, opts := range map[string]S3Options{"no such bucket": none, "not reached": gone} {
		err := s3(t, opts).Put(t.Context(), "a.zip", []byte("one"))
		if err == nil || !strings.Contains(err.Error(), word) || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "AKID") {
			t.Errorf("%s: %v", word, err)
		}
	}
	if _, err := NewS3(S3Options{Endpoint: "osaka"}); err == nil {
		t.Error("an endpoint that is no URL was taken")
	}
}

// A log that takes the place of a lost server's brings its bundles beside those that this one
// brought, under names of its own, and none of them is written over.
func TestAnAdoptedLogsCopiesArriveBesideTheOldOnes(t *testing.T) {
	t.Parallel()
	o, _ := bucket(t)
	folder, store := Folder{t.TempDir()}, s3(t, o)
	w := newWorld(t, func(k *Options) { k.Places = []Place{folder, store} })
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.k.deliver(t.Context())
	first, firstKey := w.k.Status().Log, w.key()
	w.o.Dir = filepath.Join(t.TempDir(), "seal")
	w.k = New(w.o)
	if err := w.k.Round(t.Context()); !errors.Is(err, ErrElsewhere) {
		t.Fatal(err)
	}
	if err := w.k.Adopt(t.Context(), "sato", "", "the first server was lost"); err != nil {
		t.Fatal(err)
	}
	w.ended("tokyo-loss-2", run.Drill)
	w.pass(time.Hour)
	if err := w.k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.k.deliver(t.Context())
	for _, s := range w.k.Status().Places {
		if s.Trouble != "" || s.Waiting != 0 {
			t.Errorf("%+v", s)
		}
	}
	second := w.k.Status().Log
	for _, p := range []Place{folder, store} {
		for name, key := range map[string]string{first + "/tokyo-loss-1.part-1.zip": firstKey, second + "/tokyo-loss-1.part-1.zip": w.key(), second + "/tokyo-loss-2.part-1.zip": w.key()} {
			b, err := p.Get(t.Context(), name)
			if err != nil {
				t.Errorf("%s: %v", p.Name(), err)
				continue
			}
			if r := evidence.Verify(b, evidence.Options{Keys: []string{key}, Version: "test"}); !r.Sound {
				t.Errorf("%s: %s: %+v", p.Name(), name, r.Findings)
			}
		}
	}
}

// One bundle that can't be brought, for what lies at the place, for damage here, or because the
// place never takes it, keeps none of the others back, and is told of.
func TestOneBadBundleHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(w *world, p *place){
		"something else is there": func(w *world, p *place) {
			if err := p.Place.Put(w.t.Context(), w.k.Status().Log+"/tokyo-loss-1.part-1.zip", []byte("x")); err != nil {
				w.t.Fatal(err)
			}
		},
		"it was altered": func(w *world, _ *place) {
			if err := os.WriteFile(w.k.archive("tokyo-loss-1", 1), []byte("x"), 0o600); err != nil {
				w.t.Fatal(err)
			}
		},
		"deadline exceeded": func(_ *world, p *place) {
			p.refuse = func(name string) error {
				if strings.Contains(name, "tokyo-loss-1") {
					return context.DeadlineExceeded
				}
				return nil
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &place{Place: Folder{t.TempDir()}}
			w := newWorld(t, func(o *Options) { o.Places = []Place{p} })
			w.ended("tokyo-loss-1", run.Drill)
			w.ended("tokyo-loss-2", run.Drill)
			w.round()
			spoil(w, p)
			for range 2 {
				w.k.deliver(t.Context())
				w.pass(time.Hour)
			}
			if _, err := p.Get(t.Context(), w.k.Status().Log+"/tokyo-loss-2.part-1.zip"); err != nil {
				t.Error(err)
			}
			if s := w.k.Status().Places[0]; !strings.Contains(s.Trouble, name) || s.Waiting != 1 || s.Arrived == nil {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A place that is new when the log has many stamps gets them in one file, not in one for each that holds
// every later one again; a place that has the first already gets a file of the rest.
func TestAPlaceThatIsNewGetsAllStampsInOneFile(t *testing.T) {
	t.Parallel()
	a := tsatest.Start(t, tsatest.Options{})
	w := stamped(t, a, nil)
	early, late := Folder{t.TempDir()}, Folder{t.TempDir()}
	w.k.places = []*placeState{{place: early}}
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.k.stamp(t.Context())
	w.k.deliver(t.Context())
	for _, id := range []string{"tokyo-loss-2", "tokyo-loss-3"} {
		w.ended(id, run.Drill)
		w.round()
		w.k.index.stamps[len(w.k.index.stamps)-1].At = w.clock().Add(-24 * time.Hour)
		if !w.k.stamp(t.Context()) {
			t.Fatalf("no stamp: %+v", w.k.Status().Stamps)
		}
	}
	w.k.places = append(w.k.places, &placeState{place: late})
	w.k.deliver(t.Context())
	for place, want := range map[Folder]struct{ files, stamps int }{early: {2, 2}, late: {1, 3}} {
		logs, err := filepath.Glob(filepath.Join(place.Dir, "*", "log-*.zip"))
		if err != nil || len(logs) != want.files {
			t.Fatalf("%v, %v, want %d files of the log", logs, err, want.files)
		}
		newest := fmt.Sprintf("log-%d.zip", w.k.index.newestStamp().Size)
		at := slices.IndexFunc(logs, func(path string) bool { return filepath.Base(path) == newest })
		if at < 0 {
			t.Fatalf("%v, want %s", logs, newest)
		}
		b, err := os.ReadFile(logs[at])
		if err != nil {
			t.Fatal(err)
		}
		if r := w.verifyStamped(b, a); !r.Sound || len(r.Stamps) != want.stamps {
			t.Errorf("%s: %d stamps, want %d; %v", logs[at], len(r.Stamps), want.stamps, r.Findings)
		}
	}
	if n := w.count(evidence.EntryCopied); n != 2*3+2*3 {
		t.Errorf("%d arrivals are noted, want those of 3 bundles and 3 stamps at 2 places", n)
	}
	for _, p := range w.k.places {
		if todo, err := w.k.parcels(t.Context(), p.place.Name()); err != nil || len(todo) != 0 {
			t.Errorf("%s still waits for %v, %v", p.place.Name(), todo, err)
		}
	}
}
