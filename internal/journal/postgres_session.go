package journal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/muster-dr/muster/internal/plan"
)

// timeline is what this process has seen of the servers: a primary that was replaced, and came
// back without knowing it, goes on from an older timeline than its successor.
type timeline struct {
	mu     sync.Mutex
	system string
	newest uint64
}

// accept refuses a server that belongs to another cluster, or to an older timeline.
func (t *timeline) accept(server, system string, line uint64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.system != "" && t.system != system:
		return plan.Wrong("%s is a server of another cluster; it has none of these records: correct the address", "%s は別のクラスターのサーバーで、この記録を持っていません。アドレスを直してください", server)
	case line < t.newest:
		return plan.Wrong("%s takes writes, but another server took over from it (timeline %d, now %d); it was not used: end it, and make it a standby of the other with pg_rewind",
			"%s は書き込みを受け付けていますが、すでに別のサーバーに引き継がれています（タイムライン %d、現在 %d）。使用していません。停止し、pg_rewindで新しいプライマリのスタンバイにしてください", server, line, t.newest)
	}
	t.system, t.newest = system, line
	return nil
}

// replaced reports whether a newer timeline was seen than that of a connection.
func (t *timeline) replaced(c *pgconn.PgConn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	line, ok := c.CustomData()[lineKey].(uint64)
	return ok && line < t.newest
}

// lineKey is where a connection keeps its server's timeline.
const lineKey = "muster timeline"

// lookAround asks all servers from time to time whether one took over while the one that is worked
// with goes on and does not know, as when a standby was promoted by mistake. Connections to it are
// then used no more.
func (p *postgres) lookAround(ctx context.Context, o options) {
	if len(p.servers) < 2 {
		return
	}
	tick := time.NewTicker(silence)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		servers := survey(ctx, p.config, o)
		p.seen.mu.Lock()
		before := p.seen.newest
		for _, s := range servers {
			if s.Err == nil && s.system == p.seen.system && s.line > p.seen.newest {
				p.seen.newest = s.line
			}
		}
		now := p.seen.newest
		p.seen.mu.Unlock()
		if now > before {
			o.tell(plan.Say("record store %s: another server took over (timeline %d, %d before); muster goes over to it", "記録の保存先 %s: 別のサーバーに引き継がれました（タイムライン %d、以前は %d）。musterも切り替えます", p.where, now, before))
			p.letGo()
		}
	}
}

// accepting lets only servers through that take writes and are the newest that was seen, and sees to
// it that an acknowledged commit is on disk there, and at the standby that it waits for.
func (p *postgres) accepting(config *pgx.ConnConfig) *pgx.ConnConfig {
	asked := config.ValidateConnect
	config.ValidateConnect = func(ctx context.Context, c *pgconn.PgConn) error {
		if asked != nil {
			if err := asked(ctx, c); err != nil {
				return err
			}
		}
		is, err := look(ctx, c)
		if err != nil {
			return err
		}
		if is.Standby {
			return errors.New("it is a standby")
		}
		if err := p.seen.accept(c.Conn().RemoteAddr().String(), is.system, is.line); err != nil {
			return err
		}
		c.CustomData()[lineKey] = is.line
		return c.Exec(ctx, `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')`).Close()
	}
	return config
}

// Server is one server of a PostgreSQL store.
type Server struct {
	Address string
	Standby bool
	// NotAfter is when the certificate ends that it showed, also where that was not taken; zero: none was shown. The server has it from its
	// start, or from when it was told last to read its files.
	NotAfter time.Time
	// Err is why it does not answer; nothing else is known then.
	Err    error
	system string
	line   uint64
}

// look asks a server who it is. A standby's timeline is at least the one told.
func look(ctx context.Context, c *pgconn.PgConn) (Server, error) {
	results, err := c.Exec(ctx, `SELECT pg_is_in_recovery(), (SELECT system_identifier FROM pg_control_system()),
		CASE WHEN pg_is_in_recovery() THEN (SELECT to_hex(timeline_id) FROM pg_control_checkpoint()) ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END`).ReadAll()
	if err != nil {
		return Server{}, err
	}
	row := results[0].Rows[0]
	is := Server{Standby: string(row[0]) == "t", system: string(row[1])}
	is.line, err = strconv.ParseUint(string(row[2]), 16, 64)
	return is, err
}

