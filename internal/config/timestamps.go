package config

import (
	"net/url"
	"regexp"
	"strings"
	"time"
)

// shortestStamps keeps a typing mistake from buying a stamp a second.
const shortestStamps = time.Minute

var oid = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]{0,8}))+$`)

func (c *Config) checkTimestamps(say wrong) {
	e := c.Evidence
	for i, at := range e.Timestamps {
		at = strings.TrimSpace(at)
		e.Timestamps[i] = at
		u, err := url.Parse(at)
		at = at[strings.LastIndex(at, "@")+1:] // what stands before may be a password
		switch {
		case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
			say("evidence.timestamps", "%q is no address such as https://tsa.example.jp/rfc3161", "%q は https://tsa.example.jp/rfc3161 のようなアドレスではありません", at)
		case u.User != nil:
			say("evidence.timestamps", "holds a user or a password; they go into evidence.timestamps_user and evidence.timestamps_password", "アドレスにユーザー名かパスワードが含まれています。evidence.timestamps_user と evidence.timestamps_password に書いてください")
		case u.Scheme == "http" && e.TimestampsPassword != "" && !loopback(u.Hostname()):
			say("evidence.timestamps", "%q would carry the password in the clear; use https", "%q ではパスワードが暗号化されずに送られます。https を使ってください", at)
		}
	}
	if len(e.Timestamps) > 0 {
		if e.TimestampsCAFile == "" {
			say("evidence.timestamps_ca_file", "is needed with evidence.timestamps: whoever verifies a stamp needs the authority's certificate too", "evidence.timestamps を指定する場合は必須です。検証する人にも同じ証明書が必要です")
		}
		if e.TimestampsEvery < shortestStamps {
			say("evidence.timestamps_every", "%s is too often; write 24h, or %s at least", "%s は短すぎます。24h、または %s 以上にしてください", e.TimestampsEvery, shortestStamps)
		}
	}
	if p := e.TimestampsPassword; p != "" && !strings.HasPrefix(p, "secret://") {
		say("evidence.timestamps_password", "is written as a reference, secret://env/NAME or secret://file/PATH, so that no secret stands in a file of settings", "secret://env/NAME か secret://file/PATH の参照で書いてください（設定ファイルに秘密情報を残さないため）")
	}
	if (e.TimestampsUser == "") != (e.TimestampsPassword == "") {
		say("evidence.timestamps_user", "and evidence.timestamps_password go together", "evidence.timestamps_password と両方指定してください")
	}
	if e.TimestampsPolicy != "" && !oid.MatchString(e.TimestampsPolicy) {
		say("evidence.timestamps_policy", "%q is no policy such as 1.2.3.4", "%q は 1.2.3.4 の形のポリシーではありません", e.TimestampsPolicy)
	}
}
