package app

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/spf13/pflag"
	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
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
	return breakglass.Manifest{ID: breakglass.NewID(), Installation: "muster-evidence-main", MadeAt: time.Now().UTC(), By: "sato", Muster: "test", OS: runtime.GOOS, Arch: runtime.GOARCH,
		Sites: []string{"tokyo", "osaka"}, People: []string{"sato", "tanaka"}, Zone: "Asia/Tokyo"}
}

// listening are the flags of a laptop whose address is free.
func listening(t *testing.T, more ...string) *pflag.FlagSet {
	t.Helper()
	f := pflag.NewFlagSet("up", pflag.ContinueOnError)
	for _, name := range []string{"listen", "sites"} {
		f.String(name, "", "")
	}
	if err := f.Parse(append([]string{"--listen", "127.0.0.1:0"}, more...)); err != nil {
		t.Fatal(err)
	}
	return f
}

// The settings lie beside the plans, as muster init lays them. What opens the archive and what the laptop has no use for is not in it.
func TestABundleHoldsNoSecretOfTheSettingsThatStayBehind(t *testing.T) {
	dir := t.TempDir()
	const phrase, store, token = "six words that nobody guesses", "a password of the record store", "a-token-that-is-written-in-clear"
	secrets := t.TempDir()
	ref := func(name, text string) string { t.Helper(); return secretIn(t, secrets, name, text) }
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
	g := &gathering{o: BundleOptions{Config: c, Lang: i18n.EN, By: "sato"}, load: &breakglass.Load{}, refs: map[string]bool{}}
	for _, step := range []func() error{func() error { return g.files(t.Context()) }, g.plans, g.settings, func() error { return g.secrets(t.Context()) }} {
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

// A main server that answers is the danger, and so is a directory with every credential that a refusal leaves behind.
func TestABundleThatIsRefusedLeavesNothing(t *testing.T) {
	main := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"ok":true}`)) }))
	defer main.Close()
	load := func() *breakglass.Load {
		l := &breakglass.Load{}
		l.Put(breakglass.FileSecrets, []byte(`{"secret://env/KEY":"hunter2"}`)) // and no record: it can't be prepared
		return l
	}
	answers, foreign := bundledNow(), bundledNow()
	answers.Servers, foreign.Arch = []string{main.URL}, "pdp11"
	for _, c := range []struct {
		name, although, says string
		m                    breakglass.Manifest
		refused              bool
	}{
		{"the main server answers", "", "The main server answers", answers, true},
		{"it answers, and the bundle is used all the same and lacks its record", "it has no way to the sites", "data", answers, false},
		{"it is another machine's", "", "pdp11", foreign, false},
		{"it lacks its record", "", "data", bundledNow(), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			file, opens := packed(t, c.m, load())
			dir := t.TempDir()
			o := ActivateOptions{Lang: i18n.EN, File: file, Dir: filepath.Join(dir, "kit"), By: "sato", Reason: "a drill", Although: c.although, Now: time.Now, Flags: listening(t),
				Open: func() ([]age.Identity, error) { return opens, nil }}
			_, err := Activate(t.Context(), o)
			var trouble *Trouble
			if !errors.As(err, &trouble) || trouble.Refused != c.refused || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v", err)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("on disk: %v, %v", left, err)
			}
		})
	}
}

func TestABundleIsTakenIntoUseByOneAtATime(t *testing.T) {
	file, opens := packed(t, bundledNow(), &breakglass.Load{})
	dir := t.TempDir()
	o := ActivateOptions{Lang: i18n.EN, File: file, Dir: filepath.Join(dir, "kit"), By: "sato", Reason: "a drill", Now: time.Now, Flags: listening(t), Open: func() ([]age.Identity, error) { return opens, nil }}
	half := filepath.Join(dir, ".kit-123")
	if err := os.Mkdir(half, 0o700); err != nil {
		t.Fatal(err)
	}
	release, err := breakglass.Alone(o.Dir + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Activate(t.Context(), o); err == nil || !strings.Contains(err.Error(), "another muster is at it") {
		t.Errorf("beside another: %v", err)
	}
	if _, err := os.Stat(half); err != nil {
		t.Errorf("what the other prepares: %v", err)
	}
	release()
	if _, err := Activate(t.Context(), o); err == nil || strings.Contains(err.Error(), "another") {
		t.Errorf("after it: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("on disk: %v, %v", left, err)
	}
}

// With identity.console off at main, and its provider out of reach, somebody has to be able to act.
func TestOnALaptopItsOwnTokenActs(t *testing.T) {
	if !stays("identity.console") || !stays("identity.oidc.issuer") || stays("identity.idle") {
		t.Error("of how people are known, what names main stays behind and nothing else")
	}
	a := &Activation{Dir: t.TempDir()}
	save(t, filepath.Join(a.Dir, config.DefaultFile), "identity: {console: false}\n")
	c, err := a.Settings(nil)
	if err != nil {
		t.Fatal(err)
	}
	if o := identityOptions(Options{Config: c}, "its own token", nil); o.Console != "its own token" {
		t.Error("nobody may act")
	}
}

// What an alarm asked for at main does not begin by itself on the laptop, and whatever token main gave is below those of the laptop.
func TestWhatMainWasAboutToDoIsCutOff(t *testing.T) {
	s, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	now := time.Now().UTC()
	for id, p := range map[string]alarm.Proposal{
		"due":  {State: alarm.Open, Due: true, Kind: run.Response, Scenario: "tokyo-loss", RaisedAt: now, Expires: now.Add(time.Hour)},
		"open": {State: alarm.Open, Kind: run.Response, Scenario: "tokyo-loss", RaisedAt: now, Expires: now.Add(time.Hour)},
		"past": {State: alarm.Dismissed, By: "sato", Reason: "a false alarm", RaisedAt: now},
	} {
		p.ID = id
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.PutDocument(t.Context(), journal.Document{Kind: "proposal", ID: id, Body: b}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Token(t.Context(), "removed", "a run whose record is removed"); err != nil {
		t.Fatal(err)
	}
	a := &Activation{Manifest: bundledNow()}
	a.ID, a.At, a.Manifest.Systems = a.Manifest.ID, now, []string{"orders"}
	if err := a.cutOff(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if left, err := new(alarm.Proposals).List(t.Context(), s, alarm.Open); err != nil || len(left) > 0 {
		t.Errorf("still open: %+v, %v", left, err)
	}
	for id, by := range map[string]string{"due": run.Engine, "open": run.Engine, "past": "sato"} {
		if p, err := alarm.Get(t.Context(), s, id); err != nil || p.Due || p.State != alarm.Dismissed || p.By != by || by == run.Engine && !strings.Contains(p.Reason, a.ID) {
			t.Errorf("%s: %+v, %v", id, p, err)
		}
	}
	for _, system := range []string{"orders", "removed"} {
		if n, err := s.Token(t.Context(), system, "the first here"); err != nil || n <= breakglass.TokensAhead {
			t.Errorf("a token of %s: %d, %v", system, n, err)
		}
	}
}

// A folder that is not there is a medium that is not mounted: nothing is made in its place.
func TestABundleGoesIntoNoFolderThatIsNotThere(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "stick")
	c := config.Config{Data: t.TempDir()}
	_, err := MakeBundle(t.Context(), BundleOptions{Config: c, Lang: i18n.EN, Path: filepath.Join(missing, "muster.bundle"), By: "sato", Passphrase: "six words that nobody guesses"})
	var trouble *Trouble
	if !errors.As(err, &trouble) || !trouble.Mistake || !strings.Contains(trouble.Error(), missing) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(missing); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

// The mount point is named in place of a file on it: said before the server hears of a bundle, and a device is not replaced.
func TestABundleTakesThePlaceOfNoFolder(t *testing.T) {
	for path, says := range map[string]string{t.TempDir(): "Name a file in it", "/dev/null": "Name a file"} {
		for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
			_, err := MakeBundle(t.Context(), BundleOptions{Config: config.Config{Data: t.TempDir()}, Lang: l, Path: path, By: "sato", Passphrase: "six words that nobody guesses"})
			var trouble *Trouble
			if !errors.As(err, &trouble) || !trouble.Mistake || !strings.Contains(trouble.What, path) || l == i18n.EN && !strings.Contains(trouble.WayOut, says) {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// A nightly bundle that fails after the server signed it keeps doctor from calling it made.
func TestABundleThatIsNotInPlaceIsNotTheNewest(t *testing.T) {
	now := time.Now()
	old := api.Bundle{ID: "old", MadeAt: now.Add(-3 * 24 * time.Hour)}
	begun := api.Bundle{ID: "begun", MadeAt: now, Begun: true}
	stale := api.Bundle{ID: "stale", MadeAt: now.Add(-30 * 24 * time.Hour)}
	// By a clock that was ahead and was set right since.
	ahead, halfAhead := api.Bundle{ID: "ahead", MadeAt: now.Add(400 * 24 * time.Hour)}, api.Bundle{ID: "half", MadeAt: now.Add(500 * 24 * time.Hour), Begun: true}
	drift := api.Bundle{ID: "drift", MadeAt: now.Add(5 * time.Minute)}
	for _, c := range []struct {
		list   []api.Bundle
		result Result
		says   string
	}{
		{[]api.Bundle{old}, Good, "the newest, old, is 3 day(s) old"},
		{[]api.Bundle{begun, old}, Odd, "the newest, old, is 3 day(s) old; begun, begun since"},
		{[]api.Bundle{begun}, Odd, "none was put in place"},
		{[]api.Bundle{ahead, stale}, Odd, "the newest, stale, is 30 day(s) old"},
		{[]api.Bundle{halfAhead, ahead, old}, Good, "the newest, old, is 3 day(s) old"},
		{[]api.Bundle{halfAhead, ahead}, Odd, "ahead has a time that is still to come"},
		{[]api.Bundle{drift}, Good, "the newest, drift, is 0 day(s) old"},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(api.Bundles{Bundles: c.list})
		}))
		client := api.Connect(srv.URL, "", "en")
		e := &examination{l: i18n.EN}
		e.bundles(t.Context(), client)
		client.Close()
		srv.Close()
		if len(e.checks) != 1 || e.checks[0].Result != c.result || !strings.Contains(e.checks[0].Found, c.says) {
			t.Errorf("%+v", e.checks)
		}
	}
}
