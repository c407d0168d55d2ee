package mylink

import (
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/muster-dr/muster/internal/deadpeer"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/plan"
)

// Flavour is whose server it is.
type Flavour = mycluster.Flavour

// Conn is one connection, whose calls all end with their context and whose Close never
// waits for the server. Nothing is repeated on another one behind its back, as the pool of
// database/sql would.
type Conn struct {
	*sql.Conn
	Flavour Flavour
	Version string // as the server says it
	pool    *sql.DB
	wire    net.Conn
}

// Connect opens a connection within ctx. statement bounds what the server can bound on its
// side (its waits for locks, and on MariaDB every statement), so that little goes on after
// we gave up on it; 0 leaves it unbounded.
func Connect(ctx context.Context, t Target, database string, statement time.Duration) (*Conn, error) {
	s := t.Spec
	config, err := configOf(s, database)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Name, err)
	}
	c := &Conn{}
	dialer := &net.Dialer{KeepAlive: 5 * time.Second, Control: deadpeer.Control}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.wire != nil {
			return nil, errors.New("one connection only")
		}
		wire, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			c.wire = wire
		}
		return wire, err
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Name, err)
	}
	c.pool = sql.OpenDB(connector)
	if c.Conn, err = c.pool.Conn(ctx); err == nil {
		err = c.greet(ctx, statement)
	}
	if err != nil {
		dialed := c.wire != nil
		c.Close()
		return nil, &Error{Server: t.Name, Address: Address(s), Dialed: dialed, Err: err}
	}
	return c, nil
}

func configOf(s Server, database string) (*mysql.Config, error) {
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", Address(s)
	if strings.HasPrefix(s.Host, "/") {
		config.Net = "unix"
	}
	config.User, config.Passwd, config.DBName = orElse(s.User, "root"), s.Password.Reveal(), database
	config.InterpolateParams = true // one round trip a statement
	config.ParseTime = true
	config.CheckConnLiveness = false // a dead one is told by its answer
	config.Logger = &mysql.NopLogger{}
	config.ConnectionAttributes = "program_name:muster"
	switch orElse(s.TLS, "prefer") {
	case "disable":
	case "prefer":
		config.TLS, config.AllowFallbackToPlaintext = &tls.Config{InsecureSkipVerify: true}, config.Net == "tcp" //nolint:gosec // asked for: encrypted where the server can
		if config.Net == "unix" {
			config.TLS = nil
		}
	case "require":
		config.TLS = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // asked for: encrypted, whoever answers
	case "verify-full":
		config.TLS = &tls.Config{ServerName: s.Host}
	default:
		return nil, fmt.Errorf("tls %q is none of disable, prefer, require and verify-full", s.TLS)
	}
	return config, nil
}

// greet learns whose server it is, and bounds its statements.
func (c *Conn) greet(ctx context.Context, statement time.Duration) error {
	var comment string
	if err := c.QueryRowContext(ctx, "SELECT @@version, @@version_comment").Scan(&c.Version, &comment); err != nil {
		return err
	}
	c.Flavour = mycluster.MySQL
	if strings.Contains(c.Version+comment, "MariaDB") {
		c.Flavour = mycluster.MariaDB
	}
	if statement <= 0 {
		return nil
	}
	seconds := max(int64(statement.Seconds()), 1)
	set := fmt.Sprintf("SET SESSION lock_wait_timeout = %d, innodb_lock_wait_timeout = %[1]d", seconds)
	if c.Flavour == mycluster.MariaDB {
		set += fmt.Sprintf(", max_statement_time = %g", statement.Seconds())
	} else {
		set += fmt.Sprintf(", max_execution_time = %d", max(statement.Milliseconds(), 1))
	}
	_, err := c.ExecContext(ctx, set)
	return err
}

// Close ends the connection. The server is told when it listens; nobody waits for it.
func (c *Conn) Close() {
	if c == nil || c.pool == nil {
		return
	}
	if c.wire != nil {
		_ = c.wire.SetDeadline(time.Now().Add(200 * time.Millisecond))
	}
	if c.Conn != nil {
		_ = c.Conn.Close()
	}
	_ = c.pool.Close()
	if c.wire != nil {
		c.wire.Close()
	}
}

