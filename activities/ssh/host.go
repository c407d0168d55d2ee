package ssh

import (
	"bytes"
	"context"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Host is a target of kind "ssh".
type Host struct {
	Host       string            `json:"host" reach:"host" help:"Address of the host, as the site workers reach it." ja:"拠点ワーカーから見たホストのアドレス"`
	Port       int               `json:"port" reach:"port" help:"Port of its SSH server." ja:"SSHサーバーのポート" default:"22"`
	User       string            `json:"user" help:"User to log in as." ja:"ログインするユーザー"`
	HostKey    string            `json:"host_key" help:"The host's public key, as in ssh_host_ed25519_key.pub; any other is refused." ja:"ホストの公開鍵（ssh_host_ed25519_key.pub など）。ほかの鍵は拒否する" example:"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA..."`
	Key        activities.Secret `json:"key" help:"Private key of the user; empty asks the agent at SSH_AUTH_SOCK." ja:"ユーザーの秘密鍵。空なら SSH_AUTH_SOCK のエージェントを使う" default:""`
	Passphrase activities.Secret `json:"passphrase" help:"Passphrase of the key, when it has one." ja:"秘密鍵のパスフレーズ。ある場合に指定する" default:""`
	Within     run.Duration      `json:"connect_timeout" help:"How long connecting and logging in may take together." ja:"接続とログインを合わせて待つ時間" default:"10s"`
}

// Target is a parameter that names one.
type Target = activities.Target[Host]

// alive is how often a connection is asked whether the host still is, and within how
// long it must answer.
const alive = 5 * time.Second

// dial connects and logs in. A host that accepts and says nothing is given up after
// connect_timeout; a host key that is not the estate's is refused before anything of ours
// is sent.
func dial(ctx context.Context, t Target) (*ssh.Client, error) {
	auth, hangUp, err := login(t)
	if err != nil {
		return nil, err
	}
	defer hangUp()
	known, _, _, _, err := ssh.ParseAuthorizedKey([]byte(t.Spec.HostKey))
	if err != nil {
		return nil, activities.RefusedBoth("host %s: host_key of the estate is no public key (%v); take it from the host's console: cat /etc/ssh/ssh_host_ed25519_key.pub", "ホスト %s：構成台帳の host_key が公開鍵ではない（%v）。ホストのコンソールで取得する：cat /etc/ssh/ssh_host_ed25519_key.pub", t.Name, err)
	}
	algorithms := []string{known.Type()}
	if known.Type() == ssh.KeyAlgoRSA {
		algorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	var foreign error
	config := &ssh.ClientConfig{User: t.Spec.User, Auth: auth, HostKeyAlgorithms: algorithms, ClientVersion: "SSH-2.0-muster",
		HostKeyCallback: func(_ string, _ net.Addr, got ssh.PublicKey) error {
			if !bytes.Equal(got.Marshal(), known.Marshal()) {
				foreign = activities.RefusedBoth("host %s shows the key %s, and the estate says %s: somebody else answers at %s, or the host was made anew; compare at its console, and only then correct host_key",
					"ホスト %s の鍵は %s で、構成台帳に記載の %s と異なる。%s で別のホストが応答しているか、ホストが再構築されている。コンソールで鍵を照合し、確認できた場合に限り host_key を修正する",
					t.Name, ssh.FingerprintSHA256(got), ssh.FingerprintSHA256(known), t.Spec.Host)
				return foreign
			}
			return nil
		}}
	began, within := time.Now(), t.Spec.Within.Std()
	if within <= 0 {
		within = 10 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	address := net.JoinHostPort(t.Spec.Host, strconv.Itoa(t.Spec.Port))
	wire, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, plan.Caused(err, "host %s at %s", "ホスト %s（%s）", t.Name, address)
	}
	stop := context.AfterFunc(ctx, func() { _ = wire.Close() })
	conn, channels, requests, err := ssh.NewClientConn(wire, address, config)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	switch {
	case foreign != nil:
		_ = wire.Close()
		return nil, foreign
	case err != nil && ctx.Err() != nil:
		_ = wire.Close()
		return nil, plan.Wrong("host %s at %s accepts connections and does not let us in within %s", "ホスト %s（%s）は接続を受け付けるが、%s以内にログインできなかった", i18n.Spoken(t.Name, address, min(time.Since(began), within))...)
	case err != nil:
		_ = wire.Close()
		if strings.Contains(err.Error(), "unable to authenticate") { // the library has no type for it
			return nil, activities.RefusedBoth("host %s does not let %s in: %v; put the public key into its authorized_keys, or correct key", "ホスト %s が %s のログインを許可しない：%v。公開鍵を authorized_keys に追加するか、key を修正する", t.Name, t.Spec.User, err)
		}
		return nil, plan.Caused(err, "host %s at %s", "ホスト %s（%s）", t.Name, address)
	}
	return ssh.NewClient(conn, channels, requests), nil
}

// login is how we prove who we are; hangUp ends the talk with an agent.
func login(t Target) (auth []ssh.AuthMethod, hangUp func(), err error) {
	hangUp = func() {}
	if key := t.Spec.Key.Reveal(); key != "" {
		var signer ssh.Signer
		if pass := t.Spec.Passphrase.Reveal(); pass != "" {
			signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(pass))
		} else {
			signer, err = ssh.ParsePrivateKey([]byte(key))
		}
		if err != nil {
			return nil, hangUp, activities.RefusedBoth("host %s: the private key can't be used: %v", "ホスト %s：秘密鍵を使用できない：%v", t.Name, err)
		}
		return []ssh.AuthMethod{ssh.PublicKeys(signer)}, hangUp, nil
	}
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, hangUp, activities.RefusedBoth("host %s: no key is given and the worker has no SSH agent (SSH_AUTH_SOCK); give key: secret://file/... in the estate, or start the worker with an agent", "ホスト %s：鍵の指定がなく、ワーカーに SSH エージェント（SSH_AUTH_SOCK）もない。構成台帳に key: secret://file/... を書くか、エージェントとともにワーカーを起動する", t.Name)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil, hangUp, activities.RefusedBoth("host %s: the worker's SSH agent does not answer: %v", "ホスト %s：ワーカーの SSH エージェントが応答しない：%v", t.Name, err)
	}
	return []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(conn).Signers)}, func() { _ = conn.Close() }, nil
}

// watch ends a connection whose host no longer answers, so that nothing waits for a
// host that lost its power. stop ends the watch.
func watch(c *ssh.Client) (stop func()) {
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(alive)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			answered := make(chan error, 1)
			go func() {
				_, _, err := c.SendRequest("keepalive@openssh.com", true, nil)
				answered <- err
			}()
			select {
			case err := <-answered:
				if err != nil {
					_ = c.Close()
					return
				}
			case <-time.After(alive):
				_ = c.Close()
				<-answered
				return
			case <-done:
				_ = c.Close()
				<-answered
				return
			}
		}
	}()
	return func() { close(done); <-ended }
}
