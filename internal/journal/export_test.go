package journal

import "time"

// Patience bounds a try to reach a PostgreSQL store.
func Patience(d time.Duration) Option { return func(o *options) { o.patience = d } }
