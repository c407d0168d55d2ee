// Package serviceuser is the user as whom a server's programs run. Database servers refuse
// root, so a worker that is root becomes somebody else for them; any other worker can only
// be itself.
package serviceuser

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// Credential says as whom programs of the named user run; nil is as this process, which an
// empty name asks for.
func Credential(name string) (*syscall.Credential, error) {
	if name == "" {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("run as %q: %w", name, err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, fmt.Errorf("run as %q: user ID %q is no number", name, u.Uid)
	}
	if os.Geteuid() == uid {
		return nil, nil
	}
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("run as %q: only root can become another user; start muster as root or as %s", name, name)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, fmt.Errorf("run as %q: group ID %q is no number", name, u.Gid)
	}
	c := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	groups, _ := u.GroupIds()
	for _, g := range groups {
		if n, err := strconv.Atoi(g); err == nil {
			c.Groups = append(c.Groups, uint32(n))
		}
	}
	return c, nil
}

// Own gives path to the named user, when this process is not already that user.
func Own(path, name string) error {
	c, err := Credential(name)
	if err != nil || c == nil {
		return err
	}
	return os.Lchown(path, int(c.Uid), int(c.Gid))
}
