package book

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/outline"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// Source is what cards and book are made from.
type Source struct {
	Estate    plan.Estate
	Contacts  map[string]estate.Contact
	Parties   map[string]estate.PartyContact
	Titles    map[string]plan.Text // of roles
	Systems   []plan.System        // in the order of their priority
	Plans     []plan.Plan          // of the scenarios that can be activated, at depth real
	Restores  []plan.Plan          // of the restore tests
	Summaries func(action string) plan.Text
	Hash      string // of everything
	At        time.Time
	Zone      *time.Location
}

// Gather compiles what the files say now. summaries says what an action does.
func Gather(b *scenario.Bundle, summaries func(string) plan.Text, at time.Time) (Source, error) {
	s := Source{Estate: b.Estate(), Contacts: b.Contacts(), Titles: b.RoleTitles(), Systems: slices.Clone(b.Systems()), Summaries: summaries, At: at}
	s.Parties = map[string]estate.PartyContact{}
	for _, p := range s.Estate.Parties {
		s.Parties[p.Name] = b.PartyContact(p.Name)
	}
	zone, err := time.LoadLocation(s.Estate.Zone)
	if err != nil {
		zone = time.UTC
	}
	s.Zone = zone
	sum := sha256.New()
	for _, i := range b.Scenarios() {
		depth := run.Real
		if i.Hazard == run.RestoreTest {
			depth = ""
		}
		p, err := b.Compile(i.Name, depth)
		if err != nil {
			return s, fmt.Errorf("scenario %s: %w", i.Name, err)
		}
		sum.Write([]byte(p.Hash))
		if i.Blind { // the book is in everybody's hands; the hash tells whoever has the file which it is
			p.Scenario.Title, p.Scenario.Name = plan.WithheldTitle(), ""
		}
		if depth == run.Real {
			s.Plans = append(s.Plans, p)
		} else {
			s.Restores = append(s.Restores, p)
		}
	}
	s.Hash = hex.EncodeToString(sum.Sum(nil))
	slices.SortStableFunc(s.Systems, func(a, b plan.System) int {
		if c := cmp.Compare(band(a.Priority), band(b.Priority)); c != 0 {
			return c
		}
		return strings.Compare(a.Name, b.Name)
	})
	return s, nil
}

func band(priority string) int {
	if i := strings.Index("SABCDE", priority); i >= 0 && priority != "" {
		return i
	}
	return 6
}

// runbook finds a runbook in any plan.
func (s Source) runbook(name string) (plan.Runbook, outline.Forecast, bool) {
	for _, p := range append(slices.Clone(s.Plans), s.Restores...) {
		r, ok := p.Runbook(name)
		if !ok {
			continue
		}
		for _, sys := range outline.Of(p).Systems {
			for _, w := range sys.Ways {
				if w.Runbook == name {
					return r, w.Forecast, true
				}
			}
		}
		return r, outline.Forecast{}, true
	}
	return plan.Runbook{}, outline.Forecast{}, false
}

// role is a role as people call it.
func (s Source) role(name string, l i18n.Lang) string {
	if t := s.Titles[name].In(string(l)); t != "" {
		return t
	}
	return name
}

func (s Source) roles(names []string, l i18n.Lang) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = s.role(n, l)
	}
	return strings.Join(out, l.T(", ", "、"))
}

func (s Source) place(name string, l i18n.Lang) string {
	for _, p := range s.Estate.Places {
		if p.Name == name {
			t := cmp.Or(p.Title.In(string(l)), p.Name)
			if p.Online {
				t += l.T(" (online)", "（オンライン）")
			}
			return t
		}
	}
	return name
}

func (s Source) site(name string, l i18n.Lang) string {
	for _, x := range s.Estate.Sites {
		if x.Name == name {
			return cmp.Or(x.Title.In(string(l)), x.Name)
		}
	}
	return name
}

// ranks are the muster places of a person's roles, else everybody's, in order.
func (s Source) ranks(roles []string) []string {
	if s.Estate.Muster != nil {
		for _, r := range s.Estate.Muster.Ranks {
			if r.Role != "" && slices.Contains(roles, r.Role) {
				return r.Places
			}
		}
		for _, r := range s.Estate.Muster.Ranks {
			if r.Role == "" {
				return r.Places
			}
		}
	}
	var out []string
	for _, p := range s.Estate.Places {
		out = append(out, p.Name)
	}
	return out
}

// criteria is when people muster, in sentences.
func (s Source) criteria(l i18n.Lang) []string {
	m := s.Estate.Muster
	if m == nil || !m.Automatic.Set() && !m.Propose.Set() {
		return []string{l.T("When you are called.", "召集の連絡を受けたとき")}
	}
	var out []string
	if m.Automatic.Set() {
		out = append(out, l.T("Without an order: %s", "指示を待たず参集：%s", criteria(m.Automatic, l)))
	}
	if m.Propose.Set() {
		out = append(out, l.T("When ordered: %s", "指示により参集：%s", criteria(m.Propose, l)))
	}
	return out
}

func criteria(c plan.Criteria, l i18n.Lang) string {
	var out []string
	if c.Intensity != "" {
		text := l.T("seismic intensity %s or more", "震度%s以上", intensity(c.Intensity, l))
		if len(c.Areas) > 0 {
			text += l.T(" in %s", "（%s）", strings.Join(c.Areas, l.T(", ", "、")))
		}
		out = append(out, text)
	}
	if c.Typhoon != "" {
		ja := map[string]string{"large": "大型", "very-large": "非常に大型", "super-large": "超大型"}[c.Typhoon]
		out = append(out, l.T("a typhoon that is %s", "%sの台風", l.T(c.Typhoon, ja)))
	}
	return strings.Join(out, l.T("; ", "、"))
}

func intensity(i plan.Intensity, l i18n.Lang) string {
	if l == i18n.JA {
		return i.JA()
	}
	return string(i)
}

// stamp is what stands on every page.
func (s Source) stamp(l i18n.Lang) string {
	return l.T("plan %.12s · printed %s", "計画 %.12s ／ 作成 %s", s.Hash, s.At.In(s.Zone).Format("2006-01-02 15:04 MST"))
}
