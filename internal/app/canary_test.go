package app

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/cloudtest"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/vaulttest"
)

// A canary is a secret that was planted: a core that stands nowhere else, among characters that
// every encoding treats in its own way.
func canary(core string) string { return `k&"` + core + `'<x> \ %/+?=$` }

// encodings are the ways in which programs print a secret. They share no code with the redactor.
func encodings(v string) map[string]string {
	wide := func(order func(uint16) [2]byte) string {
		var b []byte
		for _, u := range utf16.Encode([]rune(v)) {
			two := order(u)
			b = append(b, two[:]...)
		}
		return string(b)
	}
	little := wide(func(u uint16) [2]byte { return [2]byte{byte(u), byte(u >> 8)} })
	inJSON, _ := json.Marshal(v)
	wrapped := regexp.MustCompile(`.{1,19}`).ReplaceAllString(base64.StdEncoding.EncodeToString([]byte("some words before "+v)), "$0\n")
	spaced := regexp.MustCompile(`..`)
	hexed := hex.EncodeToString([]byte(v))
	return map[string]string{
		"raw": v, "base64": base64.StdEncoding.EncodeToString([]byte("user:" + v)), "base64 url": base64.RawURLEncoding.EncodeToString([]byte(v)),
		"base64 wrapped": wrapped, "hex": hexed, "HEX": strings.ToUpper(hexed), "hex spaced": spaced.ReplaceAllString(hexed, "$0 "),
		"hex with colons": spaced.ReplaceAllString(strings.ToUpper(hexed), "$0:"), "hex escaped": spaced.ReplaceAllString(hexed, `\x$0`),
		"URL": url.QueryEscape(v), "JSON": string(inJSON), "quoted": strconv.Quote(v), "shell quoted": "'" + strings.ReplaceAll(v, "'", `'\''`) + "'",
		"shell escaped": regexp.MustCompile(`[^A-Za-z0-9]`).ReplaceAllString(v, `\$0`), "HTML": html.EscapeString(v),
		"UTF-16 in base64": base64.StdEncoding.EncodeToString([]byte(little)), "UTF-16 in hex": hex.EncodeToString([]byte(little)), "UTF-16": little,
		"UTF-16 big end first": wide(func(u uint16) [2]byte { return [2]byte{byte(u >> 8), byte(u)} }),
	}
}

var blank = regexp.MustCompile(`\s|\\n|\\r|\\t|\x00|\\u0000`)

// shows reports by which trace of a core a text shows it; "" is none.
func shows(text []byte, core string) string {
	bare := blank.ReplaceAllString(string(text), "")
	lower := strings.ToLower(bare)
	var wide []byte
	for _, c := range []byte(core) {
		wide = append(wide, c, 0)
	}
	if strings.Contains(bare, core) { // UTF-16 too: without its zeros it is the same
		return "in clear"
	}
	hexed := hex.EncodeToString([]byte(core))
	flat := strings.NewReplacer(":", "", `\\x`, "", `\x`, "").Replace(lower)
	if strings.Contains(flat, hexed) || strings.Contains(flat, hex.EncodeToString(wide)) {
		return "in hex"
	}
	for _, b := range [][]byte{[]byte(core), wide} {
		for shift := range 3 {
			enc := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), b...))
			if enc = enc[4 : len(enc)-4]; strings.Contains(strings.NewReplacer("-", "+", "_", "/").Replace(bare), enc) {
				return "in base64"
			}
		}
	}
	return ""
}

