package workflows

import "github.com/muster-dr/muster/internal/plan"

// both is a sentence of the engine's own in both languages: the journal is read by
// people of either.
func both(en, ja string, args ...any) string { return plan.Say(en, ja, args...).Both() }

// Sentences that several phases say.
const (
	textAborted = "aborted / 中止"
	textPolicy  = "the scenario's failback policy / シナリオの切り戻し方針"
)
