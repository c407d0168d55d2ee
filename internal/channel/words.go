package channel

import (
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// name is a person as the reader calls them.
func (p *picture) name(id string, l i18n.Lang) string {
	if id == run.Engine {
		return "muster"
	}
	if who, ok := p.person(id); ok {
		if n := who.Name.In(string(l)); n != "" {
			return n
		}
	}
	return id
}

func (p *picture) system(name string, l i18n.Lang) string {
	for _, s := range p.plan.Systems {
		if s.Name == name {
			if t := s.Title.In(string(l)); t != "" {
				return t
			}
		}
	}
	return name
}

func (p *picture) site(name string, l i18n.Lang) string {
	if s, ok := p.plan.Estate.Site(name); ok {
		if t := s.Title.In(string(l)); t != "" {
			return t
		}
	}
	return name
}

func (p *picture) role(name string, l i18n.Lang) string {
	return p.plan.Estate.RoleName(name).In(string(l))
}

func (p *picture) step(e run.Event, l i18n.Lang) string { return StepName(p.plan, e.System, e.Step, l) }

// StepName is what people call a step, with the ID that commands take.
func StepName(of plan.Plan, system, id string, l i18n.Lang) string {
	for _, rb := range of.Runbooks {
		for _, s := range rb.Steps {
			if title := s.Title.In(string(l)); s.ID == id && (rb.System == system || system == "") && title != "" {
				return l.T("%s (%s)", "%s（%s）", title, id)
			}
		}
	}
	return id
}

// place is the muster place in brackets; "" when the scenario names none.
func (p *picture) place(l i18n.Lang) string {
	for _, at := range p.plan.Estate.Places {
		if at.Name == p.plan.Scenario.Place {
			return l.T(" (%s)", "（参集場所：%s）", at.Title.In(string(l)))
		}
	}
	return ""
}

func (p *picture) placeName(name string, l i18n.Lang) string {
	for _, at := range p.plan.Estate.Places {
		if at.Name == name {
			if t := at.Title.In(string(l)); t != "" {
				return t
			}
		}
	}
	return name
}

// clock is an event's time of day in the estate's zone.
func (p *picture) clock(e run.Event, _ i18n.Lang) string {
	zone, err := time.LoadLocation(p.plan.Estate.Zone)
	if err != nil {
		zone = time.UTC
	}
	return e.At.In(zone).Format("15:04:05 MST")
}

func seconds(s float64, l i18n.Lang) string {
	d := time.Duration(s * float64(time.Second)).Round(time.Second)
	if d > time.Hour { // rounded up, as i18n.Span
		d = (d + time.Minute - 1).Truncate(time.Minute)
	}
	h, m, sec := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if l == i18n.JA {
		switch {
		case h > 0:
			return fmt.Sprintf("%d時間%d分", h, m)
		case m > 0:
			return fmt.Sprintf("%d分%d秒", m, sec)
		}
		return fmt.Sprintf("%d秒", sec)
	}
	switch {
	case h > 0:
		return fmt.Sprintf("%d h %d min", h, m)
	case m > 0:
		return fmt.Sprintf("%d min %d s", m, sec)
	}
	return fmt.Sprintf("%d s", sec)
}

func short(hash string) string {
	hash = strings.TrimPrefix(hash, "sha256:")
	return hash[:min(8, len(hash))]
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}
