package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/plan"
)

// Alarms is what the server asks of the service that alarms come to.
type Alarms interface {
	Try(ctx context.Context, in alarm.Test, lang string) (alarm.Trial, error)
	Sources() map[string]alarm.Kind
	Lately() []alarm.Message
}

// AlarmList is what alarms come from, and what came lately.
type AlarmList struct {
	Sources  []AlarmSource   `json:"sources"`
	Messages []alarm.Message `json:"messages" doc:"What this server has taken since it began, newest first. The access log has all."`
}

// AlarmSource is a source of the settings.
type AlarmSource struct {
	Name string     `json:"name"`
	Kind alarm.Kind `json:"kind"`
}

func (s *Server) alarmRoutes(api huma.API) {
	huma.Register(api, route("list-alarms", http.MethodGet, "/alarms", "Where alarms come from, and what became of those that came lately."),
		func(context.Context, *struct{}) (*answer[AlarmList], error) {
			out := AlarmList{Sources: []AlarmSource{}, Messages: []alarm.Message{}}
			if s.Alarms != nil {
				for name, kind := range s.Alarms.Sources() {
					out.Sources = append(out.Sources, AlarmSource{name, kind})
				}
				slices.SortFunc(out.Sources, func(a, b AlarmSource) int { return strings.Compare(a.Name, b.Name) })
				out.Messages = append(out.Messages, s.Alarms.Lately()...)
			}
			return &answer[AlarmList]{out}, nil
		})
	huma.Register(api, route("test-alarm", http.MethodPost, "/alarms/test", "What a message of a source would do; a training message is made when none is given. Nothing is proposed and nothing starts.", 403, 404, 422),
		func(ctx context.Context, in *struct{ Body alarm.Test }) (*answer[alarm.Trial], error) {
			if err := s.mayAround(ctx, plan.MayStart); err != nil {
				return nil, err
			}
			return s.tryAlarm(ctx, in.Body)
		})
}

func (s *Server) tryAlarm(ctx context.Context, in alarm.Test) (*answer[alarm.Trial], error) {
	l := lang(ctx)
	var names []string
	if s.Alarms != nil {
		for name := range s.Alarms.Sources() {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	if in.Source == "" && len(names) == 1 {
		in.Source = names[0]
	}
	if !slices.Contains(names, in.Source) {
		way := l.T("Sources: %s", "設定されている発信元: %s", strings.Join(names, ", "))
		if len(names) == 0 {
			way = l.T("Name one under alarms: in muster.yaml", "muster.yamlのalarms: に設定してください")
		}
		if in.Source == "" {
			return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("Which source of alarms?", "どの発信元を試すか指定してください。"), way)
		}
		return nil, problem(http.StatusNotFound, CodeNotFound, l.T("There is no source of alarms %q.", "警報の発信元 %q はありません。", in.Source), way)
	}
	out, err := s.Alarms.Try(ctx, in, string(l))
	switch {
	case errors.Is(err, alarm.ErrNeedsMessage):
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("What a message of %s holds, its sender alone knows.", "%s のメッセージの内容は発信元ごとに異なります。", in.Source),
			l.T("Give one of its messages: `muster alarm test %s --file MESSAGE.json`", "実際のメッセージを指定してください: `muster alarm test %s --file MESSAGE.json`", in.Source))
	case err != nil:
		return nil, problem(http.StatusUnprocessableEntity, CodeRefused, l.T("The door refuses it: %v", "受付で拒否されました: %v", err), "")
	}
	return &answer[alarm.Trial]{out}, nil
}

// ListAlarms is where alarms come from, and what came lately.
func (c *Client) ListAlarms(ctx context.Context) (AlarmList, error) {
	return get[AlarmList](ctx, c, "/alarms", nil)
}

// TestAlarm says what a message would do.
func (c *Client) TestAlarm(ctx context.Context, in alarm.Test) (alarm.Trial, error) {
	return act[alarm.Trial](ctx, c, "/alarms/test", NewRequestID(), in)
}
