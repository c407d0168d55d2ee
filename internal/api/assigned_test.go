package api_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/temporaltest"
)

// Two servers of one store that read different plan files take nobody's role back and forth: what is noted stands until
// they read the same, or one is gone, and the operator is told once which server it is. Their clocks are hours apart.
func TestTwoServersOfDifferentPlansSettle(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	clerk, both := []plan.Person{{ID: "ito", Roles: []string{"clerk"}}}, []plan.Person{{ID: "ito", Roles: []string{"commander", "clerk"}}, {ID: "abe"}}
	var log strings.Builder
	server := func(name string, ahead time.Duration, reads *[]plan.Person) *api.Server {
		return &api.Server{Name: name, Store: store, Now: func() time.Time { return now.Add(ahead) }, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Estate: func(context.Context) (plan.Estate, error) { return plan.Estate{People: *reads}, nil }}
	}
	ofA, ofB := clerk, clerk
	a, b := server("tokyo /a", 0, &ofA), server("osaka /b", 2*time.Hour, &ofB)
	look := func(servers ...*api.Server) {
		t.Helper()
		for _, s := range servers {
			now = now.Add(time.Second)
			if err := s.NoteAssigned(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		now = now.Add(api.AssignedEvery)
	}
	noted := func() string {
		t.Helper()
		docs, err := store.DocumentsOf(t.Context(), "assigned")
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, d := range docs {
			if d.ID != "." {
				out = append(out, d.ID+" "+string(d.Body))
			}
		}
		return strings.Join(out, "\n")
	}
	look(a, b)
	before := noted()
	ofA = both // and the other server's file stays as it was
	for range 5 {
		look(a, b)
	}
	if got := noted(); got != before || strings.Contains(before, "commander") {
		t.Errorf("it does not settle:\n%s\nwas\n%s", got, before)
	}
	if told := log.String(); strings.Count(told, "level=WARN") != 2 || !strings.Contains(told, `servers="tokyo /a"`) || !strings.Contains(told, `servers="osaka /b"`) {
		t.Errorf("told: %s", told)
	}
	ofB = both
	look(b, a)
	if got := noted(); !strings.Contains(got, "commander") || !strings.Contains(got, "abe ") {
		t.Errorf("they agree, and it is not noted: %s", got)
	}
	look(a, b)
	if told := log.String(); strings.Count(told, "level=INFO") != 2 {
		t.Errorf("told: %s", told)
	}
	// An edit that reaches them one after the other is none to tell of, and a server that is gone holds up nobody.
	log.Reset()
	ofA = clerk
	look(a)
	ofB = clerk
	look(b, a)
	if got := noted(); strings.Contains(got, `"commander":`) || log.Len() > 0 {
		t.Errorf("%s\n%s", got, log.String())
	}
	ofA = both
	before = noted()
	look(a, a)
	if got := noted(); got != before {
		t.Errorf("after two looks the other is not waited for: %s", got)
	}
	look(a)
	if got := noted(); !strings.Contains(got, `"commander":`) || log.Len() > 0 {
		t.Errorf("%s\n%s", got, log.String())
	}
}

// meanwhile lets something happen just before a document of an ID is kept for the first time.
type meanwhile struct {
	journal.Store
	id   string
	then func() error
}

func (m *meanwhile) PutDocument(ctx context.Context, d journal.Document) (journal.Document, error) {
	if then := m.then; d.ID == m.id && then != nil {
		m.then = nil
		if err := then(); err != nil {
			return d, err
		}
	}
	return m.Store.PutDocument(ctx, d)
}

// Servers that look for the first time at once, with different people, note nobody as gone; whose first look is broken
// off looks for the first time again.
func TestTheFirstLookOfSeveralServers(t *testing.T) {
	for name, c := range map[string]struct {
		before string // what of the first server's is about to be kept
		broken bool
		want   string
	}{
		"before its reading is in the store": {".", false, "mori"},
		"after its reading is in the store":  {"ito", false, "ito sato"},
		"it is broken off":                   {"sato", true, "ito sato"},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			server := func(name string, store journal.Store, reads *[]plan.Person) *api.Server {
				return &api.Server{Name: name, Store: store, Log: slog.New(slog.DiscardHandler),
					Estate: func(context.Context) (plan.Estate, error) { return plan.Estate{People: *reads}, nil }}
			}
			ofA, ofB := []plan.Person{{ID: "ito"}, {ID: "sato", Roles: []string{"clerk"}}}, []plan.Person{{ID: "mori"}}
			between := &meanwhile{Store: store, id: c.before}
			a, b := server("tokyo /a", between, &ofA), server("osaka /b", store, &ofB)
			lost := errors.New("the store is away")
			if between.then = func() error { return b.NoteAssigned(t.Context()) }; c.broken {
				between.then = func() error { return lost }
			}
			if err := a.NoteAssigned(t.Context()); errors.Is(err, lost) != c.broken || err != nil && !c.broken {
				t.Fatal(err)
			}
			for range 2 {
				if err := a.NoteAssigned(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			there := func() string {
				docs, err := store.DocumentsOf(t.Context(), "assigned")
				if err != nil {
					t.Fatal(err)
				}
				var out []string
				for _, d := range docs {
					if body := string(d.Body); d.ID == "." {
						continue
					} else if !strings.Contains(body, `"first":true`) || strings.Contains(body, `"left"`) || strings.Contains(body, `"clerk":"2`) {
						d.ID += " " + body
					}
					out = append(out, d.ID)
				}
				return strings.Join(out, " ")
			}
			if got := there(); got != c.want {
				t.Errorf("there from the beginning: %s, want %s", got, c.want)
			}
			if c.broken {
				return
			}
			ofA = append(ofA, ofB...)
			ofB = ofA
			for _, s := range []*api.Server{a, b, a} {
				if err := s.NoteAssigned(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if got := there(); strings.Contains(got, "left") || !strings.Contains(got, "mori") || !strings.Contains(got, "sato") {
				t.Errorf("when they agree: %s", got)
			}
		})
	}
}

// Of three servers the log names both that read other people than this one, and nothing is noted until all agree.
func TestThreeServersOfDifferentPlans(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var log strings.Builder
	reads := map[string]string{"a": "ito", "b": "ito", "c": "ito"}
	var servers []*api.Server
	for _, name := range []string{"a", "b", "c"} {
		servers = append(servers, &api.Server{Name: name, Store: store, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Estate: func(context.Context) (plan.Estate, error) {
				return plan.Estate{People: []plan.Person{{ID: reads[name]}}}, nil
			}})
	}
	look := func() {
		for range 4 {
			for _, s := range servers {
				if err := s.NoteAssigned(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	look()
	reads["a"] = "mori"
	look()
	for _, want := range []string{`servers="b, c"`, `servers=a`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("want %s: %s", want, log.String())
		}
	}
	if reads["b"] = "mori"; strings.Count(log.String(), "level=WARN") != 3 {
		t.Errorf("told: %s", log.String())
	}
	look() // c still reads another
	if _, err := store.Document(t.Context(), "assigned", "mori"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("noted though one reads others: %v", err)
	}
	reads["c"] = "mori"
	look()
	if _, err := store.Document(t.Context(), "assigned", "mori"); err != nil {
		t.Error(err)
	}
}

// The deployment names servers that read other people once an edit has had its time to reach them.
func TestTheDeploymentNamesServersOfOtherPlans(t *testing.T) {
	c, namespace := temporaltest.Start(t).NewClient(t)
	y := newYearWith(t, c)
	y.server.Namespace = namespace
	other := &api.Server{Name: "osaka /b", Store: y.store, Now: y.server.Now, Log: slog.New(slog.DiscardHandler),
		Estate: func(context.Context) (plan.Estate, error) {
			return plan.Estate{People: []plan.Person{{ID: "mori"}}}, nil
		}}
	for i, want := range [][]string{nil, nil, {"osaka /b"}} {
		y.clock.Store(int64(time.Duration(i) * api.AssignedEvery))
		for _, s := range []*api.Server{y.server, other} {
			if err := s.NoteAssigned(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		y.clock.Add(int64(time.Minute))
		if err := y.server.NoteAssigned(t.Context()); err != nil { // it looks after the other has
			t.Fatal(err)
		}
		if d, err := y.Deployment(t.Context()); err != nil || !slices.Equal(d.Apart, want) {
			t.Errorf("look %d: %q, %v, want %q", i+1, d.Apart, err, want)
		}
	}
}
