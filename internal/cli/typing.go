package cli

import "context"

// typing reads what a person types, until the command is interrupted: a read of a terminal does
// not end by itself.
func typing[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type typed struct {
		what T
		err  error
	}
	done := make(chan typed, 1)
	go func() {
		what, err := read()
		done <- typed{what, err}
	}()
	select {
	case t := <-done:
		return t.what, t.err
	case <-ctx.Done():
		var nothing T
		return nothing, ctx.Err()
	}
}
