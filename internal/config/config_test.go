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
	file := write(t, "dtaa: x\nlisten: nowhere\ntemporal:\n  adress: a:1\n  api_key: hunter2\n  tls: {cert_file: a.pem}\nlog: loud\nlang: fr\n"+
		"encryption: {keyring: secret://file/a}\nalarms: [{name: jma, kind: jma, when: a, when: b}]\nencryption: {ui_origins: x}\nmail: {port: 25, port: 26}\nalarms: []\n")
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
		`muster.yaml:11:1: encryption is there twice, first on line 9`,
		`muster.yaml:10:42: alarms: when is there twice, first on line 10`,
		`muster.yaml:12:18: mail.port is there twice, first on line 12`,
		`muster.yaml:13:1: alarms is there twice, first on line 10`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no line says %q in:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error shows the secret")
	}
}

// A variable that is no setting takes no setting away, and whoever meant one by it is told, not stopped.
func TestAMistypedVariableIsToldOf(t *testing.T) {
	file := write(t, "encryption: {keyring: secret://file/etc/muster/keyring}\nmail: {password: 'secret://env/MUSTER_MAIL_WORD'}\nalarms: [{name: jma, kind: jma, secret: 'secret://env/MUSTER_EVIDENCE_JMA'}]\n")
	for _, name := range []string{"MUSTER_ENCRYPTION", "MUSTER_LISTN", "MUSTER_TEMPORAL_TLS_CERTFILE", "MUSTER_IDENTITY_ISSUER", // meant
		"MUSTER_MAIL_WORD", "MUSTER_EVIDENCE_JMA", "MUSTER_CONFIG", "MUSTER_HOST", "MUSTER_SHOP_PASSWORD", "MUSTER_SERVER_PORT_443_TCP", "MUSTER_STEP"} {
		t.Setenv(name, "hunter2")
	}
	c, err := Load(Source{File: file})
	if err != nil {
		t.Fatal(err)
	}
	if c.Encryption.Keyring != "secret://file/etc/muster/keyring" {
		t.Errorf("$MUSTER_ENCRYPTION takes the keyring away: %q", c.Encryption.Keyring)
	}
	want := []string{"$MUSTER_ENCRYPTION is no setting, and is not read; known here: MUSTER_ENCRYPTION_KEYRING, MUSTER_ENCRYPTION_UI_ORIGINS",
		"$MUSTER_IDENTITY_ISSUER is no setting, and is not read; known here: MUSTER_IDENTITY_CONSOLE, ",
		`$MUSTER_LISTN is no setting, and is not read; did you mean "MUSTER_LISTEN"?`,
		`$MUSTER_TEMPORAL_TLS_CERTFILE is no setting, and is not read; did you mean "MUSTER_TEMPORAL_TLS_CERT_FILE"?`}
	if len(c.Strays) != len(want) {
		t.Fatalf("%+v", c.Strays)
	}
	for i, s := range c.Strays {
		if !strings.HasPrefix(s.EN, want[i]) || !strings.Contains(s.JA, "読み込まれません") || strings.Contains(s.EN+s.JA, "hunter2") {
			t.Errorf("%+v, want %q", s, want[i])
		}
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
