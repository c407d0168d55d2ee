package api_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/example"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const bundleID = "babcdefghj"

// post is an installation, or a laptop that works from its bundle.
type post struct {
	*api.Client
	t      *testing.T
	store  journal.Store
	server *api.Server
	keeper *keep.Keeper
	url    string
	door   http.Handler
}

func newPost(t *testing.T, bundled *run.Bundled, change func(*api.Server, *keep.Options)) *post {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	o := keep.Options{Dir: filepath.Join(t.TempDir(), "seal"), Store: store, Version: "test"}
	if bundled != nil {
		o.Begin, o.Only = &evidence.Entry{At: bundled.At, By: bundled.By, Reason: bundled.Reason, Bundle: bundled.ID}, bundled.OwnRun
	}
	s := &api.Server{Store: store, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler), Bundled: bundled,
		Estate: func(context.Context) (plan.Estate, error) {
			return plan.Estate{People: []plan.Person{{ID: "sato", Roles: []string{"admin"}}, {ID: "tanaka", Roles: []string{"operator"}}},
				Grants: []plan.Grant{{Role: "admin", May: []plan.Permission{plan.MayAdmin}}}}, nil
		}}
	if change != nil {
		change(s, &o)
	}
	k := keep.New(o)
	s.Evidence = k
	h := s.Handler()
	srv := httptest.NewServer(h)
	c := api.Connect(srv.URL, token, "en")
	t.Cleanup(func() {
		c.Close()
		srv.Close()
		k.Close()
		_ = store.Close()
	})
	return &post{c, t, store, s, k, srv.URL, h}
}

// laptop is one that works from the bundle of main.
func laptop(t *testing.T, main *post, change func(*api.Server, *keep.Options)) *post {
	t.Helper()
	l := newPost(t, &run.Bundled{ID: bundleID, At: example.Begin, By: "sato", Reason: "Tokyo is gone"}, change)
	keys, err := l.keeper.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := main.MakeBundle(t.Context(), api.NewBundle{By: "sato", ID: bundleID, Key: keys[0], Manifest: strings.Repeat("a", 64)}); err != nil {
		t.Fatal(err)
	}
	return l
}

// ended puts a run of the laptop into its store, changed by what the caller says.
func (p *post) ended(name string, change func([]run.Event)) string {
	p.t.Helper()
	pl, err := example.Plan(3)
	if err != nil {
		p.t.Fatal(err)
	}
	id := name + "-" + bundleID
	events := example.Events(id, run.Drill, pl)
	if change != nil {
		change(events)
	}
	ctx := context.WithoutCancel(p.t.Context())
	if err := p.store.PutPlan(ctx, pl); err != nil {
		p.t.Fatal(err)
	}
	if err := p.store.Append(ctx, events); err != nil {
		p.t.Fatal(err)
	}
	return id
}

func (p *post) exported() []byte {
	p.t.Helper()
	b, err := p.ExportBundle(p.t.Context())
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// wordy makes a run's record large, in a way that no packing makes small.
func wordy(kb int) func([]run.Event) {
	return func(events []run.Event) {
		b := make([]byte, kb<<10)
		_, _ = rand.Read(b)
		events[0].Reason = hex.EncodeToString(b)
	}
}

// entered are the entries of merges in the log.
func (p *post) entered() (out []keep.Listed) {
	p.t.Helper()
	list, err := p.keeper.Entries(p.t.Context(), "")
	if err != nil {
		p.t.Fatal(err)
	}
	for _, e := range list {
		if e.Kind == evidence.EntryMerged {
			out = append(out, e)
		}
	}
	return out
}

// What comes back is as long as the records are, far above what other requests may have.
func TestALongRecordComesBack(t *testing.T) {
	main := newPost(t, nil, nil)
	l := laptop(t, main, nil)
	id := l.ended("tokyo-loss-1", wordy(200))
	file := l.exported()
	if len(file) < 200<<10 {
		t.Fatalf("the file has %d bytes only", len(file))
	}
	m, err := main.MergeBundle(t.Context(), file, "sato", "after the drill")
	if err != nil || !slices.Equal(m.Merged, []string{id}) {
		t.Fatalf("%+v %v", m, err)
	}
	if n := len(main.entered()); n != 1 {
		t.Errorf("%d entries of the log say so", n)
	}
}

// takenFrom says how much of a body was read.
type takenFrom struct {
	io.Reader
	n int
}

func (c *takenFrom) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += n
	return n, err
}

