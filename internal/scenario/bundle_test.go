package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

func base(t testing.TB) Sources {
	t.Helper()
	files, err := filepath.Glob("testdata/base/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("base files: %v, %v", files, err)
	}
	out := Sources{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[filepath.Base(f)] = b
	}
	return out
}

func loaded(t testing.TB, files Sources) *Bundle {
	t.Helper()
	b, mistakes := LoadSources(catalog(), files)
	if len(mistakes) > 0 {
		t.Fatalf("mistakes in good files:\n%v", mistakes)
	}
	return b
}

func compiled(t testing.TB, b *Bundle, name string, depth run.Depth) plan.Plan {
	t.Helper()
	p, err := b.Compile(name, depth)
	if err != nil {
		t.Fatalf("compile %s at %q: %v", name, depth, err)
	}
	return p
}

func TestCompile(t *testing.T) {
	b := loaded(t, base(t))
	p := compiled(t, b, "tokyo-loss", "")
	if !p.Intact() || p.Scenario.Depth != run.Live {
		t.Fatalf("hash %s, depth %s: not the plan of the file", p.Hash, p.Scenario.Depth)
	}
	r, _ := p.Runbook("orders-failover")
	steps := map[string]plan.Step{}
	for _, s := range r.Steps {
		steps[s.ID] = s
	}
	for id, want := range map[string]string{"fence": "", "promote": "fence", "log": "promote", "announce": "fence"} {
		if got := strings.Join(steps[id].Needs, " "); got != want {
			t.Errorf("%s needs %q, want %q", id, got, want)
		}
	}
	promote := steps["promote"]
	if promote.Site != "osaka" || promote.Effect != run.Disrupt || !promote.CanLook || promote.Repeatable || promote.Retry != 1 {
		t.Errorf("promote = %+v: site, effect and abilities come from the file and the action", promote)
	}
	if got, want := string(promote.With), `{"server":"osaka-db","max_lag":"16MB","wait":"60s","tries":3,"force":false}`; got != want {
		t.Errorf("with = %s, want %s: the defaults are frozen", got, want)
	}
	if u := promote.Undo; len(u) != 2 || u[0].Site != "osaka" || u[1].Site != "tokyo" || !slices.Equal(u[0].Targets, []string{"osaka-db", "tokyo-db"}) {
		t.Errorf("undo = %+v: two actions in order, at the step's site unless said", u)
	}
	if got, want := string(steps["log"].With), `{"command":["logger","orders: timeline ${{ steps.promote.timeline }}"],"env":{"AA":"first","ZZ":"last"},`+
		`"input":{"note":[1,2.5,true,null],"timeline":"${{ steps.promote.timeline }}"},"ratio":"${{ steps.promote.lag }}"}`; got != want {
		t.Errorf("with = %s, want %s", got, want)
	}
	if h := steps["announce"].Human; h == nil || h.Role != "service-desk" || h.Text.JA != "各支店に連絡する。" || steps["announce"].Site != "" {
		t.Errorf("announce = %+v: a step of people has a role and no site", steps["announce"])
	}
	// Nothing said: 5m for a machine, 30m for people, and never more than the RTO.
	if steps["fence"].Timeout.String() != "5m" || steps["announce"].Timeout.String() != "5m" {
		t.Errorf("timeouts %s and %s; the RTO is 5m", steps["fence"].Timeout, steps["announce"].Timeout)
	}
	if i := p.Scenario.Injects[0]; i.Starts != "orders" || i.Site != "tokyo" {
		t.Errorf("inject starts %q at %q; it hits the target of orders in tokyo", i.Starts, i.Site)
	}
	for _, target := range p.Estate.Targets {
		if target.Name == "web" {
			t.Error("a target that nothing uses is in the plan")
		}
		if len(target.Spared) > 0 {
			t.Errorf("%s is spared at %v, and orders is drillable at all depths", target.Name, target.Spared)
		}
	}
}

