package lookout_test

import (
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
)

// The monthly list holds what was done in the month and nothing else, and blames nobody for what others
// tried against them.
func TestTheMonthlyList(t *testing.T) {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	until := from.AddDate(0, 1, 0)
	in := func(day int) time.Time { return from.AddDate(0, 0, day) }
	entries := []journal.Access{
		{At: from.Add(-time.Second), Person: "sato", Act: "sign in", Outcome: "ok", From: "192.0.2.1"},
		{At: from, Person: "sato", Act: "sign in", Outcome: "ok", From: "192.0.2.1"},
		{At: in(2), Person: "sato", Act: "use token", Outcome: "ok", From: "192.0.2.7"},
		{At: in(3), Person: "sato", Act: "use token", Outcome: identity.OutNewPlace, From: "198.51.100.7"},
		{At: in(4), Person: "sato", Act: "sign in", Outcome: "revoked", Via: "token a", From: "203.0.113.1"},
		{At: in(5), Person: "sato", Act: "read", Object: "people of run-1", Outcome: "ok"},
		{At: in(6), Person: "sato", Act: lookout.ActBreakGlass, Object: "run-1 approve (response)", Outcome: "ok"},
		{At: in(7), Act: "sign in", Outcome: "unknown", From: "203.0.113.9"},
		{At: in(7), Act: "sign in", Outcome: "unknown", From: "203.0.113.9"},
		{At: in(8), Act: lookout.ActRaised, Object: "guessing: 203.0.113.9", Outcome: "raised", From: "203.0.113.9"},
		{At: in(9), Person: "kagi", Act: "issue token", Object: "mori x", Outcome: "ok"},
		{At: in(9), Act: lookout.ActProgram, Object: "server 1.0.0", Outcome: "ok"},
		{At: in(9), Act: lookout.ActProgram, Object: "server on a: settings", Outcome: lookout.OutAltered},
		{At: in(10), Via: "console as mori", Act: "use console", Outcome: "ok", From: "127.0.0.1"},
		{At: in(10), Via: "console as mori", Act: "act", Object: "run-1 approve", Outcome: "refused", From: "127.0.0.1"},
		{At: in(10), Via: "console", Act: "act", Object: "POST /api/v1/runs", Outcome: "forbidden", From: "127.0.0.1"},
		{At: in(10), Via: "console session 9c01 as mori", Act: "act", Object: "run-1 decide", Outcome: "refused", From: "127.0.0.1"},
		{At: until, Person: "ito", Act: "sign in", Outcome: "ok"},
	}
	token := func(id string, created, used, revoked time.Time) identity.Token {
		return identity.Token{ID: id, CreatedAt: created, ExpiresAt: until.AddDate(1, 0, 0), UsedAt: used, RevokedAt: revoked}
	}
	m := lookout.MonthOf(entries, []identity.Token{
		token("unused", in(-40), in(-20), time.Time{}), token("used", in(-40), in(3), time.Time{}), token("new", in(3), time.Time{}, time.Time{}), token("gone", in(-40), in(-20), in(1)),
	}, from, until, until)
	if len(m.People) != 4 || m.People[0].Person != "console" || m.People[2].Person != "kagi" {
		t.Fatalf("people: %+v", m.People)
	}
	if c, mori := m.People[0], m.People[1]; c.Refused != 1 || mori.Person != "console as mori" || mori.Came != 1 || mori.Refused != 2 {
		t.Errorf("what came over the console: %+v", m.People[:2])
	}
	s := m.People[3]
	if s.Came != 2 || s.Read != 1 || s.Refused != 1 || s.BreakGlass != 1 || !s.Last.Equal(in(6)) || !slices.Equal(s.Networks, []string{"192.0.2.1", "192.0.2.7", "198.51.100.7"}) {
		t.Errorf("sato: %+v", s)
	}
	if m.Strangers != 2 || m.Addresses != 1 || len(m.Alarms) != 1 || len(m.Changes) != 2 || len(m.Unused) != 1 || m.Unused[0].ID != "unused" {
		t.Errorf("%+v", m)
	}
}
