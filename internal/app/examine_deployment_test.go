package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	certs "github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/waittest"
)

// The doctor judges the parts together: a site without a worker, versions, the engine's memory, clocks,
// certificates near their end, and a line in clear.
func TestTheDoctorJudgesTheDeployment(t *testing.T) {
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": tabletop}))
	o.Config.Sites = []string{"tokyo"}
	o.Config.Gateway.Listen = "127.0.0.1:0"
	up := begin(t, o)
	for site, valid := range map[string]time.Duration{"osaka": 3 * 24 * time.Hour, "tokyo": 20 * 24 * time.Hour} {
		if _, err := CertifySite(o, site, filepath.Join(t.TempDir(), "to"), valid); err != nil {
			t.Fatal(err)
		}
	}
	seen := func(change func(*Options)) map[string]Check {
		as := o
		as.Config.Server = up.at
		change(&as)
		out := map[string]Check{}
		for _, c := range Examine(t.Context(), i18n.EN, as.Config) {
			out[c.ID] = c
		}
		return out
	}
	var found map[string]Check
	waittest.Eventually(t, time.Minute, func() string { // the engine lists a worker once it has asked
		if found = seen(func(*Options) {}); found["site tokyo"].Result != Good {
			return found["site tokyo"].Found
		}
		return ""
	})
	for id, want := range map[string]struct {
		result Result
		says   string
	}{
		"site tokyo":             {Good, "version test"},
		"site osaka":             {Odd, "none asks for work"},
		"retention":              {Good, "90 days"},
		"clocks":                 {Good, "agree"},
		"certificate gateway_ca": {Good, "until"},
		"certificate site osaka": {Bad, "ends on"},
		"certificate site tokyo": {Odd, "ends on"},
	} {
		if c := found[id]; c.Result != want.result || !strings.Contains(c.Found, want.says) || want.result != Good && c.WayOut == "" {
			t.Errorf("%s: %+v, want %s and %q", id, c, want.result, want.says)
		}
	}
	found = seen(func(o *Options) { o.Config.Temporal.Address = "temporal.example.com:7233" })
	if c := found["engine_tls"]; c.Result != Odd || !strings.Contains(c.Found, "in clear") {
		t.Errorf("an engine far away without TLS: %+v", c)
	}
	found = seen(func(o *Options) {
		o.Config.Temporal.Address, o.Config.Temporal.TLS.CAFile = "temporal.example.com:7233", "/nowhere/ca.pem"
	})
	if c := found["engine_tls"]; c.Result != Good {
		t.Errorf("with TLS: %+v", c)
	}
	if c := found["certificate ca.pem"]; c.Result != Bad || c.WayOut == "" {
		t.Errorf("a CA file that is not there: %+v", c)
	}
}

// A site's worker has no server's certificate, no records and no plans: the doctor beside it looks at what it has.
func TestTheDoctorJudgesAWorkerAsAWorker(t *testing.T) {
	ca, err := certs.New("test", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	pair, err := ca.Issue(dir, "engine")
	if err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(dir, "engine-ca.pem"), string(ca.PEM()))
	c := config.Config{Site: "tokyo", Data: filepath.Join(dir, "data"), Plans: filepath.Join(dir, "plans"), Listen: "127.0.0.1:7700", ServerCAFile: filepath.Join(dir, "ca.pem")}
	c.TLS.CertFile, c.TLS.KeyFile = filepath.Join(dir, "server.pem"), filepath.Join(dir, "server-key.pem")
	c.Temporal.Address, c.Temporal.Namespace = "127.0.0.1:1", "muster"
	c.Temporal.TLS.CertFile, c.Temporal.TLS.KeyFile, c.Temporal.TLS.CAFile = pair.Cert, pair.Key, filepath.Join(dir, "engine-ca.pem")
	found := map[string]Check{}
	for _, k := range Examine(t.Context(), i18n.EN, c) {
		found[k.ID] = k
	}
	for _, id := range []string{"server", "plans", "token", "store", "evidence", "channels", "door"} {
		if k, looked := found[id]; looked {
			t.Errorf("a worker has nothing of %s: %+v", id, k)
		}
	}
	for id, want := range map[string]Result{"data": Good, "site": Good, "ledger": Good, "policy": Good, "engine_tls": Good, "keys": Odd, "engine": Bad} {
		if k := found[id]; k.Result != want {
			t.Errorf("%s: %+v, want %s", id, k, want)
		}
	}
	c.Policy = filepath.Join(dir, "gone.yaml")
	c.Temporal = config.Temporal{}
	if err := os.MkdirAll(c.SiteDir("tokyo"), 0o700); err != nil {
		t.Fatal(err)
	}
	save(t, filepath.Join(c.SiteDir("tokyo"), "ledger.db"), "no ledger")
	found = map[string]Check{}
	for _, k := range Examine(t.Context(), i18n.JA, c) {
		found[k.ID] = k
	}
	if k := found["ledger"]; k.Result != Bad || !strings.Contains(k.Found, "破損しているか、台帳ではありません") || k.WayOut == "" {
		t.Errorf("a damaged ledger: %+v", k)
	}
	if found["policy"].Result != Bad || found["engine"].Result != Bad || !strings.Contains(found["engine"].WayOut, "temporal.address") {
		t.Errorf("without an engine and with a policy that is not there: %+v, %+v", found["policy"], found["engine"])
	}
}

// Whoever may only pass through the data directory, as in the demo, looks at nothing in it.
func TestADirectoryToPassThroughIsNoReasonForAdvice(t *testing.T) {
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate}))
	for mode, want := range map[os.FileMode]Result{0o700: Good, 0o711: Good, 0o755: Odd, 0o770: Odd} {
		if err := errors.Join(os.MkdirAll(o.Config.Data, 0o700), os.Chmod(o.Config.Data, mode)); err != nil {
			t.Fatal(err)
		}
		e := &examination{l: i18n.EN, c: o.Config}
		e.data()
		if c := checked(t, e.checks, "data"); c.Result != want {
			t.Errorf("mode %04o: %+v, want %s", mode, c, want)
		}
	}
}

// The doctor names every server on the same record store that reads other people, and says nothing where none does.
func TestTheDoctorNamesServersOfOtherPlans(t *testing.T) {
	e := &examination{l: i18n.EN}
	if e.plansApart(api.Deployment{}); len(e.checks) != 0 {
		t.Errorf("%+v", e.checks)
	}
	e.plansApart(api.Deployment{Apart: []string{"nagoya /c", "osaka /b"}})
	if c := checked(t, e.checks, "plans_apart"); c.Result != Odd || !strings.HasSuffix(c.Found, ": nagoya /c, osaka /b") || !strings.Contains(c.WayOut, "all servers") {
		t.Errorf("%+v", c)
	}
}
