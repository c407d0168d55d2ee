package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "muster.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestFlagsGoBeforeVariablesBeforeTheFileBeforeDefaults(t *testing.T) {
	file := write(t, "data: from-file\nplans: from-file\nlisten: 127.0.0.1:1\ntemporal: {address: 'file:1'}\n")
	t.Setenv("MUSTER_PLANS", "from-env")
	t.Setenv("MUSTER_LISTEN", "127.0.0.1:2")
	t.Setenv("MUSTER_TEMPORAL_NAMESPACE", "from-env")
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	flags.String("listen", "", "")
	if err := flags.Parse([]string{"--listen", "127.0.0.1:3"}); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Source{File: file, Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	if c.Data != "from-file" || c.Plans != "from-env" || c.Listen != "127.0.0.1:3" || c.Log.Level != "info" ||
		c.Temporal.Address != "file:1" || c.Temporal.Namespace != "from-env" || c.Embedded() {
		t.Errorf("got %+v", c)
	}
	if got, want := c.StoreURL(), "sqlite:from-file/journal.db"; got != want {
		t.Errorf("store = %q, want %q", got, want)
	}
}

func TestEveryMistakeIsNamedWithItsPlace(t *testing.T) {
	file := write(t, "dtaa: x\nlisten: nowhere\ntemporal:\n  adress: a:1\n  api_key: hunter2\n  tls: {cert_file: a.pem}\nlog: loud\nlang: fr\n")
	_, err := Load(Source{File: file})
	var bad Mistakes
	if !errors.As(err, &bad) {
		t.Fatalf("err = %v, want Mistakes", err)
	}
	for _, want := range []string{
		`muster.yaml:1:1: unknown setting "dtaa"; did you mean "data"?`,
		`muster.yaml:4:3: unknown setting "temporal.adress"; did you mean "address"?`,
		`muster.yaml:7:1: log holds settings of its own: format, level`,
		`listen: "nowhere" is not host:port`,
		`temporal.api_key: is written as a reference`,
		`cert_file ("a.pem") and key_file ("")`,
		`lang: "fr" is none of`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no line says %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error shows the secret")
	}
}

// Keys is what docs and defaults come from, so it must name exactly what Config holds.
// A wrong value is blamed on what gave it: a line of the file, a variable or a flag.
func TestAWrongValueIsNamedWhereItWasGiven(t *testing.T) {
	file := write(t, "data: kept\nlisten: nowhere\nlog: {level: loud}\n")
	t.Setenv("MUSTER_LOG_LEVEL", "louder")
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	flags.String("log-format", "", "")
	if err := flags.Parse([]string{"--log-format", "song"}); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Source{File: file, Flags: flags})
	for _, want := range []string{file + ":2:1: listen: ", `$MUSTER_LOG_LEVEL: log.level: "louder"`, `--log-format: log.format: "song"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\ndoes not say %s", err, want)
		}
	}
}

func TestKeysNameEveryField(t *testing.T) {
	fields := map[string]bool{}
	var walk func(reflect.Type, string)
	walk = func(typ reflect.Type, prefix string) {
		for i := range typ.NumField() {
			name := typ.Field(i).Tag.Get("mapstructure")
			if name == "-" || !typ.Field(i).IsExported() {
				continue
			}
			if typ.Field(i).Type.Kind() == reflect.Struct {
				walk(typ.Field(i).Type, prefix+name+".")
				continue
			}
			fields[prefix+name] = true
		}
	}
	walk(reflect.TypeFor[Config](), "")
	for _, k := range Keys() {
		if !fields[k.Name] {
			t.Errorf("key %s has no field", k.Name)
		}
		if k.Help == "" || k.HelpJA == "" {
			t.Errorf("key %s has no help in both languages", k.Name)
		}
		delete(fields, k.Name)
	}
	if len(fields) > 0 {
		t.Errorf("fields without a key: %v", fields)
	}
}

func TestIdentityIsSetAndHeld(t *testing.T) {
	c, err := Load(Source{File: write(t, "identity: {console: false, idle: 30m, longest: 12h}\n")})
	if err != nil || c.Identity.Console == nil || *c.Identity.Console || c.Identity.Idle.Minutes() != 30 {
		t.Errorf("got %+v, %v", c.Identity, err)
	}
	if c, err := Load(Source{File: write(t, "lang: en\n")}); err != nil || c.Identity.Console == nil || !*c.Identity.Console || c.Identity.LogKept.Hours() < 365*24 {
		t.Errorf("by default %+v, %v", c.Identity, err)
	}
	_, err = Load(Source{File: write(t, "identity: {idle: 2s, log_kept: 24h, oidc: {issuer: 'http://login.example.jp', client_secret: hunter2}}\n")})
	for _, want := range []string{"identity.idle: 2s", "identity.log_kept: 24h0m0s is too short", "is not an https URL", "identity.oidc.client_id", "is written as a reference", "public_url: is needed"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no line says %q in:\n%v", want, err)
		}
	}
	if err != nil && strings.Contains(err.Error(), "hunter2") {
		t.Error("the error shows the secret")
	}
}
