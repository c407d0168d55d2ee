package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/runbooks"
	"github.com/muster-dr/muster/scenarios"
)

// starter is a role whose holders may start the demo: not the one that decides.
const starter = "operator"

// reader is a role that answers and does nothing else.
const reader = "service-desk"

// writePlans writes the shipped plan files as this machine needs them: the servers'
// addresses and folders go into the estate and, for people who play the roles
// themselves, nobody is simulated and the waiting is as long as it is by default.
// Everything else stays as shipped. It returns who is to start the drill.
func (d *demo) writePlans() (person string, err error) {
	for _, shipped := range []struct {
		folder string
		files  fs.FS
	}{{"scenarios", scenarios.FS}, {"runbooks", runbooks.FS}} {
		err := fs.WalkDir(shipped.files, ".", func(name string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(name) != ".yaml" {
				return err
			}
			b, err := fs.ReadFile(shipped.files, name)
			if err != nil {
				return err
			}
			b, who, err := d.adapt(b)
			if err != nil {
				return fmt.Errorf("%s/%s: %w", shipped.folder, name, err)
			}
			if person == "" {
				person = who
			}
			to := d.path(plansDir, shipped.folder, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
				return err
			}
			return os.WriteFile(to, b, 0o644)
		})
		if err != nil {
			return "", err
		}
	}
	if person == "" {
		return "", errors.New(d.Lang.T("no person in the shipped estate has the role %s", "同梱の構成に、役割 %s の人がいません", starter))
	}
	return person, nil
}

// adapt edits one plan file as a tree, so that its comments stay.
func (d *demo) adapt(b []byte) (out []byte, person string, err error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(b, &doc); err != nil {
		return nil, "", err
	}
	root := doc.Content[0]
	switch kind, name := text(root, "kind"), text(root, "name"); {
	case kind == "Estate":
		person, d.reader = holder(root, starter), holder(root, reader)
		if err := d.place(root); err != nil {
			return nil, "", err
		}
	case kind == "Scenario" && name == Scenario && d.Interactive:
		for _, key := range []string{"people", "safety", "fail_wait"} {
			remove(root, key)
		}
		remove(value(root, "decision"), "within")
	default:
		return b, "", nil
	}
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(&doc); err != nil {
		return nil, "", err
	}
	return buf.Bytes(), person, enc.Close()
}

// place writes where the demo's servers are into their targets.
func (d *demo) place(estate *yaml.Node) error {
	var placed []string
	for _, target := range items(estate, "targets") {
		for _, s := range d.cluster.servers() {
			if text(target, "name") != s.Name || text(target, "kind") != "postgres" {
				continue
			}
			placed = append(placed, s.Name)
			for _, f := range [][2]string{
				{"host", s.Host}, {"user", d.cluster.pair.User}, {"password", "secret://file" + d.cluster.pair.PasswordFile},
				{"sslmode", "disable"}, {"data", s.Data}, {"config", s.Config}, {"bin", s.Bin}, {"run_as", s.RunAs},
			} {
				set(target, f[0], f[1], "!!str")
			}
			set(target, "port", strconv.Itoa(s.Port), "!!int")
		}
	}
	for _, target := range items(estate, "targets") {
		if text(target, "kind") == "pgbackups" {
			b, tokyo := backupsIn(d.cluster.pair.Dir), d.cluster.pair.Primary
			for _, f := range [][2]string{{"backups", b.base}, {"wal", b.wal}, {"area", b.area}, {"bin", tokyo.Bin}, {"run_as", tokyo.RunAs}} {
				set(target, f[0], f[1], "!!str")
			}
		}
	}
	if len(placed) != len(d.cluster.servers()) {
		return errors.New(d.Lang.T("of the servers tokyo and osaka it names only %v as targets of kind postgres", "サーバー tokyo と osaka のうち、種類 postgres の対象として %v しか定義されていません", placed))
	}
	return nil
}

// holder is the first person of the estate with a role.
func holder(estate *yaml.Node, role string) string {
	for _, p := range items(estate, "people") {
		for _, r := range items(p, "roles") {
			if r.Value == role {
				return text(p, "id")
			}
		}
	}
	return ""
}

// value is what a mapping has under key; nil when there is none.
func value(m *yaml.Node, key string) *yaml.Node {
	if m == nil || m.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func text(m *yaml.Node, key string) string {
	if v := value(m, key); v != nil {
		return v.Value
	}
	return ""
}

func items(m *yaml.Node, key string) []*yaml.Node {
	if v := value(m, key); v != nil {
		return v.Content
	}
	return nil
}

// set writes a scalar; an empty text removes the key, which is its default.
func set(m *yaml.Node, key, to, tag string) {
	if to == "" {
		remove(m, key)
		return
	}
	if v := value(m, key); v != nil {
		*v = yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: to, LineComment: v.LineComment}
		return
	}
	m.Content = append(m.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: to})
}

func remove(m *yaml.Node, key string) {
	if m == nil {
		return
	}
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = slices.Delete(m.Content, i, i+2)
			return
		}
	}
}
