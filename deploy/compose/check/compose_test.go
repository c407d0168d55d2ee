// Package check_test reads compose.yaml with the library that Docker Compose itself reads it with: its schema, its
// rules, and what `docker compose config` would make of it.
package check_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func load(t *testing.T, file string) (*types.Project, error) {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{file}, cli.WithWorkingDirectory(filepath.Dir(file)), cli.WithEnv([]string{"IMAGE_VERSION=1.4.0", "MUSTER_HOST=muster.example.jp"}), cli.WithProfiles([]string{"alerts"}))
	if err != nil {
		t.Fatal(err)
	}
	return o.LoadProject(t.Context())
}

func TestComposeUnderstandsTheFile(t *testing.T) {
	file, err := filepath.Abs("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := load(t, file)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"alertmanager", "certificates", "grafana", "muster", "namespace", "osaka", "postgres", "prometheus", "schema", "temporal", "tokyo"}
	if got := p.ServiceNames(); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("services %v, want %v", got, want)
	}
	for name, s := range p.Services {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Privileged {
			t.Errorf("%s is not hardened", name)
		}
		if s.User == "" || name != "certificates" && strings.HasPrefix(s.User, "0") {
			t.Errorf("%s runs as %q", name, s.User)
		}
		if !strings.Contains(s.Image, ":") || strings.HasSuffix(s.Image, ":latest") && !strings.HasPrefix(s.Image, "muster") {
			t.Errorf("%s: the image %s names no version", name, s.Image)
		}
		for _, v := range s.Volumes {
			rel, err := filepath.Rel(filepath.Dir(file), v.Source)
			made := strings.HasPrefix(rel, "certificates") || rel == "plans" || rel == "keys" // before the first start
			if v.Type != "bind" || err != nil || made {
				continue
			}
			if _, err := os.Stat(v.Source); err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
			if !v.ReadOnly {
				t.Errorf("%s may write %s", name, rel)
			}
		}
		if (slices.Contains(s.Command, "worker") || slices.Contains(s.Command, "server")) && s.Hostname != name {
			t.Errorf("%s: the ledger and the look at its own files take the next container for another machine: hostname is %q", name, s.Hostname)
		}
		for _, port := range s.Ports {
			if name != "muster" && port.HostIP != "127.0.0.1" {
				t.Errorf("%s publishes %s beyond this machine", name, port.Published)
			}
		}
	}
	// Histories are encrypted, by all who write and read them.
	for _, name := range []string{"muster", "tokyo", "osaka"} {
		s := p.Services[name]
		ref := s.Environment["MUSTER_ENCRYPTION_KEYRING"]
		if ref == nil || *ref != "secret://file/run/keys/keyring" || !slices.ContainsFunc(s.Volumes, func(v types.ServiceVolumeConfig) bool {
			return v.Target == "/run/keys" && v.ReadOnly && filepath.Base(v.Source) == "keys"
		}) {
			t.Errorf("%s leaves histories in clear", name)
		}
	}
	// Compose hands a secret on with the owner that it has on this machine: the documented steps give each to the user who reads it.
	steps, err := os.ReadFile("../../../docs/deployment.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range p.Services {
		for _, secret := range s.Secrets {
			if own := "chown " + s.User + " secrets/" + secret.Source; !strings.Contains(string(steps), own) {
				t.Errorf("%s reads %s as %s; docs/deployment.md does not say: %s", name, secret.Source, s.User, own)
			}
		}
	}
	// A renewed certificate is nothing before PostgreSQL has read it.
	if renew := "docker compose run --rm certificates && docker compose kill -s HUP postgres"; !strings.Contains(string(steps), renew) {
		t.Errorf("docs/deployment.md does not say: %s", renew)
	}
	if own := "chown -R " + p.Services["muster"].User + " keys"; !strings.Contains(string(steps), own) {
		t.Errorf("docs/deployment.md does not say: %s", own)
	}
	for _, n := range []string{"engine", "figures"} {
		if !p.Networks[n].Internal {
			t.Errorf("the network %s has a way out", n)
		}
	}
	// No way past the doors: the store and the engine are where people are not.
	for _, name := range []string{"postgres", "temporal"} {
		if _, open := p.Services[name].Networks["people"]; open || len(p.Services[name].Ports) > 0 {
			t.Errorf("%s is reached from outside", name)
		}
	}
}

