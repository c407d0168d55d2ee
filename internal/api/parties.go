package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
)

// Party is an entry of the contact lists as the files have it now (requirements A-CON-01,
// A-CON-02): whoever has moved is called where they are now.
type Party struct {
	Name        string    `json:"name"`
	Title       plan.Text `json:"title" doc:"Department or company."`
	Kind        string    `json:"kind" doc:"department or company"`
	Contact     string    `json:"contact,omitempty" doc:"How it is reached first."`
	Person      string    `json:"person,omitempty"`
	Role        string    `json:"role,omitempty"`
	Phone       string    `json:"phone,omitempty"`
	Elsewhere   string    `json:"alternate_phone,omitempty" doc:"At its alternate site."`
	Mobile      string    `json:"mobile,omitempty"`
	Mail        string    `json:"mail,omitempty"`
	Desk        string    `json:"desk,omitempty" doc:"Emergency desk."`
	Deputy      string    `json:"deputy,omitempty"`
	Confirmed   string    `json:"confirmed,omitempty" doc:"Day on which it was last found right."`
	ConfirmedBy string    `json:"confirmed_by,omitempty"`
}

// PartyLists is what Plans may be able to tell besides: the contact lists.
type PartyLists interface {
	Parties() ([]Party, error)
}

// mayReadParties: names and numbers of people are for those whose part in a response is to call
// them. It goes by the estate as it is now; where that can't be read, nobody is told anything.
func (s *Server) mayReadParties(ctx context.Context) error {
	a, known := identity.From(ctx)
	l := lang(ctx)
	switch {
	case known && a.Console:
		return nil
	case !known || a.Limit != nil || a.Person == "":
		return problem(http.StatusForbidden, CodeRefused, l.T("A link for one purpose opens no contact list.", "用途を限定したリンクでは連絡先一覧を閲覧できません。"), "")
	case s.Estate == nil:
		return problem(http.StatusForbidden, CodeRefused, l.T("Who may read the contact lists can't be told.", "連絡先一覧の閲覧権限を確認できません。"), l.T("Use the server's own token", "サーバーのトークンを使ってください"))
	}
	e, err := s.Estate(ctx)
	if err != nil {
		return s.mistakes(ctx, err)
	}
	if _, there := e.Person(a.Person); there && !e.Regulated() || e.May(a.Person, plan.MayPeople, true) {
		return nil
	}
	return mayIn(ctx, e, a.Person, plan.MayReport)
}

func (s *Server) partyRoutes(api huma.API) {
	huma.Register(api, route("list-parties", http.MethodGet, "/parties", "The contact lists of departments and companies.", 403, 422),
		func(ctx context.Context, _ *struct{}) (*answer[[]Party], error) {
			if err := s.mayReadParties(ctx); err != nil {
				return nil, err
			}
			// Who read names and numbers of people is known before they are shown.
			a, _ := identity.From(ctx)
			if err := s.Store.Note(ctx, journal.Access{At: s.now().UTC(), Person: a.Person, Via: a.Via, Act: "read contact lists", Outcome: "ok", From: identity.FromOf(ctx)}); err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			out := []Party{}
			if lists, ok := s.Plans.(PartyLists); ok {
				list, err := lists.Parties()
				if err != nil {
					return nil, s.mistakes(ctx, err)
				}
				out = append(out, list...)
			}
			return &answer[[]Party]{out}, nil
		})
}

// Parties are the contact lists as the files have them now.
func (c *Client) Parties(ctx context.Context) ([]Party, error) {
	return get[[]Party](ctx, c, "/parties", nil)
}
