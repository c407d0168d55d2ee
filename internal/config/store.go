package config

import (
	"net/url"
	"strings"
)

func storeKeys() []Key {
	return []Key{
		{"store_password", "", "password of the record store's user in PostgreSQL, as secret://env/NAME or secret://file/PATH; empty looks in PGPASSFILE", "PostgreSQLの記録の保存先に接続するユーザーのパスワード。secret://env/NAME か secret://file/PATH で書く。空なら PGPASSFILE を見る"},
	}
}

// checkStore judges where records are kept. A password in the address is not repeated.
func (c Config) checkStore(say wrong) {
	if strings.HasPrefix(c.Store, "postgres://") || strings.HasPrefix(c.Store, "postgresql://") {
		u, err := url.Parse(c.Store)
		if err != nil {
			say("store", "is no address such as postgres://muster@db1.example.jp:5432,db2.example.jp:5432/muster", "postgres://muster@db1.example.jp:5432,db2.example.jp:5432/muster の形で書いてください")
		} else if _, has := u.User.Password(); has || u.Query().Has("password") {
			say("store", "holds a password, which processes, logs and copies of this file would show; leave it out and write store_password: secret://file/PATH", "パスワードを書かないでください（プロセス一覧やログ、ファイルのコピーから漏れます）。代わりに store_password: secret://file/PATH を書いてください")
		}
	}
	if c.StorePassword != "" && !strings.HasPrefix(c.StorePassword, "secret://") {
		say("store_password", "is written as a reference, secret://env/NAME or secret://file/PATH, so that no secret stands in a file of settings", "secret://env/NAME か secret://file/PATH の参照で書いてください（設定ファイルに秘密情報を残さないため）")
	}
}
