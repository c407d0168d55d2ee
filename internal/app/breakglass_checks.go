package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/scenario"
)

// refuses says no to a bundle that must not be taken into use here, and which servers of its installation answer all the same.
func (o ActivateOptions) refuses(ctx context.Context, m breakglass.Manifest) (answers []string, err error) {
	l := o.Lang
	if !m.Fits() {
		return nil, &Trouble{Mistake: true, What: l.T("the programs of the bundle are for %s/%s, not for this machine", "パッケージのプログラムは %s/%s 用で、このマシンでは動きません", m.OS, m.Arch),
			WayOut: l.T("Take a machine of that kind. Nothing was unpacked", "同じ種類のマシンを使ってください。何も展開していません")}
	}
	if err := o.personOf(m); err != nil {
		return nil, err
	}
	if err := o.sitesOf(m); err != nil {
		return nil, err
	}
	if answers = mainsThere(ctx, m.Servers); len(answers) > 0 && strings.TrimSpace(o.Although) == "" {
		return nil, &Trouble{Refused: true, What: l.T("The main server answers at %s: two control planes on the same systems are the danger that a bundle is not for. Nothing was begun, and nothing unpacked.", "本来のサーバーが %s で応答しています。同じシステムを2つの制御側が動かすのは、パッケージが避けるべき危険そのものです。何も開始せず、何も展開していません。", strings.Join(answers, ", ")),
			WayOut: l.T("Work with that server. Only when it must not be used, and everybody has been told: --although-main-answers \"WHY\"", "そのサーバーを使ってください。使ってはならない理由があり、全員に周知済みの場合に限り: --although-main-answers \"理由\"")}
	}
	return answers, nil
}

// asked is a setting as the command line or the environment gives it; files of this machine don't count for a bundle.
func (o ActivateOptions) asked(name string) string {
	if o.Flags != nil {
		if f := o.Flags.Lookup(config.Key{Name: name}.Flag()); f != nil && f.Changed {
			return f.Value.String()
		}
	}
	return os.Getenv("MUSTER_" + strings.ToUpper(strings.ReplaceAll(name, ".", "_")))
}

// sites are those that this machine is to work for; none is all.
func (o ActivateOptions) sites() (out []string) {
	for _, name := range strings.Split(o.asked("sites"), ",") {
		if name = strings.TrimSpace(name); name != "" {
			out = append(out, name)
		}
	}
	return out
}

// personOf refuses who is not in the bundle's estate. A manifest without people is of a time when they did not stand in it.
func (o ActivateOptions) personOf(m breakglass.Manifest) error {
	if len(m.People) == 0 || slices.Contains(m.People, o.By) {
		return nil
	}
	t := notThere(o.Lang, o.By, m.People)
	t.What = o.Lang.T("--as: the estate in the bundle has no person %q. Nothing was begun.", "--as: パッケージ内の構成台帳に %q という人はいません。何も開始していません。", o.By)
	return t
}

// sitesOf refuses sites that the bundle's estate has not.
func (o ActivateOptions) sitesOf(m breakglass.Manifest) error {
	for _, name := range o.sites() {
		if len(m.Sites) > 0 && !slices.Contains(m.Sites, name) {
			t := notThere(o.Lang, name, m.Sites)
			t.What = o.Lang.T("--sites: the estate in the bundle has no site %q. Nothing was begun.", "--sites: パッケージ内の構成台帳に %q という拠点はありません。何も開始していません。", name)
			return t
		}
	}
	return nil
}

// lists are the manifest with the people and sites of the estate that was unpacked, where it has none itself. Of plan files with
// mistakes nobody can tell, and whoever must recover is not turned away for that.
func (a *Activation) lists() breakglass.Manifest {
	m := a.Manifest
	if len(m.People) > 0 && len(m.Sites) > 0 {
		return m
	}
	read, mistakes := scenario.Load(filepath.Join(a.Dir, filepath.FromSlash(breakglass.DirPlans)), all.Registry(all.Options{}))
	if len(mistakes) > 0 {
		return m
	}
	m.People, m.Sites, m.Zone = nil, ownSites(config.Config{}, read.Estate()), read.Estate().Zone
	for _, p := range read.Estate().People {
		m.People = append(m.People, p.ID)
	}
	return m
}

