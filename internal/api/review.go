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
	hands := append([]string{by}, issuers(ctx)...)
	if len(entries) == 0 { // nobody can tell who else had a part
		sum, err := s.summary(ctx, id)
		if err != nil {
			return err
		}
		// An earlier release removed also records of uses that nobody had reviewed: who is known of them is whom the finding is of, and who began the run.
		if l := lang(ctx); sum.RemovedAt == nil || slices.Contains(hands, f.Owner) || slices.Contains(hands, sum.By) {
			return problem(http.StatusConflict, CodeRefused, l.T("The record of run %s is gone, so that nobody can tell whether %s had a part in it.", "実施 %s の記録がないため、%s が関与していないことを確認できません。", id, by),
				l.T("Have somebody else review it, or, where the record was not removed after its time, put the record store's backup back first", "別の人が事後確認を行ってください。保存期間の満了による削除でない場合は、先に記録の保存先をバックアップから復元してください"))
		}
		return nil
	}
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
