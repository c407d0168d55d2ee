package grafana_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wrong reports whether an error of Grafana's types says something: for none they return a list
// without any.
func wrong(err error) bool { return err != nil && err.Error() != "" }

// Grafana's own types take the dashboards, to the last field of each kind of panel, and the figures
// that they ask for are there.
func TestDashboardsAreAsGrafanaReadsThem(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	figures := string(read(t, "../../docs/metrics.md"))
	for _, file := range []string{"muster.json", "muster.ja.json"} {
		text := read(t, file)
		//lint:ignore SA1019 dashboards that are read from files have this form
		var d dashboard.Dashboard
		if err := d.UnmarshalJSONStrict(text); wrong(err) {
			t.Errorf("%s: %v", file, err)
		}
		if err := d.Validate(); wrong(err) {
			t.Errorf("%s: %v", file, err)
		}
		used := regexp.MustCompile(`muster_[a-z0-9_]+`).FindAllString(string(text), -1)
		if len(used) < 20 {
			t.Errorf("%s asks for %d figures only", file, len(used))
		}
		for _, name := range used {
			if base := strings.TrimSuffix(name, "_bucket"); !strings.Contains(figures, "| `"+base+"` |") {
				t.Errorf("%s asks for %s, which docs/metrics.md does not know", file, name)
			}
		}
		// The check is able to fail.
		//lint:ignore SA1019 as above
		if err := new(dashboard.Dashboard).UnmarshalJSONStrict([]byte(strings.Replace(string(text), `"graphMode"`, `"grafMode"`, 1))); !wrong(err) {
			t.Errorf("%s: an option that Grafana does not know goes unnoticed", file)
		}
	}
}

// Each panel has a title of its own, in the language of the dashboard; panels do not overlap.
func TestPanelsStandBesideEachOther(t *testing.T) {
	for _, file := range []string{"muster.json", "muster.ja.json"} {
		var d struct {
			Panels []struct {
				Title, Description, Type string
				GridPos                  struct{ X, Y, W, H int }
			}
		}
		if err := json.Unmarshal(read(t, file), &d); err != nil {
			t.Fatal(err)
		}
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			japanese := strings.ContainsFunc(p.Description, func(c rune) bool { return unicode.In(c, unicode.Hiragana, unicode.Katakana, unicode.Han) })
			if p.Title == "" || p.Type != "row" && (p.Description == "" || japanese != strings.Contains(file, ".ja.")) {
				t.Errorf("%s: panel %q says %q", file, p.Title, p.Description)
			}
			for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
				for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s: %s stands on %s at %d,%d", file, p.Title, other, x, y)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
		}
	}
}

// What Grafana is given at its start is YAML with a version, and reads the folder that it is told to.
func TestProvisioningIsRead(t *testing.T) {
	for _, file := range []string{"provisioning/dashboards/muster.yaml", "provisioning/datasources/muster.yaml"} {
		var f map[string]any
		if err := yaml.Unmarshal(read(t, filepath.FromSlash(file)), &f); err != nil || f["apiVersion"] != 1 {
			t.Errorf("%s: %v %v", file, f, err)
		}
	}
}

// A code of a label is shown with its words: none is forgotten when one is added.
func TestCodesHaveWords(t *testing.T) {
	for _, file := range []string{"muster.json", "muster.ja.json"} {
		var d struct {
			Panels []struct {
				FieldConfig struct {
					Overrides []struct {
						Matcher    struct{ ID, Options string }
						Properties []struct {
							ID    string
							Value any
						}
					}
				}
			}
		}
		if err := json.Unmarshal(read(t, file), &d); err != nil {
			t.Fatal(err)
		}
		words := map[string]string{}
		for _, p := range d.Panels {
			for _, o := range p.FieldConfig.Overrides {
				if o.Matcher.ID == "byName" && len(o.Properties) == 1 && o.Properties[0].ID == "displayName" {
					words[o.Matcher.Options], _ = o.Properties[0].Value.(string)
				}
			}
		}
		for _, p := range run.Phases(run.Disaster) {
			if words[string(p)] == "" {
				t.Errorf("%s: phase %s has no words", file, p)
			}
		}
		for _, a := range progress.AllAwaited() {
			if words[string(a)] == "" {
				t.Errorf("%s: what is waited for, %s, has no words", file, a)
			}
		}
	}
}
