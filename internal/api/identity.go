package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/lookout"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Me is who asks.
type Me struct {
	Person  string    `json:"person,omitempty" doc:"ID in the estate; left out for the console."`
	Name    plan.Text `json:"name,omitzero"`
	Roles   []string  `json:"roles,omitempty"`
	Via     string    `json:"via" doc:"How the server knows."`
	Console bool      `json:"console,omitempty" doc:"The server's own token: may act as any person."`
	Zone    string    `json:"zone,omitempty" doc:"The organisation's time zone, in which people are shown times."`
	// Link is set for somebody who comes with a signed link.
	Link *Link `json:"link,omitempty"`
}

// Link is what a signed link is good for, and what its page has to know of the run.
type Link struct {
	Run     string           `json:"run"`
	Purpose identity.Purpose `json:"purpose"`
	Kind    run.Kind         `json:"kind"`
	Title   plan.Text        `json:"title"`
	Hazard  run.Hazard       `json:"hazard"`
	Ended   bool             `json:"ended"`
}

// TokenRequest asks for a personal token.
type TokenRequest struct {
	Person string       `json:"person,omitempty" doc:"Whose; whoever asks when left out."`
	Name   string       `json:"name,omitempty" maxLength:"100" doc:"What it is for."`
	Lasts  run.Duration `json:"lasts,omitempty" doc:"At most 8760h; 2160h when left out."`
	// For is what it is good for alone.
	For identity.Purpose `json:"for,omitempty" enum:"metrics" doc:"The one thing that it is good for: metrics reads /metrics. Whatever its person may do when left out."`
}

// IssuedToken is a new personal token. Its secret is shown this once.
type IssuedToken struct {
	identity.Token
	Secret string `json:"secret"`
}

