package secret

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

func TestLocal(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return "secret://file" + path
	}
	t.Setenv("MUSTER_TEST_SECRET", "kanariya-42")
	t.Setenv("MUSTER_TEST_SHORT", "abc")
	for _, c := range []struct{ ref, want, err string }{
		{"secret://env/MUSTER_TEST_SECRET", "kanariya-42", ""},
		{write("one", "kanariya-42\n", 0o600), "kanariya-42", ""},
		{write("two", "kanariya-42\n\n", 0o640), "kanariya-42\n", ""},
		{write("crlf", "kanariya-42\r\n", 0o600), "kanariya-42", ""},
		{write("open", "kanariya-42\n", 0o644), "", "chmod o-rwx"},
		{write("big", strings.Repeat("kanariya", 10000), 0o600), "", "no secret"},
		{"secret://file" + dir, "", "no regular file"},
		{"secret://file/" + dir + "/gone", "", "no such file"},
		{"secret://env/MUSTER_TEST_GONE", "", "has no MUSTER_TEST_GONE"},
		{"secret://env/MUSTER_TEST_SHORT", "", "choose a longer one"},
		{"secret://env/", "", "names nothing"},
		{"secret://box/x", "", `no secret store "box"`},
		{"kanariya-42", "", "given by reference"},
	} {
		got, err := Local{}.Resolve(context.Background(), c.ref)
		switch {
		case c.err == "" && (err != nil || got != c.want):
			t.Errorf("%s: %q %v, want %q", c.ref, got, err, c.want)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%s: %v, want %q", c.ref, err, c.err)
		case err != nil && strings.Contains(err.Error(), "kanariya"):
			t.Errorf("%s: the error gives the value away: %v", c.ref, err)
		}
	}
}

// leaks lists the ways in which programs print a value.
func leaks(v string) map[string]string {
	wrapped := func(s string) string {
		var b strings.Builder
		for i := 0; i < len(s); i += 7 {
			b.WriteString(s[i:min(i+7, len(s))] + "\n  ")
		}
		return b.String()
	}
	inJSON, _ := json.Marshal(map[string]string{"password": v})
	inInner, _ := json.Marshal(map[string]string{"body": string(inJSON)})
	return map[string]string{
		"plain":             "password=" + v + ";",
		"alone":             v,
		"twice":             v + v,
		"JSON":              string(inJSON),
		"JSON in JSON":      string(inInner),
		"Go quoted":         strconv.Quote(v),
		"query":             "http://x/?p=" + url.QueryEscape(v),
		"path":              "http://x/" + url.PathEscape(v),
		"userinfo":          url.UserPassword("admin", v).String(),
		"base64":            base64.StdEncoding.EncodeToString([]byte(v)),
		"base64 URL":        base64.URLEncoding.EncodeToString([]byte(v)),
		"basic auth":        "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+v)),
		"basic auth, +1":    "Basic " + base64.StdEncoding.EncodeToString([]byte("admin1:"+v+"x")),
		"basic auth, +2":    "Basic " + base64.StdEncoding.EncodeToString([]byte("admin12:"+v+"xy")),
		"hex":               hex.EncodeToString([]byte(v)),
		"HEX":               strings.ToUpper(hex.EncodeToString([]byte(v))),
		"wrapped":           wrapped(v),
		"wrapped base64":    wrapped(base64.StdEncoding.EncodeToString([]byte("some text before " + v))),
		"shell quoted":      "'" + strings.ReplaceAll(v, "'", `'\''`) + "'",
		"HTML":              html.EscapeString(v),
		"UTF-16 in base64":  base64.StdEncoding.EncodeToString(utf16LE("x" + v)),
		"UTF-16 in hex":     hex.EncodeToString(utf16LE(v)),
		"hex spaced":        spaced(v, " "),
		"hex with colons":   strings.ToUpper(spaced(v, ":")),
		"hex escaped":       `\x` + spaced(v, `\x`),
		"wrapped with CRLF": strings.ReplaceAll(wrapped(v), "\n", "\r\n"),
	}
}

