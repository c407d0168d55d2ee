package scenario

import (
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// readProgramme checks the yearly plan against the scenarios that it runs.
func (l *loading) readProgramme(b *Bundle) {
	var known []programme.Scenario
	for _, s := range b.scenarios {
		known = append(known, programme.Scenario{Name: s.info.Name, Title: s.info.Title, Hazard: s.info.Hazard, Depth: s.info.Depth,
			Systems: s.info.Systems, Blind: s.plan.Blind, Facilitators: s.plan.Facilitators, Rule: s.info.Schedule})
	}
	for i, doc := range l.programmes {
		if i > 0 {
			l.log.Add(doc.dec.At(doc.root), "a second programme; the first is %s: keep one, with all rows, or move this one with its estate into a folder below", "訓練計画（Programme）が2つあります。1つ目は %s です。すべての行を1つにまとめるか、構成台帳とともに下位フォルダーに移してください", l.programmes[0].dec.File)
			continue
		}
		b.programme = programme.Read(doc.dec, doc.root, b.estate, known, b.goal)
	}
}

// goal finds mistakes in the expression of a goal, which reads what pass criteria read.
func (b *Bundle) goal(scenario, src string) error {
	for _, s := range b.scenarios {
		if s.info.Name != scenario {
			continue
		}
		p := b.compile(&yamldoc.Log{}, s, s.info.Depth)
		checked, err := report.PassScope(p).Check(src)
		if err == nil && checked.Kind != expr.Truth && checked.Kind != expr.Any {
			err = plan.Wrong("it gives a %s; it must give true or false", "式の結果が %s です。真偽値になるように書いてください", string(checked.Kind))
		}
		return err
	}
	return nil // that there is no such scenario is told where it is named
}

// Programme reads the folder and returns its yearly plan; nil without one. Mistakes in other
// files than the programme and what it names are told as well: a programme that runs what is
// broken is no plan.
func Programme(dir string, catalog Catalog) (*programme.Programme, error) {
	b, mistakes := Load(dir, catalog)
	if b == nil {
		return nil, mistakes.Err()
	}
	return b.programme, mistakes.Err()
}