// Whoever may not merge is told so before any of the file is in memory, and so is a second merge and a file that is no export.
func TestAMergeIsRefusedBeforeItIsRead(t *testing.T) {
	main := newPost(t, nil, nil)
	ask := func(person string, body io.Reader, size int64) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(identity.With(t.Context(), identity.Actor{Person: person, Via: "session 9c01"}), "POST", "/api/v1/bundles/merge?reason=drill", body)
		r.ContentLength = size
		r.Header.Set("Content-Type", "application/octet-stream")
		w := httptest.NewRecorder()
		main.door.ServeHTTP(w, r)
		return w
	}
	body := &takenFrom{Reader: strings.NewReader(strings.Repeat("x", 1<<20))}
	if w := ask("tanaka", body, 1<<20); w.Code != http.StatusForbidden || body.n != 0 {
		t.Errorf("tanaka: %d, %d bytes read: %s", w.Code, body.n, w.Body)
	}
	if w := ask("sato", body, evidence.MostPacked+1); w.Code != http.StatusRequestEntityTooLarge || body.n != 0 || !strings.Contains(w.Body.String(), "bundle export") {
		t.Errorf("too long: %d, %d bytes read: %s", w.Code, body.n, w.Body)
	}

	held, hold := io.Pipe()
	done := make(chan *httptest.ResponseRecorder)
	go func() { done <- ask("sato", held, -1) }()
	if _, err := hold.Write([]byte("PK")); err != nil { // it is being read
		t.Fatal(err)
	}
	if w := ask("sato", body, 1<<20); w.Code != http.StatusConflict || body.n != 0 || !strings.Contains(w.Body.String(), "Another merge") {
		t.Errorf("a second one: %d, %d bytes read: %s", w.Code, body.n, w.Body)
	}
	_ = hold.Close()
	if w := <-done; w.Code != http.StatusUnprocessableEntity {
		t.Errorf("the first one: %d %s", w.Code, w.Body)
	}
	// Over a network too, the refusal arrives although the file is large.
	limited := api.Connect(main.url, "no token of anybody", "en")
	defer limited.Close()
	if _, err := limited.MergeBundle(t.Context(), make([]byte, 32<<20), "", "drill"); !refused(err, http.StatusUnauthorized, "") {
		t.Errorf("a stranger: %v", err)
	}
}

// mortal is a record store whose server is killed at a write.
type mortal struct {
	journal.Store
	append func(run string) bool
	put    func(kind string) bool
}

var errKilled = errors.New("killed")

func (m *mortal) Append(ctx context.Context, events []run.Event) error {
	if m.append != nil && m.append(events[0].Run) {
		return errKilled
	}
	return m.Store.Append(ctx, events)
}

func (m *mortal) PutDocument(ctx context.Context, d journal.Document) (journal.Document, error) {
	if m.put != nil && m.put(d.Kind) {
		return d, errKilled
	}
	return m.Store.PutDocument(ctx, d)
}

// However far a merge came before its server was killed, the same file, or a later one, has every run in the log once.
func TestAMergeThatWasCutOffCountsInTheEnd(t *testing.T) {
	for name, c := range map[string]struct {
		kill    func(m *mortal, second string)
		again   bool // with an export that is made anew
		entries int
	}{
		"between two runs":                   {func(m *mortal, second string) { m.append = func(id string) bool { return id == second } }, false, 1},
		"between two runs, and a new export": {func(m *mortal, second string) { m.append = func(id string) bool { return id == second } }, true, 1},
		"after the log's entry":              {func(m *mortal, _ string) { m.put = func(kind string) bool { return kind == "bundle" } }, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := &mortal{}
			main := newPost(t, nil, func(s *api.Server, _ *keep.Options) {
				m.Store = s.Store
				s.Store = m
			})
			l := laptop(t, main, nil)
			ids := []string{l.ended("tokyo-loss-1", nil), l.ended("tokyo-loss-2", nil)}
			file := l.exported()
			c.kill(m, ids[1])
			if _, err := main.MergeBundle(t.Context(), file, "sato", "drill"); err == nil {
				t.Fatal("it was not killed")
			}
			m.append, m.put = nil, nil
			if c.again {
				l.server.Now = func() time.Time { return time.Now().Add(time.Hour) }
				file = l.exported()
			}
			out, err := main.MergeBundle(t.Context(), file, "sato", "drill")
			if err != nil || !slices.Equal(out.Merged, ids) {
				t.Errorf("%+v %v", out, err)
			}
			list := main.entered()
			if len(list) != c.entries || !slices.Equal(list[len(list)-1].Items, ids) {
				t.Errorf("the log says: %+v", list)
			}
			b, err := main.Bundles(t.Context())
			if err != nil || len(b.Bundles) != 1 || len(b.Bundles[0].Merges) != 1 || !slices.Equal(b.Bundles[0].Merges[0].Runs, ids) {
				t.Errorf("the bundle's note: %+v %v", b, err)
			}
			if out, err = main.MergeBundle(t.Context(), file, "sato", "drill"); err != nil || len(out.Merged) != 0 || len(main.entered()) != len(list) {
				t.Errorf("once more: %+v %v", out, err)
			}
		})
	}
}

