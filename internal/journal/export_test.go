package journal

import "time"

// Patience bounds a try to reach a PostgreSQL store.
func Patience(d time.Duration) Option { return func(o *options) { o.patience = d } }

// FreeBeside is how much room there is beside a file.
func FreeBeside(n int64) Option {
	return func(o *options) { o.free = func() (int64, error) { return n, nil } }
}
