package mycluster_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mysqltest"
)

// MySQL's own server is not among the tests' servers; its file is, as its versions write it.
var persisted = map[string]string{
	"8.0.23": `{ "Version" : 1 , "mysql_server" : { "max_connections" : { "Value" : "333" , "Metadata" : { "Timestamp" : 1519921341372531 , "User" : "root" , "Host" : "localhost" } } , ` +
		`"super_read_only" : { "Value" : "OFF" , "Metadata" : { "Timestamp" : 1519921341372532 , "User" : "root" , "Host" : "localhost" } } , ` +
		`"read_only" : { "Value" : "OFF" , "Metadata" : { "Timestamp" : 1519921341372533 , "User" : "root" , "Host" : "localhost" } } , ` +
		`"mysql_server_static_options" : { "skip_name_resolve" : { "Value" : "ON" , "Metadata" : { "Timestamp" : 1519921341372534 , "User" : "root" , "Host" : "localhost" } } } } }`,
	"8.4": `{"Version": 2, "mysql_static_variables": {"skip_name_resolve": {"Value": "ON", "Metadata": {"Host": "localhost", "User": "root", "Timestamp": 1790994956910939}}}, ` +
		`"mysql_dynamic_variables": {"init_connect": {"Value": "SET @a = '\"read_only\": {\"Value\": \"OFF\"'", "Metadata": {"Host": "localhost", "User": "root", "Timestamp": 1790994956901229}}, ` +
		`"super_read_only": {"Value": "OFF", "Metadata": {"Host": "localhost", "User": "root", "Timestamp": 1790994956907713}}, ` +
		`"read_only": {"Value": "OFF", "Metadata": {"Host": "localhost", "User": "root", "Timestamp": 1790994956907714}}}, ` +
		`"mysql_dynamic_parse_early_variables": {"max_connections": {"Value": "333", "Metadata": {"Host": "localhost", "User": "root", "Timestamp": 1790994956904499}}}}`,
}

// What an earlier promotion persisted outranks the option file that keeps a server that is
// down from taking writes.
func TestWhatMySQLKeepsItselfIsMended(t *testing.T) {
	i := mysqltest.StartOne(t).Instance
	ctx := mysqltest.Context(t, time.Minute)
	kept := func(when string, want bool) {
		t.Helper()
		if got, err := i.KeptReadOnly(ctx); err != nil || got != want {
			t.Errorf("%s: kept read-only = %v, %v", when, got, err)
		}
	}
	file := filepath.Join(i.Data, "mysqld-auto.cnf")
	for version, text := range persisted {
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := i.Own(file); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(i.Config, []byte("[mysqld]\nread_only = ON\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		kept(version+", the option file alone", false)
		before, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := i.KeepReadOnly(true); err != nil {
			t.Fatal(err)
		}
		kept(version+", fenced", true)
		want := strings.NewReplacer(`read_only" : { "Value" : "OFF"`, `read_only" : { "Value" : "ON"`, `read_only": {"Value": "OFF"`, `read_only": {"Value": "ON"`).Replace(text)
		got, err := os.ReadFile(file)
		if err != nil || string(got) != want {
			t.Errorf("%s: it is now\n%s (%v), want\n%s", version, got, err, want)
		}
		after, err := os.Stat(file)
		if err != nil || after.Mode() != before.Mode() || owner(after) != owner(before) {
			t.Errorf("%s: mode and owner were %v %d, are %v %d", version, before.Mode(), owner(before), after.Mode(), owner(after))
		}
		if v, err := i.Option(ctx, "max_connections"); err != nil || v != "333" {
			t.Errorf("%s: max_connections = %q, %v", version, v, err)
		}
		if err := i.KeepReadOnly(false); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(file); err != nil || string(got) != text {
			t.Errorf("%s: unfenced, it is\n%s (%v)", version, got, err)
		}
		kept(version+", unfenced", false)
	}

	// It keeps nothing of read_only: nothing is added.
	const other = `{"Version": 2, "mysql_dynamic_variables": {"local_infile": {"Value": "ON", "Metadata": {"Host": "", "User": "root", "Timestamp": 1}}}}`
	if err := os.WriteFile(file, []byte(other), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := i.KeepReadOnly(true); err != nil {
		t.Fatal(err)
	}
	kept("nothing persisted", true)
	if got, err := os.ReadFile(file); err != nil || string(got) != other {
		t.Errorf("it is now\n%s (%v)", got, err)
	}

	// Half of a file, or one of a version to come, is not guessed at.
	for text, want := range map[string]string{other[:40]: "no JSON", `{"Version": 3, "variables": {"read_only": "OFF"}}`: "does not know"} {
		if err := os.WriteFile(file, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := i.KeepReadOnly(true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
		if _, err := i.KeptReadOnly(ctx); err == nil {
			t.Errorf("%s proves something", text)
		}
	}
}

func owner(st os.FileInfo) uint32 {
	return st.Sys().(*syscall.Stat_t).Uid
}
