package dnsname_test

import (
	"testing"

	"github.com/muster-dr/muster/internal/dnsname"
)

func TestNamesAreFullOnce(t *testing.T) {
	for _, c := range []struct{ zone, name, want string }{
		{"example.jp", "www", "www.example.jp."},
		{"example.jp.", "www", "www.example.jp."},
		{"example.jp", "www.example.jp", "www.example.jp."},
		{"example.jp", "WWW.Example.JP.", "www.example.jp."},
		{"example.jp", "@", "example.jp."},
		{"example.jp", "", "example.jp."},
		{"example.jp", "example.jp", "example.jp."},
		{"example.jp", "notexample.jp", "notexample.jp.example.jp."},
		{"example.jp", "a.b", "a.b.example.jp."},
		{".", "jp", "jp."},
	} {
		if got := dnsname.Full(c.zone, c.name); got != c.want {
			t.Errorf("%q in %q is %q, not %q", c.name, c.zone, got, c.want)
		}
	}
}
