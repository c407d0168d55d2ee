package journal

import (
	"cmp"
	"crypto/tls"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/muster-dr/muster/internal/plan"
)

// certificates are the files that an address names, read again for every connection. Where they
// can't be used, as while they are being written, those that were read last go on.
type certificates struct {
	address string
	mu      sync.Mutex
	last    map[string]*tls.Config // by server
	failed  bool
}

// isPostgres reports whether an address is that of a PostgreSQL store.
func isPostgres(address string) bool {
	kind, _, _ := strings.Cut(address, ":")
	return kind == "postgres" || kind == "postgresql"
}

// CertificateFiles are those by which this process and the servers of a PostgreSQL store know each other, as the address or the
// environment names them: the client's certificate and the servers' authority. "" is none.
func CertificateFiles(address string) (client, authority string) {
	u, err := url.Parse(address)
	if err != nil || !isPostgres(address) {
		return "", ""
	}
	query := u.Query()
	client, authority = cmp.Or(query.Get("sslcert"), os.Getenv("PGSSLCERT")), cmp.Or(query.Get("sslrootcert"), os.Getenv("PGSSLROOTCERT"))
	if authority == "system" { // those that the machine trusts
		authority = ""
	}
	return client, authority
}

func endpoint(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

func (f *certificates) renew(c *pgx.ConnConfig, o options) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, _, err := postgresConfig(f.address, options{})
	if err == nil {
		f.last, f.failed = map[string]*tls.Config{}, false
		for _, one := range append([]*pgconn.FallbackConfig{{Host: now.Host, Port: now.Port, TLSConfig: now.TLSConfig}}, now.Fallbacks...) {
			if one.TLSConfig != nil { // a mode may try a server without, too
				f.last[endpoint(one.Host, one.Port)] = one.TLSConfig
			}
		}
	} else if !f.failed {
		f.failed = true
		o.tell(plan.Say("the certificates that were read last go on: %s", "前回読み込んだ証明書を引き続き使用します: %s", saidOf(err)))
	}
	current := func(host string, port uint16, was *tls.Config) *tls.Config {
		if is := f.last[endpoint(host, port)]; was != nil && is != nil {
			return is
		}
		return was
	}
	c.TLSConfig = current(c.Host, c.Port, c.TLSConfig)
	fallbacks := make([]*pgconn.FallbackConfig, len(c.Fallbacks)) // the old ones may be somebody else's too
	for i, one := range c.Fallbacks {
		fresh := *one
		fresh.TLSConfig = current(one.Host, one.Port, one.TLSConfig)
		fallbacks[i] = &fresh
	}
	c.Fallbacks = fallbacks
}
