package app

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/spf13/pflag"

	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
)

// kitted is what a bundle holds, with a program that does as the script says.
func kitted(t *testing.T, script string) *breakglass.Load {
	t.Helper()
	record := filepath.Join(t.TempDir(), "journal.db")
	s, err := journal.Open(t.Context(), "sqlite:"+record)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "muster")
	save(t, program, "#!/bin/sh\n"+script+"\n")
	l := &breakglass.Load{}
	l.PutFile(breakglass.FileMuster, program, true)
	l.PutFile(breakglass.FileRecords, record, false)
	l.Put(breakglass.FileSettings, []byte("{}\n"))
	for _, name := range []string{breakglass.FileOwnKey, breakglass.FileOwnPub, breakglass.FileOwnAll} {
		l.Put(name, []byte("a key\n"))
	}
	return l
}

func activating(t *testing.T, file string, opens []age.Identity, flags *pflag.FlagSet) ActivateOptions {
	t.Helper()
	return ActivateOptions{Lang: i18n.EN, File: file, Dir: filepath.Join(t.TempDir(), "kit"), By: "sato", Reason: "Tokyo is gone", Now: time.Now, Flags: flags,
		Open: func() ([]age.Identity, error) { return opens, nil }}
}

// What can be known before the activation is said before it: nothing lies on the disk then, and the same command, corrected, begins.
func TestWhatSpeaksAgainstABundleIsSaidBeforeItIsTakenIntoUse(t *testing.T) {
	file, opens := packed(t, bundledNow(), kitted(t, "exit 0"))
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	damaged := filepath.Join(t.TempDir(), "damaged.bundle")
	save(t, damaged, string(bytes.Replace(whole, whole[len(whole)/2:len(whole)/2+4], []byte("    "), 1)))
	broken, opensBroken := packed(t, bundledNow(), kitted(t, "echo no such machine; exit 126"))
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	for name, c := range map[string]struct {
		file    string
		opens   []age.Identity
		by      string
		flags   []string
		says    []string
		mistake bool
	}{
		"a person of nowhere":             {file, opens, "satoh", nil, []string{`no person "satoh"`, `Did you mean "sato"?`, "Nothing was begun"}, true},
		"a site of nowhere":               {file, opens, "sato", []string{"--sites", "osaka,tokio"}, []string{`no site "tokio"`, `Did you mean "tokyo"?`, "Nothing was begun"}, true},
		"an address that another has":     {file, opens, "sato", []string{"--listen", busy.Addr().String()}, []string{"is taken by another program"}, false},
		"a setting that is none":          {file, opens, "sato", []string{"--listen", "0.0.0.0:0"}, []string{"https"}, true},
		"a damaged file":                  {damaged, opens, "sato", nil, []string{"altered or damaged", "Take another copy"}, true},
		"a program that does not start":   {broken, opensBroken, "sato", nil, []string{"does not start", "no such machine", "--bundle-dir"}, false},
		"a key that is of something else": {file, nil, "sato", nil, []string{"does not open"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			with := c.opens
			if with == nil {
				other, err := age.GenerateX25519Identity()
				if err != nil {
					t.Fatal(err)
				}
				with = []age.Identity{other}
			}
			o := activating(t, c.file, with, listening(t, c.flags...))
			o.By = c.by
			_, err := Activate(t.Context(), o)
			trouble := new(Trouble)
			if !errors.As(err, &trouble) || trouble.Mistake != c.mistake {
				t.Fatalf("%v", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("it does not say %q: %v", says, err)
				}
			}
			if left, err := os.ReadDir(filepath.Dir(o.Dir)); err != nil || len(left) > 0 {
				t.Errorf("on disk: %v, %v", left, err)
			}
		})
	}
}