// What an operator makes beside compose.yaml, keys among it, is in no commit and in no image: whoever has an image has all of its
// layers, those of the build among them.
func TestWhatIsMadeHereGetsIntoNoImage(t *testing.T) {
	own, err := os.ReadFile("../.gitignore")
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile("../Containerfile.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	out := strings.Fields(string(kept))
	for _, made := range strings.Fields(string(own)) {
		if dir := "deploy/compose/" + strings.Trim(made, "/"); !slices.Contains(out, dir) {
			t.Errorf("%s is in no commit, and gets into the build of the image", dir)
		}
	}
	file, err := filepath.Abs("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	p, err := load(t, file)
	if err != nil {
		t.Fatal(err)
	}
	ignored := func(path string) bool {
		rel, err := filepath.Rel(filepath.Dir(file), path)
		return err == nil && slices.ContainsFunc(strings.Fields(string(own)), func(made string) bool {
			return strings.HasPrefix(rel+"/", strings.TrimPrefix(made, "/"))
		})
	}
	seen := 0
	for _, name := range []string{"certificates", "postgres", "muster", "tokyo"} {
		for _, v := range p.Services[name].Volumes {
			if v.Type == "bind" && !strings.Contains(v.Source, "/config/") {
				if seen++; !ignored(v.Source) {
					t.Errorf("%s: %s is made here, and .gitignore does not know it", name, v.Source)
				}
			}
		}
	}
	for _, s := range p.Secrets {
		if seen++; !ignored(s.File) {
			t.Errorf("the secret %s is made here, and .gitignore does not know it", s.File)
		}
	}
	if seen < 10 {
		t.Errorf("only %d places were looked at", seen)
	}
}

// A break-glass bundle takes the programs along that its laptop will run, so the image has them.
func TestTheImageHasWhatABundleTakesAlong(t *testing.T) {
	b, err := os.ReadFile("../Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"muster", "muster-cloud", "muster-engine"} {
		if built := "-o /out/" + program + " ./cmd/" + program + "\n"; !strings.Contains(string(b), built) {
			t.Errorf("the image does not build %s", program)
		}
		_, copied, _ := strings.Cut(string(b), "\nCOPY --from=build /out/")
		copied, _, _ = strings.Cut(copied, "\n")
		if !slices.Contains(strings.Fields("/out/"+copied), "/out/"+program) || !strings.HasSuffix(copied, " /usr/bin/") {
			t.Errorf("%s is not beside muster in the image", program)
		}
	}
}

func TestAMistakeIsFound(t *testing.T) {
	text, err := os.ReadFile("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"an unknown field":      {"    stop_grace_period: 60s\n", "    stop_grace_perod: 60s\n"},
		"a service of nobody":   {"depends_on: [prometheus]", "depends_on: [prometheous]"},
		"a network of nobody":   {"networks: [figures, people]", "networks: [figure, people]"},
		"a secret of nobody":    {"secrets: [grafana-password]", "secrets: [grafana-pasword]"},
		"a value of wrong kind": {"read_only: true", "read_only: [yes]"},
	} {
		if !strings.Contains(string(text), change[0]) {
			t.Fatalf("%s: %q is not in the file", what, change[0])
		}
		file := filepath.Join(t.TempDir(), "compose.yaml")
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), change[0], change[1], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := load(t, file); err == nil {
			t.Errorf("%s is no mistake", what)
		}
	}
}
