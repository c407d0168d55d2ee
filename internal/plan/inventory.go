package plan

import "slices"

// What people look at and whom they reach: the items of a site's checklist, the components of a
// system, the parties outside.

// SiteCheck is an item of a site's checklist.
type SiteCheck struct {
	Name  string `json:"name"`
	Title Text   `json:"title"`
}

// usualChecks are the checklist of a site that has none of its own (B-STP-03).
var usualChecks = []SiteCheck{
	{"cracks", Text{"Cracks in walls, pillars, floors", "壁・柱・床のひび割れ"}},
	{"ceiling", Text{"Fallen ceiling, lights, furniture", "天井・照明・什器の落下や転倒"}},
	{"power", Text{"Power", "電源"}},
	{"water", Text{"Water: burst pipes, flooding", "漏水・浸水"}},
	{"network", Text{"Network and telephone", "通信回線・電話"}},
	{"entry", Text{"Entry control and ways out", "入退室管理・避難経路"}},
}

// Checklist is what is looked at in a safety inspection of the site.
func (s Site) Checklist() []SiteCheck {
	if len(s.Checks) > 0 {
		return s.Checks
	}
	return slices.Clone(usualChecks)
}

// Component is a part of a system that people look at one by one (requirement A-CMP-01).
type Component struct {
	Name  string `json:"name"`
	Title Text   `json:"title"`
	Kind  string `json:"kind,omitempty"` // structure, facility, hardware, system_area, data_area, network or contractor
	Site  string `json:"site,omitempty"` // where it is; "" is the system's home
	Place string `json:"place,omitempty"`
	// Function is the one that its damage would show in; "" when no probe can tell.
	Function string `json:"function,omitempty"`
}

// Component returns a system's component by name.
func (s System) Component(name string) (Component, bool) {
	i := slices.IndexFunc(s.Components, func(c Component) bool { return c.Name == name })
	if i < 0 {
		return Component{}, false
	}
	return s.Components[i], true
}

// Party is somebody outside, or a department, who must be reachable. Who there is called by
// which number is in the estate and not here: numbers of persons are in no run's record.
type Party struct {
	Name    string `json:"name"`
	Title   Text   `json:"title"`
	Contact string `json:"contact,omitempty"`
	Kind    string `json:"kind,omitempty"` // department; "" is a company
	// Confirmed is when the estate's contact list was last found right, as 2026-04-01; "" is not
	// known. Single: it holds one individual only, no desk and no deputy.
	Confirmed string `json:"confirmed,omitempty"`
	Single    bool   `json:"single,omitempty"`
}

// Party returns a party by name.
func (e Estate) Party(name string) (Party, bool) {
	i := slices.IndexFunc(e.Parties, func(p Party) bool { return p.Name == name })
	if i < 0 {
		return Party{}, false
	}
	return e.Parties[i], true
}
