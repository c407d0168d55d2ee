package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	slackgo "github.com/slack-go/slack"

	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

const (
	kindRoom = "slack.room"
	runCard  = "run"
	// lease is how long a silent server's room is left to it.
	lease = 30 * time.Second
	// showEvery bounds how often a picture is made.
	showEvery = 500 * time.Millisecond
)

// room is where a run is shown, and which messages it has there.
type room struct {
	Owner   string          `json:"owner"`
	Until   time.Time       `json:"until"`
	Channel string          `json:"channel,omitempty"`
	Making  bool            `json:"making,omitempty"` // its channel is about to be made
	Cards   map[string]card `json:"cards,omitempty"`
	Done    bool            `json:"done,omitempty"`
}

// card is a message that is kept up to date.
type card struct {
	TS   string `json:"ts,omitempty"` // "": about to be posted
	Hash string `json:"hash,omitempty"`
}

// roomOf is where a run is shown, for those who only say something there.
func (c *Channel) roomOf(ctx context.Context, runID string) (room, error) {
	var r room
	doc, err := c.o.Store.Document(ctx, kindRoom, runID)
	if err == nil {
		err = json.Unmarshal(doc.Body, &r)
	}
	if errors.Is(err, journal.ErrNotFound) {
		return r, nil
	}
	return r, err
}

// showing is a run that this server shows.
type showing struct {
	c       *Channel
	f       channel.Following
	tracker *progress.Tracker
	tell    *channel.Teller
	asks    map[string]run.Event // questions, by key
	newest  map[string]string    // key of the newest question of a topic
	order   []string
	settled map[string]settlement
	invited map[string]bool

	doc  journal.Document
	room room
}

type settlement struct {
	by     run.Event
	looked time.Time // when this server first brought its direct messages up to date
}

// Follow keeps the run's message and those of its matters up to date, until the run has
// ended. Slack being away only means that they are late.
func (c *Channel) Follow(ctx context.Context, f channel.Following) {
	s := &showing{c: c, f: f, tracker: progress.New(f.Plan), tell: channel.NewTeller(f.Plan), asks: map[string]run.Event{}, newest: map[string]string{}, settled: map[string]settlement{}, invited: map[string]bool{}}
	pos, fails, shut, shown := int64(0), 0, time.Time{}, time.Time{}
	for ctx.Err() == nil {
		entries, err := c.o.Store.Events(ctx, f.Run, pos, 0)
		if err != nil {
			f.Wait(ctx)
			continue
		}
		s.take(entries)
		if len(entries) > 0 {
			pos = entries[len(entries)-1].Position
		}
		// Slack takes about a message a second; thousands of answers are one new picture.
		if c.o.Clock.Time().Before(shut) || time.Since(shown) < showEvery {
			f.Wait(ctx)
			continue
		}
		shown = time.Now()
		mine, err := s.hold(ctx)
		if err == nil && mine {
			err = s.show(ctx)
		}
		switch {
		case err != nil && ctx.Err() == nil:
			fails++
			wait := min(time.Second<<min(fails, 6), time.Minute)
			if fail := new(channel.Failure); errors.As(err, &fail) {
				wait = max(wait, fail.After)
			}
			shut = c.o.Clock.Time().Add(wait)
			if fails == 1 {
				c.o.Log.Warn("slack: the run's messages are late; trying again", "run", f.Run, "err", err)
			}
		case s.room.Done:
			return
		default:
			fails = 0
		}
		f.Wait(ctx)
	}
}

func (s *showing) take(entries []journal.Entry) {
	s.tracker.Apply(entries...)
	for _, entry := range entries {
		e := entry.Event
		s.tell.Apply(entry)
		if key := matterKey(e); key != "" {
			if old := s.newest[channel.Topic(e)]; old != "" {
				s.settle(old, e) // asked anew
			}
			if _, known := s.asks[key]; !known {
				s.order = append(s.order, key)
			}
			s.asks[key], s.newest[channel.Topic(e)] = e, key
		}
		for _, topic := range s.tell.Settles(e) {
			s.settle(s.newest[topic], e)
		}
		if e.Kind == run.RunAbortRequested || e.Kind == run.RunEnded {
			for key := range s.asks {
				s.settle(key, e)
			}
		}
	}
}

// settle notes what settled a matter first.
func (s *showing) settle(key string, e run.Event) {
	_, asked := s.asks[key]
	if _, known := s.settled[key]; asked && !known {
		s.settled[key] = settlement{by: e}
	}
}

