package slack

import (
	"context"
	"io"
	"log"
	"time"

	slackgo "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"github.com/muster-dr/muster/internal/channel"
)

// Serve takes what Slack sends in Socket Mode until ctx ends, connecting again whenever the
// connection is lost. In HTTP mode there is nothing to do.
func (c *Channel) Serve(ctx context.Context) {
	if c.o.HTTP {
		<-ctx.Done()
		return
	}
	fails := 0
	for ctx.Err() == nil {
		begun := c.o.Clock.Time()
		err := c.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if c.o.Clock.Time().Sub(begun) > time.Minute {
			fails = 0
		}
		said := c.away.Swap(true)
		if fails++; fails == 1 && !said {
			c.o.Log.Warn("slack: not connected; trying again", "err", err)
		}
		if c.o.Clock.Wait(ctx, min(time.Second<<min(fails-1, 6), time.Minute)) != nil {
			return
		}
	}
}

func (c *Channel) listen(ctx context.Context) error {
	api, err := c.client(ctx)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	quiet := log.New(io.Discard, "", 0)
	s := socketmode.New(api, socketmode.OptionLog(quiet))
	ended := make(chan error, 1)
	go func() { ended <- s.RunContext(ctx) }()
	for {
		select {
		case err := <-ended:
			if err == nil {
				err = channel.Down(channel.Says("Slack ended the connection", "Slackが接続を終了した"), 0, nil)
			}
			return err
		case e := <-s.Events:
			switch e.Type {
			case socketmode.EventTypeConnectionError, socketmode.EventTypeInvalidAuth:
				if !c.away.Swap(true) {
					c.o.Log.Warn("slack: not connected; trying again", "err", e.Data)
				}
			case socketmode.EventTypeConnected:
				if c.away.Swap(false) {
					c.o.Log.Info("slack: connected again")
				}
			}
			if e.Request == nil {
				continue
			}
			switch data := e.Data.(type) {
			case slackgo.SlashCommand:
				s.Ack(*e.Request, c.once(e.Request.EnvelopeID, func() any { return c.command(data) }))
			case slackgo.InteractionCallback:
				s.Ack(*e.Request, c.once(e.Request.EnvelopeID, func() any { return c.interact(data) }))
			case slackevents.EventsAPIEvent:
				s.Ack(*e.Request)
				id := e.Request.EnvelopeID
				if cb, ok := data.Data.(*slackevents.EventsAPICallbackEvent); ok {
					id = cb.EventID
				}
				c.event(id, data)
			default:
				s.Ack(*e.Request)
			}
		}
	}
}

// once does something for the first delivery of an envelope.
func (c *Channel) once(envelope string, do func() any) any {
	if envelope != "" && !c.seen.first("envelope "+envelope, c.o.Clock.Time()) {
		return nil
	}
	return do()
}