func utf16LE(v string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(v)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func spaced(v, between string) string {
	var parts []string
	for _, c := range []byte(v) {
		parts = append(parts, fmt.Sprintf("%02x", c))
	}
	return strings.Join(parts, between)
}

// What is logged has no known secret: in messages, values, errors, groups, and what loggers
// carry along. The rest is as it was.
func TestLogsAreRedacted(t *testing.T) {
	var r Redactor
	var out bytes.Buffer
	log := slog.New(LogHandler(slog.NewTextHandler(&out, nil), &r))
	log.Info("before kanariya-42 is known")
	if !strings.Contains(out.String(), "kanariya-42") {
		t.Fatal(out.String())
	}
	out.Reset()
	if _, err := (Teaching{Local{}, &r}).Resolve(t.Context(), "secret://env/MUSTER_TEST_CANARY"); err == nil {
		t.Fatal("resolved what is not there")
	}
	t.Setenv("MUSTER_TEST_CANARY", "kanariya-42")
	if got, err := (Teaching{Local{}, &r}).Resolve(t.Context(), "secret://env/MUSTER_TEST_CANARY"); err != nil || got != "kanariya-42" {
		t.Fatal(got, err)
	}
	log.With("with", "kanariya-42").WithGroup("g").Error("said kanariya-42", "text", "token=kanariya-42", "err", fmt.Errorf("refused: %w", errors.New("kanariya-42")),
		slog.Group("in", "list", []string{"kanariya-42"}), "n", 7, "base64", base64.StdEncoding.EncodeToString([]byte("x:kanariya-42")))
	if got := out.String(); strings.Contains(got, "kanariya") || strings.Contains(got, "rYW5hcml5YS") || !strings.Contains(got, "g.n=7") || strings.Count(got, Mark) < 6 {
		t.Error(got)
	}
}

func BenchmarkRedactor(b *testing.B) {
	var r Redactor
	for i := range 10 {
		r.Add(fmt.Sprintf("kanariya-%d-in-the-mine", i))
	}
	text := strings.Repeat("promoted osaka, timeline 7; nothing secret in here\n", 20000) // 1 MB
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		_ = r.Text(text)
	}
}

func TestRedactorFindsEveryEncoding(t *testing.T) {
	const canary = `カナリア-kanariya&42"<x> \ %/+?=ü`
	var r Redactor
	if got := r.Text(canary); got != canary {
		t.Fatalf("an empty redactor changed %q to %q", canary, got)
	}
	r.Add(canary)
	for name, text := range leaks(canary) {
		got := r.Text(text)
		if !strings.Contains(got, Mark) {
			t.Errorf("%s: %q was left as it is", name, text)
		}
		for _, trace := range []string{"kanariya", "a2FuYXJpeW", "thbmFyaXlh", "rYW5hcml5Y", "6b616e6172697961", "6B616E6172697961"} {
			if strings.Contains(strings.NewReplacer("\r", "", "\n", "", " ", "").Replace(got), trace) {
				t.Errorf("%s: %q still shows %s", name, got, trace)
			}
		}
	}
	const innocent = "promoted osaka, timeline 7\nno secret in here"
	if got := r.Text(innocent); got != innocent {
		t.Errorf("innocent text became %q", got)
	}
	if got := r.Text("a " + canary + " b " + canary + " c"); got != "a *** b *** c" {
		t.Errorf("got %q", got)
	}
}

func TestRedactorKeysAndTokens(t *testing.T) {
	key := "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIPpV9oYdYxkanariyaAAAAAAAAAAAAAAAAAAAAAAAAAA\nbGFzdCBsaW5lIG9mIGtleQ==\n-----END PRIVATE KEY-----"
	token := strings.Repeat("0123456789abcdefghijklmnopqrstuvwxyz", 20)
	var r Redactor
	r.Add(key)
	r.Add(token)
	for _, leak := range []string{"line: bGFzdCBsaW5lIG9mIGtleQ==", key, "Bearer " + token, token[70:300], base64.StdEncoding.EncodeToString([]byte("t=" + token))} {
		got := r.Text(leak)
		if len(got) > 150 {
			t.Errorf("%.60q... became %d characters, %.150q", leak, len(got), got)
		}
	}
	if got := r.Text("-----BEGIN PRIVATE KEY-----"); got != "-----BEGIN PRIVATE KEY-----" {
		t.Errorf("got %q", got)
	}
}

func TestRedactorJSON(t *testing.T) {
	var r Redactor
	r.Add("kanariya")
	r.Add("12345678")
	got, err := r.JSON(json.RawMessage(`{"kanariya":[1,"is kanariya",{"n":12345678}],"big":12345678900000000000.5,"ok":true,"no":null}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"***":[1,"is ***",{"n":"***"}],"big":"***900000000000.5","no":null,"ok":true}`; string(got) != want {
		t.Fatalf("got %s, want %s", got, want)
	}
}

// Whatever the secret is and wherever it stands, no encoding of it is left.
func TestRedactorAlwaysHides(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringN(6, 40, -1).Draw(t, "secret")
		var r Redactor
		r.Add(v)
		before, after := rapid.StringN(0, 10, -1).Draw(t, "before"), rapid.StringN(0, 10, -1).Draw(t, "after")
		if got := r.Text(before + v + after); !strings.Contains(got, Mark) || strings.Contains(got, v) {
			t.Fatalf("%q still shows %q", got, v)
		}
		encoded := base64.StdEncoding.EncodeToString([]byte(before + v + after))
		if got := r.Text(encoded); !strings.Contains(got, Mark) {
			t.Fatalf("%s was left as it is", got)
		}
		doc, err := json.Marshal(fmt.Sprint(before, v, after))
		if err != nil {
			t.Fatal(err)
		}
		if out, err := r.JSON(doc); err != nil || !strings.Contains(string(out), Mark) {
			t.Fatalf("%s %v", out, err)
		}
	})
}
