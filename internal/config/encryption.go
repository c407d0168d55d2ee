package config

import (
	"net/url"
	"strings"
)

// Encryption is how what is given to the engine is encrypted.
type Encryption struct {
	// Keyring is the reference to the keys; "" encrypts nothing.
	Keyring string `mapstructure:"keyring"`
	// UIOrigins are the pages that may have histories decrypted in a browser.
	UIOrigins []string `mapstructure:"ui_origins"`
}

func encryptionKeys() []Key {
	return []Key{
		{"encryption.keyring", "", "keys that encrypt what is given to the engine (histories), as a reference such as secret://file/etc/muster/keyring; the same in every process; empty encrypts nothing. Made with `muster key new`", "エンジンに渡すデータ (履歴) を暗号化する鍵束。secret://file/etc/muster/keyring などの参照で書く。全プロセスで同じものを使う。空なら暗号化しない。`muster key new` で作成する"},
		{"encryption.ui_origins", "", "where your Temporal UI is, comma-separated, as in https://temporal.example.com: its pages may ask this server's /codec to decrypt, for people who are signed in and may audit; that of `muster up` need not be named", "Temporal UIのオリジン (カンマ区切り、例 https://temporal.example.com)。監査権限を持ちサインイン済みの人のために、そのページから /codec での復号を許可する。`muster up` のUIは指定不要"},
	}
}

// checkEncryption judges where the keys are.
func (c Config) checkEncryption(say wrong) {
	if ref := c.Encryption.Keyring; ref != "" && !strings.HasPrefix(ref, "secret://") {
		// It may be the keyring itself, so it is not repeated.
		say("encryption.keyring", "is written as a reference, such as secret://file/etc/muster/keyring, so that no key stands in a file of settings", "secret://file/etc/muster/keyring のような参照で書いてください（設定ファイルに鍵を残さないため）")
	}
	for _, o := range c.Encryption.UIOrigins {
		if u, err := url.Parse(o); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || o != u.Scheme+"://"+u.Host {
			say("encryption.ui_origins", "%q is no origin such as https://temporal.example.com, without a path", "%q は https://temporal.example.com のような（パスのない）オリジンではありません", o)
		}
	}
}
