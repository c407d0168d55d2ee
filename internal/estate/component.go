package estate

import (
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// components reads the parts of a system, in the file's order.
func (r *reading) components(where string, s System) []plan.Component {
	once(r.Decoder, where+": component", s.Components, func(c Component) yamldoc.Value[string] { return c.Name })
	var functions []string
	for _, f := range s.Functions {
		if f.Probe != nil {
			functions = append(functions, f.Name.V)
		}
	}
	var out []plan.Component
	for _, c := range s.Components {
		where := where + ": component " + c.Name.V
		r.out.Site(r.Decoder, where, c.Site)
		Known(r.Decoder, where, plan.Text{EN: "probed function of the system", JA: "このシステムのプローブで監視する機能"}, c.Function, functions)
		r.levels(where, c)
		out = append(out, plan.Component{Name: c.Name.V, Title: titled(c.Title, c.Name.V), Kind: c.Kind.V, Site: c.Site.V, Place: c.At.V, Function: c.Function.V})
	}
	return out
}
