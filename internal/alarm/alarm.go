// Package alarm is what wakes muster: messages of verified senders (earthquake telegrams,
// Alertmanager, PagerDuty, any webhook), the rules of the plan files that say what they
// mean, and the proposals that come of them. An alarm proposes a response to people, or
// starts it where a rule says so; it never approves anything.
package alarm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/alarm/jma"
	"github.com/muster-dr/muster/internal/plan"
)

// Kind is what a source speaks.
type Kind string

const (
	JMA          Kind = "jma"          // telegrams in XML
	Alertmanager Kind = "alertmanager" // webhook version 4
	PagerDuty    Kind = "pagerduty"    // webhook version 3
	Webhook      Kind = "webhook"      // any JSON
)

// Kinds lists every kind.
func Kinds() []Kind { return []Kind{JMA, Alertmanager, PagerDuty, Webhook} }

// Alarm is one message of a verified sender.
type Alarm struct {
	Source string
	Kind   Kind
	// Event is the same for everything that is said of one event, by whichever source.
	Event string
	// Events are all that it is about, where there are several.
	Events []string
	// Message is of this message alone, so that a second copy of it does nothing.
	Message string
	// Series orders messages: within one, an older one than the newest counts for nothing.
	// "" has no order.
	Series string
	At     time.Time // when the sender says that it was sent
	Since  time.Time // when the event happened; zero when nobody says
	Title  string    // what the sender calls the message
	// Real is false for drills and tests of the sender; Training for those that ask for a drill.
	Real, Training bool
	// Withdrawn: what its series said was wrong. Over: it was right, and is over.
	Withdrawn, Over bool
	// Timeless: nothing of it tells a copy from the message, so that it starts nothing by itself.
	Timeless bool
	Summary  plan.Text
	Scenario string // that the source's own mapping names; it can only be proposed
	Body     any    // decoded JSON
	Telegram *jma.Telegram
}

// Natural reports whether the event comes from outside of what a drill could cause.
func (a Alarm) Natural() bool { return a.Kind == JMA }

// Rule says what an alarm does for one scenario. It comes from a plan file.
type Rule struct {
	Scenario string
	Title    plan.Text
	Systems  []string
	Place    string // file:line

	Source    string // by name; "" is every source of kind jma
	Intensity jma.Intensity
	Tsunami   jma.Grade
	Areas     []string // codes or names; none is everywhere
	When      string   // CEL over body
	Start     bool     // else it proposes
	// Training is what a training telegram does: it may propose or start a drill.
	Training Training
}

// Training is what a sender's drill does.
type Training string

const (
	NoDrill      Training = "ignore"
	ProposeDrill Training = "propose"
	StartDrill   Training = "start"
)

// Rules are the rules of the plan files as they are now. An error that comes with rules
// tells of mistakes in other files.
type Rules interface {
	Rules(ctx context.Context) ([]Rule, error)
}

// digest names a text in few characters.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// match is what a rule makes of an alarm.
type match struct {
	rule  Rule
	start bool
	level int // higher is graver; of one kind of alarm only
	why   plan.Text
}

// match applies a rule. An error is of its expression.
func (r Rule) match(a Alarm) (match, bool, error) {
	m, ok, _, err := r.judge(a)
	return m, ok, err
}

func areaText(a jma.Area, t jma.Telegram) plan.Text {
	out := plan.Text{EN: a.Int.Text().EN + " at " + a.Name, JA: a.Int.Text().JA + "：" + a.Name}
	switch {
	case a.NotReceived:
		out = plan.Text{EN: "intensity not received at " + a.Name + ": supposed to be 5-lower or more", JA: "震度５弱以上未入電：" + a.Name}
	case a.Forecast:
		out = plan.Text{EN: "forecast of " + out.EN, JA: "予測" + out.JA}
	}
	if !t.Origin.IsZero() {
		at := t.Origin.In(jst).Format("2006-01-02 15:04")
		out.EN, out.JA = out.EN+", "+at+" JST", out.JA+"（"+at+" の地震）"
	}
	return out
}

var jst = time.FixedZone("JST", 9*60*60)
