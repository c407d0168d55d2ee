package all_test

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/runbooks"
	"github.com/muster-dr/muster/scenarios"
)

var update = flag.Bool("update", false, "write docs/actions.md and docs/actions.ja.md again")

var (
	_ estate.Catalog   = (*activities.Registry)(nil)
	_ scenario.Catalog = (*activities.Registry)(nil)
)

func TestDocsAreCurrent(t *testing.T) {
	for lang, name := range map[string]string{"en": "actions.md", "ja": "actions.ja.md"} {
		path := filepath.Join("..", "..", "docs", name)
		want := activities.Markdown(all.Registry(all.Options{}), lang)
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
			t.Errorf("docs/%s is not what the actions declare; run: go test ./activities/all -update", name)
		}
	}
}

// What an action names must exist, and what people rely on must be declared.
func TestDeclarations(t *testing.T) {
	r := all.Registry(all.Options{})
	for _, a := range r.Actions() {
		for what, other := range map[string]string{"undo": a.Doc.Undo, "forerunner": a.Doc.After} {
			if _, ok := r.Action(other); other != "" && !ok {
				t.Errorf("%s: its %s %s does not exist", a.ID, what, other)
			}
		}
		if a.Doc.Effect == run.Destroy && !a.CanLook() {
			t.Errorf("%s destroys and can't look", a.ID)
		}
		kinds(t, r, a.ID, a.Fields)
	}
	for _, k := range r.TargetKinds() {
		kinds(t, r, "target "+k.Kind, k.Fields)
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

// The examples in the docs are steps that `muster validate` takes.
func TestExamplesAreValid(t *testing.T) {
	r := all.Registry(all.Options{})
	docs := string(activities.Markdown(r, "en"))
	var book strings.Builder
	book.WriteString("kind: Runbook\nname: examples\nsystem: orders\nsteps:\n")
	n := 0
	for rest := docs; ; n++ {
		_, block, ok := strings.Cut(rest, "```yaml\n")
		if !ok {
			break
		}
		block, rest, _ = strings.Cut(block, "```")
		block = strings.Replace(block, "- id: ", fmt.Sprintf("- id: e%d-", n), 1)
		for line := range strings.Lines(block) {
			book.WriteString("  " + line)
		}
	}
	steps := 0
	for _, a := range r.Actions() {
		if !a.Doc.Probe {
			steps++
		}
	}
	if n != steps {
		t.Fatalf("%d examples for %d actions", n, steps)
	}
	files := scenario.Sources{"examples.yaml": []byte(book.String())}
	for name, f := range map[string]fs.FS{"scenarios": scenarios.FS, "runbooks": runbooks.FS} {
		err := fs.WalkDir(f, ".", func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := fs.ReadFile(f, path)
			if path == "demo-estate.yaml" {
				b = []byte(strings.Replace(string(b), "\ntargets:\n", "\ntargets:\n  - {name: web, kind: sim, site: osaka, dir: /var/lib/muster/sim}\n"+
					"  - {name: app1, kind: ssh, site: osaka, host: app1.example.com, user: muster, host_key: ssh-ed25519 AAAA}\n"+
					"  - {name: orders-zone, kind: dns_zone, site: osaka, zone: example.com, primary: \"ns1.example.com:53\"}\n"+
					"  - {name: redis-tokyo, kind: redis, site: tokyo, host: 10.0.1.10}\n  - {name: redis-osaka, kind: redis, site: osaka, host: 10.0.2.10}\n"+
					"  - {name: sentinels, kind: sentinel, site: osaka, addresses: [\"10.0.2.20:26379\"], master: orders}\n"+
					"  - {name: orders-app, kind: process, site: osaka, argv: [/opt/orders/bin/orders]}\n"+
					"  - {name: orders-unit, kind: unit, site: osaka, unit: orders.service}\n"+
					"  - {name: edge, kind: haproxy, site: osaka, socket: /run/haproxy/admin.sock}\n"+
					"  - {name: config, kind: etcd, site: osaka, endpoints: [\"https://127.0.0.1:2379\"]}\n"+
					"  - {name: config-snapshots, kind: etcd_snapshots, site: osaka, folder: /var/backups/etcd, area: /var/tmp/muster-restore}\n"+
					"  - {name: shop-tokyo, kind: mysql, site: tokyo, host: shop1.example.com}\n"+
					"  - {name: shop-osaka, kind: mysql, site: osaka, host: shop2.example.com}\n"+
					"  - {name: shop-dumps, kind: mysqldumps, site: osaka, dumps: /var/backups/shop, area: /var/tmp/muster-restore}\n"+
					"  - {name: osaka-cluster, kind: kubernetes, site: osaka}\n", 1))
			}
			files[name+"/"+path] = b
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, mistakes := scenario.LoadSources(r, files); len(mistakes) > 0 {
		t.Fatalf("%v\n%s", mistakes, book.String())
	}
}
