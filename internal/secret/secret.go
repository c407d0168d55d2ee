// Package secret resolves the references that files hold in place of secrets, on the
// site worker and at the moment of use, and keeps the values out of everything that
// is written down.
package secret

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// Scheme begins every reference: secret://env/NAME, secret://file/path, secret://systemd/NAME,
// secret://vault/MOUNT/PATH#FIELD.
const Scheme = "secret://"

const (
	// minLength: a shorter value can't be removed from outputs without ruining them.
	minLength = 4
	maxLength = 64 << 10
)

// Resolver gives the value behind a reference. Its errors name the reference and
// never hold the value.
type Resolver interface {
	Resolve(ctx context.Context, ref string) (string, error)
}

// IsRef reports whether s is a reference to a secret.
func IsRef(s string) bool { return strings.HasPrefix(s, Scheme) }

// FileOf is the file that a reference names on the worker's machine, if it names one.
func FileOf(ref string) (path string, ok bool) {
	name, ok := strings.CutPrefix(ref, Scheme+"file/")
	return "/" + strings.TrimLeft(name, "/"), ok
}

// Stores resolves what Local does, and secret://vault/MOUNT/PATH#FIELD when there is a Vault.
type Stores struct{ Vault *Vault }

// Resolve reads the secret now, from where it is kept.
func (s Stores) Resolve(ctx context.Context, ref string) (string, error) {
	if !strings.HasPrefix(ref, Scheme+"vault/") {
		return Local{}.Resolve(ctx, ref)
	}
	if s.Vault == nil {
		return "", plan.Wrong("%s: this process knows no vault; set vault.address in its muster.yaml", "%s: このプロセスにはVaultの設定がありません。muster.yamlで vault.address を設定してください", ref)
	}
	value, err := s.Vault.Resolve(ctx, ref)
	if err != nil {
		return "", err
	}
	return bounded(ref, value)
}

// Local resolves secret://env/NAME from the worker's environment, secret://file/PATH from the
// file /PATH on the worker's machine and secret://systemd/NAME from the credentials that
// systemd gave to its service (LoadCredential=, LoadCredentialEncrypted=). A file that everybody
// may read is refused; one line end at its end does not belong to the value.
type Local struct{}

func (Local) Resolve(_ context.Context, ref string) (string, error) {
	rest, ok := strings.CutPrefix(ref, Scheme)
	if !ok {
		// The value itself may stand here by mistake, so it is not repeated.
		return "", errors.New("a secret is given by reference: secret://env/NAME, secret://file/path, secret://systemd/NAME or secret://vault/MOUNT/PATH#FIELD")
	}
	store, name, _ := strings.Cut(rest, "/")
	if name == "" {
		return "", fmt.Errorf("%s names nothing; write secret://env/NAME or secret://file/path", ref)
	}
	var value string
	var err error
	switch store {
	case "env":
		value, ok = os.LookupEnv(name)
		if !ok {
			err = fmt.Errorf("%s: the site worker's environment has no %s", ref, name)
		}
	case "file":
		file, _ := FileOf(ref)
		value, err = readFile(ref, file)
	case "systemd":
		value, err = credential(ref, name)
	default:
		err = fmt.Errorf("%s: there is no secret store %q; there are env, file, systemd and vault", ref, store)
	}
	if err != nil {
		return "", err
	}
	return bounded(ref, value)
}

// credential reads one of those that systemd hands to a service.
func credential(ref, name string) (string, error) {
	dir := os.Getenv("CREDENTIALS_DIRECTORY")
	switch {
	case strings.ContainsAny(name, "/\\") || name == "..":
		return "", fmt.Errorf("%s: a credential's name has no slash", ref)
	case dir == "":
		return "", fmt.Errorf("%s: systemd gave this process no credentials; add LoadCredential=%s:/path to its unit", ref, name)
	}
	value, err := readFile(ref, filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%s: systemd gave this process no credential %s; add LoadCredential=%s:/path to its unit", ref, name, name)
	}
	return value, err
}

// bounded refuses values that are no secrets.
func bounded(ref, value string) (string, error) {
	switch {
	case len(value) < minLength:
		return "", fmt.Errorf("%s holds fewer than %d characters; so short a secret can't be kept out of outputs: choose a longer one", ref, minLength)
	case len(value) > maxLength:
		return "", fmt.Errorf("%s holds more than %d bytes; that is no secret", ref, maxLength)
	}
	return value, nil
}

func readFile(ref, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("%s: %w", ref, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("%s: %w", ref, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s: %s is no regular file", ref, path)
	}
	if info.Mode().Perm()&0o004 != 0 {
		return "", fmt.Errorf("%s: everybody on this machine may read %s; run: chmod o-rwx %s", ref, path, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxLength+2))
	if err != nil {
		return "", fmt.Errorf("%s: %w", ref, err)
	}
	value := strings.TrimSuffix(string(b), "\n")
	return strings.TrimSuffix(value, "\r"), nil
}
