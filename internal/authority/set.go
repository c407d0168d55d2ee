package authority

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/internal/filelock"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/wholefile"
)

// Set is what an installation needs in certificates: a folder for each machine or process.
type Set struct {
	Dir   string
	Sites []string
	// Hosts are names and addresses at which muster's server, Temporal, PostgreSQL and Prometheus are reached,
	// besides muster, temporal, postgres, prometheus and localhost.
	Hosts map[string][]string
	Lasts time.Duration
	// Own says to which user and group a folder's files belong; none is left as it is made.
	Own map[string][2]int
}

// Kinds are the folders besides those of the sites.
var Kinds = []string{"server", "temporal", "postgres", "prometheus"}

// Write makes what is missing and what has less than half of its time left, and returns the files that it
// made. The authorities' own keys stay in the folder authority: whoever has them makes certificates.
func (s Set) Write(now time.Time) (made []string, err error) {
	home := filepath.Join(s.Dir, "authority")
	if err := os.MkdirAll(home, 0o700); err != nil {
		return nil, err
	}
	lock, err := os.Open(home)
	if err != nil {
		return nil, err
	}
	defer func() { _ = filelock.Release(lock) }()
	if err := filelock.Wait(lock, filelock.Alone); err != nil { // of two at once each would make an authority
		return nil, plan.Caused(err, "%s can't be locked", "%s をロックできません", home)
	}
	ca, err := Open(home, "ca", "muster installation", s.Lasts)
	if err != nil {
		return nil, err
	}
	engine, err := Open(home, "engine-ca", "muster installation: engine", s.Lasts)
	if err != nil {
		return nil, err
	}
	type wanted struct {
		by                 *Authority
		folder, file, name string
		hosts              []string
	}
	at := func(kind, name string) []string {
		return append([]string{name, "localhost", "127.0.0.1"}, s.Hosts[kind]...)
	}
	list := []wanted{
		{by: ca, folder: "server", file: "server", name: "muster", hosts: at("server", "muster")},
		{by: engine, folder: "server", file: "engine", name: "server"},
		{by: ca, folder: "server", file: "database", name: "muster"},
		{by: engine, folder: "temporal", file: "temporal", name: "temporal", hosts: at("temporal", "temporal")},
		{by: ca, folder: "temporal", file: "database", name: "temporal"},
		{by: ca, folder: "postgres", file: "postgres", name: "postgres", hosts: at("postgres", "postgres")},
		{by: ca, folder: "prometheus", file: "prometheus", name: "prometheus", hosts: at("prometheus", "prometheus")},
	}
	for _, site := range s.Sites {
		list = append(list, wanted{by: engine, folder: site, file: "engine", name: site})
	}
	for _, w := range list {
		dir := filepath.Join(s.Dir, w.folder)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return made, err
		}
		if err := errors.Join(wholefile.Write(filepath.Join(dir, "ca.pem"), ca.PEM(), 0o644), wholefile.Write(filepath.Join(dir, "engine-ca.pem"), engine.PEM(), 0o644)); err != nil {
			return made, err
		}
		if !w.by.Fresh(Pair{Cert: filepath.Join(dir, w.file+".pem"), Key: filepath.Join(dir, w.file+"-key.pem")}, now, w.hosts...) {
			if _, err := w.by.IssueAs(dir, w.file, w.name, w.hosts...); err != nil {
				return made, err
			}
			made = append(made, filepath.Join(dir, w.file+".pem"))
		}
	}
	return made, s.own()
}

func (s Set) own() error {
	for folder, to := range s.Own {
		files, err := filepath.Glob(filepath.Join(s.Dir, folder, "*.pem"))
		if err != nil {
			return err
		}
		for _, f := range append(files, filepath.Join(s.Dir, folder)) {
			if err := os.Lchown(f, to[0], to[1]); err != nil {
				return plan.Caused(err, "%s can't be given to user %d", "%s の所有者をユーザー %d に変更できません", f, to[0])
			}
		}
	}
	return nil
}
