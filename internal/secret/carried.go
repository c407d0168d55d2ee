package secret

import "context"

// Carried resolves from values that were brought along, by reference, and the rest elsewhere: on a laptop the stores that
// the references name are not there.
type Carried struct {
	Values map[string]string
	Else   Resolver
}

// Resolve gives the value that was brought along, else the one that is here.
func (c Carried) Resolve(ctx context.Context, ref string) (string, error) {
	if v, ok := c.Values[ref]; ok {
		return bounded(ref, v)
	}
	return c.Else.Resolve(ctx, ref)
}