// A bundle that was made before its manifest named people and sites is taken into use as any other: the estate in it says who and where there is.
func TestABundleWithoutNamesInItsManifestIsHeldAgainstItsEstate(t *testing.T) {
	of := func(estate string) (string, []age.Identity) {
		m, l := bundledNow(), kitted(t, "exit 0")
		m.People, m.Sites, m.Zone = nil, nil, ""
		l.Put(breakglass.DirPlans+"estate.yaml", []byte(estate))
		l.Put(breakglass.DirPlans+"runbook.yaml", []byte(bundledRunbook))
		return packed(t, m, l)
	}
	file, opens := of(bundledEstate)
	for name, c := range map[string]struct {
		by    string
		flags []string
		says  []string
	}{
		"a person of nowhere": {"satoh", nil, []string{`no person "satoh"`, `Did you mean "sato"?`, "Nothing was begun"}},
		"a site of nowhere":   {"sato", []string{"--sites", "tokio"}, []string{`no site "tokio"`, `Did you mean "tokyo"?`, "Nothing was begun"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := activating(t, file, opens, listening(t, c.flags...))
			o.By = c.by
			_, err := Activate(t.Context(), o)
			if trouble := new(Trouble); !errors.As(err, &trouble) || !trouble.Mistake {
				t.Fatalf("%v", err)
			}
			for _, says := range c.says {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("it does not say %q: %v", says, err)
				}
			}
			if left, err := os.ReadDir(filepath.Dir(o.Dir)); err != nil || len(left) > 0 {
				t.Errorf("on disk: %v, %v", left, err)
			}
		})
	}
	o := activating(t, file, opens, listening(t, "--sites", "osaka"))
	if a, err := Activate(t.Context(), o); err != nil || a.Manifest.Zone != "Asia/Tokyo" {
		t.Fatalf("for sato at osaka: %+v, %v", a.Manifest, err)
	}
	o.Flags = listening(t, "--sites", "osak")
	if _, err := Activate(t.Context(), o); err == nil || !strings.Contains(err.Error(), `Did you mean "osaka"?`) {
		t.Errorf("going on for a site of nowhere: %v", err)
	}
	file, opens = of("kind: Estate\nname: of a newer format\n")
	o = activating(t, file, opens, listening(t, "--sites", "osaka"))
	if _, err := Activate(t.Context(), o); err != nil {
		t.Errorf("with plan files that can't be read: %v", err)
	}
}

// Where the environment says how the laptop is reached, commands beside it find it too.
func TestCommandsBesideALaptopFindIt(t *testing.T) {
	file, opens := packed(t, bundledNow(), kitted(t, "exit 0"))
	t.Setenv("MUSTER_SITES", "osaka")
	o := activating(t, file, opens, listening(t))
	a, err := Activate(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Unsetenv("MUSTER_SITES"); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(config.Source{File: filepath.Join(a.Dir, config.DefaultFile)})
	if err != nil || c.Listen != "127.0.0.1:0" || strings.Join(c.Sites, " ") != "osaka" {
		t.Errorf("%q %q %v", c.Listen, c.Sites, err)
	}
	// It goes on at another address, and they find it there; while it runs, nobody changes where.
	o.Flags = listening(t, "--listen", "127.0.0.1:7791")
	if a, err = Activate(t.Context(), o); err != nil || !a.Resumed {
		t.Fatalf("resumed %v: %v", a.Resumed, err)
	}
	if c, err = config.Load(config.Source{File: filepath.Join(a.Dir, config.DefaultFile)}); err != nil || c.Listen != "127.0.0.1:7791" || strings.Join(c.Sites, " ") != "osaka" {
		t.Errorf("elsewhere: %q %q %v", c.Listen, c.Sites, err)
	}
	o.Flags = listening(t, "--sites", "osak")
	if _, err := Activate(t.Context(), o); err == nil || !strings.Contains(err.Error(), `Did you mean "osaka"?`) {
		t.Errorf("for a site of nowhere: %v", err)
	}
	data, err := openData(i18n.EN, filepath.Join(a.Dir, "data"), alone)
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	o.Flags = listening(t, "--listen", "127.0.0.1:7792")
	if _, err := Activate(t.Context(), o); err == nil || !strings.Contains(err.Error(), "goes on there already") {
		t.Errorf("while it runs: %v", err)
	}
	if c, err = config.Load(config.Source{File: filepath.Join(a.Dir, config.DefaultFile)}); err != nil || c.Listen != "127.0.0.1:7791" {
		t.Errorf("while it runs: %q %v", c.Listen, err)
	}
}

// Whoever makes a bundle is somebody of the plan files, and hears so before anything is copied.
func TestNobodyMakesABundle(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "estate.yaml"), bundledEstate)
	save(t, filepath.Join(dir, "runbook.yaml"), bundledRunbook)
	c := config.Config{Data: filepath.Join(t.TempDir(), "not-there"), Plans: dir}
	_, err := MakeBundle(t.Context(), BundleOptions{Config: c, Lang: i18n.EN, Path: filepath.Join(t.TempDir(), "muster.bundle"), By: "satoh", Passphrase: "six words that nobody guesses"})
	trouble := new(Trouble)
	if !errors.As(err, &trouble) || !trouble.Mistake || !strings.Contains(err.Error(), `no person "satoh"`) || !strings.Contains(err.Error(), `Did you mean "sato"?`) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(c.Data); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("begun: %v", err)
	}
}

