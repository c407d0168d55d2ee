// Package scenario reads a folder of plan files as a whole, reports every mistake in
// it, and compiles one scenario with all it refers to into a frozen plan.
package scenario

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/runbook"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Catalog knows the actions and kinds of target there are.
type Catalog = estate.Catalog

// Mistake is one of them.
type Mistake = yamldoc.Mistake

// Mistakes is every mistake of all files, sorted by place.
type Mistakes = yamldoc.Mistakes

// maxFiles bounds a folder: more is a folder that was not meant.
const maxFiles = 10_000

// Settings is the name of muster's own settings; it is no plan file and may lie beside
// them.
const Settings = "muster.yaml"

// Bundle is a folder of plan files without a mistake.
type Bundle struct {
	estate    *estate.Estate
	runbooks  map[string]*runbook.Runbook
	scenarios []*declared
	roots     []string            // folders, as prefixes of file names
	owners    map[string][]string // systems by the targets they use
	twice     map[string]bool     // names of runbooks and scenarios that two files claim
	programme *programme.Programme
}

// Info is a scenario as lists show it.
type Info struct {
	Name    string     `json:"name"`
	Title   plan.Text  `json:"title"`
	Hazard  run.Hazard `json:"hazard"`
	Depth   run.Depth  `json:"depth"`
	Systems []string   `json:"systems"`
	File    string     `json:"file"`
	// FreshFor is how long what a run of it proves counts; 0 is as the estate says.
	FreshFor run.Duration   `json:"fresh_for,omitempty"`
	Schedule *calendar.Rule `json:"schedule,omitempty"`
	Wake     []WakeRule     `json:"wake,omitempty"`
	// Blind: only its facilitators read it before it is over.
	Blind        bool     `json:"blind,omitempty"`
	Facilitators []string `json:"facilitators,omitempty"`
}

// Scenarios lists the scenarios by name.
func (b *Bundle) Scenarios() []Info {
	out := make([]Info, len(b.scenarios))
	for i, s := range b.scenarios {
		out[i] = s.info
	}
	return out
}

// Programme is the yearly plan; nil without one.
func (b *Bundle) Programme() *programme.Programme { return b.programme }

// Estate is the inventory that all scenarios share.
func (b *Bundle) Estate() plan.Estate { return b.estate.Estate }

// RoleTitles are what people call the estate's roles, by name.
func (b *Bundle) RoleTitles() map[string]plan.Text { return b.estate.Titles }

// Numbers are the telephone numbers of people, by ID, which no plan holds.
func (b *Bundle) Numbers() map[string]string { return b.estate.Numbers() }

// PartyContact is a party's entry of the contact lists, which no plan holds.
func (b *Bundle) PartyContact(name string) estate.PartyContact { return b.estate.PartyContacts[name] }

// Contacts are how people are reached, by person; they stand in no plan.
func (b *Bundle) Contacts() map[string]estate.Contact { return b.estate.Contacts }

// Inventory is the whole estate, with what no plan holds.
func (b *Bundle) Inventory() *estate.Estate { return b.estate }

// Systems are all systems of the estate.
func (b *Bundle) Systems() []plan.System { return b.estate.Systems }

// FreshFor is how long a proof counts where the scenario does not say; 0 is not said.
func (b *Bundle) FreshFor() time.Duration { return b.estate.FreshFor }

// Skips reports whether what lies at a path below a folder of plans is no plan whatever it holds: what is hidden, folders named
// testdata, and muster's own settings.
func Skips(path string, d fs.DirEntry) bool {
	if d.IsDir() {
		return path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata")
	}
	return strings.HasPrefix(d.Name(), ".") || filepath.ToSlash(path) == Settings
}

// Load reads all *.yaml and *.yml files in dir and below, except hidden ones, folders
// named testdata and muster.yaml. With one mistake or more it returns no bundle.
func Load(dir string, catalog Catalog) (*Bundle, Mistakes) { return LoadAll(catalog, dir) }

// LoadAll reads several folders as one bundle, without the plans of their own below them.
func LoadAll(catalog Catalog, dirs ...string) (*Bundle, Mistakes) {
	l := &loading{catalog: catalog, log: &yamldoc.Log{}}
	for _, dir := range dirs {
		l.folder(dir)
	}
	l.split(false)
	return l.bundle()
}

