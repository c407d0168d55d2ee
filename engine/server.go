package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"net"
	"os"
	"strconv"
	"syscall"
	"time"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	"go.temporal.io/server/common/primitives"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"go.temporal.io/server/temporal"
	"google.golang.org/protobuf/types/known/durationpb"
)

// Namespaces of an engine. The canary's is apart so that its little workflows are gone
// after an hour and in nobody's list.
const (
	Namespace       = "muster"
	CanaryNamespace = "muster-canary"
)

const (
	retention       = 90 * 24 * time.Hour
	canaryRetention = time.Hour
	clusterName     = "active"
	loopback        = "127.0.0.1"
)

// Options of an engine.
type Options struct {
	Dir string // data directory, made when it is not there
	// Port and UIPort are fixed ports that must be free; 0 takes those of the last
	// time if they are free, else any.
	Port, UIPort int
	Log          slog.Handler
	// LogLevel is the lowest level at which the server itself is heard.
	LogLevel slog.Level
	// TimeSkipping lets workflows be told to skip the time that they wait: for simulations.
	TimeSkipping bool
}

// Engine is a running server.
type Engine struct {
	Endpoint Endpoint

	opts   Options
	lock   *lock
	log    logger
	server temporal.Server
	ui     *ui
}

// Start starts an engine and returns when it answers. One process can start one engine
// for a directory, and only once: the server's driver never lets go of a file.
func Start(ctx context.Context, o Options) (_ *Engine, err error) {
	e := &Engine{opts: o, log: newLogger(o.Log, o.LogLevel)}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", explain(err))
	}
	if e.lock, err = acquire(ctx, o.Dir); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.lock.release())
		}
	}()
	last := readEndpoint(o.Dir)
	p, err := choosePorts(o, last)
	if err != nil {
		return nil, err
	}
	e.Endpoint = Endpoint{
		Address:   address(p.frontend),
		Token:     orRandom(last.Token),
		Namespace: Namespace,
		UIKey:     orRandom(last.UIKey),
		PID:       os.Getpid(),
	}
	e.Endpoint.UIAddress = fmt.Sprintf("http://%s/?%s=%s", address(p.ui), uiKeyParameter, e.Endpoint.UIKey)
	if err := prepare(ctx, o.Dir); err != nil {
		return nil, err
	}
	if e.server, err = newServer(o, p, e.Endpoint.Token, e.log); err != nil {
		return nil, err
	}
	if err := e.server.Start(); err != nil {
		return nil, fmt.Errorf("start the Temporal server: %w", explain(err))
	}
	if e.ui, err = startUI(e.Endpoint, p); err == nil {
		err = writeEndpoint(o.Dir, e.Endpoint)
	}
	if err != nil {
		return nil, errors.Join(err, e.server.Stop())
	}
	return e, nil
}

// Stop ends the engine and leaves one file that holds everything. It takes about a
// second.
func (e *Engine) Stop() error {
	e.lock.stopping()
	e.log.quiet.Store(true)
	e.ui.stop()
	return errors.Join(e.server.Stop(), checkpoint(e.opts.Dir), e.lock.release())
}

// Discard removes the engine's files under its feet; the process must end then. It is
// for tests, whose data nobody needs again.
func (e *Engine) Discard() error {
	e.log.quiet.Store(true)
	discard(e.opts.Dir)
	return nil
}

func newServer(o Options, p ports, token string, log logger) (temporal.Server, error) {
	dir := o.Dir
	tls, err := newInner()
	if err != nil {
		return nil, err
	}
	cfg, hosts := configure(dir, p)
	var namespaces []*sqliteschema.NamespaceConfig
	for name, keep := range map[string]time.Duration{Namespace: retention, CanaryNamespace: canaryRetention} {
		ns, err := sqliteschema.NewNamespaceConfig(clusterName, name, false, nil)
		if err != nil {
			return nil, err
		}
		ns.Detail.Config.Retention = durationpb.New(keep)
		namespaces = append(namespaces, ns)
	}
	if err := sqliteschema.CreateNamespaces(sqlConfig(dir), namespaces...); err != nil {
		return nil, fmt.Errorf("make the namespaces: %w", explain(err))
	}
	return temporal.NewServer(
		temporal.WithConfig(cfg),
		temporal.ForServices(append([]string{string(primitives.InternalFrontendService)}, temporal.DefaultServices...)),
		temporal.WithStaticHosts(hosts),
		temporal.WithLogger(log),
		temporal.WithAuthorizer(authorization.NewDefaultAuthorizer()),
		temporal.WithClaimMapper(claimMapper(token)),
		temporal.WithTLSConfigFactory(tls),
		temporal.WithDynamicConfigClient(tuning(o.TimeSkipping)),
	)
}

