package estate

import (
	"slices"

	"github.com/muster-dr/muster/internal/plan"
)

// usualKit is what people bring and wear unless the estate says otherwise (requirement
// A-MUS-10).
func usualKit() []plan.Text {
	return []plan.Text{
		{EN: "water and food", JA: "水・食料"},
		{EN: "long sleeves and long trousers", JA: "長袖・長ズボン"},
		{EN: "helmet", JA: "ヘルメット"}, {EN: "gloves", JA: "手袋"}, {EN: "mask", JA: "マスク"},
	}
}

// muster reads when and where people come together.
func (r *reading) muster() {
	f, out := r.file.Muster, &plan.Muster{Kit: usualKit()}
	if f == nil {
		return
	}
	r.out.Muster, r.out.DeclaredMuster = out, f
	out.Automatic, out.Propose = r.criteria("muster: automatic", f.Automatic), r.criteria("muster: propose", f.Propose)
	if len(out.Propose.Areas) == 0 && out.Propose.Set() {
		out.Propose.Areas = out.Automatic.Areas
	}
	if out.Propose.Scenario == "" && out.Propose.Set() {
		out.Propose.Scenario = out.Automatic.Scenario
	}
	if a, p := out.Automatic.Intensity, out.Propose.Intensity; a != "" && p.Reaches(a) {
		r.Log.Add(f.Propose.Intensity.Place, "muster: propose: intensity %s already sets off the automatic muster (%s); write a lower one, or leave it out", "muster: propose: 震度 %s では、すでに自動参集（震度 %s 以上）が発動します。より低い震度にするか、省略してください", p, a)
	}
	everybody := plan.PlaceRank{Places: r.rank("muster: rank", f.Rank)}
	if len(everybody.Places) == 0 { // the order of the file; plans have places by name
		for _, p := range r.file.Places {
			everybody.Places = append(everybody.Places, p.Name.V)
		}
	}
	for _, e := range f.ByRole {
		r.out.Role(r.Decoder, "muster: by_role", e.Key)
		out.Ranks = append(out.Ranks, plan.PlaceRank{Role: e.Key.V, Places: r.rank("muster: by_role: "+e.Key.V, e.Value)})
	}
	sortBy(out.Ranks, func(p plan.PlaceRank) string { return p.Role })
	out.Ranks = append([]plan.PlaceRank{everybody}, out.Ranks...)
	if f.Kit != nil {
		out.Kit = nil
		for _, k := range f.Kit {
			out.Kit = append(out.Kit, k.Text)
		}
	}
}

func (r *reading) rank(where string, names []text) []string {
	var out []string
	for _, n := range names {
		Known(r.Decoder, where, APlace, n, r.out.PlaceNames())
		if slices.Contains(out, n.V) {
			r.Log.Add(n.Place, "%s: %s is there twice; keep one", "%s: %s が重複しています。1つにしてください", where, n.V)
			continue
		}
		out = append(out, n.V)
	}
	return out
}

func (r *reading) criteria(where string, c Criteria) plan.Criteria {
	out := plan.Criteria{Intensity: plan.Intensity(c.Intensity.V), Typhoon: c.Typhoon.V, Scenario: c.Scenario.V}
	for _, a := range c.Areas {
		if a.Set && a.V == "" {
			r.Log.Add(a.Place, "%s: areas: an area without a name; write one such as 東京都２３区, or its code in quotes", "%s: areas: 名前のない地域があります。東京都２３区 のような名前か、引用符で囲んだコードを書いてください", where)
		}
		out.Areas = append(out.Areas, a.V)
	}
	if len(out.Areas) > 0 && !out.Set() {
		r.Log.Add(c.Place, "%s: areas alone set nothing off; add intensity or typhoon", "%s: areas だけでは何も発動しません。intensity または typhoon を追加してください", where)
	}
	return out
}
