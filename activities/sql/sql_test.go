package sql_test

import (
	"fmt"
	"testing"

	"github.com/muster-dr/muster/activities/sql"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
)

type with map[string]any

// estate is the pair as a plan holds it: the password by reference.
func estate(t *testing.T, pair *pgtest.Pair) []plan.Target {
	t.Helper()
	var out []plan.Target
	for _, server := range []*pgtest.Server{pair.Tokyo, pair.Osaka} {
		spec := server.Target.Spec
		t.Setenv("MUSTER_TEST_PG", spec.Password.Reveal())
		entry := with{"host": spec.Host, "port": spec.Port, "user": spec.User, "sslmode": "disable"}
		if spec.Password.Reveal() != "" {
			entry["password"] = "secret://env/MUSTER_TEST_PG"
		}
		out = append(out, sitetest.Target(t, server.Name, "postgres", entry))
	}
	return out
}

func TestOnRealServers(t *testing.T) {
	pair := pgtest.StartPair(t)
	s := sitetest.New(t, sql.Actions())
	s.Targets = estate(t, pair)
	pair.Tokyo.Exec(t, `CREATE TABLE settings (name text PRIMARY KEY, n int, f float8, d numeric, ok bool, j jsonb, at timestamptz)`)
	pair.Tokyo.Exec(t, `INSERT INTO settings VALUES ('a', 1, 1.5, 12345.678, true, '{"x": [1]}', '2026-11-22 00:00:00+00'), ('b', NULL, 'NaN', NULL, false, NULL, NULL)`)

	t.Run("values keep their type", func(t *testing.T) {
		var out sql.Rows
		_, err := s.Act(s.Step("sql.query", with{"server": "tokyo", "query": "SELECT name, n, f, d, ok, j FROM settings WHERE name = $1 AND n = $2", "args": []any{"a", 1},
			"expect": "count == 1 && rows[0].n == 1 && rows[0].ok && rows[0].j.x[0] == 1 && rows[0].d > 12345.0"}), &out)
		if want := "[map[d:12345.678 f:1.5 j:map[x:[1]] n:1 name:a ok:true]]"; err != nil || fmt.Sprint(out.Rows) != want {
			t.Fatalf("%v %v, want %s", out.Rows, err, want)
		}
		out = sql.Rows{}
		if _, err := s.Act(s.Step("sql.query", with{"server": "tokyo", "query": "SELECT n, f FROM settings WHERE name = 'b'"}), &out); err != nil || fmt.Sprint(out.Rows) != "[map[f:NaN n:<nil>]]" {
			t.Fatalf("%v %v", out.Rows, err)
		}
	})
	t.Run("more rows than asked for", func(t *testing.T) {
		var out sql.Rows
		if _, err := s.Act(s.Step("sql.query", with{"server": "tokyo", "query": "SELECT generate_series(1, 10)", "max_rows": 3}), &out); err != nil || out.Count != 3 || !out.More {
			t.Fatalf("%+v %v", out, err)
		}
	})
	t.Run("queries only read", func(t *testing.T) {
		_, err := s.Act(s.Step("sql.query", with{"server": "tokyo", "query": "DELETE FROM settings RETURNING 1"}), nil)
		sitetest.Want(t, err, plan.ErrFinding, "read-only transaction")
		_, err = s.Act(s.Step("sql.query", with{"server": "tokyo", "query": "COMMIT; DELETE FROM settings"}), nil)
		sitetest.Want(t, err, plan.ErrFinding)
		if n := pgtest.Value[int](t, pair.Tokyo, `SELECT count(*)::int FROM settings`); n != 2 {
			t.Fatalf("%d rows left, want 2", n)
		}
	})
	t.Run("findings", func(t *testing.T) {
		for query, want := range map[string]string{"SELEC 1": "syntax error", "SELECT * FROM gone": "does not exist", "SELECT 1/0": "division by zero"} {
			_, err := s.Act(s.Step("sql.query", with{"server": "osaka", "query": query}), nil)
			sitetest.Want(t, err, plan.ErrFinding, "osaka", want)
		}
		_, err := s.Act(s.Step("sql.query", with{"server": "tokyo", "query": "SELECT 1 AS n", "expect": "rows[0].n == 2"}), nil)
		sitetest.Want(t, err, plan.ErrFinding, "is false")
	})
	t.Run("a change happens once", func(t *testing.T) {
		change := with{"server": "tokyo", "statement": "UPDATE settings SET n = coalesce(n, 0) + 1 WHERE name = $1", "args": []any{"a"}, "look_sql": "SELECT n = 2 FROM settings WHERE name = 'a'"}
		step := s.Step("sql.exec", change)
		var out sql.Executed
		if res, err := s.Act(step, &out); err != nil || res.Already || out.RowsAffected != 1 || out.Command != "UPDATE 1" {
			t.Fatalf("%+v %+v %v", res, out, err)
		}
		if res, err := s.Act(s.Step("sql.exec", change), nil); err != nil || !res.Already {
			t.Fatalf("goal holds: %+v %v", res, err)
		}
		if n := pgtest.Value[int](t, pair.Tokyo, `SELECT n FROM settings WHERE name = 'a'`); n != 2 {
			t.Fatalf("n is %d, want 2", n)
		}
	})
	t.Run("a standby refuses changes", func(t *testing.T) {
		_, err := s.Act(s.Step("sql.exec", with{"server": "osaka", "statement": "DELETE FROM settings"}), nil)
		sitetest.Want(t, err, plan.ErrFinding, "read-only")
	})
	t.Run("a statement that did not reach its goal", func(t *testing.T) {
		step := s.Step("sql.exec", with{"server": "tokyo", "statement": "SELECT 1", "look_sql": "SELECT false"})
		_, err := s.Act(step, nil)
		sitetest.Want(t, err, plan.ErrFinding, "look_sql is not true")
		if seen := s.Settle(step); seen.Sight != plan.HoldsNot || !seen.Partial {
			t.Fatalf("settled: %+v", seen)
		}
	})
	// The worker's connection broke while the server goes on with the statement: that
	// is seen by the session's name, and nothing is proven until it is gone.
	t.Run("a statement still at work", func(t *testing.T) {
		step := s.Step("sql.exec", with{"server": "tokyo", "statement": "SELECT set_config('muster.name', current_setting('application_name'), false)", "look_sql": "SELECT false"})
		var name string
		spy := s.Step("sql.exec", with{"server": "tokyo", "statement": "CREATE TABLE spy AS SELECT current_setting('application_name') AS name", "look_sql": "SELECT to_regclass('spy') IS NOT NULL"})
		if _, err := s.Act(spy, nil); err != nil {
			t.Fatal(err)
		}
		name = pgtest.Value[string](t, pair.Tokyo, `SELECT name FROM spy`)
		_, err := s.Act(step, nil)
		sitetest.Want(t, err, plan.ErrFinding)
		pair.Tokyo.Exec(t, `DROP TABLE spy`)

		left := pair.Tokyo.Connect(t)
		if _, err := left.Exec(pgtest.Context(t, 10e9), `SELECT set_config('application_name', $1, false)`, name); err != nil {
			t.Fatal(err)
		}
		if seen := s.Look(spy); seen.Sight != plan.CannotTell {
			t.Fatalf("while the session is there: %+v", seen)
		}
		left.Close()
		if seen := s.Settle(spy); seen.Sight != plan.HoldsNot {
			t.Fatalf("after it is gone: %+v", seen)
		}
	})
	t.Run("a server that is gone", func(t *testing.T) {
		pair.Tokyo.Kill9(t)
		_, err := s.Act(s.Step("sql.query", with{"server": "tokyo", "query": "SELECT 1"}), nil)
		sitetest.Want(t, err, "", "tokyo")
		_, err = s.Act(s.Step("sql.exec", with{"server": "tokyo", "statement": "SELECT 1"}), nil)
		sitetest.Want(t, err, plan.ErrRefused, "nothing was sent")
	})
}