// A step is its own owner's, else its site's, else its system's.
// Numbers and addresses of people stay in the estate: everybody reads plans, and the record
// keeps them for ever.
func TestNoAddressOfAPersonIsInAPlan(t *testing.T) {
	files := base(t)
	files["estate.yaml"] = bytes.Replace(files["estate.yaml"], []byte(`contact: "+81 3 0000 0000"`), []byte(`contact: "+81 3 0000 0000", mail: sato@example.jp, slack: U024BE7LH, subject: sub-1`), 1)
	b, mistakes := LoadSources(catalog(), files)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	p, err := b.Compile(b.Scenarios()[0].Name, "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"0000 0000", "sato@example.jp", "U024BE7LH", "sub-1"} {
		if bytes.Contains(text, []byte(private)) {
			t.Errorf("the plan holds %q", private)
		}
	}
	if sato, _ := p.Estate.Person("sato"); !sato.Reachable {
		t.Error("the plan does not say that sato can be reached")
	}
}

func TestOwners(t *testing.T) {
	files := base(t)
	files["failover.yaml"] = bytes.Replace(files["failover.yaml"], []byte("uses: db.promote\n"), []byte("uses: db.promote\n    owner: service-desk\n"), 1)
	files["estate.yaml"] = bytes.Replace(files["estate.yaml"], []byte("title: {en: Tokyo, ja: 東京}}"), []byte("title: {en: Tokyo, ja: 東京}, owner: operator}"), 1)
	files["estate.yaml"] = bytes.Replace(files["estate.yaml"], []byte("name: orders\n"), []byte("name: orders\n    owner: commander\n"), 1)
	p := compiled(t, loaded(t, files), "tokyo-loss", "")
	r, _ := p.Runbook("orders-failover")
	for i, want := range []string{"operator", "service-desk", "commander", ""} {
		if got := r.Steps[i].Owner; got != want {
			t.Errorf("step %s is owned by %q, want %q", r.Steps[i].ID, got, want)
		}
	}
}

// A target is spared at the depths at which a system outside of the plan that uses it is:
// the worker refuses by that, whatever becomes of the plan on its way.
func TestTargetsAreSpared(t *testing.T) {
	files := base(t)
	files["in-place.yaml"] = append(files["in-place.yaml"], "  - {id: look, uses: db.status, with: {server: tokyo-db}}\n"...) // billing's
	files["scenario.yaml"] = bytes.Replace(files["scenario.yaml"], []byte("depth: live"), []byte("depth: tabletop"), 1)       // live it is refused
	for _, target := range compiled(t, loaded(t, files), "tokyo-loss", "").Estate.Targets {
		want := []run.Depth(nil)
		if target.Name == "tokyo-db" {
			want = []run.Depth{run.IsolatedRun, run.Live}
		}
		if !slices.Equal(target.Spared, want) {
			t.Errorf("%s is spared at %v, want %v", target.Name, target.Spared, want)
		}
	}
}

func TestTheRealThingInjectsNothing(t *testing.T) {
	files := base(t)
	files["scenario.yaml"] = append(files["scenario.yaml"], "approvals: 0\n"...)
	p := compiled(t, loaded(t, files), "tokyo-loss", run.Real)
	if s := p.Scenario; len(s.Injects) > 0 || s.Simulate != nil || s.Approvals < 1 {
		t.Errorf("injects %v, simulate %v, approvals %d: a real run breaks nothing, simulates nobody and needs a second person", s.Injects, s.Simulate, s.Approvals)
	}
	for _, target := range p.Estate.Targets {
		if target.Name == "tokyo-db" {
			return
		}
	}
	t.Error("the runbooks' target is missing")
}

func TestDepthIsHeld(t *testing.T) {
	b := loaded(t, base(t))
	_, err := b.Compile("tokyo-loss", run.IsolatedRun)
	m, ok := AsMistakes(err)
	if !ok {
		t.Fatalf("compiled at depth isolated, with actions that disrupt: %v", err)
	}
	want := "failover.yaml:13:11: step promote: db.promote has the effect disrupt, which depth isolated of scenario tokyo-loss does not allow for system orders"
	if !strings.Contains(m.Error(), want) {
		t.Errorf("no mistake says %q:\n%v", want, m)
	}
	for _, d := range []run.Depth{run.Tabletop, run.Walkthrough} {
		if _, err := b.Compile("tokyo-loss", d); err != nil {
			t.Errorf("at %s nothing runs, so everything may be planned: %v", d, err)
		}
	}
	if _, err := b.Compile("tokyo-los", ""); err == nil || !strings.Contains(err.Error(), `"tokyo-loss"`) {
		t.Errorf("a mistyped name: %v", err)
	}
	if _, err := b.Compile("tokyo-loss", "deep"); err == nil {
		t.Error("an unknown depth was taken")
	}
}

