package estate

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// noActions is a catalog of nothing, for estates without targets and probes.
type noActions struct{}

func (noActions) Action(string) (activities.Action, bool) { return activities.Action{}, false }
func (noActions) Actions() []activities.Action            { return nil }
func (noActions) TargetKind(string) (activities.TargetKind, bool) {
	return activities.TargetKind{}, false
}
func (noActions) TargetKinds() []activities.TargetKind { return nil }

// Who is called by which number stays out of plans; that an entry hangs on one individual, and
// when it was last confirmed, is in them (A-CON-01 to 05, P-PII).
func TestContactListsStayOutOfPlans(t *testing.T) {
	log := &yamldoc.Log{}
	root := yamldoc.Parse("estate.yaml", []byte(`kind: Estate
name: e
control: osaka
sites: [{name: osaka}]
systems: [{name: orders, home: osaka}]
people: [{id: sato, name: Sato, roles: [commander]}]
parties:
  - {name: carrier, desk: "0120-1", person: Ono, mobile: "090-2", mail: ono@example.jp, confirmed: "2026-04-01", confirmed_by: sato}
  - {name: friend, person: Abe, mobile: "090-3", alternate_phone: "06-4"}
  - {name: general-affairs, kind: department, contact: "ext. 5", person: Ito, deputy: "Uno, 090-6"}
  - {name: wrong, mail: nobody, confirmed: April}
`), log)
	e := Read(&yamldoc.Decoder{File: "estate.yaml", Log: log}, root, noActions{})
	var told []string
	for _, m := range log.Mistakes() {
		told = append(told, m.Text)
	}
	if len(told) != 2 || !strings.Contains(told[0], "no mail address") || !strings.Contains(told[1], "2026-04-01") {
		t.Errorf("mistakes = %q; want the mail address and the day", told)
	}
	b, err := json.Marshal(e.Parties)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{"Ono", "090-", "06-4", "ono@", "Uno"} {
		if strings.Contains(string(b), private) {
			t.Errorf("%q is in the part that goes into plans: %s", private, b)
		}
	}
	if p, _ := e.Party("carrier"); p.Contact != "0120-1" || p.Single || p.Confirmed != "2026-04-01" {
		t.Errorf("carrier = %+v; want the desk as its contact", p)
	}
	if p, _ := e.Party("friend"); !p.Single {
		t.Errorf("friend = %+v; one individual only", p)
	}
	if p, _ := e.Party("general-affairs"); p.Kind != "department" || p.Single {
		t.Errorf("general-affairs = %+v", p)
	}
	if c := e.PartyContacts["carrier"]; c.Mobile != "090-2" || c.ConfirmedBy != "sato" || e.PartyContacts["friend"].Elsewhere != "06-4" {
		t.Errorf("contact list = %+v", e.PartyContacts)
	}
}
