package report

import "github.com/muster-dr/muster/internal/run"

// aboutPlaces names what one event could take together: the original and every copy that it
// was restored from, or home and alternate site (lesson G-08). Of sites whose region the
// estate does not give, nothing is said.
func (f *facts) aboutPlaces(l *findingList) {
	for _, s := range f.systems {
		region := f.region(s.plan.Home)
		switch {
		case region == "":
		case f.plan.Scenario.Hazard == run.RestoreTest:
			if f.copiesIn(s.plan.Restore, region) {
				l.add(run.FindingPlace, s.plan.Name, "", say("%[1]s: all copies that it was restored from lie in %[2]s, as the original does",
					"%[1]s：復元に使用した媒体はすべて原本と同じ地域（%[2]s）にある", s.plan.Name, region), "")
				l.at("region", s.plan.Name, "copies")
			}
		case f.region(s.plan.Alternate) == region:
			l.add(run.FindingPlace, s.plan.Name, "", say("%[1]s: its alternate site %[3]s lies in %[2]s, as its home does",
				"%[1]s：代替拠点 %[3]s は本拠点と同じ地域（%[2]s）にある", s.plan.Name, region, s.plan.Alternate), "")
			l.at("region", s.plan.Name, "alternate")
		}
	}
}

func (f *facts) region(site string) string {
	at, _ := f.plan.Estate.Site(site)
	return at.Region
}

// copiesIn reports whether a runbook restores from targets that all lie in the region.
func (f *facts) copiesIn(runbook, region string) bool {
	rb, _ := f.plan.Runbook(runbook)
	found := false
	for _, step := range rb.Steps {
		for _, t := range f.plan.Estate.TargetsNamed(step.Targets) {
			if f.region(t.Site) != region {
				return false
			}
			found = true
		}
	}
	return found
}