// listens makes sure that the address where others will reach this machine is free.
func (o ActivateOptions) listens(ctx context.Context) error {
	address := o.asked("listen")
	for _, k := range config.Keys() {
		if k.Name == "listen" && address == "" {
			address = k.Default
		}
	}
	ln, err := listen(ctx, o.Lang, address)
	if err != nil {
		return err
	}
	return ln.Close()
}

// tried makes sure of what can only be told once all is unpacked, and before the activation is written: that an estate whose names the manifest
// has not knows who and where, that the settings hold together, and that the bundle's own program starts where it lies.
func (a *Activation) tried(ctx context.Context, o ActivateOptions) error {
	l := o.Lang
	a.Manifest = a.lists()
	if err := o.personOf(a.Manifest); err != nil {
		return err
	}
	if err := o.sitesOf(a.Manifest); err != nil {
		return err
	}
	c, err := a.Settings(o.Flags)
	if err != nil {
		return err
	}
	if err := inClear(Options{Config: c, Lang: l, Log: slog.New(slog.DiscardHandler), Talk: io.Discard}); err != nil {
		return err
	}
	own := filepath.Join(a.Dir, breakglass.FileMuster)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, own, "version").CombinedOutput(); err != nil {
		return &Trouble{What: l.T("the bundle's own program does not start in %s", "パッケージ内のプログラムを %s で起動できません", a.Dir), Err: fmt.Errorf("%w %s", err, bytes.TrimSpace(out[:min(len(out), 300)])),
			WayOut: l.T("Name a directory on a disk that programs may run from (not mounted noexec) with --bundle-dir. Nothing was begun", "プログラムを実行できるディスク（noexec でマウントされていないもの）のディレクトリを --bundle-dir で指定してください。何も開始していません")}
	}
	return nil
}

// localURL reports whether an address is this machine's own.
func localURL(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "localhost" || u.Hostname() == "" {
		return true
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err == nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// mainsThere are the servers of a bundle's installation that answer as muster does. Whose certificate it is does not matter: what
// matters is that somebody is there.
func mainsThere(ctx context.Context, servers []string) (out []string) {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	for _, s := range servers {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s+"/api/v1/health", nil)
		if err != nil {
			continue
		}
		res, err := client.Do(req)
		if err != nil {
			continue
		}
		var h map[string]any
		err = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&h)
		_ = res.Body.Close()
		if _, ok := h["ok"]; err == nil && ok { // also one that says that it is not well: it may get better
			out = append(out, s)
		}
	}
	return out
}

// notUnpacked says why a bundle could not be opened.
func notUnpacked(l i18n.Lang, err error) error {
	if errors.Is(err, breakglass.ErrNotOpened) {
		return &Trouble{Mistake: true, What: l.T("this key or passphrase does not open the bundle", "この鍵またはパスフレーズではパッケージを開けません"), WayOut: l.T("Give the right one with --identity FILE or --passphrase-file FILE. Nothing was unpacked", "--identity ファイル または --passphrase-file ファイル で正しいものを指定してください。何も展開していません")}
	}
	return &Trouble{Mistake: !errors.Is(err, breakglass.ErrHere), What: l.T("the bundle is not used, and nothing of it was unpacked", "パッケージは使用せず、何も展開していません"), Err: spoken{l, plainDisk(err)}}
}

// startAnew takes away what a start that was killed left unpacked, or half unpacked beside it, and nothing else.
func startAnew(l i18n.Lang, dir string) error {
	if err := breakglass.Sweep(filepath.Dir(dir), "."+filepath.Base(dir)+"-"); err != nil {
		return fileTrouble(l, dir, err)
	}
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fileTrouble(l, dir, err)
	}
	if len(list) > 0 {
		if _, err := os.Stat(filepath.Join(dir, breakglass.FileManifest)); err != nil {
			return &Trouble{Mistake: true, What: l.T("%s holds something else", "%s には別のものが入っています", dir), WayOut: l.T("Name a directory that is not there yet with --bundle-dir", "--bundle-dir でまだ存在しないディレクトリを指定してください")}
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return fileTrouble(l, dir, err)
	}
	return nil
}