// What the plans name by a path is not taken along, and whoever makes the bundle reads which; a plan without such files says nothing.
func TestFilesThatPlansNameAreListed(t *testing.T) {
	of := func(estate, runbook string) []breakglass.Elsewhere {
		t.Helper()
		dir := t.TempDir()
		save(t, filepath.Join(dir, "estate.yaml"), estate)
		save(t, filepath.Join(dir, "runbook.yaml"), runbook)
		save(t, filepath.Join(dir, "scenario.yaml"), bundledScenario)
		g := &gathering{o: BundleOptions{Config: config.Config{Plans: dir}, Lang: i18n.EN, By: "sato"}, load: &breakglass.Load{}, refs: map[string]bool{}}
		for _, step := range []func() error{func() error { return g.files(t.Context()) }, g.book} {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		return g.manifest.Elsewhere
	}
	if got := of(bundledEstate, bundledRunbook); len(got) > 0 {
		t.Errorf("of a plan without any: %+v", got)
	}
	estate := bundledEstate + `targets: [{name: shop, kind: process, site: osaka, argv: [/opt/shop/bin/shop, --port, "8088"]}]` + "\n"
	runbook := bundledRunbook[:strings.Index(bundledRunbook, "steps:")] + `steps:
  - {id: traffic, at: osaka, uses: exec.run, with: {argv: [sh, /opt/orders/traffic.sh]}}
  - {id: tell, uses: human.task, as: operator, with: {text: Tell the branches}}
`
	got := of(estate, runbook)
	want := []breakglass.Elsewhere{{Path: "/opt/orders/traffic.sh", Site: "osaka", What: breakglass.OfStep, Name: "orders-failover/traffic"}, {Path: "/opt/shop/bin/shop", Site: "osaka", What: breakglass.OfTarget, Name: "shop"}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	a := &Activation{Manifest: breakglass.Manifest{Elsewhere: append(got, breakglass.Elsewhere{Path: "/bin/sh", Site: "osaka"})}}
	if lacks := a.NotHere([]string{"osaka"}); !slices.Equal(lacks, want) {
		t.Errorf("not on this machine: %+v", lacks)
	}
	if lacks := a.NotHere([]string{"tokyo"}); len(lacks) > 0 {
		t.Errorf("of another site: %+v", lacks)
	}
}

const bundledScenario = `kind: Scenario
name: tokyo-loss
title: Loss of Tokyo
hazard: disaster
depth: live
sites_lost: [tokyo]
systems: [orders]
failback: stay
muster_place: online
decision: {by: commander, within: 10m, rule: wait}
`
