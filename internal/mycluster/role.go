package mycluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/muster-dr/muster/internal/wholefile"
)

// KeepReadOnly makes every later start of the server a read-only one, or one that takes
// writes, whoever starts it: it writes muster's own option file, and mends what the server
// itself keeps beyond that. A read-only server runs no scheduled events either, which
// read_only does not bind when an administrator made them.
func (i *Instance) KeepReadOnly(readOnly bool) error {
	var b strings.Builder
	b.WriteString("# muster writes this file: it keeps the server's role over a restart.\n[mysqld]\n")
	if readOnly {
		b.WriteString("read_only = ON\nloose_super_read_only = ON\nevent_scheduler = OFF\n") // loose: MariaDB has none
	} else {
		b.WriteString("read_only = OFF\nloose_super_read_only = OFF\n")
	}
	if old, err := os.ReadFile(i.Config); err != nil || string(old) != b.String() {
		if err := i.write(i.Config, b.String(), 0o644); err != nil {
			return err
		}
	}
	return i.keepSettings(readOnly)
}

// KeptReadOnly reports whether the next start of the server would be a read-only one, for
// administrators too where the server can bind them. The server's own program says which
// options it would start with, of all its files; MySQL's own settings outrank them.
func (i *Instance) KeptReadOnly(ctx context.Context) (bool, error) {
	next, err := i.next(ctx)
	if err != nil {
		return false, err
	}
	return on(next("read_only")) && !off(next("super_read_only")), nil
}

// Option is the value that the server would start with, or "".
func (i *Instance) Option(ctx context.Context, name string) (string, error) {
	next, err := i.next(ctx)
	if err != nil {
		return "", err
	}
	return next(name), nil
}

// next gives the values of the server's next start.
func (i *Instance) next(ctx context.Context) (func(name string) string, error) {
	out, err := i.Run(ctx, Server, append(i.options(), "--print-defaults")...)
	if err != nil {
		return nil, fmt.Errorf("options of %s: %w", i.Name, err)
	}
	own, err := i.kept()
	if err != nil {
		return nil, err
	}
	if off(option(out, "persisted_globals_load")) {
		own = settings{}
	}
	return func(name string) string {
		if v, given := own.value(name); given {
			return v
		}
		return option(out, name)
	}, nil
}

// option finds one among the options as the server's program prints them.
func option(printed, name string) (value string) {
	for _, arg := range strings.Fields(printed) { // the last one counts
		key, v, given := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		key = strings.TrimPrefix(strings.ReplaceAll(key, "-", "_"), "loose_")
		switch {
		case key == "skip_"+name:
			value = "OFF"
		case key == name && given:
			value = v
		case key == name:
			value = "ON"
		}
	}
	return value
}

func on(v string) bool { return v != "" && !off(v) }

func off(v string) bool { return v == "0" || strings.EqualFold(v, "OFF") }

// note is a file of muster's own beside the server's option file and named after it, since
// several servers may have theirs in one folder. Servers read no files there but *.cnf.
func (i *Instance) note(name string) string { return i.Config + "." + name }

// Keep writes a small file of muster's own, on disk before it returns.
func (i *Instance) Keep(name string, text []byte) error {
	return i.write(i.note(name), string(text), 0o600)
}

// Kept reads such a file; nil when there is none.
func (i *Instance) Kept(name string) ([]byte, error) {
	b, err := os.ReadFile(i.note(name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Drop removes such a file.
func (i *Instance) Drop(name string) error {
	if err := os.Remove(i.note(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return wholefile.SyncDir(filepath.Dir(i.Config))
}

// write replaces a file whole, on disk before it returns. It belongs to whom it belonged,
// a new one to the owner of its folder.
func (i *Instance) write(path, text string, mode os.FileMode) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	owner, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		owner, err = os.Stat(filepath.Dir(path))
	}
	if err != nil {
		return err
	}
	tmp := path + ".muster-new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if st, ok := owner.Sys().(*syscall.Stat_t); err == nil && ok && os.Geteuid() == 0 {
		err = os.Chown(tmp, int(st.Uid), int(st.Gid))
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return wholefile.SyncDir(filepath.Dir(path))
}