// hold takes or keeps the room: one server shows a run.
func (s *showing) hold(ctx context.Context) (bool, error) {
	now := s.c.o.Clock.Time()
	if s.room.Owner == s.f.Owner && now.Add(lease/2).Before(s.room.Until) {
		return true, nil
	}
	doc, err := s.c.o.Store.Document(ctx, kindRoom, s.f.Run)
	var r room
	switch {
	case errors.Is(err, journal.ErrNotFound):
		doc = journal.Document{Kind: kindRoom, ID: s.f.Run}
	case err != nil:
		return false, err
	default:
		if err := json.Unmarshal(doc.Body, &r); err != nil {
			return false, err
		}
	}
	if r.Done {
		s.room = r
		return false, nil
	}
	if r.Owner != "" && r.Owner != s.f.Owner && now.Before(r.Until) {
		return false, nil
	}
	s.doc, s.room = doc, r
	if s.room.Cards == nil {
		s.room.Cards = map[string]card{}
	}
	return true, s.keep(ctx)
}

func (s *showing) keep(ctx context.Context) error {
	s.room.Owner, s.room.Until = s.f.Owner, s.c.o.Clock.Time().Add(lease)
	b, err := json.Marshal(s.room)
	if err != nil {
		return err
	}
	doc := s.doc
	doc.Body, doc.ChangedAt = b, s.c.o.Clock.Time()
	doc, err = s.c.o.Store.PutDocument(ctx, doc)
	if err != nil {
		s.room = room{} // another server holds it now, or the store is away: read it again
		return err
	}
	s.doc = doc
	return nil
}

// show brings Slack's picture up to date.
func (s *showing) show(ctx context.Context) error {
	api, err := s.c.client(ctx)
	if err != nil {
		return err
	}
	o := s.tracker.Overview(s.c.o.Clock.Time())
	if s.f.Plan.Scenario.Blind { // a room tells everybody
		o = o.Withheld(s.f.Plan)
	}
	if o.Run == "" {
		return nil
	}
	if s.c.o.Channel != "" || s.c.o.PerRun {
		if err := s.open(ctx, api); err != nil {
			return err
		}
		if err := s.put(ctx, api, runCard, "", s.runText(o), s.runBlocks(o)); err != nil {
			return err
		}
		thread := s.room.Cards[runCard].TS
		if s.c.o.PerRun {
			thread = ""
		}
		for _, key := range s.order {
			m := s.tell.Message(s.asks[key], "", s.f.Contacts()[""], s.c.o.Lang)
			if _, over := s.settled[key]; !over && s.c.o.Addresses.Run(m.Run) == "" {
				m = m.WithCommand()
			}
			if err := s.put(ctx, api, key, thread, m.Subject, s.c.blocks(m, s.words(key, m))); err != nil {
				return err
			}
		}
		if err := s.invite(ctx, api); err != nil {
			return err
		}
	}
	if err := s.direct(ctx, api); err != nil {
		return err
	}
	if s.tell.Over() && !s.room.Done {
		s.room.Done = true
		if err := s.keep(ctx); err != nil {
			return err
		}
		for _, key := range s.order { // whose messages stood where is of no use any more
			if err := s.c.o.Store.DropDocument(ctx, kindPlaced, s.f.Run+"|"+key); err != nil {
				s.c.o.Log.Warn("slack: notes of a run that is over could not be put away", "run", s.f.Run, "err", err)
			}
		}
	}
	return nil
}

// words say who settled a matter and when; "" while it is open.
func (s *showing) words(key string, m channel.Message) string {
	by, ok := s.settled[key]
	if !ok {
		return ""
	}
	l, e := m.Lang, by.by
	who, at := s.tell.Name(e.By, l), s.tell.Clock(e, l)
	switch e.Kind {
	case run.DecisionMade:
		var d run.Decision
		_ = e.Decode(&d)
		return l.T("%s decided at %s: %s", "%[1]sが %[2]s に決定：%[3]s", who, at, l.Choice(d.Answer))
	case run.StepActed:
		var d run.StepAct
		_ = e.Decode(&d)
		return l.T("%s at %s: %s", "%[1]sが %[2]s に対応：%[3]s", who, at, channel.ActWord(d.Act, l))
	case run.StepEnded:
		return l.T("Ended at %s: %s", "%s に終了：%s", at, l.Outcome(e.Outcome))
	case run.RecoveryOrdered, run.ApprovalGiven:
		return l.T("Approved at %s", "%s に承認済み", at)
	case run.ApprovalRefused, run.ActivationRefused, run.ForceRefused:
		return l.T("%s refused at %s: %s", "%[1]sが %[2]s に却下：%[3]s", who, at, e.Reason)
	case run.ActivationConfirmed:
		return l.T("%s confirmed at %s", "%[1]sが %[2]s に確認", who, at)
	case run.DecisionAsked, run.ApprovalAsked, run.StepWaiting, run.ForceAsked:
		return l.T("Asked again at %s: see below", "%s に再度依頼（以降のメッセージを参照）", at)
	case run.RunAbortRequested:
		return l.T("The run is being aborted: this needs no answer any more", "中止が指示されたため、回答は不要になりました（取り消し処理中）")
	case run.RunEnded:
		return l.T("The run ended before it was answered", "回答のないまま実施が終了しました")
	}
	return l.T("Settled at %s", "%s に対応済み", at)
}

