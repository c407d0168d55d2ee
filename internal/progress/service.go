package progress

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// system takes in what concerns a system's service and its lock.
func (t *Tracker) system(e run.Event) {
	name := e.System
	if e.Kind == run.ProbeChanged && name == "" {
		name = t.ownerOf(e.Step)
	}
	if e.Kind == run.EventDetected {
		t.detected(e)
		return
	}
	i := slices.IndexFunc(t.view.Systems, func(s System) bool { return s.Name == name })
	if i < 0 {
		return
	}
	s, st := &t.view.Systems[i], t.systems[name]
	switch e.Kind {
	case run.EventOccurred:
		o := run.Occurrence{At: e.At}
		_ = e.Decode(&o)
		if st.threatened = o.Source == run.SourceThreat; st.threatened {
			return // the clock starts when service is interrupted
		}
		if s.EventAt == nil || o.At.Before(*s.EventAt) {
			s.EventAt = &o.At
		}
		l, most := t.level(i)
		st.note(l, o.At) // what people state counts nothing from here on
		if most < 100 {
			st.lost = true
		}
	case run.ProbeChanged:
		f, ok := st.up[e.Step]
		if !ok {
			return
		}
		c := run.ProbeChange{At: e.At}
		_ = e.Decode(&c)
		up, at := c.Up, c.At
		f.Up, f.Level, f.Since, f.Error = &up, c.Level, &at, c.Error
		level, most := t.level(i)
		s.Level = level
		if st.threatened && s.EventAt == nil && most < t.needed(name) {
			s.EventAt = &at
		}
		st.note(s.Level, at)
		t.restored(s, st, at, most)
	case run.StatementMade:
		var said run.Stated
		_ = e.Decode(&said)
		if t.stated[name] == nil {
			t.stated[name] = map[string]int{}
		}
		t.stated[name][said.Function] = said.Level
		level, most := t.level(i)
		s.Level = level
		st.note(s.Level, e.At)
		t.restored(s, st, e.At, most)
	case run.LockTaken:
		s.Locked, s.LockKept = true, ""
	case run.LockReleased:
		s.Locked, s.LockKept = false, ""
	case run.LockKept:
		s.Locked, s.LockKept = true, e.Reason
	}
}

// detected is of one system, or of all when none is named.
func (t *Tracker) detected(e run.Event) {
	d := run.Detection{At: e.At}
	_ = e.Decode(&d)
	for i := range t.view.Systems {
		if s := &t.view.Systems[i]; s.DetectedAt == nil && (e.System == "" || e.System == s.Name) {
			at := d.At
			s.DetectedAt = &at
		}
	}
}

// restored moves the end of the RTO clock after a change that a probe saw at that time; most is
// what the system gives at most.
func (t *Tracker) restored(s *System, st *system, at time.Time, most int) {
	switch {
	case st.settled:
	case most < t.needed(s.Name):
		st.lost, s.RestoredAt = true, nil
	case s.Level == nil: // it may give enough, and nobody has seen that it does
	case st.lost && s.EventAt != nil && at.After(*s.EventAt):
		s.RestoredAt = &at
	case st.lost && s.EventAt == nil: // it came and went before anybody called it an event
		st.lost = false
	}
}

// level adds up the weights of the functions that are up. It is nil where a probe has not said
// anything yet, or has not measured how much is given: what nobody has seen is no level. most
// counts all of what nobody has seen.
func (t *Tracker) level(i int) (level *int, most int) {
	sum, seen := 0, true
	ps := t.plan.Systems[i]
	stated := t.stated[ps.Name]
	for _, st := range ps.Statements {
		level, said := stated[st.Function]
		if !said && t.view.Systems[i].EventAt == nil {
			level = 100 // as always, before anything happened
		}
		sum += st.Weight * level
	}
	for j, f := range t.view.Systems[i].Functions {
		gives := 100
		switch {
		case f.Up == nil:
			seen = false
		case !*f.Up:
			gives = 0
		case f.Level == run.LevelUnknown:
			seen = false
		case f.Level > 0:
			gives = f.Level
		}
		sum += ps.Probes[j].Weight * gives
	}
	sum /= 100
	if len(ps.Probes) == 0 || !seen {
		return nil, sum
	}
	return &sum, sum
}

// needed is the level at which a system counts as restored.
func (t *Tracker) needed(name string) int {
	s, _ := t.plan.System(name)
	return s.Objective.Needed()
}

func (t *Tracker) ownerOf(probe string) string {
	for _, s := range t.plan.Systems {
		for _, p := range s.Probes {
			if p.Name == probe {
				return s.Name
			}
		}
	}
	return ""
}
