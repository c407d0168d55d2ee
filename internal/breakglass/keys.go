package breakglass

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"

	"filippo.io/age"
	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/plan"
)

// shortestPassphrase: whoever has the stick may try for years.
const shortestPassphrase = 16

// Recipients are whom an archive is encrypted to: keys, or one passphrase.
func Recipients(keys []string, passphrase string) ([]age.Recipient, error) {
	if passphrase != "" {
		if len(keys) > 0 {
			return nil, plan.Wrong("a bundle is opened with keys or with a passphrase, not with both: leave one out", "鍵とパスフレーズは併用できません。どちらか一方にしてください")
		}
		if len([]rune(passphrase)) < shortestPassphrase {
			return nil, plan.Wrong("the passphrase has fewer than %d characters: whoever finds the stick may try for years. Take some words, such as six that were drawn", "パスフレーズが%d文字未満です。媒体を拾った人は何年でも試せます。無作為に選んだ単語を6つ並べるなどしてください", shortestPassphrase)
		}
		r, err := age.NewScryptRecipient(passphrase)
		if err != nil {
			return nil, err
		}
		return []age.Recipient{r}, nil
	}
	var out []age.Recipient
	for _, k := range keys {
		if strings.HasPrefix(strings.ToUpper(k), "AGE-SECRET-KEY-") {
			return nil, plan.Wrong("a secret key stands among the recipients: anybody who reads the settings could open the bundle; make a new one with `muster bundle key FILE` and write its public half, age1...", "宛先に秘密鍵が書かれています。設定を読める人がパッケージを開けてしまいます。`muster bundle key ファイル` で作り直し、公開鍵（age1...）を書いてください")
		}
		r, err := age.ParseX25519Recipient(strings.TrimSpace(k))
		if err != nil {
			return nil, plan.Wrong("%q is no public key such as age1...; `muster bundle key FILE` makes a pair", "%q は age1... の形の公開鍵ではありません。`muster bundle key ファイル` で鍵を作成できます", k)
		}
		out = append(out, r)
	}
	return out, nil
}

// ByPassphrase opens what was encrypted to a passphrase.
func ByPassphrase(passphrase string) ([]age.Identity, error) {
	if passphrase == "" {
		return nil, plan.Wrong("the passphrase is empty", "パスフレーズが空です")
	}
	id, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, err
	}
	id.SetMaxWorkFactor(20)
	return []age.Identity{id}, nil
}

// ByFile opens what was encrypted to a key in a file, which its owner alone may read.
func ByFile(path string) ([]age.Identity, error) {
	b, err := Private(path)
	if err != nil {
		return nil, err
	}
	ids, err := age.ParseIdentities(bytes.NewReader(b))
	if err != nil {
		return nil, plan.Wrong("%s holds no key such as AGE-SECRET-KEY-1...", "%s に AGE-SECRET-KEY-1... の形の鍵がありません", path)
	}
	return ids, nil
}

// Private reads a small file that others may not read.
func Private(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > 64<<10 {
		return nil, plan.Wrong("%s is no file with a key or a passphrase", "%s は鍵またはパスフレーズのファイルではありません", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, plan.Wrong("others may read %s (mode %04o): chmod 600 %[1]s", "%s を他のユーザーが読めます（モード %04o）。chmod 600 %[1]s を実行してください", path, info.Mode().Perm())
	}
	return os.ReadFile(path)
}

// NewFile makes a key in a new file, and returns its public half.
func NewFile(path string) (string, error) {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return "", plan.Wrong("%s is there already, and is left as it is: what was encrypted to it could not be opened any more", "%s はすでに存在するため、変更しません（上書きすると、その鍵で暗号化したものを開けなくなります）", path)
	}
	if err != nil {
		return "", err
	}
	_, err = f.WriteString("# muster break-glass, public: " + id.Recipient().String() + "\n" + id.String() + "\n")
	return id.Recipient().String(), errors.Join(err, f.Sync(), f.Close())
}

// OwnKey makes the key of the log that is begun with an archive.
func OwnKey(id string) (private, public string, err error) {
	return note.GenerateKey(rand.Reader, "muster-evidence-"+id)
}

// LogName is the name of that log.
func LogName(id string) string { return "muster-evidence-" + id }

// ByPassphraseOnly reports whether a file was encrypted to a passphrase.
func ByPassphraseOnly(file string) (bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return false, err
	}
	defer f.Close()
	head := make([]byte, 256)
	n, err := f.Read(head)
	if err != nil {
		return false, inWords(err)
	}
	text := string(head[:n])
	if !strings.HasPrefix(text, "age-encryption.org/") {
		return false, plan.Wrong("this is no file that `muster bundle` made", "`muster bundle` で作成したファイルではありません")
	}
	return strings.Contains(text, "\n-> scrypt "), nil
}
