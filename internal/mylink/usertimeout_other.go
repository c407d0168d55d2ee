//go:build !linux

package mylink

import "syscall"

// userTimeout has no counterpart here; the contexts of the calls bound them.
func userTimeout(_, _ string, _ syscall.RawConn) error { return nil }
