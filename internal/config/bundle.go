package config

import "strings"

// Bundling is whom break-glass bundles are encrypted to.
type Bundling struct {
	Recipients []string `mapstructure:"recipients"`
	// Passphrase is a reference; it takes the place of Recipients.
	Passphrase string `mapstructure:"passphrase"`
}

func bundleKeys() []Key {
	return []Key{
		{"bundle.recipients", "", "public keys, age1..., whose owners can open break-glass bundles, comma-separated; `muster bundle key FILE` makes a pair", "非常時持出パッケージを開ける公開鍵 age1... (カンマ区切り)。鍵は `muster bundle key ファイル` で作成する"},
		{"bundle.passphrase", "", "passphrase that opens break-glass bundles, in place of keys, as secret://file/PATH or another reference", "公開鍵の代わりに使う、非常時持出パッケージのパスフレーズ。secret://file/PATH などの参照で書く"},
	}
}

func (c Config) checkBundle(say wrong) {
	if c.Bundle.Passphrase != "" && !strings.HasPrefix(c.Bundle.Passphrase, "secret://") {
		say("bundle.passphrase", "is written as a reference, such as secret://file/etc/muster/bundle-passphrase, so that it does not stand in a file of settings", "secret://file/etc/muster/bundle-passphrase のような参照で書いてください（設定ファイルに秘密情報を残さないため）")
	}
	if c.Bundle.Passphrase != "" && len(c.Bundle.Recipients) > 0 {
		say("bundle.passphrase", "stands beside bundle.recipients; a bundle is opened with keys or with a passphrase: leave one out", "bundle.recipients と併用できません。どちらか一方にしてください")
	}
	for _, r := range c.Bundle.Recipients {
		if !strings.HasPrefix(r, "age1") { // a secret key may stand here by mistake, so it is not repeated
			say("bundle.recipients", "holds something that is no public key such as age1...; `muster bundle key FILE` makes a pair and prints the public half", "age1... の形の公開鍵ではないものが含まれています。`muster bundle key ファイル` で鍵を作成すると公開鍵が表示されます")
			break
		}
	}
}
