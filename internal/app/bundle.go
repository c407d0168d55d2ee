package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/book"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// BundleOptions are how a break-glass bundle is made.
type BundleOptions struct {
	Config  config.Config
	Lang    i18n.Lang
	Version string
	Path    string
	By      string
	// Passphrase, unless "", takes the place of the recipients that the settings name.
	Passphrase string
	Server     *api.Client
}

// Bundled is a bundle that was made.
type Bundled struct {
	breakglass.Manifest
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	Records int64  `json:"records"` // events
}

// reference is how a secret stands in a plan file or in the settings.
var reference = regexp.MustCompile(`secret://[^\s"'` + "`" + `,}\])]+`)

// staysBehind are settings that say where this installation is and how it is reached: a laptop is elsewhere, has an engine of its own, and keeps its
// records itself. Without identity.oidc nobody but the server's own token may act there, so identity.console stays too.
var staysBehind = []string{"data", "plans", "store", "store_password", "listen", "public_url", "server", "server_ca_file", "token", "token_file", "person", "site", "sites", "engine",
	"hosts", "insecure_http", "metrics.open", "font", "cloud.program", "bundle.", "gateway.", "temporal.", "evidence.", "tls.", "identity.console", "identity.oidc.", "encryption.ui_origins", "findings.webhook"}

func stays(name string) bool {
	return slices.ContainsFunc(staysBehind, func(s string) bool {
		return s == name || strings.HasSuffix(s, ".") && strings.HasPrefix(name, s)
	})
}

