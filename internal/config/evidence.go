package config

import (
	"net/url"
	"path/filepath"
	"strings"
	"time"
)

// Evidence is how long records are kept, and where copies of what was sealed go.
type Evidence struct {
	KeepA     time.Duration `mapstructure:"keep_a"`
	KeepB     time.Duration `mapstructure:"keep_b"`
	KeepC     time.Duration `mapstructure:"keep_c"`
	Audit     string        `mapstructure:"audit"` // a date, or ""
	CopyTo    []string      `mapstructure:"copy_to"`
	AccessKey string        `mapstructure:"s3_access_key"`
	SecretKey string        `mapstructure:"s3_secret_key"`
	CAFile    string        `mapstructure:"s3_ca_file"`
	Lock      time.Duration `mapstructure:"s3_lock"`

	Timestamps         []string      `mapstructure:"timestamps"` // addresses of authorities
	TimestampsEvery    time.Duration `mapstructure:"timestamps_every"`
	TimestampsCAFile   string        `mapstructure:"timestamps_ca_file"`
	TimestampsUser     string        `mapstructure:"timestamps_user"`
	TimestampsPassword string        `mapstructure:"timestamps_password"`
	TimestampsPolicy   string        `mapstructure:"timestamps_policy"`
}

// NextAudit is when the next regular internal audit is over: the end of its day. Zero is none.
func (e Evidence) NextAudit() time.Time {
	day, err := time.ParseInLocation(time.DateOnly, e.Audit, time.Local)
	if err != nil {
		return time.Time{}
	}
	return day.AddDate(0, 0, 1)
}

// EvidenceDir is where the log, its key and what is sealed lie.
func (c Config) EvidenceDir() string { return filepath.Join(c.Data, "seal") }

// shortestKeep is how long a record is kept at least, where that is limited at all.
const shortestKeep = 365 * 24 * time.Hour

func (c *Config) checkEvidence(say wrong) {
	e := c.Evidence
	for key, keep := range map[string]time.Duration{"evidence.keep_a": e.KeepA, "evidence.keep_b": e.KeepB, "evidence.keep_c": e.KeepC} {
		if keep != 0 && keep < shortestKeep {
			say(key, "%s is less than a year, for which records are kept at least; write 8760h or more, or 0s for ever", "%s は1年未満です。記録の保存期間は最短1年です。8760h 以上にするか、無期限なら 0s にしてください", keep)
		}
	}
	if e.Audit != "" && e.NextAudit().IsZero() {
		say("evidence.audit", "%q is no date such as 2027-03-31", "%q は 2027-03-31 のような日付ではありません", e.Audit)
	}
	if e.Lock < 0 {
		say("evidence.s3_lock", "%s is before the copy; write a span such as 8760h, or 0s", "%s は複製より前になります。8760h のような期間か、0s を書いてください", e.Lock)
	}
	c.checkTimestamps(say)
	buckets := false
	for _, place := range e.CopyTo {
		u, err := url.Parse(place)
		switch {
		case err != nil:
			say("evidence.copy_to", "%q is neither a folder nor an address", "%q はフォルダーでもアドレスでもありません", place)
		case u.Scheme == "s3":
			buckets = true
			if u.Host == "" || u.Query().Get("endpoint") == "" {
				say("evidence.copy_to", "%q: write s3://BUCKET/PREFIX?endpoint=https://HOST", "%q は s3://BUCKET/PREFIX?endpoint=https://HOST の形で書いてください", place)
			}
		case u.Scheme != "" && u.Scheme != "file":
			say("evidence.copy_to", "%q: places are folders and s3://", "%q は使えません。指定できるのはフォルダーと s3:// です", place)
		case u.Path == "":
			say("evidence.copy_to", "%q names no folder", "%q はフォルダーを指していません", place)
		}
	}
	for key, v := range map[string]string{"evidence.s3_access_key": e.AccessKey, "evidence.s3_secret_key": e.SecretKey} {
		switch {
		case v != "" && !strings.HasPrefix(v, "secret://"):
			say(key, "is written as a reference, secret://env/NAME or secret://file/PATH, so that no secret stands in a file of settings", "secret://env/NAME か secret://file/PATH の参照で書いてください（設定ファイルに秘密情報を残さないため）")
		case v == "" && buckets:
			say(key, "is needed for the s3:// places of evidence.copy_to", "evidence.copy_to に s3:// を指定する場合は必須です")
		}
	}
}
