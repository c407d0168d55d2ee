package config

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
)

// variables is how the variable of every setting begins.
const variables = "MUSTER_"

// besides are variables of muster that are no settings, and like the name of one: where the settings file is, and by which
// name deploy/compose is reached.
var besides = []string{"MUSTER_CONFIG", "MUSTER_HOST"}

// variable is the environment variable of a name with dots.
func variable(name string) string {
	return variables + strings.ToUpper(strings.ReplaceAll(name, ".", "_"))
}

// strays are the variables that look like settings and are none: nothing reads them, and whoever set one believes otherwise.
// They are told of and end no start, since a variable may be anybody's: a secret that a plan refers to, what a cluster adds.
func (c Config) strays(environ []string) []plan.Text {
	var known, short []string // without the beginning that all have, which no slip is measured by
	sections := map[string]bool{}
	for _, k := range Keys() {
		known = append(known, variable(k.Name))
		short = append(short, strings.TrimPrefix(variable(k.Name), variables))
		if section, _, ok := strings.Cut(k.Name, "."); ok {
			sections[variable(section)] = true
		}
	}
	var out []plan.Text
	slices.Sort(environ)
	for _, set := range environ {
		name, value, _ := strings.Cut(set, "=")
		if !strings.HasPrefix(name, variables) || value == "" || slices.Contains(known, name) || slices.Contains(besides, name) || c.refersTo(name) {
			continue
		}
		say := func(hint plan.Text) {
			out = append(out, plan.Say("$%s is no setting, and is not read%s", "環境変数 $%s に当たる設定はなく、読み込まれません%s", name, hint))
		}
		if near := nearest.Slip(strings.TrimPrefix(name, variables), short); near != "" {
			say(plan.Say("; did you mean %q?", "。%q の間違いではありませんか", variables+near))
			continue
		}
		for section := range sections {
			if name == section || strings.HasPrefix(name, section+"_") {
				there := slices.DeleteFunc(slices.Clone(known), func(v string) bool { return !strings.HasPrefix(v, section+"_") })
				say(plan.Say("; known here: %s", "。使えるもの: %s", strings.Join(there, ", ")))
			}
		}
	}
	return out
}

// refersTo reports whether a setting has its secret in that variable.
func (c Config) refersTo(name string) bool {
	ref := "secret://env/" + name
	for _, value := range c.Written {
		if strings.Contains(value, ref) {
			return true
		}
	}
	return slices.ContainsFunc(c.Alarms, func(a Alarm) bool { return slices.Contains(a.Secrets, ref) })
}
