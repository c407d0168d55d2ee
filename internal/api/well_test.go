package api_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/temporaltest"
	"github.com/muster-dr/muster/internal/waittest"
)

type asked struct {
	client.Client
	engine atomic.Int64
}

func (a *asked) CheckHealth(ctx context.Context, r *client.CheckHealthRequest) (*client.CheckHealthResponse, error) {
	a.engine.Add(1)
	return a.Client.CheckHealth(ctx, r)
}

type pinged struct {
	journal.Store
	pings atomic.Int64
	away  atomic.Bool
}

func (p *pinged) Ping(ctx context.Context) error {
	p.pings.Add(1)
	if p.away.Load() {
		return errors.New("disk on fire")
	}
	return p.Store.Ping(ctx)
}

// Strangers may ask for the health as often as they like: the engine and the store are asked as if one did, and the
// log is not written full. Who is known gets what is so now.
func TestStrangersWhoAskForTheHealthCostNothing(t *testing.T) {
	c, _ := temporaltest.Start(t).NewClient(t)
	file, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	engine, store, said := &asked{Client: c}, &pinged{Store: file}, &lines{}
	srv := httptest.NewServer((&api.Server{Store: store, Engine: engine, Plans: files{}, Token: token, Version: "test", Log: slog.New(slog.NewTextHandler(said, nil))}).Handler())
	t.Cleanup(srv.Close)
	stranger, known := api.Connect(srv.URL, "", "en"), api.Connect(srv.URL, token, "en")
	t.Cleanup(stranger.Close)
	t.Cleanup(known.Close)
	const many = 200
	flood := func() (last api.Health) {
		for range many {
			h, err := stranger.Health(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			last = h
		}
		return last
	}
	began := time.Now()
	if h := flood(); !h.OK {
		t.Errorf("health: %+v", h)
	}
	most := int64(2 + time.Since(began)/time.Second) // of a loaded machine, where it takes its time
	if e, s := engine.engine.Load(), store.pings.Load(); e > most || s > most {
		t.Errorf("%d who asked made the server ask the engine %d and the store %d times, want at most %d", many, e, s, most)
	}
	store.away.Store(true)
	if h, err := known.Health(t.Context()); err != nil || h.OK || h.Store != "disk on fire" {
		t.Errorf("who is known hears %+v, %v", h, err)
	}
	if h := flood(); h.OK {
		t.Error("strangers are told that all is well")
	}
	store.away.Store(false)
	waittest.Eventually(t, 30*time.Second, func() string {
		if h, err := stranger.Health(t.Context()); err != nil || !h.OK {
			return "not well again"
		}
		return ""
	})
	if text := said.String(); strings.Count(text, "not healthy") != 1 || strings.Count(text, "healthy again") != 1 {
		t.Errorf("the log says %s", text)
	}
}

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
