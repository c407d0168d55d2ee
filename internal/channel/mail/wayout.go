package mail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// noStartTLS: the library has no error of its own for it.
func noStartTLS(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if strings.Contains(err.Error(), "does not support STARTTLS") {
			return true
		}
	}
	return false
}

// WayOut says what to set when Works failed; empty when nothing is known of it.
func (c *Channel) WayOut(err error) plan.Text {
	var (
		clear  tls.RecordHeaderError
		issuer x509.UnknownAuthorityError
		name   x509.HostnameError
		bad    x509.CertificateInvalidError
		answer *textproto.Error
	)
	at := net.JoinHostPort(c.o.Host, strconv.Itoa(c.o.Port))
	switch {
	case noStartTLS(err):
		return plan.Say("%s offers no STARTTLS. Where it takes TLS from the first byte, set mail.tls: tls (usually with mail.port: 465). A relay on this machine or in a network that you trust can be used in clear: mail.tls: none. Everywhere else have STARTTLS switched on there",
			"%s はSTARTTLSに対応していません。接続時からTLSを使うサーバーなら mail.tls: tls（通常は mail.port: 465）にしてください。このマシン上または信頼できるネットワーク内の中継サーバーなら、mail.tls: none（平文）も使えます。それ以外では、サーバー側でSTARTTLSを有効にしてください", at)
	case errors.As(err, &clear):
		return plan.Say("%s does not speak TLS from the first byte: set mail.tls: starttls (usually with mail.port: 587)", "%s は接続時からのTLSに対応していません。mail.tls: starttls（通常は mail.port: 587）にしてください", at)
	case errors.As(err, &issuer):
		return plan.Say("Nobody that this machine trusts vouches for the certificate of %s. Set mail.ca_file to a PEM file with the certificate of whoever issued it, such as your own authority's; or let the server send its intermediate certificates",
			"%s の証明書の発行元が、このマシンでは信頼されていません。発行元（自社の認証局など）の証明書をPEMで保存し、mail.ca_file に指定してください。中間証明書をサーバーが送っていない場合は、送るように設定してください", at)
	case errors.As(err, &name):
		names := "–"
		if name.Certificate != nil && len(name.Certificate.DNSNames) > 0 {
			names = strings.Join(name.Certificate.DNSNames, ", ")
		}
		return plan.Say("The certificate is not for the name %s. Set mail.host to one that it is for: %s", "証明書が %s という名前のものではありません。証明書にある名前を mail.host に指定してください: %s", c.o.Host, names)
	case errors.As(err, &bad):
		return plan.Say("The certificate of %s is not valid, or no more; have it renewed there, and see that this machine's clock is right", "%s の証明書が無効か、有効期限が切れています。サーバー側で更新し、このマシンの時計が正しいことも確認してください", at)
	case errors.As(err, &answer) && answer.Code == 535:
		return plan.Say("Correct mail.user and mail.password", "mail.user と mail.password を確認してください")
	case c.o.Port == 465 && c.o.TLS == StartTLS:
		return plan.Say("Port 465 takes TLS from the first byte: set mail.tls: tls", "465番ポートは接続時からTLSを使います。mail.tls: tls にしてください")
	}
	return plan.Text{}
}
