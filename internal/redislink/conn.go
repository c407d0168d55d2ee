package redislink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/muster-dr/muster/internal/plan"
)

func init() { redis.SetLogger(silent{}) }

// silent is the client's logger: what it logs it also returns.
type silent struct{}

func (silent) Printf(context.Context, string, ...any) {}

// Conn is a connection to one server. It is made with the first command, and made again
// when it broke; a command is sent once at most.
type Conn struct {
	client        *redis.Client
	name, address string
	within        time.Duration
	dialed        atomic.Bool // a port took a connection
	unusable      error       // the estate's entry can't be used
}

// Open prepares a connection to a server. within bounds every command, with dialing,
// encryption and log-in where it comes to that.
func Open(t Target, within time.Duration) *Conn {
	return open(t.Name, Address(t.Spec), t.Spec.Login, within)
}

// OpenSentinel prepares a connection to one of a group's sentinels.
func OpenSentinel(t SentinelTarget, address string, within time.Duration) *Conn {
	return open(t.Name, address, t.Spec.Login, within)
}

func open(name, address string, l Login, within time.Duration) *Conn {
	c := &Conn{name: name, address: address, within: within}
	encryption, err := l.tls(address)
	if err != nil {
		c.unusable = err
		return c
	}
	dialer := &net.Dialer{KeepAlive: 5 * time.Second}
	c.client = redis.NewClient(&redis.Options{
		Addr: address, Username: l.User, Password: l.Password.Reveal(), Protocol: 2,
		ClientName: "muster", DisableIdentity: true,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			wire, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, notDialed{err}
			}
			c.dialed.Store(true)
			if encryption != nil {
				return tls.Client(wire, encryption), nil
			}
			return wire, nil
		},
		DialTimeout: within, ReadTimeout: within, WriteTimeout: within, ContextTimeoutEnabled: true,
		// A command that was sent and not answered may have been done: it is for the
		// caller to look, not for the client to send it again.
		MaxRetries: -1, DialerRetries: 1,
		PoolSize: 1, PipelinePoolSize: -1, PoolTimeout: within,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	return c
}

// Close ends the connection without waiting for the server.
func (c *Conn) Close() {
	if c != nil && c.client != nil {
		_ = c.client.Close()
	}
}

// Do sends one command and returns the answer: string, int64, []any or nil.
func (c *Conn) Do(ctx context.Context, args ...any) (any, error) {
	if c.unusable != nil {
		return nil, c.wrap(c.unusable)
	}
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	v, err := c.client.Do(ctx, args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil //nolint:nilnil // a null is an answer
	}
	return v, c.wrap(err)
}

// Together sends commands that the server does one after the other with nothing in
// between. It returns each one's answer; err is that of the first that failed, after
// which the others have been done all the same.
func (c *Conn) Together(ctx context.Context, commands ...[]any) ([]any, error) {
	if c.unusable != nil {
		return nil, c.wrap(c.unusable)
	}
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	var sent []*redis.Cmd
	_, err := c.client.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, command := range commands {
			sent = append(sent, p.Do(ctx, command...))
		}
		return nil
	})
	answers := make([]any, len(sent))
	for n, cmd := range sent {
		answers[n] = cmd.Val()
	}
	return answers, c.wrap(err)
}

func (c *Conn) wrap(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Server: c.name, Address: c.address, Dialed: c.dialed.Load(), Err: err}
}

// notDialed marks an error before which nothing was sent.
type notDialed struct{ error }

func (e notDialed) Unwrap() error { return e.error }

// Error is a command that failed, or a connection that could not be made for it.
type Error struct {
	Server, Address string
	Dialed          bool // the port took a connection at some time
	Err             error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s at %s: %s", e.Server, e.Address, e.why().EN)
}

// Said is the error in both languages.
func (e *Error) Said() plan.Text {
	return plan.Say("%s at %s: %s", "%s（%s）：%s", e.Server, e.Address, e.why())
}

func (e *Error) why() plan.Text {
	switch {
	case Code(e.Err) != "":
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return plan.Say("connection refused", "接続を拒否された")
	case IsTimeout(e.Err):
		return plan.Say("no answer in time", "時間内に応答がない")
	}
	return plan.Text{EN: e.Err.Error(), JA: e.Err.Error()}
}

func (e *Error) Unwrap() error { return e.Err }

// Refused reports whether nothing listens at the server's address: its host answered
// and said so.
func Refused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// Sent reports whether a command that ended with err may have reached the server and
// taken effect there. A server's error answers the command: it was not done.
func Sent(err error) bool {
	var none notDialed
	return err == nil || !errors.As(err, &none) && Code(err) == ""
}

// Hung reports whether the server's port took the connection and then nothing answered
// in time: frozen, or paused, or busy.
func Hung(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Dialed && IsTimeout(e.Err)
}

// IsTimeout reports whether err is the end of somebody's patience.
func IsTimeout(err error) bool {
	var n net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// Codes that mean something to us: the first word of a server's error.
const (
	CodeReadOnly   = "READONLY"   // a replica
	CodeNoReplicas = "NOREPLICAS" // fewer replicas than min-replicas-to-write
	CodeBusy       = "INPROG"     // a sentinel, in the middle of a failover
)

// Code is the first word of a server's error, or "".
func Code(err error) string {
	var e redis.Error
	if !errors.As(err, &e) {
		return ""
	}
	code, _, _ := strings.Cut(e.Error(), " ")
	return code
}
