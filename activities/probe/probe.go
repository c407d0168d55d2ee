// Package probe looks at functions of a system from outside, all the time: a
// long-running activity a function. One loop takes the samples; what a sample is, is
// the kind's own function.
package probe

import (
	"context"
	"math"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Actions lists the kinds of probe.
func Actions(o Options) []activities.Action {
	d := newDesk(o)
	return []activities.Action{
		activities.DefineProbe("probe.postgres_markers", activities.Doc{
			Summary:   "Plant numbered rows in whichever PostgreSQL server takes writes, and count those that survive.",
			SummaryJA: "書き込みを受け付ける PostgreSQL サーバーに番号付きのマーカーを書き続け、残った件数を数える。",
		}, serving(d, lookMarkers), activities.Ready(readyMarkers)),
		activities.DefineProbe("probe.redis_markers", activities.Doc{
			Summary:   "Plant numbered markers in whichever Redis server takes writes, found through its sentinels as a client finds it, and count those that survive.",
			SummaryJA: "書き込みを受け付ける Redis サーバー（Sentinel があればクライアントと同様に Sentinel から探す）に番号付きのマーカーを書き続け、残った件数を数える。",
		}, serving(d, lookRedisMarkers), activities.Ready(readyRedisMarkers)),
		activities.DefineProbe("probe.mysql_markers", activities.Doc{
			Summary:   "Plant numbered rows in whichever MariaDB or MySQL server takes writes, and count those that survive.",
			SummaryJA: "書き込みを受け付ける MariaDB / MySQL サーバーに番号付きのマーカーを書き続け、残った件数を数える。",
		}, serving(d, lookMySQLMarkers), activities.Ready(readyMySQLMarkers)),
		activities.DefineProbe("probe.sql", activities.Doc{
			Summary:   "Ask a PostgreSQL database a question and compare the answer.",
			SummaryJA: "PostgreSQL データベースに問い合わせ、答えを確かめる。",
		}, serving(d, lookSQL), readyBySample(lookSQL)),
		activities.DefineProbe("probe.http", activities.Doc{
			Summary:   "Get a web address and check status and content.",
			SummaryJA: "ウェブのアドレスを取得し、ステータスと内容を確かめる。",
		}, serving(d, lookHTTP), readyBySample(lookHTTP)),
		activities.DefineProbe("probe.http_load", activities.Doc{
			Summary:   "Put a bounded load on a web address and compare what is served with the capacity in normal operation.",
			SummaryJA: "ウェブのアドレスに上限付きの負荷をかけ、処理できた量を平常時の処理能力と比べる。",
			Load:      true,
		}, serving(d, lookHTTPLoad), readyBySample(lookHTTPLoad)),
		activities.DefineProbe("probe.mail", activities.Doc{
			Summary:   "Send numbered messages by SMTP and look for their arrival in the mailbox by IMAP.",
			SummaryJA: "SMTPで連番のメールを送り、IMAPでメールボックスへの到着を確かめる。",
		}, serving(d, lookMail), activities.Ready(readyMail)),
		activities.DefineProbe("probe.tcp", activities.Doc{
			Summary:   "Open a TCP connection, and check the greeting if one is expected.",
			SummaryJA: "TCP で接続し、必要なら最初の応答を確かめる。",
		}, serving(d, lookTCP), readyBySample(lookTCP)),
		activities.DefineProbe("probe.engine", activities.Doc{
			Summary:   "Ask muster's own engine, over the site worker's connection to it, whether it serves.",
			SummaryJA: "muster 自身のエンジンが応答するかを、拠点ワーカーからの接続で確かめる。",
		}, serving(d, o.lookEngine), readyBySample(o.lookEngine)),
		activities.DefineProbe("probe.sim", activities.Doc{
			Summary:   "Look whether a simulated service is up and has what it needs.",
			SummaryJA: "模擬サービスが稼働し、必要なものが揃っているかを見る。",
		}, serving(d, lookSim), readyBySample(lookSim)),
	}
}

// serving is the activity of one kind of probe.
func serving[P any](d *desk, kind func(plan.Watch, P) (looker, error)) func(context.Context, plan.Watch, P) (run.Observations, error) {
	return func(ctx context.Context, w plan.Watch, p P) (run.Observations, error) {
		return d.serve(ctx, w, func() (looker, error) { return kind(w, p) })
	}
}

// unbounded lets a probe be made that is only asked once and puts no load on anything.
var unbounded = &plan.LoadLimit{Rate: math.MaxInt, Duration: math.MaxInt64}

// readyBySample is the readiness of a probe that changes nothing by looking: one sample.
func readyBySample[P any](kind func(plan.Watch, P) (looker, error)) activities.Option[P] {
	return activities.Ready(func(ctx context.Context, p P) ([]plan.Text, error) {
		const within = 5 * time.Second
		l, err := kind(plan.Watch{Probe: plan.Probe{Timeout: run.Duration(within), Limit: unbounded}}, p)
		if err != nil {
			return nil, err
		}
		if l.close != nil {
			defer l.close()
		}
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		if fate, why := l.look(ctx, 1); fate != ok {
			return []plan.Text{activities.Lacking("it sees no service now: %s", "現在サービスを確認できません：%s", why)}, nil
		}
		return nil, nil
	})
}
