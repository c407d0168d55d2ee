package app

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/board"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
)

// directory is the people of the estate as the files say now. It reads them again when one
// has changed, and looks for that at most once in lookAgain. While they have mistakes, the
// last good ones count.
type directory struct {
	dir     string
	catalog scenario.Catalog
	kept    *keptPlans // the server's reading of all files; nil is one of its own each time

	mu     sync.Mutex
	looked time.Time
	stamp  string
	last   *inventory.Estate
	part   *inventory.Estate // what can be read of one with mistakes, while there is no good one
	err    error             // nobody has read a good one yet
}

// lookAgain bounds how late a change of the estate counts: disabling by leaving the file takes
// no longer than disabling by hand (requirement P-OFF).
const lookAgain = 3 * time.Second

var errNoEstate = errors.New("the plans directory holds no estate")

var _ identity.Directory = (*directory)(nil)

// estate is the last good one. Before there is any, it is what can be read of one with
// mistakes, together with its error: enough to reach people, and not to tell who may act.
func (d *directory) estate() (*inventory.Estate, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := time.Now(); now.Sub(d.looked) >= lookAgain {
		d.looked = now
		if stamp := stampOf(d.dir); stamp != d.stamp || d.last == nil {
			d.stamp = stamp
			switch e, err := d.read(); {
			case err == nil && e != nil:
				d.last, d.part, d.err = e, nil, nil
			case d.last == nil:
				d.part, d.err = e, cmp.Or(err, errNoEstate)
			}
		}
	}
	if d.last == nil {
		return d.part, d.err
	}
	return d.last, nil
}

// read takes the estate from the server's own reading of the files. While any of them has a mistake,
// the estate's own decide, which takes a reading of its own.
func (d *directory) read() (*inventory.Estate, error) {
	if d.kept != nil {
		if b, err := d.kept.load(d.dir, d.catalog); err == nil {
			return b.Inventory(), nil
		}
	}
	return scenario.Inventory(d.dir, d.catalog)
}

// stampOf changes when a plan file does.
func stampOf(dir string) string {
	var b strings.Builder
	_ = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if ext := filepath.Ext(path); ext != ".yaml" && ext != ".yml" {
			return nil
		}
		if info, err := e.Info(); err == nil {
			b.WriteString(path + info.ModTime().Format(time.RFC3339Nano) + "\x00")
		}
		return nil
	})
	return b.String()
}

// Estate is the inventory, for the API.
func (d *directory) Estate(context.Context) (plan.Estate, error) {
	e, err := d.estate()
	if err != nil {
		return plan.Estate{}, err
	}
	return e.Estate, nil
}

// inventory is the estate, for the board.
func (d *directory) inventory() (board.Inventory, error) {
	e, err := d.estate()
	if err != nil {
		return board.Inventory{}, err
	}
	return board.Inventory{Estate: e.Estate, Systems: e.Systems, Roles: e.Titles, Numbers: e.Numbers()}, nil
}

func (d *directory) Known(_ context.Context, person string) (bool, error) {
	e, err := d.estate()
	if err != nil {
		return false, err
	}
	_, ok := e.Person(person)
	return ok, nil
}

func (d *directory) BySubject(_ context.Context, subject string) (string, error) {
	return d.by(func(c inventory.Contact) bool { return c.Subject != "" && c.Subject == subject })
}

// ByMail knows nobody whose subject the estate has: a provider can give an address to somebody else.
func (d *directory) ByMail(_ context.Context, mail string) (string, error) {
	person, err := d.by(func(c inventory.Contact) bool { return c.Mail != "" && strings.EqualFold(c.Mail, mail) })
	if err != nil || person == "" {
		return "", err
	}
	e, err := d.estate()
	if err != nil || e.Contacts[person].Subject != "" {
		return "", err
	}
	return person, nil
}

// by is the one person whose contact fits; two are nobody.
func (d *directory) by(fits func(inventory.Contact) bool) (string, error) {
	e, err := d.estate()
	if err != nil {
		return "", err
	}
	found := ""
	for _, p := range e.People {
		if fits(e.Contacts[p.ID]) {
			if found != "" {
				return "", nil
			}
			found = p.ID
		}
	}
	return found, nil
}
