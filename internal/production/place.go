package production

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/freeport"
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

// ports are free ones for the parts, by name.
func ports(names ...string) (map[string]int, error) {
	free, err := freeport.Several(len(names))
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for n, name := range names {
		out[name] = free[n]
	}
	return out, nil
}