// Where an action can't know its effect, the step's own word counts, and the gravest
// without one.
func TestADeclaredEffectIsHeld(t *testing.T) {
	for step, want := range map[string]run.Effect{
		"uses: tool.run": run.Destroy,
		"uses: tool.run, with: {effect: disrupt}":                                              run.Disrupt,
		"uses: tool.run, with: {effect: observe}":                                              run.Observe,
		`uses: tool.run, with: {effect: "${{ run.kind == 'drill' ? 'observe' : 'destroy' }}"}`: run.Destroy,
	} {
		files := base(t)
		files["failover.yaml"] = []byte("kind: Runbook\nname: orders-failover\ntitle: {en: Move, ja: 切替}\nsystem: orders\nsteps:\n" +
			"  - {id: tool, at: osaka, " + step + ", undo: {uses: tool.run, with: {effect: isolated}}}\n")
		c := catalog()
		c.Add(activities.Define("tool.run", activities.Doc{Summary: "For tests.", SummaryJA: "試験用。", Effect: run.Destroy, Declares: "effect"}, act[tool, nothing], look[tool]()))
		b, mistakes := LoadSources(c, files)
		if err := mistakes.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range compiled(t, b, "tokyo-loss", run.Live).Runbooks {
			if r.Name == "orders-failover" && (r.Steps[0].Effect != want || r.Steps[0].Undo[0].Effect != run.Isolated) {
				t.Errorf("%s: effect %s, undo %s", step, r.Steps[0].Effect, r.Steps[0].Undo[0].Effect)
			}
		}
		_, err := b.Compile("tokyo-loss", run.IsolatedRun)
		refused := err != nil && strings.Contains(err.Error(), "failover.yaml:6:33: step tool: tool.run has the effect "+string(want))
		if refused == run.IsolatedRun.Allows(want) {
			t.Errorf("%s at depth isolated: %v", step, err)
		}
	}
}

// Two systems on one server: who may not be touched may not be touched through another.
func TestSharedTarget(t *testing.T) {
	files := base(t)
	files["in-place.yaml"] = append(files["in-place.yaml"], "  - {id: look, uses: db.status, with: {server: tokyo-db}}\n"...)
	_, mistakes := LoadSources(catalog(), files)
	want := "step fence: db.fence would change target tokyo-db, which system billing uses too"
	if !strings.Contains(mistakes.Error(), want) {
		t.Errorf("no mistake says %q:\n%v", want, mistakes)
	}
}

func TestFailbackIsPartOfIt(t *testing.T) {
	files := base(t)
	files["estate.yaml"] = bytes.Replace(files["estate.yaml"], []byte(", failback: orders-failback"), nil, 1)
	_, mistakes := LoadSources(catalog(), files)
	if !strings.Contains(mistakes.Error(), "scenario.yaml:7:11: system orders has a failover runbook and no way home (estate.yaml:25:26)") {
		t.Errorf("a drill without a way home: %v", mistakes)
	}
	files["scenario.yaml"] = bytes.Replace(files["scenario.yaml"], []byte("failback: return"), []byte("failback: stay"), 1)
	loaded(t, files)
}

