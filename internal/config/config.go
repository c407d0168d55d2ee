// Package config is what an installation is set to: flags before MUSTER_* before
// muster.yaml before the defaults that Keys documents.
package config

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"time"
)

// Config is the settings of one process. Paths are relative to the working directory.
type Config struct {
	File string `mapstructure:"-"` // the muster.yaml that was read; "" when there is none

	Data   string `mapstructure:"data"`
	Plans  string `mapstructure:"plans"`
	Store  string `mapstructure:"store"`
	Listen string `mapstructure:"listen"`
	Server string `mapstructure:"server"`
	// PublicURL is where browsers find the board and links lead to; "" is http://Listen.
	PublicURL string `mapstructure:"public_url"`
	Token     string `mapstructure:"token"`
	TokenFile string `mapstructure:"token_file"`
	Person    string `mapstructure:"person"`
	Site      string `mapstructure:"site"`
	// Sites are those that `muster up` works for itself; none is all of the estate's.
	Sites  []string `mapstructure:"sites"`
	Policy string   `mapstructure:"policy"`
	Lang   string   `mapstructure:"lang"`
	Engine string   `mapstructure:"engine"`
	// CheckEvery is how often the server checks every scenario's readiness by itself.
	CheckEvery time.Duration `mapstructure:"check_every"`
	Log        Log           `mapstructure:"log"`
	People     People        `mapstructure:"people"`
	Gateway    Gateway       `mapstructure:"gateway"`
	Temporal   Temporal      `mapstructure:"temporal"`
	// Alarms are the sources of alarms. Only a file can name them.
	Alarms []Alarm `mapstructure:"-"`
}

// People is what becomes of personal data.
type People struct {
	// Keep is how long after a run's end the private parts of answers are kept.
	Keep time.Duration `mapstructure:"keep"`
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
	return []Key{
		{"data", ".muster", "directory that holds everything muster keeps", "musterのデータを置くディレクトリ"},
		{"plans", ".", "directory with the estate, runbooks and scenarios", "estate・runbook・scenarioのYAMLを置くディレクトリ"},
		{"store", "", "record store; empty is sqlite:DATA/journal.db", "記録の保存先。空なら sqlite:DATA/journal.db"},
		{"listen", "127.0.0.1:7700", "address the API listens on", "APIの待ち受けアドレス"},
		{"public_url", "", "URL at which people reach the board, as in links; empty is http://LISTEN", "利用者がボードを開くURL（リンクにも使用）。空なら http://LISTEN"},
		{"server", "", "URL of the server the commands talk to; empty is http://LISTEN", "コマンドの接続先サーバーのURL。空なら http://LISTEN"},
		{"token", "", "token of the API; rather use token_file", "APIのトークン。token_fileの利用を推奨"},
		{"token_file", "", "file with the token of the API; empty is DATA/token", "APIのトークンのファイル。空なら DATA/token"},
		{"person", "", "who you are: the ID in the estate under which your acts are recorded", "操作者。estateに載っている人のID"},
		{"site", "", "site that `muster worker` works for", "`muster worker` が受け持つ拠点"},
		{"sites", "", "sites that `muster up` works for itself, comma-separated; empty is every site of the estate", "`muster up` が自ら受け持つ拠点 (カンマ区切り)。空ならestateの全拠点"},
		{"gateway.listen", "", "address at which `muster up` lets workers of other sites in, over TLS; empty lets none in", "`muster up` が他拠点のワーカーをTLSで受け入れる待ち受けアドレス。空なら受け入れない"},
		{"gateway.names", "", "host names and IP addresses by which workers reach this machine, comma-separated; empty is that of gateway.listen", "ワーカーから見たこのマシンのホスト名・IPアドレス (カンマ区切り)。空ならgateway.listenのもの"},
		{"policy", "", "file that says what this machine's workers refuse whatever a plan says", "計画の内容にかかわらずワーカーが拒否する操作を定めるファイル"},
		{"lang", "", "language of messages, en or ja; empty follows LANG", "表示言語 en または ja。空ならLANGに従う"},
		{"engine", "", "path of muster-engine; empty looks beside muster and in PATH", "muster-engineのパス。空ならmusterと同じ場所とPATHから探す"},
		{"check_every", "24h", "how often the server checks by itself whether every scenario could be carried out; 0s is never", "全シナリオの準備状況をサーバーが自動で点検する間隔。0sなら点検しない"},
		{"people.keep", "720h", "how long after a run's end the private parts of safety answers (family, whereabouts, telephone, remark) are kept; then they are erased", "安否回答の非公開部分 (家族・所在・電話・備考) を実施終了後に保持する期間。経過後に消去する"},
		{"log.level", "info", "debug, info, warn or error", "debug, info, warn, error のいずれか"},
		{"log.format", "text", "text or json", "text または json"},
		{"temporal.address", "", "host:port of your own Temporal; empty runs the embedded engine", "自前のTemporalのhost:port。空なら内蔵エンジンを使う"},
		{"temporal.namespace", "default", "namespace in Temporal", "Temporalの名前空間"},
		{"temporal.api_key", "", "API key of Temporal Cloud, as secret://env/NAME or secret://file/PATH", "Temporal CloudのAPIキー。secret://env/NAME か secret://file/PATH で書く"},
		{"temporal.tls.enabled", "false", "connect to Temporal over TLS", "TemporalへTLSで接続する"},
		{"temporal.tls.ca_file", "", "CA certificates, PEM; empty is the system's", "CA証明書 (PEM)。空ならシステムのもの"},
		{"temporal.tls.cert_file", "", "client certificate, PEM", "クライアント証明書 (PEM)"},
		{"temporal.tls.key_file", "", "key of the client certificate, PEM", "クライアント証明書の鍵 (PEM)"},
		{"temporal.tls.server_name", "", "name the server's certificate must carry", "サーバー証明書に求める名前"},
	}
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

// ServerURL is where the commands find the server.
func (c Config) ServerURL() string {
	if c.Server != "" {
		return c.Server
	}
	return "http://" + c.Listen
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
type Mistakes []string

func (m Mistakes) Error() string {
	s := ""
	for _, line := range m {
		s += line + "\n"
	}
	return s + fmt.Sprintf("%d wrong setting(s), nothing was started", len(m))
}
