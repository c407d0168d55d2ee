package gateway

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc/credentials"
)

// lookAgain is how often whoever is in is looked at again.
const lookAgain = 2 * time.Second

// inside are the connections that were let in. A worker keeps its own for weeks, and what the handshake found need not stay so:
// the certificate is replaced, its site shut out, or its time over. Such a connection is cut, and not its calls refused:
// polls that wait end at once, and a worker that has the newer certificate is back with it and gives the answers it owes.
type inside struct {
	mu sync.Mutex
	of map[*guest]bool
}

// guest is a connection that was let in.
type guest struct {
	net.Conn
	raw  net.Conn // below TLS
	leaf *x509.Certificate
	left func()
}

func (g *guest) Close() error {
	g.left()
	return g.Conn.Close()
}

// enter notes a connection until it is closed.
func (i *inside) enter(conn, raw net.Conn, info credentials.AuthInfo) net.Conn {
	t, ok := info.(credentials.TLSInfo)
	if !ok || len(t.State.PeerCertificates) == 0 {
		return conn // siteOf refuses its calls
	}
	g := &guest{Conn: conn, raw: raw, leaf: t.State.PeerCertificates[0]}
	g.left = func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		delete(i.of, g)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.of == nil {
		i.of = map[*guest]bool{}
	}
	i.of[g] = true
	return g
}

func (i *inside) all() []*guest {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out []*guest
	for g := range i.of {
		out = append(out, g)
	}
	return out
}

// watch cuts off who would not be let in any more, until ctx ends.
func (i *inside) watch(ctx context.Context, o Options) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, g := range i.all() {
			why, err := o.overFor(g.leaf, time.Now())
			if why == "" {
				continue
			}
			g.left() // once is enough
			site, _ := Site(g.leaf)
			o.turned(g.raw.RemoteAddr(), site, why)
			o.Log.Warn("a site worker that was in was turned away", "err", err)
			_ = g.raw.Close()
		}
	}
}

// overFor is why a certificate that was let in opens nothing any more; "" for as long as it does. A disk that can't be read
// shuts nobody out who is in.
func (o Options) overFor(c *x509.Certificate, now time.Time) (Why, error) {
	if now.After(c.NotAfter) {
		site, _ := Site(c)
		return EndedCertificate, fmt.Errorf("the certificate of site %s is over since %s", site, c.NotAfter.Format(time.RFC3339))
	}
	if o.Holds == nil {
		return "", nil
	}
	err := o.Holds(c)
	var unread *fs.PathError
	if err == nil || errors.As(err, &unread) && !errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return ReplacedCertificate, err
}
