package app

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	certs "github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/pgtest"
)

// The certificates between the server and its record store are watched on both sides: the files that it shows there, and what PostgreSQL itself shows,
// which is not what lies on its disk.
func TestTheRecordStoresCertificatesAreWatched(t *testing.T) {
	t.Parallel()
	o, _ := options(t, plansDir(t, map[string]string{"estate.yaml": estate}))
	p := onPostgres(t, &o)
	dir := pgtest.Dir(t)
	issue := func(lasts time.Duration) *certs.Authority {
		t.Helper()
		ca, err := certs.New("test", lasts)
		if err != nil {
			t.Fatal(err)
		}
		pair, err := ca.Issue(dir, "postgres", "127.0.0.1")
		if err == nil {
			err = errors.Join(p.Tokyo.Own(pair.Cert), p.Tokyo.Own(pair.Key))
		}
		if err != nil {
			t.Fatal(err)
		}
		return ca
	}
	ca := issue(3 * 24 * time.Hour)
	for setting, value := range map[string]string{"ssl_cert_file": filepath.Join(dir, "postgres.pem"), "ssl_key_file": filepath.Join(dir, "postgres-key.pem"), "ssl": "on"} {
		p.Tokyo.Exec(t, "ALTER SYSTEM SET "+setting+" = '"+value+"'")
	}
	p.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	mine := t.TempDir()
	pair, err := ca.IssueAs(mine, "database", "muster")
	if err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(mine, "ca.pem")
	save(t, authority, string(ca.PEM()))
	at, err := url.Parse(o.Config.Store)
	if err != nil {
		t.Fatal(err)
	}
	at.Host, _, _ = strings.Cut(at.Host, ",") // the primary, which has a certificate
	at.RawQuery = url.Values{"sslmode": {"verify-full"}, "sslrootcert": {authority}, "sslcert": {pair.Cert}, "sslkey": {pair.Key}}.Encode()
	o.Config.Store = at.String()
	id := "certificate store_server " + at.Host
	pgtest.Eventually(t, time.Minute, func() string { // until the setting counts
		for _, c := range Examine(t.Context(), o.Lang, o.Config) {
			if c.ID == id {
				return ""
			}
		}
		return "PostgreSQL shows no certificate"
	})
	for _, want := range []string{"certificate store_client", "certificate store_ca", id} {
		if c := lookedAt(t, o, want); c.Result != Bad || !strings.Contains(c.Found, "ends on") || c.WayOut == "" {
			t.Errorf("%s: %+v", want, c)
		}
	}
	res, err := http.Get(begin(t, o).at + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	figures, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"store_client", "store_ca", "store_server"} {
		if !strings.Contains(string(figures), `muster_certificate_not_after_timestamp_seconds{certificate="`+kind+`",site=""}`) {
			t.Errorf("no figure of %s", kind)
		}
	}
	// Renewed on disk and not read by PostgreSQL, it ends as before.
	newer := issue(60 * 24 * time.Hour)
	save(t, authority, string(ca.PEM())+string(newer.PEM()))
	if c := lookedAt(t, o, id); c.Result != Bad || !strings.Contains(c.WayOut, "pg_reload_conf()") {
		t.Errorf("renewed on disk alone: %+v", c)
	}
	p.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	pgtest.Eventually(t, time.Minute, func() string {
		if c := lookedAt(t, o, id); c.Result != Good {
			return c.Found
		}
		return ""
	})
	gone := o
	gone.Config.Store = strings.Replace(o.Config.Store, "database.pem", "gone.pem", 1)
	if c := lookedAt(t, gone, "certificate gone.pem"); c.Result != Bad || !strings.Contains(c.WayOut, "store") {
		t.Errorf("a file that is not there: %+v", c)
	}
}