// The finder finds every encoding, so that what it doesn't find is not there.
func TestTheFinderFindsEveryEncoding(t *testing.T) {
	const core = "kanariya4Qz7Lm2Vt9"
	for name, text := range encodings(canary(core)) {
		quoted, _ := json.Marshal("said: " + text + " and more")
		if shows([]byte("said: "+text+" and more"), core) == "" || shows(quoted, core) == "" {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	if by := shows([]byte("nothing of it in here 6b 61 6e"), core); by != "" {
		t.Error(by)
	}
}

// Secrets are planted wherever one can be, targets and steps tell them in every encoding, and a
// real drill is run on a real engine. None is then in anything that is kept, logged or answered.
// What the same steps print beside them and is no secret is in all of it: the places were looked at.
func TestNoSecretIsWrittenDown(t *testing.T) {
	for _, encrypted := range []bool{false, true} {
		t.Run(fmt.Sprintf("encrypted=%v", encrypted), func(t *testing.T) { plantAndLook(t, encrypted) })
	}
}

func plantAndLook(t *testing.T, encrypted bool) {
	const open = "openword5Hc8Wp3Rk6"
	cores := map[string]string{"env": "kanariyaEnv7Qm2Xd9", "file": "kanariyaFil3Vb8Zt1", "vault": "kanariyaVau5Nc4Lw6", "systemd": "kanariyaSys9Jr2Gk8", "cloud": "kanariyaClo3Wd7Ub5",
		"header": "kanariyaHea4Ty7Pf3", "slack": "kanariyaSla8Hd1Ms5", "signing": "kanariyaSig2Bx6Qv9", "webhook": "kanariyaWeb6Kz3Rn7",
		"vault's secret id": vaulttest.SecretID, "vault's role id": vaulttest.RoleID,
		"cloud's key": cloudtest.AWSSecretKey}
	dir := t.TempDir()
	file := func(name, text string) string { t.Helper(); return secretIn(t, dir, name, text) }
	v := vaulttest.Start(t)
	v.Put("kv/orders", map[string]any{"password": canary(cores["vault"])})
	clouds := cloudtest.Start(t)
	clouds.Put("aws/orders/db", canary(cores["cloud"]))
	t.Setenv("CANARY_ENV", canary(cores["env"]))
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	file("systemd", canary(cores["systemd"]))
	var leak strings.Builder
	for _, who := range []string{"env", "file", "vault", "systemd", "cloud"} {
		for name, text := range encodings(canary(cores[who])) {
			fmt.Fprintf(&leak, "%s %s: %s\n", open, name, text)
		}
	}
	save(t, filepath.Join(dir, "leak.txt"), leak.String())
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, "%s: no such key: %s", open, r.Header.Get("X-Key"))
		for name, text := range encodings(r.Header.Get("X-Key")) {
			fmt.Fprintf(w, "\n%s %s", name, text)
		}
	}))
	t.Cleanup(echo.Close)
	slackAPI := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // a gateway that tells what it was told
		_ = r.ParseForm()
		said := r.Header.Get("Authorization") + " " + r.Form.Encode()
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": "invalid_auth: " + said})
	}))
	t.Cleanup(slackAPI.Close)
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, canary(cores["webhook"]), http.StatusBadRequest)
	}))
	t.Cleanup(hook.Close)

	secretEnv := `secret_env: {A: secret://env/CANARY_ENV, B: "` + file("file", canary(cores["file"])) + `", C: "secret://vault/kv/orders#password", D: secret://systemd/systemd, E: secret://aws/orders/db}`
	plans := keyed(t, "unused", "unused")
	save(t, filepath.Join(plans, "runbook.yaml"), fmt.Sprintf(`kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: says, at: osaka, timeout: 3m, uses: exec.run, with: {argv: [cat, %[1]s], parse: lines, %[2]s, results: {said: stdout}}}
  - {id: fails, at: osaka, timeout: 3m, uses: exec.run, with: {argv: [sh, -c, "cat %[1]s >&2; printf '%%s' \"$A$B\"; exit 3"], %[2]s}}
  - {id: echoes, at: osaka, timeout: 3m, uses: http.request, with: {method: POST, url: %[3]q, secret_headers: {X-Key: %[4]q}}}
`, filepath.Join(dir, "leak.txt"), secretEnv, echo.URL, file("header", strings.ReplaceAll(canary(cores["header"]), "\n", ""))))
	scenario := filepath.Join(plans, "scenario.yaml")
	text, err := os.ReadFile(scenario)
	if err != nil {
		t.Fatal(err)
	}
	save(t, scenario, strings.Replace(string(text), "fail_wait: 5m", "fail_wait: 1s", 1))

	o, said := options(t, plans)
	o.Log = slog.New(slog.NewTextHandler(said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Config.Vault = config.Vault{Address: v.URL, CAFile: v.CAFile, Namespace: vaulttest.Space, Auth: "approle", RoleID: file("role", vaulttest.RoleID), SecretID: file("secret-id", vaulttest.SecretID)}
	o.Config.Cloud.Program = cloudtest.Program(t)
	o.Config.Slack = config.Slack{Mode: "http", Token: file("slack", "xoxb-"+cores["slack"]), SigningSecret: file("signing", canary(cores["signing"])), API: slackAPI.URL + "/", Channel: "C00000099"}
	o.Config.Webhook = config.Webhook{URL: hook.URL, Secret: file("webhook", canary(cores["webhook"])), Allow: []string{"127.0.0.1"}}
	o.Config.PublicURL = "https://muster.example.jp"
	if encrypted {
		keys := filepath.Join(t.TempDir(), "keyring")
		if _, err := NewKey(i18n.EN, keys, "k1"); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(keys)
		if err != nil {
			t.Fatal(err)
		}
		_, key, _ := strings.Cut(string(b), "key k1 ")
		cores["encryption key"] = strings.TrimRight(key, "=\n")
		o.Config.Encryption.Keyring = "secret://file" + keys
	}
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "keys", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	untilEnded(t, u, started.Run)

	places := map[string][]byte{"bundle": unzipped(t, bundleOf(t, u, started.Run))}
	for _, format := range []string{"text", "json", "markdown", "html", "csv", "record"} {
		for _, lang := range []string{"en", "ja"} {
			b, err := u.Report(t.Context(), started.Run, format, lang)
			if err != nil {
				t.Fatalf("report as %s: %v", format, err)
			}
			if format == "csv" {
				b = unzipped(t, b)
			}
			places["report "+format+" "+lang] = b
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	checks, err := json.Marshal(append(Examine(ctx, o.Lang, o.Config), ExamineUpgrade(ctx, o.Lang, o.Config, "next")...))
	if err != nil {
		t.Fatal(err)
	}
	places["doctor"] = checks
	token, err := ReadToken(i18n.EN, o.Config.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	for path, b := range answers(t, u.at, token, started.Run) {
		places["GET "+path] = b
	}
	places["histories"] = histories(t, o)
	if err := u.stop(); err != nil {
		t.Fatal(err)
	}
	places["logs"] = []byte(said.String())
	var kept bytes.Buffer
	for path, b := range filesBelow(t, o.Config.Data) {
		switch {
		case path == o.Config.TokenPath(): // the server's own, mode 0600
		case strings.HasPrefix(path, o.Config.EngineDir()):
			places["engine"] = append(places["engine"], b...)
		case strings.HasSuffix(path, ".zip"):
			kept.Write(unzipped(t, b))
		default:
			kept.Write(b)
		}
	}
	places["data directory"] = kept.Bytes()
	for where, b := range places {
		for who, core := range cores {
			if by := shows(b, core); by != "" {
				at := bytes.Index(b, []byte(core))
				t.Errorf("%s shows the secret of %s %s: …%q…", where, who, by, b[max(0, at-120):min(len(b), max(0, at)+60)])
			}
		}
	}
	for where, wants := range map[string]bool{"histories": true, "data directory": true, "bundle": true, "report json en": true, "report html ja": true, "report record en": true,
		"GET /api/v1/runs/" + started.Run + "/events": true, "engine": !encrypted} {
		if has := bytes.Contains(places[where], []byte(open)); has != wants {
			t.Errorf("%s (%d bytes) shows what is no secret: %v, want %v", where, len(places[where]), has, wants)
		}
	}
}

// unzipped is what an archive's files hold, one after the other.
func unzipped(t *testing.T, b []byte) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&out, r); err != nil {
			t.Fatal(err)
		}
		_ = r.Close()
	}
	return out.Bytes()
}

// answers are those of every path that the API has for reading, and some pages of the board.
func answers(t *testing.T, at, token, id string) map[string][]byte {
	t.Helper()
	get := func(path string) ([]byte, int) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Body.Close()
		b, err := io.ReadAll(a.Body)
		if err != nil {
			t.Fatal(err)
		}
		return b, a.StatusCode
	}
	var described struct {
		Paths map[string]map[string]json.RawMessage
	}
	b, _ := get("/api/openapi.json")
	if err := json.Unmarshal(b, &described); err != nil {
		t.Fatal(err)
	}
	out, read := map[string][]byte{}, 0
	paths := []string{"/metrics", "/", "/runs/" + id}
	for path, methods := range described.Paths {
		if _, ok := methods["get"]; ok {
			paths = append(paths, regexp.MustCompile(`\{[a-z]+\}`).ReplaceAllStringFunc(path, func(s string) string {
				return map[string]string{"{system}": "orders", "{scenario}": "keys", "{person}": "sato"}[s] + map[bool]string{true: id}[s == "{run}" || s == "{id}"]
			}))
		}
	}
	for _, path := range paths {
		var status int
		if out[path], status = get(path); status == http.StatusOK {
			read++
		}
	}
	if read < 15 {
		t.Errorf("only %d of %d paths of the API could be read", read, len(paths))
	}
	return out
}

