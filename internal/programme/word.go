package programme

import (
	"cmp"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
)

// KindRecovery is the kind of a row in which backups are restored, at which nobody is asked.
const KindRecovery = "system-recovery"

// Withdrawn is who took back that something was held, and why.
type Withdrawn struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// ByWord reports whether it is held by what somebody recorded, and not by a run.
func (it Item) ByWord() bool { return it.Status == HeldThen && it.Run == "" }

// Simulate says that in the run that held it the engine answered for the people. That shows no less of a restore.
func (it *Item) Simulate() {
	it.Simulated, it.Unproven = true, it.Unproven || it.Kind != KindRecovery
}

// byWord counts what people recorded. Where a run could have shown it, it is not proven by that.
func (it *Item) byWord(r Record, p *Programme) {
	it.Status, it.HeldOn, it.Run, it.By, it.Occasion = HeldThen, p.local(r.Due.At), "", r.By, cmp.Or(it.Occasion, r.ID)
	it.RecordedAt, it.Reason, it.Unproven = r.HeldAt, r.Reason, it.Scenario != ""
}

func (p *Programme) local(t time.Time) time.Time {
	return t.In(calendar.Rule{Zone: p.Zone}.Location())
}

func startOfDay(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, t.Location())
}

func endOfDay(t time.Time) time.Time { return startOfDay(t.AddDate(0, 0, 1)).Add(-time.Nanosecond) }