// Error is a connection that could not be made.
type Error struct {
	Server, Address string
	Dialed          bool // the port took the connection; what went wrong came after
	Err             error
}

func (e *Error) Error() string { return e.Said().EN }

// Said is it in both languages.
func (e *Error) Said() plan.Text {
	return plan.Say("connect to %s at %s: %s", "%s（%s）に接続できない：%s", e.Server, e.Address, short(e.Err))
}

func (e *Error) Unwrap() error { return e.Err }

func short(err error) plan.Text {
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return plan.Text{EN: "connection refused", JA: "接続を拒否された"}
	case IsTimeout(err):
		return plan.Text{EN: "no answer in time", JA: "時間内に応答がない"}
	}
	return plan.Text{EN: err.Error()}
}

// Refused reports whether nothing listens at the server's address: its host answered
// and said so.
func Refused(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED)
}

// Hung reports whether the server's port took the connection and then nothing answered in
// time: frozen, or out of threads.
func Hung(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Dialed && IsTimeout(e.Err)
}

// IsTimeout reports whether err is the end of somebody's patience.
func IsTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// Denied reports whether the server is there and answers, and does not accept the account,
// its rights or its encryption. What has to be mended is the estate or a grant; nothing is
// known against the server.
func Denied(err error) bool {
	switch Code(err) {
	case CodeAccessDenied, 1698, // login, by password and by plugin
		1044, 1142, 1227, 1370, // rights
		1129, 1130, // host
		1203, 1226, // the account's own limits
		1251, 1524, 3159, // ways to log in, encryption
		1820, 1862, 3118, 4151: // expired, locked
		return true
	}
	for _, known := range []error{mysql.ErrNoTLS, mysql.ErrCleartextPassword, mysql.ErrNativePassword, mysql.ErrOldPassword, mysql.ErrUnknownPlugin, mysql.ErrOldProtocol} {
		if errors.Is(err, known) {
			return true
		}
	}
	var e *Error
	return errors.As(err, &e) && e.Dialed && !IsTimeout(e.Err) && strings.Contains(e.Err.Error(), "tls: ")
}

// Code is the server's error number, or 0.
func Code(err error) uint16 {
	var my *mysql.MySQLError
	if errors.As(err, &my) {
		return my.Number
	}
	return 0
}

// Codes that mean something to us.
const (
	CodeAccessDenied   = 1045
	CodeTooMany        = 1040 // connections
	CodeShutdown       = 1053
	CodeDuplicateKey   = 1062
	CodeUnknownThread  = 1094
	CodeNoSuchTable    = 1146
	CodeNoSuchDatabase = 1049
	CodeLockWait       = 1205
	CodeReadOnly       = 1290 // option prevents statement
	CodeDuplicate      = 1062 // in a replica's status, as the rest are
	CodeNoRecord       = 1032 // a row to be changed is not there
	CodeOutOfOrder     = 1950 // MariaDB: a global transaction ID that is used up
	CodeNoLog          = 1236 // the primary does not send its binary log
	CodeNoLogMySQL     = 13114
)

// One reads one value.
func One[V any](ctx context.Context, c *Conn, query string, args ...any) (v V, err error) {
	err = c.QueryRowContext(ctx, query, args...).Scan(&v)
	return v, err
}

// Rows reads every row as its columns' texts by name; NULL is "".
func Rows(ctx context.Context, c *Conn, query string, args ...any) ([]map[string]string, error) {
	rows, err := c.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []map[string]string
	for rows.Next() {
		values, into := make([]sql.NullString, len(names)), make([]any, len(names))
		for n := range values {
			into[n] = &values[n]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make(map[string]string, len(names))
		for n, name := range names {
			row[name] = values[n].String
		}
		out = append(out, row)
	}
	return out, rows.Err()
}
