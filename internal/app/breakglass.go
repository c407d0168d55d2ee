package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// fileActivation, in the directory of an unpacked bundle, says that it is in use. It is written last.
const fileActivation = "activation.json"

// Activation is a bundle in use.
type Activation struct {
	run.Bundled
	Archive  string              `json:"archive"`   // SHA-256 of the bundle's file
	SignedBy string              `json:"signed_by"` // fingerprint of the installation's key
	Known    bool                `json:"known"`     // the key was given on another way
	Manifest breakglass.Manifest `json:"manifest"`

	Dir     string `json:"-"`
	Resumed bool   `json:"-"` // it was in use already
	// Answers are the servers of its installation that answer now.
	Answers []string `json:"-"`
}

// ActivateOptions are how a bundle is taken into use.
type ActivateOptions struct {
	Lang i18n.Lang
	File string // "" goes on in Dir
	Dir  string // "" is named after the file, in the working directory
	By   string
	// Reason is why, and Although why also while the installation's server answers.
	Reason, Although string
	Open             func() ([]age.Identity, error)
	Keys             []string // of the installation, where they are known
	// Flags are settings that count here besides those of the bundle.
	Flags *pflag.FlagSet
	Now   func() time.Time
}

// Activate takes a bundle into use, or finds it in use already: then it goes on there, whatever became of the process before.
func Activate(ctx context.Context, o ActivateOptions) (a Activation, err error) {
	l := o.Lang
	sum := ""
	if o.File != "" {
		if sum, err = fileSum(o.File); err != nil {
			return a, &Trouble{Mistake: true, What: l.T("the bundle can't be read", "パッケージを読み取れません"), Err: err}
		}
		if o.Dir == "" {
			o.Dir = "muster-break-glass-" + sum[:12]
		}
	}
	if o.Dir, err = filepath.Abs(o.Dir); err != nil {
		return a, err
	}
	a, err = ReadActivation(o.Dir)
	if errors.Is(err, fs.ErrNotExist) && o.File != "" {
		if err := os.MkdirAll(filepath.Dir(o.Dir), 0o700); err != nil {
			return a, fileTrouble(l, o.Dir, err)
		}
		release, busy := breakglass.Alone(o.Dir + ".lock")
		if busy != nil {
			return a, &Trouble{What: l.T("the bundle can't be taken into use in %s now", "%s ではパッケージの使用を開始できません", o.Dir), Err: busy}
		}
		defer release()
		a, err = ReadActivation(o.Dir) // who was there before may just have ended
	}
	switch {
	case err == nil && sum != "" && a.Archive != sum:
		return a, &Trouble{Mistake: true, What: l.T("%s is in use with another bundle, %s", "%s は別のパッケージ %s で使用中です", o.Dir, a.ID), WayOut: l.T("Name another directory with --bundle-dir, or go on with that one without --bundle", "--bundle-dir で別のディレクトリを指定するか、--bundle を付けずにそのまま続けてください")}
	case err == nil:
		a.Dir, a.Resumed = o.Dir, true
		if err := o.sitesOf(a.lists()); err != nil {
			return a, err
		}
		err := whileFree(l, filepath.Join(a.Dir, "data"), func() error { return a.settings(o, filepath.Join(a.Dir, config.DefaultFile)) })
		if used := new(Trouble); errors.As(err, &used) && used.inUse {
			used.WayOut = l.T("It goes on there already: other commands work from %s. Or end it first", "すでに再開済みです。ほかのコマンドは %s で実行できます。再開し直す場合は、先に終了させてください", a.Dir)
		}
		if err != nil {
			return a, err
		}
		a.Answers = mainsThere(ctx, a.Manifest.Servers)
		return a, nil
	case !errors.Is(err, fs.ErrNotExist):
		return a, fileTrouble(l, o.Dir, err)
	case o.File == "":
		return a, &Trouble{Mistake: true, What: l.T("no bundle is in use in %s", "%s で使用中のパッケージはありません", o.Dir), WayOut: l.T("Give the bundle with --bundle FILE", "--bundle ファイル でパッケージを指定してください")}
	case strings.TrimSpace(o.Reason) == "":
		return a, &Trouble{Mistake: true, What: l.T("Why is the bundle taken into use? It is the first thing in its record.", "パッケージを使用する理由が指定されていません。記録の先頭に残ります。"), WayOut: l.T("Say it with --reason", "--reason で理由を示してください")}
	}
	if err := startAnew(l, o.Dir); err != nil {
		return a, err
	}
	with, err := o.Open()
	if err != nil {
		return a, err
	}
	said, err := breakglass.Identify(o.File, with)
	if err != nil {
		return a, notUnpacked(l, err)
	}
	// What speaks against it is asked for before a credential lies on this disk.
	answers, err := o.refuses(ctx, said)
	if err != nil {
		return a, err
	}
	if err := o.listens(ctx); err != nil {
		return a, err
	}
	opened, err := breakglass.Unpack(o.File, o.Dir, with, o.Keys)
	if err != nil {
		return a, notUnpacked(l, err)
	}
	begun := false
	defer func() {
		if begun {
			return
		}
		if gone := os.RemoveAll(o.Dir); gone != nil {
			err = errors.Join(err, &Trouble{What: l.T("%s holds every credential in clear: remove it", "%s に認証情報が平文で残っています。削除してください", o.Dir), Err: gone})
		}
	}()
	if opened.ID != said.ID {
		return a, &Trouble{What: l.T("the bundle's file was replaced meanwhile; nothing was begun", "途中でパッケージのファイルが置き換えられました。何も開始していません"), WayOut: l.T("Say the same once more", "もう一度実行してください")}
	}
	a = Activation{Archive: sum, SignedBy: evidence.Fingerprint(opened.SignedBy), Known: opened.Known, Manifest: opened.Manifest, Dir: o.Dir, Answers: answers,
		Bundled: run.Bundled{ID: opened.ID, Installation: opened.Installation, By: o.By, Reason: o.Reason, At: o.Now().UTC().Truncate(time.Second)}}
	if len(answers) > 0 {
		a.Although = o.Although
	}
	if err := a.prepare(ctx, o); err != nil {
		return a, err
	}
	if err := a.tried(ctx, o); err != nil {
		return a, err
	}
	b, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return a, err
	}
	if err := writeSynced(filepath.Join(o.Dir, fileActivation), string(b)+"\n"); err != nil {
		return a, fileTrouble(l, o.Dir, err)
	}
	begun = true
	return a, nil
}

