package progress

import "time"

// height is the level of a system from an instant on.
type height struct {
	at    time.Time
	level int
}

// heightsKept bounds what is kept of a service that flaps; the report has it all.
const heightsKept = 500

// note keeps a level that was seen. The clocks of several sites are in it, so that a
// change may seem to come before the one ahead of it; it then comes with it.
func (s *system) note(level *int, at time.Time) {
	if level == nil {
		return
	}
	if n := len(s.heights); n > 0 {
		last := s.heights[n-1]
		if last.level == *level {
			return
		}
		if at.Before(last.at) {
			at = last.at
		}
	}
	s.heights = append(s.heights, height{at, *level})
	if over := len(s.heights) - heightsKept; over > 0 {
		s.heights = s.heights[over:]
	}
}

// curve fills in what is known of a system's level between two instants. Nothing is, as
// long as one of its probes has not said anything.
func (s *System) curve(heights []height, from, to time.Time) {
	lost := 0.0
	for i, h := range heights {
		end := to
		if i+1 < len(heights) && heights[i+1].at.Before(to) {
			end = heights[i+1].at
		}
		at := h.at
		if at.Before(from) {
			at = from
		}
		if !end.After(at) {
			continue
		}
		s.Curve = append(s.Curve, Point{AtS: at.Sub(from).Seconds(), Level: h.level})
		lost += float64(100-h.level) / 100 * end.Sub(at).Seconds()
		if level := h.level; s.Floor == nil || level < *s.Floor {
			s.Floor = &level
		}
	}
	if s.Floor != nil {
		s.LostS = &lost
	}
}
