//go:build !amd64

package clocktest

// The code is written for amd64. Elsewhere a program that is started through a Machine says
// that it has no such function, and its test fails.
const entryName = "clock_gettime of this architecture: clocktest is written for amd64"

var code []byte

func jump(int64) []byte { return nil }
