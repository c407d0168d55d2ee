package archtest_test

import (
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/muster-dr/muster/internal/archtest"
)

// source is the root of the repository.
const source = "../.."

func TestImports(t *testing.T) {
	tree, err := archtest.Read(os.DirFS(source))
	if err != nil {
		t.Fatal(err)
	}
	if len(tree.Packages) < 10 {
		t.Fatalf("only %d packages found in %s", len(tree.Packages), source)
	}
	for _, b := range archtest.Check(tree.Imports, archtest.Rules()) {
		t.Errorf("%s: %s imports %s: %s", b.Place, b.Package, b.Path, b.Why)
	}
}

func TestEveryPackageHasOneDoc(t *testing.T) {
	tree, err := archtest.Read(os.DirFS(source))
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range tree.Packages {
		if n := tree.Docs[pkg]; n != 1 {
			t.Errorf("package %s has %d package comments that begin with its name, want 1", pkg, n)
		}
	}
}

// A name that refuses nothing collects everything.
func TestPackageNamesSayWhatBelongs(t *testing.T) {
	tree, err := archtest.Read(os.DirFS(source))
	if err != nil {
		t.Fatal(err)
	}
	vague := regexp.MustCompile(`^(util|utils|helper|helpers|common|misc|types|shared|lib|base)$`)
	for dir, name := range tree.Packages {
		if vague.MatchString(name) || vague.MatchString(path.Base(dir)) {
			t.Errorf("package %s: put its functions beside their users, or name it for its one idea", dir)
		}
	}
}

// What each rule is there to stop is stopped.
func TestRulesBite(t *testing.T) {
	plant := func(pkg, imports string) fstest.MapFS {
		name := strings.ReplaceAll(path.Base(pkg), "-", "")
		return fstest.MapFS{pkg + "/x.go": {Data: []byte("// Package " + name + " is planted.\npackage " + name + "\n\nimport _ \"" + imports + "\"\n")}}
	}
	const m = archtest.Module + "/"
	for _, c := range []struct{ pkg, imports string }{
		{"internal/run", m + "internal/plan"},
		{"internal/run", "os"},
		{"internal/plan", "net/http"},
		{"internal/plan", m + "activities"},
		{"internal/objective", "math/rand/v2"},
		{"internal/scheduler", "go.temporal.io/sdk/workflow"},
		{"workflows", m + "activities/postgres"},
		{"workflows", m + "activities"},
		{"workflows", "os"},
		{"workflows", "net/http"},
		{"workflows", "go.temporal.io/sdk/client"},
		{"activities", m + "activities/postgres"},
		{"activities/postgres", m + "activities/probe"},
		{"activities/probe", m + "activities/postgres"},
		{"activities/postgres", m + "workflows"},
		{"internal/scenario", m + "activities/postgres"},
		{"internal/scenario", "go.temporal.io/sdk/client"},
		{"internal/journal", m + "internal/report"},
		{"internal/report", m + "internal/journal"},
		{"internal/report", "net/http"},
		{"internal/watch", "go.temporal.io/sdk/client"},
		{"internal/api", m + "internal/cli"},
		{"internal/api", m + "internal/app"},
		{"internal/engine", m + "workflows"},
		{"internal/engine", "go.temporal.io/server/temporal"},
		{"internal/app", m + "internal/pgtest"},
		{"internal/app", "testing"},
		{"cmd/muster", m + "internal/app"},
		{"cmd/muster-witness", m + "internal/run"},
		{"cmd/muster-witness", "github.com/jackc/pgx/v5"},
		{"runbooks", m + "internal/plan"},
	} {
		tree, err := archtest.Read(plant(c.pkg, c.imports))
		if err != nil {
			t.Fatal(err)
		}
		if len(archtest.Check(tree.Imports, archtest.Rules())) == 0 {
			t.Errorf("%s may import %s, and no rule says otherwise", c.pkg, c.imports)
		}
	}
	for _, c := range []struct{ pkg, imports string }{
		{"internal/plan", m + "internal/run"},
		{"workflows", m + "internal/scheduler"},
		{"workflows", "go.temporal.io/sdk/workflow"},
		{"activities/postgres", m + "activities"},
		{"activities/all", m + "activities/postgres"},
		{"internal/cli", m + "internal/app"},
		{"cmd/muster", m + "internal/cli"},
	} {
		tree, err := archtest.Read(plant(c.pkg, c.imports))
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range archtest.Check(tree.Imports, archtest.Rules()) {
			t.Errorf("%s may not import %s: %s", c.pkg, c.imports, b.Why)
		}
	}
}

func TestPatternsAreWellFormed(t *testing.T) {
	for _, r := range archtest.Rules() {
		if r.Why == "" {
			t.Errorf("the rule for %v gives no reason", r.Packages)
		}
		for _, p := range slices.Concat(r.Packages, r.Except, r.Only, r.Never) {
			if _, err := path.Match(strings.TrimSuffix(p, "/..."), "x"); err != nil {
				t.Errorf("pattern %q: %v", p, err)
			}
		}
	}
}
