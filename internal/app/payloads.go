package app

import (
	"context"
	"encoding/base64"
	"strings"

	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/plan"
)

// payloads is what encrypts and decrypts what this process gives to the engine and takes
// from it. Every client is made with it, keys or none.
func payloads(ctx context.Context, o Options) (*keyring.Codec, error) {
	l, c := o.Lang, o.Config
	ref := c.Encryption.Keyring
	if ref == "" {
		return keyring.NewCodec(nil, c.Temporal.Namespace), nil
	}
	held, err := keyring.Open(ctx, ref, func(ctx context.Context) (string, error) { return o.keyring(ctx, ref) }, o.Log)
	if err != nil {
		return nil, &Trouble{Mistake: true, What: "encryption.keyring: " + plan.SaidBy(err).In(string(l)),
			WayOut: l.T("Put the keyring that the other processes use there; on the first machine alone, where there is none yet: muster key new --keyring FILE", "他のプロセスと同じ鍵束を置いてください。鍵束がまだどこにもない最初のマシンに限り、muster key new --keyring FILE で作成します")}
	}
	return keyring.NewCodec(held, c.Temporal.Namespace), nil
}

// keyring reads a keyring. Each of its keys is a secret of its own.
func (o Options) keyring(ctx context.Context, ref string) (string, error) {
	text, err := o.secrets().Resolve(ctx, ref)
	if err != nil {
		return "", err
	}
	for _, word := range strings.Fields(text) {
		if raw, err := base64.StdEncoding.DecodeString(word); err == nil && len(raw) >= 16 {
			o.learn(word)
			o.learn(string(raw))
		}
	}
	return text, nil
}

// keys looks whether this process could read what the others encrypt.
func (e *examination) keys(ctx context.Context) {
	title := e.t("encryption of histories", "履歴の暗号化")
	switch {
	case e.c.Encryption.Keyring != "":
	case e.c.Embedded() && e.c.Site == "":
		e.add("keys", title, Good, e.t("off; the engine's files are open to this user alone", "無効。エンジンのファイルを読めるのはこのユーザーだけです"), "")
		return
	default:
		e.add("keys", title, Odd, e.t("off: whoever reads the engine's database or its UI reads what was done and said in every run", "無効です。エンジンのデータベースやUIを読める人は、すべての実施内容を読めます"),
			e.t("muster key new --keyring FILE, and set encryption.keyring in every process; runs in progress go on", "muster key new --keyring FILE で鍵を作成し、全プロセスで encryption.keyring を設定してください。実施中の訓練・対応はそのまま続きます"))
		return
	}
	codec, err := payloads(ctx, e.options())
	if err != nil {
		e.trouble("keys", title, err)
		return
	}
	ring := codec.Keys()
	e.add("keys", title, Good, e.t("key %s encrypts; this process decrypts with %s", "鍵 %s で暗号化。このプロセスが復号に使える鍵: %s", ring.Active, strings.Join(ring.IDs(), ", ")), "")
}
