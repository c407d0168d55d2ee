package demo

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
)

// written writes the shipped plans for servers that need not exist and compiles the
// demo's scenario from them.
func written(t *testing.T, interactive bool) (plan.Plan, string) {
	t.Helper()
	dir := t.TempDir()
	d := &demo{Options: Options{Interactive: interactive, Lang: i18n.EN}, layout: layout{dir}, cluster: cluster{pair: &pgcluster.Pair{
		Primary: &pgcluster.Instance{Name: "tokyo", Host: "127.0.0.1", Port: 15432, Data: dir + "/servers/tokyo/data", Config: dir + "/servers/tokyo/postgresql.conf", Bin: "/bin"},
		Standby: &pgcluster.Instance{Name: "osaka", Host: "127.0.0.1", Port: 15433, Data: dir + "/servers/osaka/data", Config: dir + "/servers/osaka/postgresql.conf", Bin: "/bin"},
		User:    "postgres", PasswordFile: dir + "/servers/password",
	}}}
	person, err := d.writePlans()
	if err != nil {
		t.Fatal(err)
	}
	bundle, mistakes := scenario.Load(filepath.Join(dir, plansDir), all.Registry(all.Options{}))
	if len(mistakes) > 0 {
		t.Fatalf("the plans as written have mistakes:\n%v", mistakes)
	}
	p, err := bundle.Compile(Scenario, "")
	if err != nil {
		t.Fatal(err)
	}
	return p, person
}

func TestPlansPointAtTheServersOfThisMachine(t *testing.T) {
	p, person := written(t, false)
	for name, port := range map[string]int{"tokyo": 15432, "osaka": 15433} {
		var got string
		for _, target := range p.Estate.Targets {
			if target.Name == name {
				got = string(target.Spec)
			}
		}
		for _, want := range []string{`"host":"127.0.0.1"`, `"password":"secret://file/`, `"sslmode":"disable"`, "/servers/" + name + "/data"} {
			if !strings.Contains(got, want) {
				t.Errorf("target %s is %s, want %s in it", name, got, want)
			}
		}
		if want := pglink.Address(pglink.Server{Host: "127.0.0.1", Port: port}); !strings.Contains(got, want[strings.LastIndex(want, ":")+1:]) {
			t.Errorf("target %s is %s, want port %d", name, got, port)
		}
	}
	if p.Scenario.Simulate == nil {
		t.Error("nobody is simulated, so the demo would wait for people")
	}
	if who, ok := p.Estate.Person(person); !ok || slices.Contains(who.Roles, p.Scenario.Decision.By) {
		t.Errorf("the demo is started by %q, who decides, or whom the estate doesn't know", person)
	}
}

func TestPeopleWhoPlayThemselvesGetTime(t *testing.T) {
	p, _ := written(t, true)
	if s := p.Scenario; s.Simulate != nil || s.Safety.Within.Seconds() < 600 || s.Decision.Within.Seconds() < 300 {
		t.Errorf("simulate = %v, safety check within %v, decision within %v: too short to type", s.Simulate, s.Safety.Within, s.Decision.Within)
	}
}

func TestCommentsOfTheShippedFilesStay(t *testing.T) {
	dir := t.TempDir()
	d := &demo{Options: Options{Lang: i18n.EN}, layout: layout{dir}, cluster: cluster{pair: &pgcluster.Pair{
		Primary: &pgcluster.Instance{Name: "tokyo"}, Standby: &pgcluster.Instance{Name: "osaka"}, PasswordFile: "/p"}}}
	if _, err := d.writePlans(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, plansDir, "scenarios", "demo-estate.yaml"))
	if err != nil || !strings.Contains(string(b), "# where recovery is led from") {
		t.Errorf("the estate lost its comments: %v\n%s", err, b)
	}
}
