package cloud

import (
	"cmp"
	"fmt"
	"strings"
)

// words say for each reason, in English and Japanese, what is wrong and the way out. The place is for what was said.
var words = map[string][2]string{
	Form: {"this reference names no secret%s. Write secret://aws/NAME-OR-ARN#FIELD, secret://gcp/PROJECT/SECRET/VERSION#FIELD or secret://azure/VAULT/SECRET#FIELD; #FIELD and /VERSION may be left out",
		"参照として正しくありません%s。secret://aws/名前またはARN#項目、secret://gcp/プロジェクト/名前/版#項目、secret://azure/Vault/名前#項目 の形で書いてください（#項目 と /版 は省略できます）"},
	Settings:    {"the settings for this store do not suffice%s", "このストアの設定が不足しています%s"},
	Credentials: {"the store does not know us, or we have no credentials%s. Give this user or machine a role, or set the credentials in its environment", "ストアにサインインできません%s。このユーザーまたはマシンにロールを割り当てるか、環境変数で認証情報を設定してください"},
	Denied:      {"the store does not let us read it%s. Grant us the right to read it there", "ストアに拒否されました%s。ストア側で読み取り権限を付与してください"},
	Missing:     {"the store has nothing there, or it is disabled or deleted%s. Look at its name, region or vault", "ストアにデータがないか、無効化または削除されています%s。名前、リージョン、Vaultを確認してください"},
	Busy:        {"the store has been asked too often%s. Wait a minute and try again", "ストアの呼び出し回数が上限を超えました%s。1分ほど待って再試行してください"},
	Away:        {"the store can't be reached or does not serve%s. Look at the network, the proxy and the certificates from here to it", "ストアに接続できないか、応答がありません%s。ここからストアまでのネットワーク、プロキシ、証明書を確認してください"},
	Unreadable:  {"the store's answer can't be read%s. Look whether a proxy answers in its place", "ストアの応答を読み取れません%s。プロキシが代わりに応答していないか確認してください"},
	Field:       {"there is no text in that field%s. #FIELD is a key of a JSON object, whose value is a text", "その項目に文字列がありません%s。#項目 には、JSONオブジェクトのキーのうち値が文字列のものを指定してください"},
	Binary:      {"what is kept there is no text (UTF-8)%s. Keep it there as text", "保存されている値は文字列（UTF-8）ではありません%s。文字列として保存してください"},
}

// In says to people what came of a reference, in English, or in Japanese where lang is ja. It never has the value.
func (a Answer) In(lang, ref string) string {
	at, open, end, colon, ok := 0, " (", ")", ": ", "%s can be read"
	said := a.Said
	if lang == "ja" {
		at, open, end, colon, ok = 1, "（", "）", "：", "%s は読み取れます"
		said = cmp.Or(a.SaidJA, a.Said)
	}
	if a.Why == "" {
		return fmt.Sprintf(ok, ref)
	}
	if said != "" {
		said = open + said + end
	}
	return ref + colon + fmt.Sprintf(words[cmp.Or(known(a.Why), Unreadable)][at], said)
}

func known(why string) string {
	if _, ok := words[why]; ok {
		return why
	}
	return ""
}

// Lang is the language that an environment asks for, as muster takes it: en or ja.
func Lang(getenv func(string) string) string {
	if strings.HasPrefix(cmp.Or(getenv("MUSTER_LANG"), getenv("LC_ALL"), getenv("LC_MESSAGES"), getenv("LANG")), "ja") {
		return "ja"
	}
	return "en"
}
