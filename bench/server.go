package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/pgcluster"
)

// The goals of a server that has nothing to do.
const (
	mostIdleMB      = 80
	mostIdlePercent = 1
	scrapeEvery     = 15 * time.Second // as Prometheus does by default
)

// idle is a server that has nothing to do.
type idle struct {
	name, store        string
	systems, scenarios int
	history            bool // a year of it
}

var idleServers = []idle{
	{"new, SQLite", "SQLite", 5, 2, false},
	{"SQLite", "SQLite", historySystems, 50, true},
	{"PostgreSQL", "PostgreSQL", historySystems, 50, true},
}

// server prints what `muster server` needs that has nothing to do but be there, with a Temporal server
// and a record store of its own, while Prometheus reads its figures: a new one with five systems in its files,
// and with 200 systems and a year of history.
func (b *bench) server(ctx context.Context) error {
	dir := filepath.Join(b.dir, "server")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	address, engine, err := b.temporal(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { _ = engine.End(context.WithoutCancel(ctx)) }()
	fmt.Printf("\nidle muster server, with a Temporal server as another process: a new one, and with %d systems in its files and a year of history: %d runs\n", historySystems, historyQuarters*historySystems)
	fmt.Printf("%-12s %8s %10s %12s %10s %10s %10s   goal %d %% of a core, %d MB\n", "store", "window s", "CPU s", "% of a core", "RSS MB", "anonymous", "of files", mostIdlePercent, mostIdleMB)
	var missed error
	for n, s := range idleServers {
		if err := b.idleServer(ctx, filepath.Join(dir, fmt.Sprint(n)), s, address); err != nil {
			missed = errors.Join(missed, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return missed
}

func (b *bench) idleServer(ctx context.Context, dir string, as idle, engine string) (err error) {
	if _, err := writeLarge(filepath.Join(dir, "plans"), as.systems, as.scenarios); err != nil {
		return err
	}
	address, settings := "sqlite:"+filepath.Join(dir, "journal.db"), []string{}
	var options []journal.Option
	if as.store == "PostgreSQL" {
		db, err := pgcluster.CreateOne(ctx, pgcluster.Options{Dir: filepath.Join(dir, "postgres"), WALSegmentMB: 16})
		if err != nil {
			return err
		}
		defer func() {
			_, killed := db.Kill(context.WithoutCancel(ctx))
			err = errors.Join(err, killed)
		}()
		address = fmt.Sprintf("postgres://%s@%s:%d/postgres", db.User, db.Host, db.Port)
		password := filepath.Join(dir, "password")
		if err := os.WriteFile(password, []byte(db.Password), 0o600); err != nil {
			return err
		}
		settings = append(settings, fmt.Sprintf("store_password: secret://file%s", password))
		options = append(options, journal.Password(func(context.Context) (string, error) { return db.Password, nil }))
	}
	store, err := journal.Open(ctx, address, options...)
	if err != nil {
		return err
	}
	toSeal := 0.0
	if as.history {
		toSeal = 2 * historyQuarters * historySystems // a run and its due day are a record each
		if _, _, err = writeHistory(ctx, store, newHistoryFiles(), 1); err == nil {
			_, err = (&outcome.Keeper{Store: store, Log: slog.New(slog.DiscardHandler)}).Due(ctx)
		}
	}
	if err := errors.Join(err, store.Close()); err != nil {
		return err
	}
	s, err := b.startAs(ctx, "server", dir, append(settings, fmt.Sprintf("store: %q", address), fmt.Sprintf("temporal: {address: %q, namespace: %s}", engine, as.store))...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.process.End(context.WithoutCancel(ctx))) }()
	reading, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		for pause(reading, scrapeEvery) == nil {
			_, _ = s.goroutines()
		}
	}()
	// The history was written past the server: what it has to seal comes once, and is not idle.
	began := time.Now()
	for {
		sealed, err := s.metric(`muster_evidence_runs{state="sealed"}`)
		if err == nil && sealed >= toSeal {
			break
		}
		if pause(ctx, 5*time.Second) != nil {
			return fmt.Errorf("%.0f runs of the history were sealed: %w", sealed, errors.Join(err, context.Cause(ctx)))
		}
		if s.process.Ended() {
			return s.process.Failure()
		}
	}
	fmt.Printf("%-12s sealed %.0f records within %s of its start\n", as.name, toSeal, time.Since(began).Round(time.Second))
	if err := pause(ctx, 3*settling); err != nil {
		return err
	}
	var missed error
	for range 3 {
		f, err := watch(ctx, s.process, b.window)
		if err != nil {
			return err
		}
		held := "held"
		if f.percent() >= mostIdlePercent || f.rss >= mostIdleMB {
			held = "NOT HELD"
			missed = fmt.Errorf("%.2f %% of a core, %.1f MB", f.percent(), f.rss)
		}
		fmt.Printf("%-12s %8.0f %10.2f %12.2f %10.1f %10.1f %10.1f   %s\n", as.name, f.wall.Seconds(), f.cpu.Seconds(), f.percent(), f.rss, f.own, f.rss-f.own, held)
	}
	return missed
}

// temporal starts a Temporal server of Temporal's own make, in memory, with a namespace for each
// kind of record store.
func (b *bench) temporal(ctx context.Context, dir string) (address string, p *child.Process, err error) {
	binary := filepath.Join(b.bin, "reference", "temporal-server")
	if _, err := os.Stat(binary); err != nil {
		return "", nil, fmt.Errorf("%w: make temporal", err)
	}
	ports, err := freeport.Several(8)
	if err != nil {
		return "", nil, err
	}
	text := `log: {stdout: true, level: warn}
persistence:
  numHistoryShards: 1
  defaultStore: main
  visibilityStore: main
  datastores:
    main: {sql: {pluginName: sqlite, databaseName: default, connectAddr: localhost, connectProtocol: tcp, connectAttributes: {mode: memory, cache: private}, maxConns: 1, maxIdleConns: 1}}
global:
  membership: {maxJoinDuration: 30s, broadcastAddress: 127.0.0.1}
clusterMetadata:
  enableGlobalNamespace: false
  failoverVersionIncrement: 10
  masterClusterName: active
  currentClusterName: active
`
	text += fmt.Sprintf("  clusterInformation: {active: {enabled: true, initialFailoverVersion: 1, rpcName: frontend, rpcAddress: \"127.0.0.1:%d\"}}\nservices:\n", ports[0])
	for n, name := range []string{"frontend", "matching", "history", "worker"} {
		text += fmt.Sprintf("  %s: {rpc: {grpcPort: %d, membershipPort: %d, bindOnLocalHost: true}}\n", name, ports[2*n], ports[2*n+1])
	}
	text += fmt.Sprintf("publicClient: {hostPort: \"127.0.0.1:%d\"}\ndcRedirectionPolicy: {policy: noop}\n", ports[0])
	file := filepath.Join(dir, "temporal.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return "", nil, err
	}
	address = fmt.Sprintf("127.0.0.1:%d", ports[0])
	p, err = child.Start("temporal-server", filepath.Join(dir, "temporal.log"), binary, os.Environ(), "--config-file", file, "--allow-no-auth", "start")
	if err != nil {
		return "", nil, err
	}
	if err := makeNamespaces(ctx, p, address); err != nil {
		return "", nil, errors.Join(err, p.End(context.WithoutCancel(ctx)))
	}
	return address, p, nil
}

func makeNamespaces(ctx context.Context, p *child.Process, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for _, namespace := range []string{"SQLite", "PostgreSQL"} {
		for {
			c, err := client.NewNamespaceClient(client.Options{HostPort: address})
			if err == nil {
				err = c.Register(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: namespace, WorkflowExecutionRetentionPeriod: durationpb.New(30 * 24 * time.Hour)})
				c.Close()
			}
			if err == nil {
				break
			}
			if p.Ended() {
				return p.Failure()
			}
			if pause(ctx, 200*time.Millisecond) != nil {
				return fmt.Errorf("the Temporal server takes no namespace: %w", err)
			}
		}
	}
	return nil
}
