package config

import "strings"

// Encryption is how what is given to the engine is encrypted.
type Encryption struct {
	// Keyring is the reference to the keys; "" encrypts nothing.
	Keyring string `mapstructure:"keyring"`
}

func encryptionKeys() []Key {
	return []Key{
		{"encryption.keyring", "", "keys that encrypt what is given to the engine (histories), as a reference such as secret://file/etc/muster/keyring; the same in every process; empty encrypts nothing. Made with `muster key new`", "エンジンに渡すデータ (履歴) を暗号化する鍵束。secret://file/etc/muster/keyring などの参照で書く。全プロセスで同じものを使う。空なら暗号化しない。`muster key new` で作成する"},
	}
}

// checkEncryption judges where the keys are.
func (c Config) checkEncryption(say wrong) {
	if ref := c.Encryption.Keyring; ref != "" && !strings.HasPrefix(ref, "secret://") {
		// It may be the keyring itself, so it is not repeated.
		say("encryption.keyring", "is written as a reference, such as secret://file/etc/muster/keyring, so that no key stands in a file of settings", "secret://file/etc/muster/keyring のような参照で書いてください（設定ファイルに鍵を残さないため）")
	}
}
