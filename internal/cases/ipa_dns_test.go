package cases_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/muster-dr/muster/internal/dnstest"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/workflows"
)

// The group ipa-dns has two name servers, a branch's caching resolver, and the web servers
// of both sites: 127.0.0.2 is Kinki's address, 127.0.0.3 Kanto's.
func init() {
	servers["ipa-dns"] = func(t *testing.T, g *group) {
		services := []string{"erp", "consolidation", "slips", "shipping"}
		primary, secondary := dnstest.Start(t, 3)
		resolver := dnstest.StartResolver(t, primary)
		for _, name := range services {
			m := new(dns.Msg).SetUpdate(dnstest.Zone + ".")
			rr, err := dns.NewRR(fmt.Sprintf("%s.%s. 3 IN A 127.0.0.2", name, dnstest.Zone))
			if err != nil {
				t.Fatal(err)
			}
			m.Insert([]dns.RR{rr})
			m.SetTsig(dnstest.Key+".", dns.HmacSHA256, 300, time.Now().Unix())
			c := &dns.Client{TsigSecret: map[string]string{dnstest.Key + ".": dnstest.Secret}}
			if in, _, err := c.Exchange(m, primary.Address); err != nil || in.Rcode != dns.RcodeSuccess {
				t.Fatalf("put %s into the zone: %v %v", name, in, err)
			}
		}
		port := freePort(t)
		socket := webServers(t, port, services)
		secret := filepath.Join(t.TempDir(), "tsig")
		if err := os.WriteFile(secret, []byte(dnstest.Secret), 0o600); err != nil {
			t.Fatal(err)
		}
		g.set(t, "name", "zone", map[string]any{"primary": primary.Address, "servers": []any{secondary.Address}, "secret": "secret://file" + secret})
		g.set(t, "name", "web", map[string]any{"socket": socket})
		copies := t.TempDir()
		for name, age := range map[string]time.Duration{"tonight": 10 * time.Hour, "night-before": 34 * time.Hour} {
			file := filepath.Join(copies, name+".dump")
			if err := os.WriteFile(file, []byte(name), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(file, time.Time{}, time.Now().Add(-age)); err != nil {
				t.Fatal(err)
			}
		}
		g.replace(t, strings.NewReplacer("/var/backups/erp", copies, ":8080/", fmt.Sprintf(":%d/", port), "127.0.0.1:54", secondary.Address, "127.0.0.1:55", resolver.Address))
	}
}

func init() {
	acts["case-4-3-flood-over-the-desk"] = func(ctx context.Context, c *cast) {
		if !c.step(ctx, "slip-hill") {
			return
		}
		for _, note := range []string{"there is no operation manual, only the products' own", "nobody has trained this since the introduction", "the backup place is in the same city"} {
			_, err := c.me.Remark(ctx, c.run, workflows.Remark{By: "murata", Text: note})
			c.must("a remark", false, err)
		}
	}
}

// webServers is one HAProxy: for each site a door that knows the services by their names,
// behind it a server for each, which the drills take out and put in.
func webServers(t *testing.T, port int, services []string) (socket string) {
	t.Helper()
	var b strings.Builder
	for site, address := range map[string]string{"kinki": "127.0.0.2", "kanto": "127.0.0.3"} {
		fmt.Fprintf(&b, "frontend %s\n  bind %s:%d\n", site, address, port)
		for _, s := range services {
			fmt.Fprintf(&b, "  use_backend %[1]s-%[2]s if { hdr_beg(host) %[1]s. }\n", s, site)
		}
		for _, s := range services {
			app, state := freePort(t), ""
			if site == "kanto" {
				state = " disabled"
			}
			fmt.Fprintf(&b, "frontend app-%[1]s-%[2]s\n  bind 127.0.0.1:%[3]d\n  http-request return status 200 content-type text/plain string \"%[1]s at %[2]s\"\nbackend %[1]s-%[2]s\n  server app 127.0.0.1:%[3]d%[4]s\n", s, site, app, state)
		}
	}
	return balancer(t, b.String())
}

func freePort(t *testing.T) int {
	t.Helper()
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// replaceIn is replace in one runbook.
func (g *group) replaceIn(t *testing.T, runbook string, r *strings.Replacer) {
	t.Helper()
	file := filepath.Join(g.dir, "runbooks", runbook+".yaml")
	b, err := os.ReadFile(file)
	if err == nil {
		err = os.WriteFile(file, []byte(r.Replace(string(b))), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// replace changes texts in every plan file of the group.
func (g *group) replace(t *testing.T, r *strings.Replacer) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(g.dir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(g.dir, "runbooks", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, more...) {
		b, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(f, []byte(r.Replace(string(b))), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
