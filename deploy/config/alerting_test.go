package config_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/authority"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/waittest"
)

// A real Prometheus with the shipped settings starts without an Alertmanager. Once the address of one is written beside them, what
// fires reaches it, without a restart.
func TestAlertsReachAnAlertmanager(t *testing.T) {
	told := make(chan string, 100)
	manager := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		select {
		case told <- r.URL.Path + " " + string(b):
		default: // they are sent again and again
		}
	}))
	t.Cleanup(manager.Close)
	dir := t.TempDir()
	if _, err := (authority.Set{Dir: dir, Lasts: time.Hour}).Write(time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "prometheus"), filepath.Join(dir, "tls")); err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile("prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	settings := strings.Replace(string(shipped), "global:\n", "global:\n  evaluation_interval: 500ms\n", 1)
	for name, text := range map[string]string{"prometheus.yml": settings, "muster-token": "x", "targets/muster.yml": "[]", "targets/temporal.yml": "[]", "targets/prometheus.yml": "[]",
		"rules/alerts.yaml": "groups: [{name: test, rules: [{alert: Fires, expr: vector(1)}]}]"} {
		put(t, filepath.Join(dir, name), text)
	}
	port, err := freeport.Get()
	if err != nil {
		t.Fatal(err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	var said bytes.Buffer
	cmd := exec.Command("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--rules.alert.resend-delay=1s", "--web.listen-address="+address)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatalf("start prometheus (package prometheus): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s", said.Bytes()[max(0, said.Len()-2000):])
		}
	})
	waittest.Eventually(t, time.Minute, func() string {
		res, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			return err.Error()
		}
		_ = res.Body.Close()
		return map[bool]string{false: res.Status}[res.StatusCode == http.StatusOK]
	})
	put(t, filepath.Join(dir, "targets", "alertmanager.yml"), fmt.Sprintf("- targets: ['%s']\n", strings.TrimPrefix(manager.URL, "http://")))
	select {
	case got := <-told:
		if !strings.HasPrefix(got, "/api/v2/alerts ") || !strings.Contains(got, `"alertname":"Fires"`) {
			t.Errorf("the Alertmanager was told %s", got)
		}
	case <-time.After(2 * time.Minute):
		t.Error("an alert has fired for two minutes, and the Alertmanager was told nothing")
	}
}

func put(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
