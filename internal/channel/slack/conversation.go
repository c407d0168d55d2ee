package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	slackgo "github.com/slack-go/slack"
)

// open finds or makes the channel.
func (s *showing) open(ctx context.Context, api *slackgo.Client) error {
	if s.room.Channel != "" {
		return nil
	}
	if !s.c.o.PerRun {
		s.room.Channel = s.c.o.Channel
		return s.keep(ctx)
	}
	name := channelName(s.f.Run)
	made, err := api.CreateConversationContext(ctx, slackgo.CreateConversationParams{ChannelName: name})
	var answer slackgo.SlackErrorResponse
	if errors.As(err, &answer) && answer.Err == "name_taken" {
		var id string
		if id, err = s.byName(ctx, api, name); err == nil {
			s.room.Channel = id
			return s.keep(ctx)
		}
	}
	if err != nil {
		return s.c.judge(err)
	}
	s.room.Channel = made.ID
	return s.keep(ctx)
}

func (s *showing) byName(ctx context.Context, api *slackgo.Client, name string) (string, error) {
	for cursor := ""; ; {
		list, next, err := api.GetConversationsContext(ctx, &slackgo.GetConversationsParameters{ExcludeArchived: true, Limit: 1000, Cursor: cursor})
		if err != nil {
			return "", err
		}
		for _, ch := range list {
			if ch.Name == name {
				return ch.ID, nil
			}
		}
		if cursor = next; next == "" {
			return "", fmt.Errorf("the channel %s is taken, and not to be seen: archive or rename it", name)
		}
	}
}

// channelName is a run's ID as Slack takes it.
func channelName(runID string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, strings.ToLower("muster-"+runID))
	return name[:min(len(name), 80)]
}

// invite brings those who are called into the run's own channel.
func (s *showing) invite(ctx context.Context, api *slackgo.Client) error {
	if !s.c.o.PerRun {
		return nil
	}
	contacts := s.f.Contacts()
	var ids []string
	for _, who := range s.tell.Called() {
		if id := contacts[who].Slack; id != "" && !s.invited[id] {
			ids = append(ids, id)
		}
	}
	for chunk := range slices.Chunk(ids, 100) {
		if _, err := api.InviteUsersToConversationContext(ctx, s.room.Channel, chunk...); err != nil {
			var answer slackgo.SlackErrorResponse
			if !errors.As(err, &answer) {
				return s.c.judge(err)
			}
			for _, id := range chunk { // one of them is there already, or may not come
				if _, err := api.InviteUsersToConversationContext(ctx, s.room.Channel, id); err != nil && !errors.As(err, &answer) {
					return s.c.judge(err)
				}
				s.invited[id] = true
			}
			continue
		}
		for _, id := range chunk {
			s.invited[id] = true
		}
	}
	return nil
}
