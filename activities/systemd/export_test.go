package systemd

import "time"

// AnswerWithin sets how long a bus may take to answer, until what it returns is called.
func AnswerWithin(d time.Duration) (undo func()) {
	was := answerWithin
	answerWithin = d
	return func() { answerWithin = was }
}

// BeginStart and BeginStop start and stop a unit, as the actions do after their looks.
var (
	BeginStart = on(begin)
	BeginStop  = on(halt)
)

// Strike kills, as systemd.kill does after its look.
var Strike = strike