// MakeBundle makes a break-glass bundle of this installation, whose server is up, on the server's machine.
func MakeBundle(ctx context.Context, o BundleOptions) (out Bundled, err error) {
	l, c := o.Lang, o.Config
	pass := o.Passphrase
	if pass == "" && c.Bundle.Passphrase != "" {
		if pass, err = sources(c).Resolve(ctx, c.Bundle.Passphrase); err != nil {
			return out, &Trouble{Mistake: true, What: "bundle.passphrase", Err: err}
		}
	}
	keys := c.Bundle.Recipients
	if o.Passphrase != "" {
		keys = nil
	}
	to, err := breakglass.Recipients(keys, pass)
	if err != nil {
		return out, &Trouble{Mistake: true, What: l.T("the bundle", "非常時持出パッケージ"), Err: err}
	}
	if len(to) == 0 {
		return out, &Trouble{Mistake: true, What: l.T("A bundle holds every credential and is never written in clear, and nobody is named who can open it.", "パッケージにはすべての認証情報が入るため、必ず暗号化します。開ける人が指定されていません。"),
			WayOut: l.T("Make a key with `muster bundle key FILE` and write its public half as bundle.recipients, or give --passphrase-file FILE", "`muster bundle key ファイル` で鍵を作成して公開鍵を bundle.recipients に書くか、--passphrase-file ファイル を指定してください")}
	}
	// A folder that is not there is a stick that is not mounted: made here, every nightly bundle would stay on the very disk that is lost.
	if dir, err := os.Stat(filepath.Dir(o.Path)); err != nil || !dir.IsDir() {
		return out, &Trouble{Mistake: true, What: l.T("The folder %s is not there, and the bundle was not made.", "フォルダー %s がないため、パッケージを作成していません。", filepath.Dir(o.Path)),
			WayOut: l.T("Mount the medium, or make the folder yourself; muster never makes it", "媒体をマウントするか、フォルダーを作成してから再実行してください（musterは作成しません）")}
	}
	// What is renamed onto it takes its place: a mount point can't be replaced, and a device must not be.
	if there, err := os.Stat(o.Path); err == nil && !there.Mode().IsRegular() {
		t := &Trouble{Mistake: true, What: l.T("%s is no file, and the bundle was not made.", "%s はファイルではないため、パッケージを作成していません。", o.Path), WayOut: l.T("Name a file", "ファイル名を指定してください")}
		if there.IsDir() {
			t.What = l.T("%s is a folder, and the bundle was not made: it is one file.", "%s はフォルダーのため、パッケージを作成していません（パッケージは一つのファイルです）。", o.Path)
			t.WayOut = l.T("Name a file in it: %s", "その中のファイル名を指定してください: %s", filepath.Join(o.Path, "muster.bundle"))
		}
		return out, t
	}
	g := &gathering{o: o, load: &breakglass.Load{}, refs: map[string]bool{}}
	if err := g.files(ctx); err != nil {
		return out, err
	}
	known, err := o.Server.Bundles(ctx)
	if err != nil {
		return out, err
	}
	head, err := o.Server.Checkpoint(ctx)
	if err != nil {
		return out, err
	}
	release, err := breakglass.Alone(filepath.Join(c.Data, ".bundle-lock"))
	if err != nil {
		return out, &Trouble{What: l.T("the bundle was not made", "パッケージを作成できませんでした"), Err: err}
	}
	defer release()
	if err := breakglass.Sweep(c.Data, ".bundle-"); err != nil {
		return out, fileTrouble(l, c.Data, err)
	}
	work, err := os.MkdirTemp(c.Data, ".bundle-") // mode 0700; on the disk where the records lie in clear anyway
	if err != nil {
		return out, fileTrouble(l, c.Data, err)
	}
	defer os.RemoveAll(work)

	m := &g.manifest
	m.ID, m.Installation, m.MadeAt, m.Muster, m.OS, m.Arch = breakglass.NewID(), known.Installation, time.Now().UTC().Truncate(time.Second), o.Version, runtime.GOOS, runtime.GOARCH
	private, public, err := breakglass.OwnKey(g.manifest.ID)
	if err != nil {
		return out, err
	}
	g.manifest.Key, g.manifest.Servers = public, serversOf(c)
	g.load.Put(breakglass.FileOwnKey, []byte(private+"\n"))
	g.load.Put(breakglass.FileOwnPub, []byte(public+"\n"))
	g.load.Put(breakglass.FileOwnAll, []byte(public+"\n"))
	g.load.Put(breakglass.FileLogHead, head)
	g.load.Put(breakglass.FileLogKeys, []byte(strings.Join(known.Keys, "\n")+"\n"))
	for _, step := range []func() error{g.programs, g.plans, g.book, g.settings, func() error { return g.records(ctx, work, &out) }, func() error { return g.secrets(ctx) }} {
		if err := step(); err != nil {
			return out, err
		}
	}
	out.Manifest, err = breakglass.Make(o.Path, g.manifest, g.load, to, func(m breakglass.Manifest, digest string) ([]byte, error) {
		signed, err := o.Server.MakeBundle(ctx, api.NewBundle{By: m.By, ID: m.ID, Key: m.Key, Manifest: digest, Confirms: true})
		return signed.Signature, err
	})
	if said := new(api.Problem); errors.As(err, &said) {
		return out, err
	}
	if err != nil {
		return out, &Trouble{What: l.T("the bundle was not made, and nothing is left of it", "パッケージを作成できませんでした。途中のファイルは残していません"), Err: plainDisk(err)}
	}
	info, err := os.Stat(o.Path)
	if err != nil {
		return out, err
	}
	out.Path, out.Size = o.Path, info.Size()
	// Only now it counts: a nightly one that fails must not keep doctor quiet.
	if err := o.Server.PlaceBundle(ctx, out.ID, m.By); err != nil {
		return out, &Trouble{What: l.T("%s is whole and can be used, but the server did not note that bundle %s is in place: it stands there as begun, and its age does not count", "%s は完成しており使用できますが、パッケージ %s の配置をサーバーに記録できませんでした。サーバー上では「作成開始のみ」のままで、作成済みとして数えられません", o.Path, out.ID), Err: spoken{l, err},
			WayOut: l.T("Make the bundle again when the server answers; what is done with this one can be merged all the same", "サーバーが応答するようになったら作り直してください。このパッケージでの記録もそのまま取り込めます")}
	}
	return out, nil
}

