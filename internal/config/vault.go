package config

import (
	"net/url"
	"slices"
	"strings"
	"time"
)

// Vault is a server of HashiCorp Vault or OpenBao that keeps secrets. An empty Address is none.
type Vault struct {
	Address   string        `mapstructure:"address"`
	CAFile    string        `mapstructure:"ca_file"`
	Namespace string        `mapstructure:"namespace"`
	Auth      string        `mapstructure:"auth"`
	Mount     string        `mapstructure:"mount"`
	Token     string        `mapstructure:"token"`
	RoleID    string        `mapstructure:"role_id"`
	SecretID  string        `mapstructure:"secret_id"`
	Role      string        `mapstructure:"role"`
	JWTFile   string        `mapstructure:"jwt_file"`
	Cache     time.Duration `mapstructure:"cache"`
}

// mostCache is what vault.cache may be at most: a secret that was changed counts after that.
const mostCache = 5 * time.Minute

func vaultKeys() []Key {
	return []Key{
		{"vault.address", "", "URL of the Vault or OpenBao that this process reads secret://vault/MOUNT/PATH#FIELD from (KV version 2); empty is none", "secret://vault/マウント/パス#項目 を読むVaultまたはOpenBao (KVバージョン2) のURL。空なら使わない"},
		{"vault.ca_file", "", "CA certificates of the vault, PEM; empty is the system's", "VaultのCA証明書 (PEM)。空ならシステムのもの"},
		{"vault.namespace", "", "namespace of the vault; empty is none", "Vaultの名前空間。空なら指定しない"},
		{"vault.auth", "approle", "how this process signs in there: approle, kubernetes or token", "サインイン方法: approle、kubernetes、token"},
		{"vault.mount", "", "where that way of signing in is mounted; empty is its name", "認証方式のマウント先。空なら方式の名前"},
		{"vault.token", "", "token, as secret://file/PATH or another reference that needs no vault; read again when it does not count any more", "トークン。secret://file/PATH など、Vaultを使わない参照で書く。無効になると読み直す"},
		{"vault.role_id", "", "AppRole's role ID, as a reference that needs no vault", "AppRoleのロールID。Vaultを使わない参照で書く"},
		{"vault.secret_id", "", "AppRole's secret ID, as a reference that needs no vault", "AppRoleのシークレットID。Vaultを使わない参照で書く"},
		{"vault.role", "", "role of the pod's service account, for kubernetes", "kubernetesで使う、Podのサービスアカウントのロール"},
		{"vault.jwt_file", "", "file of the service account's token; empty is where Kubernetes puts it", "サービスアカウントのトークンのファイル。空ならKubernetesの既定の場所"},
		{"vault.cache", "0s", "how long a secret is kept in memory after it was read, 5m at most; 0s reads it at each use", "読み取った秘密情報をメモリに保持する時間 (最長5m)。0sなら使うたびに読む"},
	}
}

// NeedsVault reports whether the vault keeps a secret that a start can't do without: what opens the record store, the engine and
// what was encrypted for it. Every other one is read when it is used, and has to wait for the vault alone.
func (c Config) NeedsVault() bool {
	if c.Vault.Address == "" || c.Carried != "" {
		return false // there is none, or a bundle brought the values along
	}
	return slices.ContainsFunc([]string{c.StorePassword, c.Temporal.APIKey, c.Encryption.Keyring}, func(ref string) bool { return strings.HasPrefix(ref, "secret://vault/") })
}

// checkVault judges how the vault is reached.
func (c Config) checkVault(say wrong, oneOf func(key, value string, allowed ...string)) {
	v := c.Vault
	if v.Address == "" {
		return
	}
	u, err := url.Parse(v.Address)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		say("vault.address", "%q is no URL such as https://vault.example.com:8200", "%q は https://vault.example.com:8200 のようなURLではありません", v.Address)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		say("vault.address", "%q would let secrets cross the network in clear; write https", "%q では秘密情報が平文でネットワークを流れます。httpsで指定してください", v.Address)
	}
	oneOf("vault.auth", v.Auth, "approle", "kubernetes", "token")
	need := map[string][][2]string{"approle": {{"vault.role_id", v.RoleID}, {"vault.secret_id", v.SecretID}}, "token": {{"vault.token", v.Token}}, "kubernetes": {{"vault.role", v.Role}}}
	for _, k := range need[v.Auth] {
		switch ref := k[1]; {
		case ref == "":
			say(k[0], "vault.auth %s needs it", "vault.auth が %s のとき必要です", v.Auth)
		case v.Auth != "kubernetes" && !(strings.HasPrefix(ref, "secret://file/") || strings.HasPrefix(ref, "secret://systemd/") || strings.HasPrefix(ref, "secret://env/")):
			say(k[0], "is written as a reference that needs no vault: secret://file/PATH, secret://systemd/NAME or secret://env/NAME", "Vaultを使わない参照（secret://file/PATH、secret://systemd/NAME、secret://env/NAME）で書いてください")
		}
	}
	if v.Cache < 0 || v.Cache > mostCache {
		say("vault.cache", "%s is not from 0s to %s: a secret that was changed has to count soon", "%s は0sから%sの範囲にしてください（変更した秘密情報をすぐ反映するため）", v.Cache, mostCache)
	}
}