// ReadActivation reads what bundle is in use in a directory; fs.ErrNotExist is none.
func ReadActivation(dir string) (Activation, error) {
	var a Activation
	b, err := os.ReadFile(filepath.Join(dir, fileActivation))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return a, fmt.Errorf("%s: %w", filepath.Join(dir, fileActivation), err)
	}
	return a, nil
}

func fileSum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// prepare makes a data directory of what was unpacked.
func (a *Activation) prepare(ctx context.Context, o ActivateOptions) error {
	l, data := o.Lang, filepath.Join(a.Dir, "data")
	if err := errors.Join(os.MkdirAll(filepath.Join(data, "seal"), 0o700), os.Rename(filepath.Join(a.Dir, breakglass.FileRecords), filepath.Join(data, "journal.db"))); err != nil {
		return fileTrouble(l, data, err)
	}
	for _, name := range []string{breakglass.FileOwnKey, breakglass.FileOwnPub, breakglass.FileOwnAll} {
		if err := os.Rename(filepath.Join(a.Dir, name), filepath.Join(data, name)); err != nil {
			return fileTrouble(l, data, err)
		}
	}
	store, err := journal.Open(ctx, "sqlite:"+filepath.Join(data, "journal.db"))
	if err != nil {
		return StoreTrouble(l, err)
	}
	if err := errors.Join(a.cutOff(ctx, store), store.Close()); err != nil {
		return StoreTrouble(l, err)
	}
	return a.settings(o, filepath.Join(a.Dir, breakglass.FileSettings))
}

// cutOff closes what was open in the copy: it goes on, if anywhere, at the installation, and no engine here knows of it.
func (a *Activation) cutOff(ctx context.Context, s journal.Store) error {
	why := fmt.Sprintf("this copy of the record ends with break-glass bundle %s, made %s / この記録の複製は、%s に作成した非常時持出パッケージ %[1]s で終わっています", a.ID, a.Manifest.MadeAt.Format(time.RFC3339), a.Manifest.MadeAt.Format(time.RFC3339))
	if err := a.settleProposals(ctx, s, why); err != nil {
		return err
	}
	given, err := s.TokenSystems(ctx)
	if err != nil {
		return err
	}
	systems := map[string]bool{}
	for _, name := range slices.Concat(given, a.Manifest.Systems) {
		systems[name] = true
	}
	open, err := s.Runs(ctx, journal.Filter{Open: true})
	if err != nil {
		return err
	}
	for _, kind := range []run.Kind{run.Readiness, run.Occasion} {
		more, err := s.Runs(ctx, journal.Filter{Open: true, Kind: kind})
		if err != nil {
			return err
		}
		open = append(open, more...)
	}
	for _, r := range open {
		end := run.Event{Run: r.Run, Writer: "bundle", Seq: 1, At: a.At, Kind: run.RunEnded, By: run.Engine, Reason: why, Data: run.Encode(run.Ended{State: run.CutOff})}
		if err := s.Append(ctx, []run.Event{end}); err != nil {
			return err
		}
		if err := s.DropDocument(ctx, "channel.cursor", r.Run); err != nil { // nobody is told of that end
			return err
		}
	}
	all, err := s.Runs(ctx, journal.Filter{})
	if err != nil {
		return err
	}
	for _, r := range all {
		if r.PlanHash == "" {
			continue
		}
		p, err := s.Plan(ctx, r.PlanHash)
		if errors.Is(err, journal.ErrNotFound) {
			continue // removed after its time
		}
		if err != nil {
			return err
		}
		for _, sys := range p.Systems {
			systems[sys.Name] = true
		}
	}
	for name := range systems {
		n, err := s.Token(ctx, name, "bundle/"+a.ID)
		if err != nil {
			return err
		}
		if err := s.RaiseToken(ctx, name, "bundle/"+a.ID+"/ahead", n+breakglass.TokensAhead); err != nil {
			return err
		}
	}
	return nil
}

