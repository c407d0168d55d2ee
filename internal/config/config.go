// Package config is what an installation is set to: flags before MUSTER_* before
// muster.yaml before the defaults that Keys documents.
package config

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
)

// Config is the settings of one process. Paths are relative to the working directory.
type Config struct {
	File string `mapstructure:"-"` // the muster.yaml that was read; "" when there is none

	Data  string `mapstructure:"data"`
	Plans string `mapstructure:"plans"`
	Store string `mapstructure:"store"`
	// StorePassword is a reference to the password of the store's user.
	StorePassword string `mapstructure:"store_password"`
	Listen        string `mapstructure:"listen"`
	Server        string `mapstructure:"server"`
	// PublicURL is where browsers find the board and links lead to; "" is http://Listen.
	PublicURL string `mapstructure:"public_url"`
	// InsecureHTTP allows what InClear reports, Hosts are further names of the server.
	InsecureHTTP bool `mapstructure:"insecure_http"`
	// TLS is the server's own; without it the server speaks HTTP.
	TLS HTTPS `mapstructure:"tls"`
	// ServerCAFile is whom the commands believe who the server is.
	ServerCAFile string   `mapstructure:"server_ca_file"`
	Hosts        []string `mapstructure:"hosts"`
	Token        string   `mapstructure:"token"`
	TokenFile    string   `mapstructure:"token_file"`
	Person       string   `mapstructure:"person"`
	Site         string   `mapstructure:"site"`
	// Sites are those that `muster up` works for itself; none is all of the estate's.
	Sites  []string `mapstructure:"sites"`
	Policy string   `mapstructure:"policy"`
	// HealthListen is where a site worker answers whether it works; "" is nowhere.
	HealthListen string `mapstructure:"health_listen"`
	Lang         string `mapstructure:"lang"`
	Engine       string `mapstructure:"engine"`
	// Font is a TrueType font or its folder, for PDF; "" looks in the system's folders.
	Font string `mapstructure:"font"`
	// CheckEvery is how often the server checks every scenario's readiness by itself.
	CheckEvery time.Duration `mapstructure:"check_every"`
	Log        Log           `mapstructure:"log"`
	People     People        `mapstructure:"people"`
	Gateway    Gateway       `mapstructure:"gateway"`
	Temporal   Temporal      `mapstructure:"temporal"`
	// Alarms are the sources of alarms. Only a file can name them.
	Alarms   []Alarm  `mapstructure:"-"`
	Mail     Mail     `mapstructure:"mail"`
	Slack    Slack    `mapstructure:"slack"`
	Webhook  Webhook  `mapstructure:"webhook"`
	Identity Identity `mapstructure:"identity"`
	Security Security `mapstructure:"security"`
	Metrics  Metrics  `mapstructure:"metrics"`
	Evidence Evidence `mapstructure:"evidence"`
	Findings Findings `mapstructure:"findings"`

	Encryption Encryption `mapstructure:"encryption"`
	Vault      Vault      `mapstructure:"vault"`
	Cloud      Cloud      `mapstructure:"cloud"`
	Bundle     Bundling   `mapstructure:"bundle"`

	// Written are the settings that are not the defaults, as text, from wherever they came.
	Written map[string]string `mapstructure:"-"`
	// Strays are variables of the environment that look like settings and are none, in words.
	Strays []plan.Text `mapstructure:"-"`
	// Carried is the file with the secrets that a break-glass bundle brought along; "" is none.
	Carried string `mapstructure:"-"`

	stands map[string]string // where each setting was given, for what is said of a wrong one
}

// People is what becomes of personal data.
type People struct {
	// Keep is how long after a run's end the private parts of answers are kept.
	Keep time.Duration `mapstructure:"keep"`
}

// Mail is the channel by mail. An empty Host is none.
type Mail struct {
	Host     string `mapstructure:"host"`
	Port     int    `mapstructure:"port"`
	TLS      string `mapstructure:"tls"`
	User     string `mapstructure:"user"`
	Password string `mapstructure:"password"`
	From     string `mapstructure:"from"`
	CAFile   string `mapstructure:"ca_file"`
}

// Slack is the channel in Slack. An empty Token is none.
type Slack struct {
	Mode          string `mapstructure:"mode"`
	Token         string `mapstructure:"token"`
	AppToken      string `mapstructure:"app_token"`
	SigningSecret string `mapstructure:"signing_secret"`
	Channel       string `mapstructure:"channel"`
	PerRunChannel bool   `mapstructure:"per_run_channel"`
	// Approve lets an approval or a decision of a real response be given in Slack alone.
	Approve bool   `mapstructure:"approve_real"`
	API     string `mapstructure:"api"`
}