// LoadTree reads several folders as one bundle and every plan of its own below them as
// another: a folder with an estate, below another estate's folder or beside others.
func LoadTree(catalog Catalog, dirs ...string) ([]*Bundle, Mistakes) {
	l := &loading{catalog: catalog, log: &yamldoc.Log{}}
	for _, dir := range dirs {
		l.folder(dir)
	}
	var out []*Bundle
	all := l.log.Mistakes()
	below := l.split(true)
	if len(below) == 0 || len(l.estates)+len(l.runbooks)+len(l.scenarios)+len(l.programmes) > 0 {
		below = append([]*loading{l}, below...)
	}
	for _, part := range below {
		b, mistakes := part.bundle()
		if b != nil {
			out = append(out, b)
		}
		if part != l || all == nil {
			all = append(all, mistakes...)
		} else {
			all = mistakes
		}
	}
	return out, all
}

// split takes the plans of their own out. An estate's folder is one when it lies below that
// of another estate or, with beside, when no estate stands above them all.
func (l *loading) split(beside bool) []*loading {
	var folders []string
	for _, e := range l.estates {
		if dir := path.Dir(e.dec.File); !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	slices.Sort(folders)
	within := func(dir, file string) bool { return dir == "." || strings.HasPrefix(file, dir+"/") }
	var own []string
	for _, dir := range folders {
		if slices.ContainsFunc(folders, func(above string) bool { return above != dir && within(above, dir) }) {
			own = append(own, dir)
		}
	}
	if beside && len(folders) > 1 && len(own) == 0 {
		own = folders
	}
	var out []*loading
	for _, dir := range slices.Backward(own) { // the deepest folder first
		part := &loading{catalog: l.catalog, log: &yamldoc.Log{}, roots: append([]string{dir + "/"}, l.roots...)}
		take := func(from *[]document) (taken []document) {
			*from = slices.DeleteFunc(*from, func(d document) bool {
				if within(dir, d.dec.File) {
					d.dec.Log = part.log
					taken = append(taken, d)
					return true
				}
				return false
			})
			return taken
		}
		part.estates, part.runbooks, part.scenarios = take(&l.estates), take(&l.runbooks), take(&l.scenarios)
		part.programmes = take(&l.programmes)
		out = append(out, part)
	}
	slices.Reverse(out)
	return out
}

// Sources are files that are not on disk, such as those built into the program, by name.
type Sources map[string][]byte

// LoadSources reads files as one bundle.
func LoadSources(catalog Catalog, files Sources) (*Bundle, Mistakes) {
	l := &loading{catalog: catalog, log: &yamldoc.Log{}}
	var names []string
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		l.file(name, files[name])
	}
	return l.bundle()
}

type loading struct {
	catalog   Catalog
	log       *yamldoc.Log
	roots     []string
	files     int
	estates   []document
	runbooks  []document
	scenarios []document

	programmes []document
	unread     []string // text of files that are no YAML: what they name is not there, and not missing either
}

// unreadNames says whether a file that could not be parsed seems to give this name.
func (l *loading) unreadNames(name string) bool {
	at := regexp.MustCompile(`(?m)^name:[ \t]*["']?` + regexp.QuoteMeta(name) + `["']?[ \t]*(#.*)?\r?$`)
	return slices.ContainsFunc(l.unread, at.MatchString)
}

type document struct {
	dec  *yamldoc.Decoder
	root *yaml.Node
}

func (l *loading) folder(dir string) {
	at := yamldoc.Place{File: dir}
	root, err := os.OpenRoot(dir)
	if err != nil {
		l.log.Add(at, "the folder can't be read: %v; name the folder that holds the plan files", "フォルダーを読み取れません（%v）。計画ファイルのあるフォルダーを指定してください", plainError(err))
		return
	}
	defer root.Close()
	if prefix := filepath.ToSlash(filepath.Clean(dir)); prefix != "." {
		l.roots = append(l.roots, strings.TrimSuffix(prefix, "/")+"/")
	}
	found := 0
	err = Files(root, func(path string, err error) error {
		shown := yamldoc.Place{File: filepath.ToSlash(filepath.Join(dir, path))}
		if err != nil {
			l.log.Add(shown, "can't be read: %v", "読み取れません（%v）", plainError(err))
			return nil
		}
		if l.files++; l.files > maxFiles {
			l.log.Add(at, "the folder holds more than %d plan files; name the folder that was meant", "フォルダーに計画ファイルが %d 個を超えてあります。対象のフォルダーを指定し直してください", maxFiles)
			return fs.SkipAll
		}
		found++
		if data, ok := l.read(root, path, shown); ok {
			l.file(shown.File, data)
		}
		return nil
	})
	if err != nil {
		l.log.Add(at, "the folder can't be read: %v", "フォルダーを読み取れません（%v）", plainError(err))
	}
	if found == 0 && l.log.Len() == 0 {
		l.log.Add(at, "the folder holds no plan file; name the folder with your *.yaml files", "フォルダーに計画ファイルがありません。*.yaml ファイルのあるフォルダーを指定してください")
	}
}

