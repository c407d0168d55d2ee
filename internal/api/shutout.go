package api

import (
	"context"
	"maps"
	"net/http"
	"regexp"
	"slices"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
)

// somebody refuses a person whom neither the estate knows nor anything that they could come in with: of a mistyped
// name it would be said that it is shut out, while who is meant goes on.
func (s *Server) somebody(ctx context.Context, person string) error {
	if s.Estate == nil {
		return nil
	}
	e, err := s.Estate(ctx)
	if err != nil {
		return nil // plan files with mistakes keep nobody from shutting somebody out
	}
	known, err := s.Identity.Known(ctx)
	if err != nil {
		return s.storeProblem(ctx, err)
	}
	for _, p := range e.People {
		known[p.ID] = true
	}
	for _, id := range e.Barred {
		known[id] = true
	}
	if known[person] {
		return nil
	}
	l := lang(ctx)
	way := l.T("Nothing was changed. `muster people tokens` lists who has a token", "何も変更していません。トークンを持つ人は `muster people tokens` で確認できます")
	if near := nearest.Word(person, slices.Sorted(maps.Keys(known))); near != "" {
		way = l.T("Nothing was changed. Did you mean %q?", "何も変更していません。%q の間違いではありませんか。", near)
	}
	return problem(http.StatusUnprocessableEntity, CodeBadRequest,
		l.T("There is no person %q: neither in the estate nor with a token or a sign-in.", "%q という人はいません。構成台帳になく、トークンもサインインもありません。", person), way)
}

var linkID = regexp.MustCompile(`^[0-9a-f]{12}$`)

func (s *Server) revokeLinks(ctx context.Context, in RevokeLinksRequest) error {
	if err := s.mayAround(ctx, plan.MayAdmin); err != nil {
		return err
	}
	l := lang(ctx)
	switch {
	case in.Person != "":
		if err := s.somebody(ctx, in.Person); err != nil {
			return err
		}
	case in.Run != "":
		if _, err := s.summary(ctx, in.Run); err != nil {
			return err
		}
	case in.ID != "" && !linkID.MatchString(in.ID): // links are signed and not kept: of one that has the form, nobody knows more
		return problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("%q is no link's ID: they have 12 hexadecimal digits.", "%q はリンクのIDではありません。IDは12桁の16進数です。", in.ID),
			l.T("Nothing was changed. The record has it where the link was used, as in `link 0a1b2c3d4e5f`; else take all links of the person or the run back", "何も変更していません。IDは、リンクが使われた箇所の記録に `link 0a1b2c3d4e5f` のように表示されます。不明な場合は、その人または実施のすべてのリンクを取り消してください"))
	}
	return s.identityProblem(ctx, s.Identity.RevokeLinks(ctx, identity.Links{ID: in.ID, Person: in.Person, Run: in.Run}, name(ctx)))
}