// Webhook is the channel to a program of one's own. An empty URL is none.
type Webhook struct {
	URL        string   `mapstructure:"url"`
	Secret     string   `mapstructure:"secret"`
	SecretNext string   `mapstructure:"secret_next"`
	Allow      []string `mapstructure:"allow"`
	Contacts   bool     `mapstructure:"contacts"`
	CAFile     string   `mapstructure:"ca_file"`
}

// Gateway is the door of `muster up` for site workers on other machines.
type Gateway struct {
	Listen string   `mapstructure:"listen"` // "" is no door
	Names  []string `mapstructure:"names"`  // by which workers call this machine
}

// Log is how the process logs, on stderr.
type Log struct {
	Level  string `mapstructure:"level"`
	Format string `mapstructure:"format"`
}

// Temporal is the engine to connect to. An empty Address means the embedded one.
type Temporal struct {
	Address   string `mapstructure:"address"`
	Namespace string `mapstructure:"namespace"`
	APIKey    string `mapstructure:"api_key"`
	TLS       TLS    `mapstructure:"tls"`
	// PinRuns keeps a run on the version of muster that it began with.
	PinRuns bool `mapstructure:"pin_runs"`
}

// TLS is how the connection to an engine of one's own is secured. An API key switches
// it on by itself.
type TLS struct {
	Enabled    bool   `mapstructure:"enabled"`
	CAFile     string `mapstructure:"ca_file"`
	CertFile   string `mapstructure:"cert_file"`
	KeyFile    string `mapstructure:"key_file"`
	ServerName string `mapstructure:"server_name"`
}

// Key documents one setting. Its variable is MUSTER_ and the name in capitals with
// "_" for ".".
type Key struct {
	Name    string
	Default string
	Help    string
	HelpJA  string
}

// Flag is the setting's flag: temporal-address for temporal.address, and --as for person.
func (k Key) Flag() string {
	if k.Name == "person" {
		return "as"
	}
	return strings.NewReplacer(".", "-", "_", "-").Replace(k.Name)
}

