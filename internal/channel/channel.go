// Package channel says what happens in a run to the people of it: by mail, in Slack, to a
// webhook, each behind one small interface and held by one shared suite (channeltest). What
// is said comes from the journal. The run's workflow waits for no channel, and its history
// does not grow by what they do.
package channel

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Matter is what a message is about.
type Matter string

const (
	Call     Matter = "call"     // you are called: are you safe, can you come
	Reminder Matter = "reminder" // you have not answered
	Notice   Matter = "notice"   // said to people, or a turn of the run
	Decision Matter = "decision" // a decision is asked of you
	Approval Matter = "approval" // an approval is asked
	Task     Matter = "task"     // a step waits for you
	Test     Matter = "test"     // does this channel reach you
	Account  Matter = "account"  // somebody can act under your name; of no run
)

// Matters lists them all.
func Matters() []Matter { return []Matter{Call, Reminder, Notice, Decision, Approval, Task, Test} }

// Message is something to be said to one person, or in the room of a run when Person is "".
type Message struct {
	// ID names this delivery for ever and is the same at every attempt: a channel makes of
	// it what tells a repetition (a Message-ID, an idempotency key).
	ID     string
	Run    string
	Kind   run.Kind
	Hazard run.Hazard
	Matter Matter
	Event  run.Event // what is said

	Person  string
	Name    string // as its reader calls the person
	Contact estate.Contact
	Lang    i18n.Lang

	Subject string // one line
	Text    string // lines of plain text
	Links   []Link
	At      time.Time // when it happened
}

// Acks reports whether its reader is asked to acknowledge it.
func (m Message) Acks() bool {
	var said run.Message
	return m.Person != "" && m.Event.Kind == run.MessageSent && m.Event.Decode(&said) == nil && said.Ack
}

// Link is an address that the person may follow.
type Link struct {
	Label string
	URL   string
	// Personal: whoever has it acts as this person.
	Personal bool
}

// Mark is the mark that a text of a drill begins with, in the message's language.
func (m Message) Mark() string {
	if m.Lang == i18n.JA {
		return run.MarkJA
	}
	return run.MarkEN
}

// ErrUnmarked: a drill's message without its mark, or a response's with one.
var ErrUnmarked = errors.New("a message of a drill begins with its mark, and one of a response has none; it was not sent")

// Check refuses what must not leave: every channel asks it before it sends.
func (m Message) Check() error {
	if m.ID == "" || m.Subject == "" || m.Text == "" {
		return &Failure{Text: Says("the message is empty", "通知の内容が空"), Err: fmt.Errorf("a message needs an ID, a subject and a text")}
	}
	for _, text := range []string{m.Subject, m.Text} {
		marked := strings.HasPrefix(text, run.MarkEN) || strings.HasPrefix(text, run.MarkJA)
		if m.Kind == run.Response {
			marked = !strings.Contains(text, run.MarkEN) && !strings.Contains(text, run.MarkJA)
		}
		if !marked {
			return &Failure{Text: Says("a message of a drill begins with its mark, and one of a response has none; it was not sent", "訓練の表示の有無が実施の種類と一致しないため送信しなかった"), Err: ErrUnmarked}
		}
	}
	return nil
}

// Channel is a way to people. It is safe for concurrent use.
type Channel interface {
	// Name is a constant: it stands in receipts and metrics.
	Name() string
	// Reaches reports whether it has a way to the receiver of the message.
	Reaches(m Message) bool
	// Send says it. Again is true when an earlier attempt may have got through: then the
	// receiver must see it once all the same, as far as the channel's world allows. An error
	// other than a *Failure is a temporary one of the channel as a whole.
	Send(ctx context.Context, m Message, again bool) error
	// Works reports what keeps the channel from working, without saying anything to anybody.
	Works(ctx context.Context) error
	// AtOnce is how many messages may be under way.
	AtOnce() int
}

// Failure is why a message was not delivered.
type Failure struct {
	// Text is one line for the record, as Says makes it: no address, no secret.
	Text string
	// Temporary: trying again may help.
	Temporary bool
	// Wide: it is the channel that failed, not this message; all its messages wait.
	Wide bool
	// Unsure: it may have been delivered all the same.
	Unsure bool
	// After is how long to wait at least, as the other side asks.
	After time.Duration
	Err   error // for the log
}

func (f *Failure) Error() string { return f.Text }

func (f *Failure) Unwrap() error { return f.Err }

// Says is a line for the record in both languages.
func Says(en, ja string, args ...any) string { return plan.Say(en, ja, args...).Both() }

// failureOf makes a Failure of any error.
func failureOf(err error) *Failure {
	if f := new(Failure); errors.As(err, &f) {
		return f
	}
	return &Failure{Text: Says("the channel can't be reached", "通知手段に接続できない"), Temporary: true, Wide: true, Unsure: true, Err: err}
}

// Down is a Failure of the whole channel that may pass.
func Down(text string, after time.Duration, err error) *Failure {
	return &Failure{Text: text, Temporary: true, Wide: true, After: after, Err: err}
}
