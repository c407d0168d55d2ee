package app

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/plan"
)

// StoreOptions are how the settings say that the record store is opened. Its password is read for
// every connection, so that a new one needs no restart.
func StoreOptions(c config.Config, hear func(plan.Text)) []journal.Option {
	return Options{Config: c}.store(hear)
}

func (o Options) store(hear func(plan.Text)) []journal.Option {
	out := []journal.Option{journal.Notices(hear)}
	if ref := o.Config.StorePassword; ref != "" {
		out = append(out, journal.Password(func(ctx context.Context) (string, error) { return o.secrets().Resolve(ctx, ref) }))
	}
	return out
}

// openStore opens the record store, with the way out when it can't be. One that is away is waited for: after a power
// failure everything starts at once, and a server that ended over it would not be started again for ever.
func openStore(ctx context.Context, o Options, starting *api.Starting) (journal.Store, error) {
	hear := func(t plan.Text) { o.Log.Warn(t.In(string(o.Lang))) }
	var told reminder
	var wait time.Duration
	for {
		store, err := journal.Open(ctx, o.Config.StoreURL(), append(o.store(hear), journal.TriedAgain())...)
		starting.StoreIs(err)
		switch {
		case err == nil:
			if told.said() {
				o.Log.Info("record store reached")
			}
			return store, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case !journal.Away(err):
			return nil, StoreTrouble(o.Lang, err)
		}
		if told.due() {
			o.Log.Warn("the record store does not answer; trying again", "err", err)
		}
		if err := pause(ctx, &wait); err != nil {
			return nil, err
		}
	}
}

// leaveWithin is how long a start waits for another control plane to let go of the store: the part of
// a machine that is gone ends after some 20 s.
const leaveWithin = 30 * time.Second

// claimStore takes part in the work on a store that several machines reach, and refuses where
// servers on another engine have it. A store or an engine that is away by now is waited for.
func claimStore(ctx context.Context, o Options, store journal.Store, c client.Client, address, namespace string) error {
	of, ok := store.(journal.Claimer)
	if !ok {
		return nil
	}
	var told reminder
	var wait time.Duration
	for {
		err := claim(ctx, of, c, address, namespace)
		switch {
		case err == nil || ctx.Err() != nil:
			return errors.Join(err, ctx.Err())
		case !journal.Away(err) && !errors.As(err, new(*engine.Unnamed)):
			return StoreTrouble(o.Lang, err)
		}
		if told.due() {
			o.Log.Warn("whose the record store is can't be told yet; trying again", "err", err)
		}
		if err := pause(ctx, &wait); err != nil {
			return err
		}
	}
}

func claim(ctx context.Context, of journal.Claimer, c client.Client, address, namespace string) error {
	name := address + "/" + namespace
	info, err := engine.Namespace(ctx, c, namespace)
	if err != nil {
		return err
	}
	if id := info.GetId(); id != "" {
		name = namespace + " " + id // the same by whatever address it is reached
	}
	return of.Claim(ctx, name, leaveWithin)
}

// StoreTrouble is why a record store can't be used, in the reader's language.
func StoreTrouble(l i18n.Lang, err error) error {
	return &Trouble{What: l.T("the record store can't be used", "記録の保存先を利用できません"), Err: spoken{l, err}}
}

// spoken is an error in the reader's language where it has one.
type spoken struct {
	lang i18n.Lang
	err  error
}

func (s spoken) Error() string {
	if _, several := s.err.(interface{ Unwrap() []error }); several {
		return plan.SaidBy(s.err).In(string(s.lang))
	}
	var both interface{ Said() plan.Text }
	if errors.As(s.err, &both) {
		return both.Said().In(string(s.lang))
	}
	return s.err.Error()
}

func (s spoken) Unwrap() error { return s.err }

