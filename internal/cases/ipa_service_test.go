package cases_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// The group ipa-food has a database pair and two servers at the factory.
func init() {
	servers["ipa-food"] = func(t *testing.T, g *group) {
		pair, vms := pgtest.StartPair(t), newMachines(t)
		synchronous(t, pair)
		g.postgres(t, pair, "food-db-factory", "food-db-hill")
		core, desktops := loopback(t), loopback(t)
		g.set(t, "name", "core-server", vms.make(t, "core-server", core, "core"))
		g.set(t, "name", "desktop-server", vms.make(t, "desktop-server", desktops, "desktop"))
		vms.run(t, "core-server")
		vms.run(t, "desktop-server")
		listening(t, core, desktops)
		g.replace(t, strings.NewReplacer("127.0.0.1:8095", core, "127.0.0.1:8096", desktops))
	}
}

// The group ipa-service has a mail server, finance with its database pair and the development
// that holds its place, and the web servers of a data centre with last night's copy elsewhere.
func init() {
	servers["ipa-service"] = func(t *testing.T, g *group) {
		pair, vms := pgtest.StartPair(t), newMachines(t)
		g.postgres(t, pair, "finance-db", "dev-db")

		smtp, imap := loopback(t), loopback(t)
		vms.mail(t, g, "staff-mail", mailtest.Options{SMTP: smtp, IMAP: imap, User: "probe@staff.test"}, true)

		tokyo, kumamoto := loopback(t), loopback(t)
		g.set(t, "name", "finance-app", vms.make(t, "finance-app", tokyo, "finance"))
		g.set(t, "name", "finance-on-dev", vms.make(t, "finance-on-dev", kumamoto, "finance"))
		g.set(t, "name", "dev-environment", vms.make(t, "dev-environment", kumamoto, "development"))
		finance := vms.entrance(t, g, "finance-entrance", "finance", "finance", tokyo, kumamoto, "kumamoto")

		centre, office := loopback(t), loopback(t)
		g.set(t, "name", "web-servers", vms.configured(t, "web-servers", plainHTTP+fmt.Sprintf("frontend in\n  bind %s\n  http-request return status 200 content-type text/plain string \"as of last night, and today\"\n", centre)))
		minimum := filepath.Join(vms.dir, "minimum")
		page := "  http-request return status 200 content-type text/html file " + minimum + "/%[1]s.html if { path /%[1]s }\n"
		g.set(t, "name", "office-web", vms.configured(t, "office-web", plainHTTP+fmt.Sprintf("frontend in\n  bind %s\n", office)+
			fmt.Sprintf(page, "web")+fmt.Sprintf(page, "sns")+"  http-request return status 200 content-type text/plain string \"the office\" if { path / }\n  http-request return status 503\n"))
		archive(t, filepath.Join(vms.dir, "last-night.tar.gz"), map[string]string{"web.html": "<p>web, as of last night</p>", "sns.html": "<p>sns, as of last night</p>"})
		web := vms.entrance(t, g, "web-entrance", "web", "office", centre, office, "office")

		for _, name := range []string{"finance-app", "dev-environment", "finance-entrance", "web-servers", "web-entrance"} {
			vms.run(t, name)
		}
		listening(t, tokyo, kumamoto, centre, finance, web)
		g.replace(t, strings.NewReplacer("127.0.0.1:2526", smtp, "127.0.0.1:1145", imap, "secret://env/MUSTER_CASES_MAILBOX", "secret://file"+vms.secret(t, mailtest.Password),
			"127.0.0.1:8097", finance, "127.0.0.1:8098", web, "/var/backups/web", vms.dir, "/srv/web/minimum", minimum))
	}

	acts["case-1-2-safety-check-without-mail"] = func(ctx context.Context, c *cast) {
		if !c.kind(ctx, run.PersonCalled) {
			return
		}
		for _, id := range []string{"doi", "eguchi"} {
			_, err := c.me.CheckIn(ctx, c.run, workflows.CheckIn{Person: id, By: id, Safety: run.Safe, Note: "by the web page"})
			c.must("the answer of "+id, false, err)
		}
	}
	acts["case-2-1-datacentre-lost-minimum-service"] = func(ctx context.Context, c *cast) {
		if !c.step(ctx, "content") {
			return
		}
		_, err := c.me.Confirm(ctx, c.run, workflows.Confirm{Phase: run.Closing, By: "fukui", Note: "the copy has no error detection: nobody could tell whether it was whole"})
		c.must("the remark", false, err)
	}
}

const plainHTTP = "defaults\n  mode http\n  timeout connect 500ms\n  timeout client 5s\n  timeout server 5s\n"

// synchronous has the primary of a pair acknowledge what both have.
func synchronous(t *testing.T, pair *pgtest.Pair) {
	t.Helper()
	f, err := os.OpenFile(pair.Tokyo.Config, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("synchronous_standby_names = '*'\nsynchronous_commit = remote_apply\n"); err != nil {
		t.Fatal(err)
	}
	pair.Tokyo.Exec(t, "SELECT pg_reload_conf()")
}

// entrance is what users come in by: the first server while it says what it must, else the
// other. It is configured, and its target set.
func (m *machines) entrance(t *testing.T, g *group, name, backend, says, first, other, otherName string) (address string) {
	t.Helper()
	address = loopback(t)
	socket := filepath.Join(m.dir, name+".sock")
	firstName := "tokyo"
	if backend == "web" {
		firstName = "centre"
	}
	m.configured(t, name, fmt.Sprintf("  stats socket %s mode 600 level admin\n%sfrontend in\n  bind %s\n  default_backend %s\nbackend %[4]s\n  option httpchk GET /\n  http-check expect rstring (%s|today)\n  default-server check inter 100ms fall 1 rise 1\n  server %s %s\n  server %s %s backup\n",
		socket, plainHTTP, address, backend, says, firstName, first, otherName, other))
	g.set(t, "name", name, map[string]any{"socket": socket})
	return address
}

// secret writes a secret's file.
func (m *machines) secret(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(m.dir, "secret-"+fmt.Sprint(addresses.Add(1)))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// mail makes a mail server's target, and its process if it is to run.
func (m *machines) mail(t *testing.T, g *group, name string, o mailtest.Options, running bool) {
	t.Helper()
	o.Folder = filepath.Join(m.dir, name)
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(m.dir, name+".json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	g.set(t, "name", name, map[string]any{"argv": []any{program}, "env": map[string]any{mailServer: file}, "state": filepath.Join(m.dir, "state")})
	if !running {
		return
	}
	if err := os.Mkdir(o.Folder, 0o755); err != nil {
		t.Fatal(err)
	}
	m.env = []string{mailServer + "=" + file}
	m.launch(t, name, program)
	m.env = nil
	listening(t, o.SMTP, o.IMAP)
}

// archive packs files.
func archive(t *testing.T, file string, files map[string]string) {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, text := range files {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
