package app

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	waittest.Eventually(t, readyFor, func() string { // the engine lists a worker once it has asked
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
