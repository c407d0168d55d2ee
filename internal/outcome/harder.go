package outcome

import "slices"

// Against is what a run held a system against, as far as it tells how hard that was.
type Against struct {
	Scenario  string   `json:"scenario"`
	SitesLost []string `json:"sites_lost,omitempty"`
}

// AsHardAs reports whether what was met against a makes good what was missed against b: the same scenario, or one
// in which at least the same sites were lost. Of scenarios that lose no site nobody can tell which is the harder.
func (a Against) AsHardAs(b Against) bool {
	if a.Scenario == b.Scenario {
		return true
	}
	lost := func(site string) bool { return slices.Contains(a.SitesLost, site) }
	return len(b.SitesLost) > 0 && !slices.ContainsFunc(b.SitesLost, func(site string) bool { return !lost(site) })
}

// Against is what the run held its systems against.
func (s SystemAt) Against() Against { return Against{s.Scenario, s.SitesLost} }

// Against is what the run held a system against.
func (o Outcome) Against(system string) Against {
	out := Against{Scenario: o.Scenario}
	if i := slices.IndexFunc(o.Systems, func(s System) bool { return s.ID == system }); i >= 0 {
		out.SitesLost = o.Systems[i].SitesLost
	}
	return out
}
