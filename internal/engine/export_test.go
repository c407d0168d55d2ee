package engine

import (
	"context"
	"time"
)

// SetClock gives the watchdog another clock; before Run.
func (e *Engine) SetClock(c func() (time.Time, time.Duration)) { e.clock = c }

// SetProbe gives the watchdog another probe and time between two; before Run.
func (e *Engine) SetProbe(every time.Duration, p func(context.Context) error) {
	e.every, e.probe = every, p
}

// SetProbeEvery changes the time between two probes; before Run.
func (e *Engine) SetProbeEvery(d time.Duration) { e.every = d }

// Options returns what c dials with.
func (c Connection) Options() error { _, err := c.options(); return err }
