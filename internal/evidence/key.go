package evidence

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/plan"
)

// Fingerprint is how people compare public keys, on the telephone too.
func Fingerprint(vkey string) string {
	s := sha256.Sum256([]byte(strings.TrimSpace(vkey)))
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(s[:])
}

// Keys reads public keys, one a line, as `muster evidence key` prints them. Lines that begin
// with # are remarks.
func Keys(text string) ([]string, error) {
	var out []string
	for n, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if strings.HasPrefix(line, "PRIVATE+KEY+") {
			return nil, plan.Wrong("line %d is a private key, which nobody but the server should have: make a new one with `muster evidence rotate`", "%d行目は秘密鍵です。サーバー以外に渡してはいけません。`muster evidence rotate` で鍵を作り直してください", n+1)
		}
		if _, err := note.NewVerifier(line); err != nil {
			return nil, plan.Wrong("line %d is no public key of an evidence log (%v)", "%d行目は証拠台帳の公開鍵ではありません（%v）", n+1, err)
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		return nil, plan.Wrong("it holds no public key", "公開鍵がありません")
	}
	return out, nil
}
