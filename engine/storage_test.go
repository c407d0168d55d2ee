package engine

import (
	"database/sql"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"go.temporal.io/server/schema"
)

func openTest(t *testing.T) *sql.DB {
	t.Helper()
	db, err := openDatabase(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func tables(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow(`SELECT count(*) FROM sqlite_master`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func setVersion(t *testing.T, db *sql.DB, name, version string) {
	t.Helper()
	if _, err := db.Exec(`UPDATE muster_engine SET version = $1 WHERE name = $2`, version, name); err != nil {
		t.Fatal(err)
	}
}

func TestMigrateTwice(t *testing.T) {
	db := openTest(t)
	for range 2 {
		if err := migrate(t.Context(), db, schema.Assets()); err != nil {
			t.Fatal(err)
		}
	}
	if n := tables(t, db); n < 20 {
		t.Errorf("%d tables and indexes, want the server's", n)
	}
}

func TestMigrateRefuses(t *testing.T) {
	for _, c := range []struct{ name, has, word string }{
		{executionSchema, "0.12", "a newer muster-engine wrote it"},
		{visibilitySchema, "0.2", "a newer muster-engine wrote it"},
		{visibilitySchema, "0.0", "no way from there"},
	} {
		db := openTest(t)
		if err := migrate(t.Context(), db, schema.Assets()); err != nil {
			t.Fatal(err)
		}
		setVersion(t, db, c.name, c.has)
		err := migrate(t.Context(), db, schema.Assets())
		if err == nil || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s %s: %v, want %q", c.name, c.has, err, c.word)
		}
		var has string
		if err := db.QueryRow(`SELECT version FROM muster_engine WHERE name = $1`, c.name).Scan(&has); err != nil || has != c.has {
			t.Errorf("%s: version is %s now, %v, want it left at %s", c.name, has, err, c.has)
		}
	}
}

// A step that fails leaves nothing of those before it.
func TestMigrateIsAllOrNothing(t *testing.T) {
	db := openTest(t)
	if err := migrate(t.Context(), db, schema.Assets()); err != nil {
		t.Fatal(err)
	}
	before := tables(t, db)
	setVersion(t, db, executionSchema, "0.9")
	steps := fstest.MapFS{}
	for version, statement := range map[string]string{"0.10": "CREATE TABLE extra (id INT)", "0.11": "CREATE TABLE extra (id INT)"} {
		dir := "sqlite/v3/temporal/versioned/v" + version
		steps[dir+"/manifest.json"] = &fstest.MapFile{Data: []byte(`{"CurrVersion": "` + version + `", "SchemaUpdateCqlFiles": ["a.sql"]}`)}
		steps[dir+"/a.sql"] = &fstest.MapFile{Data: []byte(statement)}
	}
	if err := migrate(t.Context(), db, steps); err == nil || !strings.Contains(err.Error(), "v0.11/a.sql") {
		t.Errorf("migrate: %v, want the file that failed", err)
	}
	if n := tables(t, db); n != before {
		t.Errorf("%d tables and indexes, want %d as before", n, before)
	}
}

func TestCompareVersions(t *testing.T) {
	ordered := []string{"0.1", "0.9", "0.10", "0.10.1", "1.0", "1.11"}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := compareVersions(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("compare %s with %s: %d", a, b, got)
			}
		}
	}
}

func TestEndpointFile(t *testing.T) {
	dir := t.TempDir()
	if e := readEndpoint(dir); e != (Endpoint{}) {
		t.Errorf("without a file: %+v", e)
	}
	want := Endpoint{Address: "127.0.0.1:1", UIAddress: "http://127.0.0.1:2/?key=k", Token: "t", Namespace: Namespace, UIKey: "k", PID: 3}
	if err := writeEndpoint(dir, want); err != nil {
		t.Fatal(err)
	}
	if got := readEndpoint(dir); got != want {
		t.Errorf("read %+v, want %+v", got, want)
	}
	if err := os.WriteFile(dir+"/"+endpointFile, []byte(`{"address": `), 0o600); err != nil {
		t.Fatal(err)
	}
	if e := readEndpoint(dir); e != (Endpoint{}) {
		t.Errorf("half a file: %+v", e)
	}
}
