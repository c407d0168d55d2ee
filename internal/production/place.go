package production

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/serviceuser"
)

// Users of the parts when they are set up as root: numbers without a name, from the range that systemd
// gives to services with DynamicUser=. Site workers are the user whom the database servers that they
// act on belong to, and the store is that user too: neither refuses root for nothing.
var users = map[Part]uint32{Engine: 64101, Server: 64102, Prometheus: 64103}

// as is the user of a part; nil is this process's.
func (i *Installation) as(p Part) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	if id, ok := users[p]; ok {
		return &syscall.Credential{Uid: id, Gid: id, NoSetGroups: false}, nil
	}
	return serviceuser.Credential(i.RunAs)
}

// own gives a folder with everything in it to a part's user. What is secret in it is for that user
// alone.
func (i *Installation) own(p Part, dir string) error {
	as, err := i.as(p)
	if err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || as == nil {
			return err
		}
		return os.Lchown(path, int(as.Uid), int(as.Gid))
	})
}

// process starts a program of a part in the part's folder, as the part's user, with no settings but
// those it is given.
func (i *Installation) process(p Part, binary string, env []string, args ...string) (*child.Process, error) {
	as, err := i.as(p)
	if err != nil {
		return nil, err
	}
	return child.StartIn(child.Place{Dir: i.folder(p), As: as}, string(p), filepath.Join(i.home, string(p)+".log"), binary,
		append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + i.folder(p), "USER=" + string(p), "TZ=" + os.Getenv("TZ")}, env...), args...)
}

// install puts a program where every user of the installation can reach it.
func (i *Installation) install(binary, as string) (string, error) {
	real, err := filepath.EvalSymlinks(binary)
	if err != nil {
		return "", err
	}
	to := filepath.Join(i.home, "bin", as)
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return "", err
	}
	if err := os.Link(real, to); err == nil || errors.Is(err, os.ErrExist) {
		return to, nil
	}
	from, err := os.Open(real) // another file system
	if err != nil {
		return "", err
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, from)
	return to, errors.Join(err, out.Close())
}

// passable finds the folder on the way to dir that other users may not pass.
func passable(dir string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	for d := dir; d != "/"; d = filepath.Dir(d) {
		st, err := os.Stat(d)
		if err != nil {
			return err
		}
		if st.Mode().Perm()&0o001 == 0 {
			return fmt.Errorf("the users of the installation may not pass %s (mode %s): name another folder, such as /var/tmp/muster-production", d, st.Mode().Perm())
		}
	}
	return nil
}

// ports are free ones on loopback, below those that the kernel gives to whoever connects: a part that is
// down for a moment finds its own again.
func ports(names ...string) (map[string]int, error) {
	lowest := 32768
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if n, err := fmt.Sscan(strings.Fields(string(b))[0], &lowest); n != 1 || err != nil {
			return nil, fmt.Errorf("ip_local_port_range: %q: %w", b, err)
		}
	}
	const first = 12000
	if lowest < first+1000 {
		return nil, fmt.Errorf("the kernel gives away ports from %d on; the installation needs %d below them", lowest, len(names))
	}
	out := map[string]int{}
	for tries := 0; len(out) < len(names); tries++ {
		if tries > 50*len(names) {
			return nil, fmt.Errorf("no %d free ports between %d and %d", len(names), first, lowest)
		}
		n := first + rand.IntN(lowest-first)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", n))
		if err != nil {
			continue
		}
		_ = l.Close()
		taken := false
		for _, had := range out {
			taken = taken || had == n
		}
		if !taken {
			out[names[len(out)]] = n
		}
	}
	return out, nil
}
