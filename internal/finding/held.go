package finding

import (
	"context"

	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
)

// Hold returns what of the findings, as they are kept and as they are told of, is not what all outcomes and acts
// give, after it was made anew.
func (l *Ledger) Hold(ctx context.Context) ([]plan.Text, error) {
	made := &Ledger{Store: l.Store, state: newFold()}
	if err := made.catchUp(ctx); err != nil { // of all years, while nobody waits for it
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := made.catchUp(ctx); err != nil {
		return nil, err
	}
	come := made.state.upTo()
	if err := l.catchUp(ctx); err != nil {
		return nil, err
	}
	kept := &Ledger{Store: l.Store} // of a server that starts now
	if err := kept.catchUp(ctx); err != nil {
		return nil, err
	}
	if err := made.catchUp(ctx); err != nil {
		return nil, err
	}
	if made.state.upTo() != come {
		return nil, outcome.ErrGrows
	}
	list, err := outcome.Differences(kept.state, made.state)
	if err == nil && len(list) == 0 {
		list, err = outcome.Differences(l.state, made.state)
	}
	if err != nil || len(list) == 0 {
		return nil, err
	}
	l.state, l.kept = made.state, upTo{}
	return []plan.Text{outcome.Say(plan.Say("findings", "指摘事項"), list)}, l.save(ctx)
}
