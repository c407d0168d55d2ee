package pglink

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/muster-dr/muster/internal/deadpeer"
	"github.com/muster-dr/muster/internal/plan"
)

// Conn is a connection whose calls all end with their context and whose Close never
// waits for the server.
type Conn struct {
	*pgx.Conn
	wire net.Conn
}

// errSingle refuses pgx's second dial: its request to cancel a statement on a server
// that did not answer, which would be one more connection to hang on it.
var errSingle = errors.New("one connection only")

// Connect opens a connection within ctx. statement bounds every statement on the
// server's side, so that nothing goes on after we gave up on it; 0 leaves it unbounded.
func Connect(ctx context.Context, t Target, database string, statement time.Duration) (*Conn, error) {
	s := t.Spec
	config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d %s", quote(s.Host), portOf(s), Encryption(s)))
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", t.Name, err)
	}
	config.User, config.Database = orElse(s.User, "postgres"), orElse(database, orElse(s.Database, "postgres"))
	config.Password = s.Password.Reveal()
	config.ConnectTimeout = 0 // ctx bounds it
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.RuntimeParams = map[string]string{"application_name": "muster"}
	if statement > 0 {
		config.RuntimeParams["statement_timeout"] = fmt.Sprint(max(statement.Milliseconds(), 1))
	}
	c := &Conn{}
	var established atomic.Bool
	dialer := &net.Dialer{KeepAlive: 5 * time.Second, Control: deadpeer.Control}
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if established.Load() {
			return nil, errSingle
		}
		wire, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			c.wire = wire
		}
		return wire, err
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		established.Store(true)
		if c.wire != nil {
			c.wire.Close()
		}
		return nil, &Error{Server: t.Name, Address: Address(s), Dialed: c.wire != nil, Err: err}
	}
	established.Store(true)
	c.Conn = conn
	return c, nil
}

// Close ends the connection. The server is told when it listens; nobody waits for it.
func (c *Conn) Close() {
	if c == nil || c.Conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	if !c.IsClosed() {
		_ = c.Conn.Close(ctx)
	}
	c.wire.Close()
}

// Error is a connection that could not be made.
type Error struct {
	Server, Address string
	Dialed          bool // the port took the connection; what went wrong came after
	Err             error
}

func (e *Error) Error() string {
	return fmt.Sprintf("connect to %s at %s: %s", e.Server, e.Address, short(e.Err).EN)
}

// Said is the error in both languages.
func (e *Error) Said() plan.Text {
	return plan.Say("connect to %s at %s: %s", "%s（%s）に接続できない：%s", e.Server, e.Address, short(e.Err))
}

func (e *Error) Unwrap() error { return e.Err }

// short leaves out what pgx repeats of address, user and database.
func short(err error) plan.Text {
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		return plan.Say("%s (%s)", "%s（%s）", pg.Message, pg.Code)
	case errors.Is(err, syscall.ECONNREFUSED):
		return plan.Say("connection refused", "接続を拒否された")
	case IsTimeout(err):
		return plan.Say("no answer in time", "時間内に応答がない")
	}
	return plan.Text{EN: err.Error(), JA: err.Error()}
}

// Refused reports whether nothing listens at the server's address: its host answered
// and said so.
func Refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// Hung reports whether the server's port took the connection and then nothing
// answered in time: frozen, or out of processes.
func Hung(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Dialed && IsTimeout(e.Err)
}

// IsTimeout reports whether err is the end of somebody's patience.
func IsTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// Code is the server's five-letter error code, or "".
func Code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// Codes that mean something to us.
const (
	CodeReadOnly        = "25006" // read_only_sql_transaction
	CodeCannotConnect   = "57P03" // starting up, shutting down or in recovery
	CodeAdminShutdown   = "57P01"
	CodeDuplicateObject = "42710"
	CodeUniqueViolation = "23505"
	CodeUndefinedTable  = "42P01"
	CodeUndefinedObject = "42704"
)

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func quote(s string) string {
	b := []byte{'\''}
	for i := range len(s) {
		if s[i] == '\'' || s[i] == '\\' {
			b = append(b, '\\')
		}
		b = append(b, s[i])
	}
	return string(append(b, '\''))
}
