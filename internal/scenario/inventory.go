package scenario

import (
	"slices"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Inventory is the estate of a folder of plan files as it is now, with how people are
// reached. Mistakes in runbooks and scenarios don't matter to it; those in the estate are an
// error, beside whatever could be read.
func Inventory(dir string, catalog Catalog) (*estate.Estate, error) {
	l := &loading{catalog: catalog, log: &yamldoc.Log{}}
	l.folder(dir)
	l.split(false)
	var files []string
	for _, e := range l.estates {
		files = append(files, e.dec.File)
	}
	b, mistakes := l.whole()
	mistakes = slices.DeleteFunc(mistakes, func(m Mistake) bool { return len(files) == 1 && m.File != files[0] })
	if b == nil {
		return nil, mistakes.Err()
	}
	return b.estate, mistakes.Err()
}
