package app

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/channel/webhook"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A program of one's own is told of a finding, signed, under one key.
func TestAWebhookIsToldOfFindings(t *testing.T) {
	t.Setenv("FINDINGS_KEY", "a key for tests")
	type post struct {
		told finding.Told
		good bool
		key  string
	}
	got := make(chan post, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p := post{good: webhook.Verify(r.Header.Get(webhook.SignatureHeader), "a key for tests", body, time.Now(), time.Minute), key: r.Header.Get("Idempotency-Key")}
		_ = json.Unmarshal(body, &p.told)
		got <- p
	}))
	t.Cleanup(srv.Close)
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	c := config.Config{Findings: config.Findings{Webhook: srv.URL}, Webhook: config.Webhook{Secret: "secret://env/FINDINGS_KEY", Allow: []string{"127.0.0.1"}}}
	then, err := followUp(Options{Lang: i18n.EN, Config: c}, &finding.Ledger{Store: store}, store, func(context.Context) (plan.Estate, error) { return plan.Estate{Zone: "Asia/Tokyo"}, nil }, calendar.Weekdays)
	if err != nil {
		t.Fatal(err)
	}
	if err := then(t.Context()); err != nil {
		t.Fatal(err)
	}
	o := outcome.Outcome{Version: outcome.Version, Run: "loss-1", Depth: run.Live, State: run.Recovered, EndedAt: time.Now().UTC().Add(time.Minute), Systems: []outcome.System{{ID: "orders"}},
		Findings: []outcome.Finding{{Place: "step/orders/failover/promote", Kind: run.FindingStep, System: "orders", Title: plan.Text{EN: "promote failed", JA: "promote が失敗"}}}}
	if err := outcome.Put(t.Context(), store, o); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := then(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	p := <-got
	if !p.good || p.key != p.told.ID || p.key == "" || p.told.Event != finding.WasOpened || p.told.Run != "loss-1" || p.told.Finding.State != finding.Open || p.told.Finding.Title.JA != "promote が失敗" {
		t.Errorf("told %+v", p)
	}
	if len(got) != 0 {
		t.Errorf("told again: %+v", <-got)
	}
}
