package cloud

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Why a secret could not be read. The words are read by muster's internal/secret, which says them in its
// users' languages: they are added to, never renamed.
const (
	Form        = "form"        // the reference names nothing of this store
	Settings    = "settings"    // the library's own settings are wrong or lack something, as AWS' region
	Credentials = "credentials" // there are none, or the store does not know them
	Denied      = "denied"      // the store knows us and does not let us
	Missing     = "missing"     // there is no such secret, or it was disabled or deleted
	Busy        = "busy"        // too many questions
	Away        = "away"        // not reached, no answer in time, or out of order
	Unreadable  = "unreadable"  // an answer that is none
	Field       = "field"       // the secret has no text in that field
	Binary      = "binary"      // the secret is no text
)

// Answer is what came of a reference: a value, or why there is none.
type Answer struct {
	Value string `json:"value,omitempty"`
	Why   string `json:"why,omitempty"`
	// Said is what the store or the library said of it. It never comes from an answer that held a secret.
	Said string `json:"said,omitempty"`
	// SaidJA is the same in Japanese, where the words are our own.
	SaidJA string `json:"said_ja,omitempty"`
}

// trouble is why, as an error.
type trouble struct {
	why, said string
	ja        string // where the words are our own
}

func (t *trouble) Error() string { return t.why + ": " + t.said }

// Read reads the secret that a reference names: secret://aws/NAME-OR-ARN#FIELD,
// secret://gcp/PROJECT/SECRET/VERSION#FIELD, secret://azure/VAULT/SECRET#FIELD. Without #FIELD it is the whole
// secret.
func Read(ctx context.Context, ref string) Answer {
	rest, _ := strings.CutPrefix(ref, "secret://")
	path, field, part := strings.Cut(rest, "#")
	store, name, _ := strings.Cut(path, "/")
	readers := map[string]func(context.Context, string) (string, error){"aws": fromAWS, "gcp": fromGoogle, "azure": fromAzure}
	read := readers[store]
	if read == nil || name == "" || part && field == "" {
		return Answer{Why: Form}
	}
	value, err := read(ctx, name)
	if err == nil && part {
		value, err = fieldOf(value, field)
	}
	if err == nil && !utf8.ValidString(value) {
		err = &trouble{why: Binary}
	}
	if err != nil {
		return refused(err)
	}
	return Answer{Value: value}
}

// fieldOf is the text in a field of a secret that is a JSON object. Its errors hold nothing of it.
func fieldOf(secret, field string) (string, error) {
	var fields map[string]any
	if json.Unmarshal([]byte(secret), &fields) != nil {
		return "", &trouble{Field, "it is no JSON object", "JSONオブジェクトではありません"}
	}
	value, ok := fields[field].(string)
	if !ok {
		return "", &trouble{why: Field}
	}
	return value, nil
}

// refused is an error as an answer. Text of errors is passed on only where it can't hold what was read: a
// decoder quotes what it could not decode.
func refused(err error) Answer {
	if t := new(trouble); errors.As(err, &t) {
		return Answer{Why: t.why, Said: plain(t.said), SaidJA: plain(t.ja)}
	}
	if said, ja := connection(err); said != "" {
		return Answer{Why: Away, Said: plain(said), SaidJA: ja}
	}
	return Answer{Why: Unreadable}
}

// connection is what an error says of the network, or ""; in Japanese too where the words are our own.
func connection(err error) (said, ja string) {
	var (
		lookup    *net.DNSError
		op        *net.OpError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		late      net.Error
		request   *url.Error
	)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time", "時間内に応答がありません"
	case errors.As(err, &lookup):
		return lookup.Error(), ""
	case errors.As(err, &op):
		return op.Error(), ""
	case errors.As(err, &authority):
		return authority.Error(), ""
	case errors.As(err, &host):
		return host.Error(), ""
	case errors.As(err, &invalid):
		return invalid.Error(), ""
	case errors.As(err, &late) && late.Timeout():
		return "no answer in time", "時間内に応答がありません"
	case errors.As(err, &request): // its text may quote what came in place of an answer
		return "the request did not get through; is there a proxy between?", "要求が届きませんでした。途中にプロキシがないか確認してください"
	}
	return "", ""
}

// byStatus is what an HTTP status means at a store that uses them as they are meant.
func byStatus(status int) string {
	switch {
	case status == 400:
		return Form
	case status == 401:
		return Credentials
	case status == 403:
		return Denied
	case status == 404:
		return Missing
	case status == 429:
		return Busy
	case status >= 500:
		return Away
	}
	return Unreadable
}

func answered(status int, code, message string) string {
	said := fmt.Sprintf("HTTP %d", status)
	for _, s := range []string{code, message} {
		if s != "" {
			said += ", " + s
		}
	}
	return said
}

// plain is text as one line that is not long.
func plain(s string) string {
	const most = 300
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "?"), func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }), " ")
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
