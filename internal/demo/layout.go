package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/internal/filelock"
	"github.com/muster-dr/muster/internal/i18n"
)

// Besides the files named in demo.go the folder holds muster's own data, so that
// `muster up` on it goes on where a demo was cut off.
const (
	markFile   = "demo"      // says that the folder is a demo's; also its lock
	plansDir   = "plans"     // the plan files as this machine needs them
	serversDir = "servers"   // the PostgreSQL servers, or a link to where they are
	elsewhere  = "/var/tmp/" // for servers whose user can't reach the folder
)

type layout struct{ dir string }

func (l layout) path(name ...string) string {
	return filepath.Join(append([]string{l.dir}, name...)...)
}

// prepare makes the folder a fresh demo's: no other demo uses it, nothing of an earlier
// one runs any more, and nothing stale lies in it. A folder that holds something else is
// refused.
func (d *demo) prepare(ctx context.Context) (unlock func(), err error) {
	if d.dir, err = filepath.Abs(d.Dir); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if _, err := os.Stat(d.path(markFile)); err != nil && len(entries) > 0 {
		return nil, errors.New(d.Lang.T("%s holds something else than a demo and is left alone; name another folder in MUSTER_DATA, or remove it",
			"%s はデモのフォルダーではないため変更しません。MUSTER_DATA で別のフォルダーを指定するか、削除してください", d.dir))
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return nil, err
	}
	// PostgreSQL's service user has to pass, whatever the umask was.
	if err := os.Chmod(d.dir, 0o711); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(d.path(markFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if taken, err := filelock.Try(lock, filelock.Alone); !taken {
		_ = lock.Close()
		if err != nil {
			return nil, err
		}
		return nil, errors.New(d.Lang.T("another demo runs in %s: end it, or name another folder in MUSTER_DATA",
			"%s では別のデモが実行中です。終了させるか、MUSTER_DATA で別のフォルダーを指定してください", d.dir))
	}
	unlock = func() { _ = filelock.Release(lock) }
	if err := d.clear(ctx); err != nil {
		unlock()
		return nil, fmt.Errorf("%s: %w", d.Lang.T("remove what an earlier demo left", "前回のデモの後始末"), err)
	}
	return unlock, nil
}

// clear ends what an earlier demo left running and removes its files.
func (d *demo) clear(ctx context.Context) error {
	servers := d.linked()
	left, err := strays(d.dir, servers)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		d.say("ending what an earlier demo left running: %v", "前回のデモの残存プロセスを終了します: %v", left)
		if err := endAll(ctx, d.dir, servers); err != nil {
			return err
		}
	}
	if servers != "" {
		if err := os.RemoveAll(servers); err != nil {
			return err
		}
	}
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == markFile {
			continue
		}
		if err := os.RemoveAll(d.path(e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// linked is the servers' folder if it lies outside, "" otherwise.
func (l layout) linked() string {
	to, err := os.Readlink(l.path(serversDir))
	if err != nil || !strings.HasPrefix(to, elsewhere+"muster-demo-") || strings.Contains(to[len(elsewhere):], "/") {
		return ""
	}
	return to
}

// serversHome is where the servers are to lie: in the folder, or, when their service
// user may not pass one of the folder's parents, in a new folder that it can reach,
// with a link to it in the demo's folder.
func (l layout) serversHome(lang i18n.Lang, say func(en, ja string, args ...any)) (string, error) {
	home := l.path(serversDir)
	if os.Geteuid() != 0 {
		return home, nil
	}
	for d := l.dir; d != "/"; d = filepath.Dir(d) {
		st, err := os.Stat(d)
		if err != nil {
			return "", err
		}
		if st.Mode().Perm()&0o001 != 0 {
			continue
		}
		to, err := os.MkdirTemp(elsewhere, "muster-demo-")
		if err != nil {
			return "", err
		}
		if err := os.Chmod(to, 0o711); err != nil {
			return "", err
		}
		say("PostgreSQL's user may not pass %[1]s, so the servers lie in %[2]s", "PostgreSQLの実行ユーザーが %[1]s を通過できないため、サーバーは %[2]s に置きます", d, to)
		return filepath.Join(to, "pair"), os.Symlink(to, home)
	}
	return home, nil
}