// put posts a card or brings it up to date. That it is about to be posted is kept before,
// so that after a crash it is looked for and not posted again.
func (s *showing) put(ctx context.Context, api *slackgo.Client, key, thread, text string, blocks []slackgo.Block) error {
	b, err := json.Marshal(blocks)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(append(b, text...))
	hash := hex.EncodeToString(sum[:8])
	at, begun := s.room.Cards[key]
	if begun && at.TS != "" && at.Hash == hash {
		return nil
	}
	id := s.f.Run + "|" + key
	options := []slackgo.MsgOption{slackgo.MsgOptionText(text, true), slackgo.MsgOptionBlocks(blocks...), slackgo.MsgOptionDisableLinkUnfurl()}
	if begun && at.TS == "" {
		if at.TS, err = s.c.search(ctx, api, s.room.Channel, thread, mark(id)); err != nil {
			return err
		}
	}
	if at.TS == "" {
		if !begun {
			s.room.Cards[key] = card{}
			if err := s.keep(ctx); err != nil {
				return err
			}
		}
		if thread != "" {
			options = append(options, slackgo.MsgOptionTS(thread))
		}
		if err := s.c.rate.wait(ctx, s.room.Channel); err != nil {
			return err
		}
		_, ts, err := api.PostMessageContext(ctx, s.room.Channel, append(options, slackgo.MsgOptionMetadata(slackgo.SlackMetadata{EventType: metadata, EventPayload: map[string]any{"id": mark(id)}}))...)
		if err != nil {
			return s.c.judge(err)
		}
		s.room.Cards[key] = card{TS: ts, Hash: hash}
		return s.keep(ctx)
	}
	if err := s.c.rate.wait(ctx, s.room.Channel); err != nil {
		return err
	}
	if _, _, _, err := api.UpdateMessageContext(ctx, s.room.Channel, at.TS, options...); err != nil {
		return s.c.judge(err)
	}
	s.room.Cards[key] = card{TS: at.TS, Hash: hash}
	return s.keep(ctx)
}

// direct takes the buttons off direct messages whose matter is settled. A message that was
// under way when it was settled comes a moment later, so it looks again for a while.
func (s *showing) direct(ctx context.Context, api *slackgo.Client) error {
	for _, key := range slices.Sorted(maps.Keys(s.settled)) {
		by := s.settled[key]
		if !by.looked.IsZero() && s.c.o.Clock.Time().Sub(by.looked) > time.Minute {
			continue
		}
		_, list, err := s.c.placements(ctx, s.f.Run, key)
		if err != nil {
			return err
		}
		done := s.room.Cards["settled "+key]
		if done.Hash == fmt.Sprint(len(list)) || len(list) == 0 {
			s.looked(key)
			continue
		}
		for _, p := range list {
			contact := s.f.Contacts()[p.Person]
			m := s.tell.Message(s.asks[key], p.Person, contact, s.c.o.Lang)
			if err := s.c.rate.wait(ctx, p.Channel); err != nil {
				return err
			}
			if _, _, _, err := api.UpdateMessageContext(ctx, p.Channel, p.TS, slackgo.MsgOptionText(m.Subject, true), slackgo.MsgOptionBlocks(s.c.blocks(m, s.words(key, m))...)); err != nil {
				if f := new(channel.Failure); errors.As(s.c.judge(err), &f) && f.Wide {
					return f
				}
			}
		}
		s.looked(key)
		s.room.Cards["settled "+key] = card{TS: "-", Hash: fmt.Sprint(len(list))}
		if err := s.keep(ctx); err != nil {
			return err
		}
	}
	return nil
}

// looked notes that the direct messages of a settled matter are up to date.
func (s *showing) looked(key string) {
	by := s.settled[key]
	if by.looked.IsZero() {
		by.looked = s.c.o.Clock.Time()
	}
	s.settled[key] = by
}
