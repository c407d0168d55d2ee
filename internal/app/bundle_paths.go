package app

import (
	"cmp"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/plan"
)

// elsewhere are the files that plans name by a path on a site worker's machine. They are not taken along: which of them a laptop can use, and where it
// keeps it, only people know.
func elsewhere(registry *activities.Registry, targets []plan.Target, plans []plan.Plan) []breakglass.Elsewhere {
	var out []breakglass.Elsewhere
	add := func(paths []string, site, what, name string) {
		for _, p := range paths {
			out = append(out, breakglass.Elsewhere{Path: p, Site: site, What: what, Name: name})
		}
	}
	for _, t := range targets {
		if k, ok := registry.TargetKind(t.Kind); ok {
			add(k.Paths(t.Spec), t.Site, breakglass.OfTarget, t.Name)
		}
	}
	for _, p := range plans {
		eachUse(reflect.ValueOf(p), "", func(name, site, uses string, with json.RawMessage) {
			if a, ok := registry.Action(uses); ok {
				what := breakglass.OfStep
				if a.Doc.Probe {
					what = breakglass.OfProbe
				}
				add(a.Paths(with), site, what, name)
			}
		})
	}
	slices.SortFunc(out, func(a, b breakglass.Elsewhere) int {
		return cmp.Or(strings.Compare(a.Site, b.Site), strings.Compare(a.Path, b.Path), strings.Compare(a.What, b.What), strings.Compare(a.Name, b.Name))
	})
	return slices.Compact(out)
}

// eachUse finds whatever uses an action, however deep in a plan it stands.
func eachUse(v reflect.Value, within string, found func(name, site, uses string, with json.RawMessage)) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			eachUse(v.Elem(), within, found)
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[json.RawMessage]() {
			return
		}
		for i := range v.Len() {
			eachUse(v.Index(i), within, found)
		}
	case reflect.Struct:
		text := func(names ...string) string {
			for _, n := range names {
				if f := v.FieldByName(n); f.IsValid() && f.Kind() == reflect.String && f.String() != "" {
					return f.String()
				}
			}
			return ""
		}
		if name := text("ID", "Name"); name != "" && !strings.Contains(name, "/") {
			within = strings.TrimPrefix(within+"/"+name, "/")
		} else if name != "" {
			within = name
		}
		if with := v.FieldByName("With"); with.IsValid() && with.Type() == reflect.TypeFor[json.RawMessage]() && text("Uses") != "" {
			found(within, text("Site", "Vantage"), text("Uses"), with.Bytes())
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				eachUse(v.Field(i), within, found)
			}
		}
	}
}

// NotHere are the files that the plans name for these sites, none meaning all, and that this machine has not.
func (a *Activation) NotHere(sites []string) (out []breakglass.Elsewhere) {
	for _, e := range a.Manifest.Elsewhere {
		if len(sites) > 0 && e.Site != "" && !slices.Contains(sites, e.Site) {
			continue
		}
		if _, err := os.Stat(e.Path); err != nil {
			out = append(out, e)
		}
	}
	return out
}
