package lookout

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
)

// Month is what an access review looks at: who came, what was refused and found, and which rights
// to come in were given and taken.
type Month struct {
	From    time.Time     `json:"from"`
	Until   time.Time     `json:"until"`
	People  []MonthPerson `json:"people"`
	Alarms  []MonthEntry  `json:"alarms"`
	Changes []MonthEntry  `json:"changes" doc:"Tokens issued and revoked, people disabled and enabled, links made and taken back, programs and settings changed."`
	// Strangers are refusals of nobody known, and the addresses that they came from.
	Strangers int `json:"strangers"`
	Addresses int `json:"addresses"`
	// Unused are tokens that would still open and were not used in the month.
	Unused []identity.Token `json:"unused"`
}

// MonthPerson is one person's month.
type MonthPerson struct {
	Person     string    `json:"person" doc:"ID in the estate; of the server's own token console, or console as whom it named."`
	Came       int       `json:"came" doc:"Sign-ins, and hours in which a token was used, or the console for one person."`
	Networks   []string  `json:"networks,omitempty" doc:"Addresses that they came from."`
	Read       int       `json:"read" doc:"Readings of what is confidential."`
	Refused    int       `json:"refused"`
	BreakGlass int       `json:"break_glass"`
	Last       time.Time `json:"last"`
}

// MonthEntry is one line of the list.
type MonthEntry struct {
	At     time.Time `json:"at"`
	Person string    `json:"person,omitempty"`
	What   string    `json:"what"`
	From   string    `json:"from,omitempty"`
}

// mostNetworks bounds what is listed of one person.
const mostNetworks = 20

// changes are the acts that give, take or alter.
var changes = []string{"issue token", "revoke token", "disable", "enable", "make link", "revoke links", "rotate link key", ActProgram}

// consoleOf is whom an entry of the console counts for: the server's own token is somebody known, though
// whom it names is no proof who it was. "" is of another way in, or a token that was no good.
func consoleOf(a journal.Access) string {
	if a.Act == identity.ActSignIn && a.Outcome != "ok" {
		return ""
	}
	if a.Via != identity.Console && !strings.HasPrefix(a.Via, identity.Console+" ") {
		return ""
	}
	if _, person, named := strings.Cut(a.Via, " as "); named {
		return identity.Console + " as " + person
	}
	return identity.Console
}

// MonthOf folds the entries from a time until another; others are passed over. tokens are all there are.
func MonthOf(entries []journal.Access, tokens []identity.Token, from, until, now time.Time) Month {
	m := Month{From: from, Until: until, People: []MonthPerson{}, Alarms: []MonthEntry{}, Changes: []MonthEntry{}, Unused: []identity.Token{}}
	people, addresses := map[string]*MonthPerson{}, map[string]bool{}
	for _, a := range entries {
		if a.At.Before(from) || !a.At.Before(until) {
			continue
		}
		refused := !strings.HasPrefix(a.Outcome, "ok") && a.Act != ActRaised && a.Act != ActProgram && a.Act != ActEvidence && a.Outcome != identity.OutNewPlace
		line := MonthEntry{At: a.At, Person: a.Person, What: a.Act + " " + a.Object, From: a.From}
		switch {
		case a.Act == ActRaised:
			line.What = a.Object
			m.Alarms = append(m.Alarms, line)
			continue
		case a.Act == ActProgram && a.Outcome != "ok":
			line.What += ": " + a.Outcome
			m.Changes = append(m.Changes, line)
		case a.Act != ActProgram && slices.Contains(changes, a.Act) && a.Outcome == "ok":
			m.Changes = append(m.Changes, line)
		}
		who := a.Person
		if who == "" {
			who = consoleOf(a)
		}
		if who == "" {
			if refused {
				m.Strangers++
				addresses[a.From] = true
			}
			continue
		}
		p := people[who]
		if p == nil {
			p = &MonthPerson{Person: who}
			people[who] = p
		}
		switch {
		case refused:
			p.Refused++
			continue // somebody else may have been it
		case a.Outcome == "ok" && (a.Act == identity.ActSignIn || a.Act == identity.ActUseToken || a.Act == identity.ActConsole):
			p.Came++
		case a.Act == "read":
			p.Read++
		case a.Act == ActBreakGlass:
			p.BreakGlass++
		}
		p.Last = a.At
		if a.From != "" && len(p.Networks) < mostNetworks && !slices.Contains(p.Networks, a.From) {
			p.Networks = append(p.Networks, a.From)
		}
	}
	m.Addresses = len(addresses)
	for _, p := range people {
		m.People = append(m.People, *p)
	}
	slices.SortFunc(m.People, func(a, b MonthPerson) int { return cmp.Compare(a.Person, b.Person) })
	for _, t := range tokens {
		if t.RevokedAt.IsZero() && now.Before(t.ExpiresAt) && t.CreatedAt.Before(from) && t.UsedAt.Before(from) {
			m.Unused = append(m.Unused, t)
		}
	}
	return m
}
