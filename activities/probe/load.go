package probe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/objective"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// HTTPLoad is the parameters of probe.http_load.
type HTTPLoad struct {
	URL      string            `json:"url" reach:"url" help:"Address to get; a redirect is not followed, so that the load stays where it belongs." ja:"取得するアドレス。負荷が別の場所に及ばないよう、リダイレクトには従わない"`
	Rate     int               `json:"rate" help:"Requests a second that are offered. Offer what full service can just serve, or a little more: less can't show it." ja:"毎秒のリクエスト数。完全稼働でちょうど処理できる数か、少し多めにする" example:"120"`
	Duration run.Duration      `json:"duration" help:"How long one load lasts." ja:"1回の負荷を続ける時間" default:"1s"`
	Every    run.Duration      `json:"every" help:"Time from one load to the next while service holds. In between, single requests at the probe's interval tell whether there is service, and the last load's level holds; after an outage the first answer is followed by a load at once." ja:"サービスが続いている間の、次の負荷までの間隔。その間は interval ごとに1件ずつ要求してサービスの有無を確かめ、レベルは直近の負荷の値とする。停止後は、最初の応答の直後に負荷をかける" default:"10s"`
	Status   int               `json:"status" help:"Status that means served; 0 is any from 200 to 299." ja:"提供中とみなすステータス。0 なら 200〜299 のすべて" default:"0"`
	Token    activities.Secret `json:"token" help:"Bearer token to send; empty is none." ja:"送るBearerトークン。空なら送らない" default:""`
	Margin   int               `json:"margin" help:"Percent by which two measurements of full service may differ: a rate that falls short of the baseline by no more is level 100." ja:"完全稼働の測定どうしの差として許容する割合（%）。基準からの不足がこれ以内ならレベル100とする" default:"3"`
	Baseline *StoredBaseline   `json:"baseline" help:"Capacity in normal operation, as it was measured. Without it the probe takes one before the first inject, and shows no level where it could not." ja:"平常時に計測した処理能力。なければ最初の状況付与の前にプローブが計測する。計測できなければレベルを示さない" default:"" example:"{rate: 100, at: '2026-11-01', ground: measured}"`
}

// StoredBaseline is a baseline that the estate keeps.
type StoredBaseline struct {
	Rate   float64 `json:"rate" help:"Answers a second in normal operation." ja:"平常時の毎秒の応答数"`
	At     string  `json:"at" help:"Date on which it was measured, as in 2026-11-01." ja:"計測した日付。2026-11-01 など"`
	Ground string  `json:"ground" help:"What it rests on: measured, simulated, a supplier's word." ja:"根拠。実測、模擬、メーカー回答など"`
}

// maxAnswer is how much of one answer is read.
const maxAnswer = 64 << 10

// maxJudged is how much of an answer is read that a condition is over.
const maxJudged = 1 << 20

