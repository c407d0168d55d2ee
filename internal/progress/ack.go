package progress

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Ack is a message that asks those to whom it went to say that they have read it.
type Ack struct {
	Of           string         `json:"of"` // names the message
	At           time.Time      `json:"at"`
	Text         string         `json:"text"`
	To           []string       `json:"to"`
	Acknowledged []Acknowledged `json:"acknowledged"` // each person once, in their order
}

// Acknowledged is that somebody has read a message.
type Acknowledged struct {
	Person string    `json:"person"`
	By     string    `json:"by"` // who said so; somebody else when it was entered for them
	At     time.Time `json:"at"`
}

// Open are those who have not acknowledged it yet.
func (a Ack) Open() []string {
	done := map[string]bool{}
	for _, x := range a.Acknowledged {
		done[x.Person] = true
	}
	var out []string
	for _, id := range a.To {
		if !done[id] {
			out = append(out, id)
		}
	}
	return out
}

// Acks are the messages that ask for acknowledgement, oldest first.
func (t *Tracker) Acks() []Ack { return slices.Clone(t.view.Acks) }

func (t *Tracker) asksAck(e run.Event, m run.Message) {
	if m.Ack && len(m.To) > 0 {
		t.view.Acks = append(t.view.Acks, Ack{Of: e.Name(), At: e.At, Text: m.Text, To: m.To, Acknowledged: []Acknowledged{}})
	}
}

func (t *Tracker) acknowledged(e run.Event) {
	var x run.Acknowledged
	_ = e.Decode(&x)
	i := slices.IndexFunc(t.view.Acks, func(a Ack) bool { return a.Of == x.Of })
	key := x.Of + "\x00" + e.Person
	if i < 0 || t.acked[key] || !slices.Contains(t.view.Acks[i].To, e.Person) {
		return
	}
	t.acked[key] = true
	// Whoever holds an overview keeps the list as it was.
	t.view.Acks = slices.Clone(t.view.Acks)
	a := &t.view.Acks[i]
	a.Acknowledged = append(a.Acknowledged, Acknowledged{Person: e.Person, By: e.By, At: e.At})
}

// toAcknowledge are the messages that somebody has still to acknowledge.
func (t *Tracker) toAcknowledge() []Waiting {
	if t.view.Aborting {
		return nil
	}
	var out []Waiting
	for _, a := range t.view.Acks {
		if open := a.Open(); len(open) > 0 {
			out = append(out, Waiting{For: AwaitAck, Message: a.Of, People: open, Need: len(open), Text: a.Text, Since: a.At})
		}
	}
	return out
}
