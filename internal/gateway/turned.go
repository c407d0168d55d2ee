package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"syscall"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"
)

// Turned is what is known of somebody who was turned away.
type Turned struct {
	From string // network address, without the port
	Site string // that a certificate of this gateway's own authority names; "" is none
	Why  Why
}

// Why somebody was turned away. They are never renamed: they stand in the access log.
type Why string

// Reasons.
const (
	NoCertificate       Why = "no_certificate"       // it showed none, or spoke no TLS
	StrangeCertificate  Why = "strange_certificate"  // of another authority
	EndedCertificate    Why = "ended_certificate"    // its time is over
	ReplacedCertificate Why = "replaced_certificate" // its site has a newer one, or is shut out
	OtherQueue          Why = "other_queue"          // another site's work
	OtherTask           Why = "other_task"           // an answer for what was not given to it
	OtherCall           Why = "other_call"           // a call that no worker makes
	NoProbe             Why = "no_probe"             // a probe's word to a run that has no probe at its site
	TooMuch             Why = "too_much"             // more, or longer, words of probes than probes say
)

// refusedSite is why the certificate of a site is not let in.
type refusedSite struct {
	site string
	error
}

func (r refusedSite) Unwrap() error { return r.error }

// turned tells who was turned away.
func (o Options) turned(from net.Addr, site string, why Why) {
	if o.Turned == nil || from == nil {
		return
	}
	host, _, err := net.SplitHostPort(from.String())
	if err != nil {
		host = from.String()
	}
	o.Turned(Turned{From: host, Site: site, Why: why})
}

func (d *door) turnedIn(ctx context.Context, site string, why Why) {
	if p, ok := peer.FromContext(ctx); ok {
		d.turned(p.Addr, site, why)
	}
}

// watched are the credentials of the gateway that tell of handshakes which ended at the certificate:
// what is turned away there reaches no call, and gRPC says nothing of it. Who was let in is kept in view.
type watched struct {
	credentials.TransportCredentials
	o  Options
	in *inside
}

func (w watched) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := w.TransportCredentials.ServerHandshake(c)
	if site, why := whyTurned(err); why != "" {
		w.o.turned(c.RemoteAddr(), site, why)
	}
	if err == nil {
		conn = w.in.enter(conn, c, info)
	}
	return conn, info, err
}

func (w watched) Clone() credentials.TransportCredentials {
	return watched{w.TransportCredentials.Clone(), w.o, w.in}
}

// whyTurned is "" for a connection that merely ended, as of whoever looks whether the port is open.
func whyTurned(err error) (site string, why Why) {
	var refused refusedSite
	var unverified *tls.CertificateVerificationError
	var ended x509.CertificateInvalidError
	var cut net.Error
	switch {
	case err == nil:
		return "", ""
	case errors.As(err, &refused):
		return refused.site, ReplacedCertificate
	case errors.As(err, &unverified):
		if errors.As(err, &ended) && ended.Reason == x509.Expired {
			return "", EndedCertificate
		}
		return "", StrangeCertificate
	case errors.As(err, &cut), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "", ""
	}
	return "", NoCertificate
}
