package secret

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/plan"

	"github.com/muster-dr/muster/internal/certpool"
)

const (
	vaultWithin = 5 * time.Second // for one question
	vaultAnswer = 1 << 20
	// longestCache is how long a value may be kept at most, whatever the settings say.
	longestCache = 5 * time.Minute
	// kubernetesToken is where a pod's own token is.
	kubernetesToken = "/var/run/secrets/kubernetes.io/serviceaccount/token"
)

// VaultOptions say how a Vault-compatible server (HashiCorp Vault, OpenBao) is reached.
type VaultOptions struct {
	Address   string // https://host:port
	CAFile    string // "" is the system's
	Namespace string // of the server's own; "" is none
	// Auth is how we sign in: token, approle or kubernetes. Mount is where, "" is its name.
	Auth, Mount string
	// Token, RoleID and SecretID are references of Local.
	Token, RoleID, SecretID string
	Role, JWTFile           string        // of kubernetes
	Cache                   time.Duration // how long a value is kept; 0 asks each time
}

// Vault reads secrets of the KV store, version 2: secret://vault/MOUNT/PATH#FIELD.
type Vault struct {
	o    VaultOptions
	http *http.Client
	now  func() time.Time

	signing sync.Mutex // held while signing in: once for all who wait

	mu    sync.Mutex
	token string
	until time.Time // zero is for ever
	kept  map[string]kept
}

type kept struct {
	fields map[string]any
	at     time.Time
}

