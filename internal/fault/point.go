//go:build !faults

// Package fault holds named points at which a test can kill the process: the moments
// between two durable writes. They do nothing in a build without the tag "faults".
package fault

// Point is a moment worth dying at: what happened last, and in which step.
func Point(moment, step string) {}