// shortly is an error of connecting without what the driver repeats of address, user and database.
func shortly(err error) error {
	for {
		more := errors.Unwrap(err)
		if more == nil {
			return err
		}
		if _, said := err.(interface{ Said() plan.Text }); said {
			return err
		}
		if _, said := err.(*pgconn.PgError); said {
			return err
		}
		err = more
	}
}

// survey asks every server that the address names, so that the newest primary is known before the
// first that answers is believed.
func survey(ctx context.Context, config *pgx.ConnConfig, o options) []Server {
	configs := map[string]*pgx.ConnConfig{}
	var order []string
	for _, f := range append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...) {
		at := net.JoinHostPort(f.Host, strconv.Itoa(int(f.Port)))
		if one, ok := configs[at]; ok { // the same once more, without TLS or with
			one.Fallbacks = append(one.Fallbacks, f)
			continue
		}
		one := config.Copy()
		one.Host, one.Port, one.TLSConfig, one.Fallbacks, one.ValidateConnect = f.Host, f.Port, f.TLSConfig, nil, nil
		configs[at], order = one, append(order, at)
	}
	out := make([]Server, len(order))
	var asking sync.WaitGroup
	for i, at := range order {
		asking.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			defer cancel()
			err := withSecrets(ctx, configs[at], o)
			var c *pgconn.PgConn
			if err == nil {
				c, err = pgconn.ConnectConfig(ctx, &configs[at].Config)
			}
			ends := notAfter(c, err)
			if err == nil {
				out[i], err = look(ctx, c)
				_ = c.Close(ctx)
			}
			out[i].Address, out[i].Err, out[i].NotAfter = at, err, ends
		})
	}
	asking.Wait()
	return out
}

// notAfter is when the certificate ends that a server has shown on a connection, or for which there is none.
func notAfter(c *pgconn.PgConn, err error) time.Time {
	var shown []*x509.Certificate
	if refused := new(tls.CertificateVerificationError); errors.As(err, &refused) {
		shown = refused.UnverifiedCertificates
	} else if err == nil {
		if secured, ok := c.Conn().(*tls.Conn); ok {
			shown = secured.ConnectionState().PeerCertificates
		}
	}
	if len(shown) == 0 {
		return time.Time{}
	}
	return shown[0].NotAfter
}

// AskServers asks every server that the address of a PostgreSQL store names how it is; other stores have none.
func AskServers(ctx context.Context, address string, more ...Option) ([]Server, error) {
	if !isPostgres(address) {
		return nil, nil
	}
	var o options
	for _, set := range more {
		set(&o)
	}
	config, _, err := postgresConfig(address, o)
	if err != nil {
		return nil, err
	}
	o.certificates = &certificates{address: address}
	return survey(ctx, config, o), nil
}

// choose takes the newest primary for the one to work with, and tells of others. Of two of which
// neither took over from the other none is.
func (p *postgres) choose(servers []Server, o options) error {
	var newest Server
	var unproven error
	for _, s := range servers {
		switch {
		case s.Err == nil && s.line > newest.line:
			newest = s
		case errors.As(s.Err, new(*tls.CertificateVerificationError)):
			unproven = s.Err
		}
	}
	if newest.line == 0 && unproven != nil { // waiting does not mend it
		return unproven
	}
	for _, s := range servers {
		switch {
		case s.Err != nil || s.Standby || s.Address == newest.Address:
		case s.system != newest.system || s.line == newest.line && !newest.Standby:
			return plan.Wrong("%s and %s both take writes, and neither took over from the other; which of them has the records? Name that one alone",
				"%s と %s の両方が書き込みを受け付けており、どちらが引き継いだものか判断できません。記録を持つサーバーだけをアドレスに書いてください", s.Address, newest.Address)
		case s.line < newest.line:
			o.tell(plan.Say("record store: %s takes writes, but %s took over from it; it is not used: end it, and make it a standby again with pg_rewind",
				"記録の保存先: %s は書き込みを受け付けていますが、すでに %s が引き継いでいます。使用しません。停止し、pg_rewindでスタンバイに戻してください", s.Address, newest.Address))
		}
	}
	p.seen.mu.Lock()
	defer p.seen.mu.Unlock()
	p.seen.system, p.seen.newest = newest.system, newest.line
	return nil
}

// broken reports whether a connection ended under a statement.
func broken(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "conn closed") || strings.Contains(err.Error(), "driver: bad connection")
}