// serversOf is where a laptop asks whether the server still answers.
func serversOf(c config.Config) []string {
	var out []string
	for _, u := range []string{c.PublicURL, c.ServerURL()} {
		if u = strings.TrimRight(u, "/"); u != "" && !slices.Contains(out, u) && !localURL(u) {
			out = append(out, u)
		}
	}
	return out
}

// gathering puts a bundle together.
type gathering struct {
	o        BundleOptions
	manifest breakglass.Manifest
	load     *breakglass.Load
	refs     map[string]bool // to secrets
	read     *scenario.Bundle
}

func (g *gathering) programs() error {
	l := g.o.Lang
	own, err := os.Executable()
	if err != nil {
		return err
	}
	at, err := engine.FindBinary(g.o.Config.Engine)
	if err != nil {
		return &Trouble{Mistake: true, What: l.T("a bundle needs the engine that a laptop will run", "パッケージには、ノートPCで動かすエンジンが必要です"), Err: err,
			WayOut: l.T("Install muster-engine beside muster, also where the server works with a Temporal of yours, or name it with --engine", "自前のTemporalを使っている場合も、muster-engine をmusterと同じ場所に置くか、--engine で指定してください")}
	}
	g.load.PutFile(breakglass.FileMuster, own, true)
	g.load.PutFile(breakglass.FileEngine, at, true)
	return nil
}

// mostPlans bounds what is taken for plan files: a folder of plans that is a home directory is a mistake.
const mostPlans = 64 << 20

// plans takes every plan file along.
func (g *gathering) plans() error {
	dir := g.o.Config.Plans
	data, err := filepath.Abs(g.o.Config.Data)
	if err != nil {
		return err
	}
	total := int64(0)
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fileTrouble(g.o.Lang, path, err)
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if full, err := filepath.Abs(path); err == nil && full == data || scenario.Skips(rel, d) {
				return fs.SkipDir
			}
			return nil
		}
		if scenario.Skips(rel, d) { // above all muster.yaml: it names secrets that stay behind
			return nil
		}
		if !slices.Contains([]string{".yaml", ".yml", ".csv"}, filepath.Ext(path)) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return fileTrouble(g.o.Lang, path, err)
		}
		if total += int64(len(b)); total > mostPlans {
			return &Trouble{Mistake: true, What: g.o.Lang.T("%s holds more than %d MB of plan files", "%s の計画ファイルが %d MBを超えています", dir, mostPlans>>20), WayOut: g.o.Lang.T("Name the folder of the plans with --plans", "計画ファイルのフォルダーを --plans で指定してください")}
		}
		g.load.Put(breakglass.DirPlans+filepath.ToSlash(rel), b)
		g.referred(string(b))
		return nil
	})
}

func (g *gathering) referred(text string) {
	for _, ref := range reference.FindAllString(text, -1) {
		g.refs[strings.TrimRight(ref, ".:;")] = true
	}
}

// book is what is used when the laptop fails too. Where there is no font for paper there are pages for a browser.
func (g *gathering) book() error {
	registry := all.Registry(all.Options{})
	src, err := book.Gather(g.read, func(id string) plan.Text {
		for _, a := range registry.Actions() {
			if a.ID == id {
				return plan.Text{EN: a.Doc.Summary, JA: a.Doc.SummaryJA}
			}
		}
		return plan.Text{}
	}, time.Now())
	if err != nil {
		return err
	}
	g.manifest.Elsewhere = elsewhere(registry, g.read.Estate().Targets, slices.Concat(src.Plans, src.Restores))
	for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
		d := book.Make(src, l)
		var page bytes.Buffer
		if err := d.WriteHTML(&page); err != nil {
			return err
		}
		g.load.Put(breakglass.DirBook+"muster-book-"+string(l)+".html", page.Bytes())
		fonts, err := book.FindFonts(g.o.Config.Font, l)
		if err != nil {
			continue
		}
		var paper bytes.Buffer
		if _, err := d.WritePDF(&paper, fonts, src.At); err != nil {
			return err
		}
		g.load.Put(breakglass.DirBook+"muster-book-"+string(l)+".pdf", paper.Bytes())
	}
	return nil
}