// store looks at the record store itself, and asks the server when one runs.
func (e *examination) store(ctx context.Context, serves *api.Health) {
	title := e.t("record store", "記録の保存先")
	at := e.c.StoreURL()
	if serves != nil && serves.Store != "" && serves.Store != "ok" {
		e.add("store", title, Bad, serves.Store, "")
		return
	}
	if serves != nil && e.c.Server != "" && !e.upgrade { // it may be on another machine, with settings of its own
		e.served(title, serves)
		return
	}
	if path, ok := strings.CutPrefix(at, "sqlite:"); ok {
		_, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) && serves != nil {
			command := "doctor"
			if e.upgrade {
				command = "upgrade-check"
			}
			e.add("store", title, Bad, e.t("the server that answers at %s keeps its records elsewhere: %s, which these settings name, is not there", "%s で応答しているサーバーの記録は別の場所にあります。この設定が指す %s はありません", e.c.ServerURL(), path), e.itsSettings(command))
			return
		}
		if errors.Is(err, fs.ErrNotExist) {
			e.add("store", title, Good, e.t("%s is not there yet; the server makes it", "%s はまだありません。サーバーが作成します", path), "")
			return
		}
	}
	ask, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var notes []plan.Text
	facts, err := journal.Inspect(ask, at, e.options().store(func(t plan.Text) { notes = append(notes, t) })...)
	if err != nil { // a certificate that has ended may be why
		facts.Servers, _ = journal.AskServers(ask, at, e.options().store(nil)...)
	}
	e.storeCertificates(facts.Servers, time.Now())
	switch {
	case errors.Is(err, journal.ErrEmpty), errors.Is(err, journal.ErrOlder): // the next start sees to it
		e.storeNotes(title, spoken{e.l, err}.Error(), facts, facts.Notes)
		return
	case err != nil && serves != nil && serves.Store == "ok" && !errors.Is(err, journal.ErrNewer):
		e.served(title, serves) // which reaches it, from where it runs
		return
	case err != nil:
		e.add("store", title, Bad, spoken{e.l, err}.Error(), "")
		return
	}
	raised := 0
	for _, object := range facts.Raised {
		kind, _, _ := strings.Cut(object, ": ")
		if r, ok := lookout.RuleOf(lookout.Kind(kind)); !ok || !r.Notice {
			raised++
		}
	}
	e.raised = &raised
	found := facts.Text().In(string(e.l))
	notes = append(notes, facts.Notes...)
	if len(notes) == 0 {
		e.add("store", title, Good, found, "")
		return
	}
	e.storeNotes(title, found, facts, notes)
}

// storeNotes tells of a record store that can be used, or will be, and what should be known.
func (e *examination) storeNotes(title, found string, facts journal.Facts, notes []plan.Text) {
	var out []string
	for _, n := range notes {
		out = append(out, n.In(string(e.l)))
	}
	result := Odd
	if facts.Bad {
		result = Bad
	}
	e.add("store", title, result, found, strings.Join(out, "\n"))
}

func (e *examination) served(title string, serves *api.Health) {
	if serves.Store == "ok" {
		e.add("store", title, Good, e.t("the server reads and writes it", "サーバーが読み書き可能"), "")
	}
}

// MigrateStore brings the record store that the settings name up to date, and says what it is then.
func MigrateStore(ctx context.Context, l i18n.Lang, c config.Config, hear func(plan.Text)) (journal.Facts, error) {
	store, err := journal.Open(ctx, c.StoreURL(), StoreOptions(c, hear)...)
	if err == nil {
		err = store.Close()
	}
	var facts journal.Facts
	if err == nil {
		facts, err = journal.Inspect(ctx, c.StoreURL(), StoreOptions(c, nil)...)
	}
	if err != nil {
		return facts, StoreTrouble(l, err)
	}
	return facts, nil
}

// CopyStore copies a whole record store to an empty one. A file in a data directory is held as long,
// so that no muster begins to work with it.
func CopyStore(ctx context.Context, l i18n.Lang, c config.Config, from, to string, hear func(plan.Text)) ([]journal.Copied, error) {
	if wrong := copyCall(l, from, to); wrong != nil {
		return nil, wrong
	}
	for _, side := range []string{from, to} {
		path, ok := strings.CutPrefix(side, "sqlite:")
		dir := filepath.Dir(path)
		if !ok {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
			continue // no data directory
		}
		data, err := openData(l, dir, alone)
		if used := new(Trouble); errors.As(err, &used) && used.inUse { // another --data would change nothing here
			used.WayOut = l.T("End it, copy, and start it again with the new store in its settings: both stores must be at rest", "それを終了してからコピーし、設定に新しい保存先を書いて起動し直してください。コピー中はどちらの保存先も使用できません")
			used.Mistake = true
			return nil, used
		}
		if err != nil {
			return nil, err
		}
		defer data.Close()
	}
	out, err := journal.Copy(ctx, from, to, StoreOptions(c, hear)...)
	if err != nil {
		return nil, StoreTrouble(l, err)
	}
	return out, nil
}
