//go:build !linux

package deadpeer

import "syscall"

// Control has no counterpart here; the contexts of the calls bound them.
func Control(_, _ string, _ syscall.RawConn) error { return nil }