// histories are those of all workflows, decrypted, as an export has them.
func histories(t *testing.T, o Options) []byte {
	t.Helper()
	at, err := engine.Running(o.Config.EngineDir())
	if err != nil {
		t.Fatal(err)
	}
	codec, err := payloads(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	c, err := engine.Dial(t.Context(), engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token, Codec: codec})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	list, err := allWorkflows(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, w := range list {
		it := c.GetWorkflowHistory(t.Context(), w.GetWorkflowId(), w.GetRunId(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for it.HasNext() {
			e, err := it.Next()
			if err != nil {
				t.Fatal(err)
			}
			b, err := protojson.Marshal(e)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(decrypted(t, codec, b))
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}

func allWorkflows(ctx context.Context, c client.Client) (out []*commonpb.WorkflowExecution, err error) {
	for next := []byte(nil); ; {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 200, NextPageToken: next})
		if err != nil {
			return nil, err
		}
		for _, w := range page.GetExecutions() {
			out = append(out, w.GetExecution())
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			return out, nil
		}
	}
}

// decrypted is an event in JSON with what its payloads hold behind it.
func decrypted(t *testing.T, codec *keyring.Codec, event []byte) []byte {
	t.Helper()
	var v any
	if err := json.Unmarshal(event, &v); err != nil {
		t.Fatal(err)
	}
	out := event
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			if v["metadata"] != nil && v["data"] != nil {
				b, err := json.Marshal(v)
				if err != nil {
					t.Fatal(err)
				}
				p := &commonpb.Payload{}
				if err := protojson.Unmarshal(b, p); err == nil {
					clear, err := codec.Decode([]*commonpb.Payload{p})
					if err != nil {
						t.Fatal(err)
					}
					out = append(append(out, '\n'), clear[0].GetData()...)
				}
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(v)
	return out
}
