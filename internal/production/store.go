package production

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/deploy/config"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/pgcluster"
)

// startStore makes the database server of the engine and of the records, and its users and databases.
func (i *Installation) startStore(ctx context.Context) error {
	if err := os.MkdirAll(i.home, 0o755); err != nil {
		return err
	}
	if err := passable(i.home); err != nil {
		return err
	}
	tls := filepath.Join(i.home, "postgres-tls")
	if err := os.Mkdir(tls, 0o755); err != nil {
		return err
	}
	pair, err := i.ca.Issue(tls, "postgres", "postgres", "localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	ca := filepath.Join(tls, "ca.pem")
	if err := os.WriteFile(ca, i.ca.PEM(), 0o644); err != nil {
		return err
	}
	if err := i.own(Store, tls); err != nil {
		return err
	}
	rules, err := config.Files.ReadFile("pg_hba.conf")
	if err != nil {
		return err
	}
	db, err := pgcluster.CreateOne(ctx, pgcluster.Options{Dir: filepath.Join(i.home, "database"), RunAs: i.RunAs, PrimaryName: string(Store),
		PrimaryPort: i.ports["postgres"], Rules: string(rules), WALSegmentMB: 4,
		Settings: map[string]string{"ssl": "on", "ssl_cert_file": pair.Cert, "ssl_key_file": pair.Key, "ssl_ca_file": ca, "max_connections": "100"}})
	if err != nil {
		return err
	}
	i.store = db
	err = i.createDatabases(ctx, db, ca)
	if stop := db.Stop(ctx, pgcluster.Fast); err == nil {
		err = stop
	}
	if err != nil {
		return err
	}
	if err := os.MkdirAll(i.folder(Store), 0o755); err != nil {
		return err
	}
	if err := i.own(Store, i.folder(Store)); err != nil {
		return err
	}
	return i.begin(ctx, &part{name: Store,
		launch: func() (*child.Process, error) {
			return i.process(Store, filepath.Join(db.Bin, "postgres"), nil, "-D", db.Data, "-c", "config_file="+db.Config)
		},
		answers: func(ctx context.Context) error {
			c, err := pgx.Connect(ctx, superuser(db, ca, "postgres"))
			if err != nil {
				return err
			}
			defer func() { _ = c.Close(ctx) }()
			return c.Ping(ctx)
		},
		killAll: func(ctx context.Context) error { _, err := db.Kill(ctx); return err },
		end:     func(ctx context.Context) error { return db.Stop(ctx, pgcluster.Fast) },
	})
}

// letProbe gives the user of the shipped drill's probe a password, as an operator does with \password, and returns it.
func (i *Installation) letProbe(ctx context.Context) (string, error) {
	c, err := pgx.Connect(ctx, superuser(i.store, filepath.Join(i.home, "postgres-tls", "ca.pem"), "postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close(ctx) }()
	word := rand.Text()
	_, err = c.Exec(ctx, "ALTER ROLE muster_probe PASSWORD '"+word+"'")
	return word, err
}

func superuser(db *pgcluster.Single, ca, database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(db.User, db.Password), Host: fmt.Sprintf("127.0.0.1:%d", db.Port), Path: "/" + database,
		RawQuery: url.Values{"sslmode": {"verify-full"}, "sslrootcert": {ca}}.Encode()}
	return u.String()
}

func (i *Installation) createDatabases(ctx context.Context, db *pgcluster.Single, ca string) error {
	statements, err := config.Files.ReadFile("databases.sql")
	if err != nil {
		return err
	}
	c, err := pgx.Connect(ctx, superuser(db, ca, "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close(ctx) }()
	for _, s := range split(string(statements)) {
		if _, err := c.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}
