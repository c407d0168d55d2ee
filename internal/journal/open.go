package journal

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// Option is something about opening a store.
type Option func(*options)

type options struct {
	password     func(ctx context.Context) (string, error)
	notice       func(plan.Text)
	asIs         bool
	alone        bool
	certificates *certificates
	patience     time.Duration // of a try; 0 is the usual one
	once         bool          // a server that is away is not tried again
	older        *Facts        // hears what an upgrade of an older store has to know
	free         func() (int64, error)
}

func (o options) tell(t plan.Text) {
	if o.notice != nil {
		o.notice(t)
	}
}

// Password is how the password of a PostgreSQL store is found. It is asked for every connection,
// so that a changed one needs no restart.
func Password(find func(ctx context.Context) (string, error)) Option {
	return func(o *options) { o.password = find }
}

// Notices hears what should be known about a store and keeps nobody from using it.
func Notices(hear func(plan.Text)) Option { return func(o *options) { o.notice = hear } }

// AsItIs opens a store without bringing its schema up to date: an older one is ErrOlder.
func AsItIs() Option { return func(o *options) { o.asIs = true } }

// TriedAgain is for who tries again as long as the store is Away, and wants to tell of it soon.
func TriedAgain() Option { return func(o *options) { o.once = true } }

// Away reports whether a store could not be used since none of its servers answers, which may mend by
// waiting. What a server refused, and what is wrong with an address, does not.
func Away(err error) bool {
	var t *trouble
	return errors.As(err, &t) && t.away
}

// Open opens the record store that url names and brings its schema up to date; it
// makes what is not there. The forms are "sqlite:PATH", the path of a file, and
// "postgres://USER@HOST:PORT,HOST:PORT/DATABASE".
//
// It refuses a file or a database that is not a muster record store and one that a newer
// muster wrote, and changes neither.
func Open(ctx context.Context, url string, more ...Option) (Store, error) {
	s, err := openURL(ctx, url, more...)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func openURL(ctx context.Context, url string, more ...Option) (*database, error) {
	var o options
	for _, set := range more {
		set(&o)
	}
	kind, rest, found := strings.Cut(url, ":")
	switch {
	case url == "":
		return nil, plan.Wrong("record store: no address given; write sqlite:PATH, such as sqlite:/var/lib/muster/journal.db", "記録の保存先: アドレスがありません。sqlite:/var/lib/muster/journal.db のように sqlite:パス の形で書いてください")
	case kind == "sqlite" && strings.Trim(rest, "/") == "":
		return nil, plan.Wrong("record store %q: no file named; write sqlite:PATH, such as sqlite:/var/lib/muster/journal.db", "記録の保存先 %q: ファイルの指定がありません。sqlite:/var/lib/muster/journal.db のように sqlite:パス の形で書いてください", url)
	case kind == "sqlite":
		return openSQLite(ctx, rest, o)
	case isPostgres(url):
		return openPostgres(ctx, url, o)
	case found:
		// Only the kind is told: the rest of such an address may hold a password.
		return nil, plan.Wrong("record store: %q is not a kind of store this muster has; write sqlite:PATH or postgres://USER@HOST/DATABASE", "記録の保存先: %q という種類には対応していません。sqlite:パス か postgres://USER@HOST/DATABASE の形で書いてください", kind)
	}
	return nil, plan.Wrong("record store %q: the kind is missing; write sqlite:%s", "記録の保存先 %q: 種類がありません。sqlite:%s と書いてください", url, url)
}
