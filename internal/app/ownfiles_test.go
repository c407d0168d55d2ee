package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/ownfiles"
	"github.com/muster-dr/muster/internal/waittest"
)

// entered waits for entries of the access log with that act and outcome which hold all words.
func entered(t *testing.T, up running, n int, act, outcome string, words ...string) {
	t.Helper()
	waittest.Eventually(t, 2*time.Minute, func() string {
		log, err := up.Accesses(t.Context(), 0, 5000)
		if err != nil {
			return err.Error()
		}
		found := 0
	entries:
		for _, a := range log {
			if a.Act != act || a.Outcome != outcome {
				continue
			}
			for _, w := range words {
				if !strings.Contains(a.Object, w) {
					continue entries
				}
			}
			found++
		}
		if found != n {
			return fmt.Sprintf("%d entries %s, %s with %q, want %d", found, act, outcome, words, n)
		}
		return ""
	})
}

// A server enters at each start what it was started with. Settings that were changed under the same
// version are an alarm, under another one a notice; what did not change is neither.
func TestSettingsThatWereReplacedAreFound(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "muster.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("lang: en\n")
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	o.Config.File = file
	start := func(version string) running {
		o.Version = version
		up := begin(t, o)
		t.Cleanup(func() { _ = up.stop() })
		return up
	}
	up := start("1.0.0")
	entered(t, up, 1, lookout.ActProgram, "ok", "server 1.0.0", "program ", "engine ", "settings ")
	_ = up.stop()
	up = start("1.0.0")
	entered(t, up, 2, lookout.ActProgram, "ok", "server 1.0.0")
	_ = up.stop()
	write("identity: {console: true}\n")
	up = start("1.0.0")
	entered(t, up, 1, lookout.ActProgram, lookout.OutAltered, "settings", file)
	entered(t, up, 1, lookout.ActRaised, "raised", string(lookout.Altered), file)
	_ = up.stop()
	write("lang: ja\n")
	up = start("1.1.0")
	entered(t, up, 1, lookout.ActProgram, lookout.OutChanged, "settings", file)
	entered(t, up, 1, lookout.ActRaised, "raised", string(lookout.Changed), file)
	entered(t, up, 1, lookout.ActProgram, lookout.OutAltered)
	entered(t, up, 0, lookout.ActProgram, lookout.OutAltered, "program")
}

// A site worker on another machine signs with what it was started with, so that the server finds that
// its allow-list was replaced.
func TestAPolicyThatWasReplacedAtASiteIsFound(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	o.Config.Gateway.Listen, o.Config.Sites, o.ownEvery = atFreePort(t), []string{"tokyo"}, 100*time.Millisecond
	up := begin(t, o)
	t.Cleanup(func() { _ = up.stop() })
	cert, err := CertifySite(o, "osaka", filepath.Join(t.TempDir(), "certificate"), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	policy := filepath.Join(t.TempDir(), "policy.yaml")
	w, _ := options(t, o.Config.Plans)
	w.Config.Site, w.Config.Policy = "osaka", policy
	w.Config.Temporal = config.Temporal{Address: o.Config.Gateway.Listen, Namespace: "default"}
	w.Config.Temporal.TLS.CAFile, w.Config.Temporal.TLS.CertFile, w.Config.Temporal.TLS.KeyFile = cert.CA, cert.Cert, cert.Key
	work := func(allow string, then func()) {
		t.Helper()
		if err := os.WriteFile(policy, []byte("kind: Policy\nallow:\n  - {actions: ["+allow+"]}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Worker(ctx, w) }()
		then()
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	}
	work(`"probe.*"`, func() { entered(t, up, 1, lookout.ActProgram, "ok", "worker of osaka test", "program ", "policy ") })
	work(`"*"`, func() {
		entered(t, up, 1, lookout.ActProgram, lookout.OutAltered, "worker of osaka", "policy")
		entered(t, up, 1, lookout.ActRaised, "raised", string(lookout.Altered), "worker of osaka")
	})
}

// ownServer looks at own files and does nothing else; its access log can be away.
func ownServer(t *testing.T) (*server, *logAway) {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	away := &logAway{Store: store}
	log := slog.New(slog.DiscardHandler)
	return &server{o: Options{Log: log, Version: "1.0.0"}, store: away, identity: identity.New(away, identity.Options{Log: log})}, away
}

type logAway struct {
	journal.Store
	away bool
}

func (l *logAway) Note(ctx context.Context, a journal.Access) error {
	if l.away {
		return errors.New("the log is away")
	}
	return l.Store.Note(ctx, a)
}

func (l *logAway) outcomes(t *testing.T) (out []string) {
	t.Helper()
	log, err := l.Accesses(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range log {
		out = append(out, a.Outcome)
	}
	return out
}

// A change that could not be entered is not taken for the last start's: it is found again.
func TestAChangeIsEnteredBeforeItIsKnown(t *testing.T) {
	s, log := ownServer(t)
	file := filepath.Join(t.TempDir(), "muster.yaml")
	begun := func(text string) error {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		w, err := ownfiles.Begin("1.0.0", map[string]string{ownfiles.Settings: file}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return s.enterOwn(t.Context(), "server a", "server", "a", w)
	}
	if err := begun("lang: en\n"); err != nil {
		t.Fatal(err)
	}
	log.away = true
	if err := begun("lang: ja\n"); err == nil {
		t.Error("it says that it was entered")
	}
	log.away = false
	if err := begun("lang: ja\n"); err != nil {
		t.Fatal(err)
	}
	if got := log.outcomes(t); !slices.Equal(got, []string{"ok", lookout.OutAltered, "ok"}) {
		t.Errorf("entered %q", got)
	}
	mark := func(policy string) []api.WorkerMark {
		return []api.WorkerMark{{Host: "b", Ledger: "1", Set: ownfiles.Set{Version: "1.0.0", Files: map[string]string{ownfiles.Policy: policy}}}}
	}
	s.watchSite(t.Context(), "osaka", mark("p"), time.Now())
	log.away = true
	s.watchSite(t.Context(), "osaka", mark("q"), time.Now())
	log.away = false
	s.watchSite(t.Context(), "osaka", mark("q"), time.Now())
	if got := log.outcomes(t)[3:]; !slices.Equal(got, []string{"ok", lookout.OutAltered, "ok"}) {
		t.Errorf("entered of a site %q", got)
	}
}

// Machines that are gone make room: the seventeenth worker of a site is looked at too, and nobody who works
// is forgotten for it.
func TestAWorkerThatIsGoneMakesRoom(t *testing.T) {
	s, log := ownServer(t)
	now := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	look := func(policy string, ledgers ...int) {
		t.Helper()
		var all []api.WorkerMark
		for _, n := range ledgers {
			all = append(all, api.WorkerMark{Host: "b", Ledger: fmt.Sprint(n), Set: ownfiles.Set{Version: "1.0.0", Files: map[string]string{ownfiles.Policy: policy}}})
		}
		s.watchSite(t.Context(), "osaka", all, now)
		now = now.Add(2 * time.Hour)
	}
	for n := range 16 {
		look("p", 0, n)
	}
	look("p", 0, 16, 17)
	before := len(log.outcomes(t))
	look("q", 0, 3, 17) // 1 and 2 are forgotten
	if got := log.outcomes(t)[before:]; !slices.Equal(got, []string{lookout.OutAltered, lookout.OutAltered, lookout.OutAltered, "ok", "ok", "ok"}) {
		t.Errorf("entered %q", got)
	}
}