// The hash names the content: not the folder, not the order of keys, not the moment.
func TestSameFilesSameHash(t *testing.T) {
	want := compiled(t, loaded(t, base(t)), "tokyo-loss", "").Hash
	for _, sub := range []string{"a", "some/where/else"} {
		dir := filepath.Join(t.TempDir(), sub)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		for name, b := range base(t) {
			if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, mistakes := Load(dir, catalog())
		if len(mistakes) > 0 {
			t.Fatal(mistakes)
		}
		if got := compiled(t, b, "tokyo-loss", "").Hash; got != want {
			t.Errorf("in %s the hash is %s, want %s", dir, got, want)
		}
	}
	files := base(t)
	files["failover.yaml"] = bytes.Replace(files["failover.yaml"], []byte("{ZZ: last, AA: first}"), []byte("{AA: first, ZZ: last}"), 1)
	if got := compiled(t, loaded(t, files), "tokyo-loss", "").Hash; got != want {
		t.Error("the order of a map without order changed the hash")
	}
	files["failover.yaml"] = bytes.Replace(files["failover.yaml"], []byte("16MB"), []byte("17MB"), 1)
	if got := compiled(t, loaded(t, files), "tokyo-loss", "").Hash; got == want {
		t.Error("another parameter, the same hash")
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, b []byte) {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, b, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for name, b := range base(t) {
		write("plans/"+name, b)
	}
	write("muster.yaml", []byte("listen: :8080\n"))
	write(".git/config.yaml", []byte("not: ours\n"))
	write("notes.txt", []byte("nothing"))
	if _, mistakes := Load(dir, catalog()); len(mistakes) > 0 {
		t.Fatalf("settings, hidden files and other files are not plan files: %v", mistakes)
	}
	if err := errors.Join(os.Symlink("/etc/hostname", filepath.Join(dir, "out.yaml")), os.Mkdir(filepath.Join(dir, "folder.yaml"), 0o755)); err != nil {
		t.Fatal(err)
	}
	write("big.yaml", bytes.Repeat([]byte("# much\n"), 300_000))
	_, mistakes := Load(dir, catalog())
	text := mistakes.Error()
	for _, want := range []string{"out.yaml: can't be read", "big.yaml:1:1: the file is larger than 1 MiB"} {
		if !strings.Contains(text, want) {
			t.Errorf("no mistake says %q:\n%s", want, text)
		}
	}
	if len(mistakes) != 2 {
		t.Errorf("%d mistakes, want 2:\n%s", len(mistakes), text)
	}
	for _, missing := range []string{filepath.Join(dir, "nowhere"), t.TempDir()} {
		if _, mistakes := Load(missing, catalog()); len(mistakes) != 1 || mistakes[0].File != missing {
			t.Errorf("%s: %v", missing, mistakes)
		}
	}
}

func TestScenariosAreListed(t *testing.T) {
	i := loaded(t, base(t)).Scenarios()
	if len(i) != 1 || i[0].Name != "tokyo-loss" || i[0].Depth != run.Live || !slices.Equal(i[0].Systems, []string{"orders"}) {
		t.Fatalf("scenarios = %+v", i)
	}
	if s := i[0].Schedule; s == nil || s.Months[0] != 2 || len(s.Months) != 4 || s.Week != 3 || s.Weekday.String() != "Thursday" || s.Hour != 14 || s.Zone != "Asia/Tokyo" {
		t.Errorf("schedule = %+v", i[0].Schedule)
	}
}

// Who is limited to drills is not in the plan of the real thing, and the other way round;
// roles that are limited do not count there.
func TestPeopleOfEachKindOfRun(t *testing.T) {
	files := base(t)
	estate := string(files["estate.yaml"])
	for _, change := range [][2]string{
		{"roles: [commander], deputies: [suzuki]", "roles: [commander, observer], deputies: [suzuki, trainee, chief]"},
		{"muster_places:", `  - {id: trainee, name: Trainee, roles: [operator], only: drill}
  - {id: chief, name: Chief, roles: [commander], only: real}
roles: [{name: commander}, {name: operator}, {name: service-desk}, {name: observer, only: drill}]
muster_places:`},
	} {
		estate = strings.Replace(estate, change[0], change[1], 1)
	}
	files["estate.yaml"] = []byte(estate)
	b := loaded(t, files)
	for depth, want := range map[run.Depth][3]string{
		run.Live: {"sato suzuki tanaka trainee", "commander observer", "chief"},
		run.Real: {"chief sato suzuki tanaka", "commander", "trainee"},
	} {
		p := compiled(t, b, "tokyo-loss", depth)
		var ids []string
		for _, person := range p.Estate.People {
			ids = append(ids, person.ID)
			for _, d := range person.Deputies {
				if slices.Contains(p.Estate.Barred, d) {
					t.Errorf("%s: %s is deputy of %s", depth, d, person.ID)
				}
			}
		}
		sato, _ := p.Estate.Person("sato")
		if got := [3]string{strings.Join(ids, " "), strings.Join(sato.Roles, " "), strings.Join(p.Estate.Barred, " ")}; got != want {
			t.Errorf("%s: people, roles of sato, barred = %q, want %q", depth, got, want)
		}
	}
	if b.Estate().People[0].ID != "chief" || len(b.Estate().People) != 5 {
		t.Errorf("compiling changed the estate: %+v", b.Estate().People)
	}
}