// Keys lists every setting.
func Keys() []Key {
	return append([]Key{
		{"data", ".muster", "directory that holds everything muster keeps", "musterのデータを置くディレクトリ"},
		{"plans", ".", "directory with the estate, runbooks and scenarios", "構成台帳・手順書・シナリオのYAMLを置くディレクトリ"},
		{"store", "", "record store, sqlite:PATH or postgres://USER@HOST:PORT,HOST:PORT/DATABASE; empty is sqlite:DATA/journal.db", "記録の保存先。sqlite:パス または postgres://ユーザー@ホスト:ポート,ホスト:ポート/データベース。空なら sqlite:DATA/journal.db"},
		{"listen", "127.0.0.1:7700", "address the API listens on", "APIの待ち受けアドレス"},
		{"public_url", "", "URL at which people reach the board, as in the links of messages; empty is http://LISTEN, and messages then have no links", "利用者がボードを開くURL（通知内のリンクにも使用）。空なら http://LISTEN とし、通知にリンクを付けない"},
		{"server", "", "URL of the server the commands talk to; empty is http://LISTEN, or https://LISTEN with tls.cert_file", "コマンドの接続先サーバーのURL。空なら http://LISTEN（tls.cert_fileがあれば https://LISTEN）"},
		{"token", "", "token of the API; rather use token_file", "APIのトークン。token_fileの利用を推奨"},
		{"token_file", "", "file with the token of the API; empty is DATA/token", "APIのトークンのファイル。空なら DATA/token"},
		{"person", "", "who you are: the ID in the estate under which your acts are recorded", "操作者。構成台帳に載っている人のID"},
		{"site", "", "site that `muster worker` works for", "`muster worker` が受け持つ拠点"},
		{"sites", "", "sites that `muster up` works for itself, comma-separated; empty is every site of the estate", "`muster up` が自ら受け持つ拠点 (カンマ区切り)。空なら構成台帳の全拠点"},
		{"gateway.listen", "", "address at which `muster up` lets workers of other sites in, over TLS; empty lets none in", "`muster up` が他拠点のワーカーをTLSで受け入れる待ち受けアドレス。空なら受け入れない"},
		{"gateway.names", "", "host names and IP addresses by which workers reach this machine, comma-separated; empty is that of gateway.listen", "ワーカーから見たこのマシンのホスト名・IPアドレス (カンマ区切り)。空ならgateway.listenのもの"},
		{"health_listen", "", "address at which `muster worker` answers /healthz, /startedz and /readyz in clear, as in 127.0.0.1:7702; empty answers nowhere", "`muster worker` が /healthz・/startedz・/readyz に平文で応答する待ち受けアドレス (例 127.0.0.1:7702)。空なら応答しない"},
		{"policy", "", "file that says what this machine's workers refuse whatever a plan says", "計画の内容にかかわらずワーカーが拒否する操作を定めるファイル"},
		{"lang", "", "language of messages, en or ja; empty follows LANG", "表示言語 en または ja。空ならLANGに従う"},
		{"engine", "", "path of muster-engine; empty looks beside muster and in PATH", "muster-engineのパス。空ならmusterと同じ場所とPATHから探す"},
		{"font", "", "TrueType font for PDF, or the folder that holds BIZ UDPGothic; empty looks in the system's folders", "PDFに使うTrueTypeフォント、またはBIZ UDPゴシックのあるフォルダー。空ならシステムのフォルダーから探す"},
		{"check_every", "24h", "how often the server checks by itself whether every scenario could be carried out; 0s is never", "全シナリオの準備状況をサーバーが自動で点検する間隔。0sなら点検しない"},
		{"people.keep", "720h", "how long after a run's end the private parts of safety answers (family, whereabouts, telephone, remark) are kept; then they are erased", "安否回答の非公開部分 (家族・所在・電話・備考) を実施終了後に保持する期間。経過後に消去する"},
		{"evidence.keep_a", "0s", "how long after its end the record of a real response is kept (class A); 0s is for ever, otherwise a year at least", "本番対応の記録 (クラスA) を終了後に保存する期間。0sなら無期限。指定する場合は1年以上"},
		{"evidence.keep_b", "0s", "the same for drills (class B)", "訓練の記録 (クラスB) を終了後に保存する期間。0sなら無期限。指定する場合は1年以上"},
		{"evidence.keep_c", "0s", "the same for readiness checks (class C)", "準備状況の点検の記録 (クラスC) を保存する期間。0sなら無期限。指定する場合は1年以上"},
		{"evidence.audit", "", "date of the next regular internal audit, as in 2027-03-31; nothing is removed before it", "次回の定期内部監査の日付 (例 2027-03-31)。その日までは何も削除しない"},
		{"evidence.copy_to", "", "other places that what was sealed is copied to, comma-separated: folders such as /mnt/osaka/muster, or s3://BUCKET/PREFIX?endpoint=https://HOST&region=REGION", "封印した記録を複製する保管先 (カンマ区切り)。フォルダー (例 /mnt/osaka/muster) または s3://バケット/接頭辞?endpoint=https://ホスト&region=リージョン"},
		{"evidence.s3_access_key", "", "access key of the S3 places, as secret://env/NAME or secret://file/PATH", "S3保管先のアクセスキー。secret://env/NAME か secret://file/PATH で書く"},
		{"evidence.s3_secret_key", "", "secret key of the S3 places, as secret://env/NAME or secret://file/PATH", "S3保管先のシークレットキー。secret://env/NAME か secret://file/PATH で書く"},
		{"evidence.s3_ca_file", "", "CA certificates of the S3 places, PEM; empty is the system's", "S3保管先のCA証明書 (PEM)。空ならシステムのもの"},
		{"evidence.timestamps", "", "time-stamping authorities (RFC 3161) that say when what was sealed was there, comma-separated URLs, tried in this order; empty asks nobody", "封印した記録の存在時刻を証明する時刻認証局 (RFC 3161) のURL (カンマ区切り、記載順に試行)。空なら利用しない"},
		{"evidence.timestamps_every", "24h", "at most so often, and only when something new was sealed", "タイムスタンプを取得する最短の間隔。新しく封印したものがあるときだけ取得する"},
		{"evidence.timestamps_ca_file", "", "CA certificates of the authority, PEM: a stamp that does not lead to one of them is not taken", "時刻認証局のCA証明書 (PEM)。これにつながらないタイムスタンプは受け入れない"},
		{"evidence.timestamps_user", "", "user at the authority, where it asks for one", "時刻認証局のユーザー名 (必要な場合)"},
		{"evidence.timestamps_password", "", "password at the authority, as secret://env/NAME or secret://file/PATH", "時刻認証局のパスワード。secret://env/NAME か secret://file/PATH で書く"},
		{"evidence.timestamps_policy", "", "policy to ask for, an OID such as 1.2.3.4; empty is the authority's own choice", "要求するタイムスタンプポリシーのOID (例 1.2.3.4)。空なら時刻認証局の既定"},
		{"evidence.s3_lock", "0s", "for how long S3 places are asked to refuse change and removal of a copy (object lock, compliance mode); 0s asks nothing", "S3保管先に複製の変更・削除を禁止させる期間 (オブジェクトロック、コンプライアンスモード)。0sなら求めない"},
		{"log.level", "info", "debug, info, warn or error", "debug, info, warn, error のいずれか"},
		{"log.format", "text", "text or json", "text または json"},
		{"temporal.address", "", "host:port of your own Temporal; empty runs the embedded engine", "自前のTemporalのhost:port。空なら内蔵エンジンを使う"},
		{"temporal.namespace", "default", "namespace in Temporal", "Temporalの名前空間"},
		{"temporal.api_key", "", "API key of Temporal Cloud, as secret://env/NAME or secret://file/PATH", "Temporal CloudのAPIキー。secret://env/NAME か secret://file/PATH で書く"},
		{"temporal.pin_runs", "false", "true keeps a run on the version of muster that it began with, as long as a server of it is up; needs Temporal 1.29 or newer, and a server of each version until its runs have ended", "trueにすると、訓練・対応は開始時の版のmusterで最後まで進む。Temporal 1.29以降と、終わるまで旧版のサーバーを並行稼働させることが必要"},
		{"temporal.tls.enabled", "false", "connect to Temporal over TLS", "TemporalへTLSで接続する"},
		{"temporal.tls.ca_file", "", "CA certificates, PEM; empty is the system's", "CA証明書 (PEM)。空ならシステムのもの"},
		{"temporal.tls.cert_file", "", "client certificate, PEM", "クライアント証明書 (PEM)"},
		{"temporal.tls.key_file", "", "key of the client certificate, PEM", "クライアント証明書の鍵 (PEM)"},
		{"mail.host", "", "mail server that takes what muster says to people by mail; empty sends none", "通知メールを送るSMTPサーバー。空ならメールを送らない"},
		{"mail.port", "0", "its port; 0 is the usual one: 587 for starttls, 465 for tls, 25 for none", "SMTPサーバーのポート。0なら標準 (starttlsは587、tlsは465、noneは25)"},
		{"mail.tls", "starttls", "how the connection is secured: starttls, tls or none", "接続の保護方式。starttls, tls, none のいずれか"},
		{"mail.user", "", "user to sign in as; empty does not sign in", "SMTP認証のユーザー。空なら認証しない"},
		{"mail.password", "", "the user's password, as secret://env/NAME or secret://file/PATH", "SMTP認証のパスワード。secret://env/NAME か secret://file/PATH で書く"},
		{"mail.from", "", "address that mail comes from", "送信元のメールアドレス"},
		{"mail.ca_file", "", "CA certificates of the mail server, PEM; empty is the system's", "SMTPサーバーのCA証明書 (PEM)。空ならシステムのもの"},
		{"slack.mode", "socket", "how Slack reaches muster: socket (muster connects, needs slack.app_token) or http (Slack calls PUBLIC_URL/slack, needs slack.signing_secret)", "Slackとの接続方式。socket (musterから接続。slack.app_tokenが必要) または http (SlackがPUBLIC_URL/slackを呼ぶ。slack.signing_secretが必要)"},
		{"slack.token", "", "bot token of the Slack app, as secret://env/NAME or secret://file/PATH; empty is no Slack", "Slackアプリのボットトークン。secret://env/NAME か secret://file/PATH で書く。空ならSlackを使わない"},
		{"slack.app_token", "", "app-level token for socket mode, as secret://env/NAME or secret://file/PATH", "Socket Mode用のアプリレベルトークン。secret://env/NAME か secret://file/PATH で書く"},
		{"slack.signing_secret", "", "signing secret for http mode, as secret://env/NAME or secret://file/PATH", "HTTP方式の署名シークレット。secret://env/NAME か secret://file/PATH で書く"},
		{"slack.channel", "", "ID of the Slack channel in which runs are shown, as in C024BE91L; empty shows none", "実施状況を表示するSlackチャンネルのID (例 C024BE91L)。空なら表示しない"},
		{"slack.per_run_channel", "false", "make a Slack channel for each run and invite those who are called", "実施ごとにSlackチャンネルを作成し、召集した人を招待する"},
		{"slack.approve_real", "false", "let decisions and approvals of a real response be given in Slack alone; else Slack leads to the board", "本番対応の決定と承認をSlackだけで行えるようにする。falseならボードに誘導する"},
		{"slack.api", "", "URL of Slack's API; empty is https://slack.com/api/", "SlackのAPIのURL。空なら https://slack.com/api/"},
		{"webhook.url", "", "URL that gets everything muster says, as JSON; empty is none", "musterの通知をJSONで送るURL。空なら送らない"},
		{"webhook.secret", "", "key with which the webhook's body is signed, as secret://env/NAME or secret://file/PATH", "Webhook本文の署名鍵。secret://env/NAME か secret://file/PATH で書く"},
		{"webhook.secret_next", "", "second key while keys are changed; both sign", "鍵の切り替え中に使う二つ目の署名鍵。両方で署名する"},
		{"webhook.allow", "", "private addresses and networks that the webhook may reach, comma-separated, as in 10.1.2.0/24; others must be public", "Webhookの宛先として許可する私設アドレス・ネットワーク (カンマ区切り、例 10.1.2.0/24)。それ以外は公開アドレスに限る"},
		{"webhook.contacts", "false", "also send what is said to each person, with their telephone number and their own links, to a gateway that calls or writes to them; else only what is said to all", "電話・SMSゲートウェイ向けに、各人への通知も電話番号と本人用リンクを付けて送る。falseなら全体への通知のみ送る"},
		{"webhook.ca_file", "", "CA certificates of the webhook's server, PEM; empty is the system's", "Webhook先のCA証明書 (PEM)。空ならシステムのもの"},
		{"temporal.tls.server_name", "", "name the server's certificate must carry", "サーバー証明書に求める名前"},
	}, slices.Concat(identityKeys(), securityKeys(), doorKeys(), findingKeys(), storeKeys(), encryptionKeys(), vaultKeys(), cloudKeys(), bundleKeys())...)
}

