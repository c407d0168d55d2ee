package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/muster-dr/muster/internal/run"
)

// Site is what the engine knows of a site's workers.
type Site struct {
	Site     string
	Workers  int       // that ask for work now
	LastSeen time.Time // zero: not since this server started
}

// Engine is whether the engine answers.
type Engine struct {
	Up   bool
	Took time.Duration
	// Canary is of the embedded engine; nil elsewhere.
	Canary *Canary
}

// Canary is a small workflow by which the embedded engine shows that work moves on.
type Canary struct {
	OK       bool
	LastOK   time.Time
	Took     time.Duration
	Restarts int
}

// Ready is the newest readiness check of a scenario.
type Ready struct {
	Scenario string
	Ready    bool
	At       time.Time
}

// Certificate is one that this server reads or has issued.
type Certificate struct {
	Certificate string // as in CertificateKinds
	Site        string // "" unless it is a site's
	NotAfter    time.Time
}

// CertificateKinds are the values of the label certificate.
func CertificateKinds() []string {
	return []string{"server", "gateway_ca", "site", "engine_client", "engine_ca", "store_client", "store_ca", "store_server"}
}

// Plant is where the parts of an installation are asked how they are.
type Plant struct {
	Sites        func(context.Context) ([]Site, error)
	Engine       func(context.Context) Engine
	Parked       func(context.Context) (map[run.Kind]int, error) // open runs that this program can't carry on
	Left         func(context.Context) (map[string]bool, error)  // systems, and whether a run left its clean-up to people
	Ready        func(context.Context) ([]Ready, error)
	Certificates func(context.Context) []Certificate
	Tokens       func(context.Context) (map[string]time.Time, error) // by their public IDs, those that somebody relies on, and when they end
}

var (
	siteWorkersDesc = desc("muster_site_workers", "Workers of a site that ask the engine for work.", "site")
	siteSeenDesc    = desc("muster_site_worker_last_seen_timestamp_seconds", "When a worker of the site last asked for work; 0 is not since this server started.", "site")

	engineUpDesc   = desc("muster_engine_up", "1 while the engine answers this server.")
	engineTookDesc = desc("muster_engine_answer_duration_seconds", "How long the engine took to answer a health check.")
	canaryUpDesc   = desc("muster_engine_canary_up", "1 while the canary, a small workflow, gets through the embedded engine. There is none with an engine of one's own.")
	canarySeenDesc = desc("muster_engine_canary_last_success_timestamp_seconds", "When the canary last got through the embedded engine; 0 is not since this server started.")
	canaryTookDesc = desc("muster_engine_canary_duration_seconds", "How long the canary took the last time it got through.")
	restartsDesc   = desc("muster_engine_restarts", "How often this server has started its embedded engine again.")

	parkedDesc     = desc("muster_runs_parked", "Open runs that stand still because this version of muster can't carry them on, by kind. They go on with one that can.", "kind")
	leftDesc       = desc("muster_cleanup_incomplete", "1 where a run ended and left the clean-up of a system to people: it is held until somebody releases it.", "system")
	readyDesc      = desc("muster_scenario_ready", "1 where the newest readiness check of a scenario found nothing wrong, else 0. Blind scenarios, and those never checked, have none.", "scenario")
	readyAtDesc    = desc("muster_scenario_check_timestamp_seconds", "When that check ended.", "scenario")
	tokenEnd       = desc("muster_token_expires_timestamp_seconds", "When a personal token ends, by its public ID: one that was used within the last 30 days, was not revoked and in whose place no newer one of the same name is. It is told for a week after its end.", "token")
	certificateEnd = desc("muster_certificate_not_after_timestamp_seconds", "When a certificate ends that this server reads or has issued, or that the record store's servers show; the label site is empty unless it is a site's.", "certificate", "site")
)

// Plant adds how the parts of the installation are.
func (m *Metrics) Plant(p Plant) {
	m.registry.MustRegister(
		&cached{keep: 10 * time.Second, descs: []*prometheus.Desc{engineUpDesc, engineTookDesc, canaryUpDesc, canarySeenDesc, canaryTookDesc, restartsDesc}, read: func(ctx context.Context, put putter) {
			e := p.Engine(ctx)
			put(engineUpDesc, truth(e.Up))
			put(engineTookDesc, e.Took.Seconds())
			if c := e.Canary; c != nil {
				put(canaryUpDesc, truth(c.OK))
				put(canarySeenDesc, seconds(c.LastOK))
				put(canaryTookDesc, c.Took.Seconds())
				put(restartsDesc, float64(c.Restarts))
			}
		}},
		&cached{keep: 15 * time.Second, descs: []*prometheus.Desc{siteWorkersDesc, siteSeenDesc}, read: func(ctx context.Context, put putter) {
			sites, err := p.Sites(ctx)
			if err != nil { // nobody can tell while the engine is away, which muster_engine_up says
				return
			}
			for _, s := range sites {
				put(siteWorkersDesc, float64(s.Workers), s.Site)
				put(siteSeenDesc, seconds(s.LastSeen), s.Site)
			}
		}},
		&cached{keep: 15 * time.Second, descs: []*prometheus.Desc{parkedDesc}, read: func(ctx context.Context, put putter) {
			parked, err := p.Parked(ctx)
			if err != nil { // as with workers
				return
			}
			for _, kind := range []run.Kind{run.Drill, run.Response, run.Readiness} {
				put(parkedDesc, float64(parked[kind]), string(kind))
			}
		}},
		&cached{keep: time.Minute, descs: []*prometheus.Desc{leftDesc}, read: func(ctx context.Context, put putter) {
			left, err := p.Left(ctx)
			if err != nil {
				return
			}
			for system, is := range left {
				put(leftDesc, truth(is), system)
			}
		}},
		&cached{keep: time.Minute, descs: []*prometheus.Desc{readyDesc, readyAtDesc}, read: func(ctx context.Context, put putter) {
			list, err := p.Ready(ctx)
			if err != nil {
				return
			}
			for _, r := range list {
				put(readyDesc, truth(r.Ready), r.Scenario)
				put(readyAtDesc, seconds(r.At), r.Scenario)
			}
		}},
		&cached{keep: time.Minute, descs: []*prometheus.Desc{tokenEnd}, read: func(ctx context.Context, put putter) {
			ends, err := p.Tokens(ctx)
			if err != nil { // muster_store_errors_total says it
				return
			}
			for token, at := range ends {
				put(tokenEnd, seconds(at), token)
			}
		}},
		&cached{keep: time.Minute, descs: []*prometheus.Desc{certificateEnd}, read: func(ctx context.Context, put putter) {
			for _, c := range p.Certificates(ctx) {
				put(certificateEnd, seconds(c.NotAfter), c.Certificate, c.Site)
			}
		}},
	)
}
