package main

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/lib/pq"
)

// server is one of the places where a row can be written.
type server struct{ name, url string }

// session is a connection that is bounded from outside the driver: the deadline lies on
// the socket, so that a frozen server that accepts and says nothing can't hold an
// attempt. database/sql is left out on purpose: its pool repeats statements by itself
// when a connection breaks, and a witness counts attempts.
type session struct {
	conn   driver.Conn
	socket net.Conn
}

func (s server) connect(deadline time.Time) (*session, error) {
	connector, err := pq.NewConnector(s.url)
	if err != nil {
		return nil, fmt.Errorf("address of %s: %w", s.name, err)
	}
	d := &dialer{deadline: deadline}
	connector.Dialer(d)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	conn, err := connector.Connect(ctx)
	if err != nil {
		if d.socket != nil {
			_ = d.socket.Close()
		}
		return nil, err
	}
	return &session{conn: conn, socket: d.socket}, nil
}

func (s *session) exec(deadline time.Time, query string, args ...any) error {
	if err := s.socket.SetDeadline(deadline); err != nil {
		return err
	}
	_, err := s.conn.(driver.ExecerContext).ExecContext(context.Background(), query, named(args))
	return err
}

// query calls each for every row.
func (s *session) query(deadline time.Time, each func([]driver.Value), query string, args ...any) error {
	if err := s.socket.SetDeadline(deadline); err != nil {
		return err
	}
	rows, err := s.conn.(driver.QueryerContext).QueryContext(context.Background(), query, named(args))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	into := make([]driver.Value, len(rows.Columns()))
	for {
		if err := rows.Next(into); err != nil {
			return ignoreEOF(err)
		}
		each(into)
	}
}

// drop cuts the socket first: a polite close would wait for a frozen server.
func (s *session) drop() {
	_ = s.socket.Close()
	_ = s.conn.Close()
}

func named(args []any) []driver.NamedValue {
	out := make([]driver.NamedValue, len(args))
	for i, a := range args {
		out[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	return out
}

// dialer keeps the socket it made and bounds all that is said on it while connecting.
type dialer struct {
	deadline time.Time
	socket   net.Conn
}

func (d *dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

func (d *dialer) DialTimeout(network, address string, _ time.Duration) (net.Conn, error) {
	return d.Dial(network, address)
}

func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Deadline: d.deadline}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.socket = conn
	return conn, conn.SetDeadline(d.deadline)
}

// plain is an error's one line for the log.
func plain(err error) string {
	var pe *pq.Error
	if errors.As(err, &pe) {
		return fmt.Sprintf("%s (%s)", pe.Message, pe.Code)
	}
	return err.Error()
}

// refusal reports whether the server itself answered no: the row was certainly not
// written there.
func refusal(err error) bool {
	var pe *pq.Error
	return errors.As(err, &pe) && pe.Code.Class() != "08" && pe.Code.Class() != "57"
}