// Embedded reports whether the engine is the one that `muster up` runs.
func (c Config) Embedded() bool { return c.Temporal.Address == "" }

// StoreURL is the record store's URL.
func (c Config) StoreURL() string {
	if c.Store != "" {
		return c.Store
	}
	return "sqlite:" + filepath.Join(c.Data, "journal.db")
}

// TokenPath is the file that holds the API's token.
func (c Config) TokenPath() string {
	if c.TokenFile != "" {
		return c.TokenFile
	}
	return filepath.Join(c.Data, "token")
}

// ServerURL is where the commands find the server. One that listens on every address of its machine is asked on this one, for
// which its certificate is.
func (c Config) ServerURL() string {
	if c.Server != "" {
		return c.Server
	}
	return c.Scheme() + c.Here()
}

// EngineDir is where the embedded engine keeps its files.
func (c Config) EngineDir() string { return filepath.Join(c.Data, "engine") }

// GatewayDir is where the gateway keeps its certificates.
func (c Config) GatewayDir() string { return filepath.Join(c.Data, "gateway") }

// GatewayNames are those that workers call this machine by.
func (c Config) GatewayNames() []string {
	if len(c.Gateway.Names) > 0 {
		return c.Gateway.Names
	}
	host, _, _ := net.SplitHostPort(c.Gateway.Listen)
	return []string{host}
}

