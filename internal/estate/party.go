package estate

import (
	"cmp"
	"net/mail"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// PartyContact is an entry of the contact lists (requirements A-CON-01, A-CON-02, A-CON-04).
type PartyContact struct {
	Contact, Person, Role        string
	Phone, Elsewhere, Mobile     string
	Mail, Desk, Deputy           string
	Confirmed, ConfirmedBy, Kind string
}

// parties reads whom to reach. A plan holds the desk's number and not those of persons.
func (r *reading) parties() {
	once(r.Decoder, "party", r.file.Parties, func(p Party) yamldoc.Value[string] { return p.Name })
	r.out.PartyContacts = map[string]PartyContact{}
	for _, p := range r.file.Parties {
		where := "party " + p.Name.V
		out := plan.Party{Name: p.Name.V, Title: titled(p.Title, p.Name.V), Contact: cmp.Or(p.Contact.V, p.Desk.V), Confirmed: p.Confirmed.V}
		if p.Kind.V == "department" {
			out.Kind = p.Kind.V
		}
		// A company behind one person is lost with that person (requirement A-CON-04).
		out.Single = p.Person.V != "" && p.Desk.V == "" && p.Deputy.V == ""
		if a, err := mail.ParseAddress(p.Mail.V); p.Mail.Set && (err != nil || a.Address != p.Mail.V) {
			r.Log.Add(p.Mail.Place, "%s: %q is no mail address; write one such as desk@example.jp", "%s: %q はメールアドレスではありません。desk@example.jp のように書いてください", where, yamldoc.Short(p.Mail.V))
		}
		if _, err := time.Parse(time.DateOnly, p.Confirmed.V); p.Confirmed.Set && p.Confirmed.V != "" && err != nil {
			r.Log.Add(p.Confirmed.Place, "%s: confirmed: %q is no day; write one such as \"2026-04-01\"", "%s: confirmed: %q は日付ではありません。\"2026-04-01\" のように書いてください", where, yamldoc.Short(p.Confirmed.V))
			out.Confirmed = ""
		}
		r.out.Parties = append(r.out.Parties, out)
		r.out.PartyContacts[p.Name.V] = PartyContact{Contact: p.Contact.V, Kind: p.Kind.V, Person: p.Person.V, Role: p.Role.V, Phone: p.Phone.V, Elsewhere: p.Elsewhere.V,
			Mobile: p.Mobile.V, Mail: p.Mail.V, Desk: p.Desk.V, Deputy: p.Deputy.V, Confirmed: p.Confirmed.V, ConfirmedBy: p.By.V}
	}
}
