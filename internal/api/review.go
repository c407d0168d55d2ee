package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/muster-dr/muster/internal/run"
)

// notInvolved refuses a word on break-glass by whoever used it or had a part in the run: it is reviewed by
// somebody else. Who else had the secret that somebody comes with counts as they do.
func (s *Server) notInvolved(ctx context.Context, f Finding, by string) error {
	id := f.Glass()
	if id == "" {
		return nil
	}
	entries, err := s.Store.Events(ctx, id, 0, 0)
	if err != nil {
		return s.storeProblem(ctx, err)
	}
	if len(entries) == 0 { // a use that nobody reviewed keeps its record: somebody took it away
		l := lang(ctx)
		return problem(http.StatusConflict, CodeRefused, l.T("The record of run %s is gone, so nobody can tell who had a part in it.", "実施 %s の記録がないため、誰が関与したかを確認できません。", id),
			l.T("Put the record back from a copy, then review", "記録を写しから復元したうえで、事後確認を行ってください"))
	}
	hands := append([]string{by}, issuers(ctx)...)
	for _, e := range entries {
		if at := slices.IndexFunc(hands, func(who string) bool { return hadPart(e.Event, who) }); at >= 0 {
			l := lang(ctx)
			return problem(http.StatusConflict, CodeRefused, l.T("%s had a part in run %s, and break-glass is reviewed by somebody who had none.", "%s は実施 %s に関与しています。緊急権限の事後確認は、関与していない人が行います。", hands[at], id),
				l.T("Ask somebody who had no part in it: `muster findings confirm %s --reason ...`", "関与していない人が `muster findings confirm %s --reason ...` で確認してください", f.ID))
		}
	}
	return nil
}

// hadPart reports whether an event is somebody's part in a run. To come, to say that one is safe or has read a message, to
// remark something, or to be refused is none: else nobody would be left where everybody came.
func hadPart(e run.Event, who string) bool {
	switch e.Kind {
	case run.PersonAnswered, run.PersonArrived, run.MessageAcknowledged, run.RemarkMade, run.ActRefused:
		return false
	case run.RoleHandedOver, run.PersonStandsIn:
		return e.By == who || e.Person == who
	case run.RunStarted:
		var s run.Started
		_ = e.Decode(&s) // a damaged record is told of elsewhere
		return e.By == who || s.Bundle != nil && s.Bundle.By == who
	}
	return e.By == who
}
