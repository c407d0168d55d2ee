package app

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/calendar"
	inventory "github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// plans answers every question from the plans directory's files as they are, and reads them anew
// for each plan that a run starts from.
type plans struct {
	dir     string
	catalog scenario.Catalog
	kept    *keptPlans
	// compiled is told of each plan that was made; nil is nobody.
	compiled func(plan.Plan)
	log      *slog.Logger
}

var (
	_ api.Plans       = plans{}
	_ api.PartyLists  = plans{}
	_ api.ProofFiles  = plans{}
	_ api.Programmes  = plans{}
	_ api.EstateFiles = plans{}
)

func (p plans) load() (*scenario.Bundle, error) {
	return p.kept.load(p.dir, p.catalog)
}

// plansThere refuses plans that are no folder, as a mistyped one or a share that is not mounted: muster would stay up, and nothing could be started.
func plansThere(l i18n.Lang, dir string) error {
	switch info, err := os.Stat(dir); {
	case err != nil:
		return &Trouble{Mistake: true, What: l.T("The folder of the plan files can't be read; nothing was started", "計画ファイルのフォルダーを読み取れないため、何も開始していません"), Err: err,
			WayOut: l.T("Name the folder that holds them with --plans, MUSTER_PLANS or plans in muster.yaml; `muster init DIR` makes a first one", "計画ファイルのあるフォルダーを --plans、MUSTER_PLANS、muster.yamlのplansで指定してください。最初のものは `muster init ディレクトリ` で作成できます")}
	case !info.IsDir():
		return &Trouble{Mistake: true, What: l.T("%s is a file, and plans name a folder; nothing was started", "%s はファイルです。plansにはフォルダーを指定します。何も開始していません", dir),
			WayOut: l.T("Name the folder that it lies in: --plans %s", "それが入っているフォルダーを指定してください: --plans %s", filepath.Dir(dir))}
	}
	return nil
}

// full is the folder from anywhere on this machine.
func (p plans) full() string {
	full, err := filepath.Abs(p.dir)
	if err != nil { // the working directory is gone
		return ""
	}
	return full
}

// startable says whether any drill could be started from the files as they are.
func (p plans) startable() bool {
	b, err := p.load()
	return err == nil && len(b.Scenarios()) > 0
}

// line is what a start tells of the plan files.
func (p plans) line(l i18n.Lang) string {
	b, err := p.load()
	if mistakes := (scenario.Mistakes)(nil); errors.As(err, &mistakes) {
		return l.T("%s: %d mistake(s), nothing can be started until `muster validate` is clean", "%s: 誤り %d 件。`muster validate` で修正するまで開始できません", p.dir, len(mistakes))
	}
	return l.T("%s (scenarios: %d)", "%s (シナリオ %d 件)", p.dir, len(b.Scenarios()))
}

func (p plans) Scenarios() ([]api.Scenario, error) {
	b, err := p.load()
	if err != nil {
		return nil, err
	}
	out := []api.Scenario{}
	for _, s := range b.Scenarios() {
		out = append(out, api.Scenario{Name: s.Name, Title: s.Title, Hazard: s.Hazard, Depth: s.Depth, Systems: s.Systems, Blind: s.Blind, Facilitators: s.Facilitators})
	}
	return out, nil
}

func (p plans) Compile(name string, depth run.Depth) (plan.Plan, error) {
	out, elsewhere, err := scenario.CompileOne(p.dir, p.catalog, name, depth)
	if err != nil {
		return plan.Plan{}, err
	}
	if len(elsewhere) > 0 {
		p.log.Warn("plan files that this plan does not come from have mistakes; it is made all the same: muster validate names them", "scenario", name, "mistakes", len(elsewhere), "first", elsewhere[0].String())
	}
	if p.compiled != nil {
		p.compiled(out)
	}
	return out, nil
}

// Programme is the yearly plan as the files have it now; nil without one.
func (p plans) Programme() (*programme.Programme, error) {
	b, err := p.load()
	if b == nil {
		return nil, err
	}
	return b.Programme(), err
}

// days are those on which people work; a mistake in the files is told by whoever needs more of them.
func (p plans) days() calendar.Calendar {
	now, err := p.Programme()
	if err != nil {
		return calendar.Weekdays()
	}
	return now.Days()
}

// Parties are the contact lists of the estate as it is now.
func (p plans) Parties() ([]api.Party, error) {
	b, err := p.load()
	if err != nil {
		return nil, err
	}
	out := []api.Party{}
	for _, x := range b.Estate().Parties {
		c := b.PartyContact(x.Name)
		out = append(out, api.Party{Name: x.Name, Title: x.Title, Kind: c.Kind, Contact: x.Contact, Person: c.Person, Role: c.Role, Phone: c.Phone, Elsewhere: c.Elsewhere,
			Mobile: c.Mobile, Mail: c.Mail, Desk: c.Desk, Deputy: c.Deputy, Confirmed: c.Confirmed, ConfirmedBy: c.ConfirmedBy})
	}
	return out, nil
}

// ProofFiles are the files as proofs rest on them, all of one reading.
func (p plans) ProofFiles() (proof.Files, error) {
	b, err := p.load()
	if err != nil {
		return proof.Files{}, err
	}
	out := proof.Files{Systems: b.Systems(), Zone: b.Estate().Zone, FreshFor: b.FreshFor(), ByScenario: map[string]time.Duration{}}
	names := map[string]bool{}
	for _, s := range b.Scenarios() {
		names[s.Name] = true
		if s.FreshFor > 0 {
			out.ByScenario[s.Name] = s.FreshFor.Std()
		}
	}
	out.Compile = func(name string, depth run.Depth) (plan.Plan, error) {
		if !names[name] {
			return plan.Plan{}, fmt.Errorf("%s: %w", name, proof.ErrNoScenario)
		}
		return b.Compile(name, depth)
	}
	return out, nil
}

// EstateFile is the estate with everything that its file says.
func (p plans) EstateFile() (*inventory.Estate, error) {
	b, err := p.load()
	if err != nil {
		return nil, err
	}
	return b.Inventory(), nil
}
