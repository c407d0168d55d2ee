package alarm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// begin sends a message's head and the beginning of its body, and leaves the connection open.
func (h *house) begin(source string, headers ...string) net.Conn {
	h.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	fmt.Fprintf(c, "POST %s%s HTTP/1.1\r\nHost: muster\r\nContent-Length: 100000\r\n%s\r\n\r\n<", Path, source, strings.Join(headers, "\r\n"))
	return c
}

// Strangers who begin messages and don't end them keep no alarm waiting.
func TestStrangersDoNotHoldTheDoorShut(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.s.patience = time.Hour
	body := telegram(t, quick)
	answered := make(chan struct{}, 300)
	for range 150 {
		c := h.begin("quakes", "Content-Type: application/xml", "Muster-Signature: "+Sign("a-stranger's-secret", h.clock, nil))
		go func() {
			if n, _ := c.Read(make([]byte, 1)); n > 0 {
				answered <- struct{}{}
			}
		}()
	}
	status, text := h.post("quakes", body, "Content-Type", "application/xml", "Muster-Signature", Sign(secretKey, h.clock, body))
	if status != http.StatusAccepted || h.only().State != Open {
		t.Errorf("%d %s", status, text)
	}
	if len(answered) != 0 {
		t.Errorf("%d strangers were answered before the alarm was", len(answered))
	}
}

// What the headers alone show to be wrong is not read.
func TestWhatCanNotBeVerifiedIsNotRead(t *testing.T) {
	h := newHouse(t, given{rules: miyagi()})
	h.s.patience = time.Hour
	for _, c := range []struct{ name, source, kind, header, code string }{
		{"a wrong token", "prom", "application/json", "Authorization: Bearer wrong", "wrong signature"},
		{"an old time", "quakes", "application/xml", "Muster-Signature: " + Sign(secretKey, h.clock.Add(-time.Hour), nil), "replayed"},
		{"no time", "quakes", "application/xml", "Muster-Signature: v1=00", "unsigned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := h.begin(c.source, "Content-Type: "+c.kind, c.header, "Connection: close")
			_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second)) // without an answer the test must end
			got, err := io.ReadAll(conn)
			if !strings.Contains(string(got), " 401 ") || !strings.Contains(string(got), c.code) {
				t.Errorf("%q, %v, want 401 %s", got, err, c.code)
			}
		})
	}
}

func TestWhatComesInIsBounded(t *testing.T) {
	var in intake
	a, b := in.hold("192.0.2.1"), in.hold("192.0.2.1")
	if err := a.take(mostHeldOf); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(b.counting(bytes.NewReader([]byte("x")))); !errors.Is(err, errFull) {
		t.Errorf("more of one address: %v", err)
	}
	other := in.hold("192.0.2.2")
	if err := other.take(1); err != nil {
		t.Errorf("another address: %v", err)
	}
	a.release()
	b.release()
	other.release()
	if in.all != 0 || len(in.of) != 0 {
		t.Errorf("held after all are gone: %d, %v", in.all, in.of)
	}
}

// A message that a copy can't be told from is put before people, whatever the rule says.
func TestACopyStartsNothing(t *testing.T) {
	rule := Rule{Scenario: "sendai-loss", Source: "hooked", Start: true, Place: "scenario.yaml:3"}
	h := newHouse(t, given{rules: []Rule{rule}})
	body := []byte(`{"id":"i1"}`)
	for _, c := range []struct {
		verify Verify
		starts bool
	}{{Hub, false}, {PagerDutyV1, false}, {Signature, true}, {Bearer, true}} {
		list, err := open([]Source{{Name: "hooked", Kind: Webhook, Secrets: []string{secretKey}, Verify: c.verify, Dedup: "body.id", Place: "x:1"}})
		if err != nil {
			t.Fatal(err)
		}
		a, err := list[0].parse(body)
		if err != nil {
			t.Fatal(err)
		}
		m := h.s.matches(t.Context(), a)
		if len(m) != 1 || m[0].start != c.starts {
			t.Errorf("%s: %+v, want start %v", c.verify, m, c.starts)
		}
	}
}
