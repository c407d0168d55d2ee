package app

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
)

const bundledEstate = `kind: Estate
name: test
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo, title: Tokyo}, {name: osaka, title: Osaka}]
systems:
  - {name: orders, title: Orders, home: tokyo, alternate: osaka, objectives: {rto: 1h}, drillable: [live], runbooks: {failover: orders-failover}}
people: [{id: sato, name: Sato, roles: [commander, operator]}]
muster_places: [{name: online, title: Online, online: true}]
`

const bundledRunbook = `kind: Runbook
name: orders-failover
system: orders
steps: [{id: tell, uses: human.task, as: operator, with: {text: Tell the branches}}]
`

// packed makes an archive of what a load holds, signed by an installation, and what opens it.
func packed(t *testing.T, m breakglass.Manifest, load *breakglass.Load) (file string, opens []age.Identity) {
	t.Helper()
	private, public, err := breakglass.OwnKey(m.ID)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	load.Put(breakglass.FileLogKeys, []byte(public+"\n"))
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "muster.bundle")
	_, err = breakglass.Make(file, m, load, []age.Recipient{key.Recipient()}, func(m breakglass.Manifest, digest string) ([]byte, error) {
		return note.Sign(&note.Note{Text: breakglass.Statement(m.ID, digest)}, signer)
	})
	if err != nil {
		t.Fatal(err)
	}
	return file, []age.Identity{key}
}

func bundledNow() breakglass.Manifest {
	return breakglass.Manifest{ID: breakglass.NewID(), Installation: "muster-evidence-main", MadeAt: time.Now().UTC(), By: "sato", Muster: "test", OS: runtime.GOOS, Arch: runtime.GOARCH}
}

// The settings lie beside the plans, as muster init lays them. What opens the archive and what the laptop has no use for is not in it.
func TestABundleHoldsNoSecretOfTheSettingsThatStayBehind(t *testing.T) {
	dir := t.TempDir()
	const phrase, store, token = "six words that nobody guesses", "a password of the record store", "a-token-that-is-written-in-clear"
	secrets := t.TempDir()
	ref := func(name, text string) string {
		t.Helper()
		path := filepath.Join(secrets, name)
		save(t, path, text)
		if err := os.Chmod(path, 0o600); err != nil {
			t.Fatal(err)
		}
		return "secret://file" + path
	}
	save(t, filepath.Join(dir, "estate.yaml"), bundledEstate)
	save(t, filepath.Join(dir, "runbook.yaml"), bundledRunbook)
	settings := filepath.Join(dir, "muster.yaml")
	save(t, settings, "token: "+token+"\nstore_password: "+ref("store", store)+"\nbundle: {passphrase: \""+ref("phrase", phrase)+"\"}\n")
	for _, hidden := range []string{".old/left.yaml", ".old.yaml", "testdata/fixture.yaml"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, hidden)), 0o700); err != nil {
			t.Fatal(err)
		}
		save(t, filepath.Join(dir, hidden), "key: "+token+"\n")
	}
	c, err := config.Load(config.Source{File: settings})
	if err != nil {
		t.Fatal(err)
	}
	c.Plans, c.Data = dir, filepath.Join(dir, ".muster")
	g := &gathering{o: BundleOptions{Config: c, Lang: i18n.EN}, load: &breakglass.Load{}, refs: map[string]bool{}}
	for _, step := range []func() error{g.plans, g.settings, func() error { return g.secrets(t.Context()) }} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	file, opens := packed(t, bundledNow(), g.load)
	kit := filepath.Join(t.TempDir(), "kit")
	if _, err := breakglass.Unpack(file, kit, opens, nil); err != nil {
		t.Fatal(err)
	}
	var held map[string]string
	b, err := os.ReadFile(filepath.Join(kit, breakglass.FileSecrets))
	if err != nil || json.Unmarshal(b, &held) != nil || len(held) > 0 {
		t.Errorf("the archive holds secrets that no plan names: %s, %v", b, err)
	}
	var plans []string
	err = filepath.WalkDir(kit, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		for _, secret := range []string{phrase, store, token} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s holds %q", path, secret)
			}
		}
		if rel, _ := filepath.Rel(filepath.Join(kit, "plans"), path); !filepath.IsAbs(rel) && rel[0] != '.' {
			plans = append(plans, rel)
		}
		return err
	})
	if err != nil || !slices.Equal(plans, []string{"estate.yaml", "runbook.yaml"}) {
		t.Errorf("plan files %q, %v", plans, err)
	}
}
