package api_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/plan"
)

func codecOf(t *testing.T, id string) *keyring.Codec {
	t.Helper()
	k, err := keyring.New(id)
	if err != nil {
		t.Fatal(err)
	}
	text := keyring.Ring{Active: id, Keys: []keyring.Key{k}}.Text()
	held, err := keyring.Open(t.Context(), "secret://file/keys", func(context.Context) (string, error) { return text, nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return keyring.NewCodec(held, "muster")
}

// The codec endpoint decrypts for whoever may audit, and nobody else; a browser's page only
// from the UI's origin; and each reading is in the access log.
func TestTheCodecEndpointDecryptsForAuditors(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	people := plan.Estate{
		People: []plan.Person{{ID: "audrey", Roles: []string{"auditor"}}, {ID: "sato", Roles: []string{"commander"}}, {ID: "adachi", Roles: []string{"admin"}}},
		Grants: []plan.Grant{{Role: "auditor", May: []plan.Permission{plan.MayAudit}}, {Role: "commander", May: []plan.Permission{plan.MayStart}}, {Role: "admin", May: []plan.Permission{plan.MayAdmin}}},
	}
	s := &api.Server{Store: store, Token: token, Log: slog.New(slog.DiscardHandler), Estate: func(context.Context) (plan.Estate, error) { return people, nil }}
	s.Handler()
	codec := codecOf(t, "k1")
	const ui = "https://temporal.example.com"
	var as identity.Actor
	door := s.Codec(codec, []string{ui})
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if as.Person != "" { // the session's, made sure of before
			r = r.WithContext(identity.With(r.Context(), as))
		}
		door.ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)

	sealed, err := codec.Data().ToPayload("who lies where")
	if err != nil {
		t.Fatal(err)
	}
	other, err := codecOf(t, "k9").Data().ToPayload("x")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(person, path, origin string, p *commonpb.Payload) (status int, body string, h http.Header) {
		t.Helper()
		as = identity.Actor{}
		if person != "" {
			as = identity.Actor{Person: person, Via: "session"}
		}
		var said bytes.Buffer
		remote := converter.NewRemotePayloadCodec(converter.RemotePayloadCodecOptions{Endpoint: web.URL + "/codec", ModifyRequest: func(r *http.Request) error {
			b, err := io.ReadAll(r.Body)
			said.Write(b)
			return err
		}})
		_, _ = remote.Decode([]*commonpb.Payload{p}) // what the SDK's own client sends
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, web.URL+path, &said)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if origin != "" {
			r.Header.Set("Origin", origin)
			r.Header.Set("Sec-Fetch-Site", "same-site")
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		b, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(b), answer.Header
	}
	const clear = "IndobyBsaWVzIHdoZXJlIg==" // "who lies where" as JSON, in base64
	for name, c := range map[string]struct {
		person, path, origin string
		payload              *commonpb.Payload
		status               int
		says                 string
	}{
		"an auditor":                  {"audrey", "/codec/decode", "", sealed, 200, clear},
		"an auditor in the UI":        {"audrey", "/codec/decode", ui, sealed, 200, clear},
		"an administrator":            {"adachi", "/codec/decode", ui, sealed, 200, clear},
		"an administrator encrypts":   {"adachi", "/codec/encode", ui, sealed, 200, "encryption-key-id"},
		"an auditor encrypts":         {"audrey", "/codec/encode", ui, sealed, 403, "admin"},
		"a commander":                 {"sato", "/codec/decode", ui, sealed, 403, "audit"},
		"nobody":                      {"", "/codec/decode", ui, sealed, 401, ""},
		"a page of somebody else":     {"audrey", "/codec/decode", "https://evil.example", sealed, 403, ""},
		"a key that is not there":     {"audrey", "/codec/decode", ui, other, 400, "鍵 k9"},
		"something else than a codec": {"audrey", "/codec/keys", ui, sealed, 404, "/codec"},
	} {
		status, body, h := ask(c.person, c.path, c.origin, c.payload)
		if status != c.status || !strings.Contains(body, c.says) {
			t.Errorf("%s: %d %s, want %d with %q", name, status, body, c.status, c.says)
		}
		if status != 200 && strings.Contains(body, clear) {
			t.Errorf("%s: refused, and told all the same: %s", name, body)
		}
		if got := h.Get("Access-Control-Allow-Origin"); (got == ui) != (c.origin == ui) || got == "*" {
			t.Errorf("%s: allowed origin %q", name, got)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, web.URL+"/codec/decode", nil)
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]int{ui: 204, "https://evil.example": 401} {
		as = identity.Actor{}
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", "POST")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("a browser asks before it asks, from %s: %d, want %d", origin, answer.StatusCode, want)
		}
	}
	log, err := store.Accesses(t.Context(), 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, a := range log {
		seen[a.Person+" "+a.Act+" "+a.Object+" "+a.Outcome] = true
	}
	for _, want := range []string{"audrey read history ok", "adachi read history ok", "adachi encrypt history ok", "sato decrypt history refused", "audrey encrypt history refused"} {
		if !seen[want] {
			t.Errorf("the access log has no %q: %v", want, seen)
		}
	}
}
