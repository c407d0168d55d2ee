package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/run"
)

// Muster says when and where people of the estate come together (requirements A-MUS-01 to
// A-MUS-12).
type Muster struct {
	// Automatic is met: everybody comes without being ordered to. Propose is met: somebody
	// is asked whether to. One without intensity and class is never met.
	Automatic Criteria `json:"automatic,omitzero"`
	Propose   Criteria `json:"propose,omitzero"`
	// Ranks are the muster places in order of preference; Role "" is everybody.
	Ranks []PlaceRank `json:"ranks,omitempty"`
	Kit   []Text      `json:"kit,omitempty"` // what people bring and wear
}

// Criteria are met by an event that is strong enough, in one of the areas.
type Criteria struct {
	Intensity Intensity `json:"intensity,omitempty"` // seismic; "" is none
	// Typhoon is the least class that counts: "large", "very-large" or "super-large".
	Typhoon string `json:"typhoon,omitempty"`
	// Areas are the names or codes of areas, as the telegrams of the Japan Meteorological
	// Agency have them; none is everywhere.
	Areas []string `json:"areas,omitempty"`
	// Scenario is what is started or proposed.
	Scenario string `json:"scenario,omitempty"`
}

// PlaceRank is where the holders of a role come together: the first place that can be used.
type PlaceRank struct {
	Role   string   `json:"role,omitempty"`
	Places []string `json:"places"`
}

// Intensity is a seismic intensity on the scale of the Japan Meteorological Agency.
type Intensity string

// Intensities lists them, weakest first.
func Intensities() []Intensity {
	return []Intensity{"1", "2", "3", "4", "5-lower", "5-upper", "6-lower", "6-upper", "7"}
}

// ParseIntensity reads an intensity as people ("6-lower", "6弱") and telegrams ("6-") write it.
func ParseIntensity(s string) (Intensity, bool) {
	s = strings.TrimSpace(s)
	for from, to := range map[string]string{"弱": "-lower", "強": "-upper"} {
		if rest, ok := strings.CutSuffix(s, from); ok {
			s = rest + to
		}
	}
	if len(s) == 2 && s[1] == '-' {
		s = s[:1] + "-lower"
	}
	if len(s) == 2 && s[1] == '+' {
		s = s[:1] + "-upper"
	}
	return Intensity(s), slices.Contains(Intensities(), Intensity(s))
}

// Reaches reports whether i is at least that strong. What is no intensity reaches nothing,
// and is reached by nothing.
func (i Intensity) Reaches(least Intensity) bool {
	have, want := slices.Index(Intensities(), i), slices.Index(Intensities(), least)
	return want >= 0 && have >= want
}

// JA is the intensity in Japanese, as in 6弱.
func (i Intensity) JA() string {
	return strings.NewReplacer("-lower", "弱", "-upper", "強").Replace(string(i))
}

// Quake reports whether an earthquake of that intensity in an area, given by its names and
// codes, meets the criteria.
func (c Criteria) Quake(i Intensity, area ...string) bool {
	return i.Reaches(c.Intensity) && (len(c.Areas) == 0 || slices.ContainsFunc(area, func(a string) bool { return slices.Contains(c.Areas, a) }))
}

// Set reports whether there is anything that could meet the criteria.
func (c Criteria) Set() bool { return c.Intensity != "" || c.Typhoon != "" }

// RankFor lists the places of a person's roles in order of preference: those of the first
// role that has any, then everybody's.
func (m *Muster) RankFor(roles []string) []string {
	if m == nil {
		return nil
	}
	var out []string
	add := func(role string) {
		for _, r := range m.Ranks {
			if r.Role != role {
				continue
			}
			for _, p := range r.Places {
				if !slices.Contains(out, p) {
					out = append(out, p)
				}
			}
		}
	}
	for _, role := range roles {
		if role != "" && len(out) == 0 {
			add(role)
		}
	}
	add("")
	return out
}

// Place returns the muster place of that name, or false.
func (e Estate) Place(name string) (Place, bool) {
	for _, p := range e.Places {
		if p.Name == name {
			return p, true
		}
	}
	return Place{}, false
}

// Absence takes people out of a drill: those who are named, and some who are drawn.
type Absence struct {
	People []string `json:"people,omitempty"`
	Draws  []Draw   `json:"draws,omitempty"`
}

// Draw takes Random holders of a role out, "" being of everybody. Whom, follows from the
// seed and the run's ID: nobody reads it from the plan beforehand, and everybody can draw
// again afterwards.
type Draw struct {
	Random int    `json:"random"`
	Role   string `json:"of,omitempty"`
	Seed   string `json:"seed"`
}

// Absent lists those who are taken out of a run, by ID, sorted. The requester is never
// drawn: a drill can't begin with somebody who is not there. Nobody is taken out of a real
// response.
func (p *Plan) Absent(runID, requester string) []string {
	a := p.Scenario.Absent
	if a == nil || p.Scenario.Depth == run.Real {
		return nil
	}
	out := slices.Clone(a.People)
	for _, d := range a.Draws {
		var from []drawn
		for _, m := range p.Estate.People {
			if m.ID == requester || slices.Contains(out, m.ID) || d.Role != "" && !slices.Contains(m.Roles, d.Role) {
				continue
			}
			from = append(from, drawn{lot(d.Seed, runID, m.ID), m.ID})
		}
		slices.SortFunc(from, func(a, b drawn) int { return strings.Compare(a.lot, b.lot) })
		for _, x := range from[:min(d.Random, len(from))] {
			out = append(out, x.id)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

type drawn struct{ lot, id string }

func lot(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}
