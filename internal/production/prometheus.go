package production

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
)

// startPrometheus starts what reads the figures of muster and of the engine. It comes to muster with
// a token of somebody who may act in nothing.
func (i *Installation) startPrometheus(ctx context.Context) error {
	dir := i.folder(Prometheus)
	for _, name := range []string{"prometheus.yml", "prometheus-web.yml"} {
		if err := i.copy(Prometheus, name); err != nil {
			return err
		}
	}
	alerts, err := os.ReadFile(i.programs.Alerts)
	if err != nil {
		return err
	}
	if err := i.write(Prometheus, "rules/alerts.yaml", alerts); err != nil {
		return err
	}
	if err := i.trust(Prometheus); err != nil {
		return err
	}
	own, err := i.ca.Issue(filepath.Join(dir, "tls"), "prometheus", "prometheus", "localhost", "127.0.0.1")
	if err != nil {
		return err
	}
	for name, port := range map[string]string{"muster": "muster", "temporal": "engine-metrics", "prometheus": "prometheus"} {
		if err := i.write(Prometheus, "targets/"+name+".yml", fmt.Appendf(nil, "- targets: ['127.0.0.1:%d']\n", i.ports[port])); err != nil {
			return err
		}
	}
	token, err := i.client.IssueToken(ctx, api.TokenRequest{Person: i.Reader, Name: "Prometheus", For: identity.ForMetrics, Lasts: run.Duration(certificatesLast)})
	if err != nil {
		return fmt.Errorf("a token for Prometheus: %w", err)
	}
	if err := i.secret(Prometheus, "muster-token", token.Secret); err != nil {
		return err
	}
	if err := i.own(Prometheus, dir); err != nil {
		return err
	}
	binary, err := i.install(i.programs.Prometheus, "prometheus")
	if err != nil {
		return err
	}
	pair, err := own.Load()
	if err != nil {
		return err
	}
	i.reading = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: i.ca.Roots(), ServerName: "prometheus", Certificates: []tls.Certificate{pair}}}}
	return i.begin(ctx, &part{name: Prometheus,
		launch: func() (*child.Process, error) {
			return i.process(Prometheus, binary, nil, "--config.file=prometheus.yml", "--web.config.file=prometheus-web.yml", "--storage.tsdb.path="+filepath.Join(dir, "data"),
				fmt.Sprintf("--web.listen-address=127.0.0.1:%d", i.ports["prometheus"]), "--log.level=warn")
		},
		answers: func(ctx context.Context) error {
			_, err := i.Query(ctx, "vector(1)")
			return err
		},
	})
}

// Query asks Prometheus and returns each series' value by its labels, as job="muster" and so on.
func (i *Installation) Query(ctx context.Context, expression string) (map[string]float64, error) {
	at := fmt.Sprintf("https://127.0.0.1:%d/api/v1/query?query=%s", i.ports["prometheus"], url.QueryEscape(expression))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	res, err := i.reading.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var got struct {
		Status string `json:"status"`
		Error  string `json:"error"`
		Data   struct {
			Result []struct {
				Metric map[string]string `json:"metric"`
				Value  [2]any            `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		return nil, fmt.Errorf("answer of Prometheus, %s: it is not understood: %w", res.Status, err)
	}
	if got.Status != "success" {
		return nil, fmt.Errorf("ask Prometheus: %s: %s", expression, got.Error)
	}
	out := map[string]float64{}
	for _, r := range got.Data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("ask Prometheus: %s: the value %q: %w", expression, text, err)
		}
		out[r.Metric["job"]] += v
	}
	return out, nil
}

// Judge waits until Prometheus has read the end of the drill, and says what it read.
func (i *Installation) Judge(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the end of the drill was not read by Prometheus within a minute"))
	defer cancel()
	for {
		up, err := i.Query(ctx, "up")
		ended, err2 := map[string]float64(nil), error(nil)
		if err == nil {
			ended, err2 = i.Query(ctx, `sum by (job) (muster_runs_total{kind="drill"})`)
		}
		if err == nil && err2 == nil && len(up) == 3 && up["muster"]+up["temporal"]+up["prometheus"] == 3 && ended["muster"] == 1 {
			samples, err := i.Query(ctx, `sum by (job) (scrape_samples_scraped)`)
			if err != nil {
				return nil, err
			}
			return []string{"", i.Lang.T("Prometheus reads muster (%[1]g figures), Temporal (%[2]g) and itself, and has 1 ended drill: %[3]s, where -keep leaves it up",
				"Prometheusは muster（%[1]g 系列）、Temporal（%[2]g 系列）、自身を収集しており、終了した訓練 1 件を記録しています: %[3]s（-keep を付けると起動したまま残ります）",
				samples["muster"], samples["temporal"], fmt.Sprintf("https://127.0.0.1:%d", i.ports["prometheus"])),
				i.Lang.T("settings, logs and certificates: %s", "設定・ログ・証明書: %s", i.home)}, nil
		}
		if pause(ctx) != nil {
			return nil, fmt.Errorf("%w: up %v, ended drills %v (%v, %v)", context.Cause(ctx), up, ended, err, err2)
		}
	}
}

// secret installs a file that the part's user alone may read.
func (i *Installation) secret(p Part, name, text string) error {
	return os.WriteFile(filepath.Join(i.folder(p), name), []byte(text+"\n"), 0o600)
}

// pause waits a moment, or says why not.
func pause(ctx context.Context) error {
	select {
	case <-time.After(250 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// split cuts a file of SQL into statements; none of ours has a semicolon inside.
func split(sql string) []string {
	var plain strings.Builder
	for line := range strings.Lines(sql) {
		if !strings.HasPrefix(line, "--") {
			plain.WriteString(line)
		}
	}
	var out []string
	for _, s := range strings.Split(plain.String(), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// last is the end of what a program said.
func last(said string, lines int) string {
	all := strings.Split(strings.TrimSpace(said), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