func lookHTTPLoad(w plan.Watch, p HTTPLoad) (looker, error) {
	u, err := url.Parse(p.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return looker{}, activities.RefusedBoth("url %q is not http:// or https:// with a host", "url %q は、ホストを含む http:// または https:// の形ではない", p.URL)
	}
	limit := w.Probe.Limit
	switch {
	case limit == nil:
		return looker{}, activities.RefusedBoth("no load may be put on %s: its system in the estate has no load_limit", "%s に負荷をかけることはできない：構成台帳のシステムに load_limit がない", w.Probe.Name)
	case p.Rate < 1 || p.Rate > limit.Rate:
		return looker{}, activities.RefusedBoth("a rate of %d a second is not within 1 and the estate's load_limit of %d", "毎秒 %d 件は、1 以上かつ構成台帳の load_limit %d 以下ではない", p.Rate, limit.Rate)
	case p.Duration <= 0 || p.Duration > limit.Duration:
		return looker{}, activities.RefusedBoth("a load of %s is not within the estate's load_limit of %s", "%s の負荷は、構成台帳の load_limit %s を超えている", p.Duration, limit.Duration)
	}
	g := &gauge{margin: p.Margin, every: p.Every.Std(), lasts: p.Duration.Std()}
	if b := p.Baseline; b != nil {
		at, err := time.Parse(time.DateOnly, b.At)
		if err != nil || b.Rate <= 0 {
			return looker{}, activities.RefusedBoth("the baseline of %v answers a second on %q needs a rate above 0 and a date such as 2026-11-01", "baseline（毎秒 %v 応答、%q）には、0 を超える値と 2026-11-01 のような日付が必要", b.Rate, b.At)
		}
		g.baseline = &run.Baseline{Rate: b.Rate, At: at, Ground: b.Ground}
	}
	workers := int(float64(p.Rate)*(p.Duration.Std()+within(w)).Seconds()) + 1
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy, transport.IdleConnTimeout = nil, 10*time.Second
	transport.MaxIdleConnsPerHost, transport.MaxConnsPerHost = workers, workers
	client := &http.Client{Transport: transport, Timeout: within(w),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	single := HTTP{URL: p.URL, Status: p.Status, Token: p.Token}
	ask := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, within(w))
		defer cancel()
		return get(ctx, client, single, nil)
	}
	g.reach = ask
	if w.Kind != run.Response || limit.Real {
		// A service at its limit may refuse the one request and serve others: whoever
		// answers at all is asked by the load.
		g.reach = func(ctx context.Context) error {
			err := ask(ctx)
			var answered unserved
			if errors.As(err, &answered) {
				return errBusy
			}
			return err
		}
		g.load = func(ctx context.Context) (float64, error) { return attack(ctx, client, p, uint64(workers)) }
	}
	return looker{
		look:  func(ctx context.Context, _ int64) (fate, string) { return plainly(ask(ctx)) },
		gauge: g, close: transport.CloseIdleConnections,
	}, nil
}

// attack offers one load and returns the rate that was served.
func attack(ctx context.Context, client *http.Client, p HTTPLoad, workers uint64) (float64, error) {
	header := http.Header{"User-Agent": {"muster-probe"}, "Cache-Control": {"no-cache"}}
	if t := p.Token.Reveal(); t != "" {
		header.Set("Authorization", "Bearer "+t)
	}
	over := p.Duration.Std()
	offered := max(1, int(float64(p.Rate)*over.Seconds()))
	a := vegeta.NewAttacker(vegeta.Client(client), vegeta.MaxWorkers(workers), vegeta.MaxBody(maxAnswer))
	stopped := context.AfterFunc(ctx, func() { a.Stop() })
	defer stopped()
	pace := upTo{vegeta.ConstantPacer{Freq: p.Rate, Per: time.Second}, uint64(offered)}
	target := vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: p.URL, Header: header})
	var (
		began    time.Time
		answered []time.Duration
		why      string
	)
	for r := range a.Attack(target, pace, 0, "") {
		if began.IsZero() || r.Timestamp.Before(began) {
			began = r.Timestamp
		}
		switch code := int(r.Code); {
		case p.Status != 0 && code == p.Status, p.Status == 0 && code >= 200 && code <= 299:
			answered = append(answered, time.Duration(r.End().UnixNano()))
		case code != 0:
			why = fmt.Sprintf("status %d", code)
		default:
			why = "no answer within the timeout, or none at all"
		}
	}
	if ctx.Err() != nil {
		return 0, context.Cause(ctx)
	}
	for i := range answered {
		answered[i] -= time.Duration(began.UnixNano())
	}
	rate := objective.Achieved(offered, over, answered)
	if rate == 0 {
		return 0, errors.New("of a load nothing was served: " + why)
	}
	return rate, nil
}

// upTo is a pace that stops after a number of requests.
type upTo struct {
	vegeta.ConstantPacer
	most uint64
}

func (u upTo) Pace(elapsed time.Duration, hits uint64) (time.Duration, bool) {
	if hits >= u.most {
		return 0, true
	}
	return u.ConstantPacer.Pace(elapsed, hits)
}
