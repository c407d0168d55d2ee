package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/vaulttest"
)

// Whatever secret of the settings a process reads, by whatever part of it, its log knows from then on, in
// every encoding: the ones that only programs see too.
func TestTheLogKnowsEverySecretOfTheSettings(t *testing.T) {
	cores := map[string]string{"temporal.api_key": "kanariyaApi3Wd8Tq5", "evidence.s3_secret_key": "kanariyaSss7Mk2Zr9", "evidence.s3_access_key": "kanariyaAcc4Vn6Hb1", "evidence.timestamps_password": "kanariyaTsa6Jp4Xw2",
		"vault.secret_id": vaulttest.SecretID, "webhook.secret": "kanariyaWeb2Rt5Ls8"}
	dir := t.TempDir()
	file := func(name, text string) string { t.Helper(); return secretIn(t, dir, name, text) }
	v := vaulttest.Start(t)
	keys := filepath.Join(dir, "keyring")
	if _, err := NewKey(i18n.EN, keys, "k1"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(keys)
	if err != nil {
		t.Fatal(err)
	}
	_, key, _ := strings.Cut(string(b), "key k1 ")
	cores["encryption.keyring"] = strings.TrimRight(key, "=\n")
	pair := pgtest.StartPair(t)
	address, _ := pair.NewDatabase(t)
	cores["store_password"] = pair.Password

	said := &talk{}
	o := Options{Lang: i18n.EN, Log: slog.New(slog.NewTextHandler(said, nil)), Config: config.Config{
		Store: address, StorePassword: file("store", pair.Password),
		Temporal:   config.Temporal{Address: "engine.example.jp:7233", Namespace: "muster", APIKey: file("api", canary(cores["temporal.api_key"]))},
		Encryption: config.Encryption{Keyring: "secret://file" + keys},
		Evidence: config.Evidence{CopyTo: []string{"s3://bucket/muster?endpoint=https://s3.example.jp&region=jp"}, AccessKey: file("access", canary(cores["evidence.s3_access_key"])),
			SecretKey: file("secret", canary(cores["evidence.s3_secret_key"])), Timestamps: []string{"https://tsa.example.jp/"}, TimestampsUser: "muster",
			TimestampsPassword: file("tsa", canary(cores["evidence.timestamps_password"])), TimestampsCAFile: v.CAFile},
		Vault: config.Vault{Address: v.URL, CAFile: v.CAFile, Namespace: vaulttest.Space, Auth: "approle", RoleID: file("role", vaulttest.RoleID), SecretID: file("secret-id", vaulttest.SecretID)},
	}}.guarded()
	conn, err := Connection(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := evidencePlaces(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := timestamps(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if _, err := o.secrets().Resolve(context.Background(), file("webhook", canary(cores["webhook.secret"]))); err != nil {
		t.Fatal(err)
	}
	store, err := journal.Open(t.Context(), address, o.store(nil)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	token := "a-token-of-the-servers-own"
	o.learn(token)
	cores["token"] = token
	for who, core := range cores {
		value := core // as it was planted
		switch who {
		case "temporal.api_key":
			value = conn.APIKey
		case "encryption.keyring":
			value = cores[who] + "="
		case "webhook.secret", "evidence.timestamps_password", "evidence.s3_access_key", "evidence.s3_secret_key":
			value = canary(core)
		}
		o.Log.Warn("a program said", "what", who, "err", value)
		for name, text := range encodings(value) {
			o.Log.Warn("a program said", "what", who+" as "+name, "err", text)
		}
	}
	if !strings.Contains(said.String(), "store_password as base64") {
		t.Fatalf("the log does not hold what it was given:\n%s", said)
	}
	for _, line := range strings.Split(said.String(), "\n") {
		for who, core := range cores {
			if by := shows([]byte(line), core); by != "" {
				t.Errorf("%s %s: %s", who, by, line)
			}
		}
	}
}

// A secret that can't be read is told in the reader's language, with where and the way out.
func TestASecretThatCantBeReadIsToldInJapanese(t *testing.T) {
	open := filepath.Join(t.TempDir(), "key")
	save(t, open, "everybody-reads-this")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for ref, want := range map[string]string{"secret://env/MUSTER_NO_SUCH": "環境変数に MUSTER_NO_SUCH がありません", "secret://file" + open: "chmod o-rwx " + open, "secret://file/no/such": "を読み取れません"} {
		o := Options{Lang: i18n.JA, Config: config.Config{Temporal: config.Temporal{Address: "engine.example.jp:7233", APIKey: ref}}}
		_, err := Connection(t.Context(), o)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "temporal.api_key") {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

// secretIn writes a secret into a file for its owner alone, and returns its reference.
func secretIn(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	save(t, path, text)
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return "secret://file" + path
}