// settings takes along what counts on a laptop too, and the files that it names.
func (g *gathering) settings() error {
	tree := map[string]any{}
	for name, value := range g.o.Config.Written {
		if stays(name) || value == "" {
			continue
		}
		if strings.HasSuffix(name, "_file") || name == "policy" {
			b, err := os.ReadFile(value)
			if err != nil {
				return &Trouble{Mistake: true, What: name, Err: err}
			}
			value = breakglass.DirFiles + name
			g.load.Put(value, b)
		}
		g.referred(value)
		at, parts := tree, strings.Split(name, ".")
		for _, p := range parts[:len(parts)-1] {
			next, ok := at[p].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[p] = next
			}
			at = next
		}
		at[parts[len(parts)-1]] = value
	}
	b, err := yaml.Marshal(tree)
	if err != nil {
		return err
	}
	g.load.Put(breakglass.FileSettings, b)
	return nil
}

// records copies the record store as it is now, while the server goes on with it.
func (g *gathering) records(ctx context.Context, work string, out *Bundled) error {
	c := g.o.Config
	path := filepath.Join(work, "journal.db")
	copied, err := journal.Snapshot(ctx, c.StoreURL(), path, StoreOptions(c, nil)...)
	if err != nil {
		return StoreTrouble(g.o.Lang, err)
	}
	for _, t := range copied {
		if t.Table == "events" {
			out.Records = t.Rows
		}
	}
	s, err := journal.Open(ctx, "sqlite:"+path)
	if err != nil {
		return StoreTrouble(g.o.Lang, err)
	}
	g.manifest.Open, err = openRuns(ctx, s)
	if err = errors.Join(err, s.Close()); err != nil {
		return StoreTrouble(g.o.Lang, err)
	}
	g.load.PutFile(breakglass.FileRecords, path, false)
	return nil
}

// openRuns are those that go on, with what of them the record says is done.
func openRuns(ctx context.Context, s journal.Store) ([]breakglass.OpenRun, error) {
	list, err := s.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return nil, err
	}
	var out []breakglass.OpenRun
	for _, sum := range list {
		r := breakglass.OpenRun{Run: sum.Run, Kind: sum.Kind, Scenario: sum.Scenario, By: sum.By, StartedAt: sum.StartedAt}
		entries, err := s.Events(ctx, sum.Run, 0, 0)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			ev := e.Event
			r.LastAt = ev.At
			name := strings.TrimPrefix(ev.System+"/"+ev.Step, "/")
			switch ev.Kind {
			case run.StepStarted:
				if !slices.Contains(r.Begun, name) {
					r.Begun = append(r.Begun, name)
				}
			case run.StepEnded:
				r.Begun = slices.DeleteFunc(r.Begun, func(b string) bool { return b == name })
				if ev.Outcome == run.Passed && !slices.Contains(r.Done, name) {
					r.Done = append(r.Done, name)
				}
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// secrets takes along what can be read here; what only a site's own machine can read is named.
func (g *gathering) secrets(ctx context.Context) error {
	values := map[string]string{}
	from := sources(g.o.Config)
	for ref := range g.refs {
		v, err := from.Resolve(ctx, ref)
		if err != nil {
			g.manifest.Lacks = append(g.manifest.Lacks, ref)
			continue
		}
		values[ref] = v
	}
	slices.Sort(g.manifest.Lacks)
	b, err := json.Marshal(values)
	if err != nil {
		return err
	}
	g.load.Put(breakglass.FileSecrets, b)
	return nil
}
