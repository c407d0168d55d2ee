// Package keyring encrypts what muster gives to the engine: AES-256-GCM under keys that
// only muster's own processes hold, each key with a name, so that keys can be changed while
// runs are open.
package keyring

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

const (
	keySize = 32 // AES-256
	// mostKeys bounds a keyring, which is one secret and as long as one may be.
	mostKeys = 200
	// longestID bounds a key's name: it is in clear beside everything that it encrypts.
	longestID = 64
)

// Key is one key. What it looks like is nobody's business: it has no exported content.
type Key struct {
	ID   string
	text string // as in the keyring
	aead cipher.AEAD
}

// Ring is a set of keys. All decrypt, Active encrypts.
type Ring struct {
	Active string
	Keys   []Key
}

// New makes a key. Its name is not to be used a second time: what was encrypted with another
// key of that name can't be read then.
func New(id string) (Key, error) {
	raw := make([]byte, keySize)
	if _, err := rand.Read(raw); err != nil {
		return Key{}, err
	}
	return newKey(id, base64.StdEncoding.EncodeToString(raw))
}

func newKey(id, text string) (Key, error) {
	if !isID(id) {
		return Key{}, plan.Wrong("%q is no name of a key: letters, digits, . _ and -, %d at most", "%q は鍵の名前に使えません。英数字と . _ - を%d文字以内で指定してください", id, longestID)
	}
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(raw) != keySize { // the error could hold a part of it
		return Key{}, plan.Wrong("key %s is not %d bytes in base64; make keys with `muster key new`", "鍵 %s が、base64で書いた%dバイトではありません。鍵は `muster key new` で作成してください", id, keySize)
	}
	block, err := aes.NewCipher(raw)
	if err != nil {
		return Key{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return Key{ID: id, text: text, aead: aead}, err
}

func isID(s string) bool {
	return s != "" && len(s) <= longestID && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == ""
}

// Fingerprint tells two keys of one name apart. The key can't be had from it.
func (k Key) Fingerprint() string {
	sum := sha256.Sum256([]byte("muster key fingerprint\n" + k.text))
	return hex.EncodeToString(sum[:6])
}

// Parse reads a keyring: a line `active ID` and a line `key ID BASE64` for each key. Its
// errors name lines and keys and hold nothing of what is secret.
func Parse(text string) (Ring, error) {
	var r Ring
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		words := strings.Fields(lines.Text())
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "active" && len(words) == 2 && r.Active == "":
			r.Active = words[1]
		case words[0] == "active" && r.Active != "":
			return Ring{}, plan.Wrong("line %d: a second active key; one encrypts", "%d行目: activeが二つあります。暗号化に使う鍵は一つです", n)
		case words[0] == "key" && len(words) == 3:
			k, err := newKey(words[1], words[2])
			if err != nil {
				return Ring{}, plan.Wrong("line %d: %s", "%d行目: %s", n, plan.SaidBy(err))
			}
			if _, twice := r.Key(k.ID); twice {
				return Ring{}, plan.Wrong("line %d: key %s is there twice", "%d行目: 鍵 %s が二つあります", n, k.ID)
			}
			r.Keys = append(r.Keys, k)
		default:
			return Ring{}, plan.Wrong("line %d is neither `active ID` nor `key ID BASE64`; make keyrings with `muster key new`", "%d行目が `active ID` でも `key ID BASE64` でもありません。鍵束は `muster key new` で作成してください", n)
		}
	}
	switch _, known := r.Key(r.Active); {
	case len(r.Keys) == 0:
		return Ring{}, plan.Wrong("there is no key in it; make one with `muster key new`", "鍵がありません。`muster key new` で作成してください")
	case len(r.Keys) > mostKeys:
		return Ring{}, plan.Wrong("it has %d keys, and %d at most are read; remove those that no history needs any more", "鍵が%d個あり、上限の%d個を超えています。どの履歴にも不要になった鍵を削除してください", len(r.Keys), mostKeys)
	case r.Active == "":
		return Ring{}, plan.Wrong("no line says which key is active; write `active ID`, or use `muster key activate ID`", "有効な鍵を示す行がありません。`active ID` と書くか、`muster key activate ID` を使ってください")
	case !known:
		return Ring{}, plan.Wrong("key %s is to be active and is not there; its keys: %s", "有効とされた鍵 %s がありません。ある鍵: %s", r.Active, strings.Join(r.IDs(), ", "))
	}
	return r, nil
}

// Key returns a key by its name.
func (r Ring) Key(id string) (Key, bool) {
	i := slices.IndexFunc(r.Keys, func(k Key) bool { return k.ID == id })
	if i < 0 {
		return Key{}, false
	}
	return r.Keys[i], true
}

// IDs are the names of its keys, in their order.
func (r Ring) IDs() []string {
	var ids []string
	for _, k := range r.Keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// Text is the keyring as Parse reads it. It is a secret.
func (r Ring) Text() string {
	var b strings.Builder
	b.WriteString("# Keys of muster. Whoever has this file reads the histories of all runs.\n# 訓練・対応の履歴を暗号化する鍵です。このファイルがあれば、すべての履歴を読めます。\n")
	fmt.Fprintf(&b, "active %s\n", r.Active)
	for _, k := range r.Keys {
		fmt.Fprintf(&b, "key %s %s\n", k.ID, k.text)
	}
	return b.String()
}