// settleProposals ends what alarms of the installation still propose: it may have been carried out there since, and nothing begins here unless a
// person says so. Nobody is told, as of the runs.
func (a *Activation) settleProposals(ctx context.Context, s journal.Store, why string) error {
	open, err := new(alarm.Proposals).List(ctx, s, alarm.Open)
	if err != nil {
		return err
	}
	for _, p := range open {
		if _, err := alarm.Change(ctx, s, p.ID, func(p *alarm.Proposal) error {
			err := p.Settle(alarm.Dismissed, run.Engine, "", why, a.At)
			p.Told = p.Saying()
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// settings writes the muster.yaml that counts here, for this process and for every command beside it, from what the bundle brought or from the one
// of before.
func (a *Activation) settings(o ActivateOptions, from string) error {
	l := o.Lang
	b, err := os.ReadFile(from)
	if err != nil {
		return fileTrouble(l, a.Dir, err)
	}
	tree := map[string]any{}
	if err := yaml.Unmarshal(b, &tree); err != nil {
		return fileTrouble(l, a.Dir, err)
	}
	absolute(tree, a.Dir)
	tree["data"], tree["plans"], tree["engine"] = filepath.Join(a.Dir, "data"), filepath.Join(a.Dir, "plans"), filepath.Join(a.Dir, breakglass.FileEngine)
	for _, name := range []string{"listen", "sites", "public_url", "insecure_http"} {
		if value := o.asked(name); value != "" {
			tree[name] = value
		}
	}
	if b, err = yaml.Marshal(tree); err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(a.Dir, config.DefaultFile), string(b)); err != nil {
		return fileTrouble(l, a.Dir, err)
	}
	return nil
}

// absolute makes the files that were taken along be found from anywhere.
func absolute(tree map[string]any, dir string) {
	for k, v := range tree {
		switch v := v.(type) {
		case map[string]any:
			absolute(v, dir)
		case string:
			if strings.HasPrefix(v, breakglass.DirFiles) {
				tree[k] = filepath.Join(dir, v)
			}
		}
	}
}

// Settings are those that count with a bundle in use, with flags before them.
func (a *Activation) Settings(flags *pflag.FlagSet) (config.Config, error) {
	c, err := config.Load(config.Source{File: filepath.Join(a.Dir, config.DefaultFile), Flags: flags})
	if err != nil {
		return c, err
	}
	// Variables of the environment and of the machine's own muster.yaml don't lead elsewhere.
	c.Data, c.Plans, c.Engine = filepath.Join(a.Dir, "data"), filepath.Join(a.Dir, "plans"), filepath.Join(a.Dir, breakglass.FileEngine)
	c.Store, c.StorePassword, c.Server, c.Token, c.TokenFile, c.Alarms = "", "", "", "", "", nil
	c.Identity.Console = nil // nobody signs in elsewhere here: without it nobody could act
	c.Temporal, c.Evidence, c.Identity.OIDC = config.Temporal{Namespace: "default"}, config.Evidence{}, config.OIDC{}
	c.Carried = filepath.Join(a.Dir, breakglass.FileSecrets)
	return c, nil
}

// Own reports whether this process runs the bundle's own program: the record and its report are made by the version that the bundle is of.
func (a *Activation) Own() (path string, own bool, err error) {
	path = filepath.Join(a.Dir, breakglass.FileMuster)
	me, err := os.Executable()
	if err != nil {
		return path, false, err
	}
	mine, err := fileSum(me)
	if err != nil {
		return path, false, err
	}
	want, _ := a.Manifest.Find(breakglass.FileMuster)
	if got, err := fileSum(path); err != nil || got != want.SHA256 {
		return path, false, errors.Join(err, fmt.Errorf("%s is not what the bundle brought", path))
	}
	return path, mine == want.SHA256, nil
}

// begins is the first entry of a bundle's evidence log.
func begins(b *run.Bundled) *evidence.Entry {
	reason := b.Reason
	if b.Although != "" {
		reason += "; although the main server answered: " + b.Although
	}
	return &evidence.Entry{At: b.At, By: b.By, Via: "break-glass bundle", Reason: reason, Bundle: b.ID}
}
