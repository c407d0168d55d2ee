package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
)

// mayIn refuses whoever asks when their roles don't allow something in the runs of a plan.
// The console and estates that regulate nothing are refused nothing.
func mayIn(ctx context.Context, e plan.Estate, person string, p plan.Permission) error {
	if !e.Regulated() || e.May(person, p, true) {
		return nil
	}
	l, roles := lang(ctx), strings.Join(e.Granted(p), ", ")
	way := l.T("These roles may: %s", "権限を持つ役割: %s", roles)
	if roles == "" {
		way = l.T("No role may; see roles: may: in the estate", "この権限を持つ役割がありません。構成台帳の roles: may: を確認してください")
	}
	return problem(http.StatusForbidden, CodeRefused, l.T("%s may not do this: it takes the permission %q.", "%s にはこの操作の権限（%s）がありません。", person, p), way)
}

// mayAround is for what belongs to no run: tokens, links, the access log. It goes by the
// estate as it is now. Where rights are not regulated only the console may.
func (s *Server) mayAround(ctx context.Context, p plan.Permission) error {
	a, _ := identity.From(ctx)
	if a.Console {
		return nil
	}
	l := lang(ctx)
	if a.Person != "" && s.Estate != nil {
		e, err := s.Estate(ctx)
		if err != nil {
			return s.mistakes(ctx, err)
		}
		if e.May(a.Person, p, false) {
			return nil
		}
		if e.Regulated() {
			return mayIn(ctx, e, a.Person, p)
		}
	}
	return problem(http.StatusForbidden, CodeRefused, l.T("This takes the permission %q.", "この操作には権限（%s）が必要です。", p),
		l.T("Give it to a role of yours in the estate (roles: may:), or use the server's own token", "構成台帳の roles: may: で役割に権限を与えるか、サーバーのトークンを使ってください"))
}