func configure(dir string, p ports) (*config.Config, map[primitives.ServiceName]static.Hosts) {
	services, hosts := map[string]config.Service{}, map[primitives.ServiceName]static.Hosts{}
	for name, port := range map[primitives.ServiceName]int{
		primitives.FrontendService:         p.frontend,
		primitives.InternalFrontendService: p.internal,
		primitives.HistoryService:          p.history,
		primitives.MatchingService:         p.matching,
		primitives.WorkerService:           p.worker,
	} {
		services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: port, BindOnIP: loopback}}
		hosts[name] = static.Hosts{All: []string{address(port)}, Self: address(port)}
	}
	const off = "disabled"
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: loopback}},
		Persistence: config.Persistence{
			DefaultStore: sqlite.PluginName, VisibilityStore: sqlite.PluginName,
			NumHistoryShards: 1, // can never be changed for a file; more are no faster on SQLite
			DataStores:       map[string]config.DataStore{sqlite.PluginName: {SQL: sqlConfig(dir)}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: clusterName, CurrentClusterName: clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{
				clusterName: {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address(p.frontend)},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		Archival:            config.Archival{History: config.HistoryArchival{State: off}, Visibility: config.VisibilityArchival{State: off}},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: off},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: off},
		}},
	}, hosts
}

func orRandom(s string) string {
	if s != "" {
		return s
	}
	return rand.Text() + rand.Text()[:6] // 160 bits
}

func address(port int) string { return net.JoinHostPort(loopback, strconv.Itoa(port)) }

// ports are those an engine listens on. Only the first and the last are for others.
type ports struct{ frontend, internal, history, matching, worker, uiBehind, ui int }

// The engine listens a moment after its ports were chosen. Meanwhile the kernel must not
// give one to a connection that somebody opens, so its own are taken below the range from
// which kernels do that (Linux 32768, others 49152).
const lowestInner, innerPorts = 20000, 12000

// listenInner holds a free port of the engine's own.
func listenInner() (l net.Listener, err error) {
	for range 50 {
		if l, err = net.Listen("tcp", address(lowestInner+mathrand.IntN(innerPorts))); err == nil {
			return l, nil
		}
	}
	return net.Listen("tcp", address(0))
}

// choosePorts takes free ports by holding them all at once and letting them go together.
func choosePorts(o Options, last Endpoint) (p ports, err error) {
	var held []net.Listener
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	take := func(to *int, wanted int, must bool, what, flag string) {
		if err != nil {
			return
		}
		var l net.Listener
		e := errors.ErrUnsupported
		if wanted != 0 {
			l, e = net.Listen("tcp", address(wanted))
		}
		if e != nil && !must {
			l, e = listenInner()
		}
		if e != nil {
			err = fmt.Errorf("port of %s: %w", what, e)
			if errors.Is(e, syscall.EADDRINUSE) {
				err = fmt.Errorf("port %d of %s is taken by another program; end that one, or give another port with %s (0 takes a free one)", wanted, what, flag)
			}
			return
		}
		held = append(held, l)
		*to = l.Addr().(*net.TCPAddr).Port
	}
	takeOuter := func(to *int, given int, lastAddress, what, flag string) {
		if given != 0 {
			take(to, given, true, what, flag)
			return
		}
		take(to, portOf(lastAddress), false, what, flag)
	}
	takeOuter(&p.frontend, o.Port, last.Address, "the engine", "--port")
	takeOuter(&p.ui, o.UIPort, last.uiHost(), "the engine's web UI", "--ui-port")
	for _, to := range []*int{&p.internal, &p.history, &p.matching, &p.worker, &p.uiBehind} {
		take(to, 0, false, "the engine's own services", "")
	}
	return p, err
}

func portOf(hostport string) int {
	_, s, err := net.SplitHostPort(hostport)
	if err != nil {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 65535 {
		return 0
	}
	return n
}