// PersonRequest is about a person.
type PersonRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"500" doc:"Why; it stands in the access log."`
}

// LinkRequest asks for a signed link.
type LinkRequest struct {
	Person  string           `json:"person" minLength:"1"`
	Purpose identity.Purpose `json:"purpose" enum:"checkin,arrive,ack"`
	Lasts   run.Duration     `json:"lasts,omitempty" doc:"At most 744h; 24h when left out."`
}

// IssuedLink is a new signed link.
type IssuedLink struct {
	Text string `json:"text" doc:"What goes into the path of the link's page."`
	URL  string `json:"url,omitempty" doc:"The page's address, when the server knows its own."`
}

// RevokeLinksRequest says which links are taken back; exactly one is given.
type RevokeLinksRequest struct {
	ID     string `json:"id,omitempty" doc:"One link, as in the record: link ID."`
	Person string `json:"person,omitempty" doc:"All of a person until now."`
	Run    string `json:"run,omitempty" doc:"All of a run until now."`
}

// linkLife is how long a link lasts unless said.
const linkLife = 24 * time.Hour

func (s *Server) identityRoutes(api huma.API) {
	huma.Register(api, route("who-am-i", http.MethodGet, "/me", "Who asks."),
		func(ctx context.Context, _ *struct{}) (*answer[Me], error) { return s.me(ctx) })
	huma.Register(api, route("issue-token", http.MethodPost, "/tokens", "Issue a personal token, for oneself or by an administrator.", 403, 422),
		func(ctx context.Context, in *struct{ Body TokenRequest }) (*answer[IssuedToken], error) {
			return s.issueToken(ctx, in.Body)
		})
	huma.Register(api, route("list-tokens", http.MethodGet, "/tokens", "One's own tokens, or for an administrator everybody's.", 403),
		func(ctx context.Context, in *struct {
			Person string `query:"person" doc:"Whose; everybody's when left out."`
		}) (*answer[[]identity.Token], error) {
			if err := s.selfOrAdmin(ctx, in.Person); err != nil {
				return nil, err
			}
			list, err := s.Identity.Tokens(ctx, in.Person)
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			return &answer[[]identity.Token]{list}, nil
		})
	huma.Register(api, route("revoke-token", http.MethodPost, "/tokens/{id}/revoke", "Take a token back, at once.", 403, 404),
		func(ctx context.Context, in *struct {
			ID string `path:"id" maxLength:"16"`
		}) (*answer[identity.Token], error) {
			return s.revokeToken(ctx, in.ID)
		})
	huma.Register(api, route("list-disabled", http.MethodGet, "/people/disabled", "Who is disabled.", 403),
		func(ctx context.Context, _ *struct{}) (*answer[[]identity.Out], error) {
			if err := s.mayAround(ctx, plan.MayAdmin); err != nil {
				return nil, err
			}
			list, err := s.Identity.DisabledPeople(ctx)
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			return &answer[[]identity.Out]{list}, nil
		})
	huma.Register(api, route("disable-person", http.MethodPost, "/people/{person}/disable", "Refuse all tokens, sessions and links of a person, at once.", 403, 422),
		func(ctx context.Context, in *struct {
			Person string `path:"person"`
			Body   PersonRequest
		}) (*struct{}, error) {
			if err := s.mayAround(ctx, plan.MayAdmin); err != nil {
				return nil, err
			}
			if in.Body.Reason == "" {
				return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, lang(ctx).T("Disabling somebody needs a reason.", "利用停止には理由が必要です。"), lang(ctx).T("Say why with --reason", "--reason で理由を示してください"))
			}
			if err := s.somebody(ctx, in.Person); err != nil {
				return nil, err
			}
			return nil, s.identityProblem(ctx, s.Identity.Disable(ctx, in.Person, name(ctx), in.Body.Reason))
		})
	huma.Register(api, route("enable-person", http.MethodPost, "/people/{person}/enable", "Let a person in again; what they had before stays shut.", 403),
		func(ctx context.Context, in *struct {
			Person string `path:"person"`
		}) (*struct{}, error) {
			if err := s.mayAround(ctx, plan.MayAdmin); err != nil {
				return nil, err
			}
			return nil, s.identityProblem(ctx, s.Identity.Enable(ctx, in.Person, name(ctx)))
		})
	huma.Register(api, route("make-link", http.MethodPost, "/runs/{run}/links", "Make a signed link for one person, run and purpose.", 403, 404, 422),
		func(ctx context.Context, in *struct {
			OfRun
			Body LinkRequest
		}) (*answer[IssuedLink], error) {
			return s.makeLink(ctx, in.Run, in.Body)
		})
	huma.Register(api, route("revoke-links", http.MethodPost, "/links/revoke", "Take signed links back: one, a person's or a run's.", 403, 404, 422),
		func(ctx context.Context, in *struct{ Body RevokeLinksRequest }) (*struct{}, error) {
			return nil, s.revokeLinks(ctx, in.Body)
		})
	huma.Register(api, route("access-month", http.MethodGet, "/accesses/month", "The list of an access review: who came in a month, what was refused and found, and what was changed.", 403, 422),
		func(ctx context.Context, in *struct {
			Month string `query:"month" doc:"As in 2026-11, in the organisation's time zone; the last whole month when left out."`
		}) (*answer[lookout.Month], error) {
			out, err := s.month(ctx, in.Month)
			if err != nil {
				return nil, err
			}
			return &answer[lookout.Month]{out}, nil
		})
	huma.Register(api, route("access-log", http.MethodGet, "/accesses", "The access log, oldest first.", 403),
		func(ctx context.Context, in *struct {
			After int64 `query:"after" minimum:"0" doc:"Position after which to begin."`
			Limit int   `query:"limit" minimum:"1" maximum:"5000" default:"1000"`
		}) (*answer[[]journal.Access], error) {
			if err := s.mayAround(ctx, plan.MayAudit); err != nil {
				return nil, err
			}
			list, err := s.Identity.Accesses(ctx, in.After, in.Limit)
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			if in.After == 0 {
				s.Identity.Read(ctx, "access log")
			}
			if list == nil {
				list = []journal.Access{}
			}
			return &answer[[]journal.Access]{list}, nil
		})
}

// month is the list of an access review; months are the organisation's.
func (s *Server) month(ctx context.Context, month string) (lookout.Month, error) {
	var none lookout.Month
	if err := s.mayAround(ctx, plan.MayAudit); err != nil {
		return none, err
	}
	zone := time.UTC
	if s.Estate != nil {
		if e, err := s.Estate(ctx); err == nil {
			zone = i18n.Zone(e.Zone)
		}
	}
	now := s.now().In(zone)
	from := time.Date(now.Year(), now.Month()-1, 1, 0, 0, 0, 0, zone)
	if month != "" {
		var err error
		if from, err = time.ParseInLocation("2006-01", month, zone); err != nil {
			return none, problem(http.StatusUnprocessableEntity, CodeBadRequest, lang(ctx).T("%q is no month.", "%q は月ではありません。", month), lang(ctx).T("Write it as in 2026-11", "2026-11 のように書いてください"))
		}
	}
	until := from.AddDate(0, 1, 0)
	var all []journal.Access
	for after := int64(0); ; {
		list, err := s.Identity.Accesses(ctx, after, accessPage)
		if err != nil {
			return none, s.storeProblem(ctx, err)
		}
		for _, a := range list {
			if after = a.Position; !a.At.Before(from) && a.At.Before(until) {
				all = append(all, a)
			}
		}
		if len(list) < accessPage {
			break
		}
	}
	tokens, err := s.Identity.Tokens(ctx, "")
	if err != nil {
		return none, s.storeProblem(ctx, err)
	}
	s.Identity.Read(ctx, "access log")
	return lookout.MonthOf(all, tokens, from, until, now), nil
}

const accessPage = 5000

// name is who asks, as the access log calls them.
func name(ctx context.Context) string {
	a, _ := identity.From(ctx)
	if a.Console {
		return identity.Console
	}
	return a.Person
}

func (s *Server) me(ctx context.Context) (*answer[Me], error) {
	a, _ := identity.From(ctx)
	out := Me{Person: a.Person, Via: a.Via, Console: a.Console}
	if a.Limit != nil {
		sum, p, err := s.known(ctx, a.Limit.Run)
		if err != nil {
			return nil, err
		}
		out.Link = &Link{Run: a.Limit.Run, Purpose: a.Limit.Purpose, Kind: sum.Kind, Title: p.Scenario.Told(), Hazard: p.Scenario.Hazard, Ended: sum.State.Ended()}
		if person, ok := p.Estate.Person(a.Person); ok {
			out.Name = person.Name
		}
		out.Zone = p.Estate.Zone
		return &answer[Me]{out}, nil
	}
	if s.Estate != nil {
		if e, err := s.Estate(ctx); err == nil { // else it is as good without the name
			out.Zone = e.Zone
			if person, ok := e.Person(a.Person); ok {
				out.Name, out.Roles = person.Name, person.Roles
			}
		}
	}
	return &answer[Me]{out}, nil
}

// selfOrAdmin: everybody sees to their own tokens, an administrator to all.
func (s *Server) selfOrAdmin(ctx context.Context, person string) error {
	if a, _ := identity.From(ctx); a.Person != "" && a.Person == person {
		return nil
	}
	return s.mayAround(ctx, plan.MayAdmin)
}

func (s *Server) issueToken(ctx context.Context, in TokenRequest) (*answer[IssuedToken], error) {
	a, _ := identity.From(ctx)
	if in.Person == "" {
		in.Person = a.Person
	}
	if err := s.selfOrAdmin(ctx, in.Person); err != nil {
		return nil, err
	}
	if s.Estate != nil {
		e, err := s.Estate(ctx)
		if err != nil {
			return nil, s.mistakes(ctx, err)
		}
		if err := knownPerson(ctx, plan.Plan{Estate: e}, in.Person); err != nil {
			return nil, err
		}
	}
	secret, t, err := s.Identity.IssueFor(ctx, in.For, in.Person, in.Name, name(ctx), in.Lasts.Std())
	if err != nil {
		return nil, s.identityProblem(ctx, err)
	}
	if s.TokenIssued != nil {
		s.TokenIssued(ctx, t)
	}
	return &answer[IssuedToken]{IssuedToken{t, secret}}, nil
}

func (s *Server) revokeToken(ctx context.Context, id string) (*answer[identity.Token], error) {
	t, err := s.Identity.TokenOf(ctx, id)
	if err == nil {
		if err := s.selfOrAdmin(ctx, t.Person); err != nil {
			return nil, err
		}
		t, err = s.Identity.Revoke(ctx, id, name(ctx))
	}
	if err != nil {
		return nil, s.identityProblem(ctx, err)
	}
	return &answer[identity.Token]{t}, nil
}

// makeLink is for administrators: whoever has somebody's link answers as that person. Who may
// enter answers for others does so under their own name.
func (s *Server) makeLink(ctx context.Context, id string, in LinkRequest) (*answer[IssuedLink], error) {
	sum, p, err := s.known(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := s.mayAround(ctx, plan.MayAdmin); err != nil {
		return nil, err
	}
	if sum.State.Ended() {
		return nil, problem(http.StatusConflict, CodeEnded, lang(ctx).T("Run %s has ended.", "実施 %s は終了しています。", id), "")
	}
	if err := knownPerson(ctx, p, in.Person); err != nil {
		return nil, err
	}
	if in.Lasts == 0 {
		in.Lasts = run.Duration(linkLife)
	}
	text, err := s.Identity.Link(ctx, id, in.Person, in.Purpose, in.Lasts.Std())
	if err != nil {
		return nil, s.identityProblem(ctx, err)
	}
	s.Identity.Noted(ctx, "make link", id+" "+in.Person+" "+string(in.Purpose), "ok")
	out := IssuedLink{Text: text}
	if s.PublicURL != "" {
		out.URL = s.PublicURL + identity.LinkPath + text
	}
	return &answer[IssuedLink]{out}, nil
}

// identityProblem explains an error of the identity service.
func (s *Server) identityProblem(ctx context.Context, err error) error {
	no := new(identity.Refusal)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &no):
		what, way := no.In(lang(ctx))
		return problem(http.StatusUnprocessableEntity, CodeRefused, what, way)
	case errors.Is(err, identity.ErrNoToken):
		return problem(http.StatusNotFound, CodeNotFound, lang(ctx).T("There is no such token.", "そのトークンはありません。"), lang(ctx).T("`muster people tokens` lists them", "`muster people tokens` で一覧を表示できます"))
	case errors.Is(err, identity.ErrAsked):
		return problem(http.StatusUnprocessableEntity, CodeBadRequest, err.Error(), "")
	}
	return s.storeProblem(ctx, err)
}
