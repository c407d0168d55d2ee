package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/nearest"
)

// nothingOf says why there is no trend of a system or scenario: the files have none of that name, or no run of it has ended.
func (s *Server) nothingOf(ctx context.Context, of ReportOf) error {
	l := lang(ctx)
	if of.System != "" {
		if err := s.noSuchSystem(ctx, of.System); err != nil {
			return err
		}
	}
	if list, err := s.Plans.Scenarios(); err == nil && of.Scenario != "" {
		var known []string
		for _, x := range list {
			known = append(known, x.Name)
		}
		if !slices.Contains(known, of.Scenario) {
			return unknown(ctx, l.T("There is no scenario %q, and no ended run of one of that name.", "シナリオ %q はなく、その名前での終了した訓練・対応もありません。", of.Scenario), of.Scenario, known)
		}
	}
	what := l.T("system %s", "システム %s", of.System)
	switch {
	case of.System == "":
		what = l.T("scenario %s", "シナリオ %s", of.Scenario)
	case of.Scenario != "":
		what += l.T(" in scenario %s", "（シナリオ %s）", of.Scenario)
	}
	return problem(http.StatusNotFound, CodeNotFound, l.T("No run of %s has ended yet, so there is no trend.", "%s の訓練・対応で終了したものはまだないため、推移はありません。", what),
		l.T("`muster drill list` shows the runs; one that is under way counts when it has ended", "`muster drill list` で一覧を表示できます。実施中のものは終了後に集計されます"))
}

// noSuchSystem is the problem of a system that the estate does not have; nil where it has, or can't be read.
func (s *Server) noSuchSystem(ctx context.Context, name string) error {
	e, err := s.estateFile(ctx)
	if err != nil || e == nil {
		return nil
	}
	var known []string
	for _, x := range e.Declared {
		known = append(known, x.Name.V)
	}
	if slices.Contains(known, name) {
		return nil
	}
	return unknown(ctx, lang(ctx).T("The estate has no system %q.", "構成台帳にシステム %q はありません。", name), name, known)
}

func unknown(ctx context.Context, detail, name string, known []string) error {
	l := lang(ctx)
	way := l.T("There are: %s", "ある名前: %s", strings.Join(known, ", "))
	if near := nearest.Word(name, known); near != "" {
		way = l.T("Did you mean %q?", "%q の間違いではありませんか。", near)
	}
	return problem(http.StatusNotFound, CodeNotFound, detail, way)
}
