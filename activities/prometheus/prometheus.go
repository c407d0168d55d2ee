// Package prometheus is the family that asks a Prometheus server what the monitoring
// knows, as a condition of a step: no queue left, replicas in step, error rate low.
package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/expr"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("prometheus.query", activities.Doc{
			Summary:    "Ask Prometheus, and wait until the answer is as expected.",
			SummaryJA:  "Prometheusに問い合わせ、結果が条件を満たすまで待つ。",
			Effect:     run.Observe,
			Repeatable: true,
		}, query, activities.Ready(ready)),
	}
}

// Query is the parameters of prometheus.query.
type Query struct {
	URL    string            `json:"url" reach:"url" help:"Address of the Prometheus server." ja:"Prometheusサーバーのアドレス" example:"http://prometheus.example.com:9090"`
	Query  string            `json:"query" help:"PromQL expression that gives an instant vector or a scalar." ja:"インスタントベクトルかスカラーを返すPromQL式" example:"sum(orders_queue_length)"`
	Expect string            `json:"expect" over:"value,values,samples" help:"Condition over value (the first sample's), values (all) and samples (how many)." ja:"value（最初のサンプルの値）、values（すべて）、samples（件数）に対する条件" default:"samples > 0" example:"value == 0.0"`
	Bearer activities.Secret `json:"bearer" help:"Token that the server asks for." ja:"サーバーが求めるトークン" default:""`
	MaxAge run.Duration      `json:"max_age" help:"An older sample is a finding, since what scrapes it may be dead; of a bare selector only, a computation has no age." ja:"収集が止まっているおそれがあるため、これより古いサンプルは指摘事項とする。単純なセレクターの場合のみ（計算結果には時刻がない）" default:"2m"`
	Wait   run.Duration      `json:"wait" help:"How long the condition may take to hold; 0s looks once." ja:"条件を満たすまで待つ時間。0s なら一度だけ確認する" default:"0s"`
}

// Answer is its result.
type Answer struct {
	Value   float64   `json:"value" help:"The first sample's value; 0 without one." ja:"最初のサンプルの値。なければ0"`
	Values  []float64 `json:"values" help:"Every sample's value." ja:"すべてのサンプルの値"`
	Samples int       `json:"samples" help:"How many samples the answer has." ja:"応答に含まれるサンプルの数"`
	TookS   float64   `json:"took_s" help:"Seconds until the condition held." ja:"条件を満たすまでの秒数"`
}

const (
	askWithin = 10 * time.Second
	every     = time.Second
)

type bearer struct {
	token string
	next  http.RoundTripper
}

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.token != "" {
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.next.RoundTrip(r)
}

func query(ctx context.Context, p Query) (Answer, error) {
	began := time.Now()
	for {
		out, err := ask(ctx, p)
		var ok bool
		if err == nil {
			if ok, err = expr.Bool(p.Expect, map[string]any{"value": out.Value, "values": out.Values, "samples": out.Samples}); err != nil {
				return out, activities.FindingBoth("expect: %v", "expect：%v", err)
			}
		}
		out.TookS = time.Since(began).Seconds()
		if ok {
			return out, nil
		}
		var typed interface{ Type() string }
		if errors.As(err, &typed) && typed.Type() != "" {
			return out, err // the question itself is wrong
		}
		if time.Since(began)+every > p.Wait.Std() {
			if old := (stale{}); errors.As(err, &old) {
				err = old.finding
			}
			if err != nil {
				return out, err
			}
			return out, activities.FindingBoth("%s gives %v after %s: %s does not hold", "%s の値は %v（%s経過）で、条件 %s を満たさない", p.Query, out.Values, time.Since(began).Round(time.Millisecond), p.Expect)
		}
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return out, context.Cause(ctx)
		}
	}
}

// stale is an answer that is too old: what is to come back may be what is scraped, so a wait goes on.
type stale struct{ finding error }

func (s stale) Error() string { return s.finding.Error() }

// ask asks once. Samples that are too old are left out.
func ask(ctx context.Context, p Query) (out Answer, err error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	c, err := api.NewClient(api.Config{Address: p.URL, RoundTripper: bearer{p.Bearer.Reveal(), transport}})
	if err != nil {
		return out, activities.RefusedBoth("url: %v", "url：%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	// The time of a sample is asked for beside its value: an instant query stamps every
	// sample with the moment of the question.
	now := time.Now()
	got, _, _, err := v1.NewAPI(c).Query(ctx, p.Query, now)
	var refused *v1.Error
	switch {
	case errors.As(err, &refused) && refused.Type == v1.ErrBadData:
		return out, activities.FindingBoth("query: %s", "query：%s", refused.Msg)
	case err != nil:
		return out, fmt.Errorf("prometheus at %s: %w", p.URL, err)
	}
	out.Values = []float64{}
	switch v := got.(type) {
	case *model.Scalar:
		out.Values = append(out.Values, float64(v.Value))
	case model.Vector:
		for _, s := range v {
			out.Values = append(out.Values, float64(s.Value))
		}
	default:
		return out, activities.FindingBoth("query: %s gives a %s; an instant vector or a scalar is needed", "query：%s の結果は %s。インスタントベクトルまたはスカラーが必要", p.Query, got.Type())
	}
	if p.MaxAge > 0 && len(out.Values) > 0 && plain(p.Query) {
		fresh, _, _, err := v1.NewAPI(c).Query(ctx, fmt.Sprintf("max(time() - timestamp(%s)) > %f", p.Query, p.MaxAge.Std().Seconds()), now)
		if v, ok := fresh.(model.Vector); err == nil && ok && len(v) > 0 {
			return Answer{Values: []float64{}}, stale{activities.FindingBoth("%s was last scraped %.0f s ago, and may be %s old: what scrapes it may be dead", "%s の最終収集は %.0f 秒前で、許容は %s：収集側が停止している可能性がある", p.Query, float64(v[0].Value), p.MaxAge)}
		}
	}
	if out.Samples = len(out.Values); out.Samples > 0 {
		out.Value = out.Values[0]
	}
	return out, nil
}

// plain reports whether a query is a bare selector, whose samples carry the time at
// which they were scraped; the result of a computation does not.
func plain(q string) bool {
	return !strings.ContainsAny(q, "(+-*/%^<>=!") || strings.HasSuffix(strings.TrimSpace(q), "}") && !strings.Contains(q, "(")
}

func ready(ctx context.Context, p Query) ([]plan.Text, error) {
	_, err := ask(ctx, p)
	if old := (stale{}); errors.As(err, &old) {
		err = old.finding
	}
	return nil, err
}
