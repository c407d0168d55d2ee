package cli

import (
	"bytes"
	"context"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/example"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

const (
	backConsole = "the-server's-own-token-of-the-test"
	backBundle  = "babcdefghj"
)

// posted is a server of an organisation in Japan; one that works from a bundle where bundled is given.
func posted(t *testing.T, bundled *run.Bundled) (url string, store journal.Store, k *keep.Keeper) {
	t.Helper()
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	o := keep.Options{Dir: filepath.Join(t.TempDir(), "seal"), Store: store, Version: Version()}
	if bundled != nil {
		o.Begin, o.Only = &evidence.Entry{At: bundled.At, By: bundled.By, Reason: bundled.Reason, Bundle: bundled.ID}, bundled.OwnRun
	}
	k = keep.New(o)
	s := &api.Server{Store: store, Version: Version(), Log: slog.New(slog.DiscardHandler), Bundled: bundled, Evidence: k, Identity: identity.New(store, identity.Options{Console: backConsole}),
		Estate: func(context.Context) (plan.Estate, error) {
			return plan.Estate{Zone: "Asia/Tokyo", People: []plan.Person{{ID: "sato"}, {ID: "tanaka"}}}, nil
		}}
	srv := httptest.NewServer(s.Handler())
	t.Cleanup(func() { srv.Close(); k.Close(); _ = store.Close() })
	return srv.URL, store, k
}

// What was done on the laptop is written once, under a name that is free, and whoever carries it reads what it is; at main only somebody of the estate takes it in.
func TestWhatIsBroughtBackSaysWhatItIs(t *testing.T) {
	main, _, _ := posted(t, nil)
	laptop, store, k := posted(t, &run.Bundled{ID: backBundle, At: example.Begin, By: "sato", Reason: "Tokyo is gone"})
	keys, err := k.Keys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := api.Connect(main, backConsole, "en")
	defer c.Close()
	if _, err := c.MakeBundle(t.Context(), api.NewBundle{By: "sato", ID: backBundle, Key: keys[0], Manifest: strings.Repeat("a", 64)}); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_TOKEN", backConsole)
	t.Setenv("MUSTER_LANG", "en")
	t.Setenv("MUSTER_SERVER", main)
	if code, _, talk := muster(t, "bundle", "export", "none.zip", "--lang", "ja"); code != exitRefused || !strings.Contains(talk, "ノートPCで") {
		t.Errorf("at main: exit %d, %s", code, talk)
	}
	t.Setenv("MUSTER_SERVER", laptop)
	if code, out, talk := muster(t, "bundle"); code != 0 || out != "" || !strings.Contains(talk, "works from bundle "+backBundle) || strings.Contains(talk, "no bundle was made") {
		t.Errorf("a list on the laptop: exit %d, %q, %s", code, out, talk)
	}
	if code, _, talk := muster(t, "bundle", "export", "none.zip"); code != 0 || !strings.Contains(talk, "no run of bundle "+backBundle+" has ended") {
		t.Errorf("before any has ended: exit %d, %s", code, talk)
	}
	t.Setenv("MUSTER_SERVER", main)
	if code, _, talk := muster(t, "merge", "none.zip", "--as", "sato", "--reason", "drill"); code != 0 || !strings.Contains(talk, "taken into use by sato") {
		t.Errorf("merged before any has ended: exit %d, %s", code, talk)
	}
	if _, out, _ := muster(t, "bundle"); strings.Contains(out, "not used") || !strings.Contains(out, "in use since") {
		t.Errorf("the list after that: %s", out)
	}
	t.Setenv("MUSTER_SERVER", laptop)
	p, err := example.Plan(3)
	if err != nil {
		t.Fatal(err)
	}
	id := "tokyo-loss-1-" + backBundle
	events := example.Events(id, run.Drill, p)
	if err := store.PutPlan(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := store.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	code, out, talk := muster(t, "bundle", "export", "back.zip")
	b, err := os.ReadFile("back.zip")
	if code != 0 || out != "back.zip\n" || err != nil {
		t.Fatalf("exit %d, %q, %v\n%s", code, out, err, talk)
	}
	for _, says := range []string{"1 run(s) (" + id + ")", "events, from 2026-11-19 14:00:00 JST to 2026-11-19 14:", evidence.Sum(b), "bytes", "muster merge back.zip --as"} {
		if !strings.Contains(talk, says) {
			t.Errorf("it does not say %q:\n%s", says, talk)
		}
	}
	if code, _, talk := muster(t, "bundle", "export", "ja.zip", "--lang", "ja"); code != 0 || !strings.Contains(talk, "1 件の実施（"+id+"）") || !strings.Contains(talk, "JST") {
		t.Errorf("in Japanese: exit %d\n%s", code, talk)
	}
	if code, _, talk := muster(t, "bundle", "export", "back.zip"); code != exitMistake || !strings.Contains(talk, "is there already") || !strings.Contains(talk, "Name another file") {
		t.Errorf("over another: exit %d, %s", code, talk)
	}
	if code, _, talk := muster(t, "bundle", "export", "stick/back.zip"); code != exitMistake || !strings.Contains(talk, "folder stick is not there") {
		t.Errorf("into no folder: exit %d, %s", code, talk)
	}
	if again, err := os.ReadFile("back.zip"); err != nil || !bytes.Equal(again, b) {
		t.Errorf("the first one was changed: %v", err)
	}
	if code, _, talk := muster(t, "verify", "back.zip"); code != exitMistake || !strings.Contains(talk, "muster merge back.zip") {
		t.Errorf("verify: exit %d, %s", code, talk)
	}
	t.Setenv("MUSTER_SERVER", main)
	if code, _, talk := muster(t, "merge", "back.zip", "--as", "satoh", "--reason", "drill"); code != exitMistake || !strings.Contains(talk, `Did you mean "sato"?`) {
		t.Errorf("merged by nobody: exit %d, %s", code, talk)
	}
	if code, out, talk := muster(t, "merge", "back.zip", "--as", "sato", "--reason", "drill"); code != 0 || out != id+"\n" {
		t.Errorf("merge: exit %d, %q\n%s", code, out, talk)
	}
	if err := os.WriteFile("cut.zip", b[:len(b)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, talk = muster(t, "merge", "cut.zip", "--as", "sato", "--reason", "drill", "--lang", "ja")
	if code != exitMistake || regexp.MustCompile(`[a-z]+ (is|was|of|the|its) [a-z]+`).MatchString(talk) {
		t.Errorf("a file that was cut off, in Japanese: exit %d, %s", code, talk)
	}
}

// sealedTo makes a bundle that is opened with a passphrase, or with a key.
func sealedTo(t *testing.T, to age.Recipient, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "muster.bundle")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := age.Encrypt(f, to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// Whoever opens a bundle in the wrong way hears which is the right one, in their language, and nothing is begun.
func TestABundleSaysHowItIsOpened(t *testing.T) {
	byWords, err := age.NewScryptRecipient("six words that were drawn blindly")
	if err != nil {
		t.Fatal(err)
	}
	byWords.SetWorkFactor(10)
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"laptop.key": key.String() + "\n", "words": "six words that were drawn blindly\n", "empty": "\n", "other": "six other words that were drawn\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	words, keyed := sealedTo(t, byWords, "no archive"), sealedTo(t, key.Recipient(), "no archive")
	for _, c := range []struct {
		with   []string
		en, ja string
	}{
		{[]string{words, "--identity", "laptop.key"}, "opened with a passphrase, and --identity names a key", "必要なのはパスフレーズです"},
		{[]string{keyed, "--passphrase-file", "words"}, "opened with a key, not with a passphrase", "必要なのは鍵です"},
		{[]string{words, "--passphrase-file", "empty"}, "the passphrase is empty", "パスフレーズが空です"},
		{[]string{words, "--passphrase-file", "other"}, "does not open the bundle", "パッケージを開けません"},
		{[]string{words, "--passphrase-file", "words"}, "altered or damaged", "改変または破損"},
		{[]string{keyed, "--identity", "laptop.key"}, "altered or damaged", "改変または破損"},
		{[]string{keyed, "--identity", "words"}, "holds no key such as AGE-SECRET-KEY-1", "の形の鍵がありません"},
		{[]string{keyed, "--identity", "nowhere"}, "nowhere: no such file", "nowhere: ファイルまたはフォルダーが存在しません"},
		{[]string{keyed, "--identity", "laptop.key", "--bundle-key", "words"}, "words: line 1 is no public key", "words: 1行目は証拠台帳の公開鍵ではありません"},
		{[]string{"words", "--identity", "laptop.key"}, "no file that `muster bundle` made", "`muster bundle` で作成したファイルではありません"},
	} {
		for lang, says := range map[string]string{"en": c.en, "ja": c.ja} {
			code, _, talk := muster(t, append([]string{"up", "--as", "sato", "--reason", "Tokyo is gone", "--lang", lang, "--bundle"}, c.with...)...)
			if code != exitMistake || !strings.Contains(talk, says) {
				t.Errorf("%s %v: exit %d, %s", lang, c.with[1:], code, talk)
			}
		}
	}
	if left, err := filepath.Glob("muster-break-glass-*"); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	if code, _, talk := muster(t, "merge", words, "--as", "sato", "--reason", "drill"); code != exitMistake || !strings.Contains(talk, "is the bundle itself") {
		t.Errorf("merge: exit %d, %s", code, talk)
	}
	if code, _, talk := muster(t, "verify", words); code != exitMistake || !strings.Contains(talk, "muster up --bundle "+words) {
		t.Errorf("verify: exit %d, %s", code, talk)
	}
}

// What whoever stands before the laptop reads is in the organisation's zone, which is named.
func TestALaptopShowsTheOrganisationsTimes(t *testing.T) {
	at := time.Date(2026, 11, 19, 15, 30, 0, 0, time.UTC)
	m := breakglass.Manifest{ID: backBundle, By: "sato", Muster: "test", OS: runtime.GOOS, Arch: runtime.GOARCH, MadeAt: at, Zone: "Asia/Tokyo",
		Open:      []breakglass.OpenRun{{Run: "tokyo-loss-3", Kind: run.Response, LastAt: at.Add(time.Minute)}},
		Elsewhere: []breakglass.Elsewhere{{Path: "/nowhere/traffic.sh", Site: "osaka", What: breakglass.OfStep, Name: "orders-failover/traffic"}}}
	for lang, says := range map[string][]string{
		"en": {"made 2026-11-20 00:30:00 JST by sato", "(sato, 2026-11-20 01:30:00 JST)", "2026-11-20 00:31:00 JST", "/nowhere/traffic.sh (step orders-failover/traffic)"},
		"ja": {"作成 2026-11-20 00:30:00 JST", "（sato、2026-11-20 01:30:00 JST）", "2026-11-20 00:31:00 JST", "/nowhere/traffic.sh（ステップ orders-failover/traffic）"},
	} {
		var talk bytes.Buffer
		c := &command{Stdio: Stdio{Err: &talk}, lang: i18n.Parse(lang)}
		c.activated(app.Activation{Bundled: run.Bundled{ID: backBundle, By: "sato", Reason: "Tokyo is gone", At: at.Add(time.Hour)}, Manifest: m})
		for _, s := range says {
			if !strings.Contains(talk.String(), s) {
				t.Errorf("%s: it does not say %q:\n%s", lang, s, &talk)
			}
		}
	}
}

// On a laptop whose server is not up the way out is the bundle's, not a server without it.
func TestOnALaptopTheWayOutIsTheBundle(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("MUSTER_LANG", "en")
	t.Setenv("MUSTER_TOKEN", backConsole)
	t.Setenv("MUSTER_DATA", "data")
	t.Setenv("MUSTER_SERVER", "http://127.0.0.1:1")
	if code, _, talk := muster(t, "bundle", "export", "back.zip"); code != exitFault || !strings.Contains(talk, "`muster up`") {
		t.Errorf("elsewhere: exit %d, %s", code, talk)
	}
	if err := os.WriteFile("activation.json", []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, talk := muster(t, "bundle", "export", "back.zip"); code != exitFault || !strings.Contains(talk, "muster up --bundle-dir /") {
		t.Errorf("exit %d, %s", code, talk)
	}
}
