package cases_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The group ipa-tsunami has the town's database with all of its data, an empty one on high
// ground, the contractor's medium with part of the data as it was twelve days ago, and a
// salvaged disk.
func init() {
	servers["ipa-tsunami"] = func(t *testing.T, g *group) {
		dir := folders(t, "old/tapes", "old/manuals", "contractor/medium", "salvaged/disk", "new")
		old, rebuilt, secret := apart(t)
		old.Exec(t, `CREATE TABLE households (id bigint PRIMARY KEY, address text NOT NULL, changed_at timestamptz NOT NULL);
			CREATE TABLE residents (id bigint PRIMARY KEY, household bigint NOT NULL REFERENCES households, changed_at timestamptz NOT NULL);
			CREATE TABLE accounts (id bigint PRIMARY KEY, amount bigint NOT NULL, changed_at timestamptz NOT NULL);
			CREATE TABLE tax (id bigint PRIMARY KEY, resident bigint NOT NULL);
			CREATE TABLE land (id bigint PRIMARY KEY, owner bigint NOT NULL);
			CREATE TABLE data_sets (name text PRIMARY KEY, owner text NOT NULL, way text NOT NULL);
			INSERT INTO households SELECT n, n || ' Minato', now() - interval '12 days' FROM generate_series(1, 400) n;
			INSERT INTO residents SELECT n, 1 + n % 400, now() - interval '12 days' - n * interval '1 hour' FROM generate_series(1, 1000) n;
			INSERT INTO accounts SELECT n, n, now() - interval '3 days' FROM generate_series(1, 200) n;
			INSERT INTO data_sets VALUES ('residents', 'sasaki', 'copy'), ('households', 'sasaki', 'copy'), ('accounts', 'chiba', 'salvage'), ('tax', 'abe', 're-entry'), ('land', 'abe', 'salvage')`)
		part := filepath.Join(dir, "contractor/medium/part.dump")
		client(t, old, "pg_dump", "--format=custom", "--file="+part, "--table=residents", "--table=households", "--table=data_sets")
		b, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		list := fmt.Sprintf("# muster manifest 1\n# medium: TOWN-09\n# holder: contractor's office, Ichinoseki\n%x  part.dump\n", sha256.Sum256(b))
		if err := os.WriteFile(filepath.Join(dir, "contractor/medium.sha256"), []byte(list), 0o644); err != nil {
			t.Fatal(err)
		}
		client(t, old, "psql", "--no-psqlrc", "--command=\\copy accounts TO '"+filepath.Join(dir, "salvaged/disk/accounts.csv")+"' CSV")
		archive := filepath.Join(dir, "salvaged/disk-2.tar.gz")
		if said, err := exec.Command("tar", "--create", "--gzip", "--file="+archive, "--directory="+filepath.Join(dir, "salvaged/disk"), "accounts.csv").CombinedOutput(); err != nil {
			t.Fatalf("pack the salvaged disk: %v %s", err, said)
		}
		g.serves(t, "town-old", old, secret)
		g.serves(t, "town-new", rebuilt, secret)
		g.replace(t, strings.NewReplacer("/srv/muster-cases", dir, "127.0.0.1:5432", "127.0.0.1:"+port(old), `"5433"`, `"`+port(rebuilt)+`"`,
			"secret://env/MUSTER_CASES_PASSWORD", secret, "PGUSER: postgres", "PGUSER: "+old.Target.Spec.User))
	}
}
