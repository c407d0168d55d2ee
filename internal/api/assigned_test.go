package api_test

import (
	"context"
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
// they read the same, or one is gone, and the operator is told once which server it is.
func TestTwoServersOfDifferentPlansSettle(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	clerk, both := []plan.Person{{ID: "ito", Roles: []string{"clerk"}}}, []plan.Person{{ID: "ito", Roles: []string{"commander", "clerk"}}, {ID: "abe"}}
	var log strings.Builder
	server := func(name string, reads *[]plan.Person) *api.Server {
		return &api.Server{Name: name, Store: store, Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(&log, nil)),
			Estate: func(context.Context) (plan.Estate, error) { return plan.Estate{People: *reads}, nil }}
	}
	ofA, ofB := clerk, clerk
	a, b := server("tokyo /a", &ofA), server("osaka /b", &ofB)
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
	if told := log.String(); strings.Count(told, "level=WARN") != 2 || !strings.Contains(told, `host="tokyo /a"`) || !strings.Contains(told, `host="osaka /b"`) {
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
	for range 4 {
		look(a)
	}
	if got := noted(); !strings.Contains(got, `"commander":`) || log.Len() > 0 {
		t.Errorf("%s\n%s", got, log.String())
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
	for i, want := range [][]string{nil, {"osaka /b"}} {
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
