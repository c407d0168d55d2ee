package config_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/config"
)

func TestMusterUnderstandsItsSettings(t *testing.T) {
	for _, file := range []string{"muster.yaml", "up.yaml"} {
		c, err := config.Load(config.Source{File: file})
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if file == "muster.yaml" && (!c.Encrypted() || c.Temporal.TLS.ServerName != "temporal") {
			t.Errorf("%s: %+v", file, c)
		}
	}
}

// others are names of the ways to install themselves.
var others = []string{"MUSTER_CONFIG", "MUSTER_HOST", "MUSTER_IMAGE", "MUSTER_PORT"}

// What containers, units and the documentation set is what muster knows.
func TestEverySettingByEnvironmentIsKnown(t *testing.T) {
	known := slices.Clone(others)
	for _, k := range config.Keys() {
		known = append(known, "MUSTER_"+strings.ToUpper(strings.ReplaceAll(k.Name, ".", "_")))
	}
	name := regexp.MustCompile(`MUSTER_[A-Z_]*[A-Z]`)
	seen := 0
	look := func(file string) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range name.FindAllString(string(b), -1) {
			if seen++; !slices.Contains(known, n) {
				t.Errorf("%s sets %s, which muster does not know", file, n)
			}
		}
	}
	look("../../docs/deployment.md")
	for _, dir := range []string{"../compose", "../systemd", "../kubernetes", "."} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err == nil && !e.IsDir() && !strings.HasSuffix(path, ".go") {
				look(path)
			}
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if seen < 20 {
		t.Errorf("only %d settings were looked at", seen)
	}
}
