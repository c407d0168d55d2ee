// Package engine is the workflow engine of `muster up`: a Temporal server on one
// SQLite file with its web UI, tuned for one drill on one machine and closed to
// everybody who does not hold its token. It is a module and a binary (muster-engine)
// of its own, so that the product carries the SDK only and outlives an engine that
// panics or stalls.
package engine
