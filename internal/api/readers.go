package api

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// render writes the report as whoever asks may see it: what each person said is for those who
// see the list of people, and for auditors.
func (s *Server) render(ctx context.Context, w io.Writer, runID string, p plan.Plan, events []run.Event, earlier []report.Earlier, format, lang string) error {
	a, _ := identity.From(ctx)
	t, err := s.follow(ctx, runID, p)
	if err != nil {
		return err
	}
	now := p
	now.Estate = t.Estate()
	if s.seesList(ctx, t, now, a.Person) || s.audits(ctx, p, a.Person) {
		return s.Render(w, p, events, earlier, format, lang)
	}
	if s.RenderFor == nil {
		return mayIn(ctx, p.Estate, a.Person, plan.MayPeople)
	}
	return s.RenderFor(w, p, events, earlier, format, lang, a.Person)
}

// audits reports whether somebody may audit: by the run's plan, or by the estate as it is now,
// since an auditor may come later.
func (s *Server) audits(ctx context.Context, p plan.Plan, person string) bool {
	if p.Estate.May(person, plan.MayAudit, false) {
		return true
	}
	if s.Estate == nil || person == "" {
		return false
	}
	e, err := s.Estate(ctx)
	return err == nil && e.May(person, plan.MayAudit, false)
}

// mayRead is for what holds everything of a run, its plan and its journal: where rights are
// granted by role, it is for who was called or holds a role in it, and for auditors.
func (s *Server) mayRead(ctx context.Context, runID string) error {
	_, p, err := s.known(ctx, runID)
	if err != nil {
		return err
	}
	a, ok := identity.From(ctx)
	if a.Console || !p.Estate.Regulated() {
		return nil
	}
	if who, in := p.Estate.Person(a.Person); ok && in && len(who.Roles) > 0 || s.audits(ctx, p, a.Person) {
		return nil
	}
	t, err := s.follow(ctx, runID, p)
	if err != nil {
		return err
	}
	if a.Person != "" && slices.ContainsFunc(t.Roll(), func(m progress.Person) bool {
		return m.ID == a.Person && (m.CalledAt != nil || len(m.Roles) > 0)
	}) {
		return nil
	}
	l := lang(ctx)
	way := l.T("The run's overview and its report with totals are for everybody", "実施状況の概要と、集計のみの報告書は誰でも閲覧できます")
	if roles := strings.Join(p.Estate.Granted(plan.MayAudit), ", "); roles != "" {
		way = l.T("%s; these roles may audit: %s", "%s。監査の権限を持つ役割: %s", way, roles)
	}
	return problem(http.StatusForbidden, CodeRefused, l.T("%s was not called in run %s and holds no role in it.", "%s は %s の召集対象ではなく、役割もありません。", a.Person, runID), way)
}
