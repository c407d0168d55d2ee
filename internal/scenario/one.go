package scenario

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// CompileOne reads the folder and compiles one scenario of it, as Load and Compile do,
// but for mistakes in files that this plan does not come from: somebody else's slip must
// not keep a response from starting. They are returned as elsewhere.
//
// A drill is kept from the targets of systems that are not drillable, and whose they are
// stands in all runbooks: it starts only when all of these are right.
func CompileOne(dir string, catalog Catalog, name string, depth run.Depth) (p plan.Plan, elsewhere Mistakes, err error) {
	l := &loading{catalog: catalog, log: &yamldoc.Log{}}
	l.folder(dir)
	l.split(false)
	b, mistakes := l.whole()
	if len(mistakes) > 0 && (b == nil || b.concerned(l, mistakes, name, depth)) {
		return plan.Plan{}, nil, mistakes
	}
	p, err = b.Compile(name, depth)
	return p, mistakes, err
}

// concerned reports whether one of the mistakes may be in what the plan comes from.
func (b *Bundle) concerned(l *loading, mistakes Mistakes, name string, depth run.Depth) bool {
	at := slices.IndexFunc(b.scenarios, func(s *declared) bool { return s.info.Name == name })
	if at < 0 || b.twice[name] {
		return true
	}
	s := b.scenarios[at]
	var spared []string // files that are no part of it
	for _, doc := range l.scenarios {
		if doc.dec.File != s.info.File {
			spared = append(spared, doc.dec.File)
		}
	}
	for _, doc := range l.programmes {
		spared = append(spared, doc.dec.File)
	}
	if depth == run.Real || depth == "" && s.info.Depth == run.Real {
		own := map[string]bool{}
		for _, name := range s.info.Systems {
			if system, _, ok := b.estate.System(name); ok {
				for _, book := range []string{system.Failover, system.InPlace, system.Failback, system.Restore} {
					if own[book] = true; b.twice[book] {
						return true
					}
				}
			}
		}
		for _, book := range b.runbooks {
			if !own[book.Name] {
				spared = append(spared, book.Declared.Name.Place.File)
			}
		}
	}
	return slices.ContainsFunc(mistakes, func(m Mistake) bool { return !slices.Contains(spared, m.File) })
}
