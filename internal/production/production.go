// Package production is a whole installation as in production, on one machine and without containers:
// `muster server`, a worker for each of two sites, a Temporal server and a record store on PostgreSQL, and a
// Prometheus that reads them. Every connection that a network would carry is encrypted, with
// certificates of an authority that the set-up makes for itself; each process has a folder of its own
// and, where it is set up as root, a user of its own. It is what docs/deployment.md describes, run.
package production

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/demo"
	"github.com/muster-dr/muster/internal/pgcluster"
)

// Binaries are the programs that are not muster's own.
type Binaries struct {
	Temporal   string // temporal-server
	SchemaTool string // temporal-sql-tool
	Prometheus string
	Alerts     string // file of alert rules for it, deploy/prometheus/alerts.yaml
}

// certificatesLast is how long certificates are good: they are made anew with every set-up. A readiness
// check finds those in the way that end within days.
const certificatesLast = 60 * 24 * time.Hour

// Namespace and retention of the engine; records are kept elsewhere, in the record store.
const (
	namespace = "muster"
	retention = 30 * 24 * time.Hour
)

// Installation is what runs.
type Installation struct {
	demo.Place
	programs Binaries
	home     string // folder of all the parts
	ca       *authority.Authority
	engineCA *authority.Authority
	ports    map[string]int
	client   *api.Client
	reading  *http.Client // of Prometheus
	store    *pgcluster.Single

	mu    sync.Mutex
	parts []*part // in the order of their start
	gone  chan struct{}
	once  sync.Once
	cause error
}

// Part names a part of the installation that can be killed.
type Part string

// Parts.
const (
	Engine     Part = "temporal"
	Store      Part = "postgres" // of the engine and of the records
	Server     Part = "server"
	Tokyo      Part = "tokyo"
	Osaka      Part = "osaka"
	Prometheus Part = "prometheus"
)

// Start sets everything up in a folder of p.Dir and starts it. When it returns an error, nothing runs.
func Start(ctx context.Context, p demo.Place, programs Binaries) (_ *Installation, err error) {
	i := &Installation{Place: p, programs: programs, home: filepath.Join(p.Dir, "installation"), gone: make(chan struct{})}
	defer func() {
		if err != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			err = errors.Join(err, i.Stop(last))
		}
	}()
	if i.ports, err = ports("muster", "postgres", "frontend", "frontend-membership", "matching", "matching-membership",
		"history", "history-membership", "worker", "worker-membership", "engine-metrics", "prometheus", healthOf(Tokyo), healthOf(Osaka)); err != nil {
		return nil, err
	}
	if i.ca, err = authority.New("muster reference installation", certificatesLast); err != nil {
		return nil, err
	}
	if i.engineCA, err = authority.New("muster reference installation: engine", certificatesLast); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		en, ja string
		do     func(context.Context) error
	}{
		{"setting up PostgreSQL for the engine and the records: TLS, a certificate for each user", "エンジンと記録用のPostgreSQLを構築しています（TLS、ユーザーごとの証明書）", i.startStore},
		{"setting up Temporal: its schema, then the server, which lets in certificates of its own authority only", "Temporalを構築しています（スキーマ作成後にサーバーを起動。専用認証局の証明書のみ接続可）", i.startEngine},
		{"starting muster server (HTTPS) and a worker for each site", "muster server（HTTPS）と各拠点のワーカーを起動しています", i.startMuster},
		{"starting Prometheus, which reads muster and Temporal", "musterとTemporalの指標を収集するPrometheusを起動しています", i.startPrometheus},
	} {
		p.Say(step.en, step.ja)
		if err := step.do(ctx); err != nil {
			return nil, err
		}
	}
	return i, nil
}

// Client is one of the server.
func (i *Installation) Client() *api.Client { return i.client }

// Seal is where the server keeps the key of the evidence.
func (i *Installation) Seal() string { return filepath.Join(i.folder(Server), "data", "seal") }

// URL is where people find the board.
func (i *Installation) URL() string { return fmt.Sprintf("https://127.0.0.1:%d", i.ports["muster"]) }

// EngineAddress is that of Temporal's frontend.
func (i *Installation) EngineAddress() string {
	return fmt.Sprintf("127.0.0.1:%d", i.ports["frontend"])
}

// StoreAddress is that of PostgreSQL.
func (i *Installation) StoreAddress() string { return fmt.Sprintf("127.0.0.1:%d", i.ports["postgres"]) }

// healthOf names the port at which a site's worker says how it is.
func healthOf(site Part) string { return "health-" + string(site) }

// HealthAddress is where a site's worker answers /healthz and /readyz.
func (i *Installation) HealthAddress(site Part) string {
	return fmt.Sprintf("127.0.0.1:%d", i.ports[healthOf(site)])
}

// CAFile is the authority by which the server is known.
func (i *Installation) CAFile() string { return filepath.Join(i.home, "ca.pem") }

// PrometheusURL is that of Prometheus.
func (i *Installation) PrometheusURL() string {
	return fmt.Sprintf("https://127.0.0.1:%d", i.ports["prometheus"])
}

// Starts is how often a part was started.
func (i *Installation) Starts(name Part) int {
	p, err := i.part(name)
	if err != nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.starts
}

// part is the running one of that name; after Stop, the one that ran.
func (i *Installation) part(name Part) (*part, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, p := range i.parts {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("the installation has no part %q", name)
}

func (i *Installation) folder(p Part) string { return filepath.Join(i.home, string(p)) }

// WhileUp is a context that ends, with the reason, when a part is gone for good.
func (i *Installation) WhileUp(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-i.gone:
			cancel(i.cause)
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

// lost says that a part is gone for good.
func (i *Installation) lost(err error) {
	i.once.Do(func() { i.cause = err; close(i.gone) })
}

// Kill ends a part as a power failure does, with everything it started; it is brought back as a
// service manager does that.
func (i *Installation) Kill(ctx context.Context, name Part) error {
	p, err := i.part(name)
	if err != nil {
		return err
	}
	return p.kill(ctx)
}

// Back waits until a part that was killed runs again and answers.
func (i *Installation) Back(ctx context.Context, name Part) error {
	p, err := i.part(name)
	if err != nil {
		return err
	}
	return p.back(ctx)
}

// Stop ends every process, the last one started first.
func (i *Installation) Stop(ctx context.Context) error {
	i.mu.Lock()
	parts := slices.Clone(i.parts)
	i.mu.Unlock()
	if i.client != nil {
		i.client.Close()
	}
	var errs []error
	for n := len(parts) - 1; n >= 0; n-- {
		errs = append(errs, parts[n].stop(ctx))
	}
	return errors.Join(errs...)
}

// write installs a file of a part, readable by the part's user.
func (i *Installation) write(p Part, name string, b []byte) error {
	path := filepath.Join(i.folder(p), name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
