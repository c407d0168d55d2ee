// Package identity says who asks: personal tokens, sessions, sign-in through an OpenID
// provider, and signed links for one purpose. Every act of a run has a person
// (requirement P-ID); what that person may do is said by the roles of the estate and held
// by the run's own workflow.
package identity

import "context"

// Actor is who asks for something, as far as the server made sure of it.
type Actor struct {
	// Person is the ID in the estate; "" for the console, which may name any person.
	Person string
	// Via says how the actor is known, for the record: a way and what identifies it without
	// giving it away, as in "token 7f3a", "session 9c01", "link 22d0", "slack U024BE7LH".
	Via string
	// Console is whoever holds the server's own token: the machine's administrator. Acts
	// come under the person they name and are marked as entered at the console.
	Console bool
	// Acting is as whom the console acts in a browser; "" is nobody yet.
	Acting string
	// Token is the ID of the personal token they came with, or began their session with.
	Token string
	// Issuer is who else had that token's secret first: somebody who issued it, or the one that
	// it was issued with, for this person. Via says so too. "" is nobody.
	Issuer string
	// Issuers is everybody besides Person who had a secret of that token's line first, whom the
	// run's four eyes compare with. The console is nobody's name.
	Issuers []string
	// Handed: that very token was issued by somebody else, and its person has not taken one of
	// their own since.
	Handed bool
	// Limit is set for a signed link, or a token for one thing: the actor may do this and nothing else.
	Limit *Limit
}

// Behind tells apart who is behind an actor where people are counted: the console is nobody's
// name, so there it is as whom they act, or their session.
func (a Actor) Behind() string {
	switch {
	case a.Person != "":
		return a.Person
	case a.Acting != "":
		return "console as " + a.Acting
	}
	return a.Via
}

// Limit is what a signed link, or a token for one thing, is good for.
type Limit struct {
	Run     string // "" for a token
	Purpose Purpose
}

// Purpose is the one thing that a signed link or a token lets its person do.
type Purpose string

const (
	ForCheckIn Purpose = "checkin" // answer the safety check, and say more later
	ForArrival Purpose = "arrive"  // say that one has arrived
	ForAck     Purpose = "ack"     // acknowledge a message or an order
	// ForAlarm is of no link: a source of alarms, whose sender the server has made sure of,
	// starts and stops what a rule of the plan files says. Actor.Person is "" then.
	ForAlarm Purpose = "alarm"
	// ForSchedule is of no link either: a schedule of the programme starts its drill.
	ForSchedule Purpose = "schedule"
	// ForMetrics is of tokens: whoever has one reads /metrics. It lies on the machine of a monitoring
	// system, whose thief must not start a run with it.
	ForMetrics Purpose = "metrics"
)

// OfAlarm is the actor of a source of alarms.
func OfAlarm(source string) Actor {
	return Actor{Via: "alarm " + source, Limit: &Limit{Purpose: ForAlarm}}
}

// IsAlarm reports whether the actor is that source of alarms.
func (a Actor) IsAlarm(source string) bool {
	return a.Person == "" && !a.Console && a.Limit != nil && a.Limit.Purpose == ForAlarm && a.Via == "alarm "+source
}

// OfSchedule is the actor of a schedule of the programme.
func OfSchedule(name string) Actor {
	return Actor{Via: "schedule " + name, Limit: &Limit{Purpose: ForSchedule}}
}

// IsSchedule reports whether the actor is that schedule.
func (a Actor) IsSchedule(name string) bool {
	return a.Person == "" && !a.Console && a.Limit != nil && a.Limit.Purpose == ForSchedule && a.Via == "schedule "+name
}

type actorKey struct{}

// With is the context of a request whose actor is known. Only code that has made sure of the
// actor calls it: what runs under such a context is not asked for a token again.
func With(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// From is the actor of a request; false before anybody has made sure of one.
func From(ctx context.Context) (Actor, bool) {
	a, ok := ctx.Value(actorKey{}).(Actor)
	return a, ok
}
