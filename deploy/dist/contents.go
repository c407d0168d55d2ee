package main

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"sort"
	"strings"
)

// item is a file of a package: where it comes from, where it goes, and how.
type item struct {
	from, to string
	mode     fs.FileMode
	setting  bool // its owner may have changed it: an upgrade leaves it
}

// programs are what is built, and from which module.
var programs = []struct{ name, module, pkg string }{
	{"muster", ".", "./cmd/muster"},
	{"muster-engine", "engine", "./cmd/muster-engine"},
	{"muster-cloud", "cloud", "./cmd/muster-cloud"},
	{"muster-witness", ".", "./cmd/muster-witness"},
}

// pages are folders and files of the sources that are read: they lie below doc as they lie here, so that what one says of another,
// by a link or by its path, is found.
var pages = []string{"docs", "scenarios", "runbooks", "deploy/systemd/examples", "deploy/slack/manifest.yaml", "deploy/prometheus/alerts.yaml", "deploy/grafana"}

const doc = "/usr/share/doc/muster/"

// contents are the files of every package of one architecture, in order.
func contents(root, bin, boms string) ([]item, error) {
	at := func(name string) string { return filepath.Join(root, filepath.FromSlash(name)) }
	var out []item
	for _, p := range programs {
		out = append(out, item{from: filepath.Join(bin, p.name), to: "/usr/bin/" + p.name, mode: 0o755},
			item{from: filepath.Join(boms, p.name+".cdx.json"), to: doc + p.name + ".cdx.json", mode: 0o644})
	}
	out = append(out, item{from: at("deploy/systemd/muster-as-service"), to: "/usr/bin/muster-as-service", mode: 0o755})
	for _, u := range []string{"muster.service", "muster-server.service", "muster-worker@.service"} {
		out = append(out, item{from: at("deploy/systemd/" + u), to: "/usr/lib/systemd/system/" + u, mode: 0o644})
	}
	out = append(out,
		item{from: at("deploy/systemd/muster.sysusers"), to: "/usr/lib/sysusers.d/muster.conf", mode: 0o644},
		item{from: at("deploy/systemd/muster.tmpfiles"), to: "/usr/lib/tmpfiles.d/muster.conf", mode: 0o644},
		item{from: at("deploy/config/muster.yaml"), to: "/etc/muster/muster.yaml", mode: 0o644, setting: true},
		item{from: at("deploy/config/up.yaml"), to: "/etc/muster/up.yaml", mode: 0o644, setting: true},
		item{from: at("LICENSE"), to: doc + "copyright", mode: 0o644},
		item{from: at("CHANGELOG.md"), to: doc + "CHANGELOG.md", mode: 0o644},
	)
	for _, f := range []string{"temporal.yaml", "dynamic.yaml", "pg_hba.conf", "databases.sql", "prometheus.yml", "prometheus-web.yml"} {
		out = append(out, item{from: at("deploy/config/" + f), to: "/usr/share/muster/config/" + f, mode: 0o644})
	}
	out = append(out, item{from: at("deploy/prometheus/alerts.yaml"), to: "/usr/share/muster/prometheus/alerts.yaml", mode: 0o644})
	for _, f := range []string{"muster.json", "muster.ja.json"} {
		out = append(out, item{from: at("deploy/grafana/" + f), to: "/usr/share/muster/grafana/" + f, mode: 0o644})
	}
	for _, p := range pages {
		err := filepath.WalkDir(at(p), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) == ".go" {
				return err
			}
			rel, err := filepath.Rel(root, path)
			out = append(out, item{from: path, to: doc + filepath.ToSlash(rel), mode: 0o644})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return inOrder(out), nil
}

func inOrder(out []item) []item {
	sort.Slice(out, func(a, b int) bool { return strings.Compare(out[a].to, out[b].to) < 0 })
	return out
}

// texts are the licences of what the programs link, as scripts/licences saved them.
func texts(dir string) (out []item, err error) {
	if dir == "" {
		return nil, nil
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		out = append(out, item{from: path, to: doc + "licences/" + filepath.ToSlash(rel), mode: 0o644})
		return err
	})
	if err == nil && len(out) == 0 {
		err = fmt.Errorf("%s holds no licence; make it with scripts/licences save", dir)
	}
	return out, err
}

// after makes the user and the folders. Nothing is started: which of the three units runs here is the
// operator's to say. A running process goes on with the program that it has, so that an upgrade ends no
// drill; `systemctl restart` takes the new one, and runs go on where they were.
const after = `#!/bin/sh
set -e
if command -v systemd-sysusers >/dev/null; then systemd-sysusers muster.conf; fi
if command -v systemd-tmpfiles >/dev/null; then systemd-tmpfiles --create muster.conf; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
`

// before ends what runs, when the package goes for good: dpkg says "remove", rpm 0.
const before = `#!/bin/sh
set -e
if [ "$1" = remove ] || [ "$1" = 0 ]; then
	if [ -d /run/systemd/system ]; then systemctl disable --now muster.service muster-server.service || true; fi
	# An instance is disabled by its own name only.
	if [ -d /run/systemd/system ]; then systemctl stop 'muster-worker@*.service' || true; fi
	for unit in /etc/systemd/system/*.wants/muster-worker@*.service; do
		if [ -L "$unit" ]; then rm -f "$unit"; fi
	done
fi
`
