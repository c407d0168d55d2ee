package cloud

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"
)

const kept = "kanariya-in-the-cloud"

// What the three stores answer is held in internal/secret, through the whole program.
func TestReferencesThatNameNothing(t *testing.T) {
	for _, ref := range []string{"", "secret://", "secret://aws", "secret://aws/", "secret://vault/kv/db#x", "secret://env/HOME", "secret://aws/db#",
		"secret://gcp/p", "secret://gcp/P?x/db", "secret://gcp/p/db/1/2", "secret://azure/kv", "secret://azure/kv.example.com/db", "secret://azure/kv/db/../../x"} {
		if a := Read(t.Context(), ref); a.Why != Form || a.Value != "" {
			t.Errorf("%q: %+v", ref, a)
		}
	}
}

func TestAFieldIsATextOfAJSONObject(t *testing.T) {
	const secret = `{"password":"` + kept + `","port":5432,"empty":null}`
	if got, err := fieldOf(secret, "password"); err != nil || got != kept {
		t.Errorf("%q %v", got, err)
	}
	for field, of := range map[string]string{"port": secret, "empty": secret, "none": secret, "0": `["` + kept + `"]`, "password": kept, "cut": secret[:20]} {
		if a := refused(second(fieldOf(of, field))); a.Why != Field || strings.Contains(a.Said, "kanariya") {
			t.Errorf("%s: %+v", field, a)
		}
	}
}

func second(_ string, err error) error { return err }

// What a decoder, or a broken server, says may quote a secret.
func TestErrorsOfUnknownKindsSayNothing(t *testing.T) {
	var number struct{ V int }
	quoting := json.Unmarshal([]byte(`{"V":"`+kept+`"}`), &number)
	for name, err := range map[string]error{
		"decoder": fmt.Errorf("%w: %s", quoting, kept),
		"library": &smithy.DeserializationError{Err: errors.New(kept)},
		"any":     errors.New(kept),
	} {
		if a := refused(err); a.Why != Unreadable || a.Said != "" {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if a := refused(&url.Error{Op: "Get", URL: "https://x/" + kept, Err: errors.New("malformed HTTP response " + kept)}); a.Why != Away || strings.Contains(a.Said, kept) {
		t.Errorf("%+v", a)
	}
	if a := refused(&url.Error{Err: &net.DNSError{Err: "no such host", Name: "orders-kv.vault.azure.net", IsNotFound: true}}); a.Why != Away || !strings.Contains(a.Said, "orders-kv.vault.azure.net") {
		t.Errorf("%+v", a)
	}
	if a := refused(&trouble{why: Denied, said: "two\r\nlines\x1b[2J " + strings.Repeat("long ", 100)}); strings.ContainsAny(a.Said, "\r\n\x1b") || len(a.Said) > 310 {
		t.Errorf("%q", a.Said)
	}
}

func TestAStoreThatIsSilentIsGivenUp(t *testing.T) {
	ended := make(chan struct{})
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-ended }))
	defer proxy.Close()
	defer close(ended)
	for name, value := range map[string]string{"HTTPS_PROXY": proxy.URL, "https_proxy": proxy.URL, "NO_PROXY": "", "no_proxy": "", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "key",
		"AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_CONFIG_FILE": "/nowhere/config", "AWS_REGION": "ap-northeast-1", "AWS_CA_BUNDLE": ""} {
		t.Setenv(name, value)
	}
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	if a := Read(ctx, "secret://aws/orders/db"); a.Why != Away || a.Said != "no answer in time" || a.SaidJA == "" {
		t.Errorf("%+v", a)
	}
}
