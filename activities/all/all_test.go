package all_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

var update = flag.Bool("update", false, "write docs/actions.md again")

var (
	_ estate.Catalog   = (*activities.Registry)(nil)
	_ scenario.Catalog = (*activities.Registry)(nil)
)

func TestDocsAreCurrent(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "actions.md")
	want := activities.Markdown(all.Registry(all.Options{}))
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatal("docs/actions.md is not what the actions declare; run: go test ./activities/all -update")
	}
}

// What an action names must exist, and what people rely on must be declared.
func TestDeclarations(t *testing.T) {
	r := all.Registry(all.Options{})
	for _, a := range r.Actions() {
		if a.Doc.Undo != "" {
			if _, ok := r.Action(a.Doc.Undo); !ok {
				t.Errorf("%s: its undo %s does not exist", a.ID, a.Doc.Undo)
			}
		}
		if a.Doc.Effect == run.Destroy && !a.CanLook() {
			t.Errorf("%s destroys and can't look", a.ID)
		}
		kinds(t, r, a.ID, a.Fields)
	}
}

func kinds(t *testing.T, r *activities.Registry, owner string, fields []activities.Field) {
	for _, f := range fields {
		if f.Kind != "" {
			if _, ok := r.TargetKind(f.Kind); !ok {
				t.Errorf("%s.%s: there is no target kind %q", owner, f.Name, f.Kind)
			}
		}
		kinds(t, r, owner+"."+f.Name, f.Fields)
		if f.Elem != nil {
			kinds(t, r, owner+"."+f.Name, f.Elem.Fields)
		}
	}
}
