package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

func (s *Server) ackRoutes(api huma.API) {
	huma.Register(api, route("ack", http.MethodPost, "/runs/{run}/ack", "Acknowledge a message that asks for it.", 403, 404, 409, 422, 429, 503),
		func(ctx context.Context, in *struct {
			OfRun
			Key  string `header:"Idempotency-Key" doc:"Not needed: a message is acknowledged once."`
			Body workflows.Ack
		}) (*answer[workflows.Done], error) {
			if err := sign(ctx, &in.Body); err != nil {
				return nil, err
			}
			return done(s.ack(ctx, in.Run, in.Body))
		})
}

// ack goes into the record past the engine as answers do; the run waits for none.
func (s *Server) ack(ctx context.Context, runID string, in workflows.Ack) (workflows.Done, error) {
	p, err := s.mayBeSaid(ctx, runID, in.By, in.Person)
	if err != nil {
		return workflows.Done{}, err
	}
	t, err := s.follow(ctx, runID, p)
	if err != nil {
		return workflows.Done{}, err
	}
	var open []string
	acks := t.Acks()
	i := slices.IndexFunc(acks, func(a progress.Ack) bool {
		if slices.Contains(a.Open(), in.Person) {
			open = append(open, a.Of)
		}
		return a.Of == in.Message && slices.Contains(a.To, in.Person)
	})
	if i < 0 {
		l := lang(ctx)
		way := l.T("Nothing waits for %s to be acknowledged", "%s が確認すべき連絡はありません", in.Person)
		if len(open) > 0 {
			way = l.T("These wait for %s: %s", "%s の確認待ち: %s", in.Person, strings.Join(open, ", "))
		}
		return workflows.Done{}, problem(http.StatusNotFound, CodeNotFound,
			l.T("No message %[1]q was sent to %[2]s that asks to be acknowledged.", "%[2]s あての確認を求める連絡 %[1]q はありません。", in.Message, in.Person), way)
	}
	// Named by message and person: whoever says it again, by whatever way, writes nothing new.
	e := run.Event{Run: runID, Writer: run.PeopleWriter + digest("ack", in.Message, in.Person), Seq: 1, Kind: run.MessageAcknowledged,
		Person: in.Person, By: in.By, Data: run.Encode(run.Acknowledged{Of: in.Message})}
	if !slices.Contains(acks[i].Open(), in.Person) {
		return workflows.Done{Seq: e.Seq, Writer: e.Writer}, nil
	}
	return s.kept(ctx, e)
}
