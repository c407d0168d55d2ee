package deadpeer

import (
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Control is that of a net.Dialer.
func Control(network, _ string, c syscall.RawConn) error {
	if strings.HasPrefix(network, "unix") {
		return nil
	}
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 10_000)
	}); cerr != nil {
		return cerr
	}
	return err
}
