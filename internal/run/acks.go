package run

import "fmt"

// MessageAcknowledged is written by the server: somebody has read a message that asks them to
// say so.
const MessageAcknowledged EventKind = "message.acknowledged" // Person, By; Acknowledged

// Acknowledged says which message it was.
type Acknowledged struct {
	Of string `json:"of"` // as Event.Name
}

// Name names an event within its run, as WRITER/SEQ.
func (e Event) Name() string { return fmt.Sprintf("%s/%d", e.Writer, e.Seq) }
