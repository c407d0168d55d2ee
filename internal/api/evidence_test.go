package api_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// A held run's private answers are not erased when they have served; released, they are, the
// log says so, and what was sealed verifies all along. Who may not audit is refused.
func TestEvidenceByTheAPI(t *testing.T) {
	w, c, id := gathered(t, nil)
	dir := filepath.Join(t.TempDir(), "seal")
	now := time.Now()
	// A server has run up to now: its clock is gone by.
	if _, err := w.store.PutDocument(t.Context(), journal.Document{Kind: "evidence", ID: "clock", Body: run.Encode(map[string]time.Time{"seen": now})}); err != nil {
		t.Fatal(err)
	}
	k := keep.New(keep.Options{Dir: dir, Store: w.store, Version: "test", Now: func() time.Time { return now },
		Personal: func(ctx context.Context, runID string, events []run.Event) ([]keep.Item, error) {
			return api.Personal(ctx, w.store, runID, events)
		}})
	defer k.Close()
	s := &api.Server{Store: w.store, Engine: c, Plans: gathering{}, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler), Evidence: k,
		Estate: func(context.Context) (plan.Estate, error) {
			return plan.Estate{People: []plan.Person{{ID: "sato", Roles: []string{"auditor"}}, {ID: "tanaka", Roles: []string{"operator"}}},
				Grants: []plan.Grant{{Role: "auditor", May: []plan.Permission{plan.MayAudit}}}}, nil
		}}
	h := s.Handler()
	srv := httptest.NewServer(h)
	defer srv.Close()
	console, door := api.Connect(srv.URL, token, "en"), api.InProcess(h, "en")
	defer console.Close()
	as := func(person string) context.Context {
		return identity.With(t.Context(), identity.Actor{Person: person, Via: "session 9c01"})
	}

	w.answers(workflows.CheckIn{Person: "tanaka", Safety: run.Safe, CanCome: true, Note: secretly})
	if _, err := console.Bundle(t.Context(), id, keep.BundleOptions{}); !refused(err, http.StatusConflict, "not sealed yet") {
		t.Errorf("of an open run: %v", err)
	}
	w.abort(id)
	now = now.Add(time.Hour)
	if err := k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	public, _, err := keep.PublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	verified := func(personal bool) (evidence.Result, map[string][]byte) {
		t.Helper()
		b, err := console.Bundle(t.Context(), id, keep.BundleOptions{Personal: personal})
		if err != nil {
			t.Fatal(err)
		}
		r := evidence.Verify(b, evidence.Options{Keys: []string{public}, Version: "test"})
		if !r.Sound {
			t.Fatalf("%+v", r.Findings)
		}
		files, _, err := evidence.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		return r, files
	}
	holds := func(files map[string][]byte) (n int) {
		for _, b := range files {
			if strings.Contains(string(b), secretly) {
				n++
			}
		}
		return n
	}
	if _, files := verified(false); holds(files) != 0 {
		t.Error("a bundle holds what is private, and nobody asked for it")
	}
	if _, files := verified(true); holds(files) != 1 {
		t.Error("asked for, and not there")
	}

	// What people do about findings is no run, and is exported up to this moment all the same.
	if _, err := console.Bundle(t.Context(), run.FindingsRecord, keep.BundleOptions{}); !refused(err, http.StatusConflict, "not sealed yet") {
		t.Errorf("nothing was done about findings: %v", err)
	}
	for n := range 2 {
		e := run.Event{Run: run.FindingsRecord, Writer: fmt.Sprintf("act-%d", n), Seq: 1, At: now, Kind: run.FindingAdded, By: "sato", Data: run.Encode(run.FindingAct{ID: "f1", Title: "the list was old"})}
		if err := w.store.Append(t.Context(), []run.Event{e}); err != nil {
			t.Fatal(err)
		}
		b, err := console.Bundle(t.Context(), run.FindingsRecord, keep.BundleOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if r := evidence.Verify(b, evidence.Options{Keys: []string{public}, Version: "test"}); !r.Sound || r.Events != n+1 {
			t.Errorf("findings: %+v", r)
		}
	}

	act := api.EvidenceAct{Reason: "an enquiry of the authority"}
	if err := door.Hold(as("tanaka"), id, act); !refused(err, http.StatusForbidden, "audit") {
		t.Errorf("tanaka holds: %v", err)
	}
	if _, err := door.Bundle(as("tanaka"), id, keep.BundleOptions{}); !refused(err, http.StatusForbidden, "audit") {
		t.Errorf("tanaka exports: %v", err)
	}
	if _, err := door.EvidenceLog(as("tanaka"), 0); !refused(err, http.StatusForbidden, "audit") {
		t.Errorf("tanaka takes the log: %v", err)
	}
	if _, err := door.EvidenceLog(as("sato"), 1000); !refused(err, http.StatusConflict, "shorter") {
		t.Errorf("entries that there are not: %v", err)
	}
	before, err := door.Bundle(as("sato"), id, keep.BundleOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Bundle(as("sato"), id, keep.BundleOptions{Personal: true}); !refused(err, http.StatusForbidden, "people") {
		t.Errorf("sato exports what is private: %v", err)
	}
	if err := door.Hold(as("sato"), "nothing-1", act); !refused(err, http.StatusNotFound, "") {
		t.Errorf("an unknown run: %v", err)
	}
	if err := door.Hold(as("sato"), id, act); err != nil {
		t.Fatal(err)
	}
	s.Now = func() time.Time { return now.Add(60 * 24 * time.Hour) }
	if n, err := s.EraseAnswers(t.Context(), 30*24*time.Hour); n != 0 || err != nil {
		t.Errorf("%d answers of a held run erased, %v", n, err)
	}
	if err := door.ReleaseHold(as("sato"), id, api.EvidenceAct{Reason: "the enquiry is closed"}); err != nil {
		t.Fatal(err)
	}
	if n, err := s.EraseAnswers(t.Context(), 30*24*time.Hour); n != 1 || err != nil {
		t.Errorf("%d answers erased, %v, want 1", n, err)
	}
	if r, files := verified(true); holds(files) != 0 || r.Entries != 4 {
		t.Errorf("after erasing: %d entries are proven, %d files hold it", r.Entries, holds(files))
	}
	if _, err := door.EraseRun(as("sato"), id, act); !refused(err, http.StatusForbidden, "admin") {
		t.Errorf("sato erases: %v", err)
	}
	list, err := door.EvidenceList(as("sato"), id)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range list.Entries {
		kinds = append(kinds, string(e.Kind)+" "+e.By)
	}
	if got, want := strings.Join(kinds, ", "), "run.sealed , run.held sato, run.freed sato, run.erased "; got != want {
		t.Errorf("the log: %s", got)
	}
	log, err := door.EvidenceLog(as("sato"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if r := evidence.Verify(before, evidence.Options{Keys: []string{public}, Version: "test", Later: log}); !r.Sound || r.Continued == nil || r.Continued.Size <= r.LogSize {
		t.Errorf("the log does not continue what was exported before: %+v", r.Findings)
	}
	if h, err := console.Health(t.Context()); err != nil || h.Evidence != "ok" || h.Timestamps != "" {
		t.Errorf("health: %+v, %v", h, err)
	}
}

// refused reports whether an error is the API's, of a status and saying a word.
func refused(err error, status int, word string) bool {
	p := new(api.Problem)
	return errors.As(err, &p) && p.Status == status && strings.Contains(p.Detail+p.WayOut, word)
}

// Somebody asks for their data to be erased: it is gone at once, with who and why in the log, but
// not while the run goes on and not while it is held.
func TestPersonalDataIsErasedOnRequest(t *testing.T) {
	w, c, id := gathered(t, nil)
	dir := filepath.Join(t.TempDir(), "seal")
	k := keep.New(keep.Options{Dir: dir, Store: w.store, Version: "test", Personal: func(ctx context.Context, runID string, events []run.Event) ([]keep.Item, error) {
		return api.Personal(ctx, w.store, runID, events)
	}})
	defer k.Close()
	h := (&api.Server{Store: w.store, Engine: c, Plans: gathering{}, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler), Evidence: k}).Handler()
	srv := httptest.NewServer(h)
	defer srv.Close()
	console := api.Connect(srv.URL, token, "en")
	defer console.Close()
	act := api.EvidenceAct{By: "sato", Reason: "suzuki asked for it"}

	w.answers(workflows.CheckIn{Person: "suzuki", Safety: run.Safe, CanCome: true, Note: secretly})
	if _, err := console.AddPhoto(t.Context(), id, "suzuki", picture(t, 40, 9)); err != nil {
		t.Fatal(err)
	}
	if _, err := console.EraseRun(t.Context(), id, act); !refused(err, http.StatusConflict, "goes on") {
		t.Errorf("of an open run: %v", err)
	}
	w.abort(id)
	if _, err := console.Bundle(t.Context(), id, keep.BundleOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := console.Hold(t.Context(), id, act); err != nil {
		t.Fatal(err)
	}
	if _, err := console.EraseRun(t.Context(), id, act); !refused(err, http.StatusConflict, "is held by sato") {
		t.Errorf("of a held run: %v", err)
	}
	if err := console.ReleaseHold(t.Context(), id, act); err != nil {
		t.Fatal(err)
	}
	out, err := console.EraseRun(t.Context(), id, act)
	if err != nil || out.Erased != 2 {
		t.Fatalf("%+v, %v, want 2 erased", out, err)
	}
	if list, err := console.Photos(t.Context(), id); err != nil || len(list) != 0 {
		t.Errorf("photos: %v, %v", list, err)
	}
	b, err := console.Bundle(t.Context(), id, keep.BundleOptions{Personal: true})
	if err != nil {
		t.Fatal(err)
	}
	public, _, err := keep.PublicKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if r := evidence.Verify(b, evidence.Options{Keys: []string{public}, Version: "test"}); !r.Sound || r.Entries != 4 {
		t.Errorf("%+v", r)
	}
	files, _, err := evidence.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		if strings.HasPrefix(name, evidence.DirPrivate) || strings.Contains(string(content), secretly) {
			t.Errorf("%s is still there", name)
		}
	}
}
