package systemd

import "time"

// AnswerWithin sets how long a bus may take to answer, until what it returns is called.
func AnswerWithin(d time.Duration) (undo func()) {
	was := answerWithin
	answerWithin = d
	return func() { answerWithin = was }
}

// BeginStart starts a unit, as systemd.start does after its look.
var BeginStart = on(begin)