// SiteDir is where a site's worker keeps its files.
func (c Config) SiteDir(site string) string { return filepath.Join(c.Data, "sites", site) }

// Mistakes are wrong settings, each with its place and the way out.
type Mistakes []plan.Text

func (m Mistakes) Error() string {
	return strings.Join(append(m.Lines("en"), fmt.Sprintf("%d wrong setting(s), nothing was started", len(m))), "\n")
}

// Lines are the mistakes in a language, a line each.
func (m Mistakes) Lines(lang string) []string {
	var out []string
	for _, text := range m {
		out = append(out, text.In(lang))
	}
	return out
}

// add notes a mistake in both languages; the arguments are those of plan.Say.
func (m *Mistakes) add(en, ja string, args ...any) { *m = append(*m, plan.Say(en, ja, args...)) }

func one(en, ja string, args ...any) Mistakes { return Mistakes{plan.Say(en, ja, args...)} }

// wrong says what is wrong with a key.
type wrong func(key, en, ja string, args ...any)

// meant is what was probably meant by a word, or what there is.
func meant(word string, known []string) plan.Text {
	if near := nearest.Word(word, known); near != "" {
		return plan.Say("; did you mean %q?", "。%q の間違いではありませんか", near)
	}
	return plan.Say("; known here: %s", "。使えるもの: %s", strings.Join(known, ", "))
}
