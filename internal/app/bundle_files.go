package app

import (
	"cmp"
	"context"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
)

// files reads the plan files, without a mistake, and makes sure that who makes the bundle is in their estate.
func (g *gathering) files(ctx context.Context) error {
	l, m := g.o.Lang, &g.manifest
	read, mistakes := scenario.Load(g.o.Config.Plans, all.Registry(all.Options{}))
	if len(mistakes) > 0 {
		return mistakes // no run could be started there
	}
	g.read = read
	for _, s := range read.Systems() {
		m.Systems = append(m.Systems, s.Name)
	}
	e := read.Estate()
	m.Zone, m.Sites = e.Zone, ownSites(config.Config{}, e)
	for _, p := range e.People {
		m.People = append(m.People, p.ID)
	}
	if m.By = g.o.By; m.By == "" { // whose token it is, the server knows
		me, err := g.o.Server.Me(ctx)
		if err != nil {
			return err
		}
		m.By = me.Person
	}
	if !slices.Contains(m.People, m.By) {
		t := notThere(l, m.By, m.People)
		t.What = l.T("The estate has no person %q, and the bundle was not made.", "構成台帳に %q という人がいないため、パッケージを作成していません。", m.By)
		return t
	}
	return nil
}

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
