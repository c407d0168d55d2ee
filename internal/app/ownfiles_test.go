package app

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/waittest"
)

// entered waits for entries of the access log with that act and outcome which hold all words.
func entered(t *testing.T, up running, n int, act, outcome string, words ...string) {
	t.Helper()
	waittest.Eventually(t, 30*time.Second, func() string {
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
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Config.Gateway.Listen, o.Config.Sites, o.ownEvery = ln.Addr().String(), []string{"tokyo"}, 100*time.Millisecond
	_ = ln.Close()
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