// read reads a file inside the folder, however large, only up to the limit. Pipes and
// devices are not opened: reading one could wait for ever.
func (l *loading) read(root *os.Root, path string, at yamldoc.Place) ([]byte, bool) {
	info, err := root.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = plan.Wrong("it is no regular file", "通常のファイルではありません")
	}
	if err != nil {
		l.log.Add(at, "can't be read: %v; a plan file and what it links to lie in the folder", "読み取れません（%v）。計画ファイルとそのリンク先は、フォルダーの中に置いてください", plainError(err))
		return nil, false
	}
	f, err := root.Open(path)
	if err != nil {
		l.log.Add(at, "can't be read: %v", "読み取れません（%v）", plainError(err))
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, yamldoc.MaxSize+1))
	if err != nil {
		l.log.Add(at, "can't be read: %v", "読み取れません（%v）", plainError(err))
		return nil, false
	}
	return data, true
}

// plainError is why a file can't be read, without its path, which stands before it.
func plainError(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		err = e.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return plan.Wrong("%s", "%s", plan.Text{EN: err.Error(), JA: "ファイルまたはフォルダーが存在しません"})
	case errors.Is(err, fs.ErrPermission):
		return plan.Wrong("%s", "%s", plan.Text{EN: err.Error(), JA: "アクセス権がありません"})
	}
	return err
}

var kinds = []string{"Estate", "Runbook", "Scenario", "Programme"}

// file sorts a file by its kind.
func (l *loading) file(name string, data []byte) {
	root := yamldoc.Parse(name, data, l.log)
	if root == nil {
		l.unread = append(l.unread, string(data))
		return
	}
	doc := document{&yamldoc.Decoder{File: name, Log: l.log}, root}
	var kind *yaml.Node
	for i := 0; i+1 < len(root.Content); i += 2 {
		if root.Content[i].Value == "kind" {
			kind = root.Content[i+1]
		}
	}
	switch {
	case kind == nil:
		l.log.Add(doc.dec.At(root), "kind is missing; write kind: Estate, Runbook, Scenario or Programme, or move the file out of the plan folder", "kind がありません。kind: に Estate、Runbook、Scenario、Programme のいずれかを書くか、このファイルを計画フォルダーの外に移してください")
	case kind.Value == "Estate":
		l.estates = append(l.estates, doc)
	case kind.Value == "Runbook":
		l.runbooks = append(l.runbooks, doc)
	case kind.Value == "Scenario":
		l.scenarios = append(l.scenarios, doc)
	case kind.Value == "Programme":
		l.programmes = append(l.programmes, doc)
	default:
		l.log.Add(doc.dec.At(kind), "kind: %s is none of Estate, Runbook, Scenario, Programme%s", "kind: %sは Estate、Runbook、Scenario、Programme のいずれでもありません%s", yamldoc.Describe(kind), meantKind(kind.Value))
	}
}

func meantKind(kind string) plan.Text { return yamldoc.Near(kind, kinds) }

// bundle checks everything against everything. With a mistake there is no bundle.
func (l *loading) bundle() (*Bundle, Mistakes) {
	b, mistakes := l.whole()
	if len(mistakes) > 0 {
		return nil, mistakes
	}
	return b, nil
}