// NewVault makes the client. It reaches nobody before a secret is asked for.
func NewVault(o VaultOptions) (*Vault, error) {
	u, err := url.Parse(o.Address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path != "" && u.Path != "/" {
		return nil, plan.Wrong("vault.address %q is no URL such as https://vault.example.com:8200", "vault.address %q は https://vault.example.com:8200 のようなURLではありません", o.Address)
	}
	if ip := net.ParseIP(u.Hostname()); u.Scheme == "http" && u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, plan.Wrong("vault.address %q: secrets would cross the network in clear; write https", "vault.address %q: 秘密情報が平文でネットワークを流れます。httpsで指定してください", o.Address)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		roots, err := certpool.Read(o.CAFile)
		if err != nil {
			return nil, plan.Wrong("vault.ca_file can't be read: %v", "vault.ca_file を読み込めません: %v", err)
		}
		conf.RootCAs = roots
	}
	o.Address, o.Cache = strings.TrimRight(o.Address, "/"), min(o.Cache, longestCache)
	if o.Mount == "" {
		o.Mount = o.Auth
	}
	if o.JWTFile == "" {
		o.JWTFile = kubernetesToken
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: conf, TLSHandshakeTimeout: vaultWithin, MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second}
	return &Vault{o: o, now: time.Now, kept: map[string]kept{}, http: &http.Client{Transport: transport, Timeout: vaultWithin,
		// A stand-by of Vault answers by itself; what leads elsewhere would take our token along.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Resolve reads one field.
func (v *Vault) Resolve(ctx context.Context, ref string) (string, error) {
	rest := strings.TrimPrefix(ref, Scheme+"vault/")
	path, field, _ := strings.Cut(rest, "#")
	mount, name, _ := strings.Cut(path, "/")
	if mount == "" || name == "" || field == "" || strings.Contains("/"+path+"/", "/../") {
		return "", plan.Wrong("%s: write secret://vault/MOUNT/PATH#FIELD, such as secret://vault/kv/orders/db#password", "%s: secret://vault/kv/orders/db#password のように、secret://vault/マウント/パス#項目 の形で書いてください", ref)
	}
	fields, err := v.read(ctx, mount, name)
	if err != nil {
		return "", plan.Wrong("%s: %s", "%s: %s", ref, plan.SaidBy(err))
	}
	value, ok := fields[field].(string)
	if !ok {
		return "", plan.Wrong("%s: there is no text in field %s of it", "%s: 項目 %s に文字列がありません", ref, field)
	}
	return value, nil
}

func (v *Vault) read(ctx context.Context, mount, name string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, vaultWithin)
	defer cancel()
	key := mount + "/" + name
	v.mu.Lock()
	k, ok := v.kept[key]
	if ok && v.now().Sub(k.at) >= v.o.Cache {
		delete(v.kept, key)
		ok = false
	}
	v.mu.Unlock()
	if ok {
		return k.fields, nil
	}
	var escaped []string
	for _, part := range strings.Split(name, "/") {
		escaped = append(escaped, url.PathEscape(part))
	}
	at := "/v1/" + url.PathEscape(mount) + "/data/" + strings.Join(escaped, "/")
	var out struct {
		Data struct {
			Data map[string]any `json:"data"`
		} `json:"data"`
	}
	for again := false; ; again = true {
		token, err := v.signIn(ctx)
		if err != nil {
			return nil, err
		}
		asked := v.now()
		status, err := v.ask(ctx, http.MethodGet, at, token, nil, &out)
		switch {
		case err != nil:
			return nil, err
		case status == http.StatusOK && out.Data.Data != nil:
			if v.o.Cache > 0 {
				v.mu.Lock()
				v.kept[key] = kept{out.Data.Data, asked}
				v.mu.Unlock()
			}
			return out.Data.Data, nil
		case status == http.StatusForbidden && !again: // our token may be over, or was revoked
			v.mu.Lock()
			if v.token == token {
				v.token = ""
			}
			v.mu.Unlock()
		case status == http.StatusForbidden:
			return nil, plan.Wrong("the vault does not let us read it; our policy there needs: path \"%s/data/%s\" { capabilities = [\"read\"] }", "Vaultに拒否されました。ポリシーに次が必要です: path \"%s/data/%s\" { capabilities = [\"read\"] }", mount, name)
		case status == http.StatusNotFound || status == http.StatusOK:
			return nil, plan.Wrong("the vault has nothing there, or it was deleted; look with: vault kv get -mount=%s %s", "Vaultにデータがないか、削除されています。次で確認してください: vault kv get -mount=%s %s", mount, name)
		default:
			return nil, away(status)
		}
	}
}

// signIn gives a token that counts.
func (v *Vault) signIn(ctx context.Context) (string, error) {
	v.signing.Lock()
	defer v.signing.Unlock()
	v.mu.Lock()
	token, until := v.token, v.until
	v.mu.Unlock()
	if token != "" && (until.IsZero() || v.now().Before(until)) {
		return token, nil
	}
	token, until, err := v.fresh(ctx)
	if err != nil {
		return "", err
	}
	v.mu.Lock()
	v.token, v.until = token, until
	v.mu.Unlock()
	return token, nil
}

func (v *Vault) fresh(ctx context.Context) (token string, until time.Time, err error) {
	said := map[string]string{}
	switch v.o.Auth {
	case "token":
		token, err = Local{}.Resolve(ctx, v.o.Token)
		return token, until, err
	case "approle":
		for name, ref := range map[string]string{"role_id": v.o.RoleID, "secret_id": v.o.SecretID} {
			value, err := Local{}.Resolve(ctx, ref)
			if err != nil {
				return "", until, err
			}
			said[name] = value
		}
	case "kubernetes":
		jwt, err := os.ReadFile(v.o.JWTFile) // renewed in its file by the kubelet
		if err != nil {
			return "", until, plan.Wrong("vault.jwt_file can't be read: %v", "vault.jwt_file を読み込めません: %v", err)
		}
		said["role"], said["jwt"] = v.o.Role, strings.TrimSpace(string(jwt))
	default:
		return "", until, plan.Wrong("vault.auth %q is none of token, approle, kubernetes", "vault.auth %q は token、approle、kubernetes のいずれでもありません", v.o.Auth)
	}
	var out struct {
		Auth struct {
			ClientToken   string `json:"client_token"`
			LeaseDuration int    `json:"lease_duration"`
		} `json:"auth"`
	}
	asked := v.now()
	status, err := v.ask(ctx, http.MethodPost, "/v1/auth/"+v.o.Mount+"/login", "", said, &out)
	switch {
	case err != nil:
		return "", until, err
	case status == http.StatusBadRequest || status == http.StatusForbidden || status == http.StatusUnauthorized:
		return "", until, plan.Wrong("the vault does not know us (%s at auth/%s, HTTP %d); correct vault.* in the settings of this process, or its role there", "Vaultにサインインできません（auth/%[2]s の %[1]s、HTTP %[3]d）。このプロセスの設定のvault.*か、Vault側のロールを確認してください", v.o.Auth, v.o.Mount, status)
	case status != http.StatusOK || out.Auth.ClientToken == "":
		return "", until, away(status)
	}
	if s := out.Auth.LeaseDuration; s > 0 { // a tenth is for the way and the clocks
		until = asked.Add(time.Duration(s) * time.Second * 9 / 10)
	}
	return out.Auth.ClientToken, until, nil
}

// unreached is a question that came to nobody, with its cause to be looked at.
type unreached struct {
	error
	cause error
}

func (u unreached) Said() plan.Text { return plan.SaidBy(u.error) }
func (u unreached) Unwrap() error   { return u.cause }

// Away is why a vault can't be used now, where waiting may mend it.
type Away struct{ error }

func (a Away) Said() plan.Text { return plan.SaidBy(a.error) }
func (a Away) Unwrap() error   { return a.error }

// Serves asks the vault, without signing in, whether it serves: an Away says that it does not. What waiting does not mend, such as a
// certificate of nobody we know, is no error here: who asks for a secret is told.
func (v *Vault) Serves(ctx context.Context) error {
	status, err := v.ask(ctx, http.MethodGet, "/v1/sys/health?standbyok=true&perfstandbyok=true", "", nil, &struct{}{})
	switch {
	case errors.As(err, new(*tls.CertificateVerificationError)):
		return nil
	case errors.As(err, new(unreached)):
		return Away{err}
	case status >= http.StatusInternalServerError:
		return Away{away(status)}
	}
	return nil
}

// away is a server that answers and does not serve.
func away(status int) error {
	if status == http.StatusServiceUnavailable {
		return plan.Wrong("the vault is sealed or has no leader (HTTP 503); unseal it. Nothing is kept from before, so steps wait", "Vaultが封印中か、リーダーがいません（HTTP 503）。封印を解除してください。以前の値は保持していないため、ステップは待機します")
	}
	return plan.Wrong("the vault answers with HTTP %d; look into its log", "VaultがHTTP %d を返しました。Vaultのログを確認してください", status)
}

// ask sends one question. Its errors hold neither what was sent nor what came.
func (v *Vault) ask(ctx context.Context, method, path, token string, in, out any) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, vaultWithin)
	defer cancel()
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return 0, err
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, v.o.Address+path, body)
	if err != nil {
		return 0, err
	}
	r.Header.Set("X-Vault-Request", "true")
	if token != "" {
		r.Header.Set("X-Vault-Token", token)
	}
	if v.o.Namespace != "" {
		r.Header.Set("X-Vault-Namespace", v.o.Namespace)
	}
	answer, err := v.http.Do(r)
	if err != nil {
		if cause := new(url.Error); errors.As(err, &cause) {
			err = cause.Err
		}
		return 0, unreached{plan.Wrong("the vault at %s can't be reached: %s; nothing is kept from before, so steps wait until it is back", "Vault（%s）に接続できません: %s。以前の値は保持していないため、復旧するまでステップは待機します", v.o.Address, err.Error()), err}
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return answer.StatusCode, nil
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, vaultAnswer))
	if err == nil && json.Unmarshal(b, out) != nil {
		err = plan.Wrong("it is no JSON of %d bytes", "%dバイトのJSONとして読めません", len(b))
	}
	if err != nil {
		return 0, plan.Caused(err, "the vault's answer can't be read", "Vaultの応答を読み取れません")
	}
	return answer.StatusCode, nil
}