// A server whose evidence another one keeps merges nothing, and has written nothing.
func TestAServerWithoutTheLogMergesNothing(t *testing.T) {
	main := newPost(t, nil, nil)
	l := laptop(t, main, nil)
	id := l.ended("tokyo-loss-1", nil)
	file := l.exported()
	beside := newPost(t, nil, func(s *api.Server, o *keep.Options) { s.Store, o.Store = main.store, main.store })
	if _, err := beside.MergeBundle(t.Context(), file, "sato", "drill"); err == nil {
		t.Fatal("merged")
	}
	if list, err := main.store.Events(t.Context(), id, 0, 0); err != nil || len(list) != 0 {
		t.Errorf("%d events were written, %v", len(list), err)
	}
	if m, err := main.MergeBundle(t.Context(), file, "sato", "drill"); err != nil || !slices.Equal(m.Merged, []string{id}) {
		t.Errorf("where the log is: %+v %v", m, err)
	}
}

// An export that is made while runs end and are sealed is whole all the same.
func TestAnExportBesideASealComesBack(t *testing.T) {
	main, m := newPost(t, nil, nil), &listed{}
	l := laptop(t, main, func(s *api.Server, _ *keep.Options) {
		m.Store = s.Store
		s.Store = m
	})
	first := l.ended("tokyo-loss-1", nil)
	var second string
	m.after = func() { // the round of the keeper comes in between
		second = l.ended("tokyo-loss-2", nil)
		sum, err := l.store.Runs(t.Context(), journal.Filter{Limit: 1})
		if err == nil {
			err = l.keeper.Seal(t.Context(), sum[0])
		}
		if err != nil {
			t.Error(err)
		}
	}
	out, err := main.MergeBundle(t.Context(), l.exported(), "sato", "drill")
	if err != nil || !slices.Equal(out.Merged, []string{first, second}) {
		t.Errorf("%+v %v", out, err)
	}
}

// listed is a record store of which more comes right after it was listed.
type listed struct {
	journal.Store
	after func()
}

func (s *listed) Runs(ctx context.Context, f journal.Filter) ([]journal.Summary, error) {
	list, err := s.Store.Runs(ctx, f)
	if s.after != nil {
		s.after()
	}
	return list, err
}

// A token that no laptop gives is refused before anything is written.
func TestAForgedTokenIsNotMerged(t *testing.T) {
	main := newPost(t, nil, nil)
	l := laptop(t, main, nil)
	id := l.ended("tokyo-loss-1", func(events []run.Event) {
		for i := range events {
			if events[i].Kind == run.LockTaken {
				events[i].Data = run.Encode(run.Lock{Token: math.MaxInt64})
			}
		}
	})
	if _, err := main.MergeBundle(t.Context(), l.exported(), "sato", "drill"); !refused(err, http.StatusConflict, "fencing token") {
		t.Errorf("%v", err)
	}
	if n, err := main.store.LastToken(t.Context(), "orders"); n != 0 || err != nil {
		t.Errorf("the highest token is %d, %v", n, err)
	}
	if list, err := main.store.Events(t.Context(), id, 0, 0); err != nil || len(list) != 0 {
		t.Errorf("%d events, %v", len(list), err)
	}
}