// whole is the bundle with its mistakes; it is nil when no estate could be read.
func (l *loading) whole() (*Bundle, Mistakes) {
	b := &Bundle{twice: map[string]bool{}, runbooks: map[string]*runbook.Runbook{}, roots: l.roots}
	for i, doc := range l.estates {
		if i == 0 {
			b.estate = estate.Read(doc.dec, doc.root, l.catalog)
			continue
		}
		l.log.Add(doc.dec.At(doc.root), "a second estate; the first is %s: keep one, with all sites and systems, or move this one with its files into a folder below", "2つ目の構成台帳です（1つ目は %s）。すべての拠点とシステムを1つにまとめるか、これを関連ファイルとともに下位のフォルダーに移してください", l.estates[0].dec.File)
	}
	if b.estate == nil {
		// Without it nothing else can be judged; what it would say would only be noise.
		if l.log.Len() == 0 {
			l.log.Add(yamldoc.Place{File: l.where()}, "there is no estate; add a file with kind: Estate that names sites, systems and people", "構成台帳がありません。拠点、システム、要員を記した kind: Estate のファイルを追加してください")
		}
		return nil, l.log.Mistakes()
	}
	l.readRunbooks(b)
	l.checkSystems(b)
	b.owners = owners(b)
	l.readScenarios(b)
	l.checkMuster(b)
	l.readProgramme(b)
	return b, l.log.Mistakes()
}

func (l *loading) where() string {
	if len(l.roots) > 0 {
		return strings.TrimSuffix(l.roots[0], "/")
	}
	return "."
}

func (l *loading) readRunbooks(b *Bundle) {
	for _, doc := range l.runbooks {
		r := runbook.Read(doc.dec, doc.root, l.catalog, b.estate)
		name := r.Declared.Name
		if !name.Set {
			continue
		}
		if first, ok := b.runbooks[name.V]; ok {
			b.twice[name.V] = true
			l.log.Add(name.Place, "runbook %s is there twice, first at %s; give each its own name", "手順書 %s が重複しています（最初は %s）。それぞれ別の name にしてください", name.V, first.Declared.Name.Place)
			continue
		}
		b.runbooks[name.V] = r
	}
}

// checkSystems checks that the runbooks which systems name are there and are theirs.
func (l *loading) checkSystems(b *Bundle) {
	var names []string
	for name := range b.runbooks {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, s := range b.estate.Declared {
		for _, r := range []struct {
			what string
			name text
		}{{"failover", s.Runbooks.Failover}, {"in_place", s.Runbooks.InPlace}, {"failback", s.Runbooks.Failback}, {"restore", s.Runbooks.Restore}} {
			if !r.name.Set {
				continue
			}
			where := fmt.Sprintf("system %s: runbooks: %s", s.Name.V, r.what)
			switch found, ok := b.runbooks[r.name.V]; {
			case !ok && l.unreadNames(r.name.V):
			case !ok:
				l.log.Add(r.name.Place, "%s: there is no runbook %q%s", "%s: 手順書 %q はありません%s", where, r.name.V, yamldoc.Meant(r.name.V, names))
			case found.System != s.Name.V:
				l.log.Add(r.name.Place, "%s: runbook %s is for system %s (%s); name one for %s", "%s: 手順書 %s はシステム %s のものです（%s）。%s の手順書を指定してください", where, r.name.V, found.System, found.Declared.System.Place, s.Name.V)
			}
		}
	}
}

func (l *loading) readScenarios(b *Bundle) {
	seen := map[string]yamldoc.Place{}
	for _, doc := range l.scenarios {
		s := b.read(doc, l.catalog)
		if first, ok := seen[s.info.Name]; ok && s.file.Name.Set {
			b.twice[s.info.Name] = true
			l.log.Add(s.file.Name.Place, "scenario %s is there twice, first at %s; give each its own name", "シナリオ %s が重複しています（最初は %s）。それぞれ別の name にしてください", s.info.Name, first)
			continue
		}
		seen[s.info.Name] = s.file.Name.Place
		b.compile(l.log, s, s.info.Depth)
		b.scenarios = append(b.scenarios, s)
	}
	slices.SortFunc(b.scenarios, func(x, y *declared) int { return strings.Compare(x.info.Name, y.info.Name) })
}

// owners finds which systems use a target: by their probes and checks, and by the
// runbooks for them.
func owners(b *Bundle) map[string][]string {
	out := map[string][]string{}
	add := func(system string, targets []string) {
		for _, t := range targets {
			if !slices.Contains(out[t], system) {
				out[t] = append(out[t], system)
			}
		}
	}
	for _, s := range b.estate.Systems {
		for _, p := range s.Probes {
			add(s.Name, p.Targets)
		}
		if s.SingleWriter != nil {
			add(s.Name, s.SingleWriter.Targets)
		}
	}
	for _, r := range b.runbooks {
		for _, step := range r.Steps {
			add(r.System, step.Targets)
			for _, u := range step.Undo {
				add(r.System, u.Targets)
			}
		}
	}
	for t := range out {
		slices.Sort(out[t])
	}
	return out
}
