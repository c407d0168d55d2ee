// Package secret resolves the references that files hold in place of secrets, on the
// site worker and at the moment of use, and keeps the values out of everything that
// is written down.
package secret

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// Scheme begins every reference: secret://env/NAME, secret://file/path, secret://systemd/NAME,
// secret://vault/MOUNT/PATH#FIELD, secret://aws/NAME#FIELD, secret://gcp/PROJECT/SECRET#FIELD,
// secret://azure/VAULT/SECRET#FIELD.
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

// OnMachine reports whether a reference is read from the worker's own machine, as Local does.
func OnMachine(ref string) bool {
	_, cloud := inCloud(ref)
	return !cloud && !strings.HasPrefix(ref, Scheme+"vault/")
}

// Stores resolves what Local does, secret://vault/MOUNT/PATH#FIELD when there is a Vault, and what the clouds keep.
type Stores struct {
	Vault *Vault
	Cloud *Cloud // nil asks each time, with the program that lies beside this one
}

// Resolve reads the secret now, from where it is kept.
func (s Stores) Resolve(ctx context.Context, ref string) (string, error) {
	if _, ok := inCloud(ref); ok {
		if s.Cloud == nil {
			s.Cloud = NewCloud(CloudOptions{})
		}
		value, err := s.Cloud.Resolve(ctx, ref)
		if err != nil {
			return "", err
		}
		return bounded(ref, value)
	}
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
		return "", plan.Wrong("a secret is given by reference: secret://env/NAME, secret://file/path, secret://systemd/NAME, secret://vault/MOUNT/PATH#FIELD, secret://aws/NAME, secret://gcp/PROJECT/SECRET or secret://azure/VAULT/SECRET",
			"秘密情報は参照で書いてください: secret://env/NAME、secret://file/path、secret://systemd/NAME、secret://vault/MOUNT/PATH#FIELD、secret://aws/NAME、secret://gcp/PROJECT/SECRET、secret://azure/VAULT/SECRET")
	}
	store, name, _ := strings.Cut(rest, "/")
	if name == "" {
		return "", plan.Wrong("%s names nothing; write secret://env/NAME or secret://file/path", "%s は何も指していません。secret://env/NAME か secret://file/path の形で書いてください", ref)
	}
	var value string
	var err error
	switch store {
	case "env":
		value, ok = os.LookupEnv(name)
		if !ok {
			err = plan.Wrong("%s: the environment of this process has no %s", "%s: このプロセスの環境変数に %s がありません", ref, name)
		}
	case "file":
		file, _ := FileOf(ref)
		value, err = readFile(ref, file)
	case "systemd":
		value, err = credential(ref, name)
	case "vault", "aws", "gcp", "azure":
		err = plan.Wrong("%s: what is needed to reach other stores can't be kept in one; write secret://file/PATH, secret://systemd/NAME or secret://env/NAME", "%s: ほかの保管先に接続するための値は、secret://file/PATH、secret://systemd/NAME、secret://env/NAME のいずれかで指定してください", ref)
	default:
		err = plan.Wrong("%s: there is no secret store %q; there are env, file, systemd, vault, aws, gcp and azure", "%s: 秘密情報の保管先 %q はありません。env、file、systemd、vault、aws、gcp、azure から選んでください", ref, store)
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
		return "", plan.Wrong("%s: a credential's name has no slash", "%s: クレデンシャルの名前にスラッシュは使えません", ref)
	case dir == "":
		return "", plan.Wrong("%s: systemd gave this process no credentials; add LoadCredential=%s:/path to its unit", "%s: systemdからクレデンシャルを渡されていません。ユニットに LoadCredential=%s:/path を追加してください", ref, name)
	}
	value, err := readFile(ref, filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", plan.Wrong("%s: systemd gave this process no credential %s; add LoadCredential=%s:/path to its unit", "%s: systemdからクレデンシャル %s を渡されていません。ユニットに LoadCredential=%s:/path を追加してください", ref, name, name)
	}
	return value, err
}

// bounded refuses values that are no secrets.
func bounded(ref, value string) (string, error) {
	switch {
	case len(value) < minLength:
		return "", plan.Wrong("%s holds fewer than %d characters; so short a secret can't be kept out of outputs: choose a longer one", "%s は%d文字未満です。短い秘密情報は出力から取り除けません。より長いものにしてください", ref, minLength)
	case len(value) > maxLength:
		return "", plan.Wrong("%s holds more than %d bytes; that is no secret", "%s は%dバイトを超えています。秘密情報ではありません", ref, maxLength)
	}
	return value, nil
}

func readFile(ref, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", plan.Caused(err, "%s can't be read", "%s を読み取れません", ref)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", plan.Caused(err, "%s can't be read", "%s を読み取れません", ref)
	}
	if !info.Mode().IsRegular() {
		return "", plan.Wrong("%s: %s is no regular file", "%s: %s は通常のファイルではありません", ref, path)
	}
	if info.Mode().Perm()&0o004 != 0 {
		return "", plan.Wrong("%s: everybody on this machine may read %s; run: chmod o-rwx %s", "%s: %s はこのマシンの全員が読めます。次を実行してください: chmod o-rwx %s", ref, path, path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxLength+2))
	if err != nil {
		return "", plan.Caused(err, "%s can't be read", "%s を読み取れません", ref)
	}
	value := strings.TrimSuffix(string(b), "\n")
	return strings.TrimSuffix(value, "\r"), nil
}
