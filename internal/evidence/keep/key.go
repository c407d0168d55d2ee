package keep

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/wholefile"
)

// Files of the folder.
const (
	fileKey    = "key"      // private, 0600
	filePublic = "key.pub"  // that of the key in use
	fileAll    = "keys.pub" // every public key that there was, oldest first
	dirLog     = "log"
	dirSealed  = "sealed"
	dirSalts   = "salts"
	dirOutbox  = "outbox"
)

// key is what checkpoints are signed with.
type key struct {
	signer note.Signer
	public string
}

// loadKey reads the key, or makes one at the first start. It refuses one that others may
// read, as ssh does. A log without its key gets no new one: its checkpoints would be of
// another log.
func loadKey(dir string) (key, error) {
	path := filepath.Join(dir, fileKey)
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(dir, dirLog, "checkpoint")); err == nil {
			return key{}, fmt.Errorf("%s: the key of the log beside it is gone; put it back from a copy, or move %s away to begin a new log", path, dir)
		}
		name := make([]byte, 4)
		if _, err := rand.Read(name); err != nil {
			return key{}, err
		}
		return newKey(dir, "muster-evidence-"+hex.EncodeToString(name))
	}
	if err != nil {
		return key{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return key{}, fmt.Errorf("%s: others may read this key (mode %04o): chmod 600, and `muster evidence rotate` if somebody may have", path, info.Mode().Perm())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return key{}, err
	}
	signer, err := note.NewSigner(strings.TrimSpace(string(b)))
	if err != nil {
		return key{}, fmt.Errorf("%s: this is no key of an evidence log: %w", path, err)
	}
	public, err := os.ReadFile(filepath.Join(dir, filePublic))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return key{}, err
	}
	k := key{signer, strings.TrimSpace(string(public))}
	v, err := note.NewVerifier(k.public)
	if err != nil || v.Name() != signer.Name() || v.KeyHash() != signer.KeyHash() {
		// Whoever wrote the two files was killed in between: the list of all has the right one.
		k.public, err = publicOf(dir, signer)
	}
	if err != nil {
		return key{}, fmt.Errorf("%s: %w", filepath.Join(dir, filePublic), err)
	}
	return k, writeFile(filepath.Join(dir, filePublic), []byte(k.public+"\n"), 0o644)
}

func publicOf(dir string, s note.Signer) (string, error) {
	all, err := publicKeys(dir)
	if err != nil {
		return "", err
	}
	for _, p := range all {
		if v, err := note.NewVerifier(p); err == nil && v.Name() == s.Name() && v.KeyHash() == s.KeyHash() {
			return p, nil
		}
	}
	return "", errors.New("it is not the public half of the key beside it; put both back from one copy")
}

// nextKey is a key that is not in use yet.
type nextKey struct {
	key
	private string
}

// makeNext makes a key. Its public half is on disk first, so that nothing is ever signed by a
// key of which nobody knows the public half.
func makeNext(dir, name string) (nextKey, error) {
	private, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		return nextKey{}, err
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		return nextKey{}, err
	}
	all, err := publicKeys(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nextKey{}, err
	}
	list := strings.Join(append(all, public), "\n") + "\n"
	return nextKey{key{signer, public}, private}, writeFile(filepath.Join(dir, fileAll), []byte(list), 0o644)
}

// install takes it into use.
func (n nextKey) install(dir string) error {
	if err := writeFile(filepath.Join(dir, fileKey), []byte(n.private+"\n"), 0o600); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, filePublic), []byte(n.public+"\n"), 0o644)
}

func newKey(dir, name string) (key, error) {
	n, err := makeNext(dir, name)
	if err != nil {
		return key{}, err
	}
	return n.key, n.install(dir)
}

func publicKeys(dir string) ([]string, error) {
	b, err := os.ReadFile(filepath.Join(dir, fileAll))
	if err != nil {
		return nil, err
	}
	return evidence.Keys(string(b))
}

// PublicKey reads the public keys of a folder of evidence: that in use, and all that there
// were, oldest first.
func PublicKey(dir string) (inUse string, all []string, err error) {
	b, err := os.ReadFile(filepath.Join(dir, filePublic))
	if err != nil {
		return "", nil, err
	}
	all, err = publicKeys(dir)
	return strings.TrimSpace(string(b)), all, err
}

// writeFile puts a file in place whole, on disk when it returns.
func writeFile(path string, b []byte, mode fs.FileMode) error {
	if old, err := os.ReadFile(path); err == nil && string(old) == string(b) {
		return nil
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		_ = os.Remove(path + ".new")
		return err
	}
	return wholefile.SyncDir(filepath.Dir(path))
}
