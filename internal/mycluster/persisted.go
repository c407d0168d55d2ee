package mycluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// settings are the variables that MySQL itself keeps over a restart, by SET PERSIST, in a
// file of its own in the data directory. It outranks every option file and the command
// line. MariaDB has none.
//
// A server that runs and obeys is told by SET PERSIST. One that is fenced because it is
// down or hangs can't be told; what an earlier promotion persisted would make it take writes
// when somebody starts it, whatever its option files say. MySQL advises against editing the
// file, since a mistake keeps the server from starting: so only the value of a setting that
// is there is replaced, and every other byte left as it is. Having MySQL ignore the file
// (persisted_globals_load) was no way: it would forget what else is kept there, such as
// its server_id or port.
type settings struct {
	path string
	text string
	mode os.FileMode
}

// kept reads the settings; empty ones where the server keeps none.
func (i *Instance) kept() (settings, error) {
	s := settings{path: filepath.Join(i.Data, "mysqld-auto.cnf")}
	b, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) || err == nil && len(b) == 0 {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("what %s keeps by SET PERSIST: %w", i.Name, err)
	}
	if !json.Valid(b) {
		return s, fmt.Errorf("what %s keeps by SET PERSIST can't be read: %s is no JSON, and MySQL would not start with it", i.Name, s.path)
	}
	for _, name := range []string{"read_only", "super_read_only"} {
		if strings.Contains(string(b), `"`+name+`"`) && !pattern(name).Match(b) {
			return s, fmt.Errorf("what %s keeps by SET PERSIST can't be read: %s holds %s in a form that muster does not know", i.Name, s.path, name)
		}
	}
	st, err := os.Stat(s.path)
	if err != nil {
		return s, err
	}
	s.text, s.mode = string(b), st.Mode().Perm()
	return s, nil
}

// value finds a setting, in whichever group MySQL put it: the groups differ between its
// versions, what is below a name does not. Within JSON's strings no quote stands alone, so
// that nothing in a value looks like this.
func (s settings) value(name string) (value string, given bool) {
	if m := pattern(name).FindStringSubmatch(s.text); m != nil {
		return m[2], true
	}
	return "", false
}

// with gives a setting another value; where it is not kept, the options count.
func (s settings) with(name, value string) settings {
	s.text = pattern(name).ReplaceAllString(s.text, "${1}"+value+"${3}")
	return s
}

func pattern(name string) *regexp.Regexp {
	return regexp.MustCompile(`("` + regexp.QuoteMeta(name) + `"\s*:\s*\{\s*"Value"\s*:\s*")([^"\\]*)(")`)
}

// keepSettings makes MySQL's own settings say what the options say of read_only.
func (i *Instance) keepSettings(readOnly bool) error {
	is, err := i.kept()
	if err != nil || is.text == "" {
		return err
	}
	value := map[bool]string{true: "ON", false: "OFF"}[readOnly]
	be := is.with("read_only", value).with("super_read_only", value)
	if be.text == is.text {
		return nil
	}
	return i.write(be.path, be.text, be.mode)
}
