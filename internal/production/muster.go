package production

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-dr/muster/deploy/config"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/child"
)

// startMuster starts the server and a worker for each site.
func (i *Installation) startMuster(ctx context.Context) error {
	binary, err := i.install(i.Binary, "muster")
	if err != nil {
		return err
	}
	// What the engine keeps of runs is encrypted with keys that it never sees.
	if out, err := exec.CommandContext(ctx, binary, "key", "new", "--keyring", filepath.Join(i.home, "keyring")).CombinedOutput(); err != nil {
		return fmt.Errorf("make the keys of the histories: %w: %s", err, last(string(out), 5))
	}
	if err := i.startServer(ctx, binary); err != nil {
		return err
	}
	for _, site := range []Part{Tokyo, Osaka} {
		if err := i.startWorker(ctx, binary, site); err != nil {
			return err
		}
	}
	return i.settings()
}

// member prepares the folder of a muster process: its settings, its certificates, the plans.
func (i *Installation) member(p Part) (engine authority.Pair, err error) {
	if err := i.copy(p, "muster.yaml"); err != nil {
		return engine, err
	}
	if err := i.trust(p); err != nil {
		return engine, err
	}
	if err := os.Symlink(i.Plans, filepath.Join(i.folder(p), "plans")); err != nil {
		return engine, err
	}
	keys, err := os.ReadFile(filepath.Join(i.home, "keyring"))
	if err != nil {
		return engine, err
	}
	if err := i.secret(p, "keyring", string(keys)); err != nil {
		return engine, err
	}
	return i.engineCA.IssueAs(filepath.Join(i.folder(p), "tls"), "engine", string(p))
}

func (i *Installation) startServer(ctx context.Context, binary string) error {
	dir := i.folder(Server)
	if _, err := i.member(Server); err != nil {
		return err
	}
	certs := filepath.Join(dir, "tls")
	if _, err := i.ca.Issue(certs, "server", "muster", "localhost", "127.0.0.1"); err != nil {
		return err
	}
	if _, err := i.ca.IssueAs(certs, "database", "muster"); err != nil {
		return err
	}
	if err := i.own(Server, dir); err != nil {
		return err
	}
	return i.begin(ctx, &part{name: Server,
		launch: func() (*child.Process, error) {
			return i.process(Server, binary, []string{"MUSTER_CONFIG=muster.yaml", i.keyring(Server), "MUSTER_LANG=" + string(i.Lang), "MUSTER_STORE=" + i.records(),
				fmt.Sprintf("MUSTER_LISTEN=127.0.0.1:%d", i.ports["muster"]), "MUSTER_PUBLIC_URL=" + i.URL(), "MUSTER_TEMPORAL_ADDRESS=" + i.EngineAddress()}, "server")
		},
		answers: func(ctx context.Context) error {
			token, err := os.ReadFile(filepath.Join(dir, "data", "token"))
			if err != nil {
				return err
			}
			if i.client == nil {
				i.client = api.Connect(i.URL(), strings.TrimSpace(string(token)), string(i.Lang)).Trusting(i.ca.Roots())
			}
			ctx, cancel := context.WithTimeout(ctx, 12*time.Second)
			defer cancel()
			h, err := i.client.Health(ctx)
			if err == nil && !h.OK {
				err = fmt.Errorf("it is not well: engine %q, store %q", h.Engine, h.Store)
			}
			return err
		},
	})
}

// keyring is the setting by which a part finds the keys of the histories.
func (i *Installation) keyring(p Part) string {
	return "MUSTER_ENCRYPTION_KEYRING=secret://file" + filepath.Join(i.folder(p), "keyring")
}

// records is the address of the record store.
func (i *Installation) records() string {
	return fmt.Sprintf("postgres://muster@127.0.0.1:%d/muster?sslmode=verify-full&sslrootcert=tls/ca.pem&sslcert=tls/database.pem&sslkey=tls/database-key.pem", i.ports["postgres"])
}

func (i *Installation) startWorker(ctx context.Context, binary string, site Part) error {
	engine, err := i.member(site)
	if err != nil {
		return err
	}
	if err := i.own(site, i.folder(site)); err != nil {
		return err
	}
	p := &part{name: site, launch: func() (*child.Process, error) {
		return i.process(site, binary, []string{"MUSTER_CONFIG=muster.yaml", i.keyring(site), "MUSTER_LANG=" + string(i.Lang), "MUSTER_SITE=" + string(site), "MUSTER_HEALTH_LISTEN=" + i.HealthAddress(site),
			"MUSTER_TEMPORAL_ADDRESS=" + i.EngineAddress()}, "worker")
	}}
	p.answers = func(ctx context.Context) error {
		return i.polled(ctx, engine, string(site), fmt.Sprintf("%d@", p.pid()))
	}
	return i.begin(ctx, p)
}

// settings lets the commands reach the server: MUSTER_CONFIG=DIR/muster.yaml muster drill list.
func (i *Installation) settings() error {
	ca := i.CAFile()
	text := fmt.Sprintf("# For the commands: MUSTER_CONFIG=%s muster drill list\nserver: %q\nserver_ca_file: %q\ntoken_file: %q\nperson: %q\nlang: %q\nplans: %q\n",
		filepath.Join(i.Dir, "muster.yaml"), i.URL(), ca, filepath.Join(i.folder(Server), "data", "token"), i.Person, i.Lang, i.Plans)
	return errors.Join(os.WriteFile(ca, i.ca.PEM(), 0o644), os.WriteFile(filepath.Join(i.Dir, "muster.yaml"), []byte(text), 0o644))
}

// copy installs a file of settings that every installation shares.
func (i *Installation) copy(p Part, name string) error {
	b, err := config.Files.ReadFile(name)
	if err != nil {
		return err
	}
	return i.write(p, name, b)
}
