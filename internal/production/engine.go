package production

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/plan"
)

// startEngine makes the engine's schema, starts it and makes muster's namespace.
func (i *Installation) startEngine(ctx context.Context) error {
	dir := i.folder(Engine)
	for _, name := range []string{"temporal.yaml", "dynamic.yaml"} {
		if err := i.copy(Engine, name); err != nil {
			return err
		}
	}
	certs := filepath.Join(dir, "tls")
	if err := i.trust(Engine); err != nil {
		return err
	}
	if _, err := i.engineCA.Issue(certs, "temporal", "temporal", "localhost", "127.0.0.1"); err != nil {
		return err
	}
	database, err := i.ca.IssueAs(certs, "database", "temporal")
	if err != nil {
		return err
	}
	if err := i.own(Engine, dir); err != nil {
		return err
	}
	binary, err := i.install(i.programs.Temporal, "temporal-server")
	if err != nil {
		return err
	}
	for _, name := range []string{"temporal", "temporal_visibility"} {
		if err := i.schema(ctx, name, database); err != nil {
			return err
		}
	}
	own, err := i.engineCA.Issue(i.home, "engine-client")
	if err != nil {
		return err
	}
	err = i.begin(ctx, &part{name: Engine,
		launch: func() (*child.Process, error) {
			return i.process(Engine, binary, i.engineEnv(), "--config-file", "temporal.yaml", "--allow-no-auth", "start")
		},
		answers: func(ctx context.Context) error {
			c, err := i.namespaces(own)
			if err != nil {
				return err
			}
			defer c.Close()
			ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
			defer cancel()
			_, err = c.Describe(ctx, namespace)
			if missing := new(serviceerror.NamespaceNotFound); errors.As(err, &missing) {
				return nil
			}
			return err
		},
	})
	if err != nil {
		return err
	}
	return i.makeNamespace(ctx, own)
}

func (i *Installation) engineEnv() []string {
	port := func(name string) string { return fmt.Sprint(i.ports[name]) }
	return []string{
		"LOG_LEVEL=warn", "NUM_HISTORY_SHARDS=4", "BIND_ON_IP=127.0.0.1",
		"POSTGRES_ADDRESS=127.0.0.1:" + port("postgres"), "METRICS_ADDRESS=127.0.0.1:" + port("engine-metrics"),
		"FRONTEND_GRPC_PORT=" + port("frontend"), "FRONTEND_MEMBERSHIP_PORT=" + port("frontend-membership"),
		"MATCHING_GRPC_PORT=" + port("matching"), "MATCHING_MEMBERSHIP_PORT=" + port("matching-membership"),
		"HISTORY_GRPC_PORT=" + port("history"), "HISTORY_MEMBERSHIP_PORT=" + port("history-membership"),
		"WORKER_GRPC_PORT=" + port("worker"), "WORKER_MEMBERSHIP_PORT=" + port("worker-membership"),
	}
}

// schema makes a database's tables with Temporal's own tool.
func (i *Installation) schema(ctx context.Context, database string, as authority.Pair) error {
	versions := map[string]string{"temporal": "postgresql/v12/temporal", "temporal_visibility": "postgresql/v12/visibility"}
	connection := []string{"--plugin", "postgres12_pgx", "--endpoint", "127.0.0.1", "--port", fmt.Sprint(i.ports["postgres"]), "--user", "temporal", "--database", database,
		"--tls", "--tls-ca-file", filepath.Join(i.folder(Engine), "tls", "ca.pem"), "--tls-cert-file", as.Cert, "--tls-key-file", as.Key, "--tls-server-name", "postgres"}
	for _, step := range [][]string{{"setup-schema", "--version", "0.0"}, {"update-schema", "--schema-name", versions[database]}} {
		out, err := exec.CommandContext(ctx, i.programs.SchemaTool, append(append([]string{}, connection...), step...)...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("the schema of %s: %s: %w: %s", database, step[0], err, last(string(out), 5))
		}
	}
	return nil
}

// engineTLS is how a client with a certificate speaks with the engine.
func (i *Installation) engineTLS(as authority.Pair) (*tls.Config, error) {
	pair, err := as.Load()
	if err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: i.engineCA.Roots(), ServerName: "temporal", Certificates: []tls.Certificate{pair}}, nil
}

func (i *Installation) namespaces(as authority.Pair) (client.NamespaceClient, error) {
	secured, err := i.engineTLS(as)
	if err != nil {
		return nil, err
	}
	return client.NewNamespaceClient(client.Options{HostPort: i.EngineAddress(), ConnectionOptions: client.ConnectionOptions{TLS: secured}})
}

// makeNamespace makes muster's namespace and waits until every part of the engine knows it.
func (i *Installation) makeNamespace(ctx context.Context, as authority.Pair) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := i.namespaces(as)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		err := c.Register(ctx, &workflowservice.RegisterNamespaceRequest{Namespace: namespace, Description: "muster's drills and responses",
			WorkflowExecutionRetentionPeriod: durationpb.New(retention)})
		there := new(serviceerror.NamespaceAlreadyExists)
		if err == nil || errors.As(err, &there) {
			break
		}
		if pause(ctx) != nil {
			return fmt.Errorf("make the namespace %s: %w", namespace, err)
		}
	}
	for {
		err := i.polled(ctx, as, "") // a question that needs the namespace everywhere
		if err == nil {
			return nil
		}
		if pause(ctx) != nil {
			return fmt.Errorf("the namespace %s is not known everywhere: %w", namespace, err)
		}
	}
}

// polled reports whether the process with the identity asks for a site's work now; "" asks for no
// work of anybody.
func (i *Installation) polled(ctx context.Context, as authority.Pair, site string, identity ...string) error {
	secured, err := i.engineTLS(as)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	c, err := client.DialContext(ctx, client.Options{HostPort: i.EngineAddress(), Namespace: namespace, ConnectionOptions: client.ConnectionOptions{TLS: secured}, Logger: silent{}})
	if err != nil {
		return err
	}
	defer c.Close()
	got, err := c.DescribeTaskQueue(ctx, plan.SiteQueue(site), enumspb.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil || len(identity) == 0 {
		return err
	}
	for _, p := range got.GetPollers() {
		if strings.HasPrefix(p.GetIdentity(), identity[0]) {
			return nil
		}
	}
	return fmt.Errorf("no worker asks for the work of %s", site)
}

// silent drops what the SDK says while it is asked whether the engine is there yet.
type silent struct{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}

// trust writes the authorities' certificates into a part's folder.
func (i *Installation) trust(p Part) error {
	if err := i.write(p, "tls/ca.pem", i.ca.PEM()); err != nil {
		return err
	}
	return i.write(p, "tls/engine-ca.pem", i.engineCA.PEM())
}
