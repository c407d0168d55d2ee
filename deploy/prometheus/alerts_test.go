package prometheus_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"go.yaml.in/yaml/v4"
)

type rule struct {
	Alert       string
	Expr        string
	Labels      map[string]string
	Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct{ Groups []struct{ Rules []rule } }
	if err := yaml.Unmarshal([]byte(read(t, "alerts.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	var out []rule
	for _, g := range file.Groups {
		out = append(out, g.Rules...)
	}
	if len(out) == 0 {
		t.Fatal("alerts.yaml has no rule")
	}
	return out
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The Prometheus operator's rules are these, all of them and nothing else.
func TestTheOperatorIsGivenTheSameAlerts(t *testing.T) {
	var file, given struct {
		Kind   string
		Groups []map[string]any
		Spec   struct{ Groups []map[string]any }
	}
	for from, into := range map[string]any{"alerts.yaml": &file, "../kubernetes/example/osaka/alerts.yaml": &given} {
		if err := yaml.Unmarshal([]byte(read(t, from)), into); err != nil {
			t.Fatal(err)
		}
	}
	if given.Kind != "PrometheusRule" || len(file.Groups) == 0 || !reflect.DeepEqual(file.Groups, given.Spec.Groups) {
		t.Error("deploy/kubernetes/example/osaka/alerts.yaml has other alerts than deploy/prometheus/alerts.yaml: make generate")
	}
}

var (
	ours    = regexp.MustCompile(`muster_[a-z0-9_]+`)
	command = regexp.MustCompile("`(muster|systemctl) [^`]+`")
)

// Whoever is woken reads what is wrong in their language and where to read on, and the figures that
// a rule asks for are there.
func TestAlertsSayWhatIsWrong(t *testing.T) {
	docs, figures := map[string]string{}, read(t, "../../docs/metrics.md")
	for _, page := range []string{"alerts.md", "alerts.ja.md"} {
		docs[page] = read(t, "../../docs/"+page)
	}
	for _, r := range rules(t) {
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if r.Annotations["summary"] == "" || !strings.ContainsFunc(r.Annotations["summary_ja"], func(c rune) bool { return unicode.In(c, unicode.Hiragana) }) {
			t.Errorf("%s: no summary in both languages", r.Alert)
		}
		said := map[string][]string{} // by page: the commands of the alert's section
		for url, page := range map[string]string{"runbook_url": "alerts.md", "runbook_url_ja": "alerts.ja.md"} {
			at, anchor, _ := strings.Cut(r.Annotations[url], "#")
			_, section, found := strings.Cut(docs[page], "\n## "+r.Alert+"\n")
			section, _, _ = strings.Cut(section, "\n## ")
			if !strings.HasSuffix(at, "/docs/"+page) || anchor != strings.ToLower(r.Alert) || !found {
				t.Errorf("%s: its %s %s leads to no section of docs/%s", r.Alert, url, r.Annotations[url], page)
			}
			if !strings.HasPrefix(section, "\n*"+r.Labels["severity"]+"* · ") {
				t.Errorf("%s: docs/%s says another severity than %s", r.Alert, page, r.Labels["severity"])
			}
			said[page] = command.FindAllString(section, -1)
			slices.Sort(said[page])
		}
		if !slices.Equal(said["alerts.md"], said["alerts.ja.md"]) {
			t.Errorf("%s: the English page names %q, the Japanese one %q", r.Alert, said["alerts.md"], said["alerts.ja.md"])
		}
		for _, name := range ours.FindAllString(r.Expr, -1) {
			if !strings.Contains(figures, "| `"+name+"` |") {
				t.Errorf("%s asks for %s, which docs/metrics.md does not know", r.Alert, name)
			}
		}
	}
	for page, text := range docs {
		for _, section := range regexp.MustCompile(`(?m)^## (\S+)$`).FindAllStringSubmatch(text, -1) {
			if !strings.Contains(read(t, "alerts.yaml"), "alert: "+section[1]+"\n") {
				t.Errorf("docs/%s describes %s, which is no alert", page, section[1])
			}
		}
	}
}

// promtool runs the tests of the rules; each rule has one in which it fires and one in which it does not.
func TestAlertsFireAndAreSilent(t *testing.T) {
	// What breaks a rule that is tested in the file, so that its tests fail.
	breaks := map[string]struct{ alert, is, becomes string }{
		"alerts_test.yaml":      {"MusterDrillOverdue", "muster_planned_drill_overdue) > 0", "muster_planned_drill_overdue) > 9"},
		"alerts_days_test.yaml": {"MusterEvidenceNotChecked", "> 2 * 86400 or", "> 9 * 86400 or"},
	}
	files, err := filepath.Glob("*_test.yaml")
	if err != nil || len(files) != len(breaks) {
		t.Fatalf("the tests are %v, %v; want %d files", files, err, len(breaks))
	}
	var tests strings.Builder
	for _, file := range files {
		tests.WriteString(read(t, file))
	}
	for _, r := range rules(t) {
		for _, kind := range []string{"fires", "is silent"} {
			if !strings.Contains(tests.String(), "- name: "+r.Alert+" "+kind+"\n") {
				t.Errorf("none of %v has a test that %s %s", files, r.Alert, kind)
			}
		}
	}
	for _, args := range [][]string{{"check", "rules", "alerts.yaml"}, append([]string{"test", "rules"}, files...)} {
		out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
		if err != nil {
			t.Errorf("promtool %s: %v (it is in the package prometheus)\n%s", strings.Join(args, " "), err, out)
		}
	}
	// And the tests of each file are able to fail: with a rule that never fires, promtool says so.
	for _, file := range files {
		b, broken := breaks[file], t.TempDir()
		for name, text := range map[string]string{"alerts.yaml": strings.Replace(read(t, "alerts.yaml"), b.is, b.becomes, 1), file: only(t, file, b.alert)} {
			if err := os.WriteFile(filepath.Join(broken, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, err := exec.CommandContext(t.Context(), "promtool", "test", "rules", filepath.Join(broken, file)).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "name: "+b.alert+" fires") {
			t.Errorf("a rule that never fires goes unnoticed by %s: %v\n%s", file, err, out)
		}
	}
}

// only is a file of tests with none but those of one alert.
func only(t *testing.T, file, alert string) string {
	t.Helper()
	var all map[string]any
	if err := yaml.Unmarshal([]byte(read(t, file)), &all); err != nil {
		t.Fatal(err)
	}
	var left []any
	for _, test := range all["tests"].([]any) {
		if strings.HasPrefix(test.(map[string]any)["name"].(string), alert+" ") {
			left = append(left, test)
		}
	}
	all["tests"] = left
	b, err := yaml.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
